//! Tokens that end at bad moments, and calls that come too often.
#![cfg(feature = "platform")]
#![allow(clippy::unwrap_used, clippy::panic, dead_code, reason = "a test ends where it fails")]

mod common;

use std::time::Duration;

use common::calls::{SEND, TENANT_TOKEN, get, post, text, token, token_answer};
use common::{APP, SECRET, count, platform, wait};
use larkwire_conformance::platform::{Answer, Endpoint, Kind, RestFault, Switch};
use serde_json::json;

const BOT_INFO: &str = "/open-apis/bot/v3/info";

#[tokio::test]
async fn a_token_lives_as_long_as_it_says() {
    let platform = platform().await;
    platform.options(|options| options.token_expire_s = Some(600));
    let answer = token_answer(&platform).await.body;
    assert_eq!(answer["expire"], 600);
    let old = answer["tenant_access_token"].as_str().unwrap();
    platform.advance(Duration::from_secs(299));
    assert_eq!(token(&platform).await, old);
    platform.advance(Duration::from_secs(2));
    let new = token(&platform).await;
    assert_ne!(new, old);
    platform.advance(Duration::from_secs(300));
    assert_eq!(get(&platform, BOT_INFO, old).await.body["code"], 99_991_663);
    assert_eq!(get(&platform, BOT_INFO, &new).await.body["code"], 0);
    assert_eq!(platform.token_requests(APP), 3);
}

#[tokio::test]
async fn tokens_of_four_kilobytes_are_taken_too() {
    let platform = platform().await;
    platform.options(|options| options.token_len = Some(4096));
    let token = token(&platform).await;
    assert_eq!(token.len(), 4096);
    assert_eq!(get(&platform, BOT_INFO, &token).await.body["code"], 0);
}

#[tokio::test]
async fn a_token_ends_in_the_middle_of_a_burst() {
    let platform = platform().await;
    let old = token(&platform).await;
    assert_eq!(platform.revoke_tokens_after(APP, 3), 1);
    for n in 0..5 {
        let code = post(&platform, SEND, &old, text(&n.to_string())).await.body["code"].clone();
        assert_eq!(code, if n < 3 { 0 } else { 99_991_663 });
    }
    let new = token(&platform).await;
    assert_ne!(new, old);
    for n in 3..8 {
        assert_eq!(post(&platform, SEND, &new, text(&n.to_string())).await.body["code"], 0);
    }
    assert_eq!(count(&platform, |kind| matches!(kind, Kind::TokenIssued { reused: false, .. })), 2);
    assert_eq!(count(&platform, |kind| matches!(kind, Kind::Sent { repeated: false, .. })), 8);
    assert_eq!(count(&platform, |kind| matches!(kind, Kind::Unauthorized { code: 99_991_663, .. })), 2);
}

#[tokio::test]
async fn a_request_for_a_token_holds_nothing_but_credentials() {
    let platform = platform().await;
    let body = json!({ "app_id": APP, "app_secret": SECRET, "app_ticket": "another app's" });
    post(&platform, TENANT_TOKEN, "", body).await;
    wait(&platform, |kind| matches!(kind, Kind::ClientFault { what, .. } if what.contains("app_ticket"))).await;
}

#[tokio::test]
async fn calls_are_limited_in_both_ways_the_platform_knows() {
    let platform = platform().await;
    let token = token(&platform).await;
    let limited = |status, reset_s| RestFault::new(Endpoint::Send, Answer::rate_limited(status, reset_s));
    platform.faults(|faults| {
        faults.rest = vec![Switch::times(limited(429, 7), 2), Switch::times(limited(400, 1), 1)];
    });
    for (status, reset_s) in [(429, "7"), (429, "7"), (400, "1")] {
        let answer = post(&platform, SEND, &token, text("hi")).await;
        assert_eq!((answer.status, &answer.body["code"]), (status, &99_991_400.into()));
        assert_eq!(answer.headers["x-ogw-ratelimit-reset"], reset_s);
    }
    assert_eq!(post(&platform, SEND, &token, text("hi")).await.body["code"], 0);
    assert_eq!(count(&platform, |kind| matches!(kind, Kind::Sent { .. })), 1);
}
