//! Everything that can be wrong with an app or on the way to the platform, as a doctor meets it.
#![cfg(feature = "platform")]
#![allow(clippy::unwrap_used, clippy::panic, dead_code, reason = "a test ends where it fails")]

mod common;

use std::time::Duration;

use common::calls::{SEND, get, path_of, post, text, token, token_answer};
use common::{APP, Client, SECRET, discover_as, platform, request};
use larkwire_conformance::platform::{
    Answer, AppSpec, AppState, DiscoveryFault, Endpoint, HttpFault, Platform, RestFault, Switch,
};
use serde_json::{Value, json};

const BOT_INFO: &str = "/open-apis/bot/v3/info";

async fn control(platform: &Platform, path: &str, body: Value) -> Value {
    request(platform, "POST", &format!("/_platform/{path}"), &[], &body.to_string()).await.unwrap().body
}

async fn discovery(platform: &Platform) -> Value {
    discover_as(platform, APP, SECRET).await.body["code"].clone()
}

#[tokio::test]
async fn a_healthy_app_is_found_healthy() {
    let platform = platform().await;
    let token = token(&platform).await;
    let info = get(&platform, BOT_INFO, &token).await;
    assert_eq!((&info.body["bot"]["activate_status"], &info.body["bot"]["app_name"]), (&2.into(), &"Bot".into()));
    assert!(info.headers.contains_key("x-tt-logid"));
    assert_eq!(discovery(&platform).await, 0);
}

#[tokio::test]
async fn an_app_that_may_not_be_used_gets_no_token_and_no_connection() {
    let platform = platform().await;
    let old = token(&platform).await;
    for (state, code) in [(AppState::Disabled, 99_991_662), (AppState::NotInstalled, 99_991_673)] {
        platform.add_app(AppSpec { state, ..AppSpec::new(APP, SECRET) });
        assert_eq!(token_answer(&platform).await.body["code"], code);
        assert_eq!(get(&platform, BOT_INFO, &old).await.body["code"], code);
        assert_eq!(discovery(&platform).await, 403);
    }
}

#[tokio::test]
async fn settings_of_the_app_are_missing_one_by_one() {
    let platform = platform().await;
    let token = token(&platform).await;
    control(&platform, "apps", json!({ "long_connection": false })).await;
    assert_eq!(discovery(&platform).await, 403);
    control(&platform, "apps", json!({ "long_connection": true, "other_region": true })).await;
    assert_eq!(discovery(&platform).await, 1_000_040_351);
    control(&platform, "apps", json!({ "other_region": false, "bot": false })).await;
    assert_eq!(get(&platform, BOT_INFO, &token).await.body["code"], 11_205);
    assert_eq!(post(&platform, SEND, &token, text("hi")).await.body["code"], 230_006);
    control(&platform, "apps", json!({ "bot": true, "activate_status": 1, "bot_open_id": "ou_other" })).await;
    let bot = get(&platform, BOT_INFO, &token).await.body["bot"].clone();
    assert_eq!((&bot["activate_status"], &bot["open_id"]), (&1.into(), &"ou_other".into()));
}

#[tokio::test]
async fn a_missing_scope_is_named() {
    let platform = platform().await;
    let token = token(&platform).await;
    control(&platform, "apps", json!({ "scopes": ["im:message:readonly"] })).await;
    let answer = post(&platform, SEND, &token, text("hi")).await;
    assert_eq!((answer.status, &answer.body["code"]), (400, &99_991_672.into()));
    assert!(answer.body["msg"].as_str().unwrap().contains("[im:message, im:message:send_as_bot"), "{}", answer.body);
    assert_eq!(answer.body["error"]["permission_violations"][1]["subject"], "im:message:send_as_bot");
    assert_eq!(answer.body["error"]["log_id"], answer.headers["x-tt-logid"].to_str().unwrap());
    assert_eq!(get(&platform, &path_of("om_1"), &token).await.body["code"], 230_002, "reading is allowed");
    control(&platform, "apps", json!({ "scopes": null })).await;
    assert_eq!(post(&platform, SEND, &token, text("hi")).await.body["code"], 0);
    let fault = RestFault::new(Endpoint::BotInfo, Answer::missing_scope(&["bot:info"]));
    platform.faults(|faults| faults.rest.push(Switch::always(fault)));
    let answer = get(&platform, BOT_INFO, &token).await.body;
    assert!(answer["msg"].as_str().unwrap().contains("[bot:info]"), "{answer}");
}

#[tokio::test]
async fn every_code_of_discovery_can_be_had() {
    let platform = platform().await;
    assert_eq!(discover_as(&platform, APP, "wrong").await.body["code"], 514);
    for code in [1, 403, 514, 1_000_040_343, 1_000_040_345, 1_000_040_350] {
        platform.faults(|faults| faults.discovery = Some(Switch::times(Answer::code(code, "no").into(), 1)));
        assert_eq!(discovery(&platform).await, code);
    }
    assert_eq!(discovery(&platform).await, 0);
}

#[tokio::test]
async fn a_captive_portal_answers_with_a_page() {
    let platform = platform().await;
    let page = RestFault { endpoint: None, fault: HttpFault::Answer(Answer::html(200)) };
    platform.faults(|faults| {
        faults.discovery = Some(Switch::always(Answer::html(200).into()));
        faults.rest.push(Switch::always(page));
    });
    for answer in [discover_as(&platform, APP, SECRET).await, token_answer(&platform).await] {
        assert_eq!(
            (answer.status, &answer.headers["content-type"]),
            (200, &"text/html; charset=utf-8".parse().unwrap())
        );
        assert_eq!(answer.body, Value::Null);
    }
}

#[tokio::test]
async fn discovery_hangs() {
    let platform = platform().await;
    platform.faults(|faults| faults.discovery = Some(Switch::always(DiscoveryFault::Http(HttpFault::Hang))));
    let hung = tokio::time::timeout(Duration::from_millis(100), discovery(&platform)).await;
    assert!(hung.is_err());
}

#[tokio::test]
async fn a_client_with_a_wrong_clock_sees_it_in_every_date() {
    let platform = platform().await;
    let date = async |platform: &Platform| {
        let answer = discover_as(platform, APP, SECRET).await;
        answer.headers["date"].to_str().unwrap().to_owned()
    };
    let today = date(&platform).await;
    assert!(today.ends_with(" GMT") && today.len() == 29, "{today}");
    control(&platform, "options", json!({ "date_offset_s": -1_000_000_000_000_i64 })).await;
    assert_eq!(date(&platform).await, "Thu, 01 Jan 1970 00:00:00 GMT");
    let mut client = Client::connect(&platform).await;
    platform.push(&common::hello()).unwrap();
    let envelope = common::envelope(&[client.data().await]);
    assert_eq!(
        (&envelope["header"]["create_time"], &envelope["event"]["message"]["create_time"]),
        (&"0".into(), &"0".into())
    );
}
