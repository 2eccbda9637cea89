//! Boards that hold one stream at a time: the long connection and calls take turns. The world checks after every fact
//! that never two streams are wished for.

use larkwire_core::{AckReactions, Closed, Config, End, Lane, OwnOpenId, State, Storage};

use crate::support::*;

fn world() -> World {
    World::with(Config { planned_turns: true, ..config() }, Storage::growable())
}

#[test]
fn a_reply_closes_the_connection_in_order_and_the_bot_is_back_at_once() {
    for chop in CHOPS {
        let mut w = world();
        w.chop = chop;
        let mut w = w.open();
        w.event("m1", &message_json("e1", "om_1", "hi"));
        let asked = w.now;
        w.reply("om_1", "echo");
        w.advance(999);
        assert!(w.completed.is_empty(), "others may join for a second");
        w.advance(1);
        assert!(w.completed[0].result.is_ok());
        assert_eq!(w.bot.state(), State::Discovering, "there may be more to say");
        w.advance(300);
        assert_eq!((w.bot.state(), w.now), (State::Open, asked + 1300), "without jitter");
        assert_eq!(w.closes, [(asked + 1000, 1000)]);
        assert_eq!((w.upgrades().len(), w.bot.stats().turns, w.bot.stats().link_faults), (2, 1, 0));
        assert_eq!(w.acks.len(), 1, "the ack went out before the goodbye");
    }
}

#[test]
fn calls_that_come_within_a_second_go_in_one_turn_over_one_connection() {
    let mut w = world().open();
    let before = w.dials.len();
    for n in 0..20 {
        w.reply("om_1", &format!("{n}"));
    }
    w.advance(1300);
    assert_eq!((w.completed.len(), w.bot.stats().turns, w.bot.state()), (20, 1, State::Open));
    let lanes: Vec<_> = w.dials[before..].iter().map(|dial| dial.lane).collect();
    assert_eq!(lanes, [Lane::Http(0), Lane::Socket]);
    assert_eq!(w.paths().last().map(|path| path.starts_with("/ws/v2")), Some(true));
}

#[test]
fn a_program_that_answers_one_message_after_the_other_needs_one_turn() {
    let mut w = world().open();
    w.reply("om_0", "first");
    w.advance(1000);
    for n in 1..5 {
        assert_eq!(w.completed.len(), n);
        w.advance(250);
        w.reply("om_0", "next");
    }
    w.advance(300);
    assert_eq!((w.completed.len(), w.bot.stats().turns, w.bot.state()), (5, 1, State::Open));
    assert_eq!(
        w.dials.iter().filter(|dial| dial.lane != Lane::Socket).count(),
        2,
        "one at the start, one for the turn"
    );
}

#[test]
fn the_first_connection_is_made_after_everything_else_is_known() {
    let config = Config { planned_turns: true, own_open_id: OwnOpenId::Fetched, ..config() };
    let mut w = World::with(config, Storage::growable());
    w.start();
    w.until_open(1000);
    let lanes: Vec<_> = w.dials.iter().map(|dial| dial.lane).collect();
    assert_eq!(lanes, [Lane::Http(0), Lane::Socket], "token, identity and discovery share a stream");
    w.advance(60 * 60 * 1000);
    assert_eq!((w.bot.stats().turns, w.lookups().len()), (0, 1));
}

#[test]
fn an_event_that_is_being_decided_is_acked_before_the_connection_closes() {
    let mut w = world().open();
    w.script.app = App::Hold;
    w.reply("om_0", "hello");
    w.advance(500);
    w.event("m1", &message_json("e1", "om_1", "hi"));
    w.advance(1000);
    assert_eq!((w.bot.state(), w.completed.len()), (State::Open, 0), "it waits for the verdict");
    w.script.app = App::Accept;
    w.advance(300);
    assert_eq!((w.acks.len(), w.completed.len(), w.bot.state()), (1, 1, State::Open));
}

#[test]
fn an_inbox_that_stands_still_holds_a_turn_for_two_seconds_and_no_longer() {
    let mut w = world().open();
    w.script.app = App::Hold;
    w.reply("om_0", "hello");
    w.advance(900);
    w.event("m1", &message_json("e1", "om_1", "hi"));
    w.advance(2100);
    assert_eq!((w.completed.len(), w.acks.len()), (1, 0), "the platform sends the event again");
}

#[test]
fn a_call_that_hangs_keeps_the_bot_away_for_its_exchange_and_no_longer() {
    let mut w = world().open();
    w.script.calls.push_back(Reply::Hang);
    w.reply("om_1", "lost?");
    w.reply("om_2", "next");
    w.advance(1000);
    assert_eq!(w.bot.state(), State::Discovering);
    w.until_open(16_000);
    w.advance(120_000);
    assert_eq!(w.completed.len(), 2);
    assert!(w.completed.iter().all(|done| done.result.is_ok()), "{:?}", w.completed);
}

#[test]
fn a_program_that_never_stops_calling_cannot_keep_the_bot_away_for_ever() {
    let mut w = world().open();
    w.script.call = Reply::Hang;
    let (mut away, mut turns) = (0, 0);
    for _ in 0..600 {
        w.reply("om_1", "more");
        w.advance(1000);
        let open = w.bot.state() == State::Open;
        turns += u32::from(open && away > 0);
        away = if open { 0 } else { away + 1 };
        assert!(away <= 30 + 15 + 2, "30 s of calls, and the exchange that had begun");
    }
    assert!(turns > 10, "{turns}");
}

#[test]
fn a_turn_that_finds_no_network_ends_with_the_usual_pause() {
    let mut w = world().open();
    w.script.dial_http = Dial::Fail(Closed::Unreachable);
    w.reply("om_1", "hi");
    w.advance(1000);
    assert!(matches!(w.bot.state(), State::Waiting { .. }), "{:?}", w.bot.state());
    w.script.dial_http = Dial::Open;
    w.until_open(200_000);
    w.advance(60_000);
    assert!(w.completed[0].result.is_ok());
}

#[test]
fn reactions_take_their_turn_too() {
    let config = Config { planned_turns: true, ack_reactions: AckReactions::Auto, ..config() };
    let mut w = World::with(config, Storage::growable()).open();
    w.event("m1", &message_json("e1", "om_1", "hello there"));
    w.event("m2", &message_json("e2", "om_2", "and again"));
    w.advance(1000);
    assert_eq!((w.reactions().len(), w.bot.stats().turns, w.bot.state()), (2, 1, State::Open));
}

#[test]
fn a_bot_that_shuts_down_sends_what_it_accepted_and_does_not_come_back() {
    let mut w = world().open();
    w.reply("om_1", "bye");
    w.shut_down();
    w.advance(15_000);
    assert!(w.completed[0].result.is_ok());
    assert_eq!((w.end(), w.upgrades().len()), (End::Stopped, 1));
}

#[test]
fn a_peer_that_does_not_answer_the_goodbye_holds_a_turn_for_two_seconds() {
    let mut w = world().open();
    w.script.echo_close = false;
    w.reply("om_1", "hi");
    w.advance(2999);
    assert!(w.completed.is_empty());
    w.advance(301);
    assert!(w.completed[0].result.is_ok());
    assert_eq!((w.bot.state(), w.faults().len()), (State::Open, 0));
}

#[test]
fn a_callback_is_answered_before_a_turn_that_cannot_wait_for_its_program() {
    for decided in [false, true] {
        let mut w = world().open();
        w.script.app = if decided { App::Later } else { App::Hold };
        w.reply("om_0", "hello");
        w.advance(900);
        w.event("c1", &other_json("e1", "card.action.trigger"));
        w.advance(2200);
        assert_eq!(w.completed.len(), 1);
        assert_eq!(w.acks.len(), 1, "decided: {decided}");
        assert_eq!(w.ack_texts(), [r#"{"code":200,"data":"e30="}"#]);
    }
}

#[test]
fn a_call_is_not_lost_when_the_bot_shuts_down_while_it_connects() {
    let mut w = world();
    w.script.dial_socket = Dial::Hang;
    w.start();
    w.advance(10);
    assert_eq!(w.bot.state(), State::Connecting);
    w.reply("om_1", "bye");
    assert!(w.completed.is_empty(), "it waits for the connection");
    w.shut_down();
    w.advance(5000);
    assert!(w.completed[0].result.is_ok(), "{:?}", w.completed);
    assert_eq!((w.end(), w.discoveries().len()), (End::Stopped, 1));
}

#[test]
fn a_token_that_is_refused_costs_few_turns() {
    let config = Config { planned_turns: true, own_open_id: OwnOpenId::Fetched, ..config() };
    let mut w = World::with(config, Storage::growable());
    w.script.tokens.extend((0..1000).map(|_| Reply::json(500, "{}")));
    w.start();
    w.advance(60 * 60 * 1000);
    assert_eq!(w.bot.state(), State::Open);
    assert!(w.bot.stats().turns <= 12, "{}", w.bot.stats().turns);
}
