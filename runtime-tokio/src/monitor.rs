//! The one place where a bot is changed. Its own task looks at it again after every change of its own; whoever else
//! changes it wakes that task.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use larkwire_core::fault::CallError;
use larkwire_core::{Bot, CallId, End, Instant, Lane, Notice, State};
use tokio::sync::{Semaphore, oneshot, watch};

use crate::client::{CallAnswer, CallResult};
use crate::report;

/// As many as the core's outbox holds ([`Storage::growable`](larkwire_core::Storage::growable)).
const OUTBOX: usize = 256;

struct Inner {
    bot: Bot<'static>,
    /// Since the loops last looked.
    is_changed: bool,
    /// What the watchers of the state were told.
    state: State,
    /// Of the bot's task; `None` while it is woken already.
    waker: Option<Waker>,
    waiters: HashMap<CallId, oneshot::Sender<CallResult>>,
    #[cfg(feature = "webhook")]
    posts: crate::webhook::Waiting,
    #[cfg(feature = "webhook")]
    is_abandoned: bool,
}

/// What is left to do for the bot's task when nothing has changed.
pub(crate) struct Left {
    pub(crate) end: Option<End>,
    pub(crate) due: Option<Instant>,
}

pub(crate) struct Monitor {
    inner: Mutex<Inner>,
    http_lanes: u8,
    /// Free places of the outbox.
    pub(crate) outbox: Semaphore,
    notices: watch::Sender<Option<Notice>>,
    state: watch::Sender<State>,
    start: tokio::time::Instant,
}

impl Monitor {
    pub(crate) fn new(bot: Bot<'static>) -> Self {
        let state = bot.state();
        Self {
            outbox: Semaphore::new(OUTBOX),
            notices: watch::Sender::new(None),
            state: watch::Sender::new(state),
            http_lanes: bot.http_lanes(),
            inner: Mutex::new(Inner {
                bot,
                is_changed: false,
                state,
                waker: None,
                waiters: HashMap::new(),
                #[cfg(feature = "webhook")]
                posts: crate::webhook::Waiting::default(),
                #[cfg(feature = "webhook")]
                is_abandoned: false,
            }),
            start: tokio::time::Instant::now(),
        }
    }

    /// The lanes of the bot; the long connection goes first.
    pub(crate) fn lanes(&self) -> impl Iterator<Item = Lane> {
        std::iter::once(Lane::Socket).chain((0..self.http_lanes).map(Lane::Http))
    }

    pub(crate) fn now(&self) -> Instant {
        Instant::from_millis(u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// When that is; a year from now for what lies beyond the clock.
    pub(crate) fn at(&self, instant: Instant) -> tokio::time::Instant {
        let far = || tokio::time::Instant::now() + Duration::from_secs(365 * 24 * 3600);
        self.start.checked_add(Duration::from_millis(instant.as_millis())).unwrap_or_else(far)
    }

    pub(crate) fn states(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    pub(crate) fn notices(&self) -> watch::Receiver<Option<Notice>> {
        self.notices.subscribe()
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

    pub(crate) fn ended(&self) -> Option<End> {
        self.read(Bot::ended)
    }

    // ---- for everybody but the bot's own task ----

    /// Changes the bot and wakes its task.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut Bot<'static>, Instant) -> R) -> R {
        self.change_waiters(|bot, _, now| change(bot, now))
    }

    /// As [`change`](Self::change), with the table of callers that wait for a result.
    pub(crate) fn change_waiters<R>(
        &self,
        change: impl FnOnce(&mut Bot<'static>, &mut HashMap<CallId, oneshot::Sender<CallResult>>, Instant) -> R,
    ) -> R {
        let mut inner = self.lock();
        let Inner { bot, waiters, .. } = &mut *inner;
        let result = change(bot, waiters, self.now());
        self.wake(inner);
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
        self.wake(inner);
        answering
    }

    fn wake(&self, mut inner: MutexGuard<'_, Inner>) {
        self.changed(&mut inner);
        let waker = inner.waker.take();
        drop(inner);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The bot's task is gone: nobody waits for an answer any more, and nobody is to be told that it runs.
    pub(crate) fn abandon(&self) {
        self.outbox.close();
        let mut inner = self.lock();
        let Inner { bot, waiters, .. } = &mut *inner;
        bot.shut_down(self.now());
        waiters.clear();
        self.changed(&mut inner);
        inner.waker = None;
        #[cfg(feature = "webhook")]
        {
            inner.posts = crate::webhook::Waiting::default();
            inner.is_abandoned = true;
        }
    }

    #[cfg(feature = "webhook")]
    pub(crate) fn is_running(&self) -> bool {
        let inner = self.lock();
        !inner.is_abandoned && inner.bot.ended().is_none()
    }

    // ---- for the bot's own task ----

    /// From now on whoever changes the bot wakes this task.
    pub(crate) fn attend(&self, waker: &Waker) {
        let mut inner = self.lock();
        if !inner.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            inner.waker = Some(waker.clone());
        }
    }

    /// Changes the bot; its task looks at it again.
    pub(crate) fn step<R>(&self, change: impl FnOnce(&mut Bot<'static>, Instant) -> R) -> R {
        let mut inner = self.lock();
        let result = change(&mut inner.bot, self.now());
        self.changed(&mut inner);
        result
    }

    fn changed(&self, inner: &mut Inner) {
        inner.is_changed = true;
        #[cfg(feature = "webhook")]
        inner.posts.answer(&mut inner.bot, self.now());
        let state = inner.bot.state();
        if state != inner.state {
            inner.state = state;
            self.state.send_replace(state);
        }
    }

    /// Waits until `predicate` finds what it looks for. Whatever changes the bot brings its task here again.
    pub(crate) async fn wait<R>(&self, mut predicate: impl FnMut(&Bot<'static>) -> Option<R>) -> R {
        std::future::poll_fn(|_| match self.read(&mut predicate) {
            Some(found) => Poll::Ready(found),
            None => Poll::Pending,
        })
        .await
    }

    /// Hands results to whom they belong and writes notices; `None` when the bot has changed since the last time.
    pub(crate) fn report(&self) -> Option<Left> {
        let mut notices = Vec::new();
        let mut inner = self.lock();
        while self.complete(&mut inner) {}
        notices.extend(std::iter::from_fn(|| inner.bot.take_notice()));
        let is_changed = std::mem::take(&mut inner.is_changed);
        let left = (!is_changed)
            .then(|| Left { end: inner.bot.ended(), due: inner.bot.poll_timeout().map(|deadline| deadline.at) });
        drop(inner);
        for notice in notices {
            report::log(&notice);
            self.notices.send_replace(Some(notice));
        }
        left
    }

    fn complete(&self, inner: &mut Inner) -> bool {
        let Inner { bot, waiters, .. } = inner;
        let Some(completion) = bot.poll_completion() else { return false };
        let id = completion.id;
        let result = match completion.result {
            Ok(sent) => Ok(CallAnswer::new(&sent, completion.log_id)),
            Err(fault) => Err(CallError::Failed { fault, log_id: completion.log_id }),
        };
        if let Some(waiter) = waiters.remove(&id) {
            // Whoever asked may have gone; the call was made all the same.
            let _ = waiter.send(result);
        }
        bot.handle_completed(self.now(), id);
        self.changed(inner);
        self.outbox.add_permits(1);
        true
    }
}
