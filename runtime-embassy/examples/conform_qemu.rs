//! The shim of the conformance suite for the firmware of `boards/qemu-mps2-an386`, built with the feature `conform`: starts
//! the image in QEMU and says to it, over a TCP connection, what the suite says. See conformance/PROTOCOL.md, and
//! boards/app/src/conform for the other end.
//!
//! The image has room for one call at a time, so further ones wait here. It ends when the connection does, so that none
//! is left when the suite kills this program.

#[path = "../../conformance/subjects/shim.rs"]
#[allow(dead_code, reason = "the image has the client")]
mod shim;

use std::collections::{HashMap, VecDeque};
use std::io::{self, Error};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use shim::text;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Events in the image's inbox, and the longest record that it takes (boards/app/src/conform, boards/app/src/profile.rs).
const INBOX: u64 = 4;
const RECORD: usize = 6144;
/// Bytes that the image always has room for beside the head of a callback.
const ANSWER: usize = 300;
/// The image's exit code for a wrong configuration.
const CONFIG: i32 = 20;
/// No scenario takes so long.
const LIMIT_S: u32 = 1800;
/// The image comes up within a second.
const COME_UP: Duration = Duration::from_secs(15);

type Record = HashMap<String, String>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let image = std::env::args().nth(1).ok_or_else(|| Error::other("usage: conform_qemu IMAGE"))?;
    let mut lines = shim::lines();
    let start = shim::start(&mut lines).await;
    shim::ready("larkwire-embassy in QEMU", env!("CARGO_PKG_VERSION"), None);
    let told = start_record(&start);
    let door = TcpListener::bind(("127.0.0.1", 0)).await?;
    let mut qemu = qemu(&image, door.local_addr()?.port())?;
    if let Some(words) = qemu.stderr.take() {
        tokio::spawn(notes(BufReader::new(words)));
    }
    let control = tokio::select! {
        control = tokio::time::timeout(COME_UP, door.accept()) => control??.0,
        status = qemu.wait() => return Err(Error::other(format!("the image ended at once: {}", status?))),
    };
    let ended = talk(lines, control, told).await?;
    let status = qemu.wait().await?;
    match ended {
        Some(ended) => shim::say(&ended),
        None if status.code() == Some(CONFIG) => {
            shim::say(&json!({"is": "ended", "how": "fatal", "text": "wrong configuration; a note says which"}));
        }
        None => return Err(Error::other(format!("the image ended: {status}"))),
    }
    std::process::exit(0)
}

fn qemu(image: &str, control: u16) -> io::Result<Child> {
    Command::new(std::env::var_os("QEMU_SYSTEM_ARM").unwrap_or_else(|| "qemu-system-arm".into()))
        .args(["-M", "mps2-an386", "-display", "none", "-monitor", "none", "-serial", "none"])
        .args(["-nic", "user,model=lan9118,ipv6=off", "-kernel", image, "-semihosting-config"])
        .arg(format!("enable=on,target=native,arg=board,arg=control={control},arg=limit_s={LIMIT_S}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
}

/// The image's own lines are for people.
async fn notes(mut words: BufReader<impl tokio::io::AsyncRead + Unpin>) {
    let mut line = String::new();
    while words.read_line(&mut line).await.is_ok_and(|len| len > 0) {
        shim::note(line.trim_end());
        line.clear();
    }
}

/// Settings as the image takes them: each a field.
fn start_record(start: &Value) -> Vec<(String, String)> {
    let told = &start["settings"];
    if !told["state_dir"].is_null() {
        shim::unimplemented("settings.state_dir");
    }
    if told["inbox"].as_u64().is_some_and(|events| events != INBOX) {
        shim::unimplemented("settings.inbox");
    }
    // The board's own loopback is another one.
    let base_url = text(start, "base_url").replace("127.0.0.1", "10.0.2.2");
    let mut record = vec![field("base_url", base_url)];
    record.extend(["app_id", "app_secret"].map(|name| field(name, text(start, name))));
    record.extend(shim::allowed_users(told).into_iter().map(|id| field("allowed_user", id)));
    let others = told.as_object().into_iter().flatten().filter(|(_, value)| !value.is_array() && !value.is_null());
    record.extend(others.map(|(name, value)| field(name, said(value))));
    record
}

fn field(name: &str, value: impl Into<String>) -> (String, String) {
    (name.to_owned(), value.into())
}

/// A text as it is, anything else as JSON.
fn said(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Passes on what either side says, until the image has ended; how the client did.
async fn talk(
    mut lines: UnboundedReceiver<Value>,
    control: TcpStream,
    start: Vec<(String, String)>,
) -> io::Result<Option<Value>> {
    control.set_nodelay(true)?;
    let (reader, mut writer) = control.into_split();
    let (sender, mut records) = unbounded_channel();
    tokio::spawn(read(reader, sender));
    send(&mut writer, &start).await;
    let mut handling = json!({"events": "take", "callback_answer": {}, "callback_after_ms": 0});
    // The first one is with the image.
    let (mut calls, mut ended) = (VecDeque::<Value>::new(), None);
    loop {
        tokio::select! {
            Some(line) = lines.recv() => match text(&line, "do") {
                "handle" => {
                    merge(&mut handling, &line);
                    send(&mut writer, &handle_record(&handling)).await;
                }
                "call" => {
                    if calls.is_empty() {
                        send(&mut writer, &call_record(&line)).await;
                    }
                    calls.push_back(line);
                }
                "stop" => send(&mut writer, &[field("do", "stop")]).await,
                _ => {}
            },
            record = records.recv() => match record {
                None => break,
                Some(record) if record.get("is").is_some_and(|is| is == "result") => {
                    let Some(call) = calls.pop_front() else { continue };
                    shim::say(&result(&call["id"], &record));
                    if let Some(next) = calls.front() {
                        send(&mut writer, &call_record(next)).await;
                    }
                }
                Some(mut record) => {
                    let code = number(&record, "code");
                    record.remove("code");
                    let mut line = json!(record);
                    if let Some(code) = code {
                        line["code"] = code;
                    }
                    if record.get("is").is_some_and(|is| is == "ended") {
                        ended = Some(line);
                    } else {
                        shim::say(&line);
                    }
                }
            },
        }
    }
    for call in calls {
        shim::say(&json!({"is": "result", "id": call["id"], "ok": false, "text": "the bot has ended"}));
    }
    Ok(ended)
}

fn merge(handling: &mut Value, line: &Value) {
    for name in ["events", "callback_answer", "callback_after_ms"] {
        if let Some(value) = line.get(name) {
            handling[name] = value.clone();
        }
    }
}

fn handle_record(handling: &Value) -> Vec<(String, String)> {
    let mut record = vec![field("do", "handle"), field("after_ms", handling["callback_after_ms"].to_string())];
    record.push(field("hold", (handling["events"] == "hold").to_string()));
    // A handler that fails answers nothing.
    if !handling["callback_answer"].is_null() && handling["events"] != "fail" {
        let answer = handling["callback_answer"].to_string();
        if answer.len() > ANSWER {
            shim::unimplemented("a callback_answer of more than 300 bytes");
        }
        record.push(field("answer", answer));
    }
    record
}

/// The members of a call, each a field.
fn call_record(line: &Value) -> Vec<(String, String)> {
    let members = line.as_object().into_iter().flatten().filter(|(name, value)| *name != "id" && !value.is_null());
    let record: Vec<_> = members.map(|(name, value)| field(name, said(value))).collect();
    if record.iter().map(|(name, value)| name.len() + value.len() + 2).sum::<usize>() > RECORD {
        shim::unimplemented("a call of more than 6 KB");
    }
    record
}

fn result(id: &Value, record: &Record) -> Value {
    let mut line = json!({"is": "result", "id": id, "ok": !record.contains_key("error")});
    for (member, name) in
        [("message_id", "message_id"), ("open_id", "open_id"), ("reaction_id", "reaction_id"), ("text", "error")]
    {
        if let Some(value) = record.get(name).filter(|value| !value.is_empty()) {
            line[member] = value.as_str().into();
        }
    }
    if let Some(code) = number(record, "code") {
        line["code"] = code;
    }
    line
}

/// A code; 0 is none.
fn number(record: &Record, name: &str) -> Option<Value> {
    record.get(name)?.parse::<i64>().ok().filter(|code| *code != 0).map(Value::from)
}

/// To an image that has ended it cannot be said, and need not be: its last words are on their way here.
async fn send(writer: &mut OwnedWriteHalf, record: &[(String, String)]) {
    let mut bytes = Vec::new();
    for (name, value) in record {
        let field = format!("{name}={value}");
        let Ok(len) = u16::try_from(field.len()) else { shim::unimplemented("a text of more than 64 KB") };
        bytes.extend(len.to_be_bytes());
        bytes.extend(field.as_bytes());
    }
    bytes.extend([0, 0]);
    let _ = writer.write_all(&bytes).await;
}

async fn read(mut reader: OwnedReadHalf, records: UnboundedSender<Record>) -> io::Result<()> {
    loop {
        let mut record = Record::new();
        loop {
            let mut bytes = vec![0; usize::from(reader.read_u16().await?)];
            if bytes.is_empty() {
                break;
            }
            reader.read_exact(&mut bytes).await?;
            let field = String::from_utf8(bytes).map_err(Error::other)?;
            if let Some((name, value)) = field.split_once('=') {
                record.insert(name.to_owned(), value.to_owned());
            }
        }
        let _ = records.send(record);
    }
}
