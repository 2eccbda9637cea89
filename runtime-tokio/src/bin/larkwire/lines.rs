//! The JSON lines of `larkwire run`: schema 1.
//!
//! Unknown values are `null`; members may be added within a schema version, never removed or changed.

use larkwire_tokio::core::wire::json::Str;
use larkwire_tokio::core::{self, fault::Misuse};
use larkwire_tokio::{CallError, CallResult, Event, Media};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// The first line: what follows, and of which bots where there are several.
pub(crate) fn hello(bots: &[Option<String>]) -> String {
    let bots: Vec<_> = bots.iter().flatten().collect();
    json!({"kind": "hello", "schema": 1, "version": env!("CARGO_PKG_VERSION"), "bots": bots}).to_string()
}

#[derive(Serialize)]
struct EventLine<'a> {
    kind: &'static str,
    /// NAME of `[lark.NAME]`.
    bot: Option<&'a str>,
    event_type: Option<String>,
    event_id: Option<String>,
    message_id: Option<String>,
    chat_id: Option<String>,
    chat_type: Option<String>,
    sender: Option<SenderLine>,
    message_type: Option<String>,
    /// What was said to the bot, readable, without the bot's own mention.
    text: Option<String>,
    /// The same with every mention.
    full_text: Option<String>,
    mentions_bot: Option<bool>,
    resources: Option<Vec<MediaLine>>,
    content: Option<String>,
    root_id: Option<String>,
    parent_id: Option<String>,
    thread_id: Option<String>,
    mentions: Option<Box<RawValue>>,
    create_time: Option<u64>,
    tenant_key: Option<String>,
    is_callback: bool,
    /// What `respond` takes.
    response_id: Option<u64>,
    trace_id: &'a str,
    /// The whole `event` object, for everything but messages.
    event: Option<Box<RawValue>>,
}

#[derive(Serialize)]
struct SenderLine {
    open_id: Option<String>,
    union_id: Option<String>,
    user_id: Option<String>,
    sender_type: Option<String>,
    tenant_key: Option<String>,
}

/// An image, file or other medium, to be downloaded with the message's id.
#[derive(Serialize)]
struct MediaLine {
    #[serde(rename = "type")]
    kind: &'static str,
    key: String,
    file_name: Option<String>,
    duration_ms: Option<u64>,
    cover_image_key: Option<String>,
}

impl From<Media> for MediaLine {
    fn from(media: Media) -> Self {
        let Media { kind, key, file_name, duration_ms, cover_image_key, .. } = media;
        Self { kind: kind.as_str(), key, file_name, duration_ms, cover_image_key }
    }
}

/// One event as a line, without the line break.
pub(crate) fn event(bot: Option<&str>, event: &core::Event<'_>) -> String {
    let owned = Event::copy(event);
    let text = |value: Option<Str<'_>>| value.map(|value| value.to_string());
    let message = event.message();
    let of = |field: fn(&core::Message<'_>) -> Option<String>| message.as_ref().and_then(field);
    let trace_id = event.trace_id();
    let line = EventLine {
        kind: "event",
        bot,
        event_type: text(event.event_type()),
        event_id: text(event.event_id()),
        message_id: owned.message_id(),
        chat_id: owned.chat_id(),
        chat_type: of(|message| message.chat_type().map(|kind| kind.to_string())),
        sender: message.as_ref().map(|message| {
            let sender = message.sender();
            SenderLine {
                open_id: text(sender.open_id()),
                union_id: text(sender.union_id()),
                user_id: text(sender.user_id()),
                sender_type: text(sender.sender_type()),
                tenant_key: text(sender.tenant_key()),
            }
        }),
        message_type: of(|message| message.message_type().map(|kind| kind.to_string())),
        text: owned.text(),
        full_text: owned.full_text(),
        mentions_bot: message.as_ref().map(core::Message::mentions_bot),
        resources: message.is_some().then(|| owned.resources().into_iter().map(MediaLine::from).collect()),
        content: of(|message| message.content().map(|content| content.to_string())),
        root_id: of(|message| message.root_id().map(|id| id.to_string())),
        parent_id: of(|message| message.parent_id().map(|id| id.to_string())),
        thread_id: of(|message| message.thread_id().map(|id| id.to_string())),
        mentions: message.as_ref().and_then(|message| raw(message.mentions())),
        create_time: message.as_ref().and_then(core::Message::create_time).or(event.create_time()).map(|time| time.0),
        tenant_key: text(event.tenant_key()),
        is_callback: event.is_callback(),
        response_id: event.response_id().map(core::ResponseId::as_u64),
        trace_id: trace_id.as_str(),
        event: if message.is_none() { raw(event.body()) } else { None },
    };
    serde_json::to_string(&line).unwrap_or_default()
}

/// JSON text on one line: between its tokens, and nowhere else, line breaks may stand.
fn raw(json: &str) -> Option<Box<RawValue>> {
    RawValue::from_string(json.replace(['\n', '\r'], " ")).ok()
}

/// The line that answers a command.
pub(crate) fn result(id: &Option<Value>, cmd: &str, result: &CallResult) -> String {
    match result {
        Ok(answer) => json!({
            "kind": "result", "id": id, "cmd": cmd, "ok": true,
            "message_id": (!answer.message_id.is_empty()).then_some(&answer.message_id),
            "reaction_id": answer.field("reaction_id"),
            "data": serde_json::from_str::<Value>(&answer.data).ok(),
            "log_id": answer.log_id.as_str(), "error": null,
        })
        .to_string(),
        Err(error @ CallError::Failed { fault, log_id }) => {
            let code = (fault.code != 0).then_some(fault.code);
            failed(id, Some(cmd), "call", code, &error.to_string(), log_id.as_str())
        }
        Err(error @ CallError::Misuse(_)) => failed(id, Some(cmd), "usage", None, &error.to_string(), ""),
    }
}

/// The line that answers a `respond`.
pub(crate) fn responded(id: &Option<Value>, result: Result<(), Misuse>) -> String {
    match result {
        Ok(()) => json!({"kind": "result", "id": id, "cmd": "respond", "ok": true, "error": null}).to_string(),
        Err(misuse) => failed(id, Some("respond"), "usage", None, &misuse.to_string(), ""),
    }
}

/// The line that answers what is no command, with what can be told of it.
pub(crate) fn no_command(error: impl std::fmt::Display, line: Option<Value>) -> String {
    let member = |name: &str| line.as_ref().and_then(|line| line.get(name)).cloned();
    let message = format!("{error}; `larkwire run --help` shows the commands");
    failed(&member("id"), member("cmd").as_ref().and_then(Value::as_str), "usage", None, &message, "")
}

fn failed(id: &Option<Value>, cmd: Option<&str>, kind: &str, code: Option<i64>, message: &str, log_id: &str) -> String {
    let log_id = (!log_id.is_empty()).then_some(log_id);
    json!({
        "kind": "result", "id": id, "cmd": cmd, "ok": false, "message_id": null, "log_id": log_id,
        "error": {"kind": kind, "code": code, "message": message},
    })
    .to_string()
}
