//! What a message may hold.

use serde_json::{Map, Value, json};

use super::rest::{ApiError, text};

/// The largest content of a text and of every other message, in bytes.
const MAX_TEXT: usize = 150 * 1024;
const MAX_RICH: usize = 30 * 1024;

/// Parts of a post.
const TAGS: [&str; 9] = ["a", "at", "code_block", "emotion", "hr", "img", "md", "media", "text"];

/// A message to be sent.
pub(super) struct Draft<'a> {
    pub(super) msg_type: &'a str,
    pub(super) content: &'a str,
    pub(super) uuid: Option<&'a str>,
}

impl<'a> Draft<'a> {
    pub(super) fn read(body: &'a Value) -> Result<Self, ApiError> {
        let (msg_type, content) = (text(body, "msg_type")?, text(body, "content")?);
        let uuid = match body.get("uuid") {
            None | Some(Value::Null) => None,
            Some(Value::String(uuid)) => Some(uuid.as_str()).filter(|uuid| !uuid.is_empty()),
            Some(_) => return Err(ApiError::field("uuid", "it must be a string")),
        };
        if uuid.is_some_and(|uuid| uuid.chars().count() > 50) {
            return Err(ApiError::field("uuid", "the max len is 50"));
        }
        check(msg_type, content)?;
        Ok(Self { msg_type, content, uuid })
    }
}

/// Whether `content` is one of a message of this type.
pub(super) fn check(msg_type: &str, content: &str) -> Result<(), ApiError> {
    let max = if msg_type == "text" { MAX_TEXT } else { MAX_RICH };
    if content.len() > max {
        return Err(ApiError::new(230_025, "The length of the message content reaches its limit."));
    }
    let Ok(Value::Object(content)) = serde_json::from_str(content) else {
        return Err(ApiError::parameter("content is not a JSON object in a string"));
    };
    let key = |name: &str| match content.get(name) {
        Some(Value::String(key)) if !key.is_empty() => Ok(()),
        _ => Err(ApiError::parameter(format_args!("content of {msg_type} without {name}"))),
    };
    match msg_type {
        "text" => match content.get("text") {
            Some(Value::String(_)) => Ok(()),
            _ => Err(ApiError::parameter("content of text without text")),
        },
        "post" => post(&content),
        "interactive" => card(&Value::Object(content)),
        "image" => key("image_key"),
        "file" | "audio" | "media" | "sticker" => key("file_key"),
        "share_chat" => key("chat_id"),
        "share_user" => key("user_id"),
        "system" => key("type"),
        _ => Err(ApiError::parameter("invalid msg_type")),
    }
}

/// `{"zh_cn":{"title":"…","content":[[{"tag":"text","text":"…"}]]}}`: wrapped in locales, unlike what is received.
fn post(content: &Map<String, Value>) -> Result<(), ApiError> {
    if content.get("content").is_some_and(Value::is_array) {
        return Err(ApiError::parameter("a post that is not wrapped in a locale"));
    }
    if content.is_empty() {
        return Err(ApiError::parameter("a post without locale"));
    }
    for (locale, post) in content {
        let Some(paragraphs) = post.get("content").and_then(Value::as_array) else {
            return Err(ApiError::parameter(format_args!("a post whose {locale} has no content")));
        };
        if post.get("title").is_some_and(|title| !title.is_string() && !title.is_null()) {
            return Err(ApiError::parameter(format_args!("a post whose {locale} has a title that is no string")));
        }
        for paragraph in paragraphs {
            let Some(nodes) = paragraph.as_array() else {
                return Err(ApiError::parameter("a post with a paragraph that is no list"));
            };
            for node in nodes {
                let tag = node.get("tag").and_then(Value::as_str).unwrap_or_default();
                if !TAGS.contains(&tag) {
                    return Err(ApiError::parameter(format_args!("a post with the unknown tag {tag:?}")));
                }
                let needed = match tag {
                    "a" => "href",
                    "at" => "user_id",
                    "emotion" => "emoji_type",
                    "img" => "image_key",
                    "media" => "file_key",
                    "hr" => continue,
                    _ => "text",
                };
                if !node.get(needed).is_some_and(Value::is_string) {
                    return Err(ApiError::parameter(format_args!("a post with a node {tag:?} without {needed}")));
                }
            }
        }
    }
    Ok(())
}

/// Card JSON, `{"type":"template","data":{"template_id":…}}` or `{"type":"card","data":{"card_id":…}}`.
pub(super) fn card(card: &Value) -> Result<(), ApiError> {
    let refuse = |code: i64, why: &str| {
        Err(ApiError::new(230_099, format!("Failed to create card content, ext=ErrCode: {code}; ErrMsg: {why};")))
    };
    if !card.is_object() {
        return refuse(200_621, "a card that is no object");
    }
    if card.to_string().len() > MAX_RICH {
        return Err(ApiError::new(230_025, "The length of the message content reaches its limit."));
    }
    let id = |name: &str| card.get("data").and_then(|data| data.get(name)).is_some_and(Value::is_string);
    match card.get("type").and_then(Value::as_str) {
        Some("template") if !id("template_id") => refuse(200_380, "a template without template_id"),
        Some("card") if !id("card_id") => refuse(200_621, "a card without card_id"),
        Some("template" | "card") => Ok(()),
        _ if card["schema"] == json!("2.0") && card.get("elements").is_some() => {
            refuse(200_861, "elements of schema 2.0 belong into body")
        }
        _ if !["body", "elements", "header", "i18n_elements"].iter().any(|name| card.get(*name).is_some()) => {
            refuse(200_621, "a card without anything to show")
        }
        _ => Ok(()),
    }
}

/// Whether a card may be changed for all who see it: schema 2.0 always, others where they say so, others' templates
/// nobody knows.
pub(super) fn is_shared(card: &Value) -> bool {
    let referred = matches!(card.get("type").and_then(Value::as_str), Some("card" | "template"));
    match card.pointer("/config/update_multi") {
        Some(update_multi) => *update_multi == json!(true),
        None => referred || card["schema"] == json!("2.0"),
    }
}
