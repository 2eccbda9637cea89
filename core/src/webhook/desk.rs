//! Posted events that wait for a verdict, and their answers (protocol sections 8.3 and 17.3).
//!
//! ```text
//! handle_posted ─ gate, dedup ─┬─ duplicate, stopped, no room ─► answered at once
//!                              └─► Queued ─ verdict ─┬─► Answered ─ poll_posted ─► free again
//!                                    │               └─ Later ─► Waiting ─ respond ─► Answered
//!                                    └─ 2 s ─► Answered 503         └─ 2.5 s ─► Answered {}
//! ```

use super::check::Posted;
use super::refusal::{Refusal, Reply};
use crate::api::check_object;
use crate::event::{DeliveryId, Event, Layout, ResponseId, Typed, Verdict};
use crate::fault::{DropReason, Misuse};
use crate::link::{INBOX_MS, RESPONSE_MS, Screened, Session};
use crate::notice::{Notice, Report, count};
use crate::storage::{Region, SecretRegion, Slots};
use crate::text::Short;
use crate::time::{Earliest, Instant, Why};

/// Memory a host keeps in each place, so that an ordinary event allocates nothing.
const RETAINED: usize = 4096;
/// Requests that anybody can send are reported at most so often.
const QUIET_MS: u64 = 60_000;

/// Names a posted event whose answer is not known yet.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PostId(u64);

/// What becomes of a posted event.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Posting {
    /// Answer it so.
    Answered(Reply<'static>),
    /// It waits for the application; [`Bot::poll_posted`](crate::Bot::poll_posted) will have the answer, within 2.5 s.
    Waiting(PostId),
}

/// The answer to a posted event.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PostAnswer<'a> {
    /// Which event.
    pub id: PostId,
    /// What to answer.
    pub reply: Reply<'a>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Free,
    Queued,
    Waiting,
    /// With these words; `None`: with those in the region.
    Answered(Option<Reply<'static>>),
}

/// One place for a posted event, some 450 bytes. Its region holds the event's text (with the Verification Token), then the application's answer.
#[derive(Debug)]
pub struct PostSlot<'s> {
    region: SecretRegion<'s>,
    state: State,
    id: DeliveryId,
    layout: Layout,
    len: usize,
    arrived: Instant,
    trace_id: Short<48>,
    speaker: Option<(u64, bool)>,
}

impl<'s> PostSlot<'s> {
    /// A free place.
    pub fn new(region: Region<'s>) -> Self {
        Self {
            region: SecretRegion::new(region),
            state: State::Free,
            id: DeliveryId::NONE,
            layout: Layout::EMPTY,
            len: 0,
            arrived: Instant::ZERO,
            trace_id: Short::EMPTY,
            speaker: None,
        }
    }

    fn text(&self) -> &str {
        core::str::from_utf8(self.region.slice(0, self.len)).unwrap_or_default()
    }

    /// When it is answered without the application.
    fn deadline(&self) -> Option<(Instant, Why)> {
        match self.state {
            State::Queued => Some((self.arrived.after(INBOX_MS), Why::Inbox)),
            State::Waiting => Some((self.arrived.after(RESPONSE_MS), Why::Response)),
            State::Free | State::Answered(_) => None,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Desk<'s> {
    slots: Slots<'s, PostSlot<'s>>,
    /// Places that are not free.
    open: usize,
    /// Refused requests since the last notice of them.
    refused: u32,
    quiet_until: Instant,
    verified_until: Instant,
}

impl<'s> Desk<'s> {
    pub(crate) fn new(slots: Slots<'s, PostSlot<'s>>) -> Self {
        Self { slots, open: 0, refused: 0, quiet_until: Instant::ZERO, verified_until: Instant::ZERO }
    }

    fn head(&self) -> Option<usize> {
        let queued = self.slots.as_slice().iter().enumerate().filter(|(_, slot)| slot.state == State::Queued);
        queued.min_by_key(|(_, slot)| slot.id.serial).map(|(index, _)| index)
    }

    /// The event that has waited longest, and its serial.
    pub(crate) fn event<'a>(&'a self, own: &'a [u8]) -> Option<Event<'a>> {
        if self.open == 0 {
            return None;
        }
        let slot = self.slots.get(self.head()?)?;
        Some(Event { own, ..Event::view(slot.id, slot.text(), &slot.layout, slot.trace_id.as_str()) })
    }

    /// The event that this delivery is about, whether or not it has waited longest.
    pub(crate) fn event_of(&self, id: DeliveryId) -> Option<Event<'_>> {
        let mut slots = self.slots.as_slice().iter().filter(|slot| slot.state == State::Queued);
        let slot = slots.find(|slot| slot.id == id).filter(|_| self.open > 0)?;
        Some(Event::view(slot.id, slot.text(), &slot.layout, slot.trace_id.as_str()))
    }

    pub(crate) fn is_event_waiting(&self) -> bool {
        self.open > 0 && self.head().is_some()
    }

    /// Whether nothing is owed to anybody: no answer to write, none to wait for.
    pub(crate) fn is_quiet(&self) -> bool {
        self.open == 0
    }

    pub(crate) fn deadlines(&self, earliest: &mut Earliest) {
        if self.open == 0 {
            return;
        }
        for (at, why) in self.slots.as_slice().iter().filter_map(PostSlot::deadline) {
            earliest.add(at, why);
        }
    }

    pub(crate) fn verified(&mut self, now: Instant, report: &mut Report<'_>) {
        count(&mut report.stats.challenges);
        // A recorded one can be sent as often as one likes.
        if self.verified_until <= now {
            report.notice(Notice::UrlVerified);
            self.verified_until = now.after(QUIET_MS);
        }
    }

    pub(crate) fn refused(&mut self, now: Instant, refusal: Refusal, report: &mut Report<'_>) {
        let index = Refusal::ALL.iter().position(|known| *known == refusal).unwrap_or_default();
        if let Some(counter) = report.stats.refused.get_mut(index) {
            count(counter);
        }
        self.refused = self.refused.saturating_add(1);
        // Whoever can reach the port can send as many as he likes.
        if self.quiet_until <= now {
            report.notice(Notice::PostRefused { reason: refusal, times: self.refused });
            self.refused = 0;
            self.quiet_until = now.after(QUIET_MS);
        }
    }

    pub(crate) fn take(
        &mut self,
        now: Instant,
        posted: &Posted<'_>,
        session: &mut Session<'_>,
        report: &mut Report<'_>,
    ) -> Posting {
        count(&mut report.stats.posts);
        let (json, trace_id) = (posted.json, posted.request_id);
        let Some(layout) = &posted.layout else {
            report.dropped(DropReason::Malformed, json.len(), Some(trace_id.as_str().as_bytes()));
            return Posting::Answered(Reply::SUCCESS);
        };
        let event = Event::view(DeliveryId::NONE, json, layout, trace_id.as_str());
        // Whoever sends the same request again sends the same id; one without any is told from its copies by its signature.
        let digest = posted.digest.map(|digest| session.key(b'x', &digest));
        // A click is told from its copies by its token; one without could be sent for ever.
        let click = match event.typed() {
            Typed::CardAction(action) => {
                let token = action.token().filter(|token| token.chars().any(|ch| !ch.is_whitespace()));
                let Some(key) = token.and_then(|token| session.id_key(b't', token)) else {
                    report.dropped(DropReason::Malformed, json.len(), Some(trace_id.as_str().as_bytes()));
                    return Posting::Answered(Reply::EMPTY_OBJECT);
                };
                Some(key)
            }
            _ => None,
        };
        let known = [digest, click].into_iter().flatten().any(|key| session.is_seen(now, key));
        let screened = if known { Err((DropReason::Duplicate, Short::EMPTY)) } else { session.screen(now, &event) };
        let is_too_big = self.slots.cap() > 0 && !self.may_hold(json.len());
        let room = screened.and_then(|screened| match self.free_slot(json.len()) {
            Some(slot) => Ok((slot, screened)),
            // It would be no smaller the next time.
            None if is_too_big => Err((DropReason::TooBig, Short::EMPTY)),
            None => Err((DropReason::InboxFull, Short::EMPTY)),
        });
        match room {
            Ok((slot, Screened { mut id, speaker })) => {
                id.message_key = id.message_key.or(click);
                id.event_key = id.event_key.or(digest);
                session.offered(&id);
                if let Some(room) = slot.region.bytes_mut().get_mut(..json.len()) {
                    room.copy_from_slice(json.as_bytes());
                }
                slot.state = State::Queued;
                (slot.id, slot.speaker) = (id, speaker);
                slot.layout = layout.clone();
                slot.len = json.len();
                slot.arrived = now;
                slot.trace_id = trace_id;
                self.open = self.open.saturating_add(1);
                Posting::Waiting(PostId(id.serial))
            }
            Err((reason, who)) => {
                report.stopped(reason, json.len(), Some(trace_id.as_str().as_bytes()), who);
                Posting::Answered(self.stopped(now, reason, layout.callback, report))
            }
        }
    }

    fn stopped(&mut self, now: Instant, reason: DropReason, callback: bool, report: &mut Report<'_>) -> Reply<'static> {
        match (reason, callback) {
            (DropReason::InboxFull, true) => {
                count(&mut report.stats.callbacks_lost);
                Reply::EMPTY_OBJECT
            }
            (DropReason::InboxFull, false) => {
                self.refused(now, Refusal::InboxFull, report);
                Refusal::InboxFull.reply()
            }
            // Nothing was asked of the platform before its first post, as it is before a connection.
            (DropReason::BotIdentityUnknown, false) => {
                self.refused(now, Refusal::IdentityUnknown, report);
                Refusal::IdentityUnknown.reply()
            }
            (_, true) => Reply::EMPTY_OBJECT,
            (_, false) => Reply::SUCCESS,
        }
    }

    /// Whether any place could hold a text of this length, free or not; those that were not made yet are like the others.
    fn may_hold(&self, len: usize) -> bool {
        let made = self.slots.as_slice();
        made.is_empty() || made.iter().any(|slot| len <= slot.region.cap())
    }

    fn free_slot(&mut self, len: usize) -> Option<&mut PostSlot<'s>> {
        let index = self.slots.find_free(|slot| slot.state == State::Free && len <= slot.region.cap())?;
        let slot = self.slots.get_mut(index)?;
        slot.region.ensure(len).then_some(slot)
    }

    /// Whether the verdict is for an event that stands here.
    pub(crate) fn holds(&self, id: DeliveryId) -> bool {
        self.open > 0 && self.slots.as_slice().iter().any(|slot| slot.state == State::Queued && slot.id == id)
    }

    pub(crate) fn decide(
        &mut self,
        now: Instant,
        id: DeliveryId,
        verdict: Verdict,
        session: &mut Session<'_>,
        report: &mut Report<'_>,
    ) {
        let mut slots = self.slots.as_mut_slice().iter_mut();
        let Some(slot) = slots.find(|slot| slot.state == State::Queued && slot.id == id) else { return };
        let (callback, len, trace_id) = (slot.layout.callback, slot.len, slot.trace_id);
        let reply = if callback { Reply::EMPTY_OBJECT } else { Reply::SUCCESS };
        slot.state = State::Answered(Some(reply));
        match verdict {
            Verdict::Accepted | Verdict::Later => {
                if callback && verdict == Verdict::Later {
                    slot.state = State::Waiting;
                }
                session.accepted(now, id, slot.speaker, report);
                self.settle_copies(id, report);
            }
            Verdict::Discarded => {
                // Nobody may send the very same request once more.
                session.keep(now, id, report);
                report.dropped(DropReason::Discarded, len, Some(trace_id.as_str().as_bytes()));
                self.settle_copies(id, report);
            }
            Verdict::Refused => {
                report.dropped(DropReason::InboxFull, len, Some(trace_id.as_str().as_bytes()));
                let reply = self.stopped(now, DropReason::InboxFull, callback, report);
                self.answer(id, reply);
            }
        }
    }

    fn answer(&mut self, id: DeliveryId, reply: Reply<'static>) {
        if let Some(slot) = self.slots.as_mut_slice().iter_mut().find(|slot| slot.id == id) {
            slot.state = State::Answered(Some(reply));
        }
    }

    /// The same event may have come again while the first waited.
    pub(crate) fn settle_copies(&mut self, of: DeliveryId, report: &mut Report<'_>) {
        if self.open == 0 {
            return;
        }
        for slot in self.slots.as_mut_slice().iter_mut().filter(|slot| slot.state == State::Queued) {
            if slot.id.is_copy(of) {
                let reply = if slot.layout.callback { Reply::EMPTY_OBJECT } else { Reply::SUCCESS };
                slot.state = State::Answered(Some(reply));
                report.dropped(DropReason::Duplicate, slot.len, Some(slot.trace_id.as_str().as_bytes()));
            }
        }
    }

    /// Answers what has waited too long; with `all`, everything that waits.
    pub(crate) fn expire(&mut self, now: Instant, all: bool, session: &mut Session<'_>, report: &mut Report<'_>) {
        if self.open == 0 {
            return;
        }
        for index in 0..self.slots.as_slice().len() {
            let Some(slot) = self.slots.get_mut(index) else { continue };
            let is_due = slot.deadline().is_some_and(|(at, _)| all || at <= now);
            match slot.state {
                State::Queued if is_due => {
                    let id = slot.id;
                    if !all {
                        session.stall();
                    }
                    self.decide(now, id, Verdict::Refused, session, report);
                }
                State::Waiting if is_due => {
                    slot.state = State::Answered(Some(Reply::EMPTY_OBJECT));
                    count(&mut report.stats.callbacks_unanswered);
                }
                _ => {}
            }
        }
    }

    /// Refuses the events that no verdict is expected for any more.
    pub(crate) fn refuse_queued(&mut self, now: Instant, session: &mut Session<'_>, report: &mut Report<'_>) {
        while let Some(id) = self.head().and_then(|index| self.slots.get(index)).map(|slot| slot.id) {
            self.decide(now, id, Verdict::Refused, session, report);
        }
    }

    /// The application's answer to a callback; `None` when none of that id waits here.
    pub(crate) fn respond(
        &mut self,
        id: ResponseId,
        body: &[u8],
        report: &mut Report<'_>,
    ) -> Option<Result<(), Misuse>> {
        let waiting = |slot: &&mut PostSlot<'_>| slot.state == State::Waiting && slot.id.serial == id.0;
        let slot = self.slots.as_mut_slice().iter_mut().find(waiting)?;
        let checked = core::str::from_utf8(body).map_err(|_| Misuse::Field("body"));
        Some(checked.and_then(|json| check_object("body", json)).and_then(|()| {
            if !slot.region.ensure(body.len()) {
                return Err(Misuse::TooLong { needed: body.len() });
            }
            if let Some(room) = slot.region.bytes_mut().get_mut(..body.len()) {
                room.copy_from_slice(body);
            }
            slot.len = body.len();
            slot.state = State::Answered(None);
            count(&mut report.stats.callbacks_answered);
            Ok(())
        }))
    }

    /// The oldest answer that nobody took.
    pub(crate) fn poll(&self) -> Option<PostAnswer<'_>> {
        if self.open == 0 {
            return None;
        }
        let answered = self.slots.as_slice().iter().filter(|slot| matches!(slot.state, State::Answered(_)));
        let slot = answered.min_by_key(|slot| slot.id.serial)?;
        let reply = match slot.state {
            State::Answered(Some(reply)) => reply,
            _ => Reply { status: 200, body: slot.text().as_bytes(), close: false },
        };
        Some(PostAnswer { id: PostId(slot.id.serial), reply })
    }

    /// An answer was taken.
    pub(crate) fn taken(&mut self, id: PostId) {
        let mut slots = self.slots.as_mut_slice().iter_mut();
        if let Some(slot) = slots.find(|slot| slot.id.serial == id.0 && matches!(slot.state, State::Answered(_))) {
            slot.state = State::Free;
            slot.region.relax(RETAINED);
            self.open = self.open.saturating_sub(1);
        }
    }
}
