//! Messages of people to the bot: the event `im.message.receive_v1`, and `message` of version 1.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::compose::{TENANT_KEY, merge};
use super::config::AppSpec;
use super::push::{Payload, Push};

/// What a person, or another bot, writes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChatMessage {
    chat_id: String,
    /// `p2p` by default.
    #[serde(default)]
    chat_type: Option<String>,
    #[serde(default)]
    sender_open_id: Option<String>,
    #[serde(default)]
    sender_union_id: Option<String>,
    #[serde(default)]
    sender_user_id: Option<String>,
    /// `user` by default.
    #[serde(default)]
    sender_type: Option<String>,
    #[serde(default)]
    tenant_key: Option<String>,
    #[serde(default)]
    text: String,
    /// `text` by default.
    #[serde(default)]
    message_type: Option<String>,
    /// Instead of the text: as it is, if it is a string, else as JSON in a string.
    #[serde(default)]
    content: Option<Value>,
    #[serde(default)]
    mentions: Vec<Mention>,
    #[serde(default)]
    mention_bot: bool,
    #[serde(default)]
    mention_all: bool,
    #[serde(default)]
    thread_id: Option<String>,
    #[serde(default)]
    root_id: Option<String>,
    #[serde(default)]
    parent_id: Option<String>,
    /// Milliseconds since 1970; now by default.
    #[serde(default, rename = "create_time")]
    pub(super) created_ms: Option<u64>,
    #[serde(default, rename = "update_time")]
    updated_ms: Option<u64>,
}

/// Someone who is mentioned in a message.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mention {
    /// Placeholder in the text; by default the next of `@_user_1`, `@_user_2` …
    pub key: Option<String>,
    /// `ou_…`
    pub open_id: Option<String>,
    /// `on_…`
    pub union_id: Option<String>,
    /// Id within the tenant.
    pub user_id: Option<String>,
    /// As it is shown after the `@`.
    pub name: String,
    /// `user` or `bot`; left out by default.
    pub mentioned_type: Option<String>,
}

impl Mention {
    /// A person with an open_id and nothing else.
    pub fn new(open_id: impl Into<String>, name: impl Into<String>) -> Self {
        Self { open_id: Some(open_id.into()), name: name.into(), ..Self::default() }
    }

    fn to_json(&self, key: &str) -> Value {
        let mut entry = json!({
            "key": key,
            "id": { "open_id": self.open_id, "union_id": self.union_id, "user_id": self.user_id },
            "name": self.name,
            "tenant_key": TENANT_KEY,
        });
        if let Some(mentioned_type) = &self.mentioned_type {
            entry["mentioned_type"] = json!(mentioned_type);
        }
        entry
    }
}

/// A message's mentions with their placeholders, and its text with all of those in it.
struct Addressed {
    text: String,
    mentions: Vec<(String, Mention)>,
}

impl ChatMessage {
    /// Gives every mention a placeholder; those that the text has not come before it, the bot's first.
    fn address(&self, app: &AppSpec) -> Addressed {
        let bot = Mention { mentioned_type: Some("bot".to_owned()), ..Mention::new(&app.bot_open_id, &app.bot_name) };
        let all = self.mention_bot.then_some(bot).into_iter().chain(self.mentions.iter().cloned());
        let mut missing = Vec::new();
        let mut mentions = Vec::new();
        let mut number = 0;
        for mention in all {
            let key = mention.key.clone().unwrap_or_else(|| {
                number += 1;
                let key = format!("@_user_{number}");
                if !has_token(&self.text, &key) {
                    missing.push(key.clone());
                }
                key
            });
            mentions.push((key, mention));
        }
        if self.mention_all && !has_token(&self.text, "@_all") {
            missing.push("@_all".to_owned());
        }
        missing.extend((!self.text.is_empty()).then(|| self.text.clone()));
        Addressed { text: missing.join(" "), mentions }
    }

    fn content(&self, text: &str) -> String {
        match &self.content {
            Some(Value::String(raw)) => raw.clone(),
            Some(content) => content.to_string(),
            None => json!({ "text": text }).to_string(),
        }
    }

    fn message_type(&self) -> &str {
        self.message_type.as_deref().unwrap_or("text")
    }

    fn chat_type(&self) -> &str {
        self.chat_type.as_deref().unwrap_or("p2p")
    }

    /// `event` of `im.message.receive_v1`.
    pub(super) fn event(&self, app: &AppSpec, message_id: &str, wall: Duration) -> Value {
        let Addressed { text, mentions } = self.address(app);
        let created = self.created_ms.map_or(wall.as_millis(), u128::from).to_string();
        let mut message = json!({
            "message_id": message_id,
            "update_time": self.updated_ms.map_or_else(|| created.clone(), |updated| updated.to_string()),
            "create_time": created,
            "chat_id": self.chat_id,
            "chat_type": self.chat_type(),
            "message_type": self.message_type(),
            "content": self.content(&text),
        });
        for (name, id) in [("root_id", &self.root_id), ("parent_id", &self.parent_id), ("thread_id", &self.thread_id)] {
            if let Some(id) = id {
                message[name] = json!(id);
            }
        }
        if !mentions.is_empty() {
            message["mentions"] = mentions.iter().map(|(key, mention)| mention.to_json(key)).collect();
        }
        json!({
            "sender": {
                "sender_id": {
                    "open_id": self.sender_open_id,
                    "union_id": self.sender_union_id,
                    "user_id": self.sender_user_id,
                },
                "sender_type": self.sender_type.as_deref().unwrap_or("user"),
                "tenant_key": self.tenant_key.as_deref().unwrap_or(TENANT_KEY),
            },
            "message": message,
        })
    }

    /// `event` of `message`: flat, with mentions inside the text.
    pub(super) fn event_v1(&self, app: &AppSpec, message_id: &str) -> Value {
        let Addressed { text, mentions } = self.address(app);
        let is_bot = |mention: &Mention| mention.open_id.as_ref() == Some(&app.bot_open_id);
        let written = |without_bot: bool| {
            // From the last: @_user_1 is the beginning of @_user_11.
            let text = mentions.iter().rev().fold(text.clone(), |text, (key, mention)| {
                let open_id = mention.open_id.as_deref().unwrap_or_default();
                let at = format!("<at open_id=\"{open_id}\">@{}</at>", mention.name);
                text.replace(key, if without_bot && is_bot(mention) { "" } else { &at })
            });
            if without_bot { text.trim_start().to_owned() } else { text }
        };
        let mut event = json!({
            "root_id": self.root_id.as_deref().unwrap_or_default(),
            "parent_id": self.parent_id.as_deref().unwrap_or_default(),
            "open_chat_id": self.chat_id,
            "chat_type": if self.chat_type() == "p2p" { "private" } else { self.chat_type() },
            "msg_type": self.message_type(),
            "open_id": self.sender_open_id.as_deref().unwrap_or_default(),
            "employee_id": self.sender_user_id.as_deref().unwrap_or_default(),
            "union_id": self.sender_union_id.as_deref().unwrap_or_default(),
            "open_message_id": message_id,
            "is_mention": mentions.iter().any(|(_, mention)| is_bot(mention)),
        });
        let content = match &self.content {
            Some(Value::String(raw)) => serde_json::from_str(raw).unwrap_or_default(),
            Some(content) => content.clone(),
            None => json!({ "text": written(false), "text_without_at_bot": written(true) }),
        };
        if content.is_object() {
            merge(&mut event, &content);
        }
        event
    }
}

/// Whether the text has this placeholder, and not only as the beginning of a longer one.
fn has_token(text: &str, key: &str) -> bool {
    let longer = |rest: &str| rest.starts_with(|next: char| next.is_ascii_alphanumeric() || next == '_');
    text.match_indices(key).any(|(at, _)| !longer(&text[at + key.len()..]))
}

/// What messages are like. On pushes that are no messages these have no effect.
impl Push {
    /// A text message by a person in a chat with the bot alone (`p2p`).
    pub fn text(chat_id: impl Into<String>, sender_open_id: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(Payload::Message(Box::new(ChatMessage {
            chat_id: chat_id.into(),
            sender_open_id: Some(sender_open_id.into()),
            text: text.into(),
            ..ChatMessage::default()
        })))
    }

    fn change(mut self, change: impl FnOnce(&mut ChatMessage)) -> Self {
        if let Payload::Message(message) = &mut self.payload {
            change(message);
        }
        self
    }

    /// In a chat of this kind: `p2p`, `group`, `topic_group`, or whatever will be invented.
    #[must_use]
    pub fn chat_type(self, chat_type: impl Into<String>) -> Self {
        self.change(|message| message.chat_type = Some(chat_type.into()))
    }

    /// With this `message_type` and content, as JSON in a string; a [`Value::String`] is taken as it is.
    #[must_use]
    pub fn content(self, message_type: impl Into<String>, content: impl Into<Value>) -> Self {
        self.change(|message| {
            message.message_type = Some(message_type.into());
            message.content = Some(content.into());
        })
    }

    /// By a sender with these ids: open_id, union_id, user_id. `None` is written as null.
    #[must_use]
    pub fn sender_ids(self, open_id: Option<&str>, union_id: Option<&str>, user_id: Option<&str>) -> Self {
        self.change(|message| {
            message.sender_open_id = open_id.map(str::to_owned);
            message.sender_union_id = union_id.map(str::to_owned);
            message.sender_user_id = user_id.map(str::to_owned);
        })
    }

    /// By a sender of this type: `user`, `app` or `bot`.
    #[must_use]
    pub fn sender_type(self, sender_type: impl Into<String>) -> Self {
        self.change(|message| message.sender_type = Some(sender_type.into()))
    }

    /// By a sender of this tenant.
    #[must_use]
    pub fn tenant(self, tenant_key: impl Into<String>) -> Self {
        self.change(|message| message.tenant_key = Some(tenant_key.into()))
    }

    /// Mentions someone. A placeholder that the text has not is put before it.
    #[must_use]
    pub fn mention(self, mention: Mention) -> Self {
        self.change(|message| message.mentions.push(mention))
    }

    /// Mentions the bot, as `@_user_1`.
    #[must_use]
    pub fn mention_bot(self) -> Self {
        self.change(|message| message.mention_bot = true)
    }

    /// Mentions all, by `@_all` in the text and no entry.
    #[must_use]
    pub fn mention_all(self) -> Self {
        self.change(|message| message.mention_all = true)
    }

    /// In this topic (`omt_…`).
    #[must_use]
    pub fn in_thread(self, thread_id: impl Into<String>) -> Self {
        self.change(|message| message.thread_id = Some(thread_id.into()))
    }

    /// As a reply to `parent_id`, in the conversation that began with `root_id`.
    #[must_use]
    pub fn reply_to(self, root_id: impl Into<String>, parent_id: impl Into<String>) -> Self {
        self.change(|message| {
            message.root_id = Some(root_id.into());
            message.parent_id = Some(parent_id.into());
        })
    }

    /// Written at this time, in milliseconds since 1970; the envelope says so too.
    #[must_use]
    pub fn created_ms(self, created_ms: u64) -> Self {
        self.change(|message| message.created_ms = Some(created_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(push: Push) -> Value {
        let Payload::Message(message) = push.payload else { return Value::Null };
        message.event(&AppSpec::new("cli_1", "s"), "om_1", Duration::ZERO)
    }

    #[test]
    fn placeholders_that_a_text_has_not_come_before_it() {
        let text = |push: Push| event(push)["message"]["content"].as_str().unwrap_or_default().to_owned();
        let say = |text: &str| Push::text("oc_1", "ou_1", text);
        assert_eq!(text(say("hi").mention_bot()), r#"{"text":"@_user_1 hi"}"#);
        assert_eq!(text(say("hi @_user_1").mention_bot()), r#"{"text":"hi @_user_1"}"#);
        assert_eq!(text(say("@_user_11").mention_bot()), r#"{"text":"@_user_1 @_user_11"}"#);
        assert_eq!(text(say("").mention_bot()), r#"{"text":"@_user_1"}"#);
        assert_eq!(text(say("hi").mention_all()), r#"{"text":"@_all hi"}"#);
        let keyed = Mention { key: Some("@_all".to_owned()), user_id: Some("all".to_owned()), ..Mention::default() };
        assert_eq!(text(say("@_all hi").mention(keyed)), r#"{"text":"@_all hi"}"#);
    }
}
