//! As agent projects do it: everything owned, JSON by way of `Value`.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use prost::Message as _;
use serde::Deserialize;
use serde_json::Value;

use super::frames::OwnedFrame;
use super::{MESSAGE_EVENT, Reads};
use crate::input::{APP, OWN};

/// Ids kept before all are forgotten.
const IDS: usize = 100_000;

#[derive(Deserialize)]
#[allow(missing_docs)]
pub struct Envelope {
    pub header: Header,
    pub event: Value,
}

#[derive(Deserialize)]
#[allow(missing_docs)]
pub struct Header {
    pub event_id: String,
    pub event_type: String,
    pub app_id: String,
}

#[derive(Deserialize)]
#[allow(missing_docs)]
pub struct Received {
    pub sender: Sender,
    pub message: Message,
}

#[derive(Deserialize)]
#[allow(missing_docs)]
pub struct Sender {
    pub sender_id: Ids,
}

#[derive(Deserialize)]
#[allow(missing_docs)]
pub struct Ids {
    pub open_id: String,
}

#[derive(Deserialize)]
#[allow(missing_docs)]
pub struct Message {
    pub message_id: String,
    pub chat_id: String,
    pub chat_type: String,
    pub message_type: String,
    pub content: String,
    #[serde(default)]
    pub mentions: Vec<Mention>,
}

#[derive(Deserialize)]
#[allow(missing_docs)]
pub struct Mention {
    pub key: String,
    pub id: Ids,
    pub name: String,
}

/// Whose bot it is, and what it has seen.
pub struct Owned {
    seen: HashSet<String>,
    allowed: Vec<String>,
    text: String,
    ack: Vec<u8>,
}

impl Default for Owned {
    fn default() -> Self {
        Self { seen: HashSet::new(), allowed: vec!["*".to_string()], text: String::new(), ack: Vec::new() }
    }
}

/// A decoded frame, and its headers.
pub fn frame(bytes: &[u8]) -> Option<(OwnedFrame, HashMap<String, String>)> {
    let frame = OwnedFrame::decode(bytes).ok()?;
    let headers = frame.headers.iter().map(|header| (header.key.clone(), header.value.clone())).collect();
    Some((frame, headers))
}

/// A chat message.
pub fn event(payload: &[u8]) -> Option<(Header, Received)> {
    let value: Value = serde_json::from_slice(payload).ok()?;
    let Envelope { header, event } = serde_json::from_value(value).ok()?;
    if header.event_type != MESSAGE_EVENT || header.app_id != APP {
        return None;
    }
    Some((header, serde_json::from_value(event).ok()?))
}

/// What is said in it.
pub fn text(message: &Message) -> Option<String> {
    let content: Value = serde_json::from_str(&message.content).ok()?;
    let text = match message.message_type.as_str() {
        "text" => content.get("text")?.as_str()?.to_string(),
        "post" => post(&content, &message.mentions)?,
        _ => return None,
    };
    Some(without_mentions(&text, &message.mentions).trim().to_string())
}

fn without_mentions(text: &str, mentions: &[Mention]) -> String {
    let mut text = text.to_string();
    for mention in mentions {
        let name = if mention.id.open_id == OWN { String::new() } else { format!("@{}", mention.name) };
        text = text.replace(&mention.key, &name);
    }
    text
}

fn post(content: &Value, mentions: &[Mention]) -> Option<String> {
    let mut blocks = Vec::new();
    if let Some(title) = content.get("title").and_then(Value::as_str).filter(|title| !title.is_empty()) {
        blocks.push(format!("# {title}"));
    }
    for paragraph in content.get("content")?.as_array()? {
        let mut said = String::new();
        for node in paragraph.as_array()? {
            let member = |name: &str| node.get(name).and_then(Value::as_str).unwrap_or_default();
            match member("tag") {
                "at" => match mentions.iter().find(|mention| mention.key == member("user_id")) {
                    Some(mention) if mention.id.open_id == OWN => {}
                    _ => said += &format!("@{}", member("user_name")),
                },
                _ => said += member("text"),
            }
        }
        blocks.push(said);
    }
    Some(blocks.join("\n\n"))
}

impl Owned {
    /// Whether an id is new.
    pub fn is_new(&mut self, id: &str) -> bool {
        if self.seen.len() >= IDS {
            self.seen.clear();
        }
        self.seen.insert(id.to_string())
    }
}

impl Reads for Owned {
    fn message(&mut self, bytes: &Bytes) -> Option<(&str, &[u8])> {
        let (frame, headers) = frame(bytes)?;
        if headers.get("type").map(String::as_str) != Some("event") || headers.get("sum").is_none_or(|sum| sum != "1") {
            return None;
        }
        let (_, received) = event(frame.payload.as_ref()?)?;
        let sender = &received.sender.sender_id.open_id;
        if !self.allowed.iter().any(|allowed| allowed == "*" || allowed == sender) {
            return None;
        }
        if !self.is_new(&received.message.message_id) {
            return None;
        }
        self.text = text(&received.message)?;
        self.ack = frame.ack(0);
        Some((&self.text, &self.ack))
    }
}
