//! A bot with none of one kind of memory does without what needs it, and nothing else.

use larkwire_core::fault::{DropReason, Misuse};
use larkwire_core::link::{FinishedId, PartSet};
use larkwire_core::locale::Locale;
use larkwire_core::wire::writer::Writer;
use larkwire_core::{AckReactions, Config, Lane, Notice, Region, Slots, State, Storage, UnixMillis, Why};

use crate::support::*;

fn with(storage: Storage<'static>) -> World {
    World::with(Config { ack_reactions: AckReactions::Fixed(Locale::En), ..config() }, storage).open()
}

fn say(w: &mut World, n: u32) {
    w.event(&format!("m{n}"), &message_json(&format!("e{n}"), &format!("om_{n}"), "x"));
}

/// A message in three parts.
fn split(w: &mut World, n: u32) {
    let json = message_json(&format!("e{n}"), &format!("om_{n}"), "x");
    for (seq, part) in json.as_bytes().chunks(json.len().div_ceil(3)).enumerate() {
        w.part(&format!("m{n}"), "3", &seq.to_string(), part);
    }
}

#[test]
fn without_places_for_split_messages_only_those_are_lost() {
    for storage in [
        Storage { part_sets: Slots::fixed(&mut []), ..Storage::growable() },
        Storage { part_sets: Slots::growable(0), ..Storage::growable() },
        Storage { parts: Region::fixed(&mut []), ..Storage::growable() },
        Storage { parts: Region::growable(255), ..Storage::growable() },
        Storage { assembled: Region::growable(100), ..Storage::growable() },
    ] {
        let name = format!("{storage:?}");
        let mut w = with(storage);
        split(&mut w, 1);
        say(&mut w, 2);
        assert_eq!(w.ids(), ["e2"], "{name}");
        assert!(w.dropped(DropReason::TooBig) > 0, "{name}");
        assert_eq!(w.bot.state(), State::Open);
    }
}

#[test]
fn without_a_memory_of_finished_messages_their_repetition_is_assembled_again_and_found_to_be_one() {
    for finished in [Slots::fixed(&mut []), Slots::growable(0)] {
        let mut w = with(Storage { finished, ..Storage::growable() });
        split(&mut w, 1);
        split(&mut w, 1);
        assert_eq!((w.ids(), w.dropped(DropReason::Duplicate)), (vec!["e1"], 1));
    }
}

#[test]
fn without_a_memory_of_delivered_ids_a_redelivery_comes_twice() {
    let mut w = with(Storage { seen: Slots::fixed(&mut []), ..Storage::growable() });
    say(&mut w, 1);
    say(&mut w, 1);
    assert_eq!((w.ids(), w.dropped(DropReason::Duplicate)), (vec!["e1", "e1"], 0));
}

#[test]
fn without_places_for_notices_all_are_counted_as_lost() {
    let mut w = with(Storage { notices: Slots::growable(0), ..Storage::growable() });
    say(&mut w, 1);
    assert!(w.notices.is_empty() && w.bot.stats().notices_lost > 0);
    assert_eq!(w.ids(), ["e1"]);
}

#[test]
fn without_places_for_reactions_none_is_sent() {
    let mut w = with(Storage { reactions: Slots::fixed(&mut []), ..Storage::growable() });
    say(&mut w, 1);
    assert_eq!((w.ids(), w.reactions().len(), w.bot.stats().reactions_dropped), (vec!["e1"], 0, 1));
    let mut w = with(Storage::growable());
    say(&mut w, 1);
    assert_eq!((w.reactions().len(), w.bot.stats().reactions_dropped), (1, 0));
}

#[test]
fn without_places_for_languages_telling_one_is_refused_and_forgetting_one_is_not() {
    let mut w = with(Storage { chat_locales: Slots::fixed(&mut []), ..Storage::growable() });
    assert_eq!(w.bot.set_chat_locale("oc_1", Some(Locale::Ja)), Err(Misuse::Full));
    assert_eq!(w.bot.set_chat_locale("oc_1", None), Ok(()));
}

#[test]
fn without_places_for_calls_or_callbacks_both_are_told_at_once() {
    let mut w = with(Storage {
        outbox: Slots::growable_with(0, || unreachable!("there is no place")),
        callbacks: Slots::growable_with(0, || unreachable!("there is no place")),
        ..Storage::growable()
    });
    let call = larkwire_core::Call::reply_text("om_1", "x");
    assert_eq!(w.fact(|bot, now| bot.submit(now, call)), Err(Misuse::Full));
    w.script.app = App::Later;
    w.event("c1", &other_json("ec1", "card.action.trigger"));
    assert_eq!(w.ack_texts(), [r#"{"code":200,"data":"e30="}"#]);
}

#[test]
fn a_token_that_does_not_fit_its_place_is_told_as_such() {
    let mut w = with(Storage { token: Region::growable(9), ..Storage::growable() });
    w.reply("om_1", "x");
    w.until(61_000, "a result", |w| w.completed.len() == 1);
    let fault = w.completed[0].result.clone().unwrap_err();
    assert_eq!(fault.message.as_str(), "the token is longer than its storage");
    // `Bearer t-1` takes ten bytes.
    let mut w = with(Storage { token: Region::growable(10), ..Storage::growable() });
    w.reply("om_1", "x");
    assert!(w.completed[0].result.is_ok());
}

#[test]
fn an_id_stored_twice_or_too_old_is_taken_back_once_or_not_at_all() {
    const T0: u64 = 1_700_000_000_000;
    let mut w = World::new();
    w.fact(|bot, now| bot.handle_wall_clock(now, Some(UnixMillis(T0))));
    let mut w = w.open();
    say(&mut w, 1);
    let mut bytes = vec![0; 64];
    let mut out = Writer::new(&mut bytes);
    w.bot.write_seen(None, &mut out);
    assert_eq!(out.finish(), Ok(64));
    bytes.extend_from_within(32..);
    bytes.extend([7; 15]);
    for (unix, restored) in [(T0, 2), (T0 + 24 * 60 * 60 * 1000, 0)] {
        let mut w = World::new();
        w.fact(|bot, now| bot.handle_wall_clock(now, Some(UnixMillis(unix))));
        assert_eq!(w.fact(|bot, now| bot.restore_seen(now, &bytes)), Ok(restored));
    }
}

#[test]
fn the_head_of_a_message_too_long_is_acked_only_if_it_is_an_event() {
    let long = vec![b'x'; 3000];
    let headers = |kind: &'static str| [("type", kind), ("message_id", "m1"), ("sum", "1"), ("seq", "0")];
    for (frame, acks) in [
        (pb(1, &headers("event"), Some(&long)), 1),
        (pb(1, &headers("other"), Some(&long)), 0),
        (pb(0, &headers("event"), Some(&long)), 0),
        (pb(2, &headers("event"), Some(&long)), 0),
    ] {
        let mut w = World::small().open();
        let ignored = w.bot.stats().ignored;
        w.frame(&frame.bytes());
        let counted = (w.acks.len(), w.dropped(DropReason::TooBig), w.bot.stats().ignored - ignored);
        assert_eq!(counted, (acks, acks as u64, 1 - acks as u64), "{} {:?}", frame.method, frame.header("type"));
        say(&mut w, 2);
        assert_eq!(w.ids(), ["e2"]);
    }
}

#[test]
fn when_nobody_reads_what_is_written_pings_and_goodbyes_are_left_out() {
    let mut w = World::small().open();
    w.advance(1000);
    w.script.write = 0;
    // Pongs fill the room for what is to be sent, but for two bytes.
    let len = |w: &World| w.bot.poll_transmit(Lane::Socket).len();
    while len(&w) < 1022 {
        let payload = (1022 - len(&w) - 6).min(125);
        let payload = if 1022 - len(&w) - 6 - payload < 6 { payload.min(60) } else { payload };
        w.raw(&ws(9, &vec![b'p'; payload]));
    }
    let pings = w.bot.stats().pings;
    w.advance(120_000);
    assert_eq!((w.bot.stats().pings - pings, len(&w)), (0, 1022));
    let attempt = w.attempt(Lane::Socket).unwrap();
    // Reserved bits: the connection is over, and there is no room to say so.
    w.raw(&[0xf2, 0x00]);
    assert_ne!(w.attempt(Lane::Socket), Some(attempt));
    assert!(w.closes.is_empty());
    w.script.write = usize::MAX;
    w.until_open(120_000);
    say(&mut w, 1);
    assert_eq!(w.ids(), ["e1"]);
    assert!(w.notices.iter().any(|(_, notice)| matches!(notice, Notice::LinkLost { .. })));
}

#[test]
fn an_upgrade_that_does_not_fit_what_is_to_be_sent_is_a_failed_attempt_and_no_half_request() {
    let storage = Storage { socket_out: Region::growable(768), ..Storage::growable() };
    let mut w = World::with(config(), storage);
    let url = format!("wss://msg-frontier.feishu.cn/ws/v2?service_id=1&ticket=9{}", "0".repeat(700));
    w.script.discoveries.push_back(Reply::json(200, &format!(r#"{{"code":0,"data":{{"URL":"{url}"}}}}"#)));
    w.start();
    w.until_open(120_000);
    assert_eq!((w.upgrades().len(), w.discoveries().len(), w.faults().len()), (1, 2, 1), "{:?}", w.faults());
}

#[test]
fn unused_entries_of_the_tables_are_as_the_defaults_are() {
    assert_eq!(format!("{:?}", PartSet::EMPTY), format!("{:?}", PartSet::default()));
    assert_eq!(format!("{:?}", FinishedId::EMPTY), format!("{:?}", FinishedId::default()));
    assert_ne!(format!("{}", Why::Parts), format!("{}", Why::Reaction));
}
