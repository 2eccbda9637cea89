//! Message content against the recorded SDK cases, the mistakes of protocol section 12.5, and whatever a peer may send.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "tests may panic"
)]

use larkwire_core::content::{Content, Form, Kind, Mentions, Reading};
use larkwire_core::wire::writer::{TooSmall, Writer};
use serde_json::{Value, json};

#[path = "content/hostile.rs"]
mod hostile;
#[path = "content/kinds.rs"]
mod kinds;
#[path = "content/mentions.rs"]
mod mentions;
#[path = "content/vectors.rs"]
mod vectors;

/// The text, made in a buffer that fits exactly; one byte less must say how much is needed.
fn read(content: Content<'_>, reading: Reading<'_>) -> String {
    let mut w = Writer::counting();
    content.write_text(&mut w, reading);
    let needed = w.len();
    let mut out = vec![0xff; needed];
    let text = content.text(reading, &mut out).unwrap().to_owned();
    assert_eq!(text.len(), needed);
    if let Some(short) = out.get_mut(..needed.saturating_sub(1)).filter(|_| needed > 0) {
        assert_eq!(content.text(reading, short), Err(TooSmall { needed }));
        assert_eq!(content.text(reading, &mut []), Err(TooSmall { needed }));
    }
    text
}

/// The full text of a message without mentions.
fn full(message_type: &str, content: &Value) -> String {
    read(Content::new(message_type, &content.to_string()), Reading::default())
}

/// Full text and body, for the bot `ou_bot`.
fn both(message_type: &str, content: &Value, mentions: &Value) -> (String, String) {
    let (content, mentions) = (content.to_string(), mentions.to_string());
    let (content, full) =
        (Content::new(message_type, &content), Reading { mentions: Mentions::new(&mentions), ..Reading::default() });
    (read(content, full), read(content, Reading { form: Form::Body, own_open_id: Some("ou_bot"), ..full }))
}

fn text(text: &str) -> Value {
    json!({ "text": text })
}

fn mention(key: &str, open_id: &str, name: &str) -> Value {
    json!({"key": key, "id": {"open_id": open_id, "union_id": null, "user_id": ""}, "name": name})
}

/// The bot as number 1, Bob as number 2.
fn bot_and_bob() -> Value {
    json!([mention("@_user_1", "ou_bot", "Bot"), mention("@_user_2", "ou_b", "Bob")])
}

fn resources(message_type: &str, content: &Value) -> Vec<Value> {
    Content::new(message_type, &content.to_string())
        .resources()
        .map(|resource| {
            json!({
                "type": format!("{:?}", resource.kind).to_lowercase(),
                "file_key": resource.key.to_string(),
                "file_name": resource.file_name.map(|name| name.to_string()),
                "duration_ms": resource.duration_ms,
                "cover_image_key": resource.cover_image_key.map(|key| key.to_string()),
            })
        })
        .collect()
}

fn image(key: &str) -> Value {
    json!({"type": "image", "file_key": key, "file_name": null, "duration_ms": null, "cover_image_key": null})
}

#[test]
fn a_kind_is_what_the_message_type_says() {
    for (name, kind) in [("text", Kind::Text), ("video", Kind::Media), ("share_calendar_event", Kind::Calendar)] {
        assert_eq!(Content::new(name, "{}").kind(), kind);
        assert_eq!(Content::new(kind, "{}").kind(), kind);
    }
    let escaped = larkwire_core::wire::json::Str::from_raw("p\\u006fst", true);
    assert_eq!(Kind::from(escaped), Kind::Post);
    let endless = "x".repeat(1000);
    assert_eq!(Kind::from(larkwire_core::wire::json::Str::from_raw(&endless, false)), Kind::Unknown);
}

#[test]
fn what_people_write_is_not_in_debug_output() {
    let content = Content::new("text", r#"{"text":"secret"}"#);
    let mentions = Mentions::new(r#"[{"key":"@_user_1","name":"secret"}]"#);
    let reading = Reading { mentions, ..Reading::default() };
    let debug = format!("{content:?} {reading:?} {:?}", mentions.iter().next());
    assert!(!debug.contains("secret"), "{debug}");
    assert!(debug.contains("36 bytes"), "{debug}");
}

#[test]
fn reading_a_message_takes_nothing_from_the_heap() {
    let all: Vec<_> = vectors::cases("normalize_content")
        .iter()
        .map(|case| (case["message_type"].as_str().unwrap().to_owned(), case["content"].as_str().unwrap().to_owned()))
        .collect();
    let mentions = bot_and_bob().to_string();
    let mut out = [0; 1024];
    let info = allocation_counter::measure(|| {
        for (message_type, json) in &all {
            let content = Content::new(message_type.as_str(), json);
            let mentions = Mentions::new(&mentions);
            for form in [Form::Full, Form::Body] {
                let reading = Reading { mentions, form, own_open_id: Some("ou_bot"), escape_html: true };
                assert!(content.text(reading, &mut out).is_ok());
            }
            assert!(content.resources().count() < 9 && !content.mentions_all() && mentions.of("ou_bot"));
        }
    });
    assert_eq!((info.count_total, all.len()), (0, 19));
}
