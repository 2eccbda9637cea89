//! Who may speak to the bot (protocol section 13; defects 41, 42, 44).

use larkwire_core::config::ConfigError;
use larkwire_core::fault::DropReason;
use larkwire_core::{Bot, Config, GateRules, OwnOpenId, Seed, Storage, UnixMillis};
use serde_json::{Value, json};

use crate::support::*;

const NOW: u64 = 1_700_000_000_000;

/// A text message in a group, as a value to be changed.
fn group(n: u32) -> Value {
    let mut event: Value = serde_json::from_str(&message_json(&format!("e{n}"), &format!("om_{n}"), "hi")).unwrap();
    event["event"]["message"]["chat_type"] = json!("group");
    event
}

fn dm(n: u32) -> Value {
    let mut event = group(n);
    event["event"]["message"]["chat_type"] = json!("p2p");
    event
}

fn mention(id: Value, name: &str) -> Value {
    json!([{"key": "@_user_1", "id": id, "name": name, "mentioned_type": "bot", "tenant_key": "tk"}])
}

fn with(gate: GateRules<'_>) -> World {
    let config = Config { gate, own_open_id: OwnOpenId::Given("ou_bot"), ..config() };
    World::seeded(config, Storage::growable(), Seed([7; 32])).open()
}

fn allowing(allowed_users: &[&str]) -> World {
    with(GateRules { allowed_users, ..GateRules::default() })
}

const EVERYBODY: GateRules<'static> = GateRules {
    allowed_users: &["*"],
    mention_only: true,
    respond_to_mention_all: false,
    allow_bots: false,
    stale_after_ms: 0,
};

/// `None`: it reached the application. Everything that is stopped here is acked.
fn verdict(w: &mut World, event: &Value) -> Option<DropReason> {
    let before = (w.delivered.len(), w.acks.len(), DropReason::ALL.map(|reason| w.dropped(reason)));
    w.event(&format!("f{}", w.acks.len()), &event.to_string());
    assert_eq!(w.acks.len(), before.1 + 1, "acked: {event}");
    let reason = DropReason::ALL.into_iter().zip(before.2).find(|(reason, count)| w.dropped(*reason) > *count);
    assert_eq!(w.delivered.len() - before.0, usize::from(reason.is_none()));
    reason.map(|(reason, _)| reason)
}

#[test]
fn defect_44_each_kind_of_id_opens_the_gate_for_its_own_field_only() {
    for (entry, field) in [("ou_7", "open_id"), ("on_7", "union_id"), ("7a8b9c", "user_id")] {
        let mut w = allowing(&["ou_else", entry]);
        let mut n = 0;
        for place in ["open_id", "union_id", "user_id"] {
            n += 1;
            let mut event = dm(n);
            event["event"]["sender"]["sender_id"] = json!({"open_id": null, "union_id": "", place: entry});
            let expected = if place == field { None } else { Some(DropReason::SenderNotAllowed) };
            assert_eq!(verdict(&mut w, &event), expected, "{entry} in {place}");
        }
    }
}

#[test]
fn an_empty_list_denies_everybody_and_a_star_allows_everybody() {
    let mut w = allowing(&[]);
    assert_eq!(verdict(&mut w, &dm(1)), Some(DropReason::SenderNotAllowed));
    let mut w = allowing(&["*"]);
    assert_eq!(verdict(&mut w, &dm(1)), None);
    for (n, ids) in [(2, json!({})), (3, json!(null)), (4, json!({"open_id": "", "union_id": null}))] {
        let mut event = dm(n);
        event["event"]["sender"]["sender_id"] = ids;
        assert_eq!(verdict(&mut w, &event), None, "a sender without any id matches the star");
    }
    let mut w = allowing(&["ou_1"]);
    let mut nobody = dm(5);
    nobody["event"]["sender"]["sender_id"] = json!(null);
    assert_eq!(verdict(&mut w, &nobody), Some(DropReason::SenderNotAllowed), "and nothing else");
}

#[test]
fn ids_are_compared_exactly() {
    let mut w = allowing(&["ou_1"]);
    for (n, id) in ["ou_11", "ou_", "OU_1", " ou_1", "ou_1 ", "ou_1\u{200b}", "*", "xou_1"].iter().enumerate() {
        let mut event = dm(n as u32);
        event["event"]["sender"]["sender_id"] = json!({"open_id": id});
        event["event"]["sender"]["name"] = json!("ou_1");
        assert_eq!(verdict(&mut w, &event), Some(DropReason::SenderNotAllowed), "{id}");
    }
    // An id may be written with escapes.
    let escaped = dm(90).to_string().replace(r#""ou_1""#, r#""\u006fu_1""#);
    w.event("fx", &escaped);
    assert_eq!(w.ids(), ["e90"]);
}

#[test]
fn an_entry_that_could_open_the_gate_by_mistake_is_refused_at_construction() {
    for entry in ["", " ", " * ", "* ", "ou_1 ", "ou_1\n", "Alice Liddell", "\u{3000}"] {
        let gate = GateRules { allowed_users: &["ou_1", entry], ..GateRules::default() };
        let error = Bot::new(Config { gate, ..config() }, Storage::growable(), Seed([0; 32])).unwrap_err();
        assert_eq!(error, ConfigError::AllowedUser(1), "{entry:?}");
        assert!(error.to_string().contains("entry 2"));
    }
    let gate = GateRules { mention_only: true, ..GateRules::default() };
    let error = Bot::new(Config { gate, ..config() }, Storage::growable(), Seed([0; 32])).unwrap_err();
    assert_eq!(error, ConfigError::Identity, "mention_only without an identity would refuse every group for ever");
    let config_of = Config { gate, link: larkwire_core::LinkMode::Off, ..config() };
    assert!(Bot::new(config_of, Storage::growable(), Seed([0; 32])).is_ok(), "a bot for calls only hears nobody");
    let long: Vec<_> = (0..40).map(|n| format!("ou_{n:032}")).collect();
    let long: Vec<_> = long.iter().map(String::as_str).collect();
    let gate = GateRules { allowed_users: &long, ..GateRules::default() };
    let error = Bot::new(Config { gate, ..config() }, small(), Seed([0; 32])).unwrap_err();
    assert_eq!(error, ConfigError::Storage { name: "allowed", needed: 40 * 36 });
}

#[test]
fn defect_42_only_a_mention_of_this_bot_passes_in_groups_of_every_kind() {
    let mut n = 0;
    for kind in ["group", "topic_group", "topic", "a_kind_of_the_future", ""] {
        let mut w = with(EVERYBODY);
        let mut check = |mentions: Value, expected: Option<DropReason>| {
            n += 1;
            let mut event = group(n);
            event["event"]["message"]["chat_type"] = json!(kind);
            event["event"]["message"]["mentions"] = mentions.clone();
            assert_eq!(verdict(&mut w, &event), expected, "{kind} {mentions}");
        };
        let no = Some(DropReason::NoMention);
        check(json!(null), no);
        check(json!([]), no);
        check(mention(json!({"open_id": "ou_bot"}), "Echo"), None);
        check(mention(json!({"open_id": "ou_other"}), "Echo"), no);
        check(mention(json!({"open_id": "ou_bot2"}), "ou_bot"), no);
        check(mention(json!({"union_id": "ou_bot"}), "Echo"), no);
        check(mention(json!("ou_bot"), "Echo"), None);
        check(mention(json!({"open_id": ["ou_bot"]}), "Echo"), no);
        check(json!({"open_id": "ou_bot"}), no);
        check(json!([null, 5, {"id": null}, {"id": {"open_id": "ou_bot"}}]), None);
    }
}

#[test]
fn a_direct_message_needs_no_mention_and_without_mention_only_no_group_does() {
    let mut w = with(EVERYBODY);
    assert_eq!(verdict(&mut w, &dm(1)), None);
    let mut private = dm(2);
    private["event"]["message"]["chat_type"] = json!("private");
    assert_eq!(verdict(&mut w, &private), None, "the older word");
    let mut w = with(GateRules { mention_only: false, ..EVERYBODY });
    assert_eq!(verdict(&mut w, &group(3)), None);
}

#[test]
fn a_mention_of_everyone_counts_only_where_that_is_wanted() {
    let texts = |text: &str| json!({ "text": text }).to_string();
    let post = r#"{"title":"","content":[[{"tag":"at","user_id":"@_all","user_name":"Everyone"},{"tag":"text","text":"hi"}]]}"#;
    let cases = [
        (texts("@_all hi"), json!(null), true),
        (texts("hi @_all"), json!(null), true),
        (texts("hi@_all\nall"), json!(null), true),
        (texts("@_all，你好"), json!(null), true),
        (texts("@_all_employees hi"), json!(null), false),
        (texts("@_all2"), json!(null), false),
        (texts("@@_all"), json!(null), true),
        (texts("nothing"), json!([{"key": "@_all", "id": {"user_id": "all"}, "name": "所有人"}]), true),
        (texts("nothing"), json!([{"key": "@_user_1", "id": "all"}]), true),
        (post.to_owned(), json!(null), true),
        (r#"{"file_name":"@_all.txt"}"#.to_owned(), json!(null), false),
        ("@_all".to_owned(), json!(null), false),
    ];
    let mut all = with(GateRules { respond_to_mention_all: true, ..EVERYBODY });
    let mut only = with(EVERYBODY);
    for (n, (content, mentions, expected)) in cases.into_iter().enumerate() {
        let mut event = group(n as u32);
        event["event"]["message"]["content"] = json!(content);
        event["event"]["message"]["mentions"] = mentions;
        assert_eq!(verdict(&mut all, &event).is_none(), expected, "{content}");
        assert_eq!(verdict(&mut only, &event), Some(DropReason::NoMention), "{content}");
    }
}

#[test]
fn while_the_bot_does_not_know_itself_groups_wait_and_direct_messages_pass() {
    let config = Config { gate: EVERYBODY, own_open_id: OwnOpenId::Fetched, ..config() };
    let mut w = World::with(config, Storage::growable());
    w.script.bot_infos.push_back(Reply::json(500, "{}"));
    let mut w = w.open();
    let mut event = group(1);
    event["event"]["message"]["mentions"] = mention(json!({"open_id": "ou_bot"}), "Echo");
    assert_eq!(verdict(&mut w, &event), Some(DropReason::BotIdentityUnknown));
    assert_eq!(verdict(&mut w, &dm(2)), None);
    w.advance(12_000);
    event["header"]["event_id"] = json!("e3");
    event["event"]["message"]["message_id"] = json!("om_3");
    assert_eq!(verdict(&mut w, &event), None, "the next lookup told it");
}

#[test]
fn bots_and_the_bot_itself_are_not_heard() {
    let spoken = |n: u32, kind: &str, open_id: &str| {
        let mut event = dm(n);
        event["event"]["sender"] = json!({"sender_id": {"open_id": open_id}, "sender_type": kind});
        event
    };
    let mut w = allowing(&["*"]);
    assert_eq!(verdict(&mut w, &spoken(1, "app", "ou_other")), Some(DropReason::BotSender));
    assert_eq!(verdict(&mut w, &spoken(2, "bot", "ou_other")), Some(DropReason::BotSender));
    assert_eq!(verdict(&mut w, &spoken(3, "app", "ou_bot")), Some(DropReason::SelfSent));
    assert_eq!(verdict(&mut w, &spoken(4, "user", "ou_bot")), Some(DropReason::SelfSent));
    let mut w = with(GateRules { allow_bots: true, mention_only: false, ..EVERYBODY });
    assert_eq!(verdict(&mut w, &spoken(5, "app", "ou_other")), None);
    assert_eq!(verdict(&mut w, &spoken(6, "app", "ou_bot")), Some(DropReason::SelfSent), "never itself");
}

#[test]
fn two_bots_do_not_talk_to_each_other_for_ever() {
    let mut w = with(GateRules { allow_bots: true, mention_only: false, ..EVERYBODY });
    let bot = |n: u32, chat: &str| {
        let mut event = group(n);
        event["event"]["sender"] = json!({"sender_id": {"open_id": "ou_other"}, "sender_type": "app"});
        event["event"]["message"]["chat_id"] = json!(chat);
        event
    };
    for n in 0..4 {
        assert_eq!(verdict(&mut w, &bot(n, "oc_1")), None);
        w.advance(1000);
    }
    assert_eq!(verdict(&mut w, &bot(4, "oc_1")), Some(DropReason::BotLoop));
    assert_eq!(verdict(&mut w, &bot(5, "oc_2")), None, "another chat");
    assert_eq!(verdict(&mut w, &group(6)), None, "a person speaks in oc_1");
    assert_eq!(verdict(&mut w, &bot(7, "oc_1")), None, "and bots may answer again");
}

#[test]
fn the_bots_own_reactions_and_those_of_other_bots_are_not_events() {
    let mut w = allowing(&["*"]);
    let reaction = |n: u32, operator: Value| {
        let mut event: Value =
            serde_json::from_str(&other_json(&format!("er{n}"), "im.message.reaction.created_v1")).unwrap();
        event["event"] = json!({"message_id": "om_1", "reaction_type": {"emoji_type": "OK"}});
        event["event"].as_object_mut().unwrap().extend(operator.as_object().unwrap().clone());
        event
    };
    let own = json!({"operator_type": "app", "app_id": APP_ID});
    assert_eq!(verdict(&mut w, &reaction(1, own)), Some(DropReason::SelfSent));
    let other = json!({"operator_type": "app", "app_id": "cli_other"});
    assert_eq!(verdict(&mut w, &reaction(2, other)), Some(DropReason::BotSender));
    let person = json!({"operator_type": "user", "user_id": {"open_id": "ou_1"}});
    assert_eq!(verdict(&mut w, &reaction(3, person.clone())), None);
    let mut w = allowing(&["ou_2"]);
    assert_eq!(verdict(&mut w, &reaction(4, person)), Some(DropReason::SenderNotAllowed));
}

#[test]
fn the_list_holds_for_everything_a_person_does_and_lets_the_chats_own_news_pass() {
    let mut w = allowing(&["ou_1"]);
    let acted = |n: u32, kind: &str, event: Value| {
        let mut envelope: Value = serde_json::from_str(&other_json(&format!("ea{n}"), kind)).unwrap();
        envelope["event"] = event;
        envelope
    };
    for (n, open_id, expected) in [(1, "ou_1", None), (2, "ou_2", Some(DropReason::SenderNotAllowed))] {
        let operator = json!({"operator": {"open_id": open_id, "union_id": "on_1"}, "action": {"tag": "button"}});
        assert_eq!(verdict(&mut w, &acted(n, "card.action.trigger", operator)), expected);
        let menu = json!({"operator": {"operator_id": {"open_id": open_id}}, "event_key": "k"});
        assert_eq!(verdict(&mut w, &acted(n + 10, "application.bot.menu_v6", menu)), expected);
        let entered = json!({"operator_id": {"open_id": open_id}, "chat_id": "oc_1"});
        let kind = "im.chat.access_event.bot_p2p_chat_entered_v1";
        assert_eq!(verdict(&mut w, &acted(n + 20, kind, entered)), expected);
    }
    let denied = w.acks.iter().filter(|ack| ack.pb.text().contains("e30=")).count();
    assert_eq!(denied, 2, "a denied callback is answered with an empty object");
    let added = json!({"operator_id": {"open_id": "ou_9"}, "chat_id": "oc_1"});
    assert_eq!(verdict(&mut w, &acted(30, "im.chat.member.bot.added_v1", added)), None);
    assert_eq!(verdict(&mut w, &acted(31, "contact.user.created_v3", json!({"x": 1}))), None);
}

#[test]
fn defect_48_a_message_of_envelope_v1_goes_through_the_same_gate() {
    let old = |n: u32, open_id: &str, kind: &str, mention: bool| {
        json!({"ts": "1502199207.7171419", "uuid": format!("u{n}"), "token": "", "type": "event_callback",
            "event": {"type": "message", "app_id": APP_ID, "tenant_key": "tk", "open_chat_id": "oc_1", "chat_type": kind,
                "msg_type": "text", "open_id": open_id, "open_message_id": format!("om_{n}"), "is_mention": mention,
                "text": "<at open_id=\"ou_bot\">@Echo</at> hi", "text_without_at_bot": " hi"}})
    };
    let mut w = with(GateRules { allowed_users: &["ou_1"], ..EVERYBODY });
    assert_eq!(verdict(&mut w, &old(1, "ou_2", "private", false)), Some(DropReason::SenderNotAllowed));
    assert_eq!(verdict(&mut w, &old(2, "ou_1", "private", false)), None);
    assert_eq!(verdict(&mut w, &old(3, "ou_1", "group", false)), Some(DropReason::NoMention));
    assert_eq!(verdict(&mut w, &old(4, "ou_1", "group", true)), None);
}

#[test]
fn defect_40_a_stale_message_is_dropped_only_by_a_clock_that_is_known_and_never_an_event_without_a_time() {
    let stale = GateRules { stale_after_ms: 30 * 60 * 1000, mention_only: false, ..EVERYBODY };
    let aged = |n: u32, ms: Value| {
        let mut event = dm(n);
        event["event"]["message"]["create_time"] = ms;
        event
    };
    let mut w = with(stale);
    assert_eq!(verdict(&mut w, &aged(1, json!("1000000000000"))), None, "no clock, nothing is stale");
    w.fact(|bot, now| bot.handle_wall_clock(now, Some(UnixMillis(NOW))));
    let minutes = |m: u64| json!((NOW - m * 60 * 1000).to_string());
    assert_eq!(verdict(&mut w, &aged(2, minutes(29))), None);
    assert_eq!(verdict(&mut w, &aged(3, minutes(31))), Some(DropReason::Stale));
    for (n, time) in [(4, json!("0")), (5, json!("garbage")), (6, json!(null)), (7, json!(NOW + 999_999))] {
        assert_eq!(verdict(&mut w, &aged(n, time.clone())), None, "{time}");
    }
    w.advance(2 * 60 * 1000);
    assert_eq!(verdict(&mut w, &aged(8, minutes(29))), Some(DropReason::Stale), "the clock goes on");
    let mut off = with(GateRules { stale_after_ms: 0, ..stale });
    off.fact(|bot, now| bot.handle_wall_clock(now, Some(UnixMillis(NOW))));
    assert_eq!(verdict(&mut off, &aged(9, json!("1000000000000"))), None, "off by default");
}

#[test]
fn a_denied_event_is_acked_also_while_the_inbox_is_full() {
    let mut w = allowing(&["ou_1"]);
    w.script.app = App::Hold;
    w.event("m1", &dm(1).to_string());
    w.advance(2000);
    assert!(w.bot.is_room_wanted());
    let mut denied = dm(2);
    denied["event"]["sender"]["sender_id"]["open_id"] = json!("ou_9");
    assert_eq!(verdict(&mut w, &denied), Some(DropReason::SenderNotAllowed));
}

#[test]
fn ten_thousand_mentions_do_not_stall_the_gate() {
    let mut w = with(EVERYBODY);
    let mut event = group(1);
    let entry = |n: u32| json!({"key": format!("@_user_{n}"), "id": {"open_id": format!("ou_{n}")}, "name": "x"});
    event["event"]["message"]["mentions"] = Value::Array((0..10_000).map(entry).collect());
    assert_eq!(verdict(&mut w, &event), Some(DropReason::NoMention));
}

#[test]
fn every_reason_has_a_word_and_a_sentence_of_its_own() {
    let words: std::collections::HashSet<_> = DropReason::ALL.iter().map(|reason| reason.as_str()).collect();
    let sentences: std::collections::HashSet<_> = DropReason::ALL.iter().map(ToString::to_string).collect();
    assert_eq!((words.len(), sentences.len()), (18, 18));
}
