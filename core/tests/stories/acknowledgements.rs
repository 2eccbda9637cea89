//! Acknowledgement reactions: in the language of the message, never in the way (protocol section 14).

use larkwire_core::fault::DropReason;
use larkwire_core::locale::Locale;
use larkwire_core::{AckReactions, Call, Config, Notice, Seed, Storage};
use serde_json::json;

use crate::support::*;

fn with(ack_reactions: AckReactions, seed: u8) -> World {
    World::seeded(Config { ack_reactions, ..config() }, Storage::growable(), Seed([seed; 32])).open()
}

fn say(w: &mut World, n: u32, text: &str) {
    w.event(&format!("m{n}"), &message_json(&format!("e{n}"), &format!("om_{n}"), text));
}

#[test]
fn a_message_is_acknowledged_once_in_the_language_it_was_written_in() {
    for (text, locale) in [
        ("继续奋斗，今天很强", Locale::ZhCn),
        ("繼續奮鬥，今天很強", Locale::ZhTw),
        ("頑張ってください", Locale::Ja),
        ("Bonjour tout le monde", Locale::En),
    ] {
        for seed in 0..20 {
            let mut w = with(AckReactions::Auto, seed);
            say(&mut w, 1, text);
            say(&mut w, 1, text);
            let reactions = w.reactions();
            assert_eq!(reactions.len(), 1, "a redelivery is not acknowledged again");
            let (message, emoji) = &reactions[0];
            assert_eq!(message, "om_1");
            assert!(locale.reactions().contains(&emoji.as_str()), "{text}: {emoji}");
        }
    }
}

#[test]
fn a_program_may_bring_its_own_rule_for_the_language() {
    let locale_of = |event: &larkwire_core::Event<'_>| {
        assert_eq!(event.message().unwrap().message_id().unwrap().plain(), Some("om_1"));
        Locale::ZhTw
    };
    let mut names = std::collections::BTreeSet::new();
    for seed in 0..60 {
        let config = Config { ack_reactions: AckReactions::Auto, locale_of, ..config() };
        let mut w = World::seeded(config, Storage::growable(), Seed([seed; 32])).open();
        say(&mut w, 1, "Bonjour tout le monde");
        names.extend(w.reactions().into_iter().map(|(_, emoji)| emoji));
    }
    assert!(names.iter().map(String::as_str).eq([
        "APPLAUSE",
        "DONE",
        "FINGERHEART",
        "JIAYI",
        "OK",
        "SMILE",
        "THUMBSUP"
    ]));
}

#[test]
fn the_choice_can_be_repeated_with_the_seed_and_uses_every_name() {
    let chosen = |seed: u8| {
        let mut w = with(AckReactions::Fixed(Locale::ZhTw), seed);
        (0..200).for_each(|n| say(&mut w, n, "x"));
        w.reactions()
    };
    let one = chosen(1);
    assert_eq!(one, chosen(1));
    assert_ne!(one, chosen(2));
    for name in Locale::ZhTw.reactions() {
        let times = one.iter().filter(|(_, emoji)| emoji == name).count();
        assert!((12..=48).contains(&times), "{name} {times} times of 200, about 29 expected");
    }
}

#[test]
fn off_means_off_and_events_that_are_no_messages_get_none() {
    let mut w = World::new().open();
    say(&mut w, 1, "hi");
    assert!(w.reactions().is_empty() && w.token_requests() == 0);
    let mut w = with(AckReactions::Auto, 1);
    w.event("m2", &other_json("e2", "im.message.message_read_v1"));
    assert!(w.reactions().is_empty());
}

#[test]
fn what_did_not_reach_the_application_is_not_acknowledged() {
    for app in [App::Discard, App::Refuse] {
        let mut w = with(AckReactions::Auto, 1);
        w.script.app = app;
        say(&mut w, 1, "hi");
        assert!(w.reactions().is_empty(), "{app:?}");
    }
    let mut w = with(AckReactions::Auto, 1);
    let mut event: serde_json::Value = serde_json::from_str(&message_json("e1", "om_1", "hi")).unwrap();
    event["event"]["sender"]["sender_type"] = json!("app");
    w.event("m1", &event.to_string());
    assert_eq!((w.reactions().len(), w.dropped(DropReason::BotSender)), (0, 1));
}

#[test]
fn a_chat_whose_language_was_told_is_not_guessed() {
    let mut w = with(AckReactions::Auto, 3);
    w.bot.set_chat_locale("oc_1", Some(Locale::Ja)).unwrap();
    let only_chinese = |emoji: &str| !Locale::Ja.reactions().contains(&emoji);
    (0..100).for_each(|n| say(&mut w, n, "了解"));
    assert!(w.reactions().iter().all(|(_, emoji)| !only_chinese(emoji)), "kanji alone may be Japanese");
    w.bot.set_chat_locale("oc_1", None).unwrap();
    (100..200).for_each(|n| say(&mut w, n, "了解"));
    assert!(w.reactions()[100..].iter().any(|(_, emoji)| only_chinese(emoji)));
}

#[test]
fn a_reaction_that_fails_costs_neither_the_event_nor_its_ack() {
    for reply in [
        Reply::Hang,
        Reply::HangUp(larkwire_core::Closed::Reset),
        Reply::json(400, r#"{"code":231003,"msg":"message not found"}"#),
        Reply::json(500, "boom"),
    ] {
        let mut w = with(AckReactions::Auto, 1);
        w.script.reactions.push_back(reply.clone());
        say(&mut w, 1, "hi");
        assert_eq!((w.ids(), w.acks.len()), (vec!["e1"], 1));
        w.advance(20_000);
        // A hang-up on the connection that the token came by only says that it was kept too long.
        let kept = matches!(reply, Reply::HangUp(_));
        assert_eq!(w.reactions().len(), if kept { 2 } else { 1 }, "not tried again: {reply:?}");
        if kept {
            assert_eq!(w.bot.stats().reactions_sent, 1);
            continue;
        }
        assert_eq!(w.bot.stats().reactions_dropped, 1);
        assert!(w.notices.iter().any(|(_, notice)| matches!(notice, Notice::ReactionFailed { .. })));
        say(&mut w, 2, "hi");
        assert_eq!(w.bot.stats().reactions_sent, 1);
    }
}

#[test]
fn a_full_quota_and_a_refused_token_are_forgiven_once() {
    let limited = Reply::with(429, &[("x-ogw-ratelimit-reset", "7")], r#"{"code":99991400}"#);
    let mut w = with(AckReactions::Auto, 1);
    w.script.reactions.extend([limited.clone()]);
    say(&mut w, 1, "hi");
    w.advance(6999);
    assert_eq!(w.reactions().len(), 1);
    w.advance(1);
    assert_eq!((w.reactions().len(), w.bot.stats().reactions_sent), (2, 1));
    let mut w = with(AckReactions::Auto, 1);
    w.script.reactions.extend([limited.clone(), limited]);
    say(&mut w, 1, "hi");
    w.advance(60_000);
    assert_eq!((w.reactions().len(), w.bot.stats().reactions_dropped), (2, 1), "once, not more");
    let mut w = with(AckReactions::Auto, 1);
    w.script.reactions.push_back(Reply::json(400, r#"{"code":99991663,"msg":"invalid"}"#));
    say(&mut w, 1, "hi");
    assert_eq!((w.token_requests(), w.bot.stats().reactions_sent), (2, 1));
}

#[test]
fn defect_53_a_name_the_platform_does_not_know_is_not_used_again() {
    let mut w = with(AckReactions::Fixed(Locale::ZhCn), 5);
    w.script.reactions.push_back(Reply::json(400, r#"{"code":231001,"msg":"reaction type is invalid"}"#));
    (0..100).for_each(|n| say(&mut w, n, "你好"));
    let reactions = w.reactions();
    let refused = reactions[0].1.clone();
    assert!(reactions[1..].iter().all(|(_, emoji)| *emoji != refused), "{refused}");
    assert_eq!(reactions.len(), 100);
}

#[test]
fn calls_go_before_reactions_and_reactions_never_fill_the_outbox() {
    let mut w = World::seeded(Config { ack_reactions: AckReactions::Auto, ..config() }, small(), Seed([1; 32])).open();
    // A board: one lane, one call, four reactions. The first reaction hangs.
    w.script.reactions.push_back(Reply::Hang);
    say(&mut w, 1, "hi");
    (2..10).for_each(|n| say(&mut w, n, "hi"));
    assert_eq!(w.acks.len(), 9, "no event waits for a reaction");
    let id = w.submit(Call::reply_text("om_1", "hello"));
    w.advance(16_000);
    let after: Vec<_> =
        w.requests.iter().skip_while(|request| !request.target.ends_with("/reactions")).skip(1).collect();
    assert!(after[0].target.ends_with("/reply"), "{:?}", w.paths());
    assert!(w.completed.iter().any(|done| done.id == id && done.result.is_ok()));
    assert!(w.bot.stats().reactions_dropped >= 5, "the oldest went, counted");
}

#[test]
fn an_acknowledgement_that_comes_too_late_is_dropped() {
    let mut w = with(AckReactions::Auto, 1);
    w.advance(5000);
    w.script.dial_http = Dial::Fail(larkwire_core::Closed::Unreachable);
    say(&mut w, 1, "hi");
    w.advance(60_000);
    assert_eq!(w.bot.stats().reactions_dropped, 1);
    w.script.dial_http = Dial::Open;
    w.advance(120_000);
    assert!(w.reactions().is_empty());
}
