//! Callbacks: their answers, and cards that are updated later.
#![cfg(feature = "platform")]
#![allow(clippy::unwrap_used, clippy::panic, dead_code, reason = "a test ends where it fails")]

mod common;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::calls::{message, path_of, post, sent, token};
use common::{Client, ack, ack_faults, count, envelope, platform, wait};
use larkwire_conformance::platform::{Frame, Kind, Platform, Push};
use serde_json::{Value, json};

const UPDATE: &str = "/open-apis/interactive/v1/card/update";

fn click(token: &str, message_id: &str) -> Push {
    let action = json!({ "tag": "button", "value": { "choice": "yes" } });
    Push::card_action(token, message_id, "oc_room", "ou_ann", action)
}

async fn answer(client: &mut Client, frame: &Frame, data: &Value) {
    let data = STANDARD.encode(data.to_string());
    client.send(&ack(frame, &json!({ "code": 200, "data": data }).to_string())).await;
}

async fn update(platform: &Platform, access: &str, card_token: &str) -> Value {
    let card = json!({ "schema": "2.0", "body": { "elements": [] } });
    post(platform, UPDATE, access, json!({ "token": card_token, "card": card })).await.body["code"].clone()
}

#[tokio::test]
async fn a_click_is_a_question_with_everything_in_it() {
    let platform = platform().await;
    let mut client = Client::connect(&platform).await;
    platform.push(&click("c-1", "om_1").event_id("click")).unwrap();
    let frame = client.data().await;
    let asked = envelope(std::slice::from_ref(&frame));
    assert_eq!(asked["event"]["token"], "c-1");
    assert_eq!(asked["event"]["context"]["open_message_id"], "om_1");
    assert_eq!(asked["event"]["operator"]["open_id"], "ou_ann");
    let toast = json!({ "toast": { "type": "success", "content": "done" } });
    answer(&mut client, &frame, &toast).await;
    let answered = wait(&platform, |kind| matches!(kind, Kind::CallbackAnswered { .. })).await;
    let Kind::CallbackAnswered { event_id, event_type, data, in_time, faults, .. } = answered.kind else {
        unreachable!()
    };
    assert_eq!((event_id.as_str(), event_type.as_str(), data), ("click", "card.action.trigger", Some(toast)));
    assert!(in_time && faults.is_empty(), "{faults:?}");
}

#[tokio::test]
async fn an_answer_of_the_wrong_shape_is_named() {
    let platform = platform().await;
    let mut client = Client::connect(&platform).await;
    platform.push(&Push::url_preview("https://example.org", "om_1", "oc_room", "ou_ann")).unwrap();
    let frame = client.data().await;
    answer(&mut client, &frame, &json!({ "toast": {} })).await;
    assert_eq!(ack_faults(&platform).await, ["data"]);
    let wrong = |kind: &Kind| matches!(kind, Kind::CallbackAnswered { faults, .. } if faults.len() == 1);
    wait(&platform, wrong).await;
}

#[tokio::test]
async fn a_card_is_updated_twice_after_its_click_was_answered() {
    let platform = platform().await;
    let mut client = Client::connect(&platform).await;
    let access = token(&platform).await;
    let card = json!({ "schema": "2.0", "body": { "elements": [{ "tag": "hr" }] } });
    let id = sent(&platform, &access, message("interactive", &card)).await;
    platform.push(&click("c-1", &id)).unwrap();
    let frame = client.data().await;
    assert_ne!(update(&platform, &access, "c-1").await, 0, "too early");
    wait(&platform, |kind| matches!(kind, Kind::ClientFault { what, .. } if what.contains("before its callback")))
        .await;
    answer(&mut client, &frame, &json!({})).await;
    wait(&platform, |kind| matches!(kind, Kind::CallbackAnswered { .. })).await;
    assert_eq!(update(&platform, &access, "c-1").await, 0);
    assert_eq!(update(&platform, &access, "c-1").await, 0);
    assert_ne!(update(&platform, &access, "c-1").await, 0, "a third time");
    assert_ne!(update(&platform, &access, "c-nobody's").await, 0);
    let updated = wait(&platform, |kind| matches!(kind, Kind::CardUpdated { uses: 2, .. })).await;
    assert!(matches!(updated.kind, Kind::CardUpdated { message_id, .. } if message_id == id));
    let path = format!("{}?card_msg_content_type=user_card_content", path_of(&id));
    let now = common::calls::get(&platform, &path, &access).await.body["data"]["items"][0]["body"]["content"].clone();
    let now: serde_json::Value = serde_json::from_str(now.as_str().unwrap()).unwrap();
    assert_eq!(now, json!({ "schema": "2.0", "body": { "elements": [] } }));
}

#[tokio::test]
async fn the_token_of_a_click_lasts_half_an_hour() {
    let platform = platform().await;
    let mut client = Client::connect(&platform).await;
    let access = token(&platform).await;
    platform.push(&click("c-1", "om_1")).unwrap();
    let frame = client.data().await;
    answer(&mut client, &frame, &json!({})).await;
    wait(&platform, |kind| matches!(kind, Kind::CallbackAnswered { .. })).await;
    platform.advance(Duration::from_secs(30 * 60 + 1));
    assert_ne!(update(&platform, &access, "c-1").await, 0);
    assert_eq!(count(&platform, |kind| matches!(kind, Kind::CardUpdated { .. })), 0);
}
