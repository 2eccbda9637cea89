//! Clocks near the end of their counters, many lives, and many clients. The names say which case of
//! `conformance/cases.toml` it is.

use larkwire_core::fault::{DropReason, LinkFault};
use larkwire_core::{Closed, Lane, Seed, State};

use crate::support::*;

#[test]
fn r12_every_timer_is_right_where_a_counter_wraps() {
    const U32: u64 = u32::MAX as u64;
    for start in
        [U32, U32 * 1000, i32::MAX as u64, i32::MAX as u64 * 1000, 1 << 53, i64::MAX as u64, u64::MAX - 7_200_000]
    {
        // It wraps while the bot is at work.
        let mut w = World::small();
        w.now = start - 130_000;
        let mut w = w.open();
        w.event("m1", &message_json("e1", "om_1", "x"));
        let pings = w.pings.len();
        w.advance(260_000);
        let told: Vec<_> = w.pings.iter().map(|(at, _)| *at).collect();
        assert!(told[pings..].windows(2).all(|two| two[1] - two[0] == 120_000), "{start}: {told:?}");
        assert_eq!((told.len() - pings, w.bot.state(), w.faults()), (2, State::Open, vec![]), "{start}");
        w.event("m2", &message_json("e1", "om_1", "x"));
        assert_eq!((w.delivered.len(), w.dropped(DropReason::Duplicate)), (1, 1), "{start}: remembered across it");

        // A part is waited for ten seconds, and not for ever.
        let mut w = World::small();
        w.now = start - 5_000;
        let mut w = w.open();
        let json = message_json("e1", "om_1", "x");
        let (first, last) = json.as_bytes().split_at(50);
        w.part("p", "2", "0", first);
        w.advance(9_000);
        w.part("p", "2", "1", last);
        assert_eq!(w.ids(), ["e1"], "{start}");
        w.part("q", "2", "0", first);
        w.advance(11_000);
        assert_eq!(w.dropped(DropReason::Incomplete), 1, "{start}");

        // And the dead are found, and come back.
        w.script.pong = Pong::None;
        let since = w.now;
        w.until(200_000, "found", |w| !w.faults().is_empty());
        assert_eq!(w.faults(), [LinkFault::NoPong]);
        assert!(w.now - since <= 140_000, "{start}: {}", w.now - since);
        w.script.pong = Pong::Empty;
        w.until_open(31_000);
    }
}

#[test]
fn r15_a_thousand_clients_that_are_cut_at_once_come_back_over_half_a_minute() {
    let mut arrivals = [0_u32; 40];
    for n in 0..1000_u16 {
        let mut seed = [0; 32];
        seed[..2].copy_from_slice(&n.to_le_bytes());
        let mut w = World::seeded(config(), small(), Seed(seed)).open();
        w.advance(60_000);
        let (cut, before) = (w.now, w.discoveries().len());
        w.cut(Lane::Socket, Closed::Reset);
        w.until_open(31_000);
        arrivals[((w.discoveries()[before] - cut) / 1000) as usize] += 1;
    }
    println!("of 1000 clients cut at once come back in each second: {arrivals:?}");
    // Evenly over the 30 s that the platform asks for by default: 33 a second.
    assert_eq!(arrivals[..30].iter().sum::<u32>(), 1000);
    assert!(arrivals[..30].iter().all(|count| (10..=70).contains(count)), "{arrivals:?}");
}

#[test]
fn r20_ten_thousand_lives_of_half_a_minute_or_a_whole_one_leave_nothing_behind() {
    let mut w = World::small();
    w.script.pong = Pong::Payload(r#"{"ReconnectNonce":1}"#.to_owned());
    let mut w = w.open();
    let room = w.bot.poll_receive(Lane::Socket);
    for n in 0..10_000 {
        w.event("m1", &message_json(&format!("e{n}"), &format!("om_{n}"), "x"));
        w.part("half", "2", "0", b"{");
        w.advance(30_000 * (n % 2 + 1));
        w.cut(Lane::Socket, Closed::Reset);
        w.until_open(2000);
        // What a bystander of ten thousand lives need not keep: all but the streams of the last one.
        w.sent.drain(..w.sent.len().saturating_sub(4));
        w.notices.clear();
        w.requests.clear();
        w.dials.clear();
        w.states.clear();
    }
    assert_eq!((w.bot.stats().links, w.delivered.len(), w.acks.len()), (10_001, 10_000, 10_000));
    assert_eq!(w.bot.poll_receive(Lane::Socket), room);
}
