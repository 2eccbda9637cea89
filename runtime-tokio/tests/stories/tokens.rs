//! Tokens end at the worst of times, and nobody notices.

use std::collections::BTreeSet;
use std::time::Duration;

use larkwire_conformance::platform::{Kind, Platform};
use larkwire_tokio::Client;
use tokio::task::JoinSet;

use crate::clock::{Clock, hours, seconds};
use crate::support::*;

const MANY: usize = 100;

fn send_many(client: &Client) -> JoinSet<()> {
    let mut calls = JoinSet::new();
    for n in 0..MANY {
        let client = client.clone();
        calls.spawn(async move { drop(client.send_text("oc_room", &format!("message {n}")).await.unwrap()) });
    }
    calls
}

/// Every message was sent, once, under a uuid of its own.
async fn assert_sent_once(platform: &Platform, calls: JoinSet<()>) {
    soon(calls.join_all()).await;
    let sent = picked(platform, |kind| match kind {
        Kind::Sent { content, uuid, repeated, .. } => Some((content, uuid, repeated)),
        _ => None,
    });
    assert_eq!(sent.len(), MANY);
    assert!(sent.iter().all(|(_, _, repeated)| !repeated), "{sent:#?}");
    assert_eq!(sent.iter().map(|(content, ..)| content).collect::<BTreeSet<_>>().len(), MANY);
    assert_eq!(sent.iter().flat_map(|(_, uuid, _)| uuid).collect::<BTreeSet<_>>().len(), MANY);
    assert_faultless(platform);
}

fn refused(platform: &Platform) -> usize {
    count(platform, |kind| matches!(kind, Kind::Unauthorized { .. }))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_revoked_in_the_middle_of_a_hundred_messages_is_replaced_once() {
    let platform = platform().await;
    let (client, _events) = bot(&platform).await;
    client.bot_info().await.unwrap();
    assert_eq!(platform.token_requests(APP), 1);
    assert_eq!(platform.revoke_tokens_after(APP, 40), 1);
    assert_sent_once(&platform, send_many(&client)).await;
    assert_eq!(platform.token_requests(APP), 2);
    let refused = refused(&platform);
    assert!((1..=4).contains(&refused), "as many as were under way: {refused}");
}

#[tokio::test]
async fn a_token_that_ends_early_by_the_platforms_clock_is_replaced_once() {
    let platform = platform().await;
    let (client, _events) = bot(&platform).await;
    let calls = send_many(&client);
    wait_for_many(&platform, 30, |kind| matches!(kind, Kind::Sent { .. })).await;
    platform.advance(hours(3));
    assert_sent_once(&platform, calls).await;
    assert_eq!(platform.token_requests(APP), 2);
    assert!(refused(&platform) >= 1);
}

#[tokio::test]
async fn a_token_is_replaced_before_its_end_where_calls_are_made_and_not_otherwise() {
    let clock = Clock::stop();
    let platform = platform().await;
    let (client, _events) = bot_with(&settings(&platform).own_open_id(BOT)).await;
    assert_eq!(platform.token_requests(APP), 0, "nobody needed one");
    soon(client.send_text("oc_room", "first")).await.unwrap();
    // A token lives two hours; with a tenth of that left it counts as old.
    clock.advance(hours(2) - seconds(13 * 60)).await;
    soon(client.send_text("oc_room", "second")).await.unwrap();
    assert_eq!(platform.token_requests(APP), 1);
    clock.advance(seconds(2 * 60)).await;
    soon(client.send_text("oc_room", "third")).await.unwrap();
    assert_eq!(platform.token_requests(APP), 2);
    clock.run(&client, hours(10)).await;
    assert_eq!(platform.token_requests(APP), 2, "a bot that says nothing needs no token");
    soon(client.send_text("oc_room", "fourth")).await.unwrap();
    assert_eq!(platform.token_requests(APP), 3);
    assert_eq!(refused(&platform), 0, "the platform never had to refuse one");
    assert_eq!(client.stats().calls_succeeded, 4);
    assert_faultless(&platform);
}

/// Live tokens have up to 4 KB.
#[tokio::test]
async fn long_tokens_and_short_lives_are_taken_as_they_come() {
    let platform = platform().await;
    platform.options(|options| (options.token_len, options.token_expire_s) = (Some(4096), Some(1)));
    let (client, _events) = bot_with(&settings(&platform).own_open_id(BOT)).await;
    for n in 0..3 {
        soon(client.send_text("oc_room", &format!("message {n}"))).await.unwrap();
        platform.advance(Duration::from_secs(2));
    }
    assert_eq!(count(&platform, |kind| matches!(kind, Kind::Sent { repeated: false, .. })), 3);
}
