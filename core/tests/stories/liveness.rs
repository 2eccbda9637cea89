//! Pings, pongs, and how a dead connection is found (protocol section 6).

use larkwire_core::fault::LinkFault;
use larkwire_core::{Config, Lane, State, Storage, Why};

use crate::support::*;

const HOUR: u64 = 3_600_000;

#[test]
fn the_first_ping_goes_out_with_the_upgrade_and_then_every_interval() {
    let mut w = World::new().open();
    w.advance(600_000);
    let times: Vec<_> = w.pings.iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [0, 120_000, 240_000, 360_000, 480_000, 600_000]);
    assert!(w.pings.iter().all(|(_, bytes)| to_hex(bytes) == G2), "golden bytes G2");
}

#[test]
fn a_day_on_an_idle_healthy_link_brings_no_reconnect() {
    let mut w = World::new().open();
    w.advance(24 * HOUR);
    assert_eq!((w.faults(), w.pings.len(), w.bot.stats().links), (vec![], 721, 1));
    assert_eq!(w.bot.state(), State::Open);
}

#[test]
fn a_black_hole_is_found_within_one_ping_and_twenty_seconds() {
    let mut worst = 0;
    for silent_after in (0..=120_000).step_by(9_999) {
        let mut w = World::new().open();
        w.advance(silent_after);
        w.script.pong = Pong::None;
        let since = w.now;
        w.until(200_000, "found", |w| !w.faults().is_empty());
        assert_eq!(w.faults(), [LinkFault::NoPong]);
        worst = worst.max(w.now - since);
        assert!(w.closes.is_empty(), "no close handshake with the dead");
        w.script.pong = Pong::Empty;
        w.until_open(31_000);
    }
    println!("a black hole is found within {worst} ms");
    assert!(worst <= 140_000, "{worst}");
}

#[test]
fn a_writer_that_is_stuck_is_a_black_hole_too() {
    let mut w = World::new().open();
    w.script.write = 0;
    w.until(141_000, "found", |w| !w.faults().is_empty());
    assert_eq!(w.faults(), [LinkFault::NoPong]);
}

#[test]
fn every_thirtieth_pong_lost_kills_nothing() {
    let mut w = World::new().open();
    for n in 0..720_u64 {
        // Something else comes in within the twenty seconds, as on any living link.
        w.script.pong = if n % 30 == 29 { Pong::None } else { Pong::Empty };
        w.advance(119_000);
        w.advance(1000);
        if w.script.pong == Pong::None {
            w.raw(&ws(9, b""));
        }
    }
    assert_eq!(w.faults(), []);
}

#[test]
fn data_without_pongs_is_life_enough() {
    let mut w = World::new().open();
    w.script.pong = Pong::None;
    for n in 0..2000 {
        w.event(&format!("m{n}"), &message_json(&format!("e{n}"), &format!("om_{n}"), "x"));
        w.advance(15_000);
    }
    assert_eq!((w.faults(), w.delivered.len()), (vec![], 2000));
}

#[test]
fn any_ws_frame_counts_as_life_and_ws_pings_are_answered_at_once() {
    for opcode in [9, 10, 1, 2] {
        let mut w = World::new();
        w.script.pong = Pong::None;
        let mut w = w.open();
        for _ in 0..100 {
            w.advance(19_000);
            w.raw(&ws(opcode, b""));
        }
        assert_eq!(w.faults(), [], "opcode {opcode}");
        assert_eq!(w.ws_pongs.len(), if opcode == 9 { 100 } else { 0 });
    }
    let mut w = World::new().open();
    w.script.app = App::Hold;
    w.raw(&ws(9, b"are you there"));
    assert_eq!(w.ws_pongs, [(0, b"are you there".to_vec())]);
}

#[test]
fn silence_without_the_ping_rule_is_found_by_the_idle_rule() {
    let mut w = World::with(Config { pong_timeout_ms: 0, ..config() }, Storage::growable()).open();
    w.advance(1000);
    w.script.pong = Pong::None;
    w.until(250_000, "found", |w| !w.faults().is_empty());
    assert_eq!((w.faults(), w.now), (vec![LinkFault::Idle], 245_000));
}

#[test]
fn a_pong_sets_the_pace_and_the_running_timer_follows() {
    let mut w = World::new();
    w.script.pong = Pong::Payload(r#"{"PingInterval":10}"#.to_owned());
    let mut w = w.open();
    w.advance(30_000);
    assert_eq!(w.pings.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [0, 10_000, 20_000, 30_000]);
    w.script.pong = Pong::Payload(r#"{"PingInterval":0,"ReconnectInterval":-1,"ReconnectNonce":"x"}"#.to_owned());
    w.advance(30_000);
    assert_eq!(w.pings.len(), 7, "nonsense keeps what was");
    w.script.pong = Pong::Payload("not json".to_owned());
    w.advance(10_000);
    assert_eq!((w.pings.len(), w.bot.stats().pongs_malformed), (8, 1));
    assert_eq!(w.faults(), []);
}

#[test]
fn a_shorter_interval_in_a_late_pong_pings_at_once() {
    let mut w = World::new().open();
    w.advance(60_000);
    w.frame(&pong_frame(Some(r#"{"PingInterval":30}"#)));
    assert_eq!(w.bot.poll_timeout().unwrap().why, Why::Ping);
    w.advance(0);
    assert_eq!(w.pings.len(), 2);
}

#[test]
fn a_longer_ping_interval_told_in_a_pong_does_not_kill_the_healthy_link() {
    for interval in [300, 600, 100_000] {
        let mut w = World::new();
        w.script.pong = Pong::Payload(format!(r#"{{"PingInterval":{interval}}}"#));
        let mut w = w.open();
        w.advance(2 * HOUR);
        assert_eq!(w.faults(), [], "PingInterval {interval}");
    }
}

#[test]
fn the_pace_survives_a_reconnect() {
    let mut w = World::new();
    w.script.pong = Pong::Payload(r#"{"PingInterval":20,"ReconnectNonce":1}"#.to_owned());
    let mut w = w.open();
    w.script.pong = Pong::Empty;
    w.cut(Lane::Socket, larkwire_core::Closed::Reset);
    assert!(w.waits()[0] <= 1000);
    w.until_open(1000);
    let from = w.now;
    w.advance(20_000);
    let pings: Vec<_> = w.pings.iter().map(|(at, _)| *at).filter(|at| *at >= from).collect();
    assert_eq!(pings, [from, from + 20_000], "at once after the reconnect, too");
}

#[test]
fn after_a_sleep_there_is_one_ping_and_one_check() {
    let mut w = World::new().open();
    w.advance(1000);
    w.sleep(8 * HOUR);
    assert_eq!((w.pings.len(), w.faults()), (2, vec![]));
    w.advance(119_999);
    assert_eq!(w.pings.len(), 2, "no burst");
    w.advance(1);
    assert_eq!((w.pings.len(), w.bot.state()), (3, State::Open));
}

#[test]
fn a_link_that_died_in_the_sleep_is_found_twenty_seconds_after_it() {
    let mut w = World::new().open();
    w.advance(1000);
    w.script.pong = Pong::None;
    w.sleep(8 * HOUR);
    let woke = w.now;
    w.until(21_000, "found", |w| !w.faults().is_empty());
    assert_eq!((w.faults(), w.now - woke), (vec![LinkFault::NoPong], 20_000));
}

#[test]
fn short_naps_do_not_hide_a_dead_link_for_ever() {
    let mut w = World::new().open();
    w.script.pong = Pong::None;
    for _ in 0..20 {
        w.sleep(29_000);
    }
    assert!(!w.faults().is_empty());
}

#[test]
fn a_clock_that_steps_back_changes_nothing() {
    let mut w = World::new().open();
    w.advance(100_000);
    w.now = 5;
    w.timeout();
    w.raw(&ws(9, b"x"));
    w.now = 100_000;
    w.advance(20_000);
    assert_eq!((w.pings.len(), w.faults()), (2, vec![]));
}

#[test]
fn the_platforms_own_pings_and_unknown_frames_are_ignored_and_counted() {
    let mut w = World::new().open();
    let before = w.bot.stats().ignored;
    w.frame(&pb(0, &[("type", "ping")], None).bytes());
    w.frame(&pb(0, &[("type", "hello")], None).bytes());
    w.frame(&pb(0, &[], None).bytes());
    w.frame(b"");
    w.frame(&pb(2, &[("type", "event")], Some(b"{}")).bytes());
    w.frame(&pb(-2, &[("type", "event")], Some(b"{}")).bytes());
    w.raw(&ws(1, "Grüße".as_bytes()));
    assert_eq!(w.bot.stats().ignored - before, 7);
    assert_eq!((w.acks.len(), w.delivered.len(), w.faults()), (0, 0, vec![]));
}
