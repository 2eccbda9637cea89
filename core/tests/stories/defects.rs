//! Mistakes of other clients that their users reported, each as the story of a bot that does not make it (protocol
//! section 21). Those about the gate, the identity, reactions and calls stand with their stories: defects 40, 42, 44 and
//! 48 in `gate`, 43 in `identity`, 53 in `acknowledgements`, 52 in `requests`; those about the link with the link's.

use larkwire_core::content::Form;
use larkwire_core::fault::DropReason;
use larkwire_core::{Call, Config, OwnOpenId, Seed, Storage, Typed, UnixMillis, Verdict};
use serde_json::{Value, json};

use crate::support::*;

const HOUR: u64 = 60 * 60 * 1000;

/// Delivers an event and looks at it as the application does.
fn look<R>(w: &mut World, event: &Value, look: impl FnOnce(larkwire_core::Event<'_>) -> R) -> R {
    w.script.app = App::Hold;
    w.event(&format!("look{}", w.acks.len()), &event.to_string());
    let result = look(w.bot.poll_delivery().expect("it is delivered"));
    w.decide(Verdict::Accepted);
    result
}

fn message(n: u32, content: Value, mentions: Value) -> Value {
    let mut event: Value = serde_json::from_str(&message_json(&format!("e{n}"), &format!("om_{n}"), "")).unwrap();
    event["event"]["message"]["message_type"] = json!(if content.get("text").is_some() { "text" } else { "post" });
    event["event"]["message"]["content"] = json!(content.to_string());
    event["event"]["message"]["mentions"] = mentions;
    event
}

fn said(w: &mut World, event: &Value, form: Form) -> String {
    look(w, event, |event| {
        let mut out = vec![0; 4096];
        event.message().unwrap().text(form, &mut out).unwrap().to_owned()
    })
}

fn echo() -> World {
    let config = Config { own_open_id: OwnOpenId::Given("ou_bot"), ..config() };
    World::seeded(config, Storage::growable(), Seed([7; 32])).open()
}

#[test]
fn defect_28_an_event_nobody_has_typed_is_delivered_and_acked_with_200() {
    let mut w = World::new().open();
    let event = json!({"schema": "2.0", "header": {"event_id": "e1", "event_type": "task.task.updated_v9", "app_id": APP_ID},
        "event": {"deep": [{"x": "\u{1f600}"}]}});
    let (is_other, found) =
        look(&mut w, &event, |event| (matches!(event.typed(), Typed::Other), event.field(&["deep"]).is_some()));
    assert!(is_other && found);
    assert_eq!(w.ack_texts(), [r#"{"code":200}"#]);
}

#[test]
fn defects_31_and_32_an_acks_data_is_base64_of_what_was_answered_and_its_time_is_never_negative() {
    let mut w = World::new().open();
    w.script.app = App::Hold;
    w.event("c1", &other_json("ec1", "card.action.trigger"));
    let id = w.bot.poll_delivery().unwrap().response_id().unwrap();
    w.decide(Verdict::Later);
    w.fact(|bot, now| bot.respond(now, id, br#"{"toast":{"content":"ok"}}"#)).unwrap();
    w.run();
    let answer = base64(br#"{"toast":{"content":"ok"}}"#);
    assert_eq!(w.ack_texts(), [format!(r#"{{"code":200,"data":"{answer}"}}"#)]);
    assert_eq!(w.acks[0].pb.header("biz_rt"), Some("0"));
}

#[test]
fn defect_33_a_card_callback_can_return_a_toast_and_is_never_left_without_an_answer() {
    for verdict in [Verdict::Accepted, Verdict::Discarded, Verdict::Refused, Verdict::Later] {
        let mut w = World::new().open();
        w.script.app = App::Hold;
        w.event("c1", &other_json("ec1", "card.action.trigger"));
        w.decide(verdict);
        w.advance(2500);
        assert_eq!(w.ack_texts(), [r#"{"code":200,"data":"e30="}"#], "{verdict:?}");
    }
}

#[test]
fn defect_38_redeliveries_of_seven_hours_are_duplicates_in_constant_time_for_every_app_of_its_own() {
    let mut w = World::new().open();
    w.event("m1", &message_json("e1", "om_1", "x"));
    for minutes in [20, 427] {
        w.advance(minutes * 60 * 1000);
        w.until_open(60_000);
        w.event(&format!("again{minutes}"), &message_json("e1", "om_1", "x"));
        // The platform may also send the message under another event id.
        w.event(&format!("other{minutes}"), &message_json(&format!("e-{minutes}"), "om_1", "x"));
    }
    assert_eq!((w.ids(), w.dropped(DropReason::Duplicate)), (vec!["e1"], 4));
    assert_eq!(w.acks.len(), 5, "and each of them is acked");
    // The same chat message goes to every bot in the chat.
    let mut other = World::new().open();
    other.event("m1", &message_json("e2", "om_1", "x"));
    assert_eq!(other.ids(), ["e2"]);
    w.advance(13 * HOUR);
    w.until_open(60_000);
    w.event("late", &message_json("e1", "om_1", "x"));
    assert_eq!(w.ids().len(), 2, "after the window it is an event again");
}

#[test]
fn defect_39_a_second_click_a_second_reply_and_a_reaction_put_back_are_heard() {
    let mut w = World::new().open();
    let envelope = |id: &str, kind: &str, event: &Value| {
        json!({"schema": "2.0", "header": {"event_id": id, "event_type": kind, "app_id": APP_ID}, "event": event})
            .to_string()
    };
    let click = json!({"operator": {"open_id": "ou_1"}, "action": {"tag": "button", "value": {"k": 1}}, "token": "c-1",
        "context": {"open_message_id": "om_1"}});
    let reaction = json!({"message_id": "om_1", "reaction_type": {"emoji_type": "OK"}, "operator_type": "user",
        "user_id": {"open_id": "ou_1"}});
    let comment = json!({"comment_id": "c1", "notice_meta": {"file_token": "t", "from_user_id": {"open_id": "ou_1"}}});
    for n in 0..2 {
        w.event(&format!("a{n}"), &envelope(&format!("click{n}"), "card.action.trigger", &click));
        w.event(&format!("b{n}"), &envelope(&format!("react{n}"), "im.message.reaction.created_v1", &reaction));
        w.event(&format!("c{n}"), &envelope(&format!("comment{n}"), "drive.notice.comment_add_v1", &comment));
    }
    assert_eq!(w.ids(), ["click0", "react0", "comment0", "click1", "react1", "comment1"]);
}

#[test]
fn defect_41_a_post_as_it_is_received_is_read_and_a_placeholder_eats_no_neighbour() {
    let mut w = echo();
    let flat = json!({"title": "Plan", "content": [[{"tag": "text", "text": "one "}, {"tag": "a", "text": "two", "href": "https://x"}]]});
    assert_eq!(said(&mut w, &message(1, flat, json!(null)), Form::Full), "# Plan\n\none [two](https://x)");
    let bot = json!([{"key": "@_user_1", "id": {"open_id": "ou_bot"}, "name": "Echo"},
        {"key": "@_user_2", "id": {"open_id": "ou_2"}, "name": "Bob"}, {"key": "@_user_11", "id": {"open_id": "ou_3"}, "name": "Eve"}]);
    for (n, (text, expected)) in (2..).zip([
        ("@_user_1hello", "hello"),
        ("@_user_1你好", "你好"),
        ("@_user_1\nfoo", "foo"),
        ("@_user_1@_user_2 hi", "@Bob hi"),
        ("@_user_1 @_user_11", "@Eve"),
        ("@_user_9 hi", "@_user_9 hi"),
    ]) {
        assert_eq!(said(&mut w, &message(n, json!({ "text": text }), bot.clone()), Form::Body), expected, "{text}");
    }
}

#[test]
fn defect_47_the_time_of_a_card_action_is_read_in_its_own_unit() {
    let mut w = World::new().open();
    let mut event: Value = serde_json::from_str(&other_json("e1", "card.action.trigger")).unwrap();
    event["header"]["create_time"] = json!("1700000000123456");
    assert_eq!(look(&mut w, &event, |event| event.create_time()), Some(UnixMillis(1_700_000_000_123)));
}

#[test]
fn defect_51_many_calls_with_a_refused_token_cost_one_new_token_and_each_is_made_once() {
    let mut w = World::new().open();
    w.reply("om_0", "warm up");
    w.script.bad_tokens = vec!["Bearer t-1".to_owned()];
    for n in 0..100 {
        let id = format!("om_{n}");
        w.fact(|bot, now| bot.submit(now, Call::reply_text(&id, "x"))).unwrap();
    }
    w.run();
    w.advance(1000);
    assert_eq!(w.token_requests(), 2, "the first one, and one refresh");
    assert_eq!(w.completed.iter().filter(|done| done.result.is_ok()).count(), 101);
    let uuids: std::collections::HashSet<_> = w.calls().iter().map(|call| call.json()["uuid"].to_string()).collect();
    assert_eq!(uuids.len(), 101, "a repeated call keeps its uuid");
}

#[test]
fn defect_54_a_topic_and_the_root_of_a_chain_of_replies_are_two_things() {
    let mut w = World::new().open();
    let mut event: Value = serde_json::from_str(&message_json("e1", "om_3", "x")).unwrap();
    event["event"]["message"]["root_id"] = json!("om_1");
    event["event"]["message"]["parent_id"] = json!("om_2");
    look(&mut w, &event, |event| {
        let message = event.message().unwrap();
        assert!(message.thread_id().is_none());
        assert_eq!(message.root_id().unwrap().raw(), "om_1");
        assert_eq!(message.parent_id().unwrap().raw(), "om_2");
    });
    w.script.call = Reply::json(400, r#"{"code":99992354,"msg":"id not exist"}"#);
    w.reply("omt_1", "x");
    let fault = w.completed[0].result.as_ref().unwrap_err();
    assert!(fault.to_string().contains("omt_"), "{fault}");
}
