//! What waits when the bot ends (protocol section 9.3): every request gets its answer, and the answers are still taken.

use larkwire_core::fault::{Fatal, FatalReason, Misuse};
use larkwire_core::{End, State, Storage, Verdict};
use serde_json::json;

use crate::bot::{EMPTY, REFUSED, SUCCESS, held, message};
use crate::support::*;

fn click(n: u32) -> Post {
    Post::sealed(&click_json(&format!("c{n}"), format!("c-{n}").into()).to_string())
}

#[test]
fn shutting_down_refuses_events_that_wait_and_answers_clicks() {
    let mut w = held();
    let (event, asked) = (w.post(&message(1)), w.post(&click(1)));
    let later = w.post(&click(2));
    w.decide(Verdict::Refused);
    w.decide(Verdict::Later);
    w.decide(Verdict::Later);
    let waiting = [w.post(&message(2)), w.post(&click(3))];
    w.shut_down();
    assert_eq!(w.answer_to(event), Some(REFUSED));
    assert_eq!([asked, later].map(|n| w.answer_to(n)), [Some(EMPTY); 2]);
    assert_eq!(waiting.map(|n| w.answer_to(n)), [Some(REFUSED), Some(EMPTY)]);
    assert_eq!((w.bot.state(), w.end(), w.now), (State::Closed, End::Stopped, 0));
}

#[test]
fn a_click_may_be_answered_while_calls_are_finished() {
    let mut w = held();
    w.post(&click(1));
    let id = w.bot.poll_delivery().and_then(|event| event.response_id()).unwrap();
    w.decide(Verdict::Later);
    w.script.dial_http = Dial::Hang;
    w.reply("om_1", "hi");
    w.shut_down();
    assert_eq!((w.answer_to(0), w.bot.ended()), (None, None));
    // No more events, but duplicates are still known.
    let late = [w.post(&message(2)), w.post(&click(3))];
    assert_eq!(late.map(|n| w.answer_to(n)), [Some(REFUSED), Some(EMPTY)]);
    let copy = w.post(&click(1));
    assert_eq!(w.answer_to(copy), Some(EMPTY));
    assert_eq!(w.fact(|bot, now| bot.respond(now, id, b"{\"a\":1}")), Ok(()));
    w.run();
    assert_eq!(w.answer_to(0), Some((200, "{\"a\":1}")));
    w.until(14_001, "the end", |w| w.bot.ended().is_some());
}

#[test]
fn a_click_that_nobody_answers_does_not_hold_the_end() {
    let mut w = held();
    w.post(&click(1));
    w.decide(Verdict::Later);
    w.script.dial_http = Dial::Hang;
    w.reply("om_1", "hi");
    w.shut_down();
    w.advance(2500);
    assert_eq!((w.answer_to(0), w.took(0)), (Some(EMPTY), 2500));
}

#[test]
fn the_bot_waits_two_seconds_for_its_answers_to_be_taken() {
    let mut w = held();
    w.post(&message(1));
    w.post(&click(1));
    w.leaves_answers = true;
    w.shut_down();
    assert_eq!((w.bot.ended(), w.bot.state()), (None, State::Closing));
    assert!(w.take_one_answer());
    w.advance(500);
    assert_eq!(w.bot.ended(), None);
    assert!(w.take_one_answer());
    assert_eq!(w.bot.ended(), Some(End::Stopped), "as soon as the last was taken");
    // Nor longer than that.
    let mut w = held();
    w.post(&message(1));
    w.leaves_answers = true;
    w.shut_down();
    w.advance(1999);
    assert_eq!(w.bot.ended(), None);
    w.advance(1);
    assert_eq!(w.bot.ended(), Some(End::Stopped));
    assert!(w.take_one_answer() && w.bot.poll_posted().is_none(), "it can still be taken");
    assert_eq!(w.answer_to(0), Some(REFUSED));
}

#[test]
fn a_fatal_end_answers_everything() {
    let mut w = World::with(config(), Storage::growable());
    w.serve(&webhook(), 8);
    w.script.app = App::Hold;
    w.script.dial_http = Dial::Hang;
    w.timeout();
    let refusal = json!({"code": 514, "msg": "app secret invalid"}).to_string();
    w.script.discoveries.push_back(Reply::json(200, &refusal));
    w.run();
    let (event, asked) = (w.post(&message(1)), w.post(&click(1)));
    let later = w.post(&click(2));
    w.decide(Verdict::Refused);
    w.decide(Verdict::Later);
    let queued = w.post(&message(3));
    assert_eq!(w.answer_to(event), Some(REFUSED));
    w.open_late(larkwire_core::Lane::Http(0));
    w.run();
    assert!(matches!(w.end(), End::Fatal(Fatal { reason: FatalReason::Credentials, .. })), "{:?}", w.bot.state());
    assert_eq!([asked, later].map(|n| w.answer_to(n)), [Some(EMPTY); 2]);
    assert_eq!(w.answer_to(queued), Some(REFUSED));
}

#[test]
fn after_the_end_events_are_refused_and_clicks_answered() {
    let mut w = held();
    w.script.app = App::Accept;
    let known = w.post(&message(1));
    assert_eq!(w.answer_to(known), Some(SUCCESS));
    w.shut_down();
    assert_eq!(w.end(), End::Stopped);
    let stats = *w.bot.stats();
    let late = [w.post(&message(2)), w.post(&click(1))];
    assert_eq!(late.map(|n| w.answer_to(n)), [Some(REFUSED), Some(EMPTY)], "a callback is never refused");
    assert_eq!((*w.bot.stats(), w.delivered.len(), w.bot.poll_timeout()), (stats, 1, None));
    let stray = larkwire_core::ResponseId::from_u64(2);
    assert_eq!(w.fact(|bot, now| bot.respond(now, stray, b"{}")), Err(Misuse::Stopping));
}
