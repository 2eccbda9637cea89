//! Room in the application's inbox, verdicts, and duplicates (protocol sections 8.3, 10).

use larkwire_core::fault::DropReason;
use larkwire_core::{Closed, Config, Lane, Notice, State, Storage, Verdict};

use crate::support::*;

fn hold() -> World {
    let mut w = World::new().open();
    w.script.app = App::Hold;
    w
}

fn send(w: &mut World, n: u32) {
    w.event(&format!("m{n}"), &message_json(&format!("e{n}"), &format!("om_{n}"), "x"));
}

fn callback(w: &mut World, n: u32) {
    w.event(&format!("c{n}"), &other_json(&format!("ec{n}"), "card.action.trigger"));
}

#[test]
fn an_event_nobody_takes_is_refused_silently_after_two_seconds() {
    for told in [None, Some(0), Some(5)] {
        let mut w = hold();
        if let Some(room) = told {
            w.room(room);
        }
        send(&mut w, 1);
        w.advance(1999);
        assert!(w.bot.poll_delivery().is_some());
        w.advance(1);
        assert!(w.bot.poll_delivery().is_none());
        assert_eq!((w.acks.len(), w.dropped(DropReason::InboxFull)), (0, 1));
        // What a person needs to find the event in the console's log.
        let told = w.notices.iter().find_map(|(_, notice)| match notice {
            Notice::Dropped { reason: DropReason::InboxFull, bytes, trace_id, .. } => Some((*bytes, *trace_id)),
            _ => None,
        });
        let (bytes, trace_id) = told.unwrap();
        assert!(bytes > 0 && !trace_id.is_empty(), "{bytes} bytes, trace id {trace_id}");
    }
}

#[test]
fn after_a_stall_events_are_refused_at_once_until_room_is_told() {
    let mut w = hold();
    w.room(5);
    send(&mut w, 1);
    assert!(!w.bot.is_room_wanted());
    w.advance(2000);
    // A runtime that told room before the stall is asked for it again: nobody stays deaf.
    assert!(w.bot.is_room_wanted());
    for n in 2..10 {
        send(&mut w, n);
        assert!(w.bot.poll_delivery().is_none());
    }
    assert_eq!((w.acks.len(), w.dropped(DropReason::InboxFull)), (0, 9));
    w.room(0);
    send(&mut w, 10);
    assert!(w.bot.poll_delivery().is_none() && w.bot.is_room_wanted());
    w.room(2);
    assert!(!w.bot.is_room_wanted());
    w.script.app = App::Accept;
    for n in 1..=10 {
        send(&mut w, n);
    }
    assert_eq!(w.ids(), ["e1", "e2", "e3", "e4", "e5", "e6", "e7", "e8", "e9", "e10"], "all of them were forgotten");
    assert_eq!(w.acks.len(), 10);
}

#[test]
fn while_one_event_waits_pings_and_owed_acks_go_on() {
    let mut w = World::new();
    w.script.pong = Pong::Payload(r#"{"PingInterval":5}"#.to_owned());
    let mut w = w.open();
    w.script.app = App::Hold;
    w.advance(4000);
    send(&mut w, 1);
    w.raw(&ws(9, b"behind it"));
    w.advance(1500);
    assert_eq!((w.pings.len(), w.ws_pongs.len()), (2, 0), "the ws ping stands behind the event");
    w.advance(500);
    assert_eq!(w.ws_pongs.len(), 1, "for two seconds at most");
}

#[test]
fn a_callback_is_never_refused_but_answered_empty_and_counted_as_lost() {
    let mut w = hold();
    callback(&mut w, 1);
    w.advance(2000);
    assert_eq!((w.ack_texts(), w.bot.stats().callbacks_lost), (vec![r#"{"code":200,"data":"e30="}"#], 1));
    callback(&mut w, 2);
    assert_eq!((w.acks.len(), w.acks[1].at, w.bot.stats().callbacks_lost), (2, 2000, 2), "at once during the stall");
    w.room(1);
    callback(&mut w, 3);
    w.decide(Verdict::Refused);
    assert_eq!((w.acks.len(), w.bot.stats().callbacks_lost), (3, 3));
}

#[test]
fn a_refused_event_leaves_no_trace() {
    let mut w = hold();
    send(&mut w, 1);
    w.decide(Verdict::Refused);
    assert_eq!(w.acks.len(), 0);
    w.script.app = App::Accept;
    send(&mut w, 1);
    assert_eq!((w.ids(), w.acks.len(), w.dropped(DropReason::Duplicate)), (vec!["e1"], 1, 0));
}

#[test]
fn a_discarded_event_is_acked_and_reported() {
    let mut w = hold();
    send(&mut w, 1);
    w.decide(Verdict::Discarded);
    assert_eq!((w.acks.len(), w.dropped(DropReason::Discarded), w.bot.stats().accepted), (1, 1, 0));
}

#[test]
fn a_late_acceptance_writes_no_ack_but_stops_the_redelivery() {
    let mut w = hold();
    send(&mut w, 1);
    let id = w.bot.poll_delivery().unwrap().id();
    w.advance(2000);
    w.fact(|bot, now| bot.handle_delivered(now, id, Verdict::Accepted));
    w.run();
    assert_eq!(w.acks.len(), 0);
    w.room(1);
    send(&mut w, 1);
    assert!(w.bot.poll_delivery().is_none());
    assert_eq!((w.acks.len(), w.dropped(DropReason::Duplicate)), (1, 1));
}

#[test]
fn other_late_and_repeated_verdicts_change_nothing() {
    let mut w = hold();
    send(&mut w, 1);
    let id = w.bot.poll_delivery().unwrap().id();
    w.advance(2000);
    for verdict in [Verdict::Refused, Verdict::Discarded] {
        w.fact(|bot, now| bot.handle_delivered(now, id, verdict));
    }
    w.room(1);
    send(&mut w, 1);
    let again = w.bot.poll_delivery().expect("offered again").id();
    assert_ne!(id, again);
    w.fact(|bot, now| bot.handle_delivered(now, id, Verdict::Discarded));
    assert!(w.bot.poll_delivery().is_some(), "an old verdict does not decide the new offer");
    w.decide(Verdict::Accepted);
    w.fact(|bot, now| bot.handle_delivered(now, again, Verdict::Accepted));
    w.fact(|bot, now| bot.handle_delivered(now, again, Verdict::Refused));
    w.run();
    assert_eq!((w.acks.len(), w.bot.stats().accepted), (1, 1));
}

#[test]
fn a_verdict_after_the_connection_is_gone_is_remembered() {
    let mut w = hold();
    send(&mut w, 1);
    let id = w.bot.poll_delivery().unwrap().id();
    w.cut(Lane::Socket, Closed::Reset);
    assert!(w.bot.poll_delivery().is_none());
    w.fact(|bot, now| bot.handle_delivered(now, id, Verdict::Accepted));
    w.until_open(31_000);
    send(&mut w, 1);
    assert_eq!((w.acks.len(), w.dropped(DropReason::Duplicate)), (1, 1));
}

#[test]
fn events_wait_in_order_behind_the_first() {
    let mut w = hold();
    let all: Vec<u8> = (0..5)
        .flat_map(|n| ws(2, &event_frame(&format!("m{n}"), &message_json(&format!("e{n}"), &format!("om_{n}"), "x"))))
        .collect();
    w.raw(&all);
    for n in 0..5 {
        assert_eq!(w.bot.poll_delivery().unwrap().event_id().unwrap().to_string(), format!("e{n}"));
        w.advance(1900);
        w.decide(Verdict::Accepted);
    }
    assert_eq!((w.acks.len(), w.dropped(DropReason::InboxFull)), (5, 0), "each has its own two seconds");
}

#[test]
fn a_redelivery_is_stopped_by_either_id_also_after_a_reconnect() {
    let mut w = World::new().open();
    w.event("m1", &message_json("e1", "om_1", "x"));
    w.event("m2", &message_json("e1", "om_1", "x"));
    w.event("m3", &message_json("e2", "om_1", "x"));
    w.event("m4", &message_json("e1", "om_2", "x"));
    w.cut(Lane::Socket, Closed::Reset);
    w.until_open(31_000);
    for after in [15_000, 300_000, 3_600_000, 21_600_000] {
        w.advance(after);
        w.event("m5", &message_json("e1", "om_1", "x"));
    }
    assert_eq!((w.ids(), w.dropped(DropReason::Duplicate), w.acks.len()), (vec!["e1"], 7, 8));
    w.event("m6", &message_json("om_1", "e1", "x"));
    assert_eq!(w.delivered.len(), 2, "the two kinds of ids do not mix");
}

#[test]
fn a_short_window_forgets_as_documented() {
    let mut w = World::with(Config { dedup_window_ms: 1_800_000, ..config() }, Storage::growable()).open();
    // A board's memory is exact to 256 ms.
    let after = if cfg!(target_pointer_width = "64") { 1 } else { 256 };
    for (after, delivered) in [(0, 1), (1_800_000, 1), (after, 2)] {
        w.advance(after);
        w.event("m1", &message_json("e1", "om_1", "x"));
        assert_eq!(w.delivered.len(), delivered);
    }
}

#[test]
fn ids_are_compared_as_text_not_as_they_are_escaped() {
    let mut w = World::new().open();
    w.event("m1", &message_json("e1", "om_1", "x"));
    w.event(
        "m2",
        &message_json("e1", "om_1", "x").replace("\"e1\"", "\"\\u0065\\u0031\"").replace("\"om_1\"", "\"om_9\""),
    );
    assert_eq!((w.delivered.len(), w.dropped(DropReason::Duplicate)), (1, 1));
}

#[test]
fn a_full_table_forgets_the_oldest_and_says_so() {
    let mut w = World::small().open();
    for n in 0..1000 {
        send(&mut w, n);
    }
    assert_eq!((w.delivered.len(), w.bot.stats().seen_evicted), (1000, 2000 - 256));
    send(&mut w, 999);
    send(&mut w, 0);
    assert_eq!(w.delivered.len(), 1001, "only the oldest comes through again");
}

#[test]
fn an_application_that_never_answers_does_not_cost_the_link() {
    let mut w = hold();
    for n in 0..200 {
        send(&mut w, n);
        w.advance(10_000);
    }
    assert_eq!((w.bot.state(), w.faults(), w.acks.len()), (State::Open, vec![], 0));
}
