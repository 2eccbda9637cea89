//! Message content of any kind to text, in both forms, and what else is read of it.
//!
//! The input is four records, each behind the other with a byte 0x1e between them: message type, the bot's `open_id`,
//! `mentions`, content. What is missing is empty.

use larkwire_core::content::{Content, Form, Kind, Mentions, Reading, Resource};
use larkwire_core::wire::json::Str;
use larkwire_core::wire::writer::{TooSmall, Writer};
use larkwire_core::{Locale, locale};

/// Reads one content in every way there is.
pub fn run(data: &[u8]) {
    let mut records = data.splitn(4, |byte| *byte == 0x1e).map(String::from_utf8_lossy);
    let mut next = || records.next().unwrap_or_default().into_owned();
    let (message_type, own, mentions, json) = (next(), next(), next(), next());
    let mentions = Mentions::new(&mentions);
    let content = Content::new(message_type.as_str(), &json);
    read(content, mentions, &own);
    read(Content::plain(&json), mentions, &own);
    assert_eq!(Kind::from(Str::from_raw(&message_type, false)), content.kind(), "an unescaped name is the same name");
    let (found, _) = locale::locale_of(json.chars(), &message_type, json.chars());
    assert!(matches!(found, Locale::En | Locale::Ja | Locale::ZhCn | Locale::ZhTw));
}

/// All texts, resources and mentions.
pub fn read(content: Content<'_>, mentions: Mentions<'_>, own: &str) {
    for form in [Form::Full, Form::Body] {
        for escape_html in [false, true] {
            let own_open_id = (!own.is_empty()).then_some(own);
            let said = text(content, Reading { mentions, form, own_open_id, escape_html });
            assert!(form == Form::Full || said.trim() == said, "a body is trimmed: {said:?}");
            assert!(!escape_html || !said.contains(['<', '>', '"', '\'']), "not escaped: {said:?}");
            assert!(content.json().is_empty() || content.is_json() || content.kind() == Kind::Text || said.is_empty());
        }
    }
    let resources: Vec<Resource<'_>> = content.resources().take(content.json().len() + 2).collect();
    assert!(resources.len() <= content.json().len(), "resources without end");
    for resource in resources {
        assert!(!resource.key.is_empty() && resource.key.to_string().len() == resource.key.unescaped_len());
    }
    let listed = mentions.iter().count();
    assert!(!mentions.of(own) || listed > 0);
    let _ = (content.mentions_all(), mentions.is_all(), content.field("text"), content.field("title"));
}

/// One text: the size that is said to be needed is needed, and enough.
fn text(content: Content<'_>, reading: Reading<'_>) -> String {
    let mut counting = Writer::counting();
    content.write_text(&mut counting, reading);
    let needed = counting.len();
    let mut room = vec![0xff; needed];
    let said = content.text(reading, &mut room).expect("it fits where it is said to fit").to_owned();
    assert_eq!(said.len(), needed);
    for short in [needed.saturating_sub(1), needed / 2, 0].into_iter().filter(|short| *short < needed) {
        assert_eq!(content.text(reading, &mut room[..short]), Err(TooSmall { needed }));
    }
    said
}
