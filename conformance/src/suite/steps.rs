//! What the platform and the program may do in a scenario.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::shim::{Call, Handle};
pub(crate) use crate::platform::unhex;
use crate::platform::{ChatMessage, ClientConfig, Faults, Options};

/// The platform's part.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Peer {
    /// Puts the platform's clock forward: redeliveries, tokens and URLs; not the client's.
    Advance(Advance),
    /// Changes the app.
    App(super::scenario::GivenApp),
    /// Asks the webhook whether it is the bot's.
    Challenge(Nothing),
    /// Says from now on that a client should be configured like this.
    ClientConfig(ClientConfig),
    /// Closes the connections by a Close frame.
    Close(Close),
    /// Ends the connections without a word.
    Cut(Cut),
    /// What goes wrong from now on; what is left out goes right.
    Faults(Box<Faults>),
    /// Sends the webhook what only an attacker or a broken proxy sends, one after the other.
    Hostile(Hostile),
    /// Sends something out of the ordinary.
    Inject(Inject),
    /// Several pushes with their frames in turn.
    Interleave(Vec<Push>),
    /// How the platform differs from now on.
    Options(Options),
    /// Delivers an event or a callback.
    Push(Box<Push>),
    /// Makes tokens invalid.
    RevokeTokens(Revoke),
}

/// Names of hostile requests.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Hostile {
    /// Of one.
    One(String),
    /// Of several.
    Many(Vec<String>),
}

impl Hostile {
    pub(crate) fn names(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Many(names) => names,
        }
    }
}

/// How far.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Advance {
    pub(crate) seconds: f64,
}

/// With which code.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Close {
    pub(crate) code: u16,
}

/// In which way.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cut {
    pub(crate) how: How,
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum How {
    /// TCP FIN.
    Fin,
    /// Stays open, says and hears nothing.
    HalfOpen,
    /// TCP RST.
    Reset,
}

/// Which calls are still good.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Revoke {
    pub(crate) after_calls: u32,
}

/// Exactly one of `frame`, `binary`, `bytes` and `text`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Inject {
    /// A frame, composed.
    pub(crate) frame: Option<InjectFrame>,
    /// A binary message, in hex.
    pub(crate) binary: Option<String>,
    /// Bytes past the WebSocket codec, in hex.
    pub(crate) bytes: Option<String>,
    /// A text message.
    pub(crate) text: Option<String>,
    /// How often, 1 by default.
    pub(crate) times: Option<usize>,
}

/// A frame as a platform would not write it, or only rarely.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct InjectFrame {
    #[serde(rename = "SeqID")]
    pub(crate) seq_id: u64,
    #[serde(rename = "LogID")]
    pub(crate) log_id: u64,
    pub(crate) service: i32,
    pub(crate) method: i32,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) payload: Option<String>,
    /// Bytes of payload instead, all the same.
    pub(crate) payload_len: Option<usize>,
}

/// An event or a callback. One of `text`, `text_len`, `message`, `click`, `event` and `raw`; the others are how it is sent.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Push {
    /// A name for it.
    #[serde(rename = "as")]
    pub(crate) label: String,
    /// A text by `ou_ann` to the bot alone, in `oc_room`.
    pub(crate) text: Option<String>,
    /// A text of so many letters.
    pub(crate) text_len: Option<usize>,
    /// For `text`: it mentions so many people besides.
    pub(crate) mention_count: Option<usize>,
    /// Any chat message; `PLATFORM.md` has its members.
    pub(crate) message: Option<ChatMessage>,
    /// A click on a card: the callback `card.action.trigger`.
    pub(crate) click: Option<Click>,
    /// Anything else.
    pub(crate) event: Option<Event>,
    /// A payload, byte for byte.
    pub(crate) raw: Option<String>,
    /// … in hex.
    pub(crate) raw_hex: Option<String>,
    pub(crate) event_id: Option<String>,
    pub(crate) message_id: Option<String>,
    /// Merged into the envelope.
    pub(crate) patch: Option<Value>,
    /// Members taken out of the envelope: `header.event_id`.
    pub(crate) without: Vec<String>,
    pub(crate) parts: Option<usize>,
    pub(crate) split_at: Option<Vec<usize>>,
    pub(crate) part_order: Option<Vec<usize>>,
    pub(crate) ws_cut: Vec<usize>,
    pub(crate) gaps_ms: Vec<u64>,
    pub(crate) seq_id: Option<u64>,
    pub(crate) log_id: Option<u64>,
    pub(crate) service: Option<i32>,
    pub(crate) times: Option<usize>,
    pub(crate) again_after_s: Vec<f64>,
    /// So many of them at once, each an event of its own: with `as = "m"` they are called `m1`, `m2` and so on, and `m`.
    pub(crate) count: Option<usize>,
    /// Not at once, but with so many milliseconds between them.
    pub(crate) every_ms: Option<u64>,
    pub(crate) v1: bool,
    pub(crate) headers: Vec<HeaderChange>,
    pub(crate) payload_encoding: Option<String>,
    pub(crate) payload_type: Option<String>,
    pub(crate) log_id_new: Option<String>,
    /// In hex, at the end of each frame.
    pub(crate) unknown_fields: Option<String>,
}

/// A click on a card.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Click {
    /// `c-…`; made from the label, if it is left out.
    pub(crate) token: Option<String>,
    pub(crate) message_id: Option<String>,
    pub(crate) chat_id: Option<String>,
    /// Who clicked; `ou_ann`, if it is left out.
    pub(crate) open_id: Option<String>,
    pub(crate) value: Option<Value>,
    /// A text of so many letters as the value instead.
    pub(crate) value_len: Option<usize>,
}

/// Any event.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Event {
    #[serde(rename = "type")]
    pub(crate) event_type: String,
    #[serde(default)]
    pub(crate) body: Value,
}

/// A frame header that is added, replaced, or, without a value, removed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HeaderChange {
    key: String,
    value: Option<String>,
    /// Only in the frame sent as this one, from 0.
    position: Option<usize>,
}

/// The program's part.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum App {
    /// Makes a call. It is named by `as`.
    Call(Box<NamedCall>),
    /// Treats events and callbacks like this from now on; `never_answer` instead of a null that TOML has not.
    Handle(AppHandle),
    /// The process ends at once and starts again, with the same settings.
    Restart(Nothing),
    /// Ends well.
    Stop(Nothing),
}

/// No members.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// A call and its name.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct NamedCall {
    #[serde(rename = "as")]
    pub(crate) label: Option<String>,
    pub(crate) call: String,
    pub(crate) message_id: Option<String>,
    pub(crate) text: Option<String>,
    /// A text of so many letters.
    pub(crate) text_len: Option<usize>,
    pub(crate) card: Option<Value>,
    pub(crate) in_thread: Option<bool>,
    pub(crate) receive_id: Option<String>,
    pub(crate) receive_id_type: Option<String>,
    pub(crate) emoji_type: Option<String>,
    pub(crate) reaction_id: Option<String>,
    pub(crate) token: Option<String>,
    pub(crate) chat_id: Option<String>,
    /// So many at once.
    pub(crate) times: Option<usize>,
}

/// See [`Handle`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AppHandle {
    pub(crate) events: Option<super::shim::Mode>,
    pub(crate) callback_answer: Option<Value>,
    /// A toast of so many letters instead.
    pub(crate) callback_toast_len: Option<usize>,
    pub(crate) callback_after_ms: Option<u64>,
    pub(crate) never_answer: bool,
}

impl AppHandle {
    pub(crate) fn handle(&self) -> Handle {
        let toast = |len| json!({ "toast": { "type": "info", "content": letters(len) } });
        let answer = self.callback_answer.clone().or_else(|| self.callback_toast_len.map(toast));
        let answer = if self.never_answer { Some(Value::Null) } else { answer };
        Handle { events: self.events, callback_answer: answer, callback_after_ms: self.callback_after_ms }
    }
}

/// The calls of the protocol, with the members each must have.
pub(crate) const CALLS: [(&str, &[&str]); 10] = [
    ("bot_info", &[]),
    ("chat_info", &["chat_id"]),
    ("edit", &["message_id", "text"]),
    ("patch_card", &["message_id", "card"]),
    ("react", &["message_id", "emoji_type"]),
    ("recall", &["message_id"]),
    ("reply", &["message_id"]),
    ("send", &["receive_id"]),
    ("unreact", &["message_id", "reaction_id"]),
    ("update_card", &["token", "card"]),
];

impl NamedCall {
    pub(crate) fn call(&self, id: u64, fill: &dyn Fn(&str) -> String) -> Call {
        let text = |text: &Option<String>| text.as_deref().map(fill);
        Call {
            id,
            call: self.call.clone(),
            message_id: text(&self.message_id),
            text: text(&self.text).or_else(|| self.text_len.map(letters)),
            card: self.card.as_ref().map(|card| fill_json(card, fill)),
            in_thread: self.in_thread,
            receive_id: text(&self.receive_id),
            receive_id_type: self.receive_id_type.clone(),
            emoji_type: self.emoji_type.clone(),
            reaction_id: text(&self.reaction_id),
            token: text(&self.token),
            chat_id: text(&self.chat_id),
        }
    }

    /// A member that this call needs and has not.
    pub(crate) fn missing(&self) -> Option<&'static str> {
        let (_, members) = CALLS.iter().find(|(name, _)| *name == self.call)?;
        let has = |member: &str| match member {
            "card" => self.card.is_some(),
            "chat_id" => self.chat_id.is_some(),
            "emoji_type" => self.emoji_type.is_some(),
            "message_id" => self.message_id.is_some(),
            "reaction_id" => self.reaction_id.is_some(),
            "receive_id" => self.receive_id.is_some(),
            "text" => self.text.is_some() || self.text_len.is_some(),
            _ => self.token.is_some(),
        };
        members.iter().copied().find(|member| !has(member))
    }
}

/// So many letters, with a space now and then.
pub(crate) fn letters(len: usize) -> String {
    "larkwire ".chars().cycle().take(len).collect()
}

/// All texts in a JSON value, filled in.
pub(crate) fn fill_json(value: &Value, fill: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::Array(items) => items.iter().map(|item| fill_json(item, fill)).collect(),
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), fill_json(value, fill))).collect(),
        Value::String(text) => Value::String(fill(text)),
        other => other.clone(),
    }
}

impl Push {
    /// How many of the members are given that say what is sent.
    pub(crate) fn contents(&self) -> usize {
        let given = [
            self.text.is_some(),
            self.text_len.is_some(),
            self.message.is_some(),
            self.click.is_some(),
            self.event.is_some(),
            self.raw.is_some(),
            self.raw_hex.is_some(),
        ];
        given.iter().filter(|given| **given).count()
    }

    /// What is pushed: itself, or as many of its kind as it says.
    pub(crate) fn each(&self) -> Vec<Self> {
        let Some(count) = self.count else { return vec![self.clone()] };
        (1..=count)
            .map(|number| Self { label: format!("{}{number}", self.label), count: None, ..self.clone() })
            .collect()
    }

    /// The identity it is known by, whether it was given or is made here.
    pub(crate) fn names(&self, fill: &dyn Fn(&str) -> String) -> BTreeMap<String, String> {
        let given = |value: &Option<String>, made: String| value.as_deref().map_or(made, fill);
        let label = &self.label;
        let mut names = BTreeMap::from([
            ("event_id".to_owned(), given(&self.event_id, format!("ev_{label}"))),
            ("message_id".to_owned(), given(&self.message_id, format!("om_{label}"))),
        ]);
        let without_id = self.without.iter().any(|path| matches!(path.as_str(), "header.event_id" | "header" | "uuid"));
        if without_id || self.raw.is_some() || self.raw_hex.is_some() {
            names.insert("idless".to_owned(), String::new());
        }
        if let Some(event) = &self.event {
            names.insert("event_type".to_owned(), event.event_type.clone());
        }
        if let Some(click) = &self.click {
            names.insert("token".to_owned(), given(&click.token, format!("c-{label}")));
        }
        names
    }

    /// As the platform's control interface takes it.
    pub(crate) fn to_json(&self, fill: &dyn Fn(&str) -> String) -> Value {
        let names = self.names(fill);
        let mut push = json!({
            "payload": self.payload(&names, fill),
            "event_id": names.get("event_id"),
            "message_id": names.get("message_id"),
            "parts": self.parts.unwrap_or(1),
            "split_at": self.split_at,
            "part_order": self.part_order,
            "ws_cut": self.ws_cut,
            "gaps_ms": self.gaps_ms,
            "seq_id": self.seq_id,
            "log_id": self.log_id,
            "service": self.service,
            "times": self.times.unwrap_or(1),
            "again_after_s": self.again_after_s,
            "v1": self.v1,
            "headers": self.headers,
            "payload_encoding": self.payload_encoding,
            "payload_type": self.payload_type,
            "log_id_new": self.log_id_new,
            "unknown_fields": base64(&unhex(self.unknown_fields.as_deref().unwrap_or_default())),
        });
        let mut patch = self.patch.as_ref().map_or(json!({}), |patch| fill_json(patch, fill));
        for path in &self.without {
            let mut at = &mut patch;
            for name in path.split('.') {
                at = &mut at[name];
            }
            *at = Value::Null;
        }
        if patch.as_object().is_some_and(|members| !members.is_empty()) {
            push["patch"] = patch;
        }
        push
    }

    fn payload(&self, names: &BTreeMap<String, String>, fill: &dyn Fn(&str) -> String) -> Value {
        let text = self.text.as_deref().map(fill).or_else(|| self.text_len.map(letters));
        if let Some(text) = text {
            let mention = |number| json!({ "open_id": format!("ou_{number}"), "name": format!("Person {number}") });
            let mentions: Vec<Value> = (1..=self.mention_count.unwrap_or_default()).map(mention).collect();
            let message =
                json!({ "chat_id": "oc_room", "sender_open_id": "ou_ann", "text": text, "mentions": mentions });
            return json!({ "message": message });
        }
        if let Some(message) = &self.message {
            return json!({ "message": fill_json(&json!(message), fill) });
        }
        if let Some(click) = &self.click {
            let or = |value: &Option<String>, default: &str| value.as_deref().map_or_else(|| default.to_owned(), fill);
            let open_id = or(&click.open_id, "ou_ann");
            let long = click.value_len.map(|len| Value::String(letters(len)));
            let value = click.value.clone().or(long).unwrap_or_else(|| json!({ "key": "value" }));
            let event = json!({
                "operator": { "tenant_key": "tenant", "open_id": open_id, "union_id": open_id.replacen("ou_", "on_", 1) },
                "token": names.get("token"),
                "action": { "tag": "button", "value": value },
                "host": "im_message",
                "context": {
                    "open_message_id": or(&click.message_id, "om_card"),
                    "open_chat_id": or(&click.chat_id, "oc_room"),
                },
            });
            return json!({ "event": { "event_type": "card.action.trigger", "event": event } });
        }
        if let Some(event) = &self.event {
            return json!({ "event": { "event_type": event.event_type, "event": fill_json(&event.body, fill) } });
        }
        let bytes = match &self.raw_hex {
            Some(hex) => unhex(hex),
            None => fill(self.raw.as_deref().unwrap_or_default()).into_bytes(),
        };
        json!({ "raw": base64(&bytes) })
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Whether a text is bytes in hex; spaces between them are fine.
pub(crate) fn is_hex(text: &str) -> bool {
    let digits = text.chars().filter(|c| !c.is_whitespace());
    digits.clone().all(|c| c.is_ascii_hexdigit()) && digits.count() % 2 == 0
}
