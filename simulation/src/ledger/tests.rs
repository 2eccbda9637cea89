//! The ledger does not believe a bot that drops what it had to hand over.

use larkwire_core::fault::DropReason;

use super::{Delivery, Event, Ledger, Sort};
use crate::clock::{HOUR, MINUTE, UNIX};
use crate::plan::Plan;

/// A ledger with the event `e0`, pushed at once as `t0`.
fn ledger(delivery: impl FnOnce(&mut Delivery)) -> Ledger {
    let mut ledger = Ledger::of(&Plan { stale_after_ms: 0, ..Plan::of(1) });
    let (sort, created) = (Sort::Message, UNIX);
    let event = Event { sort, pad: 9, created, taken: None, acked: false, redeliveries: 0, dropped: None };
    ledger.events.push(event);
    let json = ledger.json(0, false).len();
    let mut sent = Delivery { json, frame: json + 100, ..Delivery::whole(Some(0), 1, 0) };
    delivery(&mut sent);
    ledger.deliveries.push(sent);
    ledger
}

fn drops(ledger: &mut Ledger, reason: DropReason) -> bool {
    ledger.dropped(reason, "t0", MINUTE).is_ok()
}

#[test]
fn no_reason_explains_the_loss_of_an_ordinary_event() {
    for reason in DropReason::ALL.into_iter().filter(|reason| *reason != DropReason::InboxFull) {
        let mut ledger = ledger(|_| {});
        assert!(!drops(&mut ledger, reason), "{reason:?}");
    }
    // Without a room there is no ack.
    let mut ledger = ledger(|_| {});
    assert!(drops(&mut ledger, DropReason::InboxFull));
    assert!(ledger.acked(0, 1, None).is_err());
}

#[test]
fn what_the_storage_cannot_hold_is_too_big() {
    let too_big = |change: &dyn Fn(&mut Delivery)| drops(&mut ledger(change), DropReason::TooBig);
    let message = Plan::of(1).size.message;
    assert!(too_big(&|delivery| delivery.frame = message));
    assert!(too_big(&|delivery| delivery.frame = message - 159));
    assert!(!too_big(&|delivery| delivery.frame = message - 160));
    assert!(!too_big(&|delivery| delivery.json = message + 1), "one frame is all there was of it");
    assert!(too_big(&|delivery| (delivery.json, delivery.parts) = (message + 1, 2)));
    assert!(!too_big(&|delivery| delivery.odd = true));
    assert!(too_big(&|delivery| (delivery.odd, delivery.over) = (true, true)));
}

#[test]
fn only_what_the_program_discarded_is_discarded() {
    assert!(drops(&mut ledger(|delivery| delivery.discarded = true), DropReason::Discarded));
}

#[test]
fn parts_are_blamed_where_there_were_some() {
    assert!(drops(&mut ledger(|delivery| delivery.odd = true), DropReason::Part));
    assert!(!drops(&mut ledger(|delivery| delivery.parts = 3), DropReason::Part));
    assert!(drops(&mut ledger(|delivery| delivery.parts = 3), DropReason::Incomplete));
    let mut nameless = ledger(|delivery| delivery.parts = 2);
    nameless.parts_sent = 1;
    assert_eq!(nameless.dropped(DropReason::Incomplete, "", MINUTE), Ok(()));
    assert!(nameless.dropped(DropReason::Incomplete, "", MINUTE).is_err(), "one part cannot be lost twice");
    assert!(nameless.dropped(DropReason::TooBig, "", MINUTE).is_err());
}

#[test]
fn a_message_is_stale_by_a_limit_and_a_clock() {
    let stale = |limit, ahead, now, sort| {
        let mut ledger = Ledger { stale_after_ms: limit, ahead, ..ledger(|_| {}) };
        ledger.events[0].sort = sort;
        ledger.dropped(DropReason::Stale, "t0", now).is_ok()
    };
    assert!(!stale(0, 0, 24 * HOUR, Sort::Message));
    assert!(!stale(30 * MINUTE, 0, 30 * MINUTE, Sort::Message));
    assert!(stale(30 * MINUTE, 0, 30 * MINUTE + 1, Sort::Message));
    assert!(stale(30 * MINUTE, HOUR, MINUTE, Sort::Message));
    assert!(!stale(30 * MINUTE, 0, HOUR, Sort::Callback));
}

#[test]
fn a_duplicate_is_one_that_this_memory_holds() {
    let duplicate = |change: &dyn Fn(&mut Ledger), now| {
        let mut ledger = ledger(|_| {});
        assert_eq!(ledger.take(0, 0), Ok(()));
        ledger.remembered(0, 2);
        change(&mut ledger);
        ledger.dropped(DropReason::Duplicate, "t0", now).is_ok()
    };
    assert!(duplicate(&|_| {}, 12 * HOUR));
    assert!(!duplicate(&|_| {}, 12 * HOUR + 1));
    assert!(!duplicate(&|ledger| ledger.memory += 1, MINUTE), "a restart without memory");
    assert!(!duplicate(&|ledger| ledger.inserted += ledger.seen_cap, MINUTE), "pushed out");
    assert!(duplicate(&|ledger| ledger.restored_at = Some(MINUTE), 13 * HOUR), "dated by a wall clock");
}
