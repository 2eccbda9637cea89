//! A Lark/Feishu platform on loopback.
//!
//! One listener serves discovery, the long connection, the calls of the open platform and a control interface:
//!
//! ```text
//!  client                      one TCP port                                     test, demo, other process
//!    │ POST /callback/ws/endpoint   server ──► discovery   URL for one use         │ Platform::push, cut, faults …
//!    │ GET  /ws/v2?… (upgrade)             ──► upgrade ──► socket ◄── delivery ◄───┤ or POST /_platform/…
//!    │ ping, acknowledgement    ◄────────────────────────► ├─ frame   push ────────┤
//!    │                                                     └─ ack     the echo     │
//!    │ …    /open-apis/…                   ──► rest ──► token, info, messages,     │
//!    ▼                                               changes, reaction, card        │
//!                                               state, chat: what is known          │
//!                                               faults, clock: what goes wrong      │
//!                                               record: what happened ────────────► records, wait_for, subscribe
//! ```
//!
//! Events and callbacks go to a URL instead, where webhook has one for the app. What is pushed is made by push and its builders (chat_message, events) and composed into frames; content, callback and
//! ack judge what clients write.
//!
//! ```no_run
//! use std::time::Duration;
//! use larkwire_conformance::platform::{AppSpec, Kind, Platform, PlatformConfig, Push};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let platform = Platform::start(PlatformConfig::default()).await?;
//! platform.add_app(AppSpec::new("cli_0123456789abcdef", "secret"));
//! // Point a client at platform.base_url(), then:
//! platform.push(&Push::message("oc_room", "p2p", "ou_ann", "hello").parts(3))?;
//! let acked = |kind: &Kind| matches!(kind, Kind::Acked { settled: true, .. });
//! assert!(platform.wait_for(|record| acked(&record.kind), Duration::from_secs(5)).await.is_some());
//! platform.stop().await;
//! # Ok(())
//! # }
//! ```

mod ack;
mod base64_bytes;
mod callback;
mod card;
mod changes;
mod chat;
mod chat_message;
mod clock;
mod compose;
mod config;
mod content;
mod control;
mod delivery;
mod discovery;
mod endpoint;
mod events;
mod faults;
mod frame;
mod info;
mod kind;
mod messages;
mod push;
mod reaction;
mod recent;
mod record;
mod reply;
mod rest;
mod server;
mod socket;
mod state;
mod stream;
mod tap;
mod token;
mod upgrade;
pub mod webhook;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fmt, io};

use serde::{Deserialize, Serialize};
use tokio::io::{DuplexStream, duplex};
use tokio::net::TcpListener;
use tokio::time::timeout;

use self::clock::Clock;
use self::socket::{Command, Fate};
use self::state::{App, Shared};
use self::stream::{PIPE, Stream};

#[cfg(feature = "suite")]
pub(crate) use self::chat_message::ChatMessage;
pub use self::chat_message::Mention;
#[cfg(feature = "suite")]
pub(crate) use self::clock::iso_date;
pub use self::config::{AppSpec, AppState, ClientConfig, Options, PlatformConfig};
pub use self::endpoint::Endpoint;
pub use self::faults::{Answer, DiscoveryFault, Faults, HttpFault, Pong, RestFault, Switch, UpgradeFault, UrlFault};
pub use self::frame::{CONTROL, DATA, Frame, Header};
pub use self::kind::{AckFault, ClosedBy, Kind};
pub use self::push::{Push, Route};
pub use self::record::{ConnectionId, PushId, Record, Subscription};
pub use self::tap::Tapped;
#[cfg(feature = "suite")]
pub(crate) use self::upgrade::unhex;
pub use self::webhook::{
    ChallengeVerdict, Expected, Hostile, HostileAnswer, Resend, Stamp, WebhookError, WebhookFailure, WebhookListener,
    WebhookRequest, WebhookSpec, hostile_list,
};

/// A running platform. Dropping it ends everything it started; [`Platform::stop`] also waits for that.
#[derive(Debug)]
pub struct Platform {
    shared: Arc<Shared>,
}

/// Something that clients should not receive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Inject {
    /// A binary message, for example an encoded [`Frame`].
    #[serde(with = "base64_bytes")]
    Binary(Vec<u8>),
    /// Bytes past the WebSocket codec, which need not be WebSocket.
    #[serde(with = "base64_bytes")]
    Bytes(Vec<u8>),
    /// A text message.
    Text(String),
}

/// No app is registered under this id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownApp(pub String);

impl fmt::Display for UnknownApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no app {:?} is registered on the platform: call add_app first", self.0)
    }
}

impl std::error::Error for UnknownApp {}

impl Platform {
    /// Starts a platform on the tokio runtime of the caller.
    ///
    /// # Errors
    /// The address cannot be bound, or it is not a loopback address: a platform hands out tokens for the asking.
    pub async fn start(config: PlatformConfig) -> io::Result<Self> {
        if !config.listen.ip().is_loopback() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the platform listens on loopback addresses only"));
        }
        if !(config.clock_scale.is_finite() && config.clock_scale > 0.0) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "clock_scale must be a number above 0"));
        }
        let listener = TcpListener::bind(config.listen).await?;
        let shared = Shared::new(config, listener.local_addr()?, Clock::default());
        shared.spawn(server::accept(Arc::clone(&shared), listener));
        Ok(Self { shared })
    }

    /// A platform without a listener: clients inside the process get their streams by [`Platform::connect`]. With tokio's
    /// paused clock nothing then takes real time; dates go by that clock, too.
    #[must_use]
    pub fn in_memory(config: PlatformConfig) -> Self {
        let mut address = config.listen;
        if address.port() == 0 {
            // A URL has to have one, though nobody listens.
            address.set_port(8080);
        }
        Self { shared: Shared::new(config, address, Clock::with_wall()) }
    }

    /// A new stream to the platform, as if by TCP.
    #[must_use]
    pub fn connect(&self) -> DuplexStream {
        let (near, far) = duplex(PIPE);
        self.shared.spawn(server::serve(Arc::clone(&self.shared), Stream::Pipe(far)));
        near
    }

    /// The domain for clients, `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn base_url(&self) -> String {
        self.shared.base_url()
    }

    /// Registers an app, or replaces the settings of one.
    pub fn add_app(&self, spec: AppSpec) {
        self.shared.add_app(spec);
    }

    /// Delivers an event to one connection of its app, each with the same chance, and again until it is acknowledged.
    /// Without a connection it waits for one; a callback does not wait. An app with a webhook gets it there.
    ///
    /// # Errors
    /// The app is not registered.
    pub fn push(&self, push: &Push) -> Result<PushId, UnknownApp> {
        let ids = self.push_interleaved(std::slice::from_ref(push))?;
        ids.first().copied().ok_or_else(|| UnknownApp(String::new()))
    }

    /// Like [`Platform::push`] for several events: those of one app go to the same connection, one frame of each in turn.
    ///
    /// # Errors
    /// An app is not registered; nothing was sent then.
    pub fn push_interleaved(&self, pushes: &[Push]) -> Result<Vec<PushId>, UnknownApp> {
        self.shared.push(pushes.to_vec())
    }

    /// Ends the app's connections without a word (TCP FIN); their number.
    pub fn cut(&self, app_id: &str) -> usize {
        self.shared.end(app_id, Fate::Cut)
    }

    /// Ends the app's connections by a TCP reset; their number.
    pub fn cut_rst(&self, app_id: &str) -> usize {
        self.shared.end(app_id, Fate::Reset)
    }

    /// Stops reading from and writing to the app's connections, which go on to count as open; their number.
    pub fn half_open(&self, app_id: &str) -> usize {
        self.shared.half_open(app_id)
    }

    /// Closes the app's connections by a WebSocket Close frame; their number.
    pub fn close(&self, app_id: &str, code: u16) -> usize {
        self.shared.close(app_id, code, "")
    }

    /// Sends something out of the ordinary to the app's connections; their number.
    pub fn inject(&self, app_id: &str, what: &Inject) -> usize {
        self.shared.inject(app_id, what)
    }

    /// Makes all tokens of the app invalid; the number of those that were still valid.
    pub fn revoke_tokens(&self, app_id: &str) -> usize {
        self.shared.revoke_tokens(app_id, 0)
    }

    /// Makes the tokens the app has now invalid after this many more calls, which the client meets in the middle of a
    /// burst; their number. Newer tokens stay valid.
    pub fn revoke_tokens_after(&self, app_id: &str, calls: u32) -> usize {
        self.shared.revoke_tokens(app_id, calls)
    }

    /// How often the app has asked for a token, with or without success.
    #[must_use]
    pub fn token_requests(&self, app_id: &str) -> u64 {
        self.shared.state().apps.get(app_id).map_or(0, |app| app.tokens.requests)
    }

    /// Puts the platform's clock forward; how far it is ahead now. What is due by then happens at once: redeliveries and
    /// copies, the ends of tokens, `uuid`s, URLs and card tokens. Dates stay, and so do deadlines of clients, such as the
    /// 3 s for an acknowledgement: they live in real time. On tokio's paused clock, `tokio::time::advance` moves all.
    pub fn advance(&self, by: Duration) -> Duration {
        self.shared.advance(by)
    }

    /// Changes the options: `platform.options(|options| options.echo_reactions = true)`.
    pub fn options<T>(&self, change: impl FnOnce(&mut Options) -> T) -> T {
        change(&mut self.shared.state().options)
    }

    /// Sets what chat info says of a chat: merged into what is known (RFC 7396).
    ///
    /// # Errors
    /// The app is not registered.
    pub fn describe_chat(&self, app_id: &str, chat_id: &str, info: &serde_json::Value) -> Result<(), UnknownApp> {
        self.shared.state().app_mut(app_id)?.chat.describe(chat_id, info);
        Ok(())
    }

    /// Sets what clients are told from now on, at discovery and in pongs.
    pub fn set_client_config(&self, config: ClientConfig) {
        self.shared.state().client_config = config;
    }

    /// Changes what goes wrong: `platform.faults(|faults| faults.ignore_acks = true)`.
    pub fn faults<T>(&self, change: impl FnOnce(&mut Faults) -> T) -> T {
        change(&mut self.shared.state().faults)
    }

    /// Open connections of the app.
    #[must_use]
    pub fn connections(&self, app_id: &str) -> usize {
        self.shared.state().apps.get(app_id).map_or(0, |app| app.connections.len())
    }

    /// Everything that happened, as far as it is kept.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        self.shared.log.since(0)
    }

    /// The last frames of the long connections, both ways.
    #[must_use]
    pub fn frames(&self) -> Vec<Tapped> {
        self.shared.tap.all()
    }

    /// Everything a client was told in confidence so far: app secrets, tickets, access keys, tokens. None of it belongs
    /// into a log.
    #[must_use]
    pub fn secrets(&self) -> Vec<String> {
        let state = self.shared.state();
        let apps = state.apps.values().map(|app| app.spec.app_secret.clone());
        apps.chain(state.secrets.iter().cloned()).collect()
    }

    /// Records from now on.
    #[must_use]
    pub fn subscribe(&self) -> Subscription {
        Subscription::from_now(Arc::clone(&self.shared.log))
    }

    /// The first record that fits, also among those of the past. `None` if there is none within the time.
    pub async fn wait_for(&self, fits: impl FnMut(&Record) -> bool, within: Duration) -> Option<Record> {
        self.wait_for_after(0, fits, within).await
    }

    /// The first record after number `after` that fits. `None` if there is none within the time.
    pub async fn wait_for_after(
        &self,
        after: u64,
        mut fits: impl FnMut(&Record) -> bool,
        within: Duration,
    ) -> Option<Record> {
        let mut records = Subscription::new(Arc::clone(&self.shared.log), after);
        let search = async {
            loop {
                match records.next().await {
                    Some(record) if fits(&record) => return Some(record),
                    Some(_) => {}
                    None => return None,
                }
            }
        };
        timeout(within, search).await.unwrap_or_default()
    }

    /// Ends all connections and waits until nothing runs any more. Subscriptions end after the last record.
    pub async fn stop(&self) {
        self.shared.stop_tasks().await;
        self.shared.log.close();
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        self.shared.abort_tasks();
        self.shared.log.close();
    }
}

impl Shared {
    fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn add_app(&self, spec: AppSpec) {
        let mut state = self.state();
        state.first_app.get_or_insert_with(|| spec.app_id.clone());
        match state.apps.get_mut(&spec.app_id) {
            Some(app) => {
                let old = std::mem::replace(&mut app.spec, spec).app_secret;
                state.secrets.push(old);
            }
            None => drop(state.apps.insert(spec.app_id.clone(), App::new(spec))),
        }
    }

    fn end(&self, app_id: &str, fate: Fate) -> usize {
        let reason = if matches!(fate, Fate::Reset) { "reset" } else { "cut" };
        self.disconnect(app_id, None, reason, |handle| handle.decide(fate))
    }

    fn close(&self, app_id: &str, code: u16, reason: &str) -> usize {
        self.disconnect(app_id, Some(code), reason, |handle| handle.command(Command::Close(code, reason.to_owned())))
    }

    fn half_open(&self, app_id: &str) -> usize {
        self.each_connection(app_id, |handle| handle.decide(Fate::HalfOpen))
    }

    fn inject(&self, app_id: &str, what: &Inject) -> usize {
        let command = match what {
            Inject::Binary(message) => Command::Send(vec![message.clone()]),
            Inject::Bytes(bytes) => Command::Bytes(bytes.clone()),
            Inject::Text(text) => Command::Text(text.clone()),
        };
        self.each_connection(app_id, |handle| handle.command(command.clone()))
    }

    fn revoke_tokens(&self, app_id: &str, after_calls: u32) -> usize {
        let now = self.clock.now();
        self.state().apps.get_mut(app_id).map_or(0, |app| app.tokens.revoke(after_calls, now))
    }
}

/// A panic elsewhere does not make the data worse than it is.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
