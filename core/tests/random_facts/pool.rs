//! What lives are made of: rules, events of every kind by every kind of sender, calls, stored memories.

use std::sync::OnceLock;

use larkwire_core::outgoing::split_markdown;
use larkwire_core::wire::writer::Writer;
use larkwire_core::{
    AckReactions, Body, Call, Config, GateRules, LinkMode, Locale, OwnOpenId, ReceiveIdType, UnixMillis,
};
use serde_json::{Value, json};

use super::dice::Dice;
use super::support::*;

/// When the messages were written, more or less.
pub(crate) const T0: u64 = 1_700_000_000_000;
pub(crate) const OWN: &str = "ou_bot";
pub(crate) const STALE_MS: u64 = 30 * 60 * 1000;

/// Somebody: `open_id`, `union_id`, `user_id` (empty: the platform does not tell), and the kind of sender.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Who(
    pub(crate) &'static str,
    pub(crate) &'static str,
    pub(crate) &'static str,
    pub(crate) &'static str,
);

pub(crate) const PEOPLE: [Who; 9] = [
    Who("ou_1", "on_1", "u1", "user"),
    Who("ou_1", "on_1", "u1", "user"),
    Who("ou_2", "", "", "user"),
    Who("", "on_3", "", "user"),
    Who("", "", "", "user"),
    Who("ou_5", "", "", "a kind of the future"),
    Who("ou_b2", "", "", "app"),
    Who("ou_b3", "", "", "bot"),
    Who(OWN, "", "", "app"),
];
pub(crate) const LISTS: [&[&str]; 6] = [&["*"], &["*"], &["*"], &[], &["ou_1", "ou_b2"], &["on_3", "u1"]];

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Broken,
    Card,
    Foreign,
    Menu,
    Message,
    News,
    OldCard,
    Other,
    Preview,
    Reaction,
    V1,
}

pub(crate) const KINDS: [Kind; 16] = [
    Kind::Broken,
    Kind::Card,
    Kind::Card,
    Kind::Foreign,
    Kind::Menu,
    Kind::Message,
    Kind::Message,
    Kind::Message,
    Kind::Message,
    Kind::Message,
    Kind::News,
    Kind::OldCard,
    Kind::Other,
    Kind::Preview,
    Kind::Reaction,
    Kind::V1,
];

/// Who is mentioned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum At {
    All,
    AllInText,
    Nobody,
    Other,
    Own,
}

/// Something that happened on the platform.
#[derive(Clone, Debug)]
pub(crate) struct Deed {
    pub(crate) kind: Kind,
    pub(crate) who: Who,
    pub(crate) n: usize,
    pub(crate) chat: &'static str,
    pub(crate) chat_type: &'static str,
    pub(crate) at: At,
    /// When it was written, if the event tells.
    pub(crate) written: Option<u64>,
    pub(crate) text: String,
    pub(crate) post: bool,
}

const TEXTS: [&str; 6] = [
    "hi \"there\" \\o/",
    "继续奋斗，今天很强",
    "繼續奮鬥，今天很強",
    "頑張ってください",
    "@_user_1  look at this\nand that 🎉",
    "",
];

impl Deed {
    pub(crate) fn any(dice: &mut Dice, crowd: &[Who]) -> Self {
        let kind = dice.pick(&KINDS);
        let again = if dice.one_in(2) { 1 } else { 20 };
        Self {
            kind,
            who: dice.pick(crowd),
            // Few numbers make duplicates; the kinds do not share theirs.
            n: dice.below(40) * again + kind as usize * 10_000,
            chat: dice.pick(&["oc_1", "oc_2"]),
            chat_type: dice.pick(&["p2p", "p2p", "private", "group", "group", "topic_group", ""]),
            at: dice.pick(&[At::Nobody, At::Own, At::Own, At::Other, At::All, At::AllInText]),
            written: [None, Some(T0), Some(T0 - STALE_MS / 2), Some(T0 - 2 * STALE_MS)][dice.below(4)],
            text: dice.pick(&TEXTS).repeat(1 + dice.below(3)),
            post: dice.one_in(3),
        }
    }

    pub(crate) fn is_callback(&self) -> bool {
        matches!(self.kind, Kind::Card | Kind::OldCard | Kind::Preview)
    }

    pub(crate) fn is_message(&self) -> bool {
        matches!(self.kind, Kind::Message | Kind::V1)
    }

    pub(crate) fn event_id(&self) -> String {
        if matches!(self.kind, Kind::OldCard) { String::new() } else { format!("e{}", self.n) }
    }

    /// Two numbers share one, as when a message comes again as another event.
    pub(crate) fn message_id(&self) -> String {
        if self.is_message() { format!("om_{}", self.n / 2) } else { String::new() }
    }

    fn ids(&self) -> Value {
        let id = |id: &str| if id.is_empty() { Value::Null } else { json!(id) };
        json!({"open_id": id(self.who.0), "union_id": id(self.who.1), "user_id": id(self.who.2)})
    }

    fn content(&self) -> String {
        let all = if self.at == At::AllInText { "@_all " } else { "" };
        let text = format!("{all}{}", self.text);
        match self.post {
            true => {
                json!({"title": "T", "content": [[{"tag": "text", "text": text}, {"tag": "img", "image_key": "img_1"}],
                [{"tag": "at", "user_id": "@_user_1", "user_name": "x"}]]})
            }
            false => json!({ "text": text }),
        }
        .to_string()
    }

    pub(crate) fn json(&self) -> String {
        let v2 = |app: &str, event_type: &str, event: Value| {
            json!({"schema": "2.0", "header": {"event_id": self.event_id(), "event_type": event_type, "app_id": app,
                "tenant_key": "tk"}, "event": event})
        };
        let operator = self.ids();
        let json = match self.kind {
            Kind::Broken => return "not an event".to_owned(),
            Kind::Card => v2(
                APP_ID,
                "card.action.trigger",
                json!({"operator": operator, "token": "c-1",
                "action": {"tag": "button", "value": {"k": self.text}}, "context": {"open_message_id": "om_c"}}),
            ),
            Kind::Foreign => v2("cli_other", "x.y_v1", json!({})),
            Kind::Menu => {
                v2(APP_ID, "application.bot.menu_v6", json!({"operator": {"operator_id": operator}, "event_key": "k"}))
            }
            Kind::Message => {
                let entry = |id: Value, key: &str| json!([{"key": key, "id": id, "name": "N", "tenant_key": "tk"}]);
                let mentions = match self.at {
                    At::All => entry(json!({"user_id": "all"}), "@_all"),
                    At::Nobody | At::AllInText => Value::Null,
                    At::Other => entry(json!({"open_id": "ou_else"}), "@_user_1"),
                    At::Own => entry(json!({"open_id": OWN}), "@_user_1"),
                };
                v2(
                    APP_ID,
                    "im.message.receive_v1",
                    json!({
                        "sender": {"sender_id": operator, "sender_type": self.who.3},
                        "message": {"message_id": self.message_id(), "chat_id": self.chat, "chat_type": self.chat_type,
                            "message_type": if self.post { "post" } else { "text" }, "mentions": mentions,
                            "create_time": self.written.map(|ms| ms.to_string()), "content": self.content()}
                    }),
                )
            }
            Kind::News => {
                v2(APP_ID, "im.chat.member.bot.added_v1", json!({"chat_id": self.chat, "operator_id": operator}))
            }
            Kind::OldCard => json!({"open_message_id": "om_c", "open_chat_id": self.chat, "open_id": self.who.0,
                "user_id": self.who.2, "token": "c-1", "action": {"value": {}}}),
            Kind::Other => v2(APP_ID, "x.y_v1", json!({"x": self.text})),
            Kind::Preview => {
                v2(APP_ID, "url.preview.get", json!({"operator": operator, "context": {"url": "https://x"}}))
            }
            Kind::Reaction => {
                let app = self.who.3 != "user";
                let app_id = if self.who.0 == OWN { APP_ID } else { "cli_else" };
                v2(
                    APP_ID,
                    "im.message.reaction.created_v1",
                    json!({"message_id": "om_r", "operator_type": self.who.3,
                    "user_id": if app { Value::Null } else { operator }, "app_id": if app { json!(app_id) } else { Value::Null },
                    "reaction_type": {"emoji_type": "OK"}, "action_time": "1700000000000"}),
                )
            }
            Kind::V1 => json!({"uuid": self.event_id(), "type": "event_callback", "token": "", "ts": "1502199207.7",
                "event": {"type": "message", "app_id": APP_ID, "tenant_key": "tk", "open_chat_id": self.chat,
                    "chat_type": self.chat_type, "msg_type": "text", "open_id": self.who.0, "union_id": self.who.1,
                    "employee_id": self.who.2, "open_message_id": self.message_id(), "is_mention": self.at == At::Own,
                    "text": self.text, "text_without_at_bot": self.text}}),
        };
        json.to_string()
    }
}

pub(crate) fn locale(dice: &mut Dice) -> Locale {
    dice.pick(&[Locale::En, Locale::Ja, Locale::ZhCn, Locale::ZhTw])
}

/// The gate, the bot's identity, reactions: any that a bot can be made with.
pub(crate) fn rules(dice: &mut Dice) -> Config<'static> {
    let own_open_id = [OwnOpenId::Given(OWN), OwnOpenId::Fetched, OwnOpenId::Unused][dice.below(3)];
    Config {
        own_open_id,
        gate: GateRules {
            allowed_users: dice.pick(&LISTS),
            mention_only: dice.one_in(2) && own_open_id != OwnOpenId::Unused,
            respond_to_mention_all: dice.one_in(2),
            allow_bots: dice.one_in(2),
            stale_after_ms: if dice.one_in(2) { STALE_MS } else { 0 },
        },
        ack_reactions: match dice.below(3) {
            0 => AckReactions::Off,
            1 => AckReactions::Auto,
            _ => AckReactions::Fixed(locale(dice)),
        },
        link: if dice.one_in(16) { [LinkMode::Discover, LinkMode::Off][dice.below(2)] } else { LinkMode::Connect },
        ..config()
    }
}

/// Any call, sound or not.
pub(crate) fn with_call<R>(dice: &mut Dice, submit: impl FnOnce(Call<'_>) -> R) -> R {
    let text = "x`*\n中\"".repeat(dice.pick(&[1, 20, 300]));
    let object = json!({ "config": {"update_multi": true}, "x": text }).to_string();
    let message_id = dice.pick(&["om_1", "om_1", "om/?#", "", "..", "om\r\n"]);
    let card = if dice.one_in(6) { "[" } else { object.as_str() };
    let body = match dice.below(6) {
        0 => Body::Interactive(card),
        1 => Body::Post(&object),
        2 => split_markdown(&text, 100).next().map_or(Body::text(""), Body::Chunk),
        _ => Body::text(&text),
    };
    let uuid = dice.pick(&[None, Some("u-1"), Some(""), Some("0123456789012345678901234567890123456789012345678901")]);
    submit(match dice.below(14) {
        0 => Call::AddReaction { message_id, emoji_type: dice.pick(&["OK", "", "THUMBS UP"]) },
        1 => Call::BotInfo,
        2 => Call::ChatInfo { chat_id: dice.pick(&["oc_1", " "]) },
        3 => Call::DeleteReaction { message_id, reaction_id: dice.pick(&["r=/", ""]) },
        4 => Call::Edit { message_id, body },
        5 => Call::GetMessage { message_id },
        6 => Call::PatchCard { message_id, card },
        7 => Call::Recall { message_id },
        8 => Call::UpdateCard { token: dice.pick(&["c-1", ""]), card },
        9..=11 => Call::Reply { message_id, body, in_thread: dice.one_in(2), uuid },
        _ => Call::Send {
            receive_id: dice.pick(&["oc_1", "ou_1", "a@b.c", ""]),
            receive_id_type: dice.pick(&[None, Some(ReceiveIdType::UnionId)]),
            body,
            uuid,
        },
    })
}

/// What a bot of this app has remembered: deeds of the first numbers.
pub(crate) fn memory() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| {
        let mut w = World::new();
        w.fact(|bot, now| bot.handle_wall_clock(now, Some(UnixMillis(T0))));
        let mut w = w.open();
        for deed in remembered() {
            w.event("m", &deed.json());
        }
        assert_eq!(w.delivered.len(), 4);
        let mut counting = Writer::counting();
        w.bot.write_seen(None, &mut counting);
        let mut bytes = vec![0; counting.len()];
        w.bot.write_seen(None, &mut Writer::new(&mut bytes));
        bytes
    })
}

/// The deeds whose ids [`memory`] holds.
pub(crate) fn remembered() -> [Deed; 4] {
    let message = |n| Deed {
        kind: Kind::Message,
        who: PEOPLE[0],
        n: n + Kind::Message as usize * 10_000,
        chat: "oc_1",
        chat_type: "p2p",
        at: At::Nobody,
        written: None,
        text: "x".to_owned(),
        post: false,
    };
    [0, 4, 8, 12].map(message)
}

/// A stored memory as it may be found: good, cut off, of another app, or anything.
pub(crate) fn stored(dice: &mut Dice) -> Vec<u8> {
    let mut bytes = memory().to_vec();
    match dice.below(5) {
        0 => bytes = dice.bytes(100),
        1 => bytes.truncate(dice.below(120)),
        2 => bytes[20] ^= 1,
        3 => {
            let at = 32 + dice.below(bytes.len() - 32);
            bytes[at] = dice.next() as u8;
        }
        _ => {}
    }
    bytes
}
