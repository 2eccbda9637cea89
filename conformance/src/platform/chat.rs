//! What the platform remembers of an app's chats: messages, reactions, cards that were clicked.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::card::CardToken;
use super::info::room;
use super::reaction::Reaction;
use super::recent::Recent;
use super::rest::{ApiError, Call};
use super::state::State;

/// How long a `uuid` stands for its message.
const UUID_LIFETIME: Duration = Duration::from_secs(60 * 60);

/// The chats of one app.
#[derive(Debug, Default)]
pub(super) struct Chat {
    messages: Recent<Message>,
    /// The client's idempotency keys.
    uuids: Recent<Used>,
    /// Chat id → the answer to `GET /im/v1/chats/:id`.
    rooms: Recent<Value>,
    /// Tokens of card callbacks.
    pub(super) cards: Recent<CardToken>,
}

/// A message of a person or of the bot.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) chat_id: String,
    /// The first message of its conversation, unless it is that itself.
    pub(super) root_id: Option<String>,
    /// The topic it is in.
    pub(super) thread_id: Option<String>,
    /// The topic that replies have opened under it.
    pub(super) topic: Option<String>,
    pub(super) reactions: Vec<Reaction>,
    /// The bot wrote it.
    pub(super) own: bool,
    pub(super) edits: u32,
    pub(super) recalled: bool,
    pub(super) sent: Instant,
    /// As the answer to `GET` has it.
    pub(super) item: Value,
}

/// A `uuid` and the message it was used for.
#[derive(Debug)]
pub(super) struct Used {
    pub(super) message_id: String,
    /// All that makes it this message and no other.
    pub(super) message: String,
    pub(super) at: Instant,
}

impl Message {
    pub(super) fn new(item: Value, own: bool, sent: Instant) -> Self {
        let text = |name: &str| {
            let text = item.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
            text.map(str::to_owned)
        };
        Self {
            chat_id: text("chat_id").unwrap_or_default(),
            root_id: text("root_id"),
            thread_id: text("thread_id"),
            topic: None,
            reactions: Vec::new(),
            own,
            edits: 0,
            recalled: false,
            sent,
            item,
        }
    }

    pub(super) fn msg_type(&self) -> &str {
        self.item["msg_type"].as_str().unwrap_or_default()
    }

    /// What remains of a message that its author took back.
    pub(super) fn recall(&mut self) {
        self.recalled = true;
        self.item["deleted"] = json!(true);
        self.item["body"]["content"] = json!("This message was recalled");
    }
}

impl Chat {
    /// What an event to the client tells of its chats. `id` is a fresh one.
    pub(super) fn learn(&mut self, event_type: &str, event: &Value, id: String, now: Instant) {
        let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str);
        match event_type {
            "im.message.recalled_v1" => {
                if let Some(message) = text("/message_id").and_then(|id| self.message(id)) {
                    message.recall();
                }
            }
            "im.message.reaction.created_v1" | "im.message.reaction.deleted_v1" => {
                let Some(message) = text("/message_id").and_then(|id| self.message(id)) else { return };
                if let Some(reaction) = Reaction::of_person(event, id) {
                    message.reactions.retain(|known| !known.is_same_as(&reaction));
                    if event_type == "im.message.reaction.created_v1" {
                        message.reactions.push(reaction);
                    }
                }
            }
            "card.action.trigger" => {
                if let Some(token) = text("/token") {
                    let message_id = text("/context/open_message_id").unwrap_or_default();
                    self.cards.insert(token, CardToken::new(message_id, now));
                }
            }
            "message" => {
                if let (Some(message_id), Some(chat_id)) = (text("/open_message_id"), text("/open_chat_id")) {
                    let message = json!({ "message_id": message_id, "chat_id": chat_id, "root_id": event["root_id"] });
                    self.received(&message, text("/chat_type").unwrap_or_default(), message_id, now);
                }
            }
            _ => {
                if let (Some(message), Some(message_id)) = (event.get("message"), text("/message/message_id")) {
                    let item = received(message, event.get("sender").unwrap_or(&Value::Null));
                    self.received(&item, text("/message/chat_type").unwrap_or_default(), message_id, now);
                }
            }
        }
    }

    /// A person wrote a message; a duplicate changes nothing.
    fn received(&mut self, item: &Value, chat_type: &str, message_id: &str, now: Instant) {
        if self.messages.get(message_id).is_none() {
            let message = Message::new(item.clone(), false, now);
            self.visit(&message.chat_id, chat_type);
            self.messages.insert(message_id, message);
        }
    }

    /// The bot wrote a message.
    pub(super) fn wrote(&mut self, message_id: &str, message: Message) {
        self.messages.insert(message_id, message);
    }

    pub(super) fn message(&mut self, message_id: &str) -> Option<&mut Message> {
        self.messages.get_mut(message_id)
    }

    pub(super) fn has_reaction(&self, reaction_id: &str) -> bool {
        self.messages.values().any(|message| message.reactions.iter().any(|reaction| reaction.has_id(reaction_id)))
    }

    pub(super) fn room(&self, chat_id: &str) -> Option<&Value> {
        self.rooms.get(chat_id)
    }

    /// There is such a chat, if nothing better is known of it.
    pub(super) fn visit(&mut self, chat_id: &str, chat_type: &str) {
        if self.rooms.get(chat_id).is_none() {
            self.rooms.insert(chat_id, room(chat_type));
        }
    }

    /// Sets what chat info says.
    pub(super) fn describe(&mut self, chat_id: &str, info: &Value) {
        let mut known = self.rooms.get(chat_id).cloned().unwrap_or_else(|| room("group"));
        super::compose::merge(&mut known, info);
        self.rooms.insert(chat_id, known);
    }

    /// The use of this `uuid` within the last hour.
    pub(super) fn used(&self, uuid: Option<&str>, now: Instant) -> Option<&Used> {
        self.uuids.get(uuid?).filter(|used| now.saturating_duration_since(used.at) < UUID_LIFETIME)
    }

    pub(super) fn use_up(&mut self, uuid: &str, used: Used) {
        self.uuids.insert(uuid, used);
    }
}

impl State {
    /// The message that the path names.
    pub(super) fn message(&mut self, call: &Call<'_>) -> Result<&mut Message, ApiError> {
        let message_id = call.id(0);
        if !message_id.starts_with("om_") {
            return Err(ApiError::new(99_992_354, "the request you send is not a valid {message_id}"));
        }
        let message = self.caller(call)?.chat.message(message_id);
        message.ok_or_else(|| ApiError::new(230_002, "no such message in the bot's chats"))
    }

    /// The message that the path names, unless it was recalled.
    pub(super) fn living_message(&mut self, call: &Call<'_>) -> Result<&mut Message, ApiError> {
        let message = self.message(call)?;
        if message.recalled { Err(ApiError::new(230_011, "The message was withdrawn.")) } else { Ok(message) }
    }
}

/// A person's message, as `GET` answers it.
fn received(message: &Value, sender: &Value) -> Value {
    let text = |value: &Value, name: &str| value.get(name).cloned().unwrap_or_default();
    let mut item = json!({
        "message_id": text(message, "message_id"),
        "msg_type": text(message, "message_type"),
        "create_time": text(message, "create_time"),
        "update_time": text(message, "update_time"),
        "deleted": false,
        "updated": false,
        "chat_id": text(message, "chat_id"),
        "sender": {
            "id": sender.pointer("/sender_id/open_id"),
            "id_type": "open_id",
            "sender_type": text(sender, "sender_type"),
            "tenant_key": text(sender, "tenant_key"),
        },
        "body": { "content": text(message, "content") },
    });
    for name in ["root_id", "parent_id", "thread_id"] {
        if let Some(id) = message.get(name) {
            item[name] = id.clone();
        }
    }
    if let Some(mentions) = message.get("mentions").and_then(Value::as_array) {
        let mention = |mention: &Value| {
            let id = mention.pointer("/id/open_id");
            json!({ "key": mention["key"], "id": id, "id_type": "open_id", "name": mention["name"] })
        };
        item["mentions"] = mentions.iter().map(mention).collect();
    }
    item
}
