//! What a payload says: protocol sections 11 and 12.

use serde_json::Value;

use super::text::{Mention, said};

/// Deeper JSON is nobody's.
const DEEPEST: usize = 64;

/// Who did something; empty is unknown.
#[derive(Clone, Debug, Default)]
pub(super) struct Who {
    pub(super) open_id: String,
    pub(super) union_id: String,
    pub(super) user_id: String,
    /// An app, of this id if it was named.
    pub(super) app: Option<String>,
}

/// A chat message.
#[derive(Clone, Debug, Default)]
pub(super) struct Message {
    pub(super) id: String,
    pub(super) chat_id: String,
    pub(super) chat_type: String,
    pub(super) mentions: Vec<Mention>,
    /// The bot is meant, says a v1 message.
    pub(super) is_mention: bool,
    /// With placeholders; `None` where the content is no JSON.
    pub(super) raw_text: Option<String>,
    /// Milliseconds since 1970.
    pub(super) created: Option<u64>,
    /// Languages that the event and its content name.
    pub(super) tags: Vec<String>,
}

/// An event or a callback.
#[derive(Clone, Debug)]
pub(super) struct Happening {
    pub(super) event_type: String,
    pub(super) id: String,
    pub(super) app_id: String,
    pub(super) callback: bool,
    /// As it came.
    pub(super) json: String,
    pub(super) message: Option<Message>,
    /// `None` where nobody in particular did it.
    pub(super) who: Option<Who>,
}

/// A member as text: numbers count, empty is unknown.
pub(super) fn text(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

fn ids(value: &Value, pointer: &str) -> Who {
    let id = |name: &str| text(value, &format!("{pointer}/{name}"));
    Who { open_id: id("open_id"), union_id: id("union_id"), user_id: id("user_id"), ..Who::default() }
}

impl Happening {
    /// `None` if it is no event.
    pub(super) fn read(payload: &[u8]) -> Option<Self> {
        let json = str::from_utf8(payload).ok()?;
        let json = json.strip_prefix('\u{feff}').unwrap_or(json);
        let all: Value = serde_json::from_str(json).ok().filter(Value::is_object)?;
        if depth(json) > DEEPEST {
            return None;
        }
        let schema = !matches!(all.get("schema"), None | Some(Value::Null)) && all.get("schema") != Some(&"".into());
        let json = json.to_owned();
        let event = all.get("event").cloned().unwrap_or_default();
        if schema || !text(&all, "/header/event_type").is_empty() {
            let event_type = text(&all, "/header/event_type");
            let message = (event_type == "im.message.receive_v1").then(|| v2_message(&event));
            return Some(Self {
                id: text(&all, "/header/event_id"),
                app_id: text(&all, "/header/app_id"),
                callback: matches!(event_type.as_str(), "card.action.trigger" | "url.preview.get"),
                who: who(&event_type, &event),
                event_type,
                json,
                message,
            });
        }
        if !text(&all, "/uuid").is_empty() {
            let event_type = text(&event, "/type");
            let is_message = event_type == "message";
            return Some(Self {
                id: text(&all, "/uuid"),
                app_id: text(&event, "/app_id"),
                callback: false,
                who: is_message.then(|| Who { user_id: text(&event, "/employee_id"), ..ids(&event, "") }),
                message: is_message.then(|| v1_message(&event)),
                event_type,
                json,
            });
        }
        let old_card = all.get("action").is_some_and(Value::is_object) && !text(&all, "/open_message_id").is_empty();
        old_card.then(|| Self {
            event_type: String::new(),
            id: String::new(),
            app_id: String::new(),
            callback: true,
            who: Some(ids(&all, "")),
            message: None,
            json,
        })
    }
}

fn v2_message(event: &Value) -> Message {
    let mentions = event.pointer("/message/mentions").and_then(Value::as_array).into_iter().flatten();
    let mentions: Vec<_> = mentions
        .map(|entry| Mention {
            key: text(entry, "/key"),
            name: text(entry, "/name"),
            open_id: text(entry, "/id/open_id"),
            user_id: text(entry, "/id/user_id"),
        })
        .collect();
    let content: Option<Value> = serde_json::from_str(&text(event, "/message/content")).ok();
    let mut tags = Vec::new();
    gather_tags(event, &mut tags);
    if let Some(members) = content.as_ref().and_then(Value::as_object) {
        let wrapped = members.iter().filter(|(_, value)| value.get("content").is_some_and(Value::is_array));
        tags.extend(wrapped.map(|(key, _)| key.clone()));
    }
    Message {
        id: text(event, "/message/message_id"),
        chat_id: text(event, "/message/chat_id"),
        chat_type: text(event, "/message/chat_type"),
        raw_text: content.map(|content| said(&text(event, "/message/message_type"), &content)),
        created: milliseconds(&text(event, "/message/create_time")),
        is_mention: false,
        mentions,
        tags,
    }
}

fn v1_message(event: &Value) -> Message {
    Message {
        id: text(event, "/open_message_id"),
        chat_id: text(event, "/open_chat_id"),
        chat_type: text(event, "/chat_type"),
        is_mention: event.get("is_mention").and_then(Value::as_bool).unwrap_or_default(),
        raw_text: Some(text(event, "/text_without_at_bot")),
        ..Message::default()
    }
}

/// Who did it, for all that somebody does towards the bot.
fn who(event_type: &str, event: &Value) -> Option<Who> {
    let app = |kind: String| matches!(kind.as_str(), "app" | "bot");
    match event_type {
        "im.message.receive_v1" => {
            let is_app = app(text(event, "/sender/sender_type"));
            Some(Who { app: is_app.then(String::new), ..ids(event, "/sender/sender_id") })
        }
        "im.message.reaction.created_v1" | "im.message.reaction.deleted_v1" => {
            let is_app = app(text(event, "/operator_type"));
            Some(Who { app: is_app.then(|| text(event, "/app_id")), ..ids(event, "/user_id") })
        }
        "card.action.trigger" | "url.preview.get" => Some(ids(event, "/operator")),
        "application.bot.menu_v6" => Some(ids(event, "/operator/operator_id")),
        "drive.notice.comment_add_v1" => Some(ids(event, "/notice_meta/from_user_id")),
        "im.chat.access_event.bot_p2p_chat_entered_v1" => Some(ids(event, "/operator_id")),
        _ => None,
    }
}

fn gather_tags(value: &Value, tags: &mut Vec<String>) {
    const NAMES: [&str; 6] = ["locale", "language", "lang", "i18n_locale", "user_locale", "locale_id"];
    match value {
        Value::Array(items) => items.iter().for_each(|item| gather_tags(item, tags)),
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(tag) if NAMES.contains(&name.as_str()) => tags.push(tag.clone()),
                    value => gather_tags(value, tags),
                }
            }
        }
        _ => {}
    }
}

/// Seconds, milliseconds or microseconds; unknown is `None`.
fn milliseconds(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok().filter(|number| *number > 0)?;
    Some(match number {
        ..100_000_000_000 => number * 1000,
        100_000_000_000..100_000_000_000_000 => number,
        _ => number / 1000,
    })
}

/// How deep objects and arrays are inside of each other.
fn depth(json: &str) -> usize {
    let (mut now, mut deepest, mut quoted, mut escaped) = (0_usize, 0, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => {
                now += 1;
                deepest = deepest.max(now);
            }
            b'}' | b']' if !quoted => now = now.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}
