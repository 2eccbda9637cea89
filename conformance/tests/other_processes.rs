//! The platform as other processes see it: the control interface and the command.
#![cfg(feature = "platform")]
#![allow(clippy::unwrap_used, clippy::panic, dead_code, reason = "a test ends where it fails")]

mod common;

use std::process::Stdio;

use common::{APP, Client, discover_as, hello, platform, request, request_to, wait};
use larkwire_conformance::platform::{Kind, Platform};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

async fn post(platform: &Platform, path: &str, body: Value) -> (u16, Value) {
    let answer = request(platform, "POST", &format!("/_platform/{path}"), &[], &body.to_string()).await.unwrap();
    (answer.status, answer.body)
}

async fn get(platform: &Platform, path: &str) -> Value {
    request(platform, "GET", &format!("/_platform/{path}"), &[], "").await.unwrap().body
}

#[tokio::test]
async fn a_push_and_its_records_go_over_http() {
    let platform = platform().await;
    let mut client = Client::connect(&platform).await;
    let message =
        json!({ "message": { "chat_id": "oc_1", "chat_type": "group", "sender_open_id": "ou_1", "text": "hi" } });
    let (status, pushed) =
        post(&platform, "push", json!({ "payload": message, "parts": 2, "part_order": [1, 0] })).await;
    assert_eq!((status, pushed), (200, json!({ "pushes": [1] })));
    assert_eq!(client.data().await.header("seq"), Some("1"));
    let frame = client.data().await;
    client.ack(&frame).await;
    wait(&platform, |kind| matches!(kind, Kind::Acked { .. })).await;
    let records = get(&platform, "records").await;
    let last = records["records"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["kind"], &last["code"], &last["faults"]), (&"acked".into(), &200.into(), &json!([])));
    let since = last["number"].as_u64().unwrap();
    assert_eq!(get(&platform, &format!("records?since={since}")).await["records"], json!([]));
}

#[tokio::test]
async fn records_can_be_waited_for() {
    let platform = platform().await;
    let path = format!("/_platform/records?since=0&wait_ms={}", common::LONG.as_millis());
    let (answer, ()) = tokio::join!(request(&platform, "GET", &path, &[], ""), async {
        platform.push(&hello()).unwrap();
    });
    assert_eq!(answer.unwrap().body["records"][0]["kind"], "queued");
}

#[tokio::test]
async fn connections_are_ended_over_http() {
    let platform = platform().await;
    for (path, body) in [("cut", json!({})), ("cut", json!({ "how": "reset" })), ("close", json!({ "code": 1001 }))] {
        let _client = Client::connect(&platform).await;
        assert_eq!(post(&platform, path, body).await, (200, json!({ "connections": 1 })));
        assert_eq!(platform.connections(APP), 0);
    }
    let _client = Client::connect(&platform).await;
    assert_eq!(post(&platform, "cut", json!({ "how": "half_open" })).await, (200, json!({ "connections": 1 })));
    assert_eq!(platform.connections(APP), 1);
    let injected = post(&platform, "inject", json!({ "what": { "bytes": "wgA=" } })).await;
    assert_eq!(injected, (200, json!({ "connections": 1 })));
}

#[tokio::test]
async fn faults_are_switched_over_http() {
    let platform = platform().await;
    let fault = json!({ "fault": { "http": { "answer": { "body": r#"{"code":1}"# } } }, "times": 1 });
    assert_eq!(post(&platform, "faults", json!({ "discovery": fault, "ignore_acks": true })).await.0, 200);
    assert_eq!(discover_as(&platform, APP, "").await.body["code"], 1);
    let (_, faults) = post(&platform, "faults", json!({ "discovery": null })).await;
    assert_eq!((&faults["discovery"], &faults["ignore_acks"]), (&json!(null), &json!(true)));
    assert_eq!(post(&platform, "client_config", json!({ "PingInterval": 5 })).await.0, 200);
    let state = get(&platform, "state").await;
    assert_eq!(state["client_config"], json!({ "PingInterval": 5 }));
    assert_eq!(state["apps"][0]["app_id"], APP);
}

#[tokio::test]
async fn mistakes_are_named() {
    let platform = platform().await;
    for (path, body, complaint) in [
        ("push", json!({ "payload": { "raw": "" }, "partz": 2 }), "partz"),
        ("faults", json!({ "pongs": "silent" }), "pongs"),
        ("cut", json!({ "app_id": "cli_nobody" }), "cli_nobody"),
        ("nothing", json!({}), "nothing"),
        ("advance", json!({ "seconds": -1 }), "seconds"),
        ("apps", json!({ "app_id": "cli_new" }), "app_secret"),
        ("options", json!({ "token_lenght": 5 }), "token_lenght"),
        ("push", json!({ "payload": { "message": { "chat_id": "oc_1", "sender": "ou_1" } } }), "sender"),
    ] {
        let (status, answer) = post(&platform, path, body).await;
        assert_eq!(status, 400);
        assert!(answer["error"].as_str().unwrap().contains(complaint), "{answer}");
    }
}

#[tokio::test]
async fn apps_are_added_over_http() {
    let platform = platform().await;
    post(&platform, "apps", json!({ "app_id": "cli_new", "app_secret": "s" })).await;
    assert_eq!(discover_as(&platform, "cli_new", "s").await.body["code"], 0);
}

#[tokio::test]
async fn time_tokens_and_chats_are_at_hand_over_http() {
    let platform = platform().await;
    let advanced = post(&platform, "advance", json!({ "seconds": 1200 })).await;
    assert_eq!(advanced, (200, json!({ "ahead_s": 1200.0 })));
    let (_, options) = post(&platform, "options", json!({ "token_expire_s": 60, "echo_reactions": true })).await;
    assert_eq!((&options["token_expire_s"], &options["echo_reactions"]), (&60.into(), &true.into()));
    assert_eq!(post(&platform, "options", json!({ "echo_reactions": null })).await.1["echo_reactions"], false);
    common::calls::token(&platform).await;
    let revoked = post(&platform, "revoke_tokens", json!({ "after_calls": 2 })).await;
    assert_eq!(revoked, (200, json!({ "tokens": 1 })));
    let (_, chat) = post(&platform, "chats", json!({ "chat_id": "oc_1", "info": { "chat_mode": "topic" } })).await;
    assert_eq!(chat["info"]["chat_mode"], "topic");
    let state = get(&platform, "state").await;
    assert_eq!((&state["ahead_s"], &state["options"]["token_expire_s"]), (&1200.0.into(), &60.into()));
    assert_eq!((&state["apps"][0]["token_requests"], &state["apps"][0]["valid_tokens"]), (&1.into(), &1.into()));
}

#[tokio::test]
async fn messages_are_composed_over_http() {
    let platform = platform().await;
    let mut client = Client::connect(&platform).await;
    let message = json!({
        "chat_id": "oc_1", "chat_type": "topic_group", "sender_union_id": "on_1", "sender_type": "app", "text": "hi",
        "mentions": [{ "open_id": "ou_2", "name": "Bob" }], "mention_bot": true, "mention_all": true,
        "thread_id": "omt_1", "create_time": 1_700_000_000_000_u64,
    });
    let push = json!({ "payload": { "message": message }, "again_after_s": [1200] });
    assert_eq!(post(&platform, "push", push).await.0, 200);
    let first = common::envelope(&[client.data().await]);
    assert_eq!(first["event"]["message"]["content"], r#"{"text":"@_user_1 @_user_2 @_all hi"}"#);
    post(&platform, "advance", json!({ "seconds": 1200 })).await;
    assert_eq!(common::envelope(&[client.data().await]), first);
    let card = json!({ "chat_id": "oc_1", "message_type": "interactive", "content": { "title": "T", "elements": [] } });
    post(&platform, "push", json!({ "payload": { "message": card }, "v1": true })).await;
    let old = common::envelope(&[client.data().await]);
    assert_eq!((&old["event"]["msg_type"], &old["event"]["title"]), (&"interactive".into(), &"T".into()));
}

#[tokio::test]
async fn the_command_says_where_it_is_and_what_happens() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_larkwire-platform"));
    command.args(["--json", "--ping-interval", "7"]).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first: Value = serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
    let base_url = first["base_url"].as_str().unwrap();
    let credentials = json!({ "AppID": first["app_id"], "AppSecret": first["app_secret"] }).to_string();
    let json = [("content-type", "application/json")];
    let answer = request_to(base_url, "POST", "/callback/ws/endpoint", &json, &credentials).await.unwrap();
    assert_eq!(answer.body["data"]["ClientConfig"]["PingInterval"], 7);
    let record: Value = serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
    assert_eq!((&record["kind"], &record["app_id"]), (&"discovered".into(), &first["app_id"]));
}
