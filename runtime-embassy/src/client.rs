//! [`Client`]: one bot on embassy.

use core::fmt;

use larkwire_core::fault::CallError;
use larkwire_core::{Body, Bot, Call, End, Notice, ReceiveIdType, Short, State, Stats};

use crate::connect::Connect;
use crate::inbox::Inbox;
use crate::loops;
use crate::monitor::Monitor;

/// A bot with what its handles share. `HTTP` is the number of `Http` lanes, 1 with [`Buffers`](crate::Buffers).
pub struct Resources<'s, const HTTP: usize> {
    monitor: Monitor<'s>,
}

impl<'s, const HTTP: usize> Resources<'s, HTTP> {
    /// Takes a bot that was told nothing yet.
    ///
    /// # Errors
    /// [`LanesError`] when the bot's storage has another number of `Http` lanes than [`Runner::run`] gets connectors.
    pub fn new(bot: Bot<'s>) -> Result<Self, LanesError> {
        let lanes = usize::from(bot.http_lanes());
        if lanes != HTTP {
            return Err(LanesError { lanes, connectors: HTTP });
        }
        Ok(Self { monitor: Monitor::new(bot) })
    }

    /// The handle for the program, and the future that does the work. Both stay on one executor.
    pub fn split(&'s mut self) -> (Client<'s>, Runner<'s, HTTP>) {
        let monitor = &self.monitor;
        (Client { monitor }, Runner { monitor })
    }
}

impl<const HTTP: usize> fmt::Debug for Resources<'_, HTTP> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resources").field("state", &self.monitor.read(Bot::state)).finish_non_exhaustive()
    }
}

/// The storage has another number of `Http` lanes than there are connectors for them. Next step: make both the same.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LanesError {
    /// `Http` lanes of the storage.
    pub lanes: usize,
    /// Connectors for them.
    pub connectors: usize,
}

impl fmt::Display for LanesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lanes, connectors } = self;
        write!(
            f,
            "the storage has {lanes} Http lanes and run gets {connectors} connectors for them: make both the same"
        )
    }
}

impl core::error::Error for LanesError {}

/// The loops of one bot, to be run once.
pub struct Runner<'s, const HTTP: usize> {
    monitor: &'s Monitor<'s>,
}

impl<const HTTP: usize> fmt::Debug for Runner<'_, HTTP> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Runner")
    }
}

impl<const HTTP: usize> Runner<'_, HTTP> {
    /// Runs the bot to its end: `socket` opens the long connection, `http` the `Http` lanes. `hook` is told what people
    /// may want to know.
    ///
    /// Dropping the future drops every stream without a goodbye; calls that are waited for then never return, and the
    /// bot cannot be run again.
    pub async fn run<C: Connect>(self, socket: C, http: [C; HTTP], inbox: impl Inbox, hook: impl FnMut(Notice)) -> End {
        loops::run(self.monitor, socket, http, inbox, hook).await
    }
}

/// A handle to a bot. Copies are handles to the same one; the bot runs as long as [`Runner::run`] is awaited, whether or
/// not handles exist. It may be used from any task of the same executor.
#[derive(Clone, Copy)]
pub struct Client<'s> {
    monitor: &'s Monitor<'s>,
}

impl fmt::Debug for Client<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("state", &self.state()).finish_non_exhaustive()
    }
}

impl Client<'_> {
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
        self.monitor.call(call).await
    }

    /// Where the bot stands.
    pub fn state(&self) -> State {
        self.monitor.read(Bot::state)
    }

    /// The counters since the start.
    pub fn stats(&self) -> Stats {
        self.monitor.read(|bot| *bot.stats())
    }

    /// Ends in order: no more events, accepted calls finished (10 s at most), acks written (2 s), the socket closed with
    /// 1000 (2 s). Returns when that is done.
    pub async fn shut_down(&self) -> End {
        self.begin_shut_down();
        self.ended().await
    }

    /// As [`shut_down`](Self::shut_down), without waiting.
    pub fn begin_shut_down(&self) {
        self.monitor.change(|bot, now| bot.shut_down(now));
    }

    /// Waits for the end, however it comes.
    pub async fn ended(&self) -> End {
        self.monitor.ended().await
    }
}

/// What came of a call.
pub type CallResult = Result<CallAnswer, CallError>;

/// A message the platform has taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CallAnswer {
    /// `om_…`
    pub message_id: Short<64>,
    /// The platform's log id, for questions to its support.
    pub log_id: Short<48>,
}

impl CallAnswer {
    pub(crate) fn new(sent: &larkwire_core::CallAnswer<'_>, log_id: Short<48>) -> Self {
        Self { message_id: Short::new(sent.message_id), log_id }
    }
}
