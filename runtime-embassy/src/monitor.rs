//! The one place where a bot is changed: change it, then wake the loops. Each loop waits for one predicate.
//!
//! All loops are one future and so one task: they share one waker, and a wake lets each look at its predicate again.
//! Everything here belongs to one executor thread, so a `RefCell` is lock enough; no borrow outlives a call.

#[cfg(feature = "webhook")]
mod posts;

use core::cell::RefCell;
use core::future::poll_fn;
use core::task::{Context, Poll, Waker};

use embassy_sync::waitqueue::{MultiWakerRegistration, WakerRegistration};
use larkwire_core::fault::{CallError, Misuse};
use larkwire_core::{Bot, Call, CallAnswer, CallId, End, Instant, Notice, Short};

#[cfg(feature = "webhook")]
pub use posts::WAITING;

/// Calls that are waited for at once; further callers wait for a place first.
const CALLERS: usize = 4;

pub(crate) struct Monitor<'s> {
    inner: RefCell<Inner<'s>>,
    /// Bytes that one piece of a text may take in its request.
    pub(crate) text_room: usize,
}

struct Inner<'s> {
    bot: Bot<'s>,
    /// Calls whose results somebody waits for. Other results are thrown away: they would keep places of the outbox.
    awaited: [Option<CallId>; CALLERS],
    loops: WakerRegistration,
    callers: MultiWakerRegistration<CALLERS>,
    #[cfg(feature = "webhook")]
    requests: posts::Requests,
}

/// Milliseconds since the board started.
pub(crate) fn now() -> Instant {
    Instant::from_millis(embassy_time::Instant::now().as_millis())
}

impl<'s> Monitor<'s> {
    pub(crate) fn new(bot: Bot<'s>, text_room: usize) -> Self {
        let inner = Inner {
            bot,
            awaited: [None; CALLERS],
            loops: WakerRegistration::new(),
            callers: MultiWakerRegistration::new(),
            #[cfg(feature = "webhook")]
            requests: posts::Requests::new(),
        };
        Self { inner: RefCell::new(inner), text_room }
    }

    /// Looks at the bot.
    pub(crate) fn read<R>(&self, look: impl FnOnce(&Bot<'s>) -> R) -> R {
        look(&self.inner.borrow().bot)
    }

    /// Changes the bot and wakes whom it may concern.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut Bot<'s>, Instant) -> R) -> R {
        let mut inner = self.inner.borrow_mut();
        let result = change(&mut inner.bot, now());
        inner.wake();
        result
    }

    /// For loops: waits until `predicate` finds what it looks for.
    pub(crate) async fn wait<R>(&self, mut predicate: impl FnMut(&Bot<'s>) -> Option<R>) -> R {
        self.poll(|inner| predicate(&inner.bot), |inner, waker| inner.loops.register(waker)).await
    }

    /// For the report loop: the next notice, then the end. Results that nobody waits for are thrown away here.
    pub(crate) async fn next_notice(&self) -> Result<Notice, End> {
        let next = |inner: &mut Inner<'s>| {
            inner.discard_orphans();
            inner.bot.take_notice().map(Ok).or_else(|| inner.bot.ended().map(Err))
        };
        self.poll(next, |inner, waker| inner.loops.register(waker)).await
    }

    /// For callers: how the bot ended.
    pub(crate) async fn ended(&self) -> End {
        self.poll(|inner| inner.bot.ended(), |inner, waker| inner.callers.register(waker)).await
    }

    /// For callers: makes a call and waits for its result; while there is no place for it, for a place. `keep` takes what
    /// is wanted of the answer and of its log id: nothing else of it outlives its place in the outbox.
    pub(crate) async fn call<R>(
        &self,
        call: Call<'_>,
        keep: impl FnOnce(&CallAnswer<'_>, Short<48>) -> R,
    ) -> Result<R, CallError> {
        let register = |inner: &mut Inner<'s>, waker: &Waker| inner.callers.register(waker);
        let id = self.poll(|inner| inner.submit(call), register).await.map_err(CallError::Misuse)?;
        let _awaited = Awaited { monitor: self, id };
        let mut keep = Some(keep);
        self.poll(|inner| inner.take(id, &mut keep), register).await
    }

    async fn poll<R>(
        &self,
        mut find: impl FnMut(&mut Inner<'s>) -> Option<R>,
        mut register: impl FnMut(&mut Inner<'s>, &Waker),
    ) -> R {
        let step = |cx: &mut Context<'_>| {
            let mut inner = self.inner.borrow_mut();
            let found = find(&mut inner);
            if found.is_none() {
                register(&mut inner, cx.waker());
            }
            found.map_or(Poll::Pending, Poll::Ready)
        };
        poll_fn(step).await
    }
}

impl Inner<'_> {
    fn wake(&mut self) {
        self.loops.wake();
        if self.bot.poll_completion().is_some() || self.bot.ended().is_some() {
            self.callers.wake();
        }
        #[cfg(feature = "webhook")]
        self.settle_requests();
    }

    fn submit(&mut self, call: Call<'_>) -> Option<Result<CallId, Misuse>> {
        let place = self.awaited.iter_mut().find(|place| place.is_none())?;
        let submitted = self.bot.submit(now(), call);
        match submitted {
            Err(Misuse::Full) => return None,
            Err(_) => {}
            Ok(id) => *place = Some(id),
        }
        self.wake();
        Some(submitted)
    }

    /// The result of call `id`, when it is the oldest one; `keep` is there until then.
    fn take<R>(
        &mut self,
        id: CallId,
        keep: &mut Option<impl FnOnce(&CallAnswer<'_>, Short<48>) -> R>,
    ) -> Option<Result<R, CallError>> {
        let completion = self.bot.poll_completion().filter(|completion| completion.id == id)?;
        let result = match completion.result {
            Ok(answer) => Ok(keep.take()?(&answer, completion.log_id)),
            Err(fault) => Err(CallError::Failed { fault, log_id: completion.log_id }),
        };
        self.complete(id);
        Some(result)
    }

    fn discard_orphans(&mut self) {
        while let Some(id) = self.bot.poll_completion().map(|completion| completion.id) {
            if self.awaited.contains(&Some(id)) {
                break;
            }
            self.complete(id);
        }
    }

    /// Frees a place of the outbox; somebody may wait for it, or for the result behind this one.
    fn complete(&mut self, id: CallId) {
        self.bot.handle_completed(now(), id);
        self.wake();
        self.callers.wake();
    }
}

/// Somebody waits for a result, as long as this lives.
struct Awaited<'m, 's> {
    monitor: &'m Monitor<'s>,
    id: CallId,
}

impl Drop for Awaited<'_, '_> {
    fn drop(&mut self) {
        let mut inner = self.monitor.inner.borrow_mut();
        for place in inner.awaited.iter_mut().filter(|place| **place == Some(self.id)) {
            *place = None;
        }
        inner.wake();
        inner.callers.wake();
    }
}
