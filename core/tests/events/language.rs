//! The language of an event is that of its text, on the short way and on the long one.

use larkwire_core::locale::{Locale, locale_of};
use larkwire_core::{DeliveryId, Event, Layout};
use serde_json::json;

/// The event's language, and what scanning all of it says.
fn both(payload: &str) -> (Locale, Locale) {
    let layout = Layout::read(payload).unwrap();
    let event = Event::view(DeliveryId::NONE, payload, &layout, "");
    let message = event.message().unwrap();
    let kind = message.message_type().unwrap();
    let content = message.content().unwrap();
    let scanned = locale_of(event.body().chars(), kind.plain().unwrap(), content.chars()).0;
    (event.locale(), scanned)
}

fn payload(kind: &str, content: &str, locale: Option<&str>) -> String {
    let mut sender = json!({"sender_id": {"open_id": "ou_a"}, "sender_type": "user"});
    if let Some(locale) = locale {
        sender["locale"] = locale.into();
    }
    let message = json!({"message_id": "om_a", "chat_type": "p2p", "message_type": kind, "content": content});
    json!({
        "schema": "2.0",
        "header": {"event_id": "a", "event_type": "im.message.receive_v1"},
        "event": {"message": message, "sender": sender},
    })
    .to_string()
}

#[test]
fn a_text_has_one_language_however_its_event_is_written() {
    let texts = [
        ("see https://example.com/漢字 please", Locale::En),
        ("ありがとう", Locale::Ja),
        ("請問這個會議幾點開始", Locale::ZhTw),
        ("请问这个会议几点开始", Locale::ZhCn),
        ("上課了", Locale::ZhTw),
        ("报告 see https://example.com/報告 吧", Locale::ZhCn),
        ("\u{1f600} ok", Locale::En),
        ("", Locale::En),
        ("第一行\n第二行", Locale::ZhCn),
        ("引号\"和\\", Locale::ZhCn),
    ];
    for (text, language) in texts {
        let content = json!({"text": text}).to_string();
        let escaped: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
        for content in [content.clone(), content.replace(":\"", ": \""), format!(r#"{{"text":"{escaped}"}}"#)] {
            for kind in ["text", "post", "image"] {
                let (event, scanned) = both(&payload(kind, &content, None));
                assert_eq!((event, scanned), (language, language), "{kind} {content}");
            }
            // What the event says of its writer comes before the text.
            assert_eq!(both(&payload("text", &content, Some("ja_jp"))), (Locale::Ja, Locale::Ja));
        }
    }
}

#[test]
fn a_message_of_envelope_v1_has_the_language_of_its_text_whatever_else_it_names() {
    let event = json!({
        "type": "message", "app_id": "cli_a", "open_id": "ou_a", "open_message_id": "om_a", "msg_type": "text",
        "chat_type": "private", "text": "请问", "text_without_at_bot": "请问", "language": "ja",
    });
    let payload = json!({"uuid": "u", "token": "t", "ts": "1600000000.1", "type": "event_callback", "event": event});
    let payload = payload.to_string();
    let layout = Layout::read(&payload).unwrap();
    assert_eq!(Event::view(DeliveryId::NONE, &payload, &layout, "").locale(), Locale::ZhCn);
}
