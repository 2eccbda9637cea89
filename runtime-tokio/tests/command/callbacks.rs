//! A card's button, a link's preview: questions that a command answers.

use larkwire_conformance::platform::{Kind, Platform, Push};
use serde_json::{Value, json};

use crate::child::{Larkwire, Running};
use crate::support::*;

fn click(event_id: &str) -> Push {
    let action = json!({"tag": "button", "value": {"choice": "yes"}});
    Push::card_action("c-token", "om_card", "oc_room", "ou_ann", action).event_id(event_id)
}

/// Somebody clicks: the event line.
async fn clicked(platform: &Platform, bot: &Running, event_id: &str) -> Value {
    platform.push(&click(event_id)).unwrap();
    bot.line(|line| line["event_id"] == event_id).await
}

/// What the platform was answered, and after how many milliseconds.
async fn answered(platform: &Platform, wanted: &str) -> (Value, u64) {
    let found = wait(platform, |kind| matches!(kind, Kind::CallbackAnswered { event_id, .. } if event_id == wanted));
    let Kind::CallbackAnswered { data, latency_ms, in_time, faults, .. } = found.await.kind else { unreachable!() };
    assert!(in_time && faults.is_empty(), "{faults:?}");
    (data.unwrap_or_default(), latency_ms)
}

/// A bot whose connection is open: callbacks do not wait for one.
async fn connected(bot: Larkwire) -> Running {
    let bot = bot.start();
    bot.notice("INFO connected").await;
    bot
}

#[tokio::test]
async fn a_click_is_answered_by_a_command() {
    let platform = platform().await;
    let mut bot = connected(Larkwire::run(&platform).piped()).await;
    let line = clicked(&platform, &bot, "e-1").await;
    assert_eq!((&line["event_type"], &line["is_callback"]), (&json!("card.action.trigger"), &json!(true)), "{line}");
    assert_eq!(line["event"]["action"]["value"]["choice"], "yes", "{line}");
    let body = json!({"toast": {"type": "success", "content": "saved 🎉"}});
    let command = json!({"cmd": "respond", "id": 1, "response_id": line["response_id"], "body": body});
    bot.say(command.to_string()).await;
    assert_eq!(bot.result(1).await, json!({"kind": "result", "id": 1, "cmd": "respond", "ok": true, "error": null}));
    assert_eq!(answered(&platform, "e-1").await.0, body);

    // The second answer to the same question comes too late, and says what to do instead.
    bot.say(command.to_string().replace("\"id\":1", "\"id\":2")).await;
    let late = bot.result(2).await;
    assert_eq!(
        (&late["ok"], &late["cmd"], &late["error"]["kind"]),
        (&json!(false), &json!("respond"), &json!("usage"))
    );
    assert!(late["error"]["message"].as_str().unwrap().contains("update the card"), "{late}");

    platform.push(&Push::url_preview("https://example.org", "om_2", "oc_room", "ou_ann").event_id("e-2")).unwrap();
    let preview = bot.line(|line| line["event_id"] == "e-2").await;
    let body = json!({"inline": {"title": "An example"}});
    bot.say(json!({"cmd": "respond", "response_id": preview["response_id"], "body": body}).to_string()).await;
    assert_eq!(answered(&platform, "e-2").await.0, body);
    assert_faultless(&platform);
}

#[tokio::test]
async fn an_answer_is_never_too_fast() {
    let platform = platform().await;
    let mut bot = connected(Larkwire::run(&platform).piped()).await;
    for n in 0..50 {
        let line = clicked(&platform, &bot, &format!("e-{n}")).await;
        bot.say(json!({"cmd": "respond", "id": n, "response_id": line["response_id"], "body": {}}).to_string()).await;
        let result = bot.result(n).await;
        assert_eq!(result["ok"], true, "{n}: {result}");
    }
    wait_for_many(&platform, 50, |kind| matches!(kind, Kind::CallbackAnswered { in_time: true, .. })).await;
}

#[tokio::test]
async fn an_answer_that_is_none_is_refused_and_the_right_one_still_counts() {
    let platform = platform().await;
    let mut bot = connected(Larkwire::run(&platform).piped()).await;
    let response_id = clicked(&platform, &bot, "e-1").await["response_id"].clone();
    let wrong = [
        json!({"response_id": response_id, "body": "{}"}),
        json!({"response_id": response_id, "body": [1]}),
        json!({"response_id": response_id}),
        json!({"response_id": "1", "body": {}}),
        json!({"response_id": response_id, "body": {}, "card": {}}),
        json!({"response_id": 999_999_999, "body": {}}),
    ];
    for (id, mut command) in wrong.into_iter().enumerate() {
        command["cmd"] = json!("respond");
        command["id"] = json!(id);
        bot.say(command.to_string()).await;
        let result = bot.result(id).await;
        assert_eq!((&result["ok"], &result["error"]["kind"]), (&json!(false), &json!("usage")), "{command}: {result}");
    }
    bot.say(json!({"cmd": "respond", "id": "right", "response_id": response_id, "body": {}}).to_string()).await;
    assert_eq!(bot.result("right").await["ok"], true);
    assert_eq!(answered(&platform, "e-1").await.0, json!({}));
}

#[tokio::test]
async fn a_click_that_nobody_answers_is_answered_in_time() {
    let platform = platform().await;
    let mut bot = connected(Larkwire::run(&platform).piped()).await;
    let line = clicked(&platform, &bot, "e-1").await;
    let (data, latency_ms) = answered(&platform, "e-1").await;
    assert_eq!(data, json!({}));
    assert!(latency_ms >= 2000, "a command may come late: {latency_ms} ms");
    bot.say(json!({"cmd": "respond", "id": 1, "response_id": line["response_id"], "body": {}}).to_string()).await;
    assert!(bot.result(1).await["error"]["message"].as_str().unwrap().contains("2.5 s"));
}

#[tokio::test]
async fn where_no_command_can_come_a_click_is_answered_at_once() {
    let platform = platform().await;
    let bot = connected(Larkwire::run(&platform).arg("--no-commands")).await;
    clicked(&platform, &bot, "e-1").await;
    let (data, latency_ms) = answered(&platform, "e-1").await;
    assert_eq!(data, json!({}));
    assert!(latency_ms < 2000, "nobody is waited for: {latency_ms} ms");
}
