//! Bots that make calls and hold no long connection, so that no event is taken from one that runs elsewhere; and the
//! platform's clock, which every answer tells.

use larkwire_core::fault::FatalReason;
use larkwire_core::{Call, Config, End, LinkMode, Notice, OwnOpenId, Seed, State, Storage, UnixMillis};

use crate::support::*;

fn with(link: LinkMode) -> World {
    let mut w = World::seeded(Config { link, ..config() }, Storage::growable(), Seed([7; 32]));
    w.start();
    w
}

#[test]
fn a_bot_for_calls_only_never_asks_where_to_connect() {
    let mut w = with(LinkMode::Off);
    assert_eq!(w.bot.state(), State::Resting);
    w.reply("om_1", "hi");
    assert!(w.completed[0].result.is_ok());
    w.advance(24 * 60 * 60 * 1000);
    assert!(w.discoveries().is_empty() && w.upgrades().is_empty());
    assert_eq!(w.bot.poll_timeout(), None, "with nothing to do it sleeps without an alarm");
    w.reply("om_2", "and wakes up for the next call");
    assert!(w.completed[1].result.is_ok());
    w.shut_down();
    w.advance(1000);
    assert_eq!(w.end(), End::Stopped);
}

#[test]
fn a_bot_that_only_discovers_asks_once_and_never_connects() {
    let mut w = with(LinkMode::Discover);
    assert_eq!((w.bot.state(), w.discoveries().len()), (State::Resting, 1));
    w.advance(60 * 60 * 1000);
    assert_eq!((w.discoveries().len(), w.upgrades().len()), (1, 0));
}

#[test]
fn discovering_alone_tries_again_and_gives_up_like_any_bot() {
    let config = Config { link: LinkMode::Discover, max_attempts: Some(2), ..config() };
    let mut w = World::with(config, Storage::growable());
    w.script.discovery = Some(Reply::json(500, "{}"));
    w.start();
    w.advance(10 * 60 * 1000);
    assert!(matches!(w.end(), End::Fatal(fatal) if fatal.reason == FatalReason::GaveUp));
    assert_eq!(w.discoveries().len(), 2);
    let mut w = World::with(Config { link: LinkMode::Discover, ..self::config() }, Storage::growable());
    w.script.discovery = Some(Reply::json(200, r#"{"code":1000040351,"msg":"wrong domain"}"#));
    w.start();
    assert!(matches!(w.end(), End::Fatal(fatal) if fatal.reason == FatalReason::WrongRegion));
}

#[test]
fn wrong_credentials_end_a_bot_for_calls_with_the_platforms_words() {
    let mut w = World::with(Config { link: LinkMode::Off, ..config() }, Storage::growable());
    w.script.tokens.push_back(Reply::json(200, r#"{"code":10014,"msg":"app secret invalid"}"#));
    w.start();
    w.submit(Call::BotInfo);
    let End::Fatal(fatal) = w.end() else { panic!("{:?}", w.bot.state()) };
    assert_eq!((fatal.reason, fatal.code), (FatalReason::Credentials, 10_014));
    assert_eq!(fatal.message.as_str(), "app secret invalid");
}

#[test]
fn the_platforms_clock_is_known_from_its_answers_and_makes_a_message_stale_where_there_is_no_other() {
    let dated = |date: &str| Reply::with(200, &[("Date", date)], r#"{"code":0,"bot":{"open_id":"ou_bot"}}"#);
    let gate = larkwire_core::GateRules {
        allowed_users: &["*"],
        stale_after_ms: 30 * 60 * 1000,
        ..larkwire_core::GateRules::default()
    };
    let fetched = Config { own_open_id: OwnOpenId::Fetched, gate, ..config() };
    let mut w = World::with(fetched, Storage::growable());
    // message_json is of 2023-11-14 22:13:20.
    w.script.bot_infos.push_back(dated("Tue, 14 Nov 2023 22:45:00 GMT"));
    let mut w = w.open();
    assert_eq!(w.bot.platform_clock().map(|(_, unix)| unix), Some(UnixMillis(1_700_001_900_000)));
    w.event("m1", &message_json("e1", "om_1", "x"));
    assert_eq!((w.ids().len(), w.dropped(larkwire_core::fault::DropReason::Stale)), (0, 1));
    w.fact(|bot, now| bot.handle_wall_clock(now, Some(UnixMillis(1_700_001_720_000))));
    w.event("m2", &message_json("e2", "om_2", "x"));
    assert_eq!(w.ids(), ["e2"], "the runtime's own clock goes first, where they agree to some minutes");
}

#[test]
fn a_clock_that_was_never_set_makes_no_message_stale_once_the_platform_has_told_its_own() {
    for (wrong, ahead_s) in [(0, -1_700_000_000), (1_700_000_000_000 + 90_000_000_000, 90_000_000)] {
        let dated =
            Reply::with(200, &[("Date", "Tue, 14 Nov 2023 22:13:20 GMT")], r#"{"code":0,"bot":{"open_id":"ou_bot"}}"#);
        let gate = larkwire_core::GateRules {
            allowed_users: &["*"],
            stale_after_ms: 30 * 60 * 1000,
            ..larkwire_core::GateRules::default()
        };
        let mut w = World::with(Config { own_open_id: OwnOpenId::Fetched, gate, ..config() }, Storage::growable());
        w.fact(|bot, now| bot.handle_wall_clock(now, Some(UnixMillis(wrong))));
        w.script.bot_infos.extend([dated.clone(), dated]);
        let mut w = w.open();
        // message_json is of 2023-11-14 22:13:20.
        w.event("m1", &message_json("e1", "om_1", "x"));
        assert_eq!(w.ids(), ["e1"]);
        let off = w.notices.iter().filter(|(_, notice)| *notice == Notice::ClockOff { ahead_s }).count();
        assert_eq!(off, 1, "{:?}", w.notices);
        w.fact(|bot, now| bot.handle_wall_clock(now, Some(UnixMillis(1_700_003_600_000))));
        w.fact(|bot, now| bot.refresh_identity(now));
        w.run();
        assert_eq!(w.notices.iter().filter(|(_, notice)| matches!(notice, Notice::ClockOff { .. })).count(), 1);
    }
}

#[test]
fn a_wrong_clock_that_is_told_later_makes_no_message_stale_either() {
    let date = [("Date", "Tue, 14 Nov 2023 22:13:20 GMT")];
    let gate = larkwire_core::GateRules {
        allowed_users: &["*"],
        stale_after_ms: 30 * 60 * 1000,
        ..larkwire_core::GateRules::default()
    };
    let mut w = World::with(Config { own_open_id: OwnOpenId::Fetched, gate, ..config() }, Storage::growable());
    w.script.bot_infos.push_back(Reply::with(200, &date, r#"{"code":0,"bot":{"open_id":"ou_bot"}}"#));
    let mut w = w.open();
    w.advance(10_000);
    w.fact(|bot, now| bot.handle_wall_clock(now, Some(UnixMillis(1_700_000_000_000 + 3 * 3_600_000))));
    w.event("m1", &message_json("e1", "om_1", "x"));
    assert_eq!(w.ids(), ["e1"]);
    assert!(w.notices.iter().any(|(_, notice)| matches!(notice, Notice::ClockOff { ahead_s: 10_780..=10_800 })));
}
