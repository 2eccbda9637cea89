//! The shim protocol for clients in Rust: lines in and out, and what handlers were told to do.

use std::io::{BufRead, Write, stdin, stdout};
use std::process::exit;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

/// What handlers were told to do.
#[derive(Clone)]
pub struct Mode {
    events: String,
    callback_answer: Value,
    callback_after: Duration,
}

/// What the suite says after `start`; a call, or `stop`.
pub type Orders = mpsc::UnboundedReceiver<Value>;

/// Writes a line; members that are null are left out.
pub fn say(is: &str, mut line: Value) {
    if let Some(members) = line.as_object_mut() {
        members.retain(|_, value| !value.is_null());
        members.insert("is".into(), is.into());
    }
    let mut out = stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Says what the client does not have, and leaves.
pub fn unimplemented(what: &str) -> ! {
    say("unimplemented", json!({ "what": what }));
    exit(89)
}

/// The first line. `known` are settings the client has; `always` are those that it behaves like, with the value.
pub fn begin(known: &[&str], always: &[(&str, Value)]) -> (Value, Orders, watch::Receiver<Mode>) {
    let mut lines = stdin().lock().lines().map_while(Result::ok).map(|line| serde_json::from_str(&line));
    let Some(Ok(start)) = lines.next() else { exit(1) };
    let start: Value = start;
    let nothing = [
        ("allowed_users", json!(["*"])),
        ("mention_only", json!(false)),
        ("respond_to_mention_all", json!(false)),
        ("ack_reactions", json!("off")),
        ("follow_reconnect_count", json!(false)),
        ("retry_fatal", json!(false)),
    ];
    for (name, value) in start["settings"].as_object().into_iter().flatten() {
        let is_so = always.iter().chain(&nothing).any(|(known, so)| known == name && so == value);
        if !is_so && !known.contains(&name.as_str()) {
            unimplemented(&format!("settings.{name}"));
        }
    }
    drop(lines);
    let at_the_start = Mode { events: "take".into(), callback_answer: json!({}), callback_after: Duration::ZERO };
    let (mode, told) = watch::channel(at_the_start);
    let (orders, ordered) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in stdin().lock().lines().map_while(Result::ok) {
            let Ok(line) = serde_json::from_str::<Value>(&line) else { break };
            match line["do"].as_str() {
                Some("handle") => mode.send_modify(|mode| handle(mode, &line)),
                _ => drop(orders.send(line)),
            }
        }
        exit(0) // the suite is gone
    });
    (start, ordered, told)
}

fn handle(mode: &mut Mode, line: &Value) {
    if let Some(events) = line["events"].as_str() {
        mode.events = events.into();
    }
    if let Some(answer) = line.get("callback_answer") {
        mode.callback_answer = answer.clone();
    }
    if let Some(after) = line["callback_after_ms"].as_u64() {
        mode.callback_after = Duration::from_millis(after);
    }
}

/// What a handler does with an event that it has reported; false: it fails.
pub async fn handle_event(mut told: watch::Receiver<Mode>) -> bool {
    match told.wait_for(|mode| mode.events != "hold").await {
        Ok(mode) => mode.events != "fail",
        Err(_) => false,
    }
}

/// What a handler answers a callback with, when it is time.
pub async fn callback_answer(mut told: watch::Receiver<Mode>) -> Value {
    // As they are when the callback comes.
    let (answer, after) = {
        let mode = told.borrow();
        (mode.callback_answer.clone(), mode.callback_after)
    };
    tokio::time::sleep(after).await;
    if !answer.is_null() {
        return answer;
    }
    match told.wait_for(|mode| !mode.callback_answer.is_null()).await {
        Ok(mode) => mode.callback_answer.clone(),
        Err(_) => Value::Null,
    }
}

/// The result of a call: what came of it, or the platform's code and why.
pub fn result(call: &Value, outcome: Result<Value, (Option<i64>, String)>) {
    let (id, found) = (&call["id"], outcome.as_ref().map_or(&Value::Null, |answer| answer));
    let member = |name: &str| [&found["data"][name], &found["bot"][name]].into_iter().find(|value| !value.is_null());
    let line = match &outcome {
        Ok(_) => json!({
            "id": id, "ok": true,
            "message_id": member("message_id"), "reaction_id": member("reaction_id"), "open_id": member("open_id"),
        }),
        Err((code, text)) => json!({ "id": id, "ok": false, "code": code, "text": text }),
    };
    say("result", line);
}
