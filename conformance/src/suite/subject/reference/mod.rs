//! A second client: small, written by itself, without a line of larkwire's engine, and with defects that can be
//! switched on. Where it and the engine agree a scenario is sound; where a defect is noticed it bites.
//!
//! ```text
//!  redial ─► discovery ─► upgrade ─► session ─► frame ─► parts ─► envelope ─► gate ─► inbox ─► program
//!    ▲                                  │                                               │
//!    └────────── tempo (waits) ◄────────┘ ◄──────────────── acks and answers ◄──────────┘
//!                 webhook ─► envelope ─► gate ─► inbox      instead of the long connection
//!                                     calls, reactions ─► token ─► http
//! ```

mod calls;
mod defects;
mod discovery;
mod envelope;
mod frame;
mod gate;
mod heads;
mod http;
mod inbox;
mod intake;
mod parts;
mod pipe;
mod reactions;
mod redial;
mod session;
mod tempo;
mod text;
mod token;
mod upgrade;
mod webhook;

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

pub use self::defects::Defect;
use self::envelope::Happening;
use self::gate::{Loops, Seen};
use self::inbox::Inbox;
use self::parts::Parts;
use self::redial::{End, Failure};
use self::tempo::Tempo;
use self::token::Tokens;
use self::webhook::Replays;
use super::{Heard, Running, Setup, Subject, URL};
use crate::platform::Platform;
use crate::suite::shim::{Call, Command, Report, Start, VERSION};

/// The second client, as it should be or with one defect.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReferenceSubject {
    /// What is wrong with it.
    pub defect: Option<Defect>,
}

impl Subject for ReferenceSubject {
    fn in_memory(&self) -> bool {
        true
    }

    fn serves_webhooks(&self) -> bool {
        true
    }

    fn start(&self, platform: &Arc<Platform>, setup: &Setup) -> Result<Running, String> {
        let (commands, to_do) = unbounded_channel();
        let (says, heard) = unbounded_channel();
        let client = Client::new(platform, setup, self.defect, says);
        client.say(Report::Ready {
            conform: VERSION,
            client: "larkwire-reference".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            webhook_url: setup.start.settings.webhook.is_some().then(|| URL.to_owned()),
        });
        let (posts, listeners) = unbounded_channel();
        let served = webhook::serve(Arc::clone(&client), listeners);
        client.spawn(served);
        Ok(Running { commands, heard, posts: Some(posts), task: tokio::spawn(run(client, to_do)) })
    }
}

/// Runs until it has ended, or nobody can tell it anything any more.
async fn run(client: Arc<Client>, commands: UnboundedReceiver<Command>) {
    let end = tokio::select! {
        () = obey(&client, commands) => None,
        end = redial::live(&client) => Some(end),
    };
    let dead = client.state().dead;
    let (how, code, text) = match end {
        _ if dead => ("", None, None),
        None => ("", None, None),
        Some(End::Stopped) => ("stopped", None, None),
        Some(End::Fatal { code, text }) => ("fatal", Some(code).filter(|code| *code != 0), Some(text)),
    };
    if !how.is_empty() {
        client.say(Report::Ended { how: how.to_owned(), code, text });
    }
    let _ = client.says.send(Heard::Exited(Some(i32::from(dead))));
    client.tasks().abort_all();
}

/// Does what it is told. Ends when nobody is left to tell it anything.
async fn obey(client: &Arc<Client>, mut commands: UnboundedReceiver<Command>) {
    while let Some(command) = commands.recv().await {
        match command {
            Command::Start(_) => {}
            Command::Stop => drop(client.stop.send_replace(true)),
            Command::Handle(handle) => client.inbox.handle(client, handle),
            Command::Call(call) => {
                client.calls.send_modify(|open| *open += 1);
                let shared = Arc::clone(client);
                client.spawn(async move {
                    let name = call.call.clone();
                    match calls::perform(&shared, call).await {
                        Some(result) => shared.say(Report::Result(Box::new(result))),
                        None => shared.say(Report::Unimplemented { what: format!("call {name}") }),
                    }
                    shared.calls.send_modify(|open| *open -= 1);
                });
            }
        }
    }
}

/// What all of its tasks share.
struct Client {
    me: Weak<Self>,
    platform: Arc<Platform>,
    start: Start,
    defect: Option<Defect>,
    says: UnboundedSender<Heard>,
    inbox: Inbox,
    tokens: Tokens,
    state: Mutex<State>,
    tasks: Mutex<JoinSet<()>>,
    /// It was told to.
    stop: watch::Sender<bool>,
    /// A person is needed.
    doom: watch::Sender<Option<(i64, String)>>,
    /// Calls that are under way.
    calls: watch::Sender<usize>,
    /// Look-ups of its own name.
    look_ups: watch::Sender<u32>,
    memory: Option<Arc<Mutex<Vec<u8>>>>,
    replays: Mutex<Replays>,
    began: Instant,
    wall: Duration,
}

struct State {
    rng: StdRng,
    tempo: Tempo,
    seen: Seen,
    loops: Loops,
    own_open_id: Option<String>,
    refused_emoji: HashSet<&'static str>,
    kept_parts: Option<Parts>,
    dead: bool,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("defect", &self.defect).finish_non_exhaustive()
    }
}

impl Client {
    fn new(platform: &Arc<Platform>, setup: &Setup, defect: Option<Defect>, says: UnboundedSender<Heard>) -> Arc<Self> {
        let settings = &setup.start.settings;
        let memory = settings.state_dir.as_ref().map(|_| Arc::clone(&setup.memory));
        let seen = memory.as_ref().map(|memory| Seen::load(&memory.lock().unwrap_or_else(PoisonError::into_inner)));
        let state = State {
            rng: StdRng::seed_from_u64(setup.seed),
            tempo: Tempo::default(),
            seen: seen.unwrap_or_default(),
            loops: Loops::new(),
            own_open_id: None,
            refused_emoji: HashSet::new(),
            kept_parts: None,
            dead: false,
        };
        Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            platform: Arc::clone(platform),
            start: setup.start.clone(),
            defect,
            says,
            inbox: Inbox::new(settings.inbox),
            tokens: Tokens::default(),
            state: Mutex::new(state),
            tasks: Mutex::default(),
            stop: watch::Sender::new(false),
            doom: watch::Sender::new(None),
            calls: watch::Sender::new(0),
            look_ups: watch::Sender::new(0),
            memory,
            replays: Mutex::default(),
            began: Instant::now(),
            wall: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
        })
    }

    fn has(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tasks(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks();
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    /// Itself, for a task of its own.
    fn shared(&self) -> Option<Arc<Self>> {
        self.me.upgrade()
    }

    fn say(&self, report: Report) {
        // Nobody may be listening any more.
        let _ = self.says.send(Heard::Report(report));
    }

    fn agent(&self) -> String {
        concat!("larkwire/v", env!("CARGO_PKG_VERSION"), " source/reference").to_owned()
    }

    /// Without the secret of the app, which a platform might repeat.
    fn redacted(&self, text: &str) -> String {
        text.replace(&self.start.app_secret, "…")
    }

    fn wall_ms(&self) -> u64 {
        u64::try_from((self.wall + self.began.elapsed()).as_millis()).unwrap_or(u64::MAX)
    }

    /// Uniform, from 0.
    fn chance(&self, most: f64) -> f64 {
        self.state().rng.random::<f64>() * most
    }

    fn pick(&self, len: usize) -> usize {
        self.state().rng.random_range(0..len.max(1))
    }

    fn random_bytes(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        self.state().rng.fill_bytes(&mut bytes);
        bytes
    }

    fn uuid(&self) -> String {
        format!("{:032x}", u128::from_le_bytes(self.random_bytes()))
    }

    fn tempo(&self) -> Tempo {
        self.state().tempo.clone()
    }

    fn change_tempo(&self, said: &Value) {
        self.state().tempo.merge(said, self);
    }

    /// Failed attempts in a row after which it ends.
    fn most_attempts(&self) -> Option<u32> {
        let settings = &self.start.settings;
        let follows = settings.follow_reconnect_count == Some(true) || self.has(Defect::HonoursReconnectCount);
        let platform = u32::try_from(self.tempo().count).ok().filter(|_| follows);
        settings.max_attempts.into_iter().chain(platform).min()
    }

    fn replays(&self) -> MutexGuard<'_, Replays> {
        self.replays.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_stopping(&self) -> bool {
        *self.stop.borrow()
    }

    async fn stopped(&self) {
        // The sender lives as long as this does.
        let _ = self.stop.subscribe().wait_for(|stop| *stop).await;
    }

    async fn calls_done(&self) {
        let _ = self.calls.subscribe().wait_for(|open| *open == 0).await;
    }

    async fn looked_up(&self) {
        let _ = self.look_ups.subscribe().wait_for(|count| *count > 0).await;
    }

    fn doom(&self, failure: Failure) {
        if let (Failure::Fatal { code, text }, false) = (failure, self.start.settings.retry_fatal == Some(true)) {
            self.doom.send_replace(Some((code, text)));
        }
    }

    async fn doomed(&self) -> (i64, String) {
        let mut doom = self.doom.subscribe();
        let doomed = doom.wait_for(Option::is_some).await;
        doomed.ok().and_then(|doom| doom.clone()).unwrap_or_default()
    }

    /// As a process that crashes.
    fn die(&self) {
        self.state().dead = true;
        self.doom.send_replace(Some((0, String::new())));
    }

    fn identity(&self) -> Option<String> {
        self.state().own_open_id.clone()
    }

    fn know_identity(&self, open_id: Option<String>) {
        self.state().own_open_id = open_id;
        self.look_ups.send_modify(|count| *count += 1);
    }

    fn is_refused(&self, emoji_type: &str) -> bool {
        self.state().refused_emoji.contains(emoji_type)
    }

    fn refuse(&self, emoji_type: &'static str) {
        self.state().refused_emoji.insert(emoji_type);
    }

    fn with_seen<T>(&self, what: impl FnOnce(&mut Seen) -> T) -> T {
        let mut seen = std::mem::take(&mut self.state().seen);
        let result = what(&mut seen);
        self.state().seen = seen;
        result
    }

    /// It was accepted.
    fn remember(&self, happening: &Happening) {
        self.with_seen(|seen| {
            seen.note(self, happening);
            if let Some(memory) = &self.memory {
                *memory.lock().unwrap_or_else(PoisonError::into_inner) = seen.save();
            }
        });
        if let Some(message) = &happening.message {
            let mut state = self.state();
            let spoken = state.loops.entry(message.chat_id.clone()).or_default();
            match happening.who.as_ref().is_some_and(|who| who.app.is_some()) {
                true => spoken.push(Instant::now()),
                false => spoken.clear(),
            }
        }
    }

    /// Messages of bots in a chat lately.
    fn bots_in(&self, chat_id: &str, within: Duration) -> usize {
        let state = self.state();
        let spoken = state.loops.get(chat_id).map(Vec::as_slice).unwrap_or_default();
        spoken.iter().filter(|at| at.elapsed() < within).count()
    }

    fn keep_parts(&self, parts: Parts) {
        self.state().kept_parts = Some(parts);
    }

    fn take_parts(&self) -> Parts {
        self.state().kept_parts.take().unwrap_or_default()
    }

    /// What a talkative client says to whom it does not serve.
    fn tell_denied(&self, happening: &Happening) {
        let Some(message) = &happening.message else { return };
        let call = Call {
            call: "reply".to_owned(),
            message_id: Some(message.id.clone()),
            text: Some("You may not use this bot.".to_owned()),
            ..Call::default()
        };
        let Some(shared) = self.shared() else { return };
        self.spawn(async move { drop(calls::perform(&shared, call).await) });
    }
}
