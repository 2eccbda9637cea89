//! A restart does not deliver the last hours again (protocol section 10.2; defect 38).

use larkwire_core::fault::DropReason;
use larkwire_core::wire::writer::Writer;
use larkwire_core::{Config, DeliveryId, Event, Layout, RestoreError, Seed, Storage, UnixMillis, Verdict};

use crate::support::*;

const HOUR: u64 = 60 * 60 * 1000;
const T0: u64 = 1_700_000_000_000;

fn export(w: &World, from: Option<u64>) -> Vec<u8> {
    let mut counting = Writer::counting();
    w.bot.write_seen(from, &mut counting);
    let mut bytes = vec![0; counting.len()];
    w.bot.write_seen(from, &mut Writer::new(&mut bytes));
    bytes
}

fn at(unix: Option<u64>, seed: u8) -> World {
    let mut w = World::seeded(config(), Storage::growable(), Seed([seed; 32]));
    w.fact(|bot, now| bot.handle_wall_clock(now, unix.map(UnixMillis)));
    w
}

fn restored(bytes: &[u8], unix: Option<u64>, seed: u8) -> World {
    let mut w = at(unix, seed);
    w.fact(|bot, now| bot.restore_seen(now, bytes)).unwrap();
    w.open()
}

fn message(w: &mut World, n: u32) {
    w.event(&format!("m{n}"), &message_json(&format!("e{n}"), &format!("om_{n}"), "x"));
}

#[test]
fn an_event_delivered_before_a_restart_is_a_duplicate_after_it() {
    let mut w = at(Some(T0), 1).open();
    message(&mut w, 1);
    let bytes = export(&w, None);
    assert_eq!(bytes.len(), 32 + 2 * 16, "a header, and two ids of one message");
    assert!(!bytes.windows(4).any(|window| window == b"om_1"), "the ids themselves are not in it");
    let mut w = restored(&bytes, Some(T0 + 7 * HOUR), 2);
    message(&mut w, 1);
    message(&mut w, 2);
    assert_eq!((w.ids(), w.dropped(DropReason::Duplicate)), (vec!["e2"], 1));
}

#[test]
fn what_is_older_than_the_window_is_forgotten_and_without_a_clock_nothing_is() {
    let mut w = at(Some(T0), 1).open();
    message(&mut w, 1);
    let bytes = export(&w, None);
    let mut late = restored(&bytes, Some(T0 + 13 * HOUR), 2);
    message(&mut late, 1);
    assert_eq!(late.ids(), ["e1"]);
    let mut clockless = restored(&bytes, None, 2);
    message(&mut clockless, 1);
    assert!(clockless.ids().is_empty());
}

#[test]
fn ids_are_appended_one_event_at_a_time_and_half_a_record_is_ignored() {
    let mut w = at(Some(T0), 1).open();
    let mut file = export(&w, None);
    let mut count = w.bot.seen_count();
    for n in 1..=5 {
        message(&mut w, n);
        file.extend(export(&w, Some(count)));
        count = w.bot.seen_count();
    }
    assert_eq!(file.len(), 32 + 10 * 16);
    file.extend([1, 2, 3]);
    let mut w = restored(&file, Some(T0 + HOUR), 9);
    assert_eq!(w.bot.seen_count(), 10);
    for n in 1..=6 {
        message(&mut w, n);
    }
    assert_eq!(w.ids(), ["e6"]);
}

#[test]
fn another_apps_memory_a_broken_one_and_a_late_one_are_refused() {
    let mut w = at(Some(T0), 1).open();
    message(&mut w, 1);
    let bytes = export(&w, None);
    let restore = |w: &mut World, bytes: &[u8]| w.fact(|bot, now| bot.restore_seen(now, bytes));
    assert_eq!(restore(&mut w, &bytes), Err(RestoreError::TooLate));
    let mut other = World::with(Config { app_id: "cli_00000000000000aa", ..config() }, Storage::growable());
    assert_eq!(restore(&mut other, &bytes), Err(RestoreError::OtherApp));
    for broken in [&bytes[..31], b"", b"lwseen2\n0123456789012345012345678"] {
        assert_eq!(restore(&mut other, broken), Err(RestoreError::Format), "{broken:?}");
    }
    assert!(RestoreError::OtherApp.to_string().contains("another app"));
}

#[test]
fn a_small_table_keeps_the_newest_of_a_long_memory() {
    let mut w = at(Some(T0), 1).open();
    for n in 0..500 {
        message(&mut w, n);
    }
    let bytes = export(&w, None);
    let mut board = World::small();
    board.fact(|bot, now| bot.restore_seen(now, &bytes)).unwrap();
    let mut board = board.open();
    message(&mut board, 499);
    message(&mut board, 0);
    assert_eq!(board.ids(), ["e0"], "256 entries are the last 128 messages");
}

#[test]
fn a_memory_that_is_restored_again_and_again_still_forgets() {
    let restart = |bytes: &[u8], unix: u64| {
        let mut w = World::seeded(config(), Storage::growable(), Seed([3; 32]));
        w.fact(|bot, now| bot.handle_wall_clock(now, Some(UnixMillis(unix))));
        w.fact(|bot, now| bot.restore_seen(now, bytes)).unwrap();
        w
    };
    let mut w = at(Some(T0), 1).open();
    message(&mut w, 1);
    let mut bytes = export(&w, None);
    for hours in [4, 8, 11] {
        bytes = export(&restart(&bytes, T0 + hours * HOUR), None);
        assert_eq!(bytes.len(), 32 + 2 * 16, "{hours}");
    }
    assert_eq!(export(&restart(&bytes, T0 + 13 * HOUR), None).len(), 32, "12 hours after the delivery");
}

#[test]
fn the_ids_of_one_event_are_written_before_it_is_accepted_just_as_they_are_afterwards() {
    let mut w = at(Some(T0), 1).open();
    let (before, count) = (export(&w, None), w.bot.seen_count());
    w.script.app = App::Hold;
    message(&mut w, 1);
    let id = w.bot.poll_delivery().unwrap().id();
    let mut ids = [0; 33];
    let mut writer = Writer::new(&mut ids);
    w.bot.write_seen_of(id, &mut writer);
    assert_eq!(writer.finish(), Ok(32), "the event's own id and its message's");
    w.fact(|bot, now| bot.handle_delivered(now, id, Verdict::Accepted));
    assert_eq!(export(&w, Some(count)), ids[..32]);
    // The power goes before the ack leaves: the platform sends it again.
    let mut w = restored(&[&before[..], &ids[..32]].concat(), Some(T0 + HOUR), 2);
    message(&mut w, 1);
    assert_eq!((w.ids().len(), w.dropped(DropReason::Duplicate)), (0, 1));
    let mut writer = Writer::new(&mut ids);
    w.bot.write_seen_of(DeliveryId::NONE, &mut writer);
    assert_eq!(writer.finish(), Ok(0));
}

#[test]
fn an_event_stored_as_text_reads_the_same_after_a_restart_and_takes_no_answer() {
    let json = message_json("e1", "om_1", "x");
    let layout = Layout::read(&json).unwrap();
    let event = Event::view(DeliveryId::NONE, &json, &layout, "");
    assert_eq!(event.message_id().unwrap(), "om_1");
    for broken in ["", "{}", "[1]", "{\"schema\":\"2.0\"", "\u{feff}{\"schema\":\"2.0\"}"] {
        assert!(Layout::read(broken).is_none(), "{broken:?}");
    }
}
