//! Losing the connection and coming back (protocol section 9).

use larkwire_core::config::OnFatal;
use larkwire_core::fault::{FatalReason, LinkFault};
use larkwire_core::{Closed, Config, End, Lane, Seed, State, Storage, Wish};

use crate::support::*;

fn busy(code: i64) -> Reply {
    Reply::json(200, &format!(r#"{{"code":{code},"msg":"m"}}"#))
}

#[test]
fn failures_in_a_row_back_off_with_full_jitter_and_never_end_the_bot() {
    let mut longest = [0; 9];
    for seed in 0..200_u8 {
        let mut w = World::seeded(config(), Storage::growable(), Seed([seed; 32]));
        w.script.discovery = Some(busy(1));
        w.start();
        w.until(3_600_000, "nine failures", |w| w.waits().len() >= 9);
        for (longest, wait) in longest.iter_mut().zip(w.waits()) {
            *longest = wait.max(*longest);
        }
        assert!(w.waits().iter().all(|wait| *wait >= 1));
        let times = w.discoveries();
        for ((first, second), wait) in times.iter().zip(&times[1..]).zip(w.waits()) {
            assert_eq!(second - first, wait, "the pause is kept to the millisecond");
        }
    }
    println!("longest waits {longest:?}");
    for (seen, bound) in
        longest.into_iter().zip([30_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 120_000, 120_000])
    {
        assert!(seen <= bound && seen > bound * 9 / 10, "{seen} of {bound}");
    }
}

#[test]
fn the_platforms_intervals_bound_the_waits() {
    let mut w = World::new();
    w.script.pong = Pong::Payload(r#"{"ReconnectInterval":3,"ReconnectNonce":1}"#.to_owned());
    let mut w = w.open();
    w.script.discovery = Some(busy(1));
    w.cut(Lane::Socket, Closed::Reset);
    w.until(600_000, "many failures", |w| w.waits().len() > 50);
    assert!(w.waits()[0] <= 1000);
    assert!(w.waits().iter().all(|wait| *wait <= 3000) && w.waits().iter().any(|wait| *wait > 2000));
}

#[test]
fn a_server_that_accepts_and_drops_does_not_reset_the_backoff() {
    let mut w = World::new();
    w.script.pong = Pong::None;
    w.start();
    for n in 1..=8 {
        w.until(200_000, "open", |w| w.bot.state() == State::Open);
        w.cut(Lane::Socket, Closed::Eof);
        assert!(matches!(w.bot.state(), State::Waiting { failures, .. } if failures == n), "{:?}", w.bot.state());
    }
    assert_eq!(w.bot.stats().links, 0);
    w.until(200_000, "open", |w| w.bot.state() == State::Open);
    w.raw(&ws(9, b""));
    w.cut(Lane::Socket, Closed::Eof);
    assert!(matches!(w.bot.state(), State::Waiting { failures: 0, .. }));
    assert_eq!(w.bot.stats().links, 1);
}

#[test]
fn a_goodbye_as_the_first_word_does_not_reset_the_backoff_either() {
    let mut w = World::new();
    w.script.pong = Pong::None;
    w.start();
    for n in 1..=8 {
        w.until(200_000, "open", |w| w.bot.state() == State::Open);
        w.raw(&ws(8, &1001_u16.to_be_bytes()));
        w.cut(Lane::Socket, Closed::Eof);
        assert!(matches!(w.bot.state(), State::Waiting { failures, .. } if failures == n), "{:?}", w.bot.state());
    }
    assert_eq!(w.bot.stats().links, 0);
}

#[test]
fn a_thousand_short_lives_leave_nothing_behind() {
    let mut w = World::new();
    w.script.pong = Pong::Payload(r#"{"ReconnectNonce":1}"#.to_owned());
    let mut w = w.open();
    for n in 0..1000 {
        w.advance(30_000 * (n % 2 + 1));
        w.cut(Lane::Socket, Closed::Reset);
        w.until_open(2000);
    }
    assert_eq!((w.bot.stats().links, w.pings.len()), (1001, 1001));
}

#[test]
fn too_many_connections_double_the_pause_up_to_ten_minutes() {
    let mut w = World::new();
    w.script.discovery = Some(busy(1_000_040_350));
    w.start();
    w.until(7_200_000, "eight refusals", |w| w.waits().len() >= 8);
    let bounds = [(30, 60), (60, 120), (120, 240), (240, 480), (480, 600), (600, 600), (600, 600)];
    for (wait, (least, most)) in w.waits().into_iter().zip(bounds) {
        assert!((least * 1000..=most * 1000).contains(&wait), "{wait}");
    }
    assert!(matches!(w.bot.state(), State::Waiting { failures: 8, .. }), "visible all the while");
}

#[test]
fn every_attempt_asks_for_a_new_url() {
    // The platform of these tests panics when a ticket is used twice.
    let mut w = World::new();
    for _ in 0..20 {
        w.script.upgrades.push_back(Upgrade::refused(500, &[]));
    }
    w.start();
    w.until_open(3_600_000);
    assert_eq!((w.discoveries().len(), w.upgrades().len()), (21, 21));
}

#[test]
fn the_platforms_close_is_answered_and_its_code_is_shown() {
    for code in [1000, 1001, 1008, 1011, 1012, 1013, 3000, 4999] {
        let mut w = World::new().open();
        w.raw(&ws_close(code));
        assert_eq!(w.codes(), [code]);
        assert_eq!(w.faults(), [LinkFault::Closed(code)]);
        w.until_open(31_000);
    }
    let mut w = World::new().open();
    w.script.echo_close = false;
    w.raw(&ws(8, b""));
    assert_eq!((w.codes(), w.bot.state()), (vec![1000], State::Closing));
    w.advance(1999);
    assert_eq!(w.bot.state(), State::Closing);
    w.advance(1);
    assert_eq!(w.faults(), [LinkFault::Closed(1005)], "who does not hang up is left after two seconds");
    let mut w = World::new().open();
    w.cut(Lane::Socket, Closed::Eof);
    assert_eq!(w.faults(), [LinkFault::Closed(1006)]);
}

#[test]
fn what_comes_after_a_close_is_ignored() {
    let event = ws(2, &event_frame("m1", &message_json("e1", "om_1", "x")));
    for behind in [event, ws(9, b"x"), ws_close(1001), b"\xff\xff\xff".to_vec()] {
        let mut w = World::new().open();
        w.script.echo_close = false;
        w.raw(&[ws_close(1000), behind].concat());
        w.advance(1999);
        assert_eq!((w.bot.state(), w.codes()), (State::Closing, vec![1000]));
        assert_eq!((w.delivered.len(), w.ws_pongs.len()), (0, 0));
        w.advance(1);
        assert_eq!(w.faults(), [LinkFault::Closed(1000)]);
    }
}

#[test]
fn the_words_of_an_older_attempt_never_reach_a_newer_one() {
    let mut w = World::new().open();
    let old = w.attempt(Lane::Socket).unwrap();
    let old_http = w.dials[0].lane;
    w.cut(Lane::Socket, Closed::Reset);
    w.until_open(31_000);
    let event = ws(2, &event_frame("m1", &message_json("e1", "om_1", "x")));
    let pings = w.pings.len();
    w.fact(|bot, now| bot.handle_received(now, Lane::Socket, old, &event));
    w.fact(|bot, now| bot.handle_closed(now, Lane::Socket, old, Closed::Reset));
    w.fact(|bot, now| bot.handle_opened(now, Lane::Socket, old));
    w.fact(|bot, now| bot.handle_transmitted(now, Lane::Socket, old, 1000));
    w.fact(|bot, now| bot.handle_closed(now, old_http, old, Closed::Reset));
    w.run();
    assert_eq!((w.bot.state(), w.delivered.len(), w.pings.len()), (State::Open, 0, pings));
}

#[test]
fn a_limit_of_attempts_ends_the_bot_with_a_word() {
    for limit in [1, 3] {
        let mut w = World::with(Config { max_attempts: Some(limit), ..config() }, Storage::growable());
        w.script.dial_http = Dial::Fail(Closed::Dns);
        w.start();
        w.advance(600_000);
        assert_eq!(w.dials.len(), limit as usize);
        let End::Fatal(fatal) = w.end() else { panic!() };
        assert_eq!(fatal.reason, FatalReason::GaveUp);
        assert!(fatal.to_string().contains(fatal.reason.next_step()));
    }
    let mut w = World::with(Config { max_attempts: Some(2), ..config() }, Storage::growable());
    w.script.http_dials.push_back(Dial::Fail(Closed::Dns));
    w.start();
    w.until_open(31_000);
    w.script.http_dials.push_back(Dial::Fail(Closed::Dns));
    w.advance(10_000);
    w.cut(Lane::Socket, Closed::Reset);
    w.until_open(70_000);
    assert_eq!(w.bot.ended(), None, "a good connection starts the count again");
}

#[test]
fn the_platforms_reconnect_count_is_ignored_unless_the_caller_wants_it() {
    for (follow, count, ends) in
        [(false, 1, false), (false, 0, false), (true, 1, true), (true, 0, true), (true, -1, false)]
    {
        let mut w = World::with(Config { follow_reconnect_count: follow, ..config() }, Storage::growable());
        w.script.client_config = format!(r#"{{"ReconnectCount":{count}}}"#);
        let mut w = w.open();
        w.script.dial_http = Dial::Fail(Closed::Dns);
        w.cut(Lane::Socket, Closed::Reset);
        w.advance(3_600_000);
        assert_eq!(w.bot.ended().is_some(), ends, "{follow} {count}");
    }
}

#[test]
fn a_caller_who_prefers_it_keeps_a_refused_bot_knocking_slowly() {
    let mut w = World::with(Config { on_fatal: OnFatal::SlowRetry, ..config() }, Storage::growable());
    w.script.discoveries.push_back(busy(10_014));
    w.script.upgrades.push_back(Upgrade::refused(403, &[]));
    w.start();
    assert!((30_000..=60_000).contains(&w.waits()[0]));
    w.until(61_000, "the refused upgrade", |w| w.waits().len() == 2);
    assert!((60_000..=120_000).contains(&w.waits()[1]));
    w.until_open(121_000);
}

#[test]
fn after_a_fatal_end_nothing_is_wished_for_ever() {
    let mut w = World::new();
    w.script.discovery = Some(busy(10_003));
    w.start();
    assert_eq!((w.bot.state(), w.dials.len()), (State::Fatal, 1));
    let end = w.end();
    for _ in 0..100 {
        w.sleep(3_600_000);
        w.room(5);
        w.shut_down();
        assert!(w.fact(|bot, now| bot.submit(now, larkwire_core::Call::reply_text("om", "x"))).is_err());
    }
    assert_eq!((w.dials.len(), w.end()), (1, end), "and shutting down does not change the reason");
    assert!(w.lanes().into_iter().all(|lane| w.bot.poll_lane(lane) == Wish::Down));
}

#[test]
fn every_change_of_state_is_counted_once() {
    let mut w = World::new().open();
    w.advance(1000);
    w.cut(Lane::Socket, Closed::Reset);
    w.until_open(31_000);
    w.script.discovery = Some(busy(10_003));
    w.cut(Lane::Socket, Closed::Reset);
    w.until(31_000, "the end", |w| w.bot.ended().is_some());
    assert_eq!(w.bot.stats().transitions as usize, w.states.len() - 1, "{:?}", w.states);
    let mut w = World::new().open();
    w.shut_down();
    assert_eq!(w.bot.stats().transitions as usize, w.states.len() - 1, "{:?}", w.states);
}
