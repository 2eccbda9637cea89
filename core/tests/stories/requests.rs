//! What each call looks like on the wire, and what is made of its answer (protocol sections 14.1, 16.1 to 16.3).

use larkwire_core::fault::{CallFaultKind, Misuse};
use larkwire_core::{Body, Call, ReceiveIdType};
use serde_json::{Value, json};

use crate::support::*;

const CARD: &str = r#"{"schema":"2.0","body":{"elements":[{"tag":"markdown","content":"**\"hi\"**\n✓"}]}}"#;
const POST: &str = r#"{"zh_cn":{"title":"T","content":[[{"tag":"text","text":"a\\b"}]]}}"#;

/// Method, path, and body of a call; `Null` for none. `content` is read as the JSON it holds.
fn wire(call: Call<'_>) -> (String, String, Value) {
    let mut w = World::new().open();
    w.submit(call);
    let request = w.requests.last().unwrap();
    assert_eq!(request.header("Authorization"), Some("Bearer t-1"));
    let mut body = if request.body.is_empty() { Value::Null } else { request.json() };
    assert_eq!(request.header("Content-Type").is_some(), !request.body.is_empty());
    assert_eq!(request.header("Content-Length").is_some(), !request.body.is_empty());
    if let Some(content) = body["content"].as_str() {
        body["content"] = serde_json::from_str(content).unwrap();
    }
    (request.method.clone(), request.target.clone(), body)
}

fn is(call: Call<'_>, method: &str, path: &str, body: Value) {
    let label = format!("{call:?}");
    assert_eq!(wire(call), (method.to_owned(), format!("/open-apis{path}"), body), "{label}");
}

#[test]
fn every_call_goes_to_its_path_with_its_method_and_body() {
    let card: Value = serde_json::from_str(CARD).unwrap();
    let post: Value = serde_json::from_str(POST).unwrap();
    let uuid = Some("u-1");
    is(Call::BotInfo, "GET", "/bot/v3/info", Value::Null);
    is(Call::ChatInfo { chat_id: "oc_1" }, "GET", "/im/v1/chats/oc_1", Value::Null);
    is(Call::GetMessage { message_id: "om_1" }, "GET", "/im/v1/messages/om_1", Value::Null);
    is(Call::Recall { message_id: "om_1" }, "DELETE", "/im/v1/messages/om_1", Value::Null);
    is(
        Call::AddReaction { message_id: "om_1", emoji_type: "THUMBSUP" },
        "POST",
        "/im/v1/messages/om_1/reactions",
        json!({"reaction_type": {"emoji_type": "THUMBSUP"}}),
    );
    is(
        Call::DeleteReaction { message_id: "om_1", reaction_id: "ZC/=x" },
        "DELETE",
        "/im/v1/messages/om_1/reactions/ZC%2F%3Dx",
        Value::Null,
    );
    is(
        Call::Edit { message_id: "om_1", body: Body::text("a \"b\"\n") },
        "PUT",
        "/im/v1/messages/om_1",
        json!({"msg_type": "text", "content": {"text": "a \"b\"\n"}}),
    );
    is(Call::PatchCard { message_id: "om_1", card: CARD }, "PATCH", "/im/v1/messages/om_1", json!({"content": card}));
    is(
        Call::Reply { message_id: "om_1", body: Body::Interactive(CARD), in_thread: true, uuid },
        "POST",
        "/im/v1/messages/om_1/reply",
        json!({"msg_type": "interactive", "content": card, "reply_in_thread": true, "uuid": "u-1"}),
    );
    is(
        Call::Send { receive_id: "on_1", receive_id_type: None, body: Body::Post(POST), uuid },
        "POST",
        "/im/v1/messages?receive_id_type=union_id",
        json!({"receive_id": "on_1", "msg_type": "post", "content": post, "uuid": "u-1"}),
    );
    is(
        Call::UpdateCard { token: "c-1", card: CARD },
        "POST",
        "/interactive/v1/card/update",
        json!({"token": "c-1", "card": card}),
    );
}

#[test]
fn an_id_never_leaves_its_place_in_the_path() {
    is(Call::ChatInfo { chat_id: "a/b?c#d e" }, "GET", "/im/v1/chats/a%2Fb%3Fc%23d%20e", Value::Null);
}

#[test]
fn the_kind_of_a_receiver_shows_in_its_form_and_what_is_said_wins() {
    for (id, kind) in [
        ("ou_1", ReceiveIdType::OpenId),
        ("on_1", ReceiveIdType::UnionId),
        ("oc_1", ReceiveIdType::ChatId),
        ("a@b.com", ReceiveIdType::Email),
        ("ou_x@y", ReceiveIdType::Email),
        ("om_1", ReceiveIdType::UserId),
        ("cli_x", ReceiveIdType::UserId),
        ("oc", ReceiveIdType::UserId),
    ] {
        assert_eq!(ReceiveIdType::of(id), kind, "{id}");
        let (_, path, _) = wire(Call::send_text(id, "x"));
        assert!(path.ends_with(&format!("receive_id_type={}", kind.as_str())), "{path}");
    }
}

#[test]
fn what_the_platform_would_refuse_is_refused_before_it_is_sent() {
    let mut w = World::new().open();
    for (call, field) in [
        (Call::AddReaction { message_id: "om", emoji_type: "" }, "emoji_type"),
        (Call::AddReaction { message_id: "om", emoji_type: "THUMBS UP" }, "emoji_type"),
        (Call::ChatInfo { chat_id: " " }, "chat_id"),
        (Call::ChatInfo { chat_id: ".." }, "chat_id"),
        (Call::DeleteReaction { message_id: "om", reaction_id: "" }, "reaction_id"),
        (Call::Edit { message_id: "om", body: Body::Interactive("{}") }, "body"),
        (Call::Edit { message_id: "om", body: Body::text("") }, "text"),
        (Call::PatchCard { message_id: "om", card: "[1]" }, "card"),
        (Call::PatchCard { message_id: "om", card: "{\"a\":1" }, "card"),
        (Call::Recall { message_id: "a\r\nb" }, "message_id"),
        (Call::Reply { message_id: "om", body: Body::Post("\"x\""), in_thread: false, uuid: None }, "post"),
        (Call::UpdateCard { token: "", card: "{}" }, "token"),
        (Call::UpdateCard { token: "c", card: "" }, "card"),
    ] {
        let label = format!("{call:?}");
        assert_eq!(w.fact(|bot, now| bot.submit(now, call)), Err(Misuse::Field(field)), "{label}");
    }
    assert!(w.calls().is_empty());
}

#[test]
fn a_reaction_that_is_gone_is_as_good_as_taken_away() {
    for code in [231_003, 231_007, 231_010, 231_011] {
        let gone = Reply::json(400, &format!(r#"{{"code":{code},"msg":"x"}}"#));
        let mut w = World::new().open();
        w.script.calls.extend([gone.clone(), gone]);
        w.submit(Call::DeleteReaction { message_id: "om", reaction_id: "r" });
        w.submit(Call::AddReaction { message_id: "om", emoji_type: "OK" });
        assert!(w.completed[0].result.is_ok(), "{code}");
    }
    let mut w = World::new().open();
    w.script.calls.push_back(Reply::json(400, r#"{"code":231002,"msg":"x"}"#));
    w.submit(Call::DeleteReaction { message_id: "om", reaction_id: "r" });
    assert_eq!(w.completed[0].result.as_ref().unwrap_err().kind, CallFaultKind::Permission);
}

#[test]
fn an_answer_can_be_asked_for_any_of_its_members() {
    let mut w = World::new().open();
    w.script.take_completions = false;
    w.submit(Call::BotInfo);
    let done = w.bot.poll_completion().unwrap().result.unwrap();
    assert_eq!(done.field("open_id").and_then(|value| value.as_str()).unwrap().raw(), "ou_bot");
    assert_eq!(done.field("activate_status").and_then(|value| value.as_i64()), Some(2));
    assert!(done.field("missing").is_none() && done.message_id.is_empty());
    assert!(!format!("{done:?}").contains("ou_bot"));
}

#[test]
fn a_fault_says_what_its_code_asks_for() {
    for (code, word) in [
        (230_002, "invite"),
        (99_991_672, "scope"),
        (230_099, "ErrCode"),
        (230_013, "availability"),
        (230_025, "150 KB"),
        (230_020, "less often"),
        (231_001, "emoji_type"),
        (99_992_354, "omt_"),
        (230_017, "own"),
        (230_031, "14 days"),
        (99_991_662, "enable"),
        (10_014, "app_secret"),
    ] {
        let mut w = World::new().open();
        w.script.call = Reply::json(400, &format!(r#"{{"code":{code},"msg":"words"}}"#));
        w.submit(Call::reply_text("om", "x"));
        w.advance(120_000);
        let text = w.completed[0].result.as_ref().unwrap_err().to_string();
        assert!(text.contains(word) && text.contains(&code.to_string()) && text.contains("words"), "{text}");
    }
}

#[test]
fn defect_52_a_frequency_limit_is_waited_for_and_a_missing_scope_is_not() {
    for (code, tries) in [(230_020, 3), (99_991_400, 3), (99_991_672, 1), (230_002, 1)] {
        let mut w = World::new().open();
        w.script.call = Reply::json(400, &format!(r#"{{"code":{code},"msg":"x"}}"#));
        w.submit(Call::reply_text("om", "x"));
        w.advance(120_000);
        assert_eq!(w.calls().len(), tries, "{code}");
        let uuids: std::collections::HashSet<_> =
            w.calls().iter().map(|call| call.json()["uuid"].to_string()).collect();
        assert_eq!(uuids.len(), 1, "every try carries the same uuid");
    }
}
