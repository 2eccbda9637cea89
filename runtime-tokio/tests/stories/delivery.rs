//! Events come in once, and are acknowledged whatever becomes of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use larkwire_conformance::platform::{Kind, PlatformConfig, Push};
use larkwire_tokio::core::fault::DropReason;
use larkwire_tokio::{Client, End, Event};
use serde_json::json;

use crate::support::*;
use crate::traffic::Watched;

#[tokio::test]
async fn messages_of_every_shape_arrive_once_and_are_acknowledged_to_the_letter() {
    let platform = platform().await;
    let (client, mut events) = bot(&platform).await;
    let long = "很长的消息 🚀 ".repeat(4000);
    let pushes = [
        text("good morning"),
        text("你好,机器人!"),
        text("お疲れさまです 🙇 👩‍👩‍👧‍👦").parts(3),
        text("\"quotes\" \\ and\nlines").parts(7).part_order([6, 0, 5, 1, 4, 2, 3]),
        text("sent twice").times(2),
        text("split and sent twice 再见").parts(2).times(2),
        text(&long).parts(5),
        text("with every field").log_id_new("L1").payload_type("json").payload_encoding("").header("x-custom", "1"),
        // Cut inside a character, and with an empty part.
        text("字字字").split_at([300, 301, 302, 302]),
    ];
    let sent: Vec<String> = pushes
        .iter()
        .enumerate()
        .map(|(index, push)| {
            platform.push(&push.clone().event_id(format!("event-{index}"))).unwrap();
            format!("event-{index}")
        })
        .collect();
    let mut got = Vec::new();
    for _ in &sent {
        let event = next(&mut events).await;
        assert_eq!(event.event_type(), "im.message.receive_v1");
        assert_eq!(event.chat_id().as_deref(), Some("oc_room"));
        got.push((event.event_id(), event.full_text().unwrap()));
    }
    got.sort();
    let texts: Vec<_> = got.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(got.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>(), sent);
    assert_eq!(texts[1], "你好,机器人!");
    assert_eq!(texts[2], "お疲れさまです 🙇 👩‍👩‍👧‍👦");
    assert_eq!(texts[3], "\"quotes\" \\ and\nlines");
    assert_eq!(texts[6], long);
    wait_for_many(&platform, sent.len() + 2, settled).await;
    assert_faultless(&platform);
    let stats = client.stats();
    assert_eq!((stats.accepted, stats.dropped(DropReason::Duplicate)), (sent.len() as u64, 2));
    client.shut_down().await;
    assert!(events.recv().await.is_none(), "nothing came twice");
}

#[tokio::test]
async fn interleaved_messages_are_told_apart() {
    let platform = platform().await;
    let (_client, mut events) = bot(&platform).await;
    let pushes: Vec<Push> = (0..6).map(|n| text(&format!("message {n}")).parts(4)).collect();
    platform.push_interleaved(&pushes).unwrap();
    let mut texts = Vec::new();
    for _ in &pushes {
        texts.push(next(&mut events).await.text().unwrap());
    }
    texts.sort();
    assert_eq!(texts, (0..6).map(|n| format!("message {n}")).collect::<Vec<_>>());
    wait_for_many(&platform, 6, settled).await;
    assert_faultless(&platform);
}

#[tokio::test]
async fn what_is_no_message_arrives_too_and_a_callback_is_answered() {
    let platform = platform().await;
    let (_client, mut events) = bot(&platform).await;
    platform.push(&Push::event("im.chat.updated_v1", json!({"chat_id": "oc_1"}))).unwrap();
    let event = next(&mut events).await;
    assert_eq!((event.event_type().as_str(), event.message_id()), ("im.chat.updated_v1", None));
    assert!(event.json().contains(r#""chat_id":"oc_1""#));
    platform.push(&Push::event("card.action.trigger", json!({"action": {"tag": "button"}}))).unwrap();
    assert!(next(&mut events).await.view().is_callback());
    let answered =
        |kind: &Kind| matches!(kind, Kind::Acked { data: Some(data), settled: true, .. } if *data == json!({}));
    wait(&platform, answered).await;
    assert_faultless(&platform);
}

#[tokio::test]
async fn a_lost_acknowledgement_costs_no_second_delivery() {
    let config = PlatformConfig { ack_timeout: std::time::Duration::from_millis(200), ..config() };
    let platform = platform_with(config).await;
    let (client, mut events) = bot(&platform).await;
    platform.faults(|faults| faults.ignore_acks = true);
    platform.push(&text("once")).unwrap();
    assert_eq!(next(&mut events).await.text().as_deref(), Some("once"));
    wait(&platform, |kind| matches!(kind, Kind::Redelivered { .. })).await;
    platform.faults(|faults| faults.ignore_acks = false);
    wait(&platform, settled).await;
    assert!(client.stats().dropped(DropReason::Duplicate) >= 1);
    platform.push(&text("after")).unwrap();
    assert_eq!(next(&mut events).await.text().as_deref(), Some("after"));
    assert_faultless(&platform);
}

/// A panic without the noise.
fn fail() -> ! {
    std::panic::resume_unwind(Box::new("a handler's own fault"))
}

#[tokio::test]
async fn handlers_that_panic_or_never_return_disturb_nobody() {
    let platform = platform().await;
    let (client, events) = bot(&platform).await;
    let handled = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&handled);
    let handling = {
        let client = client.clone();
        tokio::spawn(async move {
            let handler = move |client: Client, event: Event| {
                let counter = Arc::clone(&counter);
                async move {
                    counter.fetch_add(1, Ordering::SeqCst);
                    match event.text().as_deref() {
                        Some("panic") => fail(),
                        Some("hang") => std::future::pending().await,
                        _ => drop(client.reply_text(&event.message_id().unwrap(), "fine").await.unwrap()),
                    }
                }
            };
            client.handle(events, 8, handler).await
        })
    };
    for word in ["panic", "hang", "one", "panic", "hang", "two", "panic", "three"] {
        platform.push(&text(word)).unwrap();
    }
    wait_for_many(&platform, 8, settled).await;
    wait_for_many(&platform, 3, |kind| matches!(kind, Kind::Replied { .. })).await;
    assert_eq!(handled.load(Ordering::SeqCst), 8);
    assert_eq!(count(&platform, |kind| matches!(kind, Kind::Upgraded { .. })), 1, "the link stood");
    assert_eq!(soon(client.shut_down()).await, End::Stopped);
    assert!(!handling.is_finished(), "the two that hang are still waited for");
    assert_faultless(&platform);
}

/// The part of a handler before its `async` block runs when the future is made.
#[tokio::test]
async fn a_handler_that_panics_before_its_first_await_costs_its_own_event_only() {
    let platform = platform().await;
    let (client, events) = bot(&platform).await;
    let handling = {
        let client = client.clone();
        let handler = |client: Client, event: Event| {
            let text = event.text().filter(|text| text != "panic").unwrap_or_else(|| fail());
            async move { drop(client.reply_text(&event.message_id().unwrap(), &text).await.unwrap()) }
        };
        tokio::spawn(async move { client.handle(events, 8, handler).await })
    };
    platform.push(&text("panic")).unwrap();
    platform.push(&text("fine")).unwrap();
    wait(&platform, |kind| matches!(kind, Kind::Replied { .. })).await;
    client.shut_down().await;
    assert_eq!(soon(handling).await.unwrap(), End::Stopped);
}

#[tokio::test]
async fn one_handler_at_a_time_keeps_the_order() {
    let platform = platform().await;
    let (client, events) = bot(&platform).await;
    let handling = {
        let client = client.clone();
        let handler = async |client: Client, event: Event| {
            drop(client.reply_text(&event.message_id().unwrap(), &event.text().unwrap()).await.unwrap());
        };
        tokio::spawn(async move { client.handle(events, 0, handler).await })
    };
    for n in 0..10 {
        platform.push(&text(&format!("{n}"))).unwrap();
    }
    wait_for_many(&platform, 10, |kind| matches!(kind, Kind::Replied { .. })).await;
    client.shut_down().await;
    soon(handling).await.unwrap();
    let replies: Vec<_> = platform
        .records()
        .into_iter()
        .filter_map(|record| match record.kind {
            Kind::Replied { content, .. } => Some(content),
            _ => None,
        })
        .collect();
    assert_eq!(replies, (0..10).map(|n| format!(r#"{{"text":"{n}"}}"#)).collect::<Vec<_>>());
}

#[tokio::test]
async fn acknowledgements_leave_in_as_few_writes_as_the_reads_they_came_by() {
    const MANY: usize = 500;
    let platform = platform().await;
    let settings = settings(&platform);
    let watched = Watched::new();
    let inbox = crate::inboxes::Unbounded::default();
    let client = Client::start_with(&settings, watched.clone(), inbox.clone()).unwrap();
    until(&client, |state| state == larkwire_tokio::State::Open).await;
    wait(&platform, |kind| matches!(kind, Kind::Pinged { .. })).await;
    while client.stats().pongs == 0 {
        tokio::task::yield_now().await;
    }
    let before = watched.socket();
    let pushes: Vec<Push> = (0..MANY).map(|n| text(&format!("message {n}"))).collect();
    platform.push_interleaved(&pushes).unwrap();
    wait_for_many(&platform, MANY, settled).await;
    assert_eq!(inbox.len(), MANY);
    let after = watched.socket();
    let (reads, writes) = (after.reads - before.reads, after.writes - before.writes);
    assert!(writes <= reads + 1, "{writes} writes for {reads} reads");
    assert!(writes * 5 < MANY, "{writes} writes for {MANY} acks");
    assert_faultless(&platform);
}
