//! [`Client`]: one bot on tokio.

use std::fmt;
use std::sync::Arc;

use larkwire_core as core;
use larkwire_core::fault::{CallError, Misuse};
use larkwire_core::locale::Locale;
use larkwire_core::{
    Bot, Call, End, Identity, Instant, LinkMode, Notice, Seed, Short, State, Stats, Storage, UnixMillis,
};
use tokio::sync::{oneshot, watch};
use tokio::task::AbortHandle;

use crate::connect::{Connect, NetConnect};
use crate::inbox::{Events, Inbox, channel};
use crate::loops::{self, unix_now};
use crate::memory::SeenFile;
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
    task: AbortHandle,
    split_text_at: usize,
    #[cfg(feature = "webhook")]
    webhook: Option<crate::webhook::WebhookService>,
}

/// Held by the bot's task: when the task goes, with its runtime or in a panic, nobody is left waiting.
struct Running(Arc<Monitor>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abandon();
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
        let mut bot = settings.with_config(|config| {
            let bot = Bot::new(config, Storage::growable(), Seed(seed))?;
            if !config.app_id_looks_right() {
                tracing::warn!("app_id does not look like cli_ and 16 hexadecimal digits");
            }
            if config.link == LinkMode::Connect {
                tracing::info!("connecting to {}", config.domain.base());
            }
            if settings.hears() && config.gate.allowed_users.is_empty() {
                tracing::warn!("nobody may speak to this bot: allowed_users is empty; add ids, or \"*\" for everybody");
            }
            Ok::<_, SettingsError>(bot)
        })?;
        bot.handle_wall_clock(Instant::ZERO, unix_now());
        // Before the memory is read: a webhook may have to remember for longer.
        #[cfg(feature = "webhook")]
        let webhook = settings.webhook.as_ref().map(|webhook| webhook.open(&mut bot)).transpose()?;
        // A client for calls hears nothing that it could remember.
        let path = settings.dedup_file.as_deref().filter(|_| settings.hears());
        let memory = path.map(|path| SeenFile::open(path, &mut bot, Instant::ZERO));
        let memory = memory.transpose()?;
        for (chat_id, locale) in &settings.chat_locales {
            bot.set_chat_locale(chat_id, Some(*locale)).map_err(|error| SettingsError::new("chat_locales", error))?;
        }
        let monitor = Arc::new(Monitor::new(bot));
        #[cfg(feature = "webhook")]
        let webhook = webhook.map(|webhook| crate::webhook::WebhookService::new(webhook, Arc::clone(&monitor)));
        let (sender, end) = watch::channel(None);
        let (running, connect) = (Running(Arc::clone(&monitor)), Arc::new(connect));
        let task = tokio::spawn(async move {
            let end = loops::run(Arc::clone(&running.0), connect, inbox, memory).await;
            sender.send_replace(Some(end));
        });
        let task = task.abort_handle();
        Ok(Self {
            shared: Arc::new(Shared {
                monitor,
                end,
                task,
                split_text_at: settings.split_text_at,
                #[cfg(feature = "webhook")]
                webhook,
            }),
        })
    }

    /// What takes the platform's posts, to be mounted in a server: see [`webhook`](crate::webhook). `None` without
    /// [`Settings::webhook`].
    #[cfg(feature = "webhook")]
    pub fn webhook(&self) -> Option<crate::webhook::WebhookService> {
        self.shared.webhook.clone()
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

    /// Makes a call; the result can be waited for, or not. Calls are begun in the order they were submitted, up to four at a
    /// time over as many connections: those under way together may reach the platform in another order. Where the order
    /// matters, wait for one result before the next call.
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

    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut Bot<'static>, Instant) -> R) -> R {
        self.shared.monitor.change(change)
    }

    pub(crate) fn split_text_at(&self) -> usize {
        self.shared.split_text_at
    }

    /// The bot's own `open_id`, once it is known.
    pub fn own_open_id(&self) -> Option<String> {
        self.shared.monitor.read(|bot| match bot.identity() {
            Identity::Known { open_id, .. } => Some(open_id.to_owned()),
            _ => None,
        })
    }

    /// The platform's clock, by its last HTTP answer; good to a second or two.
    pub fn platform_time(&self) -> Option<UnixMillis> {
        self.shared.monitor.read_at(|bot, now| {
            let (at, UnixMillis(unix)) = bot.platform_clock()?;
            Some(UnixMillis(unix.saturating_add(now.since(at))))
        })
    }

    /// Asks the platform again who the bot is; every lookup is a call on the app's monthly quota.
    pub fn refresh_identity(&self) {
        self.change(|bot, now| bot.refresh_identity(now));
    }

    /// Tells the language of a chat, for acknowledgement reactions; `None` forgets it.
    ///
    /// # Errors
    /// [`Misuse`] when there is no place for one more chat.
    pub fn set_chat_locale(&self, chat_id: &str, locale: Option<Locale>) -> Result<(), Misuse> {
        self.change(|bot, _| bot.set_chat_locale(chat_id, locale))
    }

    /// Where the bot stands.
    pub fn state(&self) -> State {
        self.shared.monitor.read(Bot::state)
    }

    /// The state as it changes.
    pub fn states(&self) -> watch::Receiver<State> {
        self.shared.monitor.states()
    }

    /// The newest notice, as it changes. Of those that follow each other fast some are missed; the log has all of them.
    pub fn notices(&self) -> watch::Receiver<Option<Notice>> {
        self.shared.monitor.notices()
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

    /// Ends the bot at once: nothing is finished and nobody is told, the streams are dropped. For one that has no time
    /// for [`shut_down`](Self::shut_down), which is the better way in every other case.
    pub fn abort(&self) {
        self.shared.task.abort();
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

/// What the platform answered to a call.
#[derive(Clone, Eq, PartialEq)]
pub struct CallAnswer {
    /// `om_…` of the message that was sent; empty for calls that send none.
    pub message_id: String,
    /// The whole `data` object of the answer as JSON text.
    pub data: String,
    /// The platform's log id, for questions to its support.
    pub log_id: Short<48>,
}

impl CallAnswer {
    pub(crate) fn new(answer: &core::CallAnswer<'_>, log_id: Short<48>) -> Self {
        Self { message_id: answer.message_id.to_owned(), data: answer.data.to_owned(), log_id }
    }

    /// A text among the members of [`data`](Self::data), such as `chat_id` or `thread_id`.
    pub fn field(&self, name: &str) -> Option<String> {
        let answer = core::CallAnswer { message_id: &self.message_id, data: &self.data };
        Some(answer.field(name)?.as_str()?.to_string())
    }
}

impl fmt::Debug for CallAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What people write is not for logs.
        f.debug_struct("CallAnswer").field("message_id", &self.message_id).finish_non_exhaustive()
    }
}
