//! [`Client`]: one bot on tokio.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use larkwire_core::fault::{CallError, Misuse};
use larkwire_core::{Body, Bot, Call, End, ReceiveIdType, Seed, Short, State, Stats, Storage};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use crate::connect::{Connect, NetConnect};
use crate::event::Event;
use crate::inbox::{Events, Inbox, channel};
use crate::loops;
use crate::monitor::Monitor;
use crate::settings::{Settings, SettingsError};

/// A running bot. Cloning gives another handle to the same one; the bot runs until it is shut down or ends by itself,
/// whether or not handles exist.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    monitor: Arc<Monitor>,
    end: watch::Receiver<Option<End>>,
}

/// Held by the bot's task: when the task goes, with its runtime or in a panic, nobody is left waiting.
struct Running(Arc<Monitor>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.outbox.close();
        self.0.change_waiters(|bot, waiters, now| {
            bot.shut_down(now);
            waiters.clear();
        });
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("state", &self.state()).finish_non_exhaustive()
    }
}

impl Client {
    /// Starts a bot on the current tokio runtime. Events wait in [`Events`] until they are taken.
    ///
    /// # Errors
    /// [`SettingsError`] names the setting that is wrong.
    pub fn start(settings: &Settings) -> Result<(Self, Events), SettingsError> {
        let (inbox, events) = channel(settings.inbox);
        let connect = NetConnect::new(&settings.extra_roots)?;
        Ok((Self::start_with(settings, connect, inbox)?, events))
    }

    /// As [`start`](Self::start), with a transport and an inbox of one's own.
    ///
    /// # Errors
    /// [`SettingsError`] names the setting that is wrong.
    pub fn start_with<C: Connect, I: Inbox>(settings: &Settings, connect: C, inbox: I) -> Result<Self, SettingsError> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| SettingsError::new("entropy of the system", error))?;
        let config = settings.config();
        if !config.app_id_looks_right() {
            tracing::warn!("app_id does not look like cli_ and 16 hexadecimal digits");
        }
        let bot = Bot::new(config, Storage::growable(), Seed(seed))?;
        tracing::info!("connecting to {}", config.domain.base());
        let monitor = Arc::new(Monitor::new(bot));
        let (sender, end) = watch::channel(None);
        let (running, connect) = (Running(Arc::clone(&monitor)), Arc::new(connect));
        tokio::spawn(async move {
            let end = loops::run(Arc::clone(&running.0), connect, inbox).await;
            sender.send_replace(Some(end));
        });
        Ok(Self { shared: Arc::new(Shared { monitor, end }) })
    }

    /// Answers a message with a text. Returns once the platform has taken it.
    ///
    /// # Errors
    /// [`CallError`] says what to do.
    pub async fn reply_text(&self, message_id: &str, text: &str) -> CallResult {
        self.call(Call::reply_text(message_id, text)).await
    }

    /// Sends a text to a chat, a person or an e-mail address; what `receive_id` is shows in its form.
    ///
    /// # Errors
    /// [`CallError`] says what to do.
    pub async fn send_text(&self, receive_id: &str, text: &str) -> CallResult {
        self.call(Call::send_text(receive_id, text)).await
    }

    /// As [`send_text`](Self::send_text), for a receiver whose kind does not show.
    ///
    /// # Errors
    /// [`CallError`] says what to do.
    pub async fn send_text_to(&self, receive_id: &str, kind: ReceiveIdType, text: &str) -> CallResult {
        self.call(Call::Send {
            receive_id: receive_id,
            receive_id_type: Some(kind),
            body: Body::text(text),
            uuid: None,
        })
        .await
    }

    /// Makes a call and waits for its result; while the outbox is full it waits for a place. A call that was accepted is
    /// made even when this future is dropped.
    ///
    /// # Errors
    /// [`CallError`] says what to do.
    pub async fn call(&self, call: Call<'_>) -> CallResult {
        let submitted = self.submit(call).await?;
        submitted.result().await
    }

    /// Makes a call; the result can be waited for, or not. Calls leave in the order they were submitted.
    ///
    /// # Errors
    /// [`CallError::Misuse`] when the call cannot be accepted.
    pub async fn submit(&self, call: Call<'_>) -> Result<Submitted, CallError> {
        let permit = self.shared.monitor.outbox.acquire().await.map_err(|_| CallError::Misuse(Misuse::Stopping))?;
        let (sender, result) = oneshot::channel();
        self.shared
            .monitor
            .change_waiters(|bot, waiters, now| {
                let id = bot.submit(now, call)?;
                waiters.insert(id, sender);
                Ok(())
            })
            .map_err(CallError::Misuse)?;
        // The report loop gives the place back when it takes the result.
        permit.forget();
        Ok(Submitted { result })
    }

    /// Gives each event to `handler`, at most `at_once` at a time, until the bot ends; then waits for running handlers.
    /// A handler that panics costs its own event's handling and nothing else; a slow one delays no ping and no ack.
    pub async fn handle<F, Fut>(&self, mut events: Events, at_once: usize, handler: F) -> End
    where
        F: Fn(Client, Event) -> Fut,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let mut running = JoinSet::new();
        loop {
            while running.len() >= at_once.max(1) {
                finished(running.join_next().await);
            }
            tokio::select! {
                event = events.recv() => match event {
                    // What a handler does before its future is made may panic too.
                    Some(event) => match catch_unwind(AssertUnwindSafe(|| handler(self.clone(), event))) {
                        Ok(future) => drop(running.spawn(future)),
                        Err(_) => panicked(),
                    },
                    None => break,
                },
                done = running.join_next(), if !running.is_empty() => finished(done),
            }
        }
        while let Some(done) = running.join_next().await {
            finished(Some(done));
        }
        self.ended().await
    }

    /// Where the bot stands.
    pub fn state(&self) -> State {
        self.shared.monitor.read(Bot::state)
    }

    /// The state as it changes.
    pub fn states(&self) -> watch::Receiver<State> {
        self.shared.monitor.states()
    }

    /// The counters.
    pub fn stats(&self) -> Stats {
        self.shared.monitor.read(|bot| *bot.stats())
    }

    /// Asks the bot to end in order and waits for it: accepted calls are finished (10 s at most), acks written (2 s),
    /// the socket closed with 1000 (2 s). It may be called from anywhere and more than once.
    pub async fn shut_down(&self) -> End {
        self.begin_shut_down();
        self.ended().await
    }

    /// Asks the bot to end in order without waiting for it.
    pub fn begin_shut_down(&self) {
        self.shared.monitor.change(|bot, now| bot.shut_down(now));
    }

    /// Waits until the bot has ended, for whatever reason.
    pub async fn ended(&self) -> End {
        let mut end = self.shared.end.clone();
        match end.wait_for(Option::is_some).await {
            Ok(end) => end.unwrap_or(End::Stopped),
            // The runtime is going down and took the bot's task with it.
            Err(_) => self.shared.monitor.ended().unwrap_or(End::Stopped),
        }
    }
}

fn finished(done: Option<Result<(), tokio::task::JoinError>>) {
    if let Some(Err(error)) = done
        && error.is_panic()
    {
        panicked();
    }
}

fn panicked() {
    tracing::error!("an event handler panicked; its event is lost to it, the bot goes on");
}

/// A call that was accepted.
#[derive(Debug)]
pub struct Submitted {
    result: oneshot::Receiver<CallResult>,
}

impl Submitted {
    /// What came of it.
    ///
    /// # Errors
    /// [`CallError`] says what to do.
    pub async fn result(self) -> CallResult {
        self.result.await.unwrap_or(Err(CallError::Misuse(Misuse::Stopping)))
    }
}

/// What came of a call.
pub type CallResult = Result<CallAnswer, CallError>;

/// A message the platform has taken.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CallAnswer {
    /// `om_…`
    pub message_id: String,
    /// The whole `data` object of the answer as JSON text.
    pub data: String,
    /// The platform's log id, for questions to its support.
    pub log_id: Short<48>,
}

impl CallAnswer {
    pub(crate) fn new(sent: &larkwire_core::CallAnswer<'_>, log_id: Short<48>) -> Self {
        Self { message_id: sent.message_id.to_owned(), data: sent.data.to_owned(), log_id }
    }
}
