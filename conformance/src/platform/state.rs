//! What the platform knows, behind one lock.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use rand::RngExt as _;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::chat::Chat;
use super::clock::Clock;
use super::config::{AppSpec, ClientConfig, Options, PlatformConfig};
use super::delivery::Deliveries;
use super::discovery::Ticket;
use super::faults::Faults;
use super::kind::{ClosedBy, Kind};
use super::push::Push;
use super::record::{ConnectionId, Log, PushId};
use super::socket;
use super::tap::{Tap, What};
use super::token::Tokens;
use super::webhook::Webhook;
use super::{UnknownApp, lock};

/// Shared by every task of a platform.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: PlatformConfig,
    pub(super) address: SocketAddr,
    pub(super) clock: Arc<Clock>,
    pub(super) log: Arc<Log>,
    pub(super) tap: Tap,
    state: Mutex<State>,
    runtime: Handle,
    tasks: Mutex<JoinSet<()>>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) apps: BTreeMap<String, App>,
    pub(super) client_config: ClientConfig,
    pub(super) clock: Arc<Clock>,
    pub(super) deliveries: Deliveries,
    /// Events that a call brings about, to be delivered when it has been dealt with.
    pub(super) echoes: Vec<Push>,
    pub(super) faults: Faults,
    /// The app that is meant where none is named.
    pub(super) first_app: Option<String>,
    pub(super) options: Options,
    pub(super) rng: StdRng,
    pub(super) tickets: HashMap<String, Ticket>,
    /// Everything that was given out in confidence.
    pub(super) secrets: Vec<String>,
    last_connection: u64,
    last_push: u64,
}

/// An app and everything that is its own.
#[derive(Debug)]
pub(super) struct App {
    pub(super) spec: AppSpec,
    pub(super) chat: Chat,
    pub(super) connections: Vec<socket::Handle>,
    /// Deliveries that wait for a connection.
    pub(super) queue: VecDeque<u64>,
    pub(super) tokens: Tokens,
    /// Where its events go instead of to its connections.
    pub(super) webhook: Option<Webhook>,
}

impl Shared {
    pub(super) fn new(config: PlatformConfig, address: SocketAddr, clock: Clock) -> Arc<Self> {
        let clock = Arc::new(clock);
        let state = State {
            apps: BTreeMap::new(),
            client_config: config.client_config.clone(),
            clock: Arc::clone(&clock),
            echoes: Vec::new(),
            options: config.options.clone(),
            deliveries: Deliveries::default(),
            faults: Faults::default(),
            first_app: None,
            rng: config.seed.map_or_else(rand::make_rng, StdRng::seed_from_u64),
            tickets: HashMap::new(),
            secrets: Vec::new(),
            last_connection: 0,
            last_push: 0,
        };
        let log = Arc::new(Log::new(config.max_records, Arc::clone(&clock)));
        Arc::new(Self {
            config,
            address,
            clock,
            log,
            tap: Tap::default(),
            state: Mutex::new(state),
            runtime: Handle::current(),
            tasks: Mutex::default(),
        })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Runs a task until it ends or the platform stops.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = lock(&self.tasks);
        while tasks.try_join_next().is_some() {}
        tasks.spawn_on(task, &self.runtime);
    }

    pub(super) fn abort_tasks(&self) {
        lock(&self.tasks).abort_all();
    }

    pub(super) async fn stop_tasks(&self) {
        loop {
            // A task may start another one before it is stopped.
            let mut tasks = std::mem::take(&mut *lock(&self.tasks));
            if tasks.is_empty() {
                return;
            }
            tasks.shutdown().await;
        }
    }

    pub(super) fn tap(&self, connection: ConnectionId, from_client: bool, what: What<'_>) {
        self.tap.add(self.log.at_ms(), connection, from_client, what);
    }

    pub(super) fn client_fault(&self, app_id: Option<&str>, connection: Option<ConnectionId>, what: impl Into<String>) {
        self.log.add(app_id, Kind::ClientFault { connection, what: what.into() });
    }

    /// Takes the app's connections out of the platform's books, which is when they count as closed; their number.
    pub(super) fn disconnect(
        &self,
        app_id: &str,
        code: Option<u16>,
        reason: &str,
        each: impl Fn(&socket::Handle),
    ) -> usize {
        let mut state = self.state();
        let connections =
            state.apps.get_mut(app_id).map(|app| std::mem::take(&mut app.connections)).unwrap_or_default();
        for handle in &connections {
            each(handle);
            let (connection, by, reason) = (handle.id, ClosedBy::Platform, reason.to_owned());
            self.log.add(Some(app_id), Kind::ConnectionClosed { connection, by, code, reason });
        }
        connections.len()
    }

    pub(super) fn each_connection(&self, app_id: &str, each: impl Fn(&socket::Handle)) -> usize {
        let state = self.state();
        let connections = state.apps.get(app_id).map_or(&[][..], |app| &app.connections);
        connections.iter().for_each(each);
        connections.len()
    }
}

impl State {
    pub(super) fn app_mut(&mut self, app_id: &str) -> Result<&mut App, UnknownApp> {
        self.apps.get_mut(app_id).ok_or_else(|| UnknownApp(app_id.to_owned()))
    }

    pub(super) fn next_connection(&mut self) -> ConnectionId {
        self.last_connection += 1;
        ConnectionId(self.last_connection)
    }

    pub(super) fn next_push(&mut self) -> PushId {
        self.last_push += 1;
        PushId(self.last_push)
    }

    /// Random lower-case hexadecimal digits after a prefix.
    pub(super) fn random_id(&mut self, prefix: &str) -> String {
        format!("{prefix}{:032x}", self.rng.random::<u128>())
    }

    /// One of the app's connections, each with the same chance.
    pub(super) fn random_connection(&mut self, app_id: &str) -> Option<socket::Handle> {
        self.apps.get(app_id)?.connections.choose(&mut self.rng).cloned()
    }
}

impl App {
    pub(super) fn new(spec: AppSpec) -> Self {
        Self {
            spec,
            chat: Chat::default(),
            connections: Vec::new(),
            queue: VecDeque::new(),
            tokens: Tokens::default(),
            webhook: None,
        }
    }
}
