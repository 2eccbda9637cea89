//! What follows a fact: work given to lanes, answers handed on, and the bot's end.

use super::{Bot, Stopping};
use crate::api::{self, HttpLane, Job};
use crate::config::AckReactions;
use crate::event::{DeliveryId, Verdict};
use crate::fault::{End, Fatal};
use crate::link::Phase;
use crate::locale::Locale;
use crate::notice::{Notice, count};
use crate::text::Short;
use crate::time::Instant;

/// Accepted calls may take this long after [`Bot::shut_down`].
pub(super) const DRAIN_MS: u64 = 10_000;
/// A call that is ready waits so long for others to share its turn.
const BATCH_MS: u64 = 1000;
/// After a call the turn goes on for so long: a program that answers one message after the other has more.
const LINGER_MS: u64 = 300;
/// Owed acks and a shown event may take this long after that.
pub(super) const FLUSH_MS: u64 = 2000;

impl Bot<'_> {
    /// Every fact goes through here: time never runs back, nothing happens after the end, and whatever the fact made
    /// possible is started.
    pub(super) fn fact(&mut self, now: Instant, fact: impl FnOnce(&mut Self)) {
        self.shared.now = self.shared.now.max(now);
        if self.end.is_some() {
            return;
        }
        let before = core::mem::discriminant(&self.state());
        fact(self);
        self.settle();
        if before != core::mem::discriminant(&self.state()) {
            count(&mut self.shared.report.stats.transitions);
        }
    }

    pub(super) fn tell_time(&mut self) {
        let (now, unix) = (self.shared.now, self.shared.unix());
        self.link.session.handle_wall_clock(now, unix);
    }

    /// The message that a reaction acknowledges once this verdict is in, and in which language.
    pub(super) fn acknowledgement(&self, id: DeliveryId, verdict: Verdict) -> Option<(Short<64>, Locale)> {
        let rule = self.shared.rules.ack_reactions;
        if rule == AckReactions::Off || !matches!(verdict, Verdict::Accepted | Verdict::Later) {
            return None;
        }
        let event = self.poll_delivery().filter(|event| event.id() == id);
        #[cfg(feature = "webhook")]
        let event = event.or_else(|| self.desk.event_of(id));
        let event = event?;
        let message = event.message()?;
        let message_id = Short::<64>::from_chars(message.message_id()?.chars());
        // A cut id is the id of nothing.
        if message.message_id()? != message_id.as_str() {
            return None;
        }
        let told = message.chat_id().and_then(|chat| self.hints.get(chat));
        let locale = match (told, rule) {
            (Some(locale), _) | (None, AckReactions::Fixed(locale)) => locale,
            (None, _) => (self.shared.rules.locale_of)(&event),
        };
        Some((message_id, locale))
    }

    fn settle(&mut self) {
        if self.end.is_none()
            && let Some(fatal) = self.link.take_fatal()
        {
            self.finish_with(End::Fatal(fatal));
        }
        let planned = self.shared.rules.planned_turns;
        if planned && self.end.is_none() {
            self.turn_step();
        }
        // A request that does not fit its lane ends at once and frees the lane again: at most once a call and lane.
        while self.end.is_none() {
            let first = self.started && self.shared.rules.identity_first && self.api.lookup.is_first();
            let wanted = !planned || (matches!(self.stopping, Stopping::No) && !self.lingers());
            let discovery = self.started && self.link.phase() == Phase::Discovering && !first && wanted;
            let identity = first || (self.started && self.link.has_discovered());
            let due = api::Due {
                discovery,
                identity,
                // Where streams take turns, calls wait for the long connection and discovery for calls.
                alone: planned,
                socket: self.link.is_up(),
                calls_first: planned && self.link.is_calls_turn(self.shared.now),
            };
            let finished = self.api.schedule(due, &mut self.shared);
            if finished.is_none() {
                break;
            }
            self.finish(finished);
        }
        self.stop_step();
    }

    pub(super) fn finish(&mut self, finished: Option<api::Finished>) {
        let Some(finished) = finished else { return };
        let mut fatal: Option<Fatal> = None;
        let answer = self.api.lanes.get(finished.lane).and_then(HttpLane::answer);
        if let Some(date) = answer.filter(|_| finished.fault.is_none()).and_then(|answer| answer.date) {
            self.shared.platform_told(date);
            self.tell_time();
        }
        match finished.job {
            Job::Discover => {
                let lane = self.api.lanes.get(finished.lane);
                let answer = lane.and_then(HttpLane::answer).filter(|_| finished.fault.is_none());
                let (url, session) = (&mut self.link.url, &mut self.link.session);
                let config = session.client_config_mut();
                let result = api::read_discovery(answer, finished.fault, &self.shared.rules, url, config);
                self.api.release(finished.lane, self.shared.now);
                if self.shared.rules.planned_turns {
                    self.api.hang_up();
                }
                self.link.handle_discovered(result, &mut self.shared);
                fatal = self.link.take_fatal();
            }
            Job::Token => {
                fatal = self.api.token_finished(finished, self.link.has_discovered(), &mut self.shared);
                self.api.release(finished.lane, self.shared.now);
            }
            Job::Identity => {
                if self.api.lookup_finished(finished, &mut self.shared) {
                    let open_id = self.api.lookup.open_id();
                    self.link.session.handle_identity(open_id.as_str());
                    self.shared.report.notice(Notice::IdentityKnown { open_id });
                }
                self.api.release(finished.lane, self.shared.now);
            }
            Job::React(slot) => {
                self.api.reaction_finished(finished, slot, &mut self.shared);
                self.api.release(finished.lane, self.shared.now);
            }
            Job::Call(slot) => {
                self.api.call_finished(finished, slot, &mut self.shared);
                self.linger = self.shared.now.after(LINGER_MS);
                self.api.release(finished.lane, self.shared.now);
            }
        }
        if let Some(fatal) = fatal {
            self.finish_with(End::Fatal(fatal));
        }
    }

    /// Whether a turn goes on although nothing waits.
    pub(super) fn lingers(&self) -> bool {
        let (now, link) = (self.shared.now, &self.link);
        let in_turn = self.shared.rules.planned_turns && link.phase() == Phase::Discovering && link.is_calls_turn(now);
        in_turn && now < self.linger && matches!(self.stopping, Stopping::No)
    }

    /// Closes the long connection for the calls that are ready, once others had time to join them and the acks are out.
    fn turn_step(&mut self) {
        let (now, identity) = (self.shared.now, self.link.has_discovered());
        let is_work_ready = self.api.is_work_ready(identity, now);
        if is_work_ready && !matches!(self.stopping, Stopping::No) {
            self.link.give_way(&mut self.shared);
        }
        if self.link.phase() != Phase::Open || !is_work_ready {
            self.turn = None;
            return;
        }
        let patience = if matches!(self.stopping, Stopping::No) { BATCH_MS } else { 0 };
        let at = *self.turn.get_or_insert(now.after(patience));
        if at <= now && (self.link.is_flushed() || at.after(FLUSH_MS) <= now) {
            self.turn = None;
            self.link.start_turn(&mut self.shared);
        }
    }

    /// Goes on with shutting down as far as it can.
    fn stop_step(&mut self) {
        if self.end.is_some() {
            return;
        }
        let now = self.shared.now;
        if let Stopping::Draining { by } = self.stopping
            && (!self.api.outbox.is_any_open() || by <= now)
        {
            self.stopping = Stopping::Flushing { by: now.after(FLUSH_MS) };
            self.link.stop_responses(&mut self.shared);
            #[cfg(feature = "webhook")]
            self.stop_posts(true);
        }
        #[cfg(feature = "webhook")]
        let is_answered = self.desk.is_quiet();
        #[cfg(not(feature = "webhook"))]
        let is_answered = true;
        if let Stopping::Flushing { by } = self.stopping
            && ((self.link.is_flushed() && is_answered) || by <= now)
        {
            self.stopping = Stopping::Closing;
            // One that was taken in the meantime.
            self.link.stop_responses(&mut self.shared);
            self.link.close(&mut self.shared);
        }
        if let (Stopping::Closing, Phase::Ended) = (self.stopping, self.link.phase()) {
            self.finish_with(End::Stopped);
        }
    }

    fn finish_with(&mut self, end: End) {
        self.end = Some(end);
        self.link.end(&mut self.shared);
        self.api.end(&mut self.shared);
        #[cfg(feature = "webhook")]
        self.stop_posts(true);
        // Nothing is sent any more.
        self.shared.account.forget_secret();
        self.link.wipe();
        self.api.wipe();
    }
}
