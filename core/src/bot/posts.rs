//! Events that are posted: facts and wishes beside those of the long connection (protocol section 17).

use super::{Bot, Stopping};
use crate::storage::Slots;
use crate::time::{Instant, UnixMillis};
use crate::webhook::{Desk, PostAnswer, PostId, PostSlot, Posted, Posting, Refusal, Reply, Webhook};

impl<'s> Bot<'s> {
    /// Makes places for events that are posted, as many as may wait for a verdict or an answer at once. Without, every one
    /// is refused. Ids of delivered events, or the signatures of those without, are remembered for at least twice the
    /// [freshness](crate::webhook::Freshness), so that no request passes twice: as far as their table reaches, which takes
    /// two entries for each event of that time. [`restore_seen`](Self::restore_seen), which carries that over a restart,
    /// comes after this.
    pub fn accept_posts(&mut self, webhook: &Webhook<'_>, slots: Slots<'s, PostSlot<'s>>) {
        self.desk = Desk::new(slots);
        self.link.session.remember_for(webhook.freshness().window_ms().saturating_mul(2));
    }

    /// A verified event was posted. What need not wait for the application is answered at once: duplicates, what the gate
    /// stops, what nobody has room for.
    pub fn handle_posted(&mut self, now: Instant, posted: &Posted<'_>) -> Posting {
        // After the end, too, a callback is not refused.
        let callback = posted.layout().is_some_and(|layout| layout.callback);
        let ended = if callback { Reply::EMPTY_OBJECT } else { Refusal::InboxFull.reply() };
        let mut posting = Posting::Answered(ended);
        self.fact(now, |bot| {
            let shared = &mut bot.shared;
            posting = bot.desk.take(shared.now, posted, &mut bot.link.session, &mut shared.report);
        });
        posting
    }

    /// The oldest answer to a posted event that nobody took yet. It is kept until it is taken, also for a peer that has
    /// hung up; the platform sends again what it got no answer to, and that is a duplicate then.
    pub fn poll_posted(&self) -> Option<PostAnswer<'_>> {
        self.desk.poll()
    }

    /// This answer was taken; its place is free again.
    pub fn handle_answered(&mut self, now: Instant, id: PostId) {
        self.desk.taken(id);
        self.fact(now, |_| {});
    }

    /// A request was refused before it became an event: counted, and reported at most once a minute.
    pub fn handle_refused(&mut self, now: Instant, refusal: Refusal) {
        self.fact(now, |bot| {
            let shared = &mut bot.shared;
            bot.desk.refused(shared.now, refusal, &mut shared.report);
        });
    }

    /// The request URL was verified: counted, and reported at most once a minute.
    pub fn handle_challenged(&mut self, now: Instant) {
        self.fact(now, |bot| {
            let shared = &mut bot.shared;
            bot.desk.verified(shared.now, &mut shared.report);
        });
    }

    /// The time of day at `now`, by the runtime's clock or else the platform's: what [`Webhook::check`] wants.
    pub fn time_of_day(&self, now: Instant) -> Option<UnixMillis> {
        let at = self.shared.now;
        self.shared.unix().map(|UnixMillis(unix)| UnixMillis(unix.saturating_add(now.since(at))))
    }

    /// What time makes of posted events.
    pub(super) fn expire_posts(&mut self) {
        let Self { shared, link, desk, .. } = self;
        desk.expire(shared.now, false, &mut link.session, &mut shared.report);
    }

    /// The bot closes: no verdicts are expected any more, and from some point on no answers to callbacks.
    pub(super) fn stop_posts(&mut self, all: bool) {
        let Self { shared, link, desk, .. } = self;
        desk.refuse_queued(shared.now, &mut link.session, &mut shared.report);
        if all {
            desk.expire(shared.now, true, &mut link.session, &mut shared.report);
        }
    }

    pub(super) fn is_taking_events(&self) -> bool {
        matches!(self.stopping, Stopping::No)
    }
}
