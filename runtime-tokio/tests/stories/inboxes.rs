//! Where events go: full inboxes, slow ones, and those that decide for themselves.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use larkwire_conformance::platform::{Kind, PlatformConfig};
use larkwire_tokio::connect::NetConnect;
use larkwire_tokio::core::fault::DropReason;
use larkwire_tokio::core::{self, Verdict};
use larkwire_tokio::{Client, End, Inbox, Offer, State};
use tokio::sync::mpsc;

use crate::support::*;

/// Takes everything.
#[derive(Clone, Default)]
pub(crate) struct Unbounded(Arc<Mutex<Vec<String>>>);

impl Unbounded {
    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

impl Inbox for Unbounded {
    async fn ready(&mut self) -> usize {
        1000
    }

    fn offer(&mut self, event: &core::Event<'_>) -> Offer {
        self.0.lock().unwrap().push(event.json().to_owned());
        Offer::Decided(Verdict::Accepted)
    }
}

#[tokio::test]
async fn a_full_inbox_refuses_and_what_it_refused_comes_again() {
    let platform = platform().await;
    let (client, mut events) = bot_with(&settings(&platform).inbox(2)).await;
    for n in 0..5 {
        platform.push(&text(&format!("{n}"))).unwrap();
    }
    wait_for_many(&platform, 2, settled).await;
    wait_for_many(&platform, 3, |kind| matches!(kind, Kind::Unacked { .. })).await;
    assert_eq!(count(&platform, |kind| matches!(kind, Kind::Acked { .. })), 2, "refusing says nothing");
    assert!(client.stats().dropped(DropReason::InboxFull) >= 3);
    let mut texts = Vec::new();
    for _ in 0..5 {
        texts.push(next(&mut events).await.text().unwrap());
    }
    texts.sort();
    assert_eq!(texts, ["0", "1", "2", "3", "4"]);
    wait_for_many(&platform, 5, settled).await;
    assert_eq!(client.stats().accepted, 5);
    assert_eq!(count(&platform, |kind| matches!(kind, Kind::Upgraded { .. })), 1, "the link stood");
    assert_faultless(&platform);
}

#[tokio::test]
async fn room_that_comes_in_time_saves_the_redelivery() {
    let platform = platform().await;
    let (client, mut events) = bot_with(&settings(&platform).inbox(1)).await;
    platform.push(&text("first")).unwrap();
    wait(&platform, settled).await;
    platform.push(&text("second")).unwrap();
    wait_for_many(&platform, 2, |kind| matches!(kind, Kind::Pushed { .. })).await;
    assert_eq!(next(&mut events).await.text().as_deref(), Some("first"));
    assert_eq!(next(&mut events).await.text().as_deref(), Some("second"));
    wait_for_many(&platform, 2, settled).await;
    assert_eq!(client.stats().dropped(DropReason::InboxFull), 0);
    assert_eq!(count(&platform, |kind| matches!(kind, Kind::Redelivered { .. })), 0);
}

#[tokio::test]
async fn nobody_listens_so_the_platform_keeps_its_events() {
    let platform = platform_with(PlatformConfig { ack_timeout: Duration::from_millis(300), ..config() }).await;
    let (client, events) = bot(&platform).await;
    drop(events);
    platform.push(&text("for the next one")).unwrap();
    wait_for_many(&platform, 2, |kind| matches!(kind, Kind::Unacked { .. })).await;
    assert_eq!(count(&platform, |kind| matches!(kind, Kind::Acked { .. })), 0);
    assert_eq!(client.state(), State::Open);
    assert_eq!(soon(client.shut_down()).await, End::Stopped);
    let (_second, mut events) = bot(&platform).await;
    assert_eq!(next(&mut events).await.text().as_deref(), Some("for the next one"));
}

#[tokio::test]
async fn a_bot_lives_on_without_handles() {
    let platform = platform().await;
    let (client, mut events) = bot(&platform).await;
    drop(client);
    platform.push(&text("still there")).unwrap();
    assert_eq!(next(&mut events).await.text().as_deref(), Some("still there"));
    wait(&platform, settled).await;
}

/// It promises room for nothing, again and again.
struct Nothing(Unbounded);

impl Inbox for Nothing {
    async fn ready(&mut self) -> usize {
        0
    }

    fn offer(&mut self, event: &core::Event<'_>) -> Offer {
        self.0.offer(event)
    }
}

#[tokio::test]
async fn an_inbox_that_is_ready_for_nothing_stops_nobody() {
    let platform = platform().await;
    let inbox = Unbounded::default();
    let transport = NetConnect::new(&[]).unwrap();
    let client = Client::start_with(&settings(&platform), transport, Nothing(inbox.clone())).unwrap();
    platform.push(&text("hello")).unwrap();
    wait(&platform, settled).await;
    assert_eq!(inbox.len(), 1);
    assert_eq!(soon(client.shut_down()).await, End::Stopped);
}

/// A disk: events are decided when it says so.
struct Disk {
    offered: mpsc::UnboundedSender<String>,
    verdicts: mpsc::UnboundedReceiver<Verdict>,
}

impl Inbox for Disk {
    async fn ready(&mut self) -> usize {
        10
    }

    fn offer(&mut self, event: &core::Event<'_>) -> Offer {
        let id = event.event_id().map(|id| id.to_string()).unwrap_or_default();
        let _ = self.offered.send(id);
        Offer::Pending
    }

    async fn finish(&mut self) -> Verdict {
        match self.verdicts.recv().await {
            Some(verdict) => verdict,
            None => std::future::pending().await,
        }
    }
}

fn disk() -> (Disk, mpsc::UnboundedReceiver<String>, mpsc::UnboundedSender<Verdict>) {
    let (offered, offers) = mpsc::unbounded_channel();
    let (decide, verdicts) = mpsc::unbounded_channel();
    (Disk { offered, verdicts }, offers, decide)
}

#[tokio::test]
async fn an_event_is_acknowledged_once_the_inbox_says_it_is_safe() {
    let platform = platform().await;
    let (disk, mut offers, decide) = disk();
    let client = Client::start_with(&settings(&platform), NetConnect::new(&[]).unwrap(), disk).unwrap();
    for id in ["accepted", "discarded", "refused"] {
        platform.push(&text(id).event_id(id)).unwrap();
    }
    let acked = |id: &'static str| move |kind: &Kind| matches!(kind, Kind::Acked { event_id, settled: true, .. } if event_id == id);
    assert_eq!(soon(offers.recv()).await.unwrap(), "accepted");
    assert_eq!(count(&platform, |kind| matches!(kind, Kind::Acked { .. })), 0);
    decide.send(Verdict::Accepted).unwrap();
    wait(&platform, acked("accepted")).await;
    assert_eq!(soon(offers.recv()).await.unwrap(), "discarded");
    assert_eq!(count(&platform, |kind| matches!(kind, Kind::Acked { .. })), 1);
    decide.send(Verdict::Discarded).unwrap();
    wait(&platform, acked("discarded")).await;
    assert_eq!(soon(offers.recv()).await.unwrap(), "refused");
    decide.send(Verdict::Refused).unwrap();
    assert_eq!(soon(offers.recv()).await.unwrap(), "refused", "it comes again");
    assert_eq!(count(&platform, acked("refused")), 0);
    decide.send(Verdict::Accepted).unwrap();
    wait(&platform, acked("refused")).await;
    let stats = client.stats();
    assert_eq!((stats.accepted, stats.dropped(DropReason::Discarded)), (2, 1));
    assert_faultless(&platform);
}

#[tokio::test]
async fn an_event_that_became_safe_too_late_is_not_delivered_twice() {
    let platform = platform().await;
    let (disk, mut offers, decide) = disk();
    let client = Client::start_with(&settings(&platform), NetConnect::new(&[]).unwrap(), disk).unwrap();
    platform.push(&text("slow").event_id("slow")).unwrap();
    assert_eq!(soon(offers.recv()).await.unwrap(), "slow");
    wait(&platform, |kind| matches!(kind, Kind::Unacked { .. })).await;
    assert_eq!(client.stats().dropped(DropReason::InboxFull), 1);
    decide.send(Verdict::Accepted).unwrap();
    wait(&platform, |kind| matches!(kind, Kind::Acked { event_id, settled: true, .. } if event_id == "slow")).await;
    assert!(offers.try_recv().is_err(), "the redelivery was known");
    platform.push(&text("next").event_id("next")).unwrap();
    assert_eq!(soon(offers.recv()).await.unwrap(), "next");
}

#[tokio::test]
async fn stopping_does_not_wait_for_an_inbox_that_hangs() {
    let platform = platform().await;
    let (disk, mut offers, _decide) = disk();
    let client = Client::start_with(&settings(&platform), NetConnect::new(&[]).unwrap(), disk).unwrap();
    platform.push(&text("stuck").event_id("stuck")).unwrap();
    soon(offers.recv()).await.unwrap();
    assert_eq!(soon(client.shut_down()).await, End::Stopped);
    wait(&platform, said_goodbye).await;
    assert_eq!(count(&platform, |kind| matches!(kind, Kind::Acked { .. })), 0);
}
