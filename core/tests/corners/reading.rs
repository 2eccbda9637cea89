//! Content with members missing, of another kind, or where nobody looks for them.

use larkwire_core::content::{Content, Form, Kind, Reading};
use larkwire_core::locale::Locale;
use larkwire_core::wire::writer::Writer;
use larkwire_core::{Config, Event, OwnOpenId, Storage, Typed, Verdict};
use serde_json::{Value, json};

use crate::support::*;

fn full(kind: &str, content: &str) -> String {
    let content = Content::new(kind, content);
    let mut counting = Writer::counting();
    content.write_text(&mut counting, Reading::default());
    let mut out = vec![0; counting.len()];
    content.text(Reading::default(), &mut out).unwrap().to_owned()
}

/// Looks at an event as the application does.
fn look<R>(own_open_id: OwnOpenId<'_>, event: &Value, look: impl FnOnce(Event<'_>) -> R) -> R {
    let mut w = World::with(Config { own_open_id, ..config() }, Storage::growable()).open();
    w.script.app = App::Hold;
    w.event("m1", &event.to_string());
    let seen = look(w.bot.poll_delivery().expect("it is delivered"));
    w.decide(Verdict::Accepted);
    seen
}

fn message(change: impl FnOnce(&mut Value)) -> Value {
    let mut event: Value = serde_json::from_str(&message_json("e1", "om_1", "hi")).unwrap();
    change(&mut event["event"]["message"]);
    event
}

#[test]
fn in_an_element_with_others_in_it_only_texts_are_said() {
    // Order is that of the text: a map would sort its keys.
    let card = r#"{"elements":[{"tag":"x","elements":[{"tag":"markdown","content":"inner"}],
        "content":"one","text":"two","title":"three","name":"no","value":7,"fields":"no"}]}"#;
    assert_eq!(full("interactive", card), "inner\none\ntwo\nthree");
}

#[test]
fn markdown_without_text_says_nothing() {
    let post = |nodes: Value| full("post", &json!({"content": [nodes]}).to_string());
    assert_eq!(post(json!([{"tag": "text", "text": "a"}, {"tag": "md"}, {"tag": "text", "text": "b"}])), "ab");
    assert_eq!(post(json!([{"tag": "md", "text": null}, {"tag": "md", "text": "**c**"}])), "**c**");
}

#[test]
fn an_exclamation_mark_is_not_always_an_image() {
    let post =
        json!({"content": [[{"tag": "md", "text": "wow! see ![a](img_1), ![b, ![c]img_2, ![d](file_3), ![e](img_4"}]]});
    let post = post.to_string();
    let keys: Vec<_> = Content::new("post", &post).resources().map(|resource| resource.key.to_string()).collect();
    assert_eq!(keys, ["img_1"]);
}

#[test]
fn a_message_without_content_is_empty_and_no_error() {
    let event = message(|message| drop(message.as_object_mut().unwrap().remove("content")));
    look(OwnOpenId::Unused, &event, |event| {
        let message = event.message().unwrap();
        let (mut scratch, mut out) = ([0; 64], [0; 64]);
        assert_eq!(message.read_content(&mut scratch).unwrap().kind(), Kind::from("text"));
        assert_eq!(message.text(Form::Full, &mut out), Ok(""));
        assert_eq!(message.plain_text(Form::Full, &mut out), Ok(None));
    });
}

#[test]
fn plain_text_is_that_of_messages_of_the_kind_text_alone() {
    let mut out = [0; 256];
    for (message_type, expected) in [(json!("text"), Some("hi")), (json!("post"), None), (Value::Null, None)] {
        let event = message(|message| message["message_type"] = message_type.clone());
        look(OwnOpenId::Unused, &event, |event| {
            let text = event.message().unwrap().plain_text(Form::Full, &mut out).unwrap().map(str::to_owned);
            assert_eq!(text.as_deref(), expected, "{message_type}");
        });
    }
    let old = json!({"uuid": "u1", "ts": "1502199207.7", "token": "", "type": "event_callback", "event": {
        "type": "message", "app_id": APP_ID, "open_chat_id": "oc_1", "chat_type": "private", "msg_type": "text",
        "open_id": "ou_1", "open_message_id": "om_2", "text": "hi"}});
    look(OwnOpenId::Unused, &old, |event| {
        let message = event.message().unwrap();
        assert_eq!((message.plain_text(Form::Full, &mut out), message.is_legacy()), (Ok(None), true));
    });
}

#[test]
fn a_bot_that_does_not_know_itself_is_mentioned_by_nobody() {
    let mention = json!([{"key": "@_user_1", "id": {"open_id": "ou_bot"}, "name": "Bot"}]);
    let nobody = json!([{"key": "@_user_1", "id": {"open_id": ""}, "name": "Bot"}]);
    for (own, mentions, expected) in [
        (OwnOpenId::Given("ou_bot"), &mention, true),
        (OwnOpenId::Given("ou_me"), &mention, false),
        (OwnOpenId::Unused, &mention, false),
        (OwnOpenId::Unused, &nobody, false),
    ] {
        let event = message(|message| message["mentions"] = mentions.clone());
        look(own, &event, |event| assert_eq!(event.message().unwrap().mentions_bot(), expected, "{own:?} {mentions}"));
    }
}

#[test]
fn a_form_is_an_object_or_not_there() {
    for (form, expected) in [
        (json!({"name": "x"}), Some(r#"{"name":"x"}"#)),
        (json!({}), Some("{}")),
        (json!("x"), None),
        (json!([{}]), None),
        (Value::Null, None),
    ] {
        let event = json!({"schema": "2.0", "header": {"event_id": "e1", "event_type": "card.action.trigger",
            "app_id": APP_ID}, "event": {"operator": {"open_id": "ou_1"}, "action": {"form_value": form}}});
        look(OwnOpenId::Unused, &event, |event| {
            let Typed::CardAction(action) = event.typed() else { panic!("{event:?}") };
            assert_eq!(action.form_value(), expected, "{form}");
        });
    }
}

#[test]
fn a_language_tag_is_read_as_far_as_tags_go() {
    let read = |tag: &str| Locale::from_tag(tag.chars());
    assert_eq!(read(&format!("ja-{}", "x".repeat(100))), Some(Locale::Ja));
    assert_eq!(read(&format!("zh-{}-hant", "x".repeat(24))), Some(Locale::ZhTw), "32 characters");
    assert_eq!(read(&format!("zh-{}-hant", "x".repeat(25))), Some(Locale::ZhCn), "33");
    assert_eq!(read(&format!("{}ja", " ".repeat(30))), Some(Locale::Ja));
    assert_eq!(read(&format!("{}ja", " ".repeat(31))), None);
    assert_eq!(read("zh\u{e9}Hant"), Some(Locale::ZhTw));
    assert_eq!(read("z\u{e9}h"), None);
}
