//! Somebody clicked and waits: the answer is there within three seconds, whatever the program does.

use std::sync::Arc;

use larkwire_conformance::platform::{Kind, Platform, Push};
use larkwire_tokio::core::fault::{DropReason, Misuse};
use larkwire_tokio::core::{Body, Call, typed};
use larkwire_tokio::{Client, Event};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::clock::{Clock, eventually, seconds};
use crate::support::*;

const TOAST: &str = r#"{"toast":{"type":"success","content":"saved 好"}}"#;
const CARD: &str = r#"{"schema":"2.0","body":{"elements":[{"tag":"markdown","content":"hi"}]}}"#;

fn click(message_id: &str) -> Push {
    let action = json!({ "tag": "button", "value": { "choice": "yes" } });
    Push::card_action("c-1", message_id, "oc_room", "ou_ann", action)
}

/// The answers so far and after how many milliseconds they came, all of them in time and in the right shape.
fn answers(platform: &Platform) -> Vec<(Value, u64)> {
    assert_faultless(platform);
    picked(platform, |kind| match kind {
        Kind::CallbackAnswered { data, latency_ms, .. } => Some((data.unwrap(), latency_ms)),
        _ => None,
    })
}

async fn answered(platform: &Platform, many: usize) -> Vec<(Value, u64)> {
    wait_for_many(platform, many, |kind| matches!(kind, Kind::CallbackAnswered { .. })).await;
    answers(platform)
}

#[tokio::test]
async fn a_click_is_answered_with_a_toast_and_a_new_card() {
    let platform = platform().await;
    let (client, mut events) = bot(&platform).await;
    let card = json!({ "type": "raw", "data": serde_json::from_str::<Value>(CARD).unwrap() });
    let both = json!({ "toast": { "type": "info", "content": "done", "i18n": { "zh_cn": "好" } }, "card": card });
    for (answer, parts) in [(serde_json::from_str(TOAST).unwrap(), 1), (json!({ "card": card }), 3), (both, 2)] {
        let platform_has = answers(&platform).len();
        platform.push(&click("om_card").parts(parts)).unwrap();
        let event = next(&mut events).await;
        let typed::Typed::CardAction(action) = event.view().typed() else { panic!("{event:?}") };
        assert_eq!(action.operator().open_id.unwrap(), "ou_ann");
        assert_eq!(event.chat_id().as_deref(), Some("oc_room"));
        client.respond(&event, &answer.to_string()).unwrap();
        assert_eq!(answered(&platform, platform_has + 1).await.pop().unwrap().0, answer);
    }
    assert_eq!(client.stats().callbacks_answered, 3);
}

#[tokio::test]
async fn a_links_preview_is_answered_in_its_own_shape() {
    let platform = platform().await;
    let (client, mut events) = bot(&platform).await;
    platform.push(&Push::url_preview("https://example.org/a?b=1", "om_1", "oc_room", "ou_ann")).unwrap();
    let event = next(&mut events).await;
    assert!(event.is_callback());
    let typed::Typed::UrlPreview(preview) = event.view().typed() else { panic!("{event:?}") };
    assert_eq!(preview.url().unwrap(), "https://example.org/a?b=1");
    let answer = json!({ "inline": { "title": "An example", "url": { "pc": "https://example.org" } } });
    client.respond(&event, &answer.to_string()).unwrap();
    assert_eq!(answered(&platform, 1).await[0].0, answer);
}

/// Time stands still here: nothing waits for a deadline.
#[tokio::test]
async fn a_handler_that_says_nothing_or_panics_is_an_empty_answer_at_its_end() {
    let _clock = Clock::stop();
    let platform = platform().await;
    let (client, events) = bot(&platform).await;
    let go_on = Arc::new(Notify::new());
    let gate = Arc::clone(&go_on);
    let handling = {
        let client = client.clone();
        let handler = move |client: Client, event: Event| {
            let gate = Arc::clone(&gate);
            async move {
                match event.message_id().unwrap().as_str() {
                    "om_wait" => gate.notified().await,
                    "om_panic" => std::panic::resume_unwind(Box::new("a handler's own fault")),
                    "om_toast" => client.respond(&event, TOAST).unwrap(),
                    _ => {}
                }
            }
        };
        tokio::spawn(async move { client.handle(events, 4, handler).await })
    };
    platform.push(&click("om_nothing")).unwrap();
    assert_eq!(answered(&platform, 1).await, [(json!({}), 0)]);
    platform.push(&click("om_wait")).unwrap();
    platform.push(&click("om_toast")).unwrap();
    assert_eq!(answered(&platform, 2).await[1], (serde_json::from_str(TOAST).unwrap(), 0), "it overtakes");
    go_on.notify_one();
    assert_eq!(answered(&platform, 3).await[2], (json!({}), 0));
    platform.push(&click("om_panic")).unwrap();
    assert_eq!(answered(&platform, 4).await[3], (json!({}), 0));
    soon(client.shut_down()).await;
    soon(handling).await.unwrap();
    let stats = client.stats();
    assert_eq!((stats.callbacks_answered, stats.callbacks_unanswered, stats.callbacks_lost), (4, 0, 0));
    assert_eq!(answers(&platform).len(), 4, "each once");
}

#[tokio::test]
async fn a_slow_handler_is_an_empty_answer_in_time_and_the_card_is_changed_afterwards() {
    let clock = Clock::stop();
    let platform = platform().await;
    let (client, mut events) = bot(&platform).await;
    let sent = soon(client.send("oc_room", Body::Interactive(CARD))).await.unwrap();
    platform.push(&click(&sent.message_id)).unwrap();
    let event = next(&mut events).await;
    clock.advance(seconds(2)).await;
    assert_eq!(answers(&platform), []);
    clock.advance(seconds(1) / 2).await;
    let (answer, latency_ms) = answered(&platform, 1).await.remove(0);
    assert_eq!(answer, json!({}));
    assert!((2500..3000).contains(&latency_ms), "{latency_ms}");
    let late = client.respond(&event, TOAST).unwrap_err();
    assert_eq!(late, Misuse::Late);
    assert!(late.to_string().contains("update the card with its token"), "{late}");
    assert_eq!((client.stats().callbacks_answered, client.stats().callbacks_unanswered), (0, 1));
    soon(client.call(Call::UpdateCard { token: "c-1", card: CARD })).await.unwrap();
    let updated = wait(&platform, |kind| matches!(kind, Kind::CardUpdated { .. })).await;
    assert!(matches!(updated.kind, Kind::CardUpdated { message_id, .. } if message_id == sent.message_id));
    assert_eq!(answers(&platform).len(), 1);
}

#[tokio::test]
async fn an_answer_that_cannot_be_taken_says_why_and_a_better_one_still_counts() {
    let _clock = Clock::stop();
    let platform = platform().await;
    let (client, mut events) = bot(&platform).await;
    platform.push(&text("no callback")).unwrap();
    let message = next(&mut events).await;
    assert_eq!(message.response_id(), None);
    assert_eq!(client.respond(&message, TOAST), Err(Misuse::Field("event")));
    platform.push(&click("om_card")).unwrap();
    let event = next(&mut events).await;
    for wrong in ["", "[]", "null", "{", "{} {}", r#"{"toast":}"#] {
        assert_eq!(client.respond(&event, wrong), Err(Misuse::Field("body")), "{wrong:?}");
    }
    let long = format!(r#"{{"toast":{{"type":"info","content":"{}"}}}}"#, "x".repeat(300 * 1024));
    assert!(matches!(client.respond(&event, &long), Err(Misuse::TooLong { .. })));
    client.respond(&event, TOAST).unwrap();
    assert_eq!(client.respond(&event, TOAST), Err(Misuse::Late), "once");
    assert_eq!(answered(&platform, 1).await[0].0, serde_json::from_str::<Value>(TOAST).unwrap());
}

#[tokio::test]
async fn a_strangers_click_is_answered_with_nothing_at_once() {
    let _clock = Clock::stop();
    let platform = platform().await;
    let (client, mut events) = bot_with(&strict(&platform).allow("ou_bob")).await;
    platform.push(&click("om_card")).unwrap();
    assert_eq!(answered(&platform, 1).await, [(json!({}), 0)]);
    assert_eq!(rest(&client, &mut events).await.len(), 0);
    assert_eq!(client.stats().dropped(DropReason::SenderNotAllowed), 1);
}

/// A redelivered click does not exist, but a second connection may bring one again.
#[tokio::test]
async fn a_click_that_comes_twice_is_handled_once_and_answered_twice() {
    let platform = platform().await;
    let (client, mut events) = bot(&platform).await;
    platform.push(&click("om_card").event_id("click")).unwrap();
    let event = next(&mut events).await;
    client.respond(&event, TOAST).unwrap();
    answered(&platform, 1).await;
    platform.push(&click("om_card").event_id("click")).unwrap();
    assert_eq!(answered(&platform, 2).await[1].0, json!({}));
    assert_eq!(rest(&client, &mut events).await.len(), 0);
}

#[tokio::test]
async fn a_bot_that_stops_leaves_nobody_waiting_for_an_answer() {
    let _clock = Clock::stop();
    let platform = platform().await;
    let (client, mut events) = bot(&platform).await;
    platform.push(&click("om_card")).unwrap();
    let event = next(&mut events).await;
    soon(client.shut_down()).await;
    assert_eq!(answered(&platform, 1).await, [(json!({}), 0)]);
    assert!(client.respond(&event, TOAST).is_err());
    wait(&platform, said_goodbye).await;
}

#[tokio::test]
async fn a_click_dies_with_its_connection() {
    let platform = platform().await;
    let (client, mut events) = bot(&platform).await;
    platform.push(&click("om_card")).unwrap();
    let event = next(&mut events).await;
    platform.cut(APP);
    eventually("the bot knows", || client.stats().link_faults == 1).await;
    assert_eq!(client.respond(&event, TOAST), Err(Misuse::Late));
    assert_eq!(answers(&platform), []);
}

#[tokio::test]
async fn a_crowd_that_clicks_is_answered_each_with_its_own() {
    const MANY: usize = 60;
    let platform = platform().await;
    let (client, events) = bot(&platform).await;
    let handling = {
        let client = client.clone();
        let handler = async |client: Client, event: Event| {
            let toast = json!({ "toast": { "type": "info", "content": event.message_id() } });
            client.respond(&event, &toast.to_string()).unwrap();
        };
        tokio::spawn(async move { client.handle(events, MANY, handler).await })
    };
    let clicks: Vec<_> = (0..MANY).map(|n| click(&format!("om_{n}")).event_id(format!("om_{n}"))).collect();
    platform.push_interleaved(&clicks).unwrap();
    answered(&platform, MANY).await;
    for (event_id, data) in picked(&platform, |kind| match kind {
        Kind::CallbackAnswered { event_id, data, .. } => Some((event_id, data.unwrap())),
        _ => None,
    }) {
        assert_eq!(data["toast"]["content"], event_id);
    }
    client.shut_down().await;
    soon(handling).await.unwrap();
}
