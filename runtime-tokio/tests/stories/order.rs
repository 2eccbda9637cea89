//! Chats one after the other inside, side by side among each other.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use larkwire_conformance::platform::{Kind, PlatformConfig, Push};
use larkwire_tokio::core::fault::DropReason;
use larkwire_tokio::{Client, End, Event, Events};
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::clock::{Clock, eventually, seconds};
use crate::support::*;

fn say(chat: &str, words: &str) -> Push {
    Push::message(chat, "group", "ou_ann", words)
}

fn click(chat: &str) -> Push {
    Push::card_action("c-1", "om_card", chat, "ou_ann", json!({ "tag": "button" }))
}

/// A chat, and permits for its handlers.
type Gate = (String, Arc<Semaphore>);

/// What handlers have begun and ended so far. Those of a chat with a gate wait there for a permit.
#[derive(Clone, Default)]
struct Diary {
    pages: Arc<Mutex<Vec<String>>>,
    gate: Arc<Mutex<Option<Gate>>>,
}

impl Diary {
    fn close(&self, chat: &str) -> Arc<Semaphore> {
        let gate = Arc::new(Semaphore::new(0));
        self.gate.lock().unwrap().replace((chat.to_owned(), Arc::clone(&gate)));
        gate
    }

    fn write(&self, line: String) {
        self.pages.lock().unwrap().push(line);
    }

    fn pages(&self) -> Vec<String> {
        self.pages.lock().unwrap().clone()
    }

    fn len(&self) -> usize {
        self.pages.lock().unwrap().len()
    }

    fn handle(&self, client: &Client, events: Events, at_once: usize) -> JoinHandle<End> {
        let (client, diary) = (client.clone(), self.clone());
        let handler = move |_: Client, event: Event| {
            let words = event.text().unwrap_or_else(|| "a click".into());
            panic_unless(words != "panic before");
            let diary = diary.clone();
            async move {
                panic_unless(words != "panic");
                let chat = event.chat_id().unwrap_or_default();
                let gate = diary.gate.lock().unwrap().clone().filter(|(closed, _)| *closed == chat);
                if let Some((_, gate)) = gate.filter(|_| !event.is_callback()) {
                    gate.acquire().await.unwrap().forget();
                } else {
                    tokio::task::yield_now().await;
                }
                diary.write(words);
            }
        };
        tokio::spawn(async move { client.handle_by_chat(events, at_once, handler).await })
    }
}

/// A panic without the noise.
fn panic_unless(so: bool) {
    if !so {
        std::panic::resume_unwind(Box::new("a handler's own fault"));
    }
}

#[tokio::test]
async fn a_chat_keeps_its_order_and_does_not_wait_for_another() {
    let platform = platform().await;
    let (client, events) = bot(&platform).await;
    let diary = Diary::default();
    let gate = diary.close("oc_slow");
    let handling = diary.handle(&client, events, 4);
    for n in 1..=3 {
        platform.push(&say("oc_slow", &format!("slow {n}"))).unwrap();
        platform.push(&say("oc_fast", &format!("fast {n}"))).unwrap();
    }
    eventually("the fast ones are done", || diary.len() == 3).await;
    assert_eq!(diary.pages(), ["fast 1", "fast 2", "fast 3"]);
    // What has no chat waits for nobody.
    platform.push(&Push::bot_menu("help", "ou_ann")).unwrap();
    eventually("the menu is done", || diary.len() == 4).await;
    gate.add_permits(3);
    eventually("the slow ones are done", || diary.len() == 7).await;
    assert_eq!(diary.pages()[4..], ["slow 1", "slow 2", "slow 3"]);
    client.shut_down().await;
    soon(handling).await.unwrap();
    assert_faultless(&platform);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_chats_on_many_threads_keep_each_its_order() {
    let platform = platform().await;
    let (client, events) = bot(&platform).await;
    let diary = Diary::default();
    let handling = diary.handle(&client, events, 16);
    for n in 0..50 {
        for chat in 0..8 {
            platform.push(&say(&format!("oc_{chat}"), &format!("{chat} {n}"))).unwrap();
        }
    }
    eventually("all are done", || diary.len() == 400).await;
    for chat in 0..8 {
        let own: Vec<_> = diary.pages().into_iter().filter(|page| page.starts_with(&format!("{chat} "))).collect();
        assert_eq!(own, (0..50).map(|n| format!("{chat} {n}")).collect::<Vec<_>>());
    }
    client.shut_down().await;
    assert_eq!(soon(handling).await.unwrap(), End::Stopped);
}

#[tokio::test]
async fn a_handler_that_panics_does_not_hold_up_its_chat() {
    let platform = platform().await;
    let (client, events) = bot(&platform).await;
    let diary = Diary::default();
    let handling = diary.handle(&client, events, 1);
    for words in ["panic", "one", "panic before", "panic", "two", "panic before", "three"] {
        platform.push(&say("oc_room", words)).unwrap();
    }
    eventually("the others are done", || diary.len() == 3).await;
    assert_eq!(diary.pages(), ["one", "two", "three"]);
    client.shut_down().await;
    assert_eq!(soon(handling).await.unwrap(), End::Stopped);
}

/// Time stands still here: nobody is answered because a deadline came.
#[tokio::test]
async fn a_click_does_not_wait_for_what_was_said_before_it() {
    let _clock = Clock::stop();
    let platform = platform().await;
    let (client, events) = bot(&platform).await;
    let diary = Diary::default();
    let gate = diary.close("oc_room");
    let handling = diary.handle(&client, events, 2);
    for n in 1..=3 {
        tell(&platform, &say("oc_room", &format!("{n}"))).await;
    }
    platform.push(&click("oc_room")).unwrap();
    wait(&platform, |kind| matches!(kind, Kind::CallbackAnswered { latency_ms: 0, .. })).await;
    assert_eq!(diary.pages(), ["a click"]);
    gate.add_permits(3);
    eventually("the rest is done", || diary.len() == 4).await;
    assert_eq!(diary.pages()[1..], ["1", "2", "3"]);
    client.shut_down().await;
    soon(handling).await.unwrap();
}

#[tokio::test]
async fn what_was_accepted_is_handled_in_order_even_after_the_end() {
    let platform = platform().await;
    let (client, events) = bot(&platform).await;
    let diary = Diary::default();
    let gate = diary.close("oc_room");
    let handling = diary.handle(&client, events, 2);
    for n in 0..10 {
        tell(&platform, &say("oc_room", &format!("{n}"))).await;
    }
    assert_eq!(soon(client.shut_down()).await, End::Stopped);
    assert_eq!(diary.len(), 0);
    assert!(!handling.is_finished());
    gate.add_permits(10);
    assert_eq!(soon(handling).await.unwrap(), End::Stopped);
    assert_eq!(diary.pages(), (0..10).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_chat_that_floods_fills_no_memory_and_loses_nothing() {
    const MANY: usize = 120;
    /// One that runs, thirty-two behind it, eight in the inbox.
    const HELD: u64 = 1 + 2 * 16 + 8;
    let clock = Clock::stop();
    let platform = platform_with(PlatformConfig { redelivery: vec![Duration::from_secs(100); 50], ..config() }).await;
    let (client, events) = bot_with(&settings(&platform).inbox(8)).await;
    let diary = Diary::default();
    let gate = diary.close("oc_flood");
    let handling = diary.handle(&client, events, 2);
    for n in 0..MANY {
        platform.push(&say("oc_flood", &format!("{n}"))).unwrap();
    }
    wait_for_many(&platform, HELD as usize, settled).await;
    // For two seconds there might be room; then the rest is left to the platform.
    clock.advance(seconds(2)).await;
    eventually("the rest is refused", || client.stats().dropped(DropReason::InboxFull) == MANY as u64 - HELD).await;
    assert_eq!((client.stats().accepted, diary.len()), (HELD, 0));
    gate.add_permits(MANY);
    while diary.len() < MANY {
        clock.advance(seconds(1)).await;
        tokio::task::yield_now().await;
    }
    let pages = diary.pages();
    assert_eq!(pages[..HELD as usize], (0..HELD).map(|n| n.to_string()).collect::<Vec<_>>());
    assert_eq!(pages.iter().collect::<HashSet<_>>().len(), MANY, "each once");
    assert_eq!(count(&platform, |kind| matches!(kind, Kind::Upgraded { .. })), 1, "the link stood");
    soon(client.shut_down()).await;
    soon(handling).await.unwrap();
}
