//! Requests that wait for the answer to their event.

use core::task::Waker;

use embassy_sync::waitqueue::MultiWakerRegistration;
use larkwire_core::webhook::{PostId, Posted, Posting, Refusal, Reply};
use larkwire_core::{DeliveryId, Event};

use super::{Inner, Monitor, now};

/// Requests that wait for an answer at once: more places for posted events than that are of no use.
pub const WAITING: usize = 4;

/// Who waits, and for what. Other answers are thrown away: they would keep their places.
pub(super) struct Requests {
    awaited: [Option<PostId>; WAITING],
    wakers: MultiWakerRegistration<WAITING>,
}

impl Requests {
    pub(super) fn new() -> Self {
        Self { awaited: [None; WAITING], wakers: MultiWakerRegistration::new() }
    }
}

/// A callback's answer where nobody can answer it.
const NOTHING_TO_SHOW: Reply<'static> = Reply { status: 200, body: b"{}", close: false };

fn is_callback(posted: &Posted<'_>) -> bool {
    posted.layout().is_some_and(|layout| Event::view(DeliveryId::NONE, posted.json(), layout, "").is_callback())
}

/// An answer that left the bot: its body lies in the caller's buffer, or is a constant.
struct Taken {
    status: u16,
    close: bool,
    copied: Option<usize>,
}

impl Monitor<'_> {
    /// Hands a verified event over, and waits for its answer, whose body is copied into `out`.
    pub(crate) async fn post<'o>(&self, posted: &Posted<'_>, out: &'o mut [u8]) -> Reply<'o> {
        let posting = self.inner.borrow_mut().post(posted);
        let id = match posting {
            Posting::Answered(reply) => return reply,
            Posting::Waiting(id) => id,
        };
        let _awaited = Awaited { monitor: self, id };
        let register = |inner: &mut Inner<'_>, waker: &Waker| inner.requests.wakers.register(waker);
        let Taken { status, close, copied } = self.poll(|inner| inner.take_answer(id, out), register).await;
        Reply { status, body: copied.and_then(|len| out.get(..len)).unwrap_or(b"{}"), close }
    }
}

impl Inner<'_> {
    /// Throws answers away that nobody waits for, and wakes who may take the next one.
    pub(super) fn settle_requests(&mut self) {
        while let Some(id) = self.bot.poll_posted().map(|answer| answer.id) {
            if self.requests.awaited.contains(&Some(id)) {
                self.requests.wakers.wake();
                return;
            }
            self.bot.handle_answered(now(), id);
        }
        if self.bot.ended().is_some() {
            self.requests.wakers.wake();
        }
    }

    fn post(&mut self, posted: &Posted<'_>) -> Posting {
        // A place is there before the event is taken, so that its answer cannot be lost.
        let posting = match self.requests.awaited.iter_mut().find(|place| place.is_none()) {
            Some(place) => {
                let posting = self.bot.handle_posted(now(), posted);
                if let Posting::Waiting(id) = posting {
                    *place = Some(id);
                }
                posting
            }
            None => {
                self.bot.handle_refused(now(), Refusal::InboxFull);
                // Whoever clicked would be shown an error, and the click never comes again.
                Posting::Answered(if is_callback(posted) { NOTHING_TO_SHOW } else { Refusal::InboxFull.reply() })
            }
        };
        self.wake();
        posting
    }

    /// The answer to `id`, when it is the oldest one.
    fn take_answer(&mut self, id: PostId, out: &mut [u8]) -> Option<Taken> {
        let Some(answer) = self.bot.poll_posted() else {
            // A bot that has ended answers nothing any more; it has answered everything before: this is never needed.
            let Reply { status, close, .. } = Refusal::InboxFull.reply();
            return self.bot.ended().map(|_| Taken { status, close, copied: None });
        };
        if answer.id != id {
            return None;
        }
        let Reply { status, body, close } = answer.reply;
        let copied = out.get_mut(..body.len()).map(|room| {
            room.copy_from_slice(body);
            room.len()
        });
        self.bot.handle_answered(now(), id);
        self.wake();
        Some(Taken { status, close, copied })
    }
}

/// Somebody waits for an answer, as long as this lives.
struct Awaited<'m, 's> {
    monitor: &'m Monitor<'s>,
    id: PostId,
}

impl Drop for Awaited<'_, '_> {
    fn drop(&mut self) {
        let mut inner = self.monitor.inner.borrow_mut();
        for place in inner.requests.awaited.iter_mut().filter(|place| **place == Some(self.id)) {
            *place = None;
        }
        inner.wake();
    }
}
