//! Replies and messages of the bot.

use std::time::Duration;

use larkwire_conformance::platform::{Answer, Endpoint, HttpFault, Kind, RestFault, Switch};
use larkwire_tokio::core::fault::{CallFaultKind, Misuse};
use larkwire_tokio::core::{Body, Call, ReceiveIdType};
use larkwire_tokio::{CallError, Client, Event};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::*;

fn content(text: &str) -> Value {
    json!({ "text": text })
}

fn fresh_tokens(kind: &Kind) -> bool {
    matches!(kind, Kind::TokenIssued { reused: false, .. })
}

#[tokio::test]
async fn replies_and_messages_reach_the_platform_as_they_were_written() {
    let platform = platform().await;
    let (client, mut events) = bot(&platform).await;
    let words = "\"好的\" \\ 🎉\nnext line\u{1}";
    platform.push(&text("question")).unwrap();
    let id = next(&mut events).await.message_id().unwrap();
    let sent = soon(client.reply_text(&id, words)).await.unwrap();
    let replied = wait(&platform, |kind| matches!(kind, Kind::Replied { .. })).await;
    let Kind::Replied { message_id, parent_id, content: text, uuid, repeated: false, .. } = replied.kind else {
        panic!("a repeated reply")
    };
    assert_eq!((&sent.message_id, &parent_id), (&message_id, &id));
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), content(words));
    assert!(uuid.is_some_and(|uuid| !uuid.is_empty()), "an answer that got lost must not be written twice");
    assert_eq!(serde_json::from_str::<Value>(&sent.data).unwrap()["chat_id"], "oc_room");

    for (receiver, kind) in [("oc_room", "chat_id"), ("ou_ann", "open_id"), ("on_ann", "union_id"), ("a@b.cn", "email")]
    {
        soon(client.send_text(receiver, words)).await.unwrap();
        let fits = |record: &Kind| matches!(record, Kind::Sent { receive_id, receive_id_type, .. } if receive_id == receiver && receive_id_type == kind);
        wait(&platform, fits).await;
    }
    soon(client.send_text_to("ann", ReceiveIdType::UserId, "hi")).await.unwrap();
    wait(&platform, |kind| matches!(kind, Kind::Sent { receive_id_type, .. } if receive_id_type == "user_id")).await;
    assert_faultless(&platform);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_replies_at_once_share_one_token() {
    let platform = platform().await;
    let (client, events) = bot(&platform).await;
    let handling = {
        let client = client.clone();
        let handler = async |client: Client, event: Event| {
            drop(client.reply_text(&event.message_id().unwrap(), &event.text().unwrap()).await.unwrap());
        };
        tokio::spawn(async move { client.handle(events, 100, handler).await })
    };
    for n in 0..100 {
        platform.push(&text(&format!("{n}")).message_id(format!("om_{n:03}"))).unwrap();
    }
    wait_for_many(&platform, 100, |kind| matches!(kind, Kind::Replied { repeated: false, .. })).await;
    for record in platform.records() {
        if let Kind::Replied { parent_id, content: text, .. } = record.kind {
            let number: usize = parent_id.trim_start_matches("om_").parse().unwrap();
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), content(&number.to_string()));
        }
    }
    client.shut_down().await;
    soon(handling).await.unwrap();
    assert_eq!(count(&platform, |kind| matches!(kind, Kind::TokenIssued { .. })), 1);
    assert_eq!(client.stats().calls_succeeded, 100);
    assert_faultless(&platform);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_calls_than_the_outbox_holds_wait_their_turn() {
    let platform = platform().await;
    let (client, _events) = bot(&platform).await;
    let mut calls = JoinSet::new();
    for n in 0..600 {
        let client = client.clone();
        calls.spawn(async move { client.send_text("oc_room", &format!("message {n}")).await });
    }
    while let Some(sent) = soon(calls.join_next()).await {
        sent.unwrap().unwrap();
    }
    assert_eq!(count(&platform, |kind| matches!(kind, Kind::Sent { repeated: false, .. })), 600);
}

#[tokio::test]
async fn a_revoked_token_is_replaced_once_and_nobody_notices() {
    for status in [400, 200, 401] {
        let platform = platform().await;
        platform.faults(|faults| faults.bad_token_status = status);
        let (client, _events) = bot(&platform).await;
        soon(client.send_text("oc_room", "before")).await.unwrap();
        assert_eq!(platform.revoke_tokens(APP), 1);
        let mut calls = JoinSet::new();
        for n in 0..20 {
            let client = client.clone();
            calls.spawn(async move { client.send_text("oc_room", &format!("after {n}")).await });
        }
        while let Some(sent) = soon(calls.join_next()).await {
            sent.unwrap().unwrap();
        }
        assert!(count(&platform, |kind| matches!(kind, Kind::Unauthorized { .. })) >= 1);
        assert_eq!(count(&platform, fresh_tokens), 2, "one token before, one after");
        assert_eq!(count(&platform, |kind| matches!(kind, Kind::Sent { repeated: false, .. })), 21);
    }
}

#[tokio::test]
async fn calls_that_fail_for_a_moment_are_made_again_and_arrive_once() {
    let platform = platform().await;
    // The bot knows itself, so that the call is what needs the first token.
    let (client, _events) = bot_with(&settings(&platform).own_open_id(BOT)).await;
    let moments = [
        RestFault::new(Endpoint::Send, Answer::status(429).header("x-ogw-ratelimit-reset", "1")),
        RestFault::new(Endpoint::Send, Answer::status(503)),
        RestFault { endpoint: Some(Endpoint::Send), fault: HttpFault::Drop },
        RestFault::new(Endpoint::TenantToken, Answer::status(500)),
    ];
    platform.faults(|faults| faults.rest = moments.into_iter().map(|fault| Switch::times(fault, 1)).collect());
    soon(client.send_text("oc_room", "patience")).await.unwrap();
    assert_eq!(count(&platform, |kind| matches!(kind, Kind::Sent { repeated: false, .. })), 1);
    assert!(platform.faults(|faults| faults.rest.iter().all(|fault| fault.times == Some(0))), "all of it happened");
}

#[tokio::test]
async fn calls_that_cannot_succeed_say_why() {
    let platform = platform().await;
    let (client, _events) = bot(&platform).await;
    let fault = |result: Result<_, CallError>| match result {
        Err(CallError::Failed { fault, log_id }) => (fault.kind, fault.code, log_id.is_empty()),
        other => panic!("{other:?}"),
    };
    assert_eq!(fault(soon(client.reply_text("om_nothing", "hi")).await), (CallFaultKind::TargetGone, 230_002, false));
    let forbidden = Answer::code(230_027, "Lack of necessary permissions");
    platform.faults(|faults| faults.rest = vec![Switch::times(RestFault::new(Endpoint::Send, forbidden), 1)]);
    let (kind, code, _) = fault(soon(client.send_text("oc_room", "hi")).await);
    assert_eq!((kind, code), (CallFaultKind::Permission, 230_027));
    assert_eq!(soon(client.send_text("", "hi")).await.unwrap_err(), CallError::Misuse(Misuse::Field("receive_id")));
    let long = "x".repeat(2 << 20);
    let too_long = soon(client.send("oc_room", Body::text(&long))).await.unwrap_err();
    assert!(matches!(too_long, CallError::Misuse(Misuse::TooLong { .. })), "{too_long:?}");
    // Refusals give their place in the outbox back.
    for _ in 0..300 {
        assert!(soon(client.send_text("", "hi")).await.is_err());
    }
    soon(client.send_text("oc_room", "hi")).await.unwrap();
}

#[tokio::test]
async fn a_call_that_is_never_answered_fails_in_time_and_others_go_on() {
    let platform = platform().await;
    let (client, mut events) = bot_with(&settings(&platform).call_timeout_ms(1000)).await;
    let hang = RestFault { endpoint: Some(Endpoint::Send), fault: HttpFault::Hang };
    platform.faults(|faults| faults.rest = vec![Switch::always(hang)]);
    platform.push(&text("question")).unwrap();
    let id = next(&mut events).await.message_id().unwrap();
    let (hung, answered) =
        soon(async { tokio::join!(client.send_text("oc_room", "hi"), client.reply_text(&id, "yes")) }).await;
    answered.unwrap();
    let Err(CallError::Failed { fault, .. }) = hung else { panic!("{hung:?}") };
    assert_eq!(fault.kind, CallFaultKind::Network);
}

#[tokio::test]
async fn a_call_nobody_waits_for_is_made_all_the_same() {
    let platform = platform().await;
    let (client, _events) = bot(&platform).await;
    let call =
        Call::Send { receive_id: "oc_room", receive_id_type: None, body: Body::text("forgotten"), uuid: Some("u-1") };
    drop(client.submit(call).await.unwrap());
    let calling = client.send_text("oc_room", "given up");
    assert!(tokio::time::timeout(Duration::ZERO, calling).await.is_err());
    wait_for_many(&platform, 2, |kind| matches!(kind, Kind::Sent { .. })).await;
    wait(&platform, |kind| matches!(kind, Kind::Sent { uuid: Some(uuid), .. } if uuid == "u-1")).await;
}
