//! The one place where a bot is changed: change it, then wake the loops whose predicate changed. Each loop waits for
//! one predicate.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use larkwire_core::{Attempt, Bot, CallId, Deadline, End, Instant, Lane, Notice, State, Wish};
use tokio::sync::{Notify, Semaphore, oneshot, watch};

use crate::client::CallResult;

/// As many as the core's outbox holds ([`Storage::growable`](larkwire_core::Storage::growable)).
const OUTBOX: usize = 256;

/// What a loop waits for, reduced to what changes.
#[derive(Clone, Copy, Default, PartialEq)]
struct LaneSigns {
    attempt: Option<Attempt>,
    readable: bool,
    writable: usize,
}

#[derive(Clone, Default, PartialEq)]
struct Signs {
    lanes: Vec<LaneSigns>,
    deadline: Option<Instant>,
    delivery: (bool, bool),
    ended: bool,
}

struct Inner {
    bot: Bot<'static>,
    signs: Signs,
    spare: Signs,
    waiters: HashMap<CallId, oneshot::Sender<CallResult>>,
    #[cfg(feature = "webhook")]
    posts: crate::webhook::Waiting,
    #[cfg(feature = "webhook")]
    is_abandoned: bool,
}

pub(crate) struct LaneBell {
    pub(crate) reader: Notify,
    pub(crate) writer: Notify,
}

pub(crate) struct Monitor {
    inner: Mutex<Inner>,
    pub(crate) lanes: Vec<LaneBell>,
    pub(crate) clock: Notify,
    pub(crate) deliver: Notify,
    pub(crate) report: Notify,
    /// Free places of the outbox.
    pub(crate) outbox: Semaphore,
    pub(crate) notices: watch::Sender<Option<Notice>>,
    state: watch::Sender<State>,
    start: tokio::time::Instant,
}

impl Monitor {
    pub(crate) fn new(bot: Bot<'static>) -> Self {
        let lanes = usize::from(bot.http_lanes()).saturating_add(1);
        let bell = || LaneBell { reader: Notify::new(), writer: Notify::new() };
        Self {
            outbox: Semaphore::new(OUTBOX),
            notices: watch::Sender::new(None),
            state: watch::Sender::new(bot.state()),
            inner: Mutex::new(Inner {
                bot,
                signs: Signs::default(),
                spare: Signs::default(),
                waiters: HashMap::new(),
                #[cfg(feature = "webhook")]
                posts: crate::webhook::Waiting::default(),
                #[cfg(feature = "webhook")]
                is_abandoned: false,
            }),
            lanes: (0..lanes).map(|_| bell()).collect(),
            clock: Notify::new(),
            deliver: Notify::new(),
            report: Notify::new(),
            start: tokio::time::Instant::now(),
        }
    }

    pub(crate) fn lane(index: usize) -> Lane {
        index.checked_sub(1).and_then(|http| u8::try_from(http).ok()).map_or(Lane::Socket, Lane::Http)
    }

    pub(crate) fn now(&self) -> Instant {
        Instant::from_millis(u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    pub(crate) fn at(&self, instant: Instant) -> Option<tokio::time::Instant> {
        self.start.checked_add(std::time::Duration::from_millis(instant.as_millis()))
    }

    pub(crate) fn states(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // The core never panics on what it is told; a panic elsewhere must not silence the bot.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the bot.
    pub(crate) fn read<R>(&self, look: impl FnOnce(&Bot<'static>) -> R) -> R {
        look(&self.lock().bot)
    }

    /// Looks at the bot and the clock.
    pub(crate) fn read_at<R>(&self, look: impl FnOnce(&Bot<'static>, Instant) -> R) -> R {
        look(&self.lock().bot, self.now())
    }

    /// Changes the bot and wakes whom it concerns.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut Bot<'static>, Instant) -> R) -> R {
        let mut inner = self.lock();
        let result = change(&mut inner.bot, self.now());
        self.wake(&mut inner);
        // Notices and completions have no level to compare; looking for them is cheap.
        self.report.notify_one();
        result
    }

    /// As [`change`](Self::change), with the table of callers that wait for a result; does not wake the report loop,
    /// which calls this itself.
    pub(crate) fn change_waiters<R>(
        &self,
        change: impl FnOnce(&mut Bot<'static>, &mut HashMap<CallId, oneshot::Sender<CallResult>>, Instant) -> R,
    ) -> R {
        let mut inner = self.lock();
        let Inner { bot, waiters, .. } = &mut *inner;
        let result = change(bot, waiters, self.now());
        self.wake(&mut inner);
        result
    }

    /// Hands a posted event to the bot; its answer comes through the channel, unless it is known at once.
    #[cfg(feature = "webhook")]
    pub(crate) fn post(&self, posted: &larkwire_core::webhook::Posted<'_>) -> crate::webhook::Answering {
        let mut inner = self.lock();
        if inner.is_abandoned {
            return crate::webhook::Answering::ended();
        }
        let Inner { bot, posts, .. } = &mut *inner;
        let answering = posts.post(bot, self.now(), posted);
        self.wake(&mut inner);
        self.report.notify_one();
        answering
    }

    fn wake(&self, inner: &mut Inner) {
        #[cfg(feature = "webhook")]
        inner.posts.answer(&mut inner.bot, self.now());
        let Inner { bot, signs, spare, .. } = inner;
        spare.lanes.clear();
        spare.lanes.extend((0..self.lanes.len()).map(|index| {
            let lane = Self::lane(index);
            let attempt = match bot.poll_lane(lane) {
                Wish::Up(target) => Some(target.attempt),
                Wish::Down => None,
            };
            LaneSigns { attempt, readable: bot.poll_receive(lane) > 0, writable: bot.poll_transmit(lane).len() }
        }));
        spare.deadline = bot.poll_timeout().map(|Deadline { at, .. }| at);
        spare.delivery = (bot.is_delivery_waiting(), bot.is_room_wanted());
        spare.ended = bot.ended().is_some();
        for ((old, new), bell) in signs
            .lanes
            .iter()
            .copied()
            .chain(std::iter::repeat(LaneSigns::default()))
            .zip(&spare.lanes)
            .zip(&self.lanes)
        {
            let wish = old.attempt != new.attempt;
            if wish || old.readable != new.readable {
                bell.reader.notify_one();
            }
            if wish || new.writable > old.writable {
                bell.writer.notify_one();
            }
        }
        let ended = signs.ended != spare.ended;
        if signs.deadline != spare.deadline || ended {
            self.clock.notify_one();
        }
        if signs.delivery != spare.delivery || ended {
            self.deliver.notify_one();
        }
        if ended {
            for bell in &self.lanes {
                bell.reader.notify_one();
                bell.writer.notify_one();
            }
        }
        let state = bot.state();
        self.state.send_if_modified(|old| std::mem::replace(old, state) != state);
        std::mem::swap(signs, spare);
    }

    /// Waits on `bell` until `predicate` finds what it looks for.
    pub(crate) async fn wait<R>(&self, bell: &Notify, mut predicate: impl FnMut(&Bot<'static>) -> Option<R>) -> R {
        loop {
            if let Some(found) = self.read(&mut predicate) {
                return found;
            }
            bell.notified().await;
        }
    }

    pub(crate) fn ended(&self) -> Option<End> {
        self.read(Bot::ended)
    }

    /// The bot's task is gone: nobody waits for an answer any more, and nobody is to be told that it runs.
    #[cfg(feature = "webhook")]
    pub(crate) fn abandon(&self) {
        let mut inner = self.lock();
        inner.posts = crate::webhook::Waiting::default();
        inner.is_abandoned = true;
    }

    #[cfg(feature = "webhook")]
    pub(crate) fn is_running(&self) -> bool {
        let inner = self.lock();
        !inner.is_abandoned && inner.bot.ended().is_none()
    }
}
