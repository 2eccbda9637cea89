//! Messages: `POST /im/v1/messages`, `POST /im/v1/messages/:id/reply`, `GET /im/v1/messages/:id`.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::time::Instant;

use super::compose::TENANT_KEY;
use super::reaction::Reaction;
use super::record::Kind;
use super::rest::{ApiError, Call, data, text};
use super::state::{Shared, State};

/// Messages, and `uuid`s, that are remembered.
const REMEMBERED: usize = 10_000;
/// How long a `uuid` stands for its message.
const UUID_LIFETIME: Duration = Duration::from_secs(60 * 60);
/// The largest content of a text message, in bytes.
const MAX_CONTENT: usize = 150 * 1024;

/// The messages of one app's chats.
#[derive(Debug, Default)]
pub(super) struct Chat {
    messages: Recent<Message>,
    /// The client's idempotency keys.
    uuids: Recent<(String, Instant)>,
}

/// A message of a person or of the bot.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) chat_id: String,
    pub(super) reactions: Vec<Reaction>,
    /// As the answer to `GET` has it; `None` for a message of a person.
    own: Option<Value>,
}

impl Chat {
    /// A person wrote a message.
    pub(super) fn received(&mut self, message_id: &str, chat_id: &str) {
        let message = Message { chat_id: chat_id.to_owned(), reactions: Vec::new(), own: None };
        self.messages.insert(message_id, message);
    }

    pub(super) fn message(&mut self, message_id: &str) -> Option<&mut Message> {
        self.messages.map.get_mut(message_id)
    }

    /// The message that was sent with this `uuid` within the hour.
    fn sent_with(&self, uuid: Option<&str>) -> Option<String> {
        let (message_id, at) = self.uuids.map.get(uuid?)?;
        (at.elapsed() < UUID_LIFETIME).then(|| message_id.clone())
    }
}

/// A message to be sent.
struct Draft<'a> {
    msg_type: &'a str,
    content: &'a str,
    uuid: Option<&'a str>,
}

impl<'a> Draft<'a> {
    fn read(body: &'a Value) -> Result<Self, ApiError> {
        const TYPES: &[&str] = &[
            "text",
            "post",
            "image",
            "file",
            "audio",
            "media",
            "sticker",
            "interactive",
            "share_chat",
            "share_user",
            "system",
        ];
        let (msg_type, content) = (text(body, "msg_type")?, text(body, "content")?);
        let uuid = body.get("uuid").and_then(Value::as_str).filter(|uuid| !uuid.is_empty());
        if !TYPES.contains(&msg_type) {
            return Err(ApiError::new(230_001, "invalid request: msg_type"));
        }
        if !serde_json::from_str::<Value>(content).is_ok_and(|content| content.is_object()) {
            return Err(ApiError::new(230_001, "invalid request: content is not a JSON object as a string"));
        }
        if content.len() > MAX_CONTENT {
            return Err(ApiError::new(230_025, "the length of the message content reaches its limit"));
        }
        if uuid.is_some_and(|uuid| uuid.chars().count() > 50) {
            return Err(ApiError::new(230_001, "invalid request: uuid is longer than 50 characters"));
        }
        Ok(Self { msg_type, content, uuid })
    }
}

impl Shared {
    pub(super) fn send(&self, state: &mut State, call: &Call<'_>) -> Result<Value, ApiError> {
        let receive_id_type = call.parameter("receive_id_type").unwrap_or_default();
        let receive_id = text(&call.body, "receive_id")?;
        let fits = match receive_id_type.as_str() {
            "open_id" => receive_id.starts_with("ou_"),
            "union_id" => receive_id.starts_with("on_"),
            "chat_id" => receive_id.starts_with("oc_"),
            "email" => receive_id.contains('@'),
            "user_id" => true,
            _ => return Err(ApiError::new(230_001, "invalid request: receive_id_type")),
        };
        if !fits {
            return Err(ApiError::new(230_034, format!("receive_id is not of type {receive_id_type}")));
        }
        let draft = Draft::read(&call.body)?;
        let chat_id =
            if receive_id_type == "chat_id" { receive_id.to_owned() } else { format!("oc_with_{receive_id}") };
        let (message, repeated) = post(state, call, &chat_id, &draft, None)?;
        let sent = Kind::Sent {
            message_id: id_of(&message),
            receive_id_type,
            receive_id: receive_id.to_owned(),
            msg_type: draft.msg_type.to_owned(),
            content: draft.content.to_owned(),
            uuid: draft.uuid.map(str::to_owned),
            repeated,
        };
        self.log.add(Some(&call.app_id), sent);
        Ok(data(message))
    }

    pub(super) fn reply(&self, state: &mut State, call: &Call<'_>) -> Result<Value, ApiError> {
        let parent_id = call.id(0);
        if !parent_id.starts_with("om_") {
            return Err(ApiError::new(99_992_354, "the request you send is not a valid {message_id}"));
        }
        let draft = Draft::read(&call.body)?;
        let parent = state.caller(call)?.chat.message(parent_id);
        let chat_id = parent.ok_or_else(|| ApiError::new(230_002, "no such message"))?.chat_id.clone();
        let (message, repeated) = post(state, call, &chat_id, &draft, Some(parent_id))?;
        let replied = Kind::Replied {
            message_id: id_of(&message),
            parent_id: parent_id.to_owned(),
            chat_id,
            msg_type: draft.msg_type.to_owned(),
            content: draft.content.to_owned(),
            uuid: draft.uuid.map(str::to_owned),
            in_thread: call.body.get("reply_in_thread").and_then(Value::as_bool).unwrap_or_default(),
            repeated,
        };
        self.log.add(Some(&call.app_id), replied);
        Ok(data(message))
    }
}

pub(super) fn get_message(state: &mut State, call: &Call<'_>) -> Result<Value, ApiError> {
    let message_id = call.id(0);
    let message = state.caller(call)?.chat.message(message_id);
    let message = message.ok_or_else(|| ApiError::new(230_002, "no such message"))?;
    let item = message.own.clone().unwrap_or_else(|| json!({ "message_id": message_id, "chat_id": message.chat_id }));
    Ok(data(json!({ "items": [item] })))
}

/// Sends a message, unless its `uuid` was sent before; the message, and whether that is an old one.
fn post(
    state: &mut State,
    call: &Call<'_>,
    chat_id: &str,
    draft: &Draft<'_>,
    parent_id: Option<&str>,
) -> Result<(Value, bool), ApiError> {
    let message_id = state.random_id("om_");
    let app_id = &call.app_id;
    let chat = &mut state.caller(call)?.chat;
    if let Some(own) = chat.sent_with(draft.uuid).and_then(|message_id| chat.message(&message_id)?.own.clone()) {
        return Ok((own, true));
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis().to_string();
    let mut own = json!({
        "message_id": message_id,
        "msg_type": draft.msg_type,
        "create_time": now,
        "update_time": now,
        "deleted": false,
        "updated": false,
        "chat_id": chat_id,
        "sender": { "id": app_id, "id_type": "app_id", "sender_type": "app", "tenant_key": TENANT_KEY },
        "body": { "content": draft.content },
    });
    if let Some(parent_id) = parent_id {
        own["root_id"] = json!(parent_id);
        own["parent_id"] = json!(parent_id);
    }
    if let Some(uuid) = draft.uuid {
        chat.uuids.insert(uuid, (message_id.clone(), Instant::now()));
    }
    let message = Message { chat_id: chat_id.to_owned(), reactions: Vec::new(), own: Some(own.clone()) };
    chat.messages.insert(&message_id, message);
    Ok((own, false))
}

fn id_of(message: &Value) -> String {
    message["message_id"].as_str().unwrap_or_default().to_owned()
}

/// A map that forgets its oldest entries.
#[derive(Debug)]
struct Recent<V> {
    map: HashMap<String, V>,
    order: VecDeque<String>,
}

impl<V> Default for Recent<V> {
    fn default() -> Self {
        Self { map: HashMap::new(), order: VecDeque::new() }
    }
}

impl<V> Recent<V> {
    fn insert(&mut self, key: &str, value: V) {
        if self.map.insert(key.to_owned(), value).is_none() {
            self.order.push_back(key.to_owned());
        }
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.map.remove(&oldest);
        }
    }
}
