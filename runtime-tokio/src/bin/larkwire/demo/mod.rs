//! `larkwire demo`: a platform in this process, a bot, and a conversation that is disturbed in the middle.

mod socket;
mod webhook;

use std::collections::{HashMap, HashSet};
use std::io::{IsTerminal as _, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use larkwire_conformance::platform::{AppSpec, ClientConfig, Kind, Platform, PlatformConfig, Push, Record};
use larkwire_tokio::core::AckReactions;
use larkwire_tokio::core::fault::DropReason;
use larkwire_tokio::{Client, Event, Settings, Stats};
use serde_json::{Value, json};

use crate::args::Demo;
use crate::exit::Exit;
use crate::run::interrupted;

/// What users write.
const TEXTS: [&str; 8] = [
    "good morning",
    "你好,机器人!今天天气怎么样?",
    "🎉 ship it 🚀",
    "line one\nline two, with \"quotes\" and a \\",
    "繼續奮鬥,今天很強",
    "お疲れさまです 🙇",
    "a question about <b>markup</b> & such",
    "👩‍👩‍👧‍👦 a family of four",
];
const USERS: [&str; 3] = ["ou_ann", "ou_bo", "ou_chen"];
/// Messages sent ahead of their acknowledgement.
const AHEAD: usize = 16;
/// How long the demo may take, beside what its messages take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What has happened so far, by message.
#[derive(Default)]
struct Tally {
    /// What each message asked, by `message_id`.
    asked: HashMap<String, String>,
    by_event: HashMap<String, String>,
    delivered: HashMap<String, usize>,
    acked: HashSet<String>,
    replied: HashSet<String>,
    /// How often an event was posted again.
    redeliveries: u64,
    wrong: Vec<String>,
}

impl Tally {
    fn is_complete(&self, messages: usize) -> bool {
        self.delivered.len() == messages && self.acked.len() == messages && self.replied.len() == messages
    }
}

pub(crate) async fn demo(args: Demo) -> Exit {
    let config = PlatformConfig {
        client_config: ClientConfig { reconnect_nonce: Some(1), ..ClientConfig::default() },
        // A redelivery comes after half a second instead of fifteen.
        clock_scale: 30.0,
        ..PlatformConfig::default()
    };
    let platform = match Platform::start(config).await {
        Ok(platform) => platform,
        Err(error) => return Exit::other(format!("no platform on loopback: {error}")),
    };
    let app = AppSpec::random();
    platform.add_app(app.clone());
    let settings = Settings::new(&app.app_id, &app.app_secret)
        .domain(platform.base_url())
        .source("larkwire-demo")
        .own_open_id(&app.bot_open_id)
        .allow("*")
        .ack_reactions(AckReactions::Auto);
    let settings = if args.webhook { settings.webhook(webhook::settings()) } else { settings };
    let (client, events) = match Client::start(&settings) {
        Ok(started) => started,
        Err(error) => return Exit::configuration(error.to_string()),
    };
    let show = Show::new(args.json);
    show.line(&json!({"kind": "platform", "base_url": platform.base_url(), "app_id": app.app_id}), || {
        let who_comes = if args.webhook { "and posts events to a bot" } else { "a bot dials it" };
        format!("a platform listens on {}, {who_comes}", platform.base_url())
    });
    let hook =
        if args.webhook { webhook::serve(&client, &platform, &app.app_id, &show).await.map(Some) } else { Ok(None) };
    let hook = match hook {
        Ok(hook) => hook,
        Err(exit) => return exit,
    };
    let tally = Arc::new(Mutex::new(Tally::default()));
    let handler = {
        let (tally, show) = (Arc::clone(&tally), show.clone());
        let client = client.clone();
        tokio::spawn(async move {
            client.handle(events, 64, |client, event| echo(client, event, tally.clone(), show.clone())).await
        })
    };
    let messages = args.messages() as usize;
    let patience = PATIENCE + Duration::from_millis(20) * args.messages();
    let conversation = async {
        match hook {
            None => socket::conversation(&platform, &app.app_id, &client, messages, &tally, &show).await,
            Some(_) => webhook::conversation(&platform, &app.app_id, messages, &tally, &show).await,
        }
    };
    let finished = tokio::select! {
        finished = tokio::time::timeout(patience, conversation) => finished.is_ok(),
        () = interrupted() => {
            client.begin_shut_down();
            return Exit::interrupted();
        }
    };
    client.shut_down().await;
    // A panic in the handler would show in the counts.
    let _ = handler.await;
    let stats = client.stats();
    let served = hook.is_some();
    if let Some(hook) = hook {
        hook.shut_down().await;
    }
    platform.stop().await;
    let tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
    let disturbed = if served { webhook::disturbed(&tally, &stats) } else { socket::disturbed(&stats) };
    summary(&show, messages, finished, &tally, &stats, &disturbed)
}

/// The bot: says again what it hears.
async fn echo(client: Client, event: Event, tally: Arc<Mutex<Tally>>, show: Show) {
    let (Some(id), Some(text)) = (event.message_id(), event.text()) else { return };
    *tally.lock().unwrap_or_else(PoisonError::into_inner).delivered.entry(id.clone()).or_default() += 1;
    show.line(&json!({"kind": "delivered", "message_id": id, "text": text}), || format!("bot  ◄ {}", one_line(&text)));
    if let Err(error) = client.reply_text(&id, &format!("echo: {text}")).await {
        tally.lock().unwrap_or_else(PoisonError::into_inner).wrong.push(format!("no reply to {id}: {error}"));
    }
}

/// What a user writes, and how it is sent.
#[derive(Clone, Copy)]
struct Message {
    number: usize,
    parts: usize,
    times: usize,
}

impl Message {
    fn message_id(self) -> String {
        format!("om_demo{:08}", self.number)
    }

    fn event_id(self) -> String {
        format!("demo-event-{}", self.number)
    }

    fn send(self, platform: &Platform, app_id: &str, tally: &Mutex<Tally>, show: &Show) {
        let Self { number, parts, times } = self;
        let text = format!("{} (#{})", TEXTS[number % TEXTS.len()], number + 1);
        let user = USERS[number % USERS.len()];
        let (message_id, event_id) = (self.message_id(), self.event_id());
        let push = Push::message("oc_demo", "p2p", user, &text).app(app_id).message_id(&message_id).event_id(&event_id);
        {
            let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
            tally.asked.insert(message_id.clone(), text.clone());
            tally.by_event.insert(event_id, message_id.clone());
            if let Err(error) = platform.push(&push.parts(parts).times(times)) {
                tally.wrong.push(error.to_string());
            }
        }
        show.line(
            &json!({"kind": "sent", "message_id": message_id, "user": user, "text": text, "parts": parts, "times": times}),
            || {
                let how = match (parts, times) {
                    (1, 1) => String::new(),
                    (1, _) => "   [sent twice]".to_owned(),
                    _ => format!("   [in {parts} parts]"),
                };
                format!("{user:<8}► {}{how}", one_line(&text))
            },
        );
    }
}

/// What the platform saw.
fn note(record: Record, tally: &Mutex<Tally>, show: &Show) {
    let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
    match record.kind {
        Kind::Upgraded { .. } => show.line(&json!({"kind": "connected"}), || "── connected ──".to_owned()),
        Kind::Acked { event_id, settled, latency_ms, faults, .. } => {
            tally.wrong.extend(faults.iter().map(|fault| format!("ack of {event_id}: {fault}")));
            let message_id = tally.by_event.get(&event_id).cloned();
            if let Some(message_id) = message_id.filter(|_| settled)
                && tally.acked.insert(message_id.clone())
            {
                show.line(&json!({"kind": "acked", "message_id": message_id, "latency_ms": latency_ms}), String::new);
            }
        }
        Kind::Reacted { message_id, emoji_type, .. } => {
            show.line(&json!({"kind": "reacted", "message_id": message_id, "emoji_type": emoji_type}), || {
                let asked = tally.asked.get(&message_id).map(|asked| one_line(asked)).unwrap_or_default();
                format!("bot  ☺ {emoji_type} for {asked}")
            });
        }
        Kind::Replied { parent_id, content, .. } => {
            let text = serde_json::from_str::<Value>(&content).ok();
            let text =
                text.as_ref().and_then(|content| content.get("text")).and_then(Value::as_str).unwrap_or_default();
            let expected = tally.asked.get(&parent_id).map(|asked| format!("echo: {asked}"));
            if expected.as_deref() != Some(text) {
                tally.wrong.push(format!("{parent_id} was answered with {text:?}"));
            }
            show.line(&json!({"kind": "replied", "message_id": parent_id, "text": text}), || {
                format!("bot  ► {}", one_line(text))
            });
            tally.replied.insert(parent_id);
        }
        Kind::ClientFault { what, .. } => tally.wrong.push(what),
        kind => webhook::note(kind, &mut tally, show),
    }
}

/// What went wrong on purpose: how often, in the summary's JSON and in words.
struct Disturbed {
    counts: Vec<(&'static str, u64)>,
    words: String,
}

fn plural(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn summary(show: &Show, messages: usize, finished: bool, tally: &Tally, stats: &Stats, disturbed: &Disturbed) -> Exit {
    let duplicates = stats.dropped(DropReason::Duplicate);
    let (delivered, acked, replied) = (tally.delivered.len(), tally.acked.len(), tally.replied.len());
    let mut line = json!({
        "kind": "summary", "sent": tally.asked.len(), "delivered": delivered, "acked": acked, "replied": replied,
        "duplicates_dropped": duplicates,
    });
    for (name, count) in &disturbed.counts {
        line[*name] = json!(count);
    }
    show.line(&line, || {
        format!(
            "\n{} messages sent, {delivered} delivered once, {acked} acknowledged, {replied} answered\n\
             {} dropped, {}",
            tally.asked.len(),
            plural(duplicates, "duplicate", "duplicates"),
            disturbed.words,
        )
    });
    let twice = tally.delivered.values().filter(|times| **times != 1).count();
    if let Some(wrong) = tally.wrong.first() {
        return Exit::other(format!("{} things went wrong, the first: {wrong}", tally.wrong.len()));
    }
    if !finished || !tally.is_complete(messages) {
        return Exit::other("not every message was delivered, acknowledged and answered in time");
    }
    if twice > 0 {
        return Exit::other(format!("{twice} messages were delivered more than once"));
    }
    Exit::OK
}

fn one_line(text: &str) -> String {
    text.replace('\n', " ⏎ ")
}

/// Stdout: JSON lines, or the conversation for a person.
#[derive(Clone)]
struct Show {
    json: bool,
    colour: bool,
}

impl Show {
    fn new(json: bool) -> Self {
        Self { json, colour: std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() }
    }

    fn line(&self, json: &Value, text: impl FnOnce() -> String) {
        let line = if self.json { json.to_string() } else { text() };
        if line.is_empty() {
            return;
        }
        let mut stdout = std::io::stdout().lock();
        let written = match line.chars().next() {
            Some('b') if self.colour && !self.json => writeln!(stdout, "\x1b[36m{line}\x1b[0m"),
            Some('─') if self.colour && !self.json => writeln!(stdout, "\x1b[33m{line}\x1b[0m"),
            _ => writeln!(stdout, "{line}"),
        };
        if written.is_err() {
            // Nobody watches any more.
            Exit::output_closed().leave();
        }
    }
}
