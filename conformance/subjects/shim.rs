//! What the shims of larkwire's own runtimes have in common: lines in, lines out, and how settings, events, calls and
//! ends read in them. See conformance/PROTOCOL.md.

use std::io::{self, BufRead as _, Write as _};
use std::process;
use std::time::Duration;

use larkwire_core::content::Form;
use larkwire_core::fault::CallError;
use larkwire_core::wire::json::Str;
use larkwire_core::wire::writer::TooSmall;
use larkwire_core::{AckReactions, Body, Call, CallAnswer, End, Event, Locale, Message, ReceiveIdType};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// The protocol's number for what the client cannot do.
const UNIMPLEMENTED: i32 = 89;
/// The suite broke the protocol.
const CONFUSED: i32 = 2;

/// Writes one line.
pub(crate) fn say(line: &Value) {
    let mut out = io::stdout().lock();
    // Whoever does not listen any more is gone.
    if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
        process::exit(0);
    }
}

/// Writes a line for people.
pub(crate) fn note(text: &str) {
    say(&json!({"is": "note", "text": text}));
}

/// Says that the client has no such thing, and leaves.
pub(crate) fn unimplemented(what: &str) -> ! {
    say(&json!({"is": "unimplemented", "what": what}));
    process::exit(UNIMPLEMENTED);
}

/// Says on standard error what is wrong with the suite, and leaves.
fn confused(why: &str) -> ! {
    let _ = writeln!(io::stderr(), "{why}");
    process::exit(CONFUSED);
}

/// The suite's lines. When they end without `stop`, so does the process.
pub(crate) fn lines() -> UnboundedReceiver<Value> {
    let (sender, lines) = unbounded_channel();
    std::thread::spawn(move || {
        let mut stopped = false;
        for line in io::stdin().lock().lines() {
            let Ok(line) = line else { break };
            let Ok(line) = serde_json::from_str::<Value>(&line) else { confused("a line that is no JSON") };
            stopped |= line["do"] == "stop";
            let _ = sender.send(line);
        }
        if !stopped {
            process::exit(0);
        }
    });
    lines
}

/// Takes the first line.
pub(crate) async fn start(lines: &mut UnboundedReceiver<Value>) -> Value {
    let Some(start) = lines.recv().await else { process::exit(0) };
    if start["do"] != "start" || start["conform"] != 1 {
        confused("the first line is no start of version 1");
    }
    start
}

/// Says `ready`, and where the bot takes what the platform posts, if that was asked for.
pub(crate) fn ready(client: &str, version: &str, webhook_url: Option<String>) {
    let mut line = json!({"is": "ready", "conform": 1, "client": client, "version": version});
    if let Some(url) = webhook_url {
        line["webhook_url"] = url.into();
    }
    say(&line);
}

/// A text of a line; empty where there is none.
pub(crate) fn text<'a>(line: &'a Value, name: &str) -> &'a str {
    line[name].as_str().unwrap_or_default()
}

/// A number of a line.
pub(crate) fn number<N: TryFrom<u64>>(line: &Value, name: &str) -> Option<N> {
    line[name].as_u64()?.try_into().ok()
}

/// A switch of a line, off where it is left out.
pub(crate) fn flag(line: &Value, name: &str) -> bool {
    line[name].as_bool().unwrap_or_default()
}

/// Who may speak: everybody where nothing is said.
pub(crate) fn allowed_users(settings: &Value) -> Vec<&str> {
    settings["allowed_users"].as_array().map_or_else(|| vec!["*"], |ids| ids.iter().filter_map(Value::as_str).collect())
}

/// How messages are acknowledged.
pub(crate) fn ack_reactions(settings: &Value) -> AckReactions {
    match text(settings, "ack_reactions") {
        "" | "off" => AckReactions::Off,
        "auto" => AckReactions::Auto,
        tag => match Locale::from_tag(tag.chars()) {
            Some(locale) => AckReactions::Fixed(locale),
            None => unimplemented("settings.ack_reactions"),
        },
    }
}

/// What handlers do.
pub(crate) struct Handling {
    /// Nothing is taken out of the inbox.
    pub(crate) hold: bool,
    /// What callbacks are answered with.
    answer: Option<String>,
    /// After how long.
    pub(crate) after: Duration,
    fail: bool,
}

impl Handling {
    /// As at the start.
    pub(crate) fn new() -> Self {
        Self { hold: false, answer: Some("{}".to_owned()), after: Duration::ZERO, fail: false }
    }

    /// Takes a `handle` line.
    pub(crate) fn tell(&mut self, line: &Value) {
        if let Some(events) = line["events"].as_str() {
            (self.hold, self.fail) = (events == "hold", events == "fail");
        }
        if let Some(answer) = line.get("callback_answer") {
            self.answer = if answer.is_null() { None } else { Some(answer.to_string()) };
        }
        if let Some(ms) = number(line, "callback_after_ms") {
            self.after = Duration::from_millis(ms);
        }
    }

    /// What a callback is answered with, if it is: a handler that fails answers nothing.
    pub(crate) fn answer(&self) -> Option<String> {
        self.answer.clone().filter(|_| !self.fail)
    }
}

/// An `event` line.
pub(crate) fn event(event: &Event<'_>) -> Value {
    let message = event.message();
    let mut line = json!({"is": "event", "json": event.json()});
    line["event_type"] = event.event_type().map(|name| name.to_string()).unwrap_or_default().into();
    put(&mut line, "event_id", event.event_id());
    put(&mut line, "message_id", event.message_id());
    put(&mut line, "chat_id", event.chat_id());
    put(&mut line, "chat_type", message.and_then(|message| message.chat_type()));
    if let Some(message) = message {
        line["text"] = said(&message).into();
    }
    line
}

fn put(line: &mut Value, name: &str, value: Option<Str<'_>>) {
    if let Some(value) = value {
        line[name] = value.to_string().into();
    }
}

fn said(message: &Message<'_>) -> String {
    let mut room = Vec::new();
    loop {
        match message.text(Form::Body, &mut room) {
            Ok(text) => return text.to_owned(),
            Err(TooSmall { needed }) => room.resize(needed, 0),
        }
    }
}

/// A card, an object or its text, as text.
pub(crate) fn card(line: &Value) -> String {
    line["card"].as_str().map_or_else(|| line["card"].to_string(), str::to_owned)
}

/// What a `call` line asks for; `card` is its [`card`].
pub(crate) fn call<'a>(line: &'a Value, card: &'a str) -> Call<'a> {
    let message_id = text(line, "message_id");
    let said = Body::Text(text(line, "text"));
    let body = if line["card"].is_null() { said } else { Body::Interactive(card) };
    match text(line, "call") {
        "reply" => Call::Reply { message_id, body, in_thread: flag(line, "in_thread"), uuid: None },
        "send" => {
            let receive_id_type = line["receive_id_type"].as_str().map(receive_id_type);
            Call::Send { receive_id: text(line, "receive_id"), receive_id_type, body, uuid: None }
        }
        "edit" => Call::Edit { message_id, body: said },
        "patch_card" => Call::PatchCard { message_id, card },
        "update_card" => Call::UpdateCard { token: text(line, "token"), card },
        "recall" => Call::Recall { message_id },
        "react" => Call::AddReaction { message_id, emoji_type: text(line, "emoji_type") },
        "unreact" => Call::DeleteReaction { message_id, reaction_id: text(line, "reaction_id") },
        "bot_info" => Call::BotInfo,
        "chat_info" => Call::ChatInfo { chat_id: text(line, "chat_id") },
        other => unimplemented(&format!("call.{other}")),
    }
}

fn receive_id_type(name: &str) -> ReceiveIdType {
    let all = [ReceiveIdType::ChatId, ReceiveIdType::Email, ReceiveIdType::OpenId, ReceiveIdType::UnionId];
    all.into_iter().find(|kind| kind.as_str() == name).unwrap_or(ReceiveIdType::UserId)
}

/// The `result` line of a call.
pub(crate) fn result(id: &Value, result: Result<CallAnswer<'_>, &CallError>) -> Value {
    let mut line = json!({"is": "result", "id": id, "ok": result.is_ok()});
    match result {
        Ok(answer) => {
            if !answer.message_id.is_empty() {
                line["message_id"] = answer.message_id.into();
            }
            for name in ["open_id", "reaction_id"] {
                put(&mut line, name, answer.field(name).and_then(|value| value.as_str()));
            }
        }
        Err(error) => {
            line["text"] = error.to_string().into();
            if let CallError::Failed { fault, .. } = error
                && fault.code != 0
            {
                line["code"] = fault.code.into();
            }
        }
    }
    line
}

/// The `ended` line.
pub(crate) fn ended(end: &End) -> Value {
    match end {
        End::Stopped => json!({"is": "ended", "how": "stopped"}),
        End::Fatal(fatal) if fatal.code == 0 => json!({"is": "ended", "how": "fatal", "text": fatal.to_string()}),
        End::Fatal(fatal) => {
            json!({"is": "ended", "how": "fatal", "code": fatal.code, "text": fatal.to_string()})
        }
    }
}
