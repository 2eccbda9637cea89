//! Any payload through the gate: nothing passes that serde_json does not see as allowed.
//!
//! The first byte chooses the rules, the rest is the payload of a data frame.

use larkwire_core::content::{Form, Mentions};
use larkwire_core::link::{CallbackSlot, Reaction, Session, SessionRules, SessionStorage};
use larkwire_core::wire::writer::Writer;
use larkwire_core::{Event, GateRules, Instant, Message, Notice, Region, Report, Seed, Slots, Typed, Verdict};
use prost::Message as _;
use serde_json::Value;

use crate::pb;
use crate::platform::APP_ID;

const OWN: &str = "ou_bot";

/// Two deliveries of one message to a bot with rules.
pub fn run(data: &[u8]) {
    let Some((&flags, payload)) = data.split_first() else { return };
    let bit = |n: u8| flags >> n & 1 == 1;
    let allowed: &[&str] = match flags & 3 {
        0 => &[],
        1 => &["ou_1"],
        2 => &["on_1", "u1"],
        _ => &["*"],
    };
    let gate = GateRules {
        allowed_users: allowed,
        mention_only: bit(2),
        respond_to_mention_all: bit(3),
        allow_bots: bit(4),
        stale_after_ms: 0,
    };
    let rules = SessionRules { app_id: APP_ID, dedup_window_ms: 1000, gate, pong_timeout_ms: 0 };
    let storage = SessionStorage {
        parts: Region::growable(4096),
        assembled: Region::growable(4096),
        part_sets: Slots::growable(2),
        finished: Slots::growable(4),
        seen: Slots::growable(64),
        allowed: Region::growable(64),
        callbacks: Slots::growable_with(2, || CallbackSlot::new(Region::growable(1024))),
    };
    let mut session = Session::new(rules, storage, &Seed([1; 32]));
    let mut report = Report::new(Slots::growable_with(4, || Notice::Connected));
    let now = Instant::from_millis(1000);
    session.opened(now, 1);
    if !bit(5) {
        session.handle_identity(OWN);
    }
    let message = pb::frame(1, &[("type", "event"), ("message_id", "m"), ("trace_id", "t")], payload);
    let reaction = session.handle_message(now, &message, &mut report);
    let answer = match reaction {
        Reaction::Ack(answer) => answer,
        Reaction::Offer => {
            session.reveal(now);
            let event = session.event(&message).expect("what is offered is shown");
            let id = event.id();
            // An id with a NUL in it is none.
            let event_known = event.event_id().is_some_and(|id| id.chars().all(|ch| ch != '\0'));
            allowed_by_serde(&gate, &event, payload, !bit(5));
            look(&event);
            let answer = session.handle_delivered(now, id, Verdict::Accepted, &message, &mut report);
            if event_known {
                assert_eq!(
                    session.handle_message(now, &message, &mut report),
                    Reaction::Ack(answer.flatten().expect("acked"))
                );
            }
            answer.flatten().expect("an accepted event is acked")
        }
        other => panic!("{other:?} for a data frame"),
    };
    let mut ack = vec![0; session.ack_len(&message)];
    let mut w = Writer::new(&mut ack);
    session.write_ack(&message, u64::MAX, answer, &mut w);
    let len = w.finish().expect("an ack is at most as long as it was said to be");
    assert_eq!(pb::Frame::decode(&ack[..len]).expect("an ack is a frame").method, 1);
}

/// What passed, read by somebody else.
fn allowed_by_serde(gate: &GateRules<'_>, event: &Event<'_>, payload: &[u8], known: bool) {
    // Where the two readers differ (lone surrogates, huge numbers) there is nothing to compare.
    let Ok(json) = serde_json::from_slice::<Value>(payload) else { return };
    let Some(message) = event.message().filter(|message| !message.is_legacy()) else { return };
    let (sender, said) = (&json["event"]["sender"], &json["event"]["message"]);
    let ids = &sender["sender_id"];
    let listed = gate.allowed_users.iter().any(|entry| match entry.get(..3) {
        _ if *entry == "*" => true,
        Some("ou_") => ids["open_id"] == *entry,
        Some("on_") => ids["union_id"] == *entry,
        _ => ids["user_id"] == *entry,
    });
    assert!(listed, "passed without being on the list: {ids}");
    assert!(!known || ids["open_id"] != OWN, "the bot hears itself");
    let bot = sender["sender_type"] == "app" || sender["sender_type"] == "bot";
    assert!(!bot || (gate.allow_bots && known), "a bot is heard");
    let private = said["chat_type"] == "p2p" || said["chat_type"] == "private";
    if gate.mention_only && !private && !(gate.respond_to_mention_all && message.mentions_all()) {
        let entries = said["mentions"].as_array().cloned().unwrap_or_default();
        let mentioned = entries.iter().any(|entry| entry["id"]["open_id"] == OWN || entry["id"] == OWN);
        assert!(known && mentioned, "passed without a mention: {}", said["mentions"]);
    }
}

/// Everything an application could ask of an event.
pub fn look(event: &Event<'_>) {
    let _ = (event.actor(), event.chat_id(), event.message_id(), event.locale(), event.field(&["operator", "open_id"]));
    let limit = event.json().len();
    match event.typed() {
        Typed::CardAction(action) => {
            assert!(action.options().count() <= limit);
            let _ = (action.operator(), action.value(), action.form_value(), action.token());
        }
        Typed::ChatUpdated(chat) => {
            assert!(chat.added_member_list().count() <= limit && chat.after_change().labels().count() <= limit);
        }
        Typed::Message(message) => say(&message, limit),
        Typed::MessageRead(read) => assert!(read.message_id_list().count() <= limit),
        Typed::UserAdded(users) | Typed::UserDeleted(users) | Typed::UserWithdrawn(users) => {
            assert!(users.users().count() <= limit);
        }
        _ => {}
    }
}

fn say(message: &Message<'_>, limit: usize) {
    let _ = (message.is_p2p(), message.mentions_bot(), message.mentions_all(), message.update_time());
    assert!(Mentions::new(message.mentions()).iter().count() <= limit);
    let mut scratch = vec![0; limit];
    let content = message.read_content(&mut scratch).expect("a content is shorter than its message");
    crate::event_content::read(content, Mentions::new(message.mentions()), OWN);
    for form in [Form::Full, Form::Body] {
        // The first answer may be a guess, the second is exact.
        let mut room = Vec::new();
        for _ in 0..3 {
            match message.text(form, &mut room) {
                Ok(_) => break,
                Err(short) => {
                    assert!(short.needed > room.len(), "{} is not enough, {} should be", room.len(), short.needed);
                    room = vec![0; short.needed];
                }
            }
        }
        assert!(message.text(form, &mut room).is_ok());
    }
}
