//! [`Bot`]: facts in, wishes out. Dispatch only; the work is done in `link`, `api` and `gate`.
//!
//! `set_up` makes one, `flow` does what a fact made possible.

mod flow;
#[cfg(feature = "webhook")]
mod posts;
mod set_up;

use crate::api::{Api, Call, CallId, Completion, HttpLane, Identity};
use crate::event::{DeliveryId, Event, ResponseId, Verdict};
use crate::fault::{End, Misuse};
use crate::gate::RestoreError;
use crate::hints::Hints;
use crate::lane::{Attempt, Closed, Lane, Wish};
use crate::link::{Link, Phase};
use crate::locale::Locale;
use crate::notice::{Notice, Stats};
use crate::shared::Shared;
use crate::time::{Deadline, Earliest, Instant, UnixMillis, Why};
use crate::wire::writer::Writer;

/// Where the bot stands, for people and health checks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    /// The stream to the socket host is being opened, or the upgrade is not answered yet.
    Connecting,
    /// The connection is being closed.
    Closing,
    /// Ended as asked.
    Closed,
    /// The platform is asked where to connect.
    Discovering,
    /// Ended for a reason that needs a person: [`Bot::ended`] says it.
    Fatal,
    /// Constructed, and not told the time yet.
    Idle,
    /// The long connection is open.
    Open,
    /// No long connection is wanted ([`LinkMode`](crate::LinkMode)), and discovery, if it was, is done.
    Resting,
    /// A pause after a failure.
    Waiting {
        /// Attempts that failed in a row.
        failures: u32,
        /// When the next one starts.
        until: Instant,
    },
}

#[derive(Clone, Copy, Debug)]
enum Stopping {
    No,
    /// Until accepted calls are finished.
    Draining {
        by: Instant,
    },
    /// Until owed acks are written.
    Flushing {
        by: Instant,
    },
    /// The close handshake runs.
    Closing,
}

/// One bot: a protocol engine that is told facts and read for wishes.
///
/// See the [crate's documentation](crate) for the loop that drives it and the contract that holds for any caller.
pub struct Bot<'s> {
    shared: Shared<'s>,
    link: Link<'s>,
    api: Api<'s>,
    hints: Hints<'s>,
    #[cfg(feature = "webhook")]
    desk: crate::webhook::Desk<'s>,
    stopping: Stopping,
    /// When the calls that are ready get their turn (`planned_turns`).
    turn: Option<Instant>,
    /// In a turn: until then the program may have one more call, after the one that was just finished.
    linger: Instant,
    started: bool,
    end: Option<End>,
}

impl core::fmt::Debug for Bot<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Bot")
            .field("account", &self.shared.account)
            .field("state", &self.state())
            .field("end", &self.end)
            .finish_non_exhaustive()
    }
}

impl<'s> Bot<'s> {
    // ---- wishes ----

    /// How many `Http` lanes there are.
    pub fn http_lanes(&self) -> u8 {
        u8::try_from(self.api.lanes.as_slice().len()).unwrap_or(u8::MAX)
    }

    /// Whether at most one lane is wished for at a time ([`Config::planned_turns`](crate::Config::planned_turns)).
    pub fn takes_turns(&self) -> bool {
        self.shared.rules.planned_turns
    }

    /// What is wanted of a lane.
    pub fn poll_lane(&self, lane: Lane) -> Wish<'_> {
        let target = match lane {
            Lane::Socket => self.link.target(),
            Lane::Http(index) => self.api.target(usize::from(index), &self.shared),
        };
        target.map_or(Wish::Down, Wish::Up)
    }

    /// How many received bytes the lane can take now.
    pub fn poll_receive(&self, lane: Lane) -> usize {
        match lane {
            Lane::Socket => self.link.room(),
            Lane::Http(index) => self.api.lanes.get(usize::from(index)).map_or(0, HttpLane::room),
        }
    }

    /// The bytes to write next on the lane; the first of them change only by
    /// [`handle_transmitted`](Self::handle_transmitted) within an attempt.
    pub fn poll_transmit(&self, lane: Lane) -> &[u8] {
        match lane {
            Lane::Socket => self.link.output(),
            Lane::Http(index) => self.api.lanes.get(usize::from(index)).map_or(&[], HttpLane::output),
        }
    }

    /// The event at the head of the line. It stays there until it is decided, or refused after 2 s.
    pub fn poll_delivery(&self) -> Option<Event<'_>> {
        if !matches!(self.stopping, Stopping::No) {
            return None;
        }
        #[cfg(feature = "webhook")]
        if let Some(posted) = self.desk.event(self.link.session.own_open_id()) {
            // Whichever has waited longer.
            return self.link.event().filter(|event| event.id.serial < posted.id.serial).or(Some(posted));
        }
        self.link.event()
    }

    /// Whether [`poll_delivery`](Self::poll_delivery) has an event; cheaper than asking for it.
    pub fn is_delivery_waiting(&self) -> bool {
        #[cfg(feature = "webhook")]
        if self.is_taking_events() && self.desk.is_event_waiting() {
            return true;
        }
        matches!(self.stopping, Stopping::No) && self.link.session.is_shown()
    }

    /// Whether events are refused until [`handle_inbox`](Self::handle_inbox) tells room again: one has waited in vain.
    pub fn is_room_wanted(&self) -> bool {
        matches!(self.stopping, Stopping::No) && self.link.session.is_room_wanted()
    }

    /// The oldest result of a call that was not taken yet.
    pub fn poll_completion(&self) -> Option<Completion<'_>> {
        self.api.outbox.completion()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due, and why. `None` only after the end, or while the bot
    /// [rests](State::Resting) and has nothing to do.
    pub fn poll_timeout(&self) -> Option<Deadline> {
        if self.end.is_some() {
            return None;
        }
        let mut earliest = Earliest::default();
        if !self.started {
            earliest.add(Instant::ZERO, Why::Brake);
        }
        self.link.deadlines(&mut earliest);
        self.api.deadlines(self.shared.now, &mut earliest);
        #[cfg(feature = "webhook")]
        self.desk.deadlines(&mut earliest);
        if let Some(at) = self.turn {
            let after_acks = at.after(flow::FLUSH_MS);
            earliest.add(if at > self.shared.now { at } else { after_acks }, Why::Turn);
        }
        if self.lingers() {
            earliest.add(self.linger, Why::Turn);
        }
        match self.stopping {
            Stopping::Draining { by } => earliest.add(by, Why::Draining),
            Stopping::Flushing { by } => earliest.add(by, Why::Closing),
            Stopping::No | Stopping::Closing => {}
        }
        earliest.get()
    }

    // ---- facts ----

    /// The stream of this attempt is open, TLS included.
    pub fn handle_opened(&mut self, now: Instant, lane: Lane, attempt: Attempt) {
        self.fact(now, |bot| match lane {
            Lane::Socket => bot.link.handle_opened(attempt, &mut bot.shared),
            Lane::Http(index) => {
                let finished = bot.api.handle_opened(usize::from(index), attempt, &mut bot.shared);
                bot.finish(finished);
            }
        });
    }

    /// The stream of this attempt could not be opened, or has ended.
    pub fn handle_closed(&mut self, now: Instant, lane: Lane, attempt: Attempt, why: Closed) {
        self.fact(now, |bot| match lane {
            Lane::Socket => bot.link.handle_closed(attempt, why, &mut bot.shared),
            Lane::Http(index) => {
                let finished = bot.api.handle_closed(usize::from(index), attempt, why, &mut bot.shared);
                bot.finish(finished);
            }
        });
    }

    /// Bytes came in: at most as many as [`poll_receive`](Self::poll_receive) said, else the attempt ends.
    pub fn handle_received(&mut self, now: Instant, lane: Lane, attempt: Attempt, bytes: &[u8]) {
        self.fact(now, |bot| match lane {
            Lane::Socket => bot.link.handle_received(attempt, bytes, &mut bot.shared),
            Lane::Http(index) => {
                let finished = bot.api.handle_received(usize::from(index), attempt, bytes);
                bot.finish(finished);
            }
        });
    }

    /// The first `n` bytes of [`poll_transmit`](Self::poll_transmit) were written.
    pub fn handle_transmitted(&mut self, now: Instant, lane: Lane, attempt: Attempt, n: usize) {
        self.fact(now, |bot| match lane {
            Lane::Socket => bot.link.handle_transmitted(attempt, n, &mut bot.shared),
            Lane::Http(index) => bot.api.handle_transmitted(usize::from(index), attempt, n),
        });
    }

    /// What became of the event at the head of the line. A late `Accepted` still keeps a redelivery from being handed
    /// over again; other late verdicts are ignored.
    pub fn handle_delivered(&mut self, now: Instant, id: DeliveryId, verdict: Verdict) {
        self.fact(now, |bot| {
            // Chosen before the verdict lets the bot read on: chance must not depend on how much was read with this event.
            if let Some((message_id, locale)) = bot.acknowledgement(id, verdict) {
                let Shared { rng, now, report, .. } = &mut bot.shared;
                bot.api.reactions.push(message_id, locale.reactions(), rng, *now, report);
            }
            #[cfg(feature = "webhook")]
            if bot.desk.holds(id) {
                let Shared { now, report, .. } = &mut bot.shared;
                bot.desk.decide(*now, id, verdict, &mut bot.link.session, report);
                if matches!(verdict, Verdict::Accepted | Verdict::Later) {
                    bot.link.settle_copy(id, &mut bot.shared);
                }
                return;
            }
            bot.link.handle_delivered(id, verdict, &mut bot.shared);
            #[cfg(feature = "webhook")]
            if matches!(verdict, Verdict::Accepted | Verdict::Later) {
                bot.desk.settle_copies(id, &mut bot.shared.report);
                // It may have been posted, and be late.
                bot.link.settle_copy(id, &mut bot.shared);
            }
        });
    }

    /// The result of this call was taken; its place in the outbox is free again. Legal after the end, too.
    pub fn handle_completed(&mut self, now: Instant, id: CallId) {
        self.api.outbox.taken(id);
        self.fact(now, |_| {});
    }

    /// How many more events the inbox has room for; the bot counts it down as events are accepted. An event is offered
    /// whether or not room was told. After one has waited for 2 s in vain, further ones are refused at once until room is
    /// told again: see [`is_room_wanted`](Self::is_room_wanted).
    pub fn handle_inbox(&mut self, now: Instant, room: usize) {
        self.fact(now, |bot| bot.link.session.handle_inbox(room));
    }

    /// The wall clock, or that there is none. One that turns out to be minutes off is not used, and
    /// [`Notice::ClockOff`] says so: the platform's own clock serves instead.
    pub fn handle_wall_clock(&mut self, now: Instant, unix: Option<UnixMillis>) {
        self.fact(now, |bot| {
            bot.shared.wall_told(unix);
            bot.tell_time();
        });
    }

    /// The time is `now`; does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.fact(now, |bot| {
            bot.started = true;
            bot.link.handle_timeout(&mut bot.shared);
            #[cfg(feature = "webhook")]
            bot.expire_posts();
            for index in 0..bot.api.lanes.as_slice().len() {
                let finished = bot.api.handle_timeout(index, &mut bot.shared);
                bot.finish(finished);
            }
        });
    }

    // ---- commands ----

    /// Puts a call into the outbox.
    ///
    /// # Errors
    /// [`Misuse`]: nothing was accepted, and the message says what to change.
    pub fn submit(&mut self, now: Instant, call: Call<'_>) -> Result<CallId, Misuse> {
        let mut result = Err(Misuse::Stopping);
        self.fact(now, |bot| {
            // A refused call tells the time all the same (contract, line 4).
            if matches!(bot.stopping, Stopping::No) {
                result = bot.api.submit(&call, &mut bot.shared);
            }
        });
        result
    }

    /// Answers a callback that was taken with [`Verdict::Later`]: a JSON object such as
    /// `{"toast":{"type":"info","content":"saved"}}` (protocol section 11.3).
    ///
    /// # Errors
    /// [`Misuse`]: the answer was not taken, and the message says what to do; [`Misuse::Late`] when 2.5 s were over.
    pub fn respond(&mut self, now: Instant, id: ResponseId, body: &[u8]) -> Result<(), Misuse> {
        let mut result = Err(Misuse::Stopping);
        self.fact(now, |bot| {
            #[cfg(feature = "webhook")]
            if let Some(taken) = bot.desk.respond(id, body, &mut bot.shared.report) {
                result = taken;
                return;
            }
            result = bot.link.respond(id, body, &mut bot.shared);
        });
        result
    }

    /// Tells the language of a chat, for acknowledgement reactions: it wins over what a message looks like, since a text
    /// in Han characters alone may be Japanese. `None` forgets it.
    ///
    /// # Errors
    /// [`Misuse::Full`]: no place for one more chat; [`Misuse::Field`]: the id is empty.
    pub fn set_chat_locale(&mut self, chat_id: &str, locale: Option<Locale>) -> Result<(), Misuse> {
        if chat_id.is_empty() {
            return Err(Misuse::Field("chat_id"));
        }
        self.hints.set(chat_id, locale)
    }

    /// Asks the platform again who the bot is. Every lookup is a call on the app's monthly quota.
    pub fn refresh_identity(&mut self, now: Instant) {
        self.fact(now, |bot| bot.api.lookup.refresh(bot.shared.now));
    }

    /// Ends in order: no more events, accepted calls finished (10 s at most), acks written (2 s), the socket closed with
    /// 1000 (2 s). Calling it again changes nothing.
    pub fn shut_down(&mut self, now: Instant) {
        self.fact(now, |bot| {
            if let Stopping::No = bot.stopping {
                bot.link.session.stop_accepting();
                #[cfg(feature = "webhook")]
                bot.stop_posts(false);
                bot.stopping = Stopping::Draining { by: bot.shared.now.after(flow::DRAIN_MS) };
            }
        });
    }

    // ---- reports ----

    /// Takes the oldest notice nobody has taken.
    pub fn take_notice(&mut self) -> Option<Notice> {
        self.shared.report.take()
    }

    /// Where the bot stands.
    pub fn state(&self) -> State {
        match (self.end, self.link.phase()) {
            (Some(End::Fatal(_)), _) => State::Fatal,
            (Some(End::Stopped), _) => State::Closed,
            (None, _) if !self.started => State::Idle,
            (None, Phase::Closing { .. } | Phase::Ended) => State::Closing,
            (None, _) if matches!(self.stopping, Stopping::Flushing { .. } | Stopping::Closing) => State::Closing,
            (None, Phase::Waiting { until }) => State::Waiting { failures: self.link.failures(), until },
            (None, Phase::Discovering) => State::Discovering,
            (None, Phase::Connecting { .. } | Phase::Upgrading { .. }) => State::Connecting,
            (None, Phase::Open) => State::Open,
            (None, Phase::Resting) => State::Resting,
        }
    }

    /// Whether the platform keeps refusing the authentication of upgrades (three in a row); the bot goes on trying.
    pub fn is_auth_rejected(&self) -> bool {
        self.link.auth_rejected()
    }

    /// How many delivered ids were remembered since construction: what [`write_seen`](Self::write_seen) goes on from.
    pub fn seen_count(&self) -> u64 {
        self.link.session.seen_count()
    }

    /// Writes the remembered ids for a file or flash: all of them (`None`), 16 bytes each behind a header of 32 bytes, or
    /// those after the first `from`, to be appended. It is what [`restore_seen`](Self::restore_seen) takes.
    pub fn write_seen(&self, from: Option<u64>, w: &mut Writer<'_>) {
        self.link.session.write_seen(self.shared.now, self.shared.unix(), from, w);
    }

    /// Writes the ids of one delivery, 16 bytes each, none to two: what [`write_seen`](Self::write_seen) appends once it was
    /// accepted. So a journal can keep them together with the event before it is accepted.
    pub fn write_seen_of(&self, id: DeliveryId, w: &mut Writer<'_>) {
        self.link.session.write_seen_of(self.shared.unix(), id, w);
    }

    /// Takes back what [`write_seen`](Self::write_seen) wrote, before the first event, so that a restart does not reopen
    /// the window; how many ids it was. Tell the wall clock first: without it every record counts as new.
    ///
    /// # Errors
    /// [`RestoreError`]: nothing changed.
    pub fn restore_seen(&mut self, now: Instant, bytes: &[u8]) -> Result<usize, RestoreError> {
        self.shared.now = self.shared.now.max(now);
        let app_id = self.shared.account.texts.get(&self.shared.account.app_id);
        self.link.session.restore_seen(self.shared.now, self.shared.unix(), app_id, bytes)
    }

    /// What the bot knows of itself.
    pub fn identity(&self) -> Identity<'_> {
        self.api.lookup.identity()
    }

    /// The platform's clock as its last HTTP answer told it, and when that came in: good to a second or two.
    pub fn platform_clock(&self) -> Option<(Instant, UnixMillis)> {
        self.shared.platform_wall
    }

    /// How the bot ended, once it has.
    pub fn ended(&self) -> Option<End> {
        self.end
    }

    /// The counters.
    pub fn stats(&self) -> &Stats {
        &self.shared.report.stats
    }

    /// The pace the platform asked for, after clamping.
    pub fn client_config(&self) -> &crate::link::ClientConfig {
        self.link.session.client_config()
    }
}
