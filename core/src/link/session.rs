//! The frame level: whole binary messages in, acks and pings out (protocol sections 4 to 8).
//!
//! [`Session`] knows nothing of WebSocket or HTTP. [`Bot`](crate::Bot) drives one; people with a WebSocket stack of
//! their own can drive one too:
//!
//! ```text
//! opened ─► handle_message(bytes) ─► Nothing | Ack(answer) | Offer | Broken
//!                  Offer ─► reveal ─► event ─► handle_delivered ─► Some(answer)
//!                  an answer ─► write_ack(bytes, answer)         tick ─► Quiet | Ping | Dead
//! ```
//! The caller keeps the message's bytes until its reaction is dealt with; one message is dealt with at a time.

use core::hash::Hasher as _;
use core::ops::Range;

use siphasher::sip::SipHasher13;

use super::client_config::ClientConfig;
use super::liveness::{Liveness, Tick};
use super::parts::{FinishedId, PartSet, Parts};
use super::responses::{CallbackSlot, RESPONSE_MS, Responses};
use crate::event::{self, DeliveryId, Event, Layout, Verdict};
use crate::fault::DropReason;
use crate::gate::{Gate, GateRules, Seen, SeenEntry};
use crate::notice::{Report, count};
use crate::rng::{Rng, Seed};
use crate::storage::{Region, Slots};
use crate::text::Short;
use crate::time::{Earliest, Instant, UnixMillis, Why};
use crate::wire::frame::{AckPlan, Frame, write_ping};
use crate::wire::json::Str;
use crate::wire::scan;
use crate::wire::writer::Writer;

/// How long an event may wait for a verdict (protocol section 8.3).
pub(crate) const INBOX_MS: u64 = 2000;
/// Undecodable messages in a row that end the connection (protocol section 4.3).
pub(super) const STRIKES: u8 = 5;

/// What an ack says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Answer {
    /// A callback's default answer, the JSON object `{}` in base64.
    EmptyObject,
    /// Received; nothing to say.
    Received,
}

impl Answer {
    fn payload(self) -> &'static [u8] {
        match self {
            Self::EmptyObject => br#"{"code":200,"data":"e30="}"#,
            Self::Received => br#"{"code":200}"#,
        }
    }

    pub(super) fn to(callback: bool) -> Self {
        if callback { Self::EmptyObject } else { Self::Received }
    }
}

/// What a message asks of whoever drives the session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reaction {
    /// Write this ack.
    Ack(Answer),
    /// Five messages in a row could not be decoded: drop the connection.
    Broken,
    /// Nothing.
    Nothing,
    /// An event waits: make sure of room for [`Session::ack_len`] bytes, then call [`Session::reveal`].
    Offer,
}

/// What a session is made of; how much of everything is the caller's choice.
#[derive(Debug)]
pub struct SessionStorage<'s> {
    /// Blocks of 256 bytes for split messages under assembly.
    pub parts: Region<'s>,
    /// One assembled message.
    pub assembled: Region<'s>,
    /// Split messages under assembly, at most 8 are useful.
    pub part_sets: Slots<'s, PartSet>,
    /// Ids of finished split messages.
    pub finished: Slots<'s, FinishedId>,
    /// Ids of delivered events: two entries a chat message, one for other events.
    pub seen: Slots<'s, SeenEntry>,
    /// The allow-list: its entries and one byte each.
    pub allowed: Region<'s>,
    /// Callbacks that wait for the application's answer; a full table answers `{}` at once.
    pub callbacks: Slots<'s, CallbackSlot<'s>>,
}

/// The rules of a session.
#[derive(Clone, Copy, Debug)]
pub struct SessionRules<'a> {
    /// The bot's own app; events of another are rejected.
    pub app_id: &'a str,
    /// Milliseconds that delivered ids are remembered.
    pub dedup_window_ms: u64,
    /// Who may speak.
    pub gate: GateRules<'a>,
    /// Milliseconds within which something must come in after a ping; 0 switches this rule off.
    pub pong_timeout_ms: u32,
}

#[derive(Debug)]
pub(super) enum Place {
    Assembled,
    Message(Range<usize>),
}

#[derive(Debug)]
pub(super) struct Offered {
    pub(super) id: DeliveryId,
    pub(super) spans: Layout,
    pub(super) place: Place,
    /// For the report, also when the message is gone: bytes of the payload and the platform's trace id.
    pub(super) len: usize,
    pub(super) trace_id: Short<48>,
    /// The id of the split message it came as.
    pub(super) split: Option<u64>,
    pub(super) arrived: Instant,
    /// `None` until room for the ack is reserved.
    pub(super) decide_by: Option<Instant>,
    /// When waiting for it means that the inbox is stuck.
    pub(super) stalls_at: Instant,
    /// For a chat message: the hash of its chat, and whether a bot wrote it.
    pub(super) speaker: Option<(u64, bool)>,
}

/// An event that may reach the application.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screened {
    pub(crate) id: DeliveryId,
    /// For a chat message: the hash of its chat, and whether a bot wrote it.
    pub(crate) speaker: Option<(u64, bool)>,
}

/// The protocol above whole messages. It outlives connections: delivered ids and the platform's pace are kept.
pub struct Session<'s> {
    pub(super) config: ClientConfig,
    pub(super) liveness: Liveness,
    pub(super) parts: Parts<'s>,
    pub(super) seen: Seen<'s>,
    pub(super) responses: Responses<'s>,
    pub(super) gate: Gate<'s>,
    /// The time of day, and when it was told.
    pub(super) wall: Option<(Instant, UnixMillis)>,
    /// When the message that is being dealt with came in.
    pub(super) arrival: Option<Instant>,
    /// How the message that is being dealt with is acked.
    pub(super) ack_plan: Option<AckPlan>,
    pub(super) hash_key: [u8; 16],
    pub(super) app: u64,
    pub(super) service_id: i32,
    pub(super) serial: u64,
    pub(super) strikes: u8,
    pub(super) offered: Option<Offered>,
    pub(super) room: usize,
    pub(super) stalled: bool,
    pub(super) accepting: bool,
}

impl core::fmt::Debug for Session<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // The hash key would let others find ids that collide.
        f.debug_struct("Session").field("config", &self.config).field("serial", &self.serial).finish_non_exhaustive()
    }
}

impl<'s> Session<'s> {
    /// A session without a connection.
    pub fn new(rules: SessionRules<'_>, storage: SessionStorage<'s>, seed: &Seed) -> Self {
        let mut session = Self {
            config: ClientConfig::default(),
            liveness: Liveness::new(rules.pong_timeout_ms),
            parts: Parts::new(storage.parts, storage.assembled, storage.part_sets, storage.finished),
            seen: Seen::new(storage.seen, rules.dedup_window_ms),
            responses: Responses::new(storage.callbacks),
            gate: Gate::new(&rules.gate, storage.allowed),
            wall: None,
            arrival: None,
            ack_plan: None,
            hash_key: Rng::new(seed).bytes(),
            app: 0,
            service_id: 0,
            serial: 0,
            strikes: 0,
            offered: None,
            room: 0,
            stalled: false,
            accepting: true,
        };
        session.app = session.hash(b'a', rules.app_id.as_bytes());
        session
    }

    /// A connection is open; `service_id` comes from its URL. A ping is due at once.
    pub fn opened(&mut self, now: Instant, service_id: i32) {
        self.service_id = service_id;
        self.strikes = 0;
        self.liveness.opened(now, &self.config);
    }

    /// The connection is gone: what was not acked comes again.
    pub fn closed(&mut self, report: &mut Report<'_>) {
        if self.offered.take().is_some() {
            self.parts.release();
        }
        self.parts.drop_all();
        self.responses.drop_all();
        self.arrival = None;
        self.report_lost(report);
    }

    /// The bot's own `open_id`: mentions of it count, and what it did itself is dropped.
    pub fn handle_identity(&mut self, open_id: &str) {
        self.gate.set_own_open_id(Short::new(open_id));
    }

    /// The time of day, for the age of messages.
    pub fn handle_wall_clock(&mut self, now: Instant, unix: Option<UnixMillis>) {
        self.wall = unix.map(|unix| (now, unix));
    }

    /// When the message that follows came in, if that was before now: it may have waited behind an undecided one.
    pub fn handle_arrival(&mut self, at: Option<Instant>) {
        self.arrival = at;
    }

    /// The platform's pace.
    pub fn client_config(&self) -> &ClientConfig {
        &self.config
    }

    pub(crate) fn client_config_mut(&mut self) -> &mut ClientConfig {
        &mut self.config
    }

    /// From now on every event is refused: the bot is closing.
    pub fn stop_accepting(&mut self) {
        self.accepting = false;
    }

    /// Tells how many events the inbox has room for.
    pub fn handle_inbox(&mut self, room: usize) {
        self.room = room;
        self.stalled &= room == 0;
    }

    /// Whether events are refused until room is told.
    pub fn is_room_wanted(&self) -> bool {
        self.stalled && self.room == 0
    }

    /// Any ws frame came in, control frames included.
    pub fn handle_alive(&mut self, now: Instant) {
        self.liveness.inbound(now, &self.config);
    }

    /// When [`tick`](Self::tick) is due.
    pub(crate) fn deadlines(&self, earliest: &mut Earliest) {
        self.liveness.deadlines(&self.config, earliest);
        self.parts.deadlines(earliest);
        if let Some(at) = self.offered.as_ref().and_then(|offered| offered.decide_by) {
            earliest.add(at, Why::Inbox);
        }
        self.responses.deadlines(earliest);
    }

    /// Lets time pass for split messages and liveness. After [`Tick::Ping`] call [`write_ping`](Self::write_ping) and
    /// [`pinged`](Self::pinged).
    pub fn tick(&mut self, now: Instant, report: &mut Report<'_>) -> Tick {
        self.parts.expire(now);
        self.report_lost(report);
        self.liveness.tick(now, &self.config)
    }

    /// A ping was written, or could not be.
    pub fn pinged(&mut self, now: Instant) {
        self.liveness.pinged(now);
    }

    /// Writes a ping frame.
    pub fn write_ping(&self, w: &mut Writer<'_>) {
        write_ping(w, self.service_id);
    }

    /// Bytes the ack of the waiting event may take at most; `message` is the one that brought it.
    pub fn ack_len(&self, message: &[u8]) -> usize {
        self.ack_len_of(message, u64::MAX, Answer::EmptyObject)
    }

    /// Bytes that [`write_ack`](Self::write_ack) writes.
    pub(super) fn ack_len_of(&self, message: &[u8], biz_rt_ms: u64, answer: Answer) -> usize {
        if let Some(plan) = self.ack_plan.filter(|plan| plan.is_of(message)) {
            return plan.written_len(biz_rt_ms, answer.payload());
        }
        let mut counting = Writer::counting();
        self.write_ack(message, biz_rt_ms, answer, &mut counting);
        counting.len()
    }

    /// Room for the ack is reserved: the event may be shown. The time for a verdict runs from here.
    pub fn reveal(&mut self, now: Instant) {
        if let Some(offered) = &mut self.offered {
            let by = now.after(INBOX_MS);
            offered.stalls_at = by;
            let callback = offered.spans.callback.then(|| offered.arrived.after(RESPONSE_MS));
            offered.decide_by = Some(callback.map_or(by, |answer_by| by.min(answer_by)));
        }
    }

    /// The ack could never be written: the event is dropped as too big, without one.
    pub fn withdraw(&mut self, report: &mut Report<'_>) {
        if let Some(offered) = self.offered.take() {
            self.parts.release();
            report.dropped(DropReason::TooBig, offered.len, Some(offered.trace_id.as_str().as_bytes()));
        }
    }

    /// Whether a callback waits for the application's answer, or its answer for room.
    pub fn is_response_open(&self) -> bool {
        !self.responses.is_empty()
    }

    /// Whether an event waits for a verdict, shown or not.
    pub fn is_waiting(&self) -> bool {
        self.offered.is_some()
    }

    /// Whether the waiting event was shown.
    pub(crate) fn is_shown(&self) -> bool {
        self.offered.as_ref().is_some_and(|offered| offered.decide_by.is_some())
    }

    /// The event that waits for a verdict; `message` is the one that brought it.
    pub fn event<'a>(&'a self, message: &'a [u8]) -> Option<Event<'a>> {
        let offered = self.offered.as_ref().filter(|offered| offered.decide_by.is_some() && self.accepting)?;
        let payload = match &offered.place {
            Place::Assembled => self.parts.assembled(),
            Place::Message(range) => message.get(range.clone())?,
        };
        Some(Event {
            id: offered.id,
            json: scan::utf8(event::text(payload))?,
            spans: &offered.spans,
            trace_id: offered.trace_id.as_bytes(),
            own: self.gate.own_open_id(),
        })
    }

    /// Takes the verdict on a delivery: `Some` with the ack to write, if any, when it was the waiting one; `message` is
    /// the one that brought it. A late `Accepted` only keeps a redelivery away.
    pub fn handle_delivered(
        &mut self,
        now: Instant,
        id: DeliveryId,
        verdict: Verdict,
        message: &[u8],
        report: &mut Report<'_>,
    ) -> Option<Option<Answer>> {
        let offered = self.offered.take_if(|offered| offered.id == id && offered.decide_by.is_some());
        if matches!(verdict, Verdict::Accepted | Verdict::Later) {
            self.room = self.room.saturating_sub(1);
            if offered.is_some() || id.serial <= self.serial {
                let fresh = self.remember(now, [id.event_key, id.message_key], report);
                // Said twice it is still one event.
                if offered.is_none() && fresh {
                    count(&mut report.stats.accepted);
                }
            }
        }
        let offered = offered?;
        self.parts.release();
        let callback = offered.spans.callback;
        let mut later = false;
        if matches!(verdict, Verdict::Accepted | Verdict::Later) {
            self.spoke(now, offered.speaker);
        }
        let trace_id = Some(offered.trace_id.as_str().as_bytes());
        match verdict {
            Verdict::Accepted => count(&mut report.stats.accepted),
            Verdict::Later => {
                count(&mut report.stats.accepted);
                later = callback && self.responses.keep(id.serial, message, offered.arrived);
            }
            Verdict::Discarded => report.dropped(DropReason::Discarded, offered.len, trace_id),
            Verdict::Refused => {
                report.dropped(DropReason::InboxFull, offered.len, trace_id);
                if callback {
                    count(&mut report.stats.callbacks_lost);
                }
                return Some(callback.then_some(Answer::EmptyObject));
            }
        }
        if let Some(id) = offered.split {
            self.parts.finish(now, id);
        }
        Some((!later).then(|| Answer::to(callback)))
    }

    /// Refuses the waiting event when its time is up: as [`handle_delivered`](Self::handle_delivered).
    pub fn expire_offer(&mut self, now: Instant, message: &[u8], report: &mut Report<'_>) -> Option<Option<Answer>> {
        let offered = self.offered.as_ref()?;
        if now < offered.decide_by? {
            return None;
        }
        let id = offered.id;
        // A callback's own time may be up before that, and says nothing of the inbox.
        if offered.stalls_at <= now {
            self.stalled = true;
            self.room = 0;
        }
        self.handle_delivered(now, id, Verdict::Refused, message, report)
    }

    /// Refuses the waiting event if it is a callback, which gets its answer whatever happens: the connection closes.
    pub(super) fn refuse_callback(
        &mut self,
        now: Instant,
        message: &[u8],
        report: &mut Report<'_>,
    ) -> Option<Option<Answer>> {
        let id = self.offered.as_ref().filter(|offered| offered.spans.callback)?.id;
        self.handle_delivered(now, id, Verdict::Refused, message, report)
    }

    /// When the waiting event's frame came in, for `biz_rt`.
    pub fn arrived(&self) -> Option<Instant> {
        self.offered.as_ref().map(|offered| offered.arrived)
    }

    /// Writes the ack of `message`, the last one that was taken; nothing when it is no frame.
    pub fn write_ack(&self, message: &[u8], biz_rt_ms: u64, answer: Answer, w: &mut Writer<'_>) {
        if let Some(plan) = self.ack_plan.filter(|plan| plan.is_of(message)) {
            return plan.write(message, w, biz_rt_ms, answer.payload());
        }
        let frame = Frame::decode(message).ok().or_else(|| Frame::decode_head(message).ok().flatten());
        if let Some(frame) = frame {
            frame.write_ack(w, biz_rt_ms, answer.payload());
        }
    }

    pub(super) fn report_lost(&mut self, report: &mut Report<'_>) {
        for _ in 0..self.parts.take_lost() {
            report.dropped(DropReason::Incomplete, 0, None);
        }
    }

    /// A keyed hash; `kind` keeps different sorts of ids apart.
    pub(super) fn hash(&self, kind: u8, bytes: &[u8]) -> u64 {
        hash(&self.hash_key, kind, bytes)
    }

    /// The hash of an id as its unescaped text; an id with a NUL in it is none.
    pub(crate) fn id_key(&self, kind: u8, id: Str<'_>) -> Option<u64> {
        if let Some(plain) = id.plain() {
            // In a document a NUL is an escape.
            return Some(self.hash(kind, plain.as_bytes()));
        }
        if id.chars().any(|ch| ch == '\0') {
            return None;
        }
        let mut hasher = SipHasher13::new_with_key(&self.hash_key);
        hasher.write(&[kind]);
        id.chars().for_each(|ch| hasher.write(ch.encode_utf8(&mut [0; 4]).as_bytes()));
        Some(hasher.finish())
    }
}

pub(super) fn hash(hash_key: &[u8; 16], kind: u8, bytes: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new_with_key(hash_key);
    hasher.write(&[kind]);
    hasher.write(bytes);
    hasher.finish()
}
