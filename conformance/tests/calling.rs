//! Calls of the open platform.
#![cfg(feature = "platform")]
#![allow(clippy::unwrap_used, clippy::panic, dead_code, reason = "a test ends where it fails")]

mod common;

use std::time::Duration;

use common::calls::{SEND, TENANT_TOKEN, call, get, post, text, token};
use common::{APP, SECRET, count, hello, platform, request, wait};
use larkwire_conformance::platform::{self, Endpoint, Kind, RestFault, Switch};
use serde_json::json;
use tokio::time::advance;

#[tokio::test]
async fn a_token_stays_the_same_while_it_is_good_for_long() {
    let platform = platform().await;
    let first = token(&platform).await;
    assert!(first.starts_with("t-"));
    assert_eq!(token(&platform).await, first);
    let issued = wait(&platform, |kind| matches!(kind, Kind::TokenIssued { reused: true, .. })).await;
    assert!(matches!(issued.kind, Kind::TokenIssued { expire, .. } if expire <= 7200));
    let app = post(
        &platform,
        "/open-apis/auth/v3/app_access_token/internal",
        "",
        json!({ "app_id": APP, "app_secret": SECRET }),
    );
    assert!(app.await.body["app_access_token"].is_string());
}

#[tokio::test]
async fn a_wrong_secret_gets_no_token() {
    let platform = platform().await;
    let answer = post(&platform, TENANT_TOKEN, "", json!({ "app_id": APP, "app_secret": "wrong" })).await;
    assert_eq!(answer.body["code"], 10014);
    let answer = post(&platform, TENANT_TOKEN, "", json!({ "app_id": "cli_nobody", "app_secret": "wrong" })).await;
    assert_eq!(answer.body["code"], 10003);
}

#[tokio::test]
async fn a_call_without_a_good_token_is_unauthorized() {
    let platform = platform().await;
    let answer = get(&platform, "/open-apis/bot/v3/info", "t-wrong").await;
    assert_eq!((answer.status, &answer.body["code"]), (400, &99_991_663.into()));
    assert_eq!(answer.body["error"]["log_id"], answer.headers["x-tt-logid"].to_str().unwrap());
    let answer = request(&platform, "GET", "/open-apis/bot/v3/info", &[], "").await.unwrap();
    assert_eq!(answer.body["code"], 99_991_661);
    platform.faults(|faults| faults.bad_token_status = 401);
    let good = token(&platform).await;
    assert_eq!(get(&platform, "/open-apis/bot/v3/info", &good).await.status, 200);
    assert_eq!(platform.revoke_tokens(APP), 1);
    assert_eq!(get(&platform, "/open-apis/bot/v3/info", &good).await.status, 401);
    assert_eq!(count(&platform, |kind| matches!(kind, Kind::Unauthorized { .. })), 3);
}

#[tokio::test(start_paused = true)]
async fn a_new_token_comes_in_the_last_half_hour_of_the_old_one() {
    let platform = platform().await;
    let code = async |token: &str| get(&platform, "/open-apis/bot/v3/info", token).await.body["code"].clone();
    let old = token(&platform).await;
    advance(Duration::from_secs(89 * 60)).await;
    assert_eq!(token(&platform).await, old);
    advance(Duration::from_secs(2 * 60)).await;
    let new = token(&platform).await;
    assert_ne!(new, old);
    assert_eq!((code(&old).await, code(&new).await), (0.into(), 0.into()));
    advance(Duration::from_secs(30 * 60)).await;
    assert_eq!((code(&old).await, code(&new).await), (99_991_663.into(), 0.into()));
}

#[tokio::test]
async fn the_bot_can_ask_who_it_is() {
    let platform = platform().await;
    let token = token(&platform).await;
    assert_eq!(get(&platform, "/open-apis/bot/v3/info", &token).await.body["bot"]["open_id"], "ou_bot");
}

#[tokio::test]
async fn a_message_is_sent_once_however_often_its_uuid_comes() {
    let platform = platform().await;
    let token = token(&platform).await;
    let mut message = text("hello");
    message["uuid"] = json!("u1");
    let first = post(&platform, SEND, &token, message.clone()).await.body;
    assert_eq!((&first["code"], &first["data"]["chat_id"]), (&0.into(), &"oc_room".into()));
    let again = post(&platform, SEND, &token, message).await.body;
    assert_eq!(again["data"]["message_id"], first["data"]["message_id"]);
    assert_eq!(count(&platform, |kind| matches!(kind, Kind::Sent { repeated: false, .. })), 1);
    assert_eq!(count(&platform, |kind| matches!(kind, Kind::Sent { repeated: true, .. })), 1);
    let path = format!("/open-apis/im/v1/messages/{}", first["data"]["message_id"].as_str().unwrap());
    assert_eq!(get(&platform, &path, &token).await.body["data"]["items"][0], first["data"]);
}

#[tokio::test]
async fn malformed_messages_are_refused() {
    let platform = platform().await;
    let token = token(&platform).await;
    let mut not_json = text("");
    not_json["content"] = json!("hello");
    let mut person = text("");
    person["receive_id"] = json!("ou_ann");
    for (path, body, code) in [
        ("/open-apis/im/v1/messages", text(""), 99_992_402),
        (SEND, not_json, 230_001),
        (SEND, json!({}), 99_992_402),
        (SEND, person, 230_001),
        (SEND, text(&"x".repeat(200_000)), 230_025),
    ] {
        let answer = post(&platform, path, &token, body).await;
        assert_eq!((answer.status, &answer.body["code"]), (400, &code.into()));
    }
    assert_eq!(call(&platform, "POST", SEND, &token, "{").await.body["code"], 9499);
}

#[tokio::test]
async fn a_reply_goes_to_the_chat_of_its_message() {
    let platform = platform().await;
    let token = token(&platform).await;
    platform.push(&hello().message_id("om_1")).unwrap();
    let reply = json!({ "msg_type": "text", "content": r#"{"text":"hi"}"#, "reply_in_thread": true });
    let answer = post(&platform, "/open-apis/im/v1/messages/om_1/reply", &token, reply.clone()).await;
    assert_eq!(answer.body["data"]["parent_id"], "om_1");
    let replied = wait(&platform, |kind| matches!(kind, Kind::Replied { .. })).await;
    assert!(matches!(replied.kind, Kind::Replied { chat_id, in_thread: true, .. } if chat_id == "oc_room"));
    let topic = post(&platform, "/open-apis/im/v1/messages/omt_1/reply", &token, reply).await;
    assert_eq!(topic.body["code"], 99_992_354);
}

#[tokio::test]
async fn reactions_come_and_go() {
    let platform = platform().await;
    let token = token(&platform).await;
    platform.push(&hello().message_id("om_1")).unwrap();
    let path = "/open-apis/im/v1/messages/om_1/reactions";
    let emoji = |name: &str| json!({ "reaction_type": { "emoji_type": name } });
    let reaction = post(&platform, path, &token, emoji("JIAYI")).await.body["data"].clone();
    assert_eq!(reaction["operator"]["operator_id"], APP);
    assert_eq!(post(&platform, path, &token, emoji("加油")).await.body["code"], 231_001);
    assert_eq!(get(&platform, path, &token).await.body["data"]["items"][0], reaction);
    let own = format!("{path}/{}", reaction["reaction_id"].as_str().unwrap());
    assert_eq!(call(&platform, "DELETE", &own, &token, "").await.body["code"], 0);
    assert_eq!(call(&platform, "DELETE", &own, &token, "").await.body["code"], 231_011);
    assert_eq!(get(&platform, path, &token).await.body["data"]["items"], json!([]));
    wait(&platform, |kind| matches!(kind, Kind::Unreacted { .. })).await;
}

#[tokio::test]
async fn a_call_fails_as_often_as_wanted() {
    let platform = platform().await;
    let token = token(&platform).await;
    let answer = platform::Answer::code(99_991_400, "slow down").header("x-ogw-ratelimit-reset", "1");
    let fault = RestFault::new(Endpoint::Send, platform::Answer { status: 429, ..answer });
    platform.faults(|faults| faults.rest.push(Switch::times(fault, 1)));
    let limited = post(&platform, SEND, &token, text("hello")).await;
    assert_eq!((limited.status, &limited.body["code"]), (429, &99_991_400.into()));
    assert_eq!(limited.headers["x-ogw-ratelimit-reset"], "1");
    assert_eq!(post(&platform, SEND, &token, text("hello")).await.body["code"], 0);
    assert_eq!(count(&platform, |kind| matches!(kind, Kind::Sent { .. })), 1);
}

#[tokio::test]
async fn a_body_that_is_not_labelled_as_json_is_noted() {
    let platform = platform().await;
    let bearer = format!("Bearer {}", token(&platform).await);
    let body = text("hello").to_string();
    let answer = request(&platform, "POST", SEND, &[("authorization", bearer.as_str())], &body).await.unwrap();
    assert_eq!(answer.body["code"], 0);
    wait(&platform, |kind| matches!(kind, Kind::ClientFault { what, .. } if what.contains("content-type"))).await;
}
