//! Callbacks: somebody clicked, and the platform waits 3 s for an answer (protocol sections 8.2, 8.3).

use larkwire_core::fault::Misuse;
use larkwire_core::{Bot, ResponseId, State, Verdict};

use crate::support::*;

fn world() -> World {
    let mut w = World::new().open();
    w.script.app = App::Later;
    w
}

fn click(w: &mut World, n: u32) {
    w.event(&format!("c{n}"), &other_json(&format!("ec{n}"), "card.action.trigger"));
}

/// The id of the callback that is being offered; what it is answered with comes later.
fn take(w: &mut World) -> ResponseId {
    let id = w.bot.poll_delivery().and_then(|event| event.response_id()).expect("a callback waits");
    w.decide(Verdict::Later);
    id
}

fn held() -> World {
    let mut w = world();
    w.script.app = App::Hold;
    w
}

fn respond(w: &mut World, id: ResponseId, body: &str) -> Result<(), Misuse> {
    let result = w.fact(|bot, now| bot.respond(now, id, body.as_bytes()));
    w.run();
    result
}

fn answers(w: &World) -> Vec<String> {
    let data = |text: &&str| {
        let json: serde_json::Value = serde_json::from_str(text).unwrap();
        json["data"].as_str().map(str::to_owned)
    };
    w.ack_texts().iter().filter_map(data).collect()
}

#[test]
fn a_toast_reaches_the_person_who_clicked_in_base64() {
    let mut w = held();
    click(&mut w, 1);
    let id = take(&mut w);
    assert!(w.acks.is_empty(), "nothing is said before the application has");
    w.advance(1200);
    let toast = r#"{"toast":{"type":"success","content":"已保存 ✓"}}"#;
    respond(&mut w, id, toast).unwrap();
    assert_eq!(answers(&w), [base64(toast.as_bytes())]);
    let ack = &w.acks[0];
    assert_eq!(ack.pb.header("biz_rt"), Some("1200"));
    assert_eq!((ack.pb.header("message_id"), ack.pb.method), (Some("c1"), 1), "the frame goes back whole");
    assert_eq!((w.bot.stats().callbacks_answered, w.bot.stats().callbacks_unanswered), (1, 0));
}

#[test]
fn without_an_answer_the_platform_hears_an_empty_object_after_two_and_a_half_seconds() {
    let mut w = held();
    click(&mut w, 1);
    w.advance(300);
    let id = take(&mut w);
    w.advance(2199);
    assert!(w.acks.is_empty());
    w.advance(1);
    assert_eq!(answers(&w), ["e30="], "2.5 s after it came in, not after it was taken");
    assert_eq!(respond(&mut w, id, "{}"), Err(Misuse::Late));
    assert!(Misuse::Late.to_string().contains("update the card"));
    assert_eq!(w.bot.stats().callbacks_unanswered, 1);
}

#[test]
fn several_callbacks_are_answered_in_any_order_each_with_its_own() {
    let mut w = held();
    let ids: Vec<_> = (1..=5)
        .map(|n| {
            click(&mut w, n);
            take(&mut w)
        })
        .collect();
    for n in [3, 1, 5, 2, 4] {
        respond(&mut w, ids[n - 1], &format!(r#"{{"n":{n}}}"#)).unwrap();
    }
    let got: Vec<_> = w.acks.iter().map(|ack| ack.pb.header("message_id").unwrap().to_owned()).collect();
    assert_eq!(got, ["c3", "c1", "c5", "c2", "c4"]);
    let expected = [3, 1, 5, 2, 4].map(|n| base64(format!(r#"{{"n":{n}}}"#).as_bytes()));
    assert_eq!(answers(&w), expected);
}

#[test]
fn an_answer_is_given_once_and_must_be_a_json_object() {
    let mut w = held();
    click(&mut w, 1);
    let id = take(&mut w);
    for wrong in ["", "[]", "null", "\"x\"", "{", "{} {}", "{\"a\":}"] {
        assert_eq!(respond(&mut w, id, wrong), Err(Misuse::Field("body")), "{wrong}");
    }
    assert_eq!(w.fact(|bot: &mut Bot<'_>, now| bot.respond(now, id, b"{\"a\":\"\xff\"}")), Err(Misuse::Field("body")));
    respond(&mut w, id, " {\n} ").unwrap();
    assert_eq!(respond(&mut w, id, "{}"), Err(Misuse::Late));
    assert_eq!(respond(&mut w, ResponseId::from_u64(77), "{}"), Err(Misuse::Late));
    assert_eq!(w.acks.len(), 1);
}

#[test]
fn later_on_a_message_is_the_same_as_accepted() {
    let mut w = world();
    w.event("m1", &message_json("e1", "om_1", "x"));
    assert_eq!(w.ack_texts(), [r#"{"code":200}"#]);
    w.event("m2", &message_json("e1", "om_1", "x"));
    assert_eq!(w.ids(), ["e1"], "and a redelivery is a duplicate");
}

#[test]
fn an_answer_dies_with_its_connection() {
    let mut w = held();
    click(&mut w, 1);
    let id = take(&mut w);
    w.cut(larkwire_core::Lane::Socket, larkwire_core::Closed::Reset);
    assert_eq!(respond(&mut w, id, "{}"), Err(Misuse::Late));
    w.until_open(60_000);
    w.advance(5000);
    assert!(w.acks.is_empty());
}

#[test]
fn a_board_with_one_place_answers_the_second_callback_at_once() {
    let mut w = World::small().open();
    w.script.app = App::Hold;
    click(&mut w, 1);
    let first = take(&mut w);
    click(&mut w, 2);
    w.decide(Verdict::Later);
    assert_eq!(answers(&w), ["e30="]);
    let long = format!(r#"{{"toast":"{}"}}"#, "x".repeat(2000));
    assert!(matches!(respond(&mut w, first, &long), Err(Misuse::TooLong { needed }) if needed > 2000));
    respond(&mut w, first, r#"{"a":1}"#).unwrap();
    assert_eq!(answers(&w).len(), 2);
}

#[test]
fn an_answer_waits_for_room_in_the_output_and_leaves_when_there_is_some() {
    let mut w = held();
    click(&mut w, 1);
    let id = take(&mut w);
    w.script.write = 0;
    let big = format!(r#"{{"card":"{}"}}"#, "x".repeat(150_000));
    respond(&mut w, id, &big).unwrap();
    w.script.write = 1000;
    w.run();
    assert_eq!(answers(&w), [base64(big.as_bytes())]);
}

#[test]
fn a_callback_behind_a_stall_counts_from_the_stalls_start() {
    let mut w = held();
    // Both come in one read; nobody decides the first for 2 s.
    let message = ws(2, &event_frame("m1", &message_json("e1", "om_1", "x")));
    let callback = ws(2, &event_frame("c1", &other_json("ec1", "card.action.trigger")));
    w.raw(&[message, callback].concat());
    w.advance(1900);
    w.decide(Verdict::Accepted);
    take(&mut w);
    w.advance(599);
    assert!(answers(&w).is_empty());
    w.advance(1);
    assert_eq!(answers(&w), ["e30="]);
}

#[test]
fn shutting_down_answers_every_callback_that_still_waits() {
    let mut w = held();
    click(&mut w, 1);
    take(&mut w);
    w.shut_down();
    w.advance(5000);
    assert_eq!(answers(&w), ["e30="]);
    assert_eq!(w.bot.state(), State::Closed);
}

#[test]
fn chopping_changes_nothing_of_answers() {
    let run = |chop| {
        let mut w = held();
        w.chop = chop;
        click(&mut w, 1);
        let id = take(&mut w);
        w.advance(10);
        respond(&mut w, id, r#"{"toast":{"type":"info","content":"x"}}"#).unwrap();
        click(&mut w, 2);
        take(&mut w);
        w.advance(3000);
        (answers(&w), w.acks.len())
    };
    let whole = run(usize::MAX);
    for chop in CHOPS {
        assert_eq!(run(chop), whole, "chop {chop}");
    }
}

#[test]
fn one_stall_after_the_other_does_not_age_a_callback_that_came_late() {
    let mut w = held();
    let message =
        |n: u32| ws(2, &event_frame(&format!("m{n}"), &message_json(&format!("e{n}"), &format!("om_{n}"), "x")));
    w.raw(&(0..10).flat_map(message).collect::<Vec<_>>());
    for n in 0..10 {
        if n == 8 {
            // 2.4 s after the first one came in, and never was there nothing to decide.
            w.raw(&ws(2, &event_frame("c1", &other_json("ec1", "card.action.trigger"))));
        }
        w.advance(300);
        w.decide(Verdict::Accepted);
    }
    let id = take(&mut w);
    w.advance(1000);
    respond(&mut w, id, r#"{"toast":{}}"#).unwrap();
    assert_eq!(answers(&w), [base64(br#"{"toast":{}}"#)]);
    assert!(!w.bot.is_room_wanted());
}

#[test]
fn a_callback_that_runs_out_of_time_does_not_make_the_inbox_look_stuck() {
    let mut w = held();
    let (message, callback) = (message_json("e1", "om_1", "x"), other_json("ec1", "card.action.trigger"));
    w.raw(&[ws(2, &event_frame("m1", &message)), ws(2, &event_frame("c1", &callback))].concat());
    w.advance(1900);
    w.decide(Verdict::Accepted);
    w.advance(600);
    assert_eq!(answers(&w), ["e30="]);
    assert!(!w.bot.is_room_wanted(), "events go on being offered");
}
