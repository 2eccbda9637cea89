//! The language of a message's writer, from the event that brought it (protocol section 14.3, rules 2 to 4).

use super::scan::{Scan, Token};
use super::{Detector, Locale, Tag};

/// Where an event may name a language, at any depth.
const LOCALE_KEYS: &[&str] = &["i18n_locale", "lang", "language", "locale", "locale_id", "user_locale"];

/// Where content keeps what people wrote: never names, links, keys of files or the names of these.
const TEXT_KEYS: &[&str] = &["content", "summary", "text", "title", "topic"];

/// The language to react in, and whether nothing decided for it, so that what is known about the chat is better (see
/// [`Detector::is_ambiguous`]).
///
/// The first of these that tells a language wins:
/// 1. strings of `event_body` (the event as JSON) under a key such as `locale` or `language`, one after the other;
/// 2. the key of a localised post, if `message_type` is `post`: `{"zh_cn":{...}}`;
/// 3. the text of `content`: the value of the message's `content`, itself JSON.
///
/// Both texts are read once, to their ends at most; nothing is stored. What is malformed counts up to there.
pub fn locale_of(
    mut event_body: impl Iterator<Item = char>,
    message_type: &(impl PartialEq<str> + ?Sized),
    mut content: impl Iterator<Item = char>,
) -> (Locale, bool) {
    match named(&mut || event_body.next()) {
        Some(named) => (named, false),
        None => written(*message_type == *"post", &mut || content.next()),
    }
}

/// Whether JSON may name a language: else it need not be scanned, which takes hundreds of instructions a byte.
pub(crate) fn may_name(json: &str) -> bool {
    // The part that all keys of one kind share, or an escape that may spell it.
    ["lang", "locale", "\\u"].into_iter().any(|part| json.contains(part))
}

fn written(is_post: bool, content: &mut dyn FnMut() -> Option<char>) -> (Locale, bool) {
    let mut scan = Scan::new(content, TEXT_KEYS);
    let mut text = Detector::new();
    while let Some(token) = scan.next() {
        match token {
            Token::Char(ch) if !scan.owner().is_empty() => text.push(ch),
            // Two strings are two texts: a URL ends, and no word goes on.
            Token::End => text.push('\n'),
            // The value of a key of the outermost object.
            Token::Object if is_post && scan.depth() == 2 => {
                if let Some(locale) = Locale::from_tag(scan.key().iter().copied().map(char::from)) {
                    return (locale, false);
                }
            }
            Token::Char(_) | Token::Key | Token::Object => {}
        }
    }
    (text.locale(), text.is_ambiguous())
}

fn named(event_body: &mut dyn FnMut() -> Option<char>) -> Option<Locale> {
    let mut scan = Scan::new(event_body, LOCALE_KEYS);
    let mut tag = Tag::default();
    while let Some(token) = scan.next() {
        match token {
            Token::Char(ch) if !scan.owner().is_empty() => tag.push(ch),
            Token::End => match tag.locale() {
                Some(locale) => return Some(locale),
                None => tag = Tag::default(),
            },
            Token::Char(_) | Token::Key | Token::Object => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{LOCALE_KEYS, may_name};
    use std::format;

    #[test]
    fn every_key_of_a_language_is_looked_for() {
        for key in LOCALE_KEYS {
            assert!(may_name(&format!(r#"{{"{key}":"ja"}}"#)), "{key}");
        }
        assert!(may_name(r#"{"\u006cang":"ja"}"#));
        assert!(!may_name(r#"{"message":{"content":"{\"text\":\"x\"}"}}"#));
    }
}
