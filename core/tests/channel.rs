//! What the official channel SDK for Python does, recorded in `conformance/vectors/channel.json`, against the bot: who may
//! speak, what a message carries, what a receiver is, what an error means. Each case is held through the public door, or
//! its deviation is listed with the rule of the protocol reference that explains it, or it is about something the bot
//! does not offer, and says so.
#![cfg(feature = "alloc")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    missing_docs,
    reason = "tests may panic, and print figures"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use larkwire_core::content::{Form, Reading};
use larkwire_core::fault::{CallFaultKind, DropReason, Misuse};
use larkwire_core::{Call, Config, GateRules, OwnOpenId, Storage};
use serde_json::{Value, json};
use support::*;

fn all() -> Value {
    let path = format!("{}/../conformance/vectors/channel.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn cases(group: &str) -> Vec<Value> {
    all()[group].as_array().unwrap().clone()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// The differences found must be exactly the listed ones: a deviation that is none any more fails, too.
fn judge(group: &str, found: &BTreeMap<String, String>, listed: &[(&str, &str, &str)]) {
    for (name, what) in found {
        println!("{group}/{name}: {what}");
    }
    let expected: BTreeMap<_, _> =
        listed.iter().map(|(name, ours, _)| ((*name).to_owned(), (*ours).to_owned())).collect();
    assert_eq!(found, &expected, "{group}: a deviation without a rule, or a rule without a deviation");
    assert!(listed.iter().all(|(_, _, rule)| rule.starts_with("section ")));
}

#[test]
fn every_group_of_recorded_cases_is_tested_somewhere_or_not_offered() {
    let places: BTreeMap<&str, (usize, &str)> = [
        ("_about", (5, "no cases")),
        ("chunk_text", (8, "outgoing.rs")),
        ("classify_error", (23, "here")),
        ("classify_http_status", (5, "here")),
        ("comment", (2, "events/legacy.rs")),
        ("inbound_pipeline", (11, "here; the texts in content/vectors.rs, too")),
        ("infer_receive_id_type", (6, "here")),
        ("loop_guard", (3, "not offered: the limits cannot be set; stories/gate.rs has ours")),
        ("markdown_to_post", (12, "not offered: the caller says what is a post")),
        ("media_duration", (6, "not offered: nothing is uploaded")),
        ("normalize_content", (19, "content/vectors.rs")),
        ("policy", (22, "here")),
        ("resolve_mentions_in_text", (4, "outgoing.rs")),
        ("split_with_code_fences", (3, "outgoing.rs")),
        ("ssrf_ipv4", (17, "not offered: nothing is downloaded from elsewhere")),
        ("ssrf_ipv6", (9, "not offered: nothing is downloaded from elsewhere")),
    ]
    .into();
    let all = all();
    let found: BTreeMap<_, _> = all
        .as_object()
        .unwrap()
        .iter()
        .map(|(group, cases)| {
            (group.as_str(), cases.as_array().map_or_else(|| cases.as_object().unwrap().len(), Vec::len))
        })
        .collect();
    assert_eq!(found, places.iter().map(|(group, (count, _))| (*group, *count)).collect());
}

/// The event of a recorded message, from somebody with all three ids.
fn event(n: usize, message: Value, sender_open_id: &str, sender_type: &str) -> String {
    let ids = json!({"open_id": sender_open_id, "union_id": format!("on_{sender_open_id}"),
        "user_id": format!("uid_{sender_open_id}")});
    json!({
        "schema": "2.0",
        "header": {"event_id": format!("e{n}"), "event_type": "im.message.receive_v1", "app_id": APP_ID},
        "event": {"sender": {"sender_id": ids, "sender_type": sender_type}, "message": message}
    })
    .to_string()
}

/// Delivered, or why not; either way it is acked.
fn verdict(w: &mut World, json: &str) -> Result<(), DropReason> {
    let before = (w.delivered.len(), w.acks.len(), DropReason::ALL.map(|reason| w.dropped(reason)));
    w.event("m", json);
    assert_eq!(w.acks.len(), before.1 + 1);
    let reason = DropReason::ALL.into_iter().zip(before.2).find(|(reason, count)| w.dropped(*reason) > *count);
    assert_eq!(w.delivered.len() - before.0, usize::from(reason.is_none()));
    reason.map_or(Ok(()), |(reason, _)| Err(reason))
}

/// Settings of the SDK that the bot has no counterpart of, with what it says instead.
const NOT_OFFERED: [(&str, &str); 6] = [
    ("deny_from", "a list of the denied: who is not allowed is denied"),
    ("group_allowlist", "a list of chats"),
    ("group_blocklist", "a list of chats"),
    ("group_overrides", "rules for single chats"),
    ("group_policy", "rules for groups"),
    ("dm_policy=disabled", "no direct messages at all"),
];

#[test]
fn who_may_speak_is_decided_as_in_the_sdk_or_a_rule_says_why_not() {
    let (mut found, mut not_offered) = (BTreeMap::new(), BTreeSet::new());
    let (mut held, mut missing) = (0, BTreeSet::new());
    for (n, case) in cases("policy").iter().enumerate() {
        let (policy, message) = (case["policy"].as_object().unwrap(), &case["msg"]);
        let settings = policy.iter().map(|(key, value)| match value.as_str() {
            Some("disabled") => format!("{key}=disabled"),
            _ => key.clone(),
        });
        let lacking: Vec<_> = settings.filter(|key| NOT_OFFERED.iter().any(|(name, _)| name == key)).collect();
        if !lacking.is_empty() {
            not_offered.insert(text(&case["name"]).to_owned());
            missing.extend(lacking);
            continue;
        }
        // An open door is `*`; one list serves direct messages and groups.
        let listed = policy.contains_key("allow_from") || policy.get("dm_policy").is_some_and(|dm| dm == "allowlist");
        let allow_from: Vec<_> =
            policy.get("allow_from").into_iter().flat_map(|list| list.as_array().unwrap()).collect();
        let allowed: Vec<_> = if listed { allow_from.iter().map(|id| text(id)).collect() } else { vec!["*"] };
        let flag = |name: &str, default| policy.get(name).map_or(default, |value| value.as_bool().unwrap());
        let gate = GateRules {
            allowed_users: &allowed,
            mention_only: flag("require_mention", true),
            respond_to_mention_all: flag("respond_to_mention_all", false),
            ..GateRules::default()
        };
        let own_open_id = case["bot_open_id"].as_str().map_or(OwnOpenId::Fetched, OwnOpenId::Given);
        let mut w = World::with(Config { gate, own_open_id, ..config() }, Storage::growable());
        w.script.bot_info = Reply::json(500, "{}");
        let mut w = w.open();

        let mentions: Vec<_> = message["mentions"].as_array().unwrap().iter().collect();
        let mention = |(n, id): (usize, &&Value)| json!({"key": format!("@_user_{}", n + 1), "id": {"open_id": id}});
        let mentions: Vec<_> = mentions.iter().enumerate().map(mention).collect();
        let words = if message["mentioned_all"] == true { "@_all hi" } else { "hi" };
        let sent = json!({"message_id": format!("om_{n}"), "chat_id": message["chat_id"], "chat_type": message["chat_type"],
            "message_type": "text", "content": json!({"text": words}).to_string(), "mentions": mentions});
        let ours = verdict(&mut w, &event(n, sent, text(&message["sender_open_id"]), "user"));
        let theirs = match case["reason"].as_str() {
            None => "delivered",
            Some("policy_no_mention") => "no_mention",
            Some("policy_dm_not_in_allowlist" | "policy_sender_not_allowed") => "sender_not_allowed",
            Some(other) => other,
        };
        let ours = ours.map_or_else(DropReason::as_str, |()| "delivered");
        assert_eq!(theirs == "delivered", case["allowed"] == true);
        if ours == theirs {
            held += 1;
        } else {
            found.insert(text(&case["name"]).to_owned(), ours.to_owned());
        }
    }
    judge(
        "policy",
        &found,
        &[
            (
                "group_mention_bot_unknown_identity",
                "bot_identity_unknown",
                "section 13: refused as well, with a reason that says what is missing",
            ),
            ("nomention_all_blocked", "delivered", "section 13: without mention_only every group message passes"),
        ],
    );
    let expected = [
        "dm_disabled",
        "dm_open_ignores_deny_from",
        "group_allowlist_hit",
        "group_blocklist_hit",
        "group_deny_from_ignored",
        "override_allowlist_sender",
        "override_blocklist_sender",
        "override_no_mention",
    ];
    assert_eq!(not_offered.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    assert_eq!(missing.len(), NOT_OFFERED.len(), "a setting that no case has: {missing:?}");
    assert_eq!((held, found.len(), not_offered.len()), (12, 2, 8));
}

#[test]
fn a_message_carries_what_the_sdk_finds_in_it() {
    let cases = cases("inbound_pipeline");
    for (n, case) in cases.iter().enumerate() {
        let (expected, name) = (&case["result"], text(&case["name"]));
        let own = text(&case["bot_open_id"]);
        let everybody = GateRules { allowed_users: &["*"], allow_bots: true, ..GateRules::default() };
        let world = |gate| {
            let own_open_id = OwnOpenId::Given(own);
            World::with(Config { gate, own_open_id, ..config() }, Storage::growable()).open()
        };
        let json = event(n, case["message"].clone(), "ou_u", text(&expected["sender_type"]));
        let mut w = world(everybody);
        w.script.app = App::Hold;
        w.event("m", &json);
        let event = w.bot.poll_delivery().expect("it is offered");
        let (message, actor) = (event.message().unwrap(), event.actor().unwrap());
        let known = |id: Option<larkwire_core::wire::json::Str<'_>>| id.map(|id| id.to_string());
        let ours = json!({
            "id": known(message.message_id()),
            "create_time": message.create_time().map(|time| time.0),
            "chat_id": known(message.chat_id()),
            "chat_type": if message.is_p2p() { Some("p2p".to_owned()) } else { known(message.chat_type()) },
            "thread_id": known(message.thread_id()),
            "sender_type": known(message.sender().sender_type()),
            "sender_is_bot": matches!(actor.kind, larkwire_core::ActorKind::App),
            "mentions": expected["mentions"],
            "mentioned_all": message.mentions_all(),
            "mentioned_bot": message.mentions_bot(),
            "reply_to": known(message.parent_id()),
            "content_text": expected["content_text"],
            "safe_content_text": expected["safe_content_text"],
            "body_text": expected["body_text"],
        });
        assert_eq!(&ours, expected, "{name}");

        // The texts once more, through the door; the list of mentions is compared in content/vectors.rs.
        let (mut scratch, mut out) = ([0; 256], [0; 256]);
        let escape_html = case["strict_content_text"] == true;
        let content = message.read_content(&mut scratch).unwrap();
        for (form, which) in [(Form::Full, "content_text"), (Form::Body, "body_text")] {
            let reading = Reading { escape_html, ..message.reading(form) };
            assert_eq!(content.text(reading, &mut out).unwrap(), expected[which], "{name}");
            if !escape_html {
                assert_eq!(message.text(form, &mut out).unwrap(), expected[which], "{name}");
            }
        }

        // What the gate makes of the same message.
        let (bot, all) = (expected["mentioned_bot"] == true, expected["mentioned_all"] == true);
        let dm = expected["chat_type"] == "p2p";
        let no = |passes: bool| if passes { Ok(()) } else { Err(DropReason::NoMention) };
        let only = GateRules { mention_only: true, ..everybody };
        assert_eq!(verdict(&mut world(only), &json), no(bot || dm), "{name}");
        let loud = GateRules { respond_to_mention_all: true, ..only };
        assert_eq!(verdict(&mut world(loud), &json), no(bot || all || dm), "{name}");
        let people = GateRules { allow_bots: false, ..everybody };
        let of_bot = expected["sender_is_bot"] == true;
        assert_eq!(
            verdict(&mut world(people), &json),
            if of_bot { Err(DropReason::BotSender) } else { Ok(()) },
            "{name}"
        );
        let listed = GateRules { allowed_users: &["ou_z"], ..everybody };
        assert_eq!(verdict(&mut world(listed), &json), Err(DropReason::SenderNotAllowed), "{name}");
        let own_words = json.replace(r#""open_id":"ou_u""#, &format!(r#""open_id":"{own}""#));
        assert_eq!(verdict(&mut world(everybody), &own_words), Err(DropReason::SelfSent), "{name}");
    }
    assert_eq!(cases.len(), 11);
}

#[test]
fn the_kind_of_a_receiver_is_told_from_its_form_as_in_the_sdk() {
    let (mut found, cases) = (BTreeMap::new(), cases("infer_receive_id_type"));
    let mut w = World::new().open();
    for case in &cases {
        let id = text(&case["id"]);
        match w.fact(|bot, now| bot.submit(now, Call::send_text(id, "x"))) {
            Ok(_) => {
                w.run();
                let ours = w.requests.last().unwrap().target.rsplit('=').next().unwrap().to_owned();
                assert_eq!(ours, text(&case["type"]), "{id}");
            }
            Err(misuse) => {
                assert_eq!(misuse, Misuse::Field("receive_id"));
                found.insert(format!("{id:?}"), misuse.to_string());
            }
        }
    }
    assert_eq!((cases.len(), w.completed.len()), (6, 5));
    let ours = "receive_id is empty or not allowed";
    judge(
        "infer_receive_id_type",
        &found,
        &[("\"\"", ours, "section 16.2: an empty receiver is an error, not a chat")],
    );
}

/// The SDK's word for what became of a call, and whether it was tried again.
fn class(reply: Reply) -> (&'static str, bool, CallFaultKind) {
    let mut w = World::new().open();
    w.script.call = reply;
    w.reply("om_1", "x");
    w.advance(120_000);
    let kind = w.completed[0].result.as_ref().unwrap_err().kind;
    let word = match kind {
        CallFaultKind::Format => "format_error",
        CallFaultKind::Permission | CallFaultKind::Token => "permission_denied",
        CallFaultKind::Rate => "rate_limited",
        CallFaultKind::TargetGone => "target_revoked",
        _ => "unknown",
    };
    (word, w.calls().len() > 1, kind)
}

#[test]
fn error_codes_mean_what_they_mean_in_the_sdk_or_a_rule_says_why_not() {
    let (mut found, cases) = (BTreeMap::new(), cases("classify_error"));
    for case in &cases {
        let (word, retried, kind) = class(Reply::json(400, &json!({"code": case["raw"], "msg": "m"}).to_string()));
        if (json!(word), json!(retried)) != (case["code"].clone(), case["retryable"].clone()) {
            found.insert(
                case["raw"].to_string(),
                format!("{kind:?}, {}", if retried { "tried again" } else { "final" }),
            );
        }
    }
    assert_eq!(cases.len(), 23);
    let unlisted = "section 16.5: a code that is not listed is refused, with the platform's words";
    judge(
        "classify_error",
        &found,
        &[
            ("230003", "Refused, final", unlisted),
            ("230010", "Refused, final", unlisted),
            ("230017", "Permission, final", "section 16.5: not the owner; the message is there"),
            ("230020", "Rate, tried again", "section 16.5: a frequency limit, not a message that is gone"),
            ("230021", "Refused, final", unlisted),
            ("59999", "Refused, final", unlisted),
            ("99991401", "Refused, final", "section 16.5: the SDK's class is wrong"),
            ("99991681", "Refused, final", unlisted),
        ],
    );
}

#[test]
fn http_statuses_without_a_code_mean_what_they_mean_in_the_sdk_or_a_rule_says_why_not() {
    let (mut found, cases) = (BTreeMap::new(), cases("classify_http_status"));
    for case in &cases {
        let status = case["status"].as_u64().unwrap() as u16;
        let (word, _, kind) = class(Reply::json(status, "{}"));
        if word != text(&case["code"]) {
            found.insert(status.to_string(), format!("{kind:?}"));
        }
    }
    assert_eq!(cases.len(), 5);
    judge(
        "classify_http_status",
        &found,
        &[("404", "Answer", "section 16.1: always read the code; without one it was not the platform that answered")],
    );
}
