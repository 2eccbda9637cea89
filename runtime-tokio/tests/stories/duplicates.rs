//! What the platform sends twice is heard once, hours later, too.

use std::time::Duration;

use larkwire_conformance::platform::{Kind, Platform, PlatformConfig, Push};
use larkwire_tokio::core::fault::DropReason;
use larkwire_tokio::{Events, State};
use serde_json::json;

use crate::clock::{Clock, hours, seconds};
use crate::support::*;

const MINUTE: Duration = Duration::from_secs(60);
const TWENTY_MINUTES: Duration = Duration::from_secs(20 * 60);

/// A platform whose waits take as long as they do.
async fn unhurried() -> Platform {
    platform_with(PlatformConfig { clock_scale: 1.0, ..config() }).await
}

async fn pushed(platform: &Platform, times: usize) {
    wait_for_many(platform, times, |kind| matches!(kind, Kind::Pushed { .. })).await;
    wait_for_many(platform, times, settled).await;
}

async fn says(events: &mut Events, text: &str) {
    assert_eq!(next(events).await.text().as_deref(), Some(text));
}

#[tokio::test]
async fn copies_minutes_and_hours_later_are_acknowledged_and_not_heard_again() {
    let clock = Clock::stop();
    let platform = unhurried().await;
    let (client, mut events) = bot(&platform).await;
    let copies = [TWENTY_MINUTES, hours(7), hours(13)];
    platform.push(&copies.into_iter().fold(text("once"), Push::again_after)).unwrap();
    pushed(&platform, 1).await;
    // The last minute is left for the copy, which wants its acknowledgement before time goes on.
    clock.run(&client, TWENTY_MINUTES - MINUTE).await;
    clock.advance(MINUTE).await;
    pushed(&platform, 2).await;
    clock.run(&client, hours(7) - TWENTY_MINUTES - MINUTE).await;
    clock.advance(MINUTE).await;
    pushed(&platform, 3).await;
    assert_eq!((client.stats().accepted, client.stats().dropped(DropReason::Duplicate)), (1, 2));
    tell(&platform, &text("meanwhile")).await;
    says(&mut events, "once").await;
    says(&mut events, "meanwhile").await;
    // Twelve hours are remembered: twice as long as any redelivery takes.
    clock.run(&client, hours(6) - MINUTE).await;
    clock.advance(MINUTE).await;
    says(&mut events, "once").await;
    pushed(&platform, 5).await;
    let stats = client.stats();
    assert_eq!((stats.links, stats.link_faults), (1, 0), "thirteen hours on one connection");
    assert!(stats.pongs >= 13 * 29, "{} pongs", stats.pongs);
    assert_faultless(&platform);
}

#[tokio::test]
async fn a_machine_that_slept_for_hours_remembers_all_the_same() {
    let clock = Clock::stop();
    let platform = unhurried().await;
    let (client, mut events) = bot(&platform).await;
    platform.push(&text("once").again_after(TWENTY_MINUTES).again_after(hours(7))).unwrap();
    pushed(&platform, 1).await;
    clock.advance(TWENTY_MINUTES).await;
    pushed(&platform, 2).await;
    clock.advance(hours(7)).await;
    pushed(&platform, 3).await;
    platform.push(&text("good morning")).unwrap();
    says(&mut events, "once").await;
    says(&mut events, "good morning").await;
    assert_eq!((client.stats().links, client.stats().dropped(DropReason::Duplicate)), (1, 2));
}

#[tokio::test]
async fn a_connection_in_between_changes_nothing() {
    let clock = Clock::stop();
    let platform = unhurried().await;
    let (client, mut events) = bot(&platform).await;
    platform.push(&text("once").again_after(TWENTY_MINUTES)).unwrap();
    pushed(&platform, 1).await;
    assert_eq!(platform.cut(APP), 1);
    until(&client, |state| matches!(state, State::Waiting { .. })).await;
    clock.advance(seconds(2)).await;
    until(&client, |state| state == State::Open).await;
    clock.advance(TWENTY_MINUTES).await;
    pushed(&platform, 2).await;
    platform.push(&text("after")).unwrap();
    says(&mut events, "once").await;
    says(&mut events, "after").await;
    assert_eq!(client.stats().links, 2);
}

/// Some redeliveries have a new event_id for the same message, in either envelope; other events know no message.
#[tokio::test]
async fn a_message_is_known_by_its_own_id_and_another_event_by_that_of_the_event() {
    let platform = platform().await;
    let (client, mut events) = bot(&platform).await;
    let said = || text("once").message_id("om_1");
    for push in [said(), said().event_id("another"), said().v1(), text("once").event_id("another").message_id("om_1")] {
        tell(&platform, &push).await;
    }
    let menu = || Push::bot_menu("help", "ou_ann").event_id("menu");
    tell(&platform, &menu()).await;
    tell(&platform, &menu()).await;
    // The same button again, the same reaction once more: people do that.
    for _ in 0..2 {
        tell(&platform, &Push::reaction("om_1", "SMILE", "ou_ann")).await;
        let button = json!({ "tag": "button", "value": "yes" });
        platform.push(&Push::card_action("c-1", "om_card", "oc_room", "ou_ann", button)).unwrap();
    }
    let mut types = Vec::new();
    for _ in 0..6 {
        let event = next(&mut events).await;
        if event.is_callback() {
            client.respond(&event, "{}").unwrap();
        }
        types.push(event.event_type());
    }
    let known = |wanted: &str| types.iter().filter(|known| known.as_str() == wanted).count();
    assert_eq!(known("im.message.receive_v1"), 1);
    assert_eq!(known("application.bot.menu_v6"), 1);
    assert_eq!((known("im.message.reaction.created_v1"), known("card.action.trigger")), (2, 2));
    assert_eq!(client.stats().dropped(DropReason::Duplicate), 4);
    assert_faultless(&platform);
}

#[tokio::test]
async fn a_shorter_memory_is_as_long_as_it_was_asked_for() {
    let clock = Clock::stop();
    let platform = unhurried().await;
    let settings = settings(&platform).dedup_window_ms(30 * 60 * 1000);
    let (client, mut events) = bot_with(&settings).await;
    platform.push(&text("twice").again_after(TWENTY_MINUTES).again_after(2 * TWENTY_MINUTES)).unwrap();
    pushed(&platform, 1).await;
    clock.advance(TWENTY_MINUTES).await;
    pushed(&platform, 2).await;
    assert_eq!(client.stats().accepted, 1);
    clock.advance(TWENTY_MINUTES).await;
    pushed(&platform, 3).await;
    says(&mut events, "twice").await;
    says(&mut events, "twice").await;
    assert_eq!(client.stats().dropped(DropReason::Duplicate), 1);
}
