//! The ten lines of the contract, each as a story or a property. `support::World` checks lines 1, 7 and 9
//! and the rules about shown bytes after every single fact of every story of this crate.
#![cfg(feature = "alloc")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::type_complexity,
    clippy::print_stdout,
    missing_docs,
    reason = "tests may panic, and print figures"
)]

mod support;

use larkwire_core::fault::{DropReason, Misuse};
use larkwire_core::{
    AckReactions, Call, Closed, Config, GateRules, Identity, Lane, LinkMode, Locale, OwnOpenId, ResponseId,
    RestoreError, Seed, State, Storage, UnixMillis, Verdict, Wish,
};
use serde_json::json;
use support::*;

/// A life with a bit of everything, the same at any chop size.
fn busy_life(mut w: World) -> World {
    w.script.pong = Pong::Payload(r#"{"PingInterval":60,"ReconnectNonce":2}"#.to_owned());
    w.script.upgrades.push_back(Upgrade::refused(503, &[("Retry-After", "3"), ("Handshake-Msg", "later")]));
    w.script.upgrades.push_back(Upgrade::AcceptWith(ws(9, b"first")));
    w.start();
    w.until_open(60_000);
    w.event("m1", &message_json("e1", "om_1", "早上好 🎉"));
    w.event("m2", &message_json("e1", "om_1", "again"));
    let json = message_json("e2", "om_2", &"split ".repeat(80));
    for (seq, part) in json.as_bytes().chunks(json.len().div_ceil(3)).enumerate() {
        w.part("m3", "3", &((seq + 1) % 3).to_string(), part);
    }
    for (seq, part) in json.as_bytes().chunks(json.len().div_ceil(3)).enumerate() {
        w.part("m4", "3", &(2 - seq).to_string(), json.as_bytes().chunks(json.len().div_ceil(3)).nth(2 - seq).unwrap());
        w.raw(&ws(9, part.get(..100).unwrap()));
    }
    let event = event_frame("m5", &message_json("e5", "om_5", "in pieces"));
    let mut pieces = ws_raw(0x02, &event[..50]);
    pieces.extend(ws(9, b"between"));
    pieces.extend(ws_raw(0x00, &event[50..51]));
    pieces.extend(ws_raw(0x80, &event[51..]));
    pieces.extend(ws(1, "text".as_bytes()));
    pieces.extend(ws(2, &event_frame("m6", "not json")));
    pieces.extend(ws(2, b"\xff\xff"));
    pieces.extend(ws(2, &part_frame("m7", "2000000000", "0", b"{}")));
    pieces.extend(ws(2, &event_frame("m8", &message_json("e8", "om_8", &"big ".repeat(2000)))));
    pieces.extend(ws(2, &event_frame("m9", &other_json("e9", "card.action.trigger"))));
    w.raw(&pieces);
    w.reply("om_1", "eins");
    w.script.calls.push_back(Reply::json(401, ""));
    w.reply("om_2", "zwei");
    w.script.app = App::Hold;
    w.raw(&[ws(2, &event_frame("m10", &message_json("e10", "om_10", "waits"))), ws(9, b"behind")].concat());
    w.advance(2500);
    w.script.app = App::Accept;
    w.event("m10", &message_json("e10", "om_10", "waits"));
    w.room(3);
    w.event("m10", &message_json("e10", "om_10", "waits"));
    w.advance(200_000);
    w.raw(b"\x82\x81\x01\x02\x03\x04\x05\x06 and so on and so on");
    w.until_open(60_000);
    w.raw(&[ws_close(1001), ws(9, b"too late")].concat());
    w.until_open(60_000);
    w.script.pong = Pong::None;
    w.advance(90_000);
    w.script.pong = Pong::Empty;
    w.until_open(60_000);
    w.shut_down();
    w.advance(15_000);
    assert_eq!(w.bot.state(), State::Closed);
    w
}

/// A bot that knows itself, has a gate, and acknowledges with reactions.
fn channel() -> Config<'static> {
    let gate = GateRules {
        allowed_users: &["ou_1", "ou_b"],
        mention_only: true,
        allow_bots: true,
        stale_after_ms: 60_000,
        ..GateRules::default()
    };
    Config { gate, own_open_id: OwnOpenId::Fetched, ack_reactions: AckReactions::Auto, ..config() }
}

fn group(n: u32, open_id: &str, kind: &str, at: &str, text: &str) -> String {
    let mut event: serde_json::Value =
        serde_json::from_str(&message_json(&format!("e{n}"), &format!("om_{n}"), text)).unwrap();
    event["event"]["sender"] = json!({"sender_id": {"open_id": open_id}, "sender_type": kind});
    event["event"]["message"]["chat_type"] = json!("group");
    event["event"]["message"]["mentions"] = json!([{"key": "@_user_1", "id": {"open_id": at}, "name": "Echo"}]);
    event.to_string()
}

fn click(n: u32, open_id: &str) -> String {
    let header = json!({"event_id": format!("c{n}"), "event_type": "card.action.trigger", "app_id": APP_ID});
    json!({"schema": "2.0", "header": header, "event": {"operator": {"open_id": open_id}, "action": {"value": {}}}})
        .to_string()
}

/// The callback that is being offered is taken, to be answered later.
fn take(w: &mut World) -> ResponseId {
    let id = w.bot.poll_delivery().and_then(|event| event.response_id()).expect("a callback waits");
    w.decide(Verdict::Later);
    id
}

fn answer(w: &mut World, id: ResponseId, body: &str) -> Result<(), Misuse> {
    let result = w.fact(|bot, now| bot.respond(now, id, body.as_bytes()));
    w.run();
    result
}

/// A day in a channel: who may speak, who is mentioned, who clicks, and what is said to them.
fn channel_life(mut w: World) -> World {
    const T0: u64 = 1_700_000_000_000;
    w.fact(|bot, now| bot.handle_wall_clock(now, Some(UnixMillis(T0))));
    w.script.bot_infos.push_back(Reply::json(500, "{}"));
    w.start();
    w.until_open(60_000);
    w.event("m1", &group(1, "ou_1", "user", "ou_bot", "nobody knows who is meant"));
    w.advance(12_000);
    w.event("m2", &group(2, "ou_1", "user", "ou_bot", "早上好，今天很强"));
    w.event("m3", &group(3, "ou_1", "user", "ou_else", "hi"));
    w.event("m4", &group(4, "ou_9", "user", "ou_bot", "hi"));
    w.event("m5", &group(2, "ou_1", "user", "ou_bot", "again"));
    w.event("m6", &group(6, "ou_bot", "app", "ou_bot", "hi"));
    w.script.reactions.push_back(Reply::with(429, &[("Retry-After", "2")], r#"{"code":99991400}"#));
    (10..16).for_each(|n| w.event(&format!("m{n}"), &group(n, "ou_b", "app", "ou_bot", "beep")));
    w.bot.set_chat_locale("oc_1", Some(Locale::Ja)).unwrap();
    w.script.reactions.push_back(Reply::json(400, r#"{"code":231001,"msg":"no such name"}"#));
    w.event("m20", &group(20, "ou_1", "user", "ou_bot", "了解"));
    w.event("m21", &other_json("e21", "im.chat.member.bot.added_v1"));
    w.script.app = App::Hold;
    w.event("c1", &click(1, "ou_1"));
    let first = take(&mut w);
    w.raw(&[ws(2, &event_frame("c2", &click(2, "ou_9"))), ws(2, &event_frame("c3", &click(3, "ou_1")))].concat());
    let third = take(&mut w);
    w.advance(700);
    answer(&mut w, third, "[]").unwrap_err();
    answer(&mut w, first, r#"{"toast":{"type":"info","content":"第一"}}"#).unwrap();
    w.event("m22", &group(22, "ou_1", "user", "ou_bot", "waits"));
    w.advance(1900);
    w.decide(Verdict::Accepted);
    answer(&mut w, third, "{}").unwrap_err();
    w.event("c4", &click(4, "ou_1"));
    w.advance(3000);
    w.script.app = App::Accept;
    w.room(5);
    w.fact(|bot, now| bot.refresh_identity(now));
    w.submit(Call::AddReaction { message_id: "om_2", emoji_type: "OK" });
    w.fact(|bot, now| bot.handle_wall_clock(now, Some(UnixMillis(T0 + 100_000))));
    w.event("m23", &group(23, "ou_1", "user", "ou_bot", "too old by now"));
    w.cut(Lane::Socket, Closed::Reset);
    w.until_open(60_000);
    w.script.app = App::Hold;
    w.event("c5", &click(5, "ou_1"));
    take(&mut w);
    w.shut_down();
    w.advance(15_000);
    assert_eq!(w.bot.state(), State::Closed);
    w
}

const LIVES: [(fn() -> Config<'static>, fn(World) -> World); 2] = [(config, busy_life), (channel, channel_life)];

#[test]
fn line_1_looking_changes_nothing_and_not_looking_loses_nothing() {
    for (config, life) in LIVES {
        let quiet = life(World::with(config(), Storage::growable()));
        // The same life with a curious neighbour who asks everything all the time.
        let mut w = World::with(config(), Storage::growable());
        w.curious = true;
        let curious = life(w);
        assert_eq!(quiet.observed(), curious.observed());
    }
}

#[test]
fn line_2_a_fact_that_contradicts_the_wish_is_ignored() {
    let mut w = World::new().open();
    let (before, attempt) = (w.observed(), w.attempt(Lane::Socket).unwrap());
    for lane in [Lane::Http(3), Lane::Http(200)] {
        w.fact(|bot, now| bot.handle_opened(now, lane, attempt));
        w.fact(|bot, now| bot.handle_received(now, lane, attempt, b"x"));
        w.fact(|bot, now| bot.handle_transmitted(now, lane, attempt, 5));
        w.fact(|bot, now| bot.handle_closed(now, lane, attempt, Closed::Eof));
    }
    w.fact(|bot, now| bot.handle_opened(now, Lane::Socket, attempt));
    w.fact(|bot, now| bot.handle_transmitted(now, Lane::Socket, attempt, 1_000_000));
    w.fact(|bot, now| bot.handle_received(now, Lane::Socket, attempt, b""));
    w.fact(|bot, now| bot.handle_timeout(now));
    w.fact(|bot, now| bot.refresh_identity(now));
    let stray = ResponseId::from_u64(1);
    assert_eq!(w.fact(|bot, now| bot.respond(now, stray, b"{}")), Err(Misuse::Late));
    w.run();
    assert_eq!(w.observed(), before);
}

#[test]
fn line_2_what_comes_too_late_changes_nothing() {
    let mut w = World::new().open();
    w.script.app = App::Hold;
    w.event("c1", &click(1, "ou_1"));
    let delivery = w.bot.poll_delivery().unwrap().id();
    let response = take(&mut w);
    answer(&mut w, response, "{}").unwrap();
    let (before, seen) = (w.observed(), w.bot.seen_count());
    for verdict in [Verdict::Accepted, Verdict::Discarded, Verdict::Later, Verdict::Refused] {
        w.fact(|bot, now| bot.handle_delivered(now, delivery, verdict));
    }
    assert_eq!(answer(&mut w, response, "{}"), Err(Misuse::Late));
    assert_eq!(w.fact(|bot, now| bot.restore_seen(now, b"anything")), Err(RestoreError::TooLate));
    w.advance(3000);
    assert_eq!((w.observed(), w.bot.seen_count()), (before, seen));
}

#[test]
fn line_3_how_bytes_are_split_is_not_observed() {
    for storage in [Storage::growable as fn() -> Storage<'static>, small] {
        for (config, life) in LIVES {
            let whole = life(World::with(config(), storage()));
            assert!(whole.acks.len() >= 8, "{:?}", whole.ids());
            for chop in CHOPS {
                let mut other = World::with(config(), storage());
                other.chop = chop;
                assert_eq!(life(other).observed(), whole.observed(), "chop {chop}");
            }
        }
    }
}

#[test]
fn line_3_what_the_busy_lives_are_about_does_happen() {
    let w = busy_life(World::new());
    assert!(w.delivered.len() >= 5, "{:?}", w.ids());
    for storage in [Storage::growable as fn() -> Storage<'static>, small] {
        let w = channel_life(World::with(channel(), storage()));
        let stats = w.bot.stats();
        for reason in [
            DropReason::BotIdentityUnknown,
            DropReason::BotLoop,
            DropReason::Duplicate,
            DropReason::InboxFull,
            DropReason::NoMention,
            DropReason::SelfSent,
            DropReason::SenderNotAllowed,
            DropReason::Stale,
        ] {
            assert!(w.dropped(reason) > 0, "{reason:?}");
        }
        assert!(stats.reactions_sent >= 5 && stats.reactions_dropped >= 1, "{stats:?}");
        assert_eq!(stats.callbacks_answered, 1);
        assert_eq!(w.bot.identity(), Identity::Known { open_id: "ou_bot", app_name: "Echo" });
    }
}

#[test]
fn line_3_every_split_point_of_a_click_and_a_mention() {
    let script: Vec<u8> = [
        event_frame("m1", &group(1, "ou_1", "user", "ou_bot", "嗨")),
        event_frame("m2", &group(2, "ou_9", "user", "ou_bot", "hi")),
        event_frame("c1", &click(1, "ou_1")),
        event_frame("c2", &click(2, "ou_9")),
    ]
    .iter()
    .flat_map(|frame| ws(2, frame))
    .collect();
    let mut first: Option<String> = None;
    for split in 0..=script.len() {
        let mut w = World::with(channel(), small()).open();
        w.script.app = App::Later;
        w.raw(&script[..split]);
        w.raw(&script[split..]);
        let id = ResponseId::from_u64(2);
        answer(&mut w, id, r#"{"toast":{"type":"info","content":"好"}}"#).unwrap();
        w.advance(3000);
        assert_eq!((w.acks.len(), w.reactions().len()), (4, 1));
        let seen = w.observed();
        assert_eq!(*first.get_or_insert(seen.clone()), seen, "split at {split}");
    }
}

#[test]
fn line_3_every_split_point_of_short_scripts() {
    let event = ws(2, &event_frame("m1", &message_json("e1", "om_1", "中文")));
    let fragmented = {
        let frame = event_frame("m1", &message_json("e1", "om_1", "x"));
        [ws_raw(2, &frame[..9]), ws(9, b"ping"), ws_raw(0x80, &frame[9..]), ws(1, "ä".as_bytes())].concat()
    };
    let broken = [ws(9, b"p"), ws(2, b"\xff"), b"\x81\x02\xc3\x28 rest".to_vec()].concat();
    let goodbye = [ws(9, b"p"), ws_close(1008), ws(9, b"q")].concat();
    for script in [event, fragmented, broken, goodbye] {
        let mut first: Option<String> = None;
        for split in 0..=script.len() {
            let mut w = World::small().open();
            w.script.echo_close = false;
            w.raw(&script[..split]);
            w.raw(&script[split..]);
            w.advance(3000);
            let seen = w.observed();
            assert_eq!(*first.get_or_insert(seen.clone()), seen, "split at {split}");
        }
    }
    // And every split point of the whole first conversation, discovery and upgrade included.
    for chop in 1..400 {
        let mut w = World::small();
        w.chop = chop;
        w.start();
        assert_eq!((w.bot.state(), w.pings.len()), (State::Open, 1));
    }
}

#[test]
fn line_4_an_older_now_counts_as_the_newest_seen() {
    let life = |steps_back: bool| {
        let mut w = World::new().open();
        for n in 0..100_u64 {
            w.advance(7_000);
            if steps_back {
                let now = w.now;
                for back in [0, 1, now / 2, now - 1] {
                    w.now = back;
                    w.timeout();
                    w.room(back as usize);
                }
                w.now = now;
            } else {
                for room in [0, 1, w.now / 2, w.now - 1] {
                    w.timeout();
                    w.room(room as usize);
                }
            }
            w.event(&format!("m{n}"), &message_json(&format!("e{n}"), &format!("om_{n}"), "x"));
        }
        (w.observed(), w.bot.poll_timeout())
    };
    assert_eq!(life(true), life(false));
}

#[test]
fn line_5_the_work_is_linear_in_the_bytes() {
    // Ten times the bytes must not cost a hundred times the steps; counted in time with a wide margin, so that only a
    // quadratic mistake is caught, in many small ws frames, one byte at a time.
    let cost = |n: usize| {
        let mut best = std::time::Duration::MAX;
        for _ in 0..3 {
            let mut w = World::with(config(), Storage::growable()).open();
            let attempt = w.attempt(Lane::Socket).unwrap();
            let frame = event_frame("m1", &message_json("e1", "om_1", &"x".repeat(n)));
            let mut bytes = ws_raw(0x02, b"");
            frame.chunks(20).for_each(|piece| bytes.extend(ws_raw(0x00, piece)));
            bytes.extend(ws_raw(0x80, b""));
            let now = w.instant();
            let start = std::time::Instant::now();
            for piece in bytes.chunks(10) {
                w.bot.handle_received(now, Lane::Socket, attempt, piece);
            }
            best = best.min(start.elapsed());
            assert!(w.bot.poll_delivery().is_some());
        }
        best
    };
    let (small, large) = (cost(20_000), cost(200_000));
    assert!(large < small * 40, "{small:?} {large:?}");
}

#[test]
fn line_6_after_a_failed_open_the_wish_is_down_until_a_deadline() {
    for lane in [Lane::Http(0), Lane::Socket] {
        let mut w = World::small();
        match lane {
            Lane::Socket => w.script.dial_socket = Dial::Fail(Closed::Refused),
            Lane::Http(_) => w.script.dial_http = Dial::Fail(Closed::Refused),
        }
        w.fact(|bot, now| bot.submit(now, Call::reply_text("om", "x"))).unwrap();
        for _ in 0..200 {
            let Some(due) = w.bot.poll_timeout() else { break };
            w.now = w.now.max(due.at.as_millis());
            w.timeout();
            for lane in w.lanes() {
                if let Wish::Up(target) = w.bot.poll_lane(lane) {
                    let attempt = target.attempt;
                    let (fails, now) = (matches!(lane, Lane::Http(_)), w.now);
                    if fails {
                        w.fact(|bot, now| bot.handle_closed(now, lane, attempt, Closed::Refused));
                        // Only a discovery that waited for the lane takes it over: a brake on calls never holds it.
                        let down = w.bot.poll_lane(lane) == Wish::Down || w.bot.state() == State::Discovering;
                        assert!(down && w.bot.poll_timeout().unwrap().at.as_millis() > now);
                    }
                }
            }
        }
    }
}

#[test]
fn line_7_it_is_never_asleep_without_an_alarm_not_even_at_the_end_of_time() {
    let mut w = World::new();
    w.now = u64::MAX - 10;
    w.timeout();
    assert!(w.bot.poll_timeout().is_some());
    w.now = u64::MAX;
    for _ in 0..50 {
        w.timeout();
    }
    assert!(w.bot.poll_timeout().is_some());
    w.shut_down();
    for _ in 0..10 {
        w.timeout();
    }
    assert!(w.bot.ended().is_some());
}

#[test]
fn line_7_a_bot_that_rests_sleeps_until_it_is_asked_something() {
    for link in [LinkMode::Off, LinkMode::Discover] {
        let mut w = World::with(Config { link, ..channel() }, Storage::growable());
        w.script.bot_infos.push_back(Reply::json(500, "{}"));
        w.start();
        w.advance(20_000);
        let alarm = |w: &World| (w.bot.state(), w.bot.poll_timeout().is_some());
        assert_eq!(alarm(&w), (State::Resting, false), "{link:?}");
        assert!(matches!(w.bot.identity(), Identity::Known { .. }));
        w.reply("om_1", "hi");
        assert_eq!((w.completed.len(), alarm(&w)), (1, (State::Resting, true)), "the connection is kept a while");
        w.advance(10_000);
        assert_eq!(alarm(&w), (State::Resting, false));
        w.shut_down();
        assert_eq!(w.bot.state(), State::Closed);
        assert!(w.upgrades().is_empty());
    }
}

#[test]
fn line_8_acked_means_taken_and_refused_means_forgotten() {
    for (verdict, acked, again) in [
        (Verdict::Accepted, 1, DropReason::Duplicate),
        (Verdict::Discarded, 1, DropReason::Discarded),
        (Verdict::Refused, 0, DropReason::InboxFull),
    ] {
        let mut w = World::new().open();
        w.script.app = App::Hold;
        let json = message_json("e1", "om_1", "x");
        w.event("m1", &json);
        assert_eq!(w.acks.len(), 0, "not before the verdict");
        w.decide(verdict);
        assert_eq!(w.acks.len(), acked);
        let dropped = w.dropped(again);
        w.event("m2", &json);
        if verdict == Verdict::Accepted {
            assert!(w.bot.poll_delivery().is_none());
        } else {
            w.decide(verdict);
        }
        assert_eq!((w.acks.len(), w.dropped(again)), (acked * 2, dropped + 1));
    }
}

#[test]
fn line_8_what_the_gate_stops_is_acked_and_leaves_no_trace() {
    let mut w = World::with(channel(), Storage::growable()).open();
    let seen = w.bot.seen_count();
    w.event("m1", &group(1, "ou_9", "user", "ou_bot", "denied"));
    w.event("m1", &group(1, "ou_9", "user", "ou_bot", "denied"));
    w.event("c1", &click(1, "ou_9"));
    assert_eq!(w.ack_texts(), [r#"{"code":200}"#, r#"{"code":200}"#, r#"{"code":200,"data":"e30="}"#]);
    assert_eq!((w.dropped(DropReason::SenderNotAllowed), w.bot.seen_count() - seen), (3, 0));
    assert!(w.delivered.is_empty() && w.reactions().is_empty());
}

#[test]
fn line_8_a_callback_is_never_refused_and_always_answered_once() {
    for (verdict, taken) in
        [(Verdict::Accepted, true), (Verdict::Discarded, false), (Verdict::Later, true), (Verdict::Refused, false)]
    {
        let mut w = World::new().open();
        w.script.app = App::Hold;
        w.event("c1", &click(1, "ou_1"));
        w.decide(verdict);
        w.advance(2500);
        assert_eq!(w.ack_texts(), [r#"{"code":200,"data":"e30="}"#], "{verdict:?}");
        w.event("c1", &click(1, "ou_1"));
        assert_eq!(w.bot.poll_delivery().is_none(), taken, "{verdict:?}");
        w.advance(5000);
        assert_eq!(w.acks.len(), 2);
    }
}

#[test]
fn line_9_after_the_end_every_wish_is_down_for_ever() {
    let mut w = World::new().open();
    let attempt = w.attempt(Lane::Socket).unwrap();
    w.shut_down();
    let end = w.end();
    for lane in w.lanes() {
        w.fact(|bot, now| bot.handle_opened(now, lane, attempt));
        w.fact(|bot, now| bot.handle_received(now, lane, attempt, b"HTTP/1.1 200 OK\r\n\r\n"));
        w.fact(|bot, now| bot.handle_closed(now, lane, attempt, Closed::Eof));
    }
    w.room(7);
    w.fact(|bot, now| bot.refresh_identity(now));
    let call = w.fact(|bot, now| bot.submit(now, Call::BotInfo));
    let answer = w.fact(|bot, now| bot.respond(now, ResponseId::from_u64(1), b"{}"));
    assert_eq!((call, answer), (Err(Misuse::Stopping), Err(Misuse::Stopping)));
    w.sleep(u64::MAX / 2);
    assert_eq!((w.end(), w.bot.state()), (end, State::Closed));
}

#[test]
fn line_10_the_same_seed_and_facts_give_the_same_bytes_and_another_seed_others() {
    let life = |seed| busy_life(World::seeded(config(), Storage::growable(), Seed([seed; 32])));
    let channel = |seed| channel_life(World::seeded(channel(), Storage::growable(), Seed([seed; 32])));
    let (a, b, c) = (channel(1), channel(1), channel(2));
    assert_eq!(a.observed(), b.observed());
    assert_ne!(a.sent, c.sent);
    assert_ne!(a.reactions(), c.reactions(), "other names are chosen");
    let (a, b, c) = (life(1), life(1), life(2));
    assert_eq!(a.observed(), b.observed());
    assert_ne!(a.sent, c.sent);
    let mut masks = a.masks.clone();
    masks.sort_unstable();
    masks.dedup();
    assert_eq!(masks.len(), a.masks.len(), "a fresh mask for every frame");
    assert!(a.masks.iter().all(|mask| !c.masks.contains(mask)));
}
