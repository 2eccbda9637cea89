//! Ending in order, from wherever the bot stands (protocol section 9.3, "Close").

use larkwire_core::fault::{CallFaultKind, Misuse};
use larkwire_core::{Call, Closed, End, Lane, State, Verdict};

use crate::support::*;

/// Shuts down and says how long it took.
fn stop(w: &mut World) -> u64 {
    let from = w.now;
    w.shut_down();
    w.until(14_001, "the end", |w| w.bot.ended().is_some());
    assert_eq!((w.end(), w.bot.state()), (End::Stopped, State::Closed));
    w.now - from
}

#[test]
fn an_open_link_is_closed_with_1000_and_the_bot_ends_at_once() {
    let mut w = World::new().open();
    assert_eq!((stop(&mut w), w.codes()), (0, vec![1000]));
    w.advance(1_000_000);
    assert_eq!(w.dials.len(), 2);
}

#[test]
fn a_platform_that_does_not_answer_the_close_costs_two_seconds() {
    let mut w = World::new().open();
    w.script.echo_close = false;
    assert_eq!((stop(&mut w), w.codes()), (2000, vec![1000]));
    let mut w = World::new().open();
    w.script.write = 0;
    w.raw(&ws(9, b"owed"));
    assert!(stop(&mut w) <= 4000, "not even a dead writer holds it longer");
}

#[test]
fn shutting_down_works_in_every_phase() {
    type Phase = (&'static str, fn(&mut World));
    let phases: [Phase; 9] = [
        ("idle", |_| {}),
        ("dialling discovery", |w| {
            w.script.dial_http = Dial::Hang;
            w.start();
        }),
        ("discovering", |w| {
            w.script.discoveries.push_back(Reply::Hang);
            w.start();
        }),
        ("dialling the socket", |w| {
            w.script.dial_socket = Dial::Hang;
            w.start();
        }),
        ("upgrading", |w| {
            w.script.upgrade = Upgrade::Hang;
            w.start();
        }),
        ("waiting", |w| {
            w.script.dial_http = Dial::Fail(Closed::Dns);
            w.start();
        }),
        ("open", World::start),
        ("closing as the platform wished", |w| {
            w.script.echo_close = false;
            w.start();
            w.raw(&ws_close(1001));
        }),
        ("closing after a fault", |w| {
            w.start();
            w.script.write = 0;
            w.raw(b"\xff\xff");
        }),
    ];
    for (name, reach) in phases {
        let mut w = World::new();
        reach(&mut w);
        let took = stop(&mut w);
        assert!(took <= 2000, "{name}: {took}");
        let dials = w.dials.len();
        w.advance(1_000_000);
        assert_eq!((w.dials.len(), w.bot.poll_timeout()), (dials, None), "{name}");
    }
}

#[test]
fn shutting_down_twice_changes_nothing() {
    let mut w = World::new().open();
    w.script.echo_close = false;
    w.shut_down();
    w.advance(1000);
    w.shut_down();
    w.advance(999);
    assert_eq!(w.bot.ended(), None);
    w.advance(1);
    assert_eq!((w.end(), w.codes()), (End::Stopped, vec![1000]));
}

#[test]
fn accepted_calls_are_finished_first_but_not_for_ever() {
    let mut w = World::new().open();
    w.script.calls.push_back(Reply::Hang);
    w.reply("om_1", "one");
    w.shut_down();
    assert_eq!(w.bot.state(), State::Open);
    let late = w.fact(|bot, now| bot.submit(now, Call::reply_text("om_2", "two")));
    assert_eq!(late, Err(Misuse::Stopping));
    w.advance(9_999);
    assert_eq!(w.bot.ended(), None);
    w.advance(1);
    assert_eq!((w.end(), w.codes()), (End::Stopped, vec![1000]));
    assert_eq!(w.completed[0].result.as_ref().unwrap_err().kind, CallFaultKind::Ended, "told, not lost");

    let mut w = World::new().open();
    w.reply("om_1", "one");
    let id = w.fact(|bot, now| bot.submit(now, Call::reply_text("om_2", "two"))).unwrap();
    w.shut_down();
    assert!(w.bot.ended().is_some());
    assert!(w.completed.iter().any(|done| done.id == id && done.result.is_ok()));
}

#[test]
fn owed_acks_leave_before_the_close() {
    let mut w = World::new().open();
    w.script.write = 0;
    w.event("m1", &message_json("e1", "om_1", "x"));
    w.shut_down();
    w.advance(1000);
    w.script.write = 3;
    w.run();
    assert_eq!((w.acks.len(), w.codes(), w.end()), (1, vec![1000], End::Stopped));
}

#[test]
fn no_event_is_offered_any_more_but_a_decision_under_way_is_acked() {
    let mut w = World::new().open();
    w.script.app = App::Hold;
    w.event("m1", &message_json("e1", "om_1", "x"));
    let id = w.bot.poll_delivery().unwrap().id();
    w.shut_down();
    assert!(w.bot.poll_delivery().is_none());
    w.advance(500);
    assert_eq!(w.bot.ended(), None, "the verdict may still come");
    w.fact(|bot, now| bot.handle_delivered(now, id, Verdict::Accepted));
    w.run();
    assert_eq!((w.acks.len(), w.codes(), w.end()), (1, vec![1000], End::Stopped));
}

#[test]
fn an_undecided_event_holds_the_end_for_two_seconds_at_most() {
    let mut w = World::new().open();
    w.script.app = App::Hold;
    w.event("m1", &message_json("e1", "om_1", "x"));
    assert_eq!((stop(&mut w), w.acks.len()), (2000, 0));
}

#[test]
fn events_that_come_while_calls_are_finished_are_not_acked() {
    let mut w = World::new().open();
    w.script.calls.push_back(Reply::Hang);
    w.reply("om_1", "one");
    w.shut_down();
    w.event("m1", &message_json("e1", "om_1", "x"));
    w.event("c1", &other_json("e2", "card.action.trigger"));
    assert_eq!(
        (w.delivered.len(), w.ack_texts()),
        (0, vec![r#"{"code":200,"data":"e30="}"#]),
        "a callback is answered"
    );
    stop(&mut w);
}

#[test]
fn a_runtime_that_hands_over_too_much_at_the_end_does_not_wake_the_bot_again() {
    let mut w = World::small().open();
    w.script.echo_close = false;
    w.shut_down();
    assert_eq!(w.bot.state(), State::Closing);
    let attempt = w.attempt(Lane::Socket).unwrap();
    w.fact(|bot, now| bot.handle_received(now, Lane::Socket, attempt, &[0; 5000]));
    w.until(2000, "the end", |w| w.bot.ended().is_some());
    assert_eq!(w.end(), End::Stopped);
}

#[test]
fn a_thousand_starts_and_stops() {
    for n in 0..1000 {
        let mut w = World::new();
        w.start();
        w.advance(n * 37);
        assert_eq!(stop(&mut w), 0);
    }
}

#[test]
fn a_call_that_is_refused_tells_the_time_all_the_same() {
    let mut w = World::new().open();
    w.script.calls.push_back(Reply::Hang);
    w.reply("om_1", "hangs");
    w.shut_down();
    let later = larkwire_core::Instant::from_millis(w.now + 60_000);
    let refused = w.bot.submit(later, Call::BotInfo);
    assert_eq!(refused, Err(Misuse::Stopping));
    assert_eq!(w.bot.state(), State::Closing, "ten seconds for what was accepted are over");
}
