//! Callbacks that the application answers: their heads are kept until it does, or until 2.5 s are over (protocol
//! sections 8.2, 8.3).
//!
//! ```text
//! Later ─► Waiting ─ respond ─► Answered ─ room in the output ─► written, free again
//!             └── 2.5 s, or the bot closes ──► Due ─ ({} ) ──┘
//! ```

use base64ct::{Base64, Encoding as _};

use super::session::Session;
use crate::api::check_object;
use crate::event::ResponseId;
use crate::fault::Misuse;
use crate::notice::{Report, count};
use crate::storage::{Region, Slots};
use crate::time::{Earliest, Instant, Why};
use crate::wire::frame::Frame;
use crate::wire::writer::Writer;

/// How long a callback may wait for its answer (protocol section 8.3).
pub(crate) const RESPONSE_MS: u64 = 2500;
/// Memory a host keeps in each place, so that an ordinary answer allocates nothing.
const RETAINED: usize = 1024;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Free,
    Waiting,
    Answered,
    Due,
}

/// One place for a callback that waits for its answer. Its region holds the frame's head, some 300 bytes, and the answer.
#[derive(Debug)]
pub struct CallbackSlot<'s> {
    region: Region<'s>,
    state: State,
    serial: u64,
    head_len: usize,
    len: usize,
    arrived: Instant,
}

impl<'s> CallbackSlot<'s> {
    /// A free place.
    pub fn new(region: Region<'s>) -> Self {
        Self { region, state: State::Free, serial: 0, head_len: 0, len: 0, arrived: Instant::ZERO }
    }

    fn head(&self) -> &[u8] {
        self.region.slice(0, self.head_len)
    }

    fn body(&self) -> &[u8] {
        match self.state {
            State::Answered => self.region.slice(self.head_len, self.len),
            _ => b"{}",
        }
    }
}

#[derive(Debug)]
pub(super) struct Responses<'s> {
    slots: Slots<'s, CallbackSlot<'s>>,
}

impl<'s> Responses<'s> {
    pub(super) fn new(slots: Slots<'s, CallbackSlot<'s>>) -> Self {
        Self { slots }
    }

    /// Keeps the head of `message`; `false` when there is no place for it.
    pub(super) fn keep(&mut self, serial: u64, message: &[u8], arrived: Instant) -> bool {
        let Ok(frame) = Frame::decode(message) else { return false };
        let mut counting = Writer::counting();
        frame.write_head(&mut counting);
        let Some(index) = self.slots.find_free(|slot| slot.state == State::Free) else { return false };
        let Some(slot) = self.slots.get_mut(index) else { return false };
        if !slot.region.ensure(counting.len()) {
            return false;
        }
        frame.write_head(&mut Writer::new(slot.region.bytes_mut()));
        slot.head_len = counting.len();
        slot.len = slot.head_len;
        slot.state = State::Waiting;
        slot.serial = serial;
        slot.arrived = arrived;
        true
    }

    fn answer(&mut self, id: ResponseId, body: &[u8], most: usize) -> Result<(), Misuse> {
        let json = core::str::from_utf8(body).map_err(|_| Misuse::Field("body"))?;
        check_object("body", json)?;
        let waiting = |slot: &&mut CallbackSlot<'_>| slot.state == State::Waiting && slot.serial == id.0;
        let slot = self.slots.as_mut_slice().iter_mut().find(waiting).ok_or(Misuse::Late)?;
        let end = slot.head_len.saturating_add(body.len());
        let mut counting = Writer::counting();
        if let Ok(frame) = Frame::decode(slot.head()) {
            frame.write_ack_with(&mut counting, u64::MAX, |w| write_payload(w, body));
        }
        let needed = counting.len();
        if needed > most || !slot.region.ensure(end) {
            return Err(Misuse::TooLong { needed });
        }
        if let Some(room) = slot.region.bytes_mut().get_mut(slot.head_len..end) {
            room.copy_from_slice(body);
        }
        slot.len = end;
        slot.state = State::Answered;
        Ok(())
    }

    pub(super) fn deadlines(&self, earliest: &mut Earliest) {
        for slot in self.slots.as_slice().iter().filter(|slot| slot.state == State::Waiting) {
            earliest.add(slot.arrived.after(RESPONSE_MS), Why::Response);
        }
    }

    /// Callbacks whose time is up get the default answer; with `all`, every one.
    fn expire(&mut self, now: Instant, all: bool, report: &mut Report<'_>) {
        for slot in self.slots.as_mut_slice().iter_mut().filter(|slot| slot.state == State::Waiting) {
            if all || slot.arrived.after(RESPONSE_MS) <= now {
                slot.state = State::Due;
                count(&mut report.stats.callbacks_unanswered);
            }
        }
    }

    fn ready(&self) -> Option<usize> {
        self.slots.as_slice().iter().position(|slot| matches!(slot.state, State::Answered | State::Due))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.slots.as_slice().iter().all(|slot| slot.state == State::Free)
    }

    pub(super) fn drop_all(&mut self) {
        for slot in self.slots.as_mut_slice() {
            slot.state = State::Free;
        }
    }

    fn free(&mut self, index: usize) {
        if let Some(slot) = self.slots.get_mut(index) {
            slot.state = State::Free;
            slot.region.relax(RETAINED);
        }
    }
}

/// A callback's answer that is ready to be written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Response(usize);

impl Session<'_> {
    /// Takes the application's answer to a callback: a JSON object, whose ack takes at most `most` bytes.
    ///
    /// # Errors
    /// [`Misuse`]: the answer was not taken; a callback that still waits gets `{}` in time.
    pub fn respond(&mut self, id: ResponseId, body: &[u8], most: usize, report: &mut Report<'_>) -> Result<(), Misuse> {
        self.responses.answer(id, body, most)?;
        count(&mut report.stats.callbacks_answered);
        Ok(())
    }

    /// No answer is waited for any more: every callback that waits gets `{}`.
    pub fn stop_responses(&mut self, now: Instant, report: &mut Report<'_>) {
        self.responses.expire(now, true, report);
    }

    /// The next answer to write, if any.
    pub fn next_response(&mut self, now: Instant, report: &mut Report<'_>) -> Option<Response> {
        self.responses.expire(now, false, report);
        self.responses.ready().map(Response)
    }

    /// Writes the ack that carries the answer.
    pub fn write_response(&self, now: Instant, response: Response, w: &mut Writer<'_>) {
        let Some(slot) = self.responses.slots.get(response.0) else { return };
        if let Ok(frame) = Frame::decode(slot.head()) {
            frame.write_ack_with(w, now.since(slot.arrived), |w| write_payload(w, slot.body()));
        }
    }

    /// The answer was written, or can never be.
    pub fn response_written(&mut self, response: Response) {
        self.responses.free(response.0);
    }
}

fn write_payload(w: &mut Writer<'_>, body: &[u8]) {
    w.bytes(br#"{"code":200,"data":""#);
    // Multiples of three need no padding before the end.
    for chunk in body.chunks(48) {
        let mut text = [0; 64];
        w.bytes(Base64::encode(chunk, &mut text).unwrap_or_default().as_bytes());
    }
    w.bytes(br#""}"#);
}
