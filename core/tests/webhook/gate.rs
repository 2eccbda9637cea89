//! Who may speak, by the posted way too (S35 to S43; protocol section 13). The gate itself is told in `stories::gate` and
//! played through in `random_facts`; here it stands behind a webhook, where a stopped event is answered and forgotten.

use larkwire_core::fault::DropReason;
use larkwire_core::webhook::PostId;
use larkwire_core::{Config, GateRules, LinkMode, OwnOpenId};
use serde_json::{Value, json};

use crate::support::*;

const OWN: &str = "ou_bot";

fn with(gate: GateRules<'_>) -> World {
    World::posted_with(Config { gate, own_open_id: OwnOpenId::Given(OWN), link: LinkMode::Off, ..config() })
}

fn allowing(allowed_users: &[&str]) -> World {
    with(GateRules { allowed_users, ..GateRules::default() })
}

fn event(n: u32) -> Value {
    serde_json::from_str(&posted_message(&format!("e{n}"), &format!("om_{n}"), "hi")).unwrap()
}

fn from(n: u32, sender: Value) -> Value {
    let mut event = event(n);
    event["event"]["sender"] = sender;
    event
}

/// `None`: it reached the application. What is stopped is answered at once, as if it had, and leaves nothing behind.
fn verdict(w: &mut World, event: &Value) -> Option<DropReason> {
    let before = (w.delivered.len(), w.bot.seen_count(), DropReason::ALL.map(|reason| w.dropped(reason)));
    let n = w.post(&Post::sealed(&event.to_string()));
    let reason = DropReason::ALL.into_iter().zip(before.2).find(|(reason, count)| w.dropped(*reason) > *count);
    let answer = match reason {
        _ if event["header"]["event_type"] == "card.action.trigger" => (200, "{}"),
        // The bot may know itself when it comes again.
        Some((DropReason::BotIdentityUnknown, _)) => (503, r#"{"msg":"refused"}"#),
        _ => (200, r#"{"msg":"success"}"#),
    };
    assert_eq!((w.answer_to(n), w.took(n)), (Some(answer), 0), "{event}");
    assert_eq!(w.delivered.len() - before.0, usize::from(reason.is_none()));
    let waited: Option<PostId> = w.posts[n].id;
    assert_eq!(waited.is_some(), reason.is_none(), "what is stopped never waits");
    assert!(reason.is_none() || w.bot.seen_count() == before.1, "and is not remembered");
    reason.map(|(reason, _)| reason)
}

const DENIED: Option<DropReason> = Some(DropReason::SenderNotAllowed);

#[test]
fn s35_a_listed_sender_is_heard() {
    let mut w = allowing(&["ou_else", "ou_1"]);
    assert_eq!(verdict(&mut w, &event(1)), None);
    let mut w = allowing(&["on_1"]);
    assert_eq!(verdict(&mut w, &event(1)), None);
}

#[test]
fn s36_v11_a_name_that_reads_like_an_entry_opens_nothing() {
    let mut w = allowing(&["ou_1"]);
    for (n, key) in ["name", "sender_name", "display_name", "nickname", "id"].into_iter().enumerate() {
        let mut event = from(n as u32, json!({"sender_id": {"open_id": "ou_2"}, "sender_type": "user", key: "ou_1"}));
        event["event"]["message"]["sender_name"] = json!("ou_1");
        assert_eq!(verdict(&mut w, &event), DENIED, "{key}");
    }
}

#[test]
fn s37_an_id_counts_in_its_own_field_only() {
    let mut w = allowing(&["ou_1", "on_1", "u1", "oc_1"]);
    let odd = [
        json!({"user_id": "ou_1"}),
        json!({"user_id": "on_1"}),
        json!({"union_id": "ou_1"}),
        json!({"union_id": "u1"}),
        json!({"open_id": "on_1"}),
        json!({"open_id": "u1"}),
        json!({"open_id": "oc_1"}),
        json!({"open_id": ["ou_1"]}),
        json!({"open_id": {"open_id": "ou_1"}}),
    ];
    for (n, ids) in odd.into_iter().enumerate() {
        let mut event = from(n as u32, json!({"sender_id": ids, "sender_type": "user"}));
        // The chat's id is not the sender's.
        event["event"]["message"]["chat_id"] = json!("ou_1");
        assert_eq!(verdict(&mut w, &event), DENIED, "{ids}");
    }
    let by_user_id = from(99, json!({"sender_id": {"user_id": "u1"}, "sender_type": "user"}));
    assert_eq!(verdict(&mut w, &by_user_id), None);
}

#[test]
fn s38_ids_are_compared_letter_by_letter() {
    let mut w = allowing(&["ou_1a"]);
    let odd = [
        "OU_1A",
        "ou_1A",
        "ou_1\u{430}",
        " ou_1a",
        "ou_1a ",
        "ou_1a\u{0}",
        "ou_1a\n",
        "ou_1a\u{200b}",
        "ou_1",
        "*",
        "",
    ];
    for (n, id) in odd.into_iter().enumerate() {
        let event = from(n as u32, json!({"sender_id": {"open_id": id}, "sender_type": "user"}));
        assert_eq!(verdict(&mut w, &event), DENIED, "{id:?}");
    }
}

#[test]
fn s39_v12_an_empty_list_hears_nobody_and_a_star_everybody() {
    let mut w = allowing(&[]);
    assert_eq!(verdict(&mut w, &event(1)), DENIED);
    assert_eq!(verdict(&mut w, &click_json("c1", "c-1".into())), DENIED);
    let mut w = allowing(&["*"]);
    assert_eq!(verdict(&mut w, &event(1)), None);
    assert_eq!(verdict(&mut w, &click_json("c1", "c-1".into())), None);
}

#[test]
fn s40_a_chat_of_no_known_type_is_a_group() {
    let mut w = with(GateRules { allowed_users: &["*"], mention_only: true, ..GateRules::default() });
    let odd = [
        json!("P2P"),
        json!("p2p "),
        json!(""),
        json!(null),
        json!("topic_group"),
        json!(["p2p"]),
        json!(1),
        json!("dm"),
    ];
    for (n, kind) in odd.into_iter().enumerate() {
        let mut event = event(n as u32);
        event["event"]["message"]["chat_type"] = kind.clone();
        assert_eq!(verdict(&mut w, &event), Some(DropReason::NoMention), "{kind}");
        event["header"]["event_id"] = json!(format!("m{n}"));
        event["event"]["message"]["message_id"] = json!(format!("om_m{n}"));
        event["event"]["message"]["mentions"] = json!([{"key": "@_user_1", "id": {"open_id": OWN}, "name": "Echo"}]);
        assert_eq!(verdict(&mut w, &event), None, "{kind}, mentioned");
    }
    let mut absent = event(50);
    absent["event"]["message"].as_object_mut().unwrap().remove("chat_type");
    assert_eq!(verdict(&mut w, &absent), Some(DropReason::NoMention));
    assert_eq!(verdict(&mut w, &event(51)), None, "p2p");
}

#[test]
fn s42_a_click_by_somebody_else_changes_nothing() {
    let mut w = allowing(&["ou_1"]);
    let mut other = click_json("c1", "c-1".into());
    other["event"]["operator"] = json!({"open_id": "ou_2", "union_id": "on_1", "user_id": "ou_1"});
    assert_eq!(verdict(&mut w, &other), DENIED);
    // Not even the token is used up: the click of the right person still counts.
    assert_eq!(verdict(&mut w, &click_json("c2", "c-1".into())), None);
    for (n, operator) in [json!(null), json!({}), json!({"open_id": ""}), json!("ou_1")].into_iter().enumerate() {
        let mut nobody = click_json(&format!("d{n}"), format!("d-{n}").into());
        nobody["event"]["operator"] = operator.clone();
        assert_eq!(verdict(&mut w, &nobody), DENIED, "{operator}");
    }
    // Who clicked is told, never whose card it was; in which chat, the application can read.
    w.script.app = App::Hold;
    w.post(&Post::sealed(&click_json("c3", "c-3".into()).to_string()));
    let event = w.bot.poll_delivery().unwrap();
    assert!(event.actor().unwrap().ids.open_id.unwrap() == "ou_1" && event.chat_id().unwrap() == "oc_1");
}

#[test]
fn s43_v23_the_bot_never_hears_itself_nor_what_might_be_itself() {
    let bot = |n, id: &str| from(n, json!({"sender_id": {"open_id": id}, "sender_type": "app"}));
    let mut w = allowing(&["*"]);
    assert_eq!(verdict(&mut w, &bot(1, OWN)), Some(DropReason::SelfSent));
    assert_eq!(
        verdict(&mut w, &from(2, json!({"sender_id": {"open_id": OWN}, "sender_type": "user"}))),
        Some(DropReason::SelfSent)
    );
    assert_eq!(verdict(&mut w, &bot(3, "ou_b")), Some(DropReason::BotSender));
    let mut w = with(GateRules { allowed_users: &["*"], allow_bots: true, ..GateRules::default() });
    assert_eq!(verdict(&mut w, &bot(1, OWN)), Some(DropReason::SelfSent));
    assert_eq!(verdict(&mut w, &bot(2, "ou_b")), None);
    // While the own id is unknown, every bot might be this one.
    let gate = GateRules { allowed_users: &["*"], allow_bots: true, ..GateRules::default() };
    let mut w = World::posted_with(Config { gate, own_open_id: OwnOpenId::Unused, link: LinkMode::Off, ..config() });
    assert_eq!(verdict(&mut w, &bot(1, "ou_b")), Some(DropReason::BotIdentityUnknown));
    assert_eq!(verdict(&mut w, &from(2, json!(null))), None, "a sender of no kind is no bot");
}

#[test]
fn s43_bots_that_answer_each_other_are_stopped() {
    let mut w = with(GateRules { allowed_users: &["*"], allow_bots: true, ..GateRules::default() });
    for n in 0..4 {
        assert_eq!(verdict(&mut w, &from(n, json!({"sender_id": {"open_id": "ou_b"}, "sender_type": "app"}))), None);
    }
    let fifth = from(4, json!({"sender_id": {"open_id": "ou_b"}, "sender_type": "app"}));
    assert_eq!(verdict(&mut w, &fifth), Some(DropReason::BotLoop));
    assert_eq!(verdict(&mut w, &event(5)), None, "a person speaks");
    let sixth = from(6, json!({"sender_id": {"open_id": "ou_b"}, "sender_type": "app"}));
    assert_eq!(verdict(&mut w, &sixth), None);
}

#[test]
fn what_is_stopped_is_told_with_who_did_it() {
    let mut w = allowing(&["ou_2"]);
    assert_eq!(verdict(&mut w, &event(1)), DENIED);
    let told = w.notices.iter().any(|(_, notice)| {
        matches!(notice, larkwire_core::Notice::Dropped { reason: DropReason::SenderNotAllowed, actor, trace_id, .. }
            if actor.as_str() == "ou_1" && trace_id.as_str() == "r-1")
    });
    assert!(told, "{:?}", w.notices);
}
