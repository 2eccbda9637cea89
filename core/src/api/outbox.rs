//! The outbox: accepted calls, kept with their request until they are finished and their completion was taken.

use super::call::{Call, check, write_call};
use crate::fault::{CallFault, CallFaultKind, Misuse};
use crate::notice::{Report, count};
use crate::rng::Rng;
use crate::shared::{Account, Shared};
use crate::storage::{Region, Slots};
use crate::text::Short;
use crate::time::{Earliest, Instant, Why};
use crate::wire::http::{self, HttpError, Method};
use crate::wire::json::{self, Reader, Value};
use crate::wire::writer::Writer;

/// Bytes of a call's request head beside its path and token.
const HEAD_ROOM: usize = 512;

/// Names one accepted call.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct CallId(u64);

/// The result of a call, kept until [`handle_completed`](crate::Bot::handle_completed).
#[derive(Clone, Copy, Debug)]
pub struct Completion<'a> {
    /// Which call.
    pub id: CallId,
    /// What came of it.
    pub result: Result<CallAnswer<'a>, CallFault>,
    /// The platform's log id, to name in a question to its support; empty when no answer came.
    pub log_id: Short<48>,
}

/// What the platform answered to a call.
#[derive(Clone, Copy)]
pub struct CallAnswer<'a> {
    /// `om_…` of the message that was sent, cut to 64 bytes; empty for calls that send none.
    pub message_id: &'a str,
    /// The whole `data` object (`bot` for [`Call::BotInfo`]) as JSON text; empty where there was none, or where it did
    /// not fit the call's place in the outbox.
    pub data: &'a str,
}

impl<'a> CallAnswer<'a> {
    /// A member of [`data`](Self::data), such as `reaction_id`, `chat_id` or `thread_id`.
    pub fn field(&self, name: &str) -> Option<Value<'a>> {
        member(self.data, name).ok().flatten()
    }
}

impl core::fmt::Debug for CallAnswer<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // What people write is not for logs.
        write!(f, "CallAnswer({}, {} bytes)", self.message_id, self.data.len())
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Free,
    Waiting { until: Instant },
    Flying,
    Done { serial: u64 },
}

/// One place of the outbox: its region holds one request (path and JSON body), later the answer's `data`.
#[derive(Debug)]
pub struct CallSlot<'s> {
    region: Region<'s>,
    state: State,
    id: CallId,
    method: Method,
    done_when_gone: bool,
    path_len: usize,
    len: usize,
    tries: u8,
    backoffs: u32,
    token_forgiven: bool,
    token_serial: u32,
    expires: Instant,
    /// Why the last try failed.
    last: Option<CallFault>,
    result: Result<Short<64>, CallFault>,
    log_id: Short<48>,
}

impl<'s> CallSlot<'s> {
    /// A free place.
    pub fn new(region: Region<'s>) -> Self {
        Self {
            region,
            state: State::Free,
            id: CallId(0),
            method: Method::Get,
            done_when_gone: false,
            path_len: 0,
            len: 0,
            tries: 0,
            backoffs: 0,
            token_forgiven: false,
            token_serial: 0,
            expires: Instant::FAR,
            last: None,
            result: Ok(Short::EMPTY),
            log_id: Short::EMPTY,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Outbox<'s> {
    slots: Slots<'s, CallSlot<'s>>,
    serial: u64,
    done: u64,
}

impl<'s> Outbox<'s> {
    pub(super) fn new(slots: Slots<'s, CallSlot<'s>>) -> Self {
        Self { slots, serial: 0, done: 0 }
    }

    fn slot(&mut self, index: usize) -> Option<&mut CallSlot<'s>> {
        self.slots.get_mut(index)
    }

    pub(super) fn submit(
        &mut self,
        call: &Call<'_>,
        lane_room: usize,
        shared: &mut Shared<'_>,
    ) -> Result<CallId, Misuse> {
        check(call)?;
        let random = shared.rng.uuid();
        let uuid = core::str::from_utf8(&random).unwrap_or_default();
        let mut counting = Writer::counting();
        let path_len = write_call(&mut counting, call, uuid);
        let needed = counting.len();
        if needed.saturating_add(HEAD_ROOM) > lane_room {
            return Err(Misuse::TooLong { needed });
        }
        let index = self.slots.find_free(|slot| slot.state == State::Free).ok_or(Misuse::Full)?;
        self.serial = self.serial.saturating_add(1);
        let id = CallId(self.serial);
        let slot = self.slots.get_mut(index).ok_or(Misuse::Full)?;
        if !slot.region.ensure(needed) {
            return Err(Misuse::TooLong { needed });
        }
        write_call(&mut Writer::new(slot.region.bytes_mut()), call, uuid);
        slot.state = State::Waiting { until: shared.now };
        slot.id = id;
        slot.method = call.method();
        slot.done_when_gone = call.is_done_when_gone();
        slot.path_len = path_len;
        slot.len = needed;
        slot.tries = 0;
        slot.backoffs = 0;
        slot.token_forgiven = false;
        slot.expires = shared.now.after(shared.rules.call_timeout_ms);
        slot.last = None;
        slot.log_id = Short::EMPTY;
        Ok(id)
    }

    pub(crate) fn is_any_waiting(&self) -> bool {
        self.slots.as_slice().iter().any(|slot| matches!(slot.state, State::Waiting { .. }))
    }

    /// Whether any call is not finished.
    pub(crate) fn is_any_open(&self) -> bool {
        self.slots.as_slice().iter().any(|slot| matches!(slot.state, State::Waiting { .. } | State::Flying))
    }

    pub(super) fn deadlines(&self, now: Instant, earliest: &mut Earliest) {
        for slot in self.slots.as_slice() {
            if let State::Waiting { until } = slot.state {
                earliest.add(slot.expires, Why::CallExpires);
                if until > now {
                    earliest.add(until, Why::CallRetry);
                }
            }
        }
    }

    /// The oldest call that may go now.
    pub(super) fn next_ready(&self, now: Instant) -> Option<usize> {
        let ready = |slot: &CallSlot<'_>| matches!(slot.state, State::Waiting { until } if until <= now);
        let slots = self.slots.as_slice().iter().enumerate().filter(|(_, slot)| ready(slot));
        slots.min_by_key(|(_, slot)| slot.id.0).map(|(index, _)| index)
    }

    /// Fails what has waited too long: for its own last fault, else for want of a token (`refusal`), else of a network.
    pub(super) fn expire(&mut self, now: Instant, refusal: Option<CallFault>, report: &mut Report<'_>) {
        for index in 0..self.slots.as_slice().len() {
            let over = |slot: &&CallSlot<'_>| matches!(slot.state, State::Waiting { .. }) && slot.expires <= now;
            if let Some(slot) = self.slots.get(index).filter(over) {
                let network = CallFault { kind: CallFaultKind::Network, code: 0, message: Short::EMPTY };
                let fault = slot.last.or(refusal).unwrap_or(network);
                self.fail(index, fault, report);
            }
        }
    }

    pub(super) fn take_off(&mut self, index: usize) {
        if let Some(slot) = self.slot(index) {
            slot.state = State::Flying;
        }
    }

    /// Waits again, as if it had never been taken off.
    pub(super) fn put_back(&mut self, index: usize, now: Instant) {
        if let Some(slot) = self.slot(index) {
            slot.state = State::Waiting { until: now };
        }
    }

    /// When the call's time is up.
    pub(super) fn expires(&self, index: usize) -> Instant {
        self.slots.get(index).map_or(Instant::FAR, |slot| slot.expires)
    }

    pub(super) fn used_token(&mut self, index: usize, serial: u32) {
        if let Some(slot) = self.slot(index) {
            slot.token_serial = serial;
        }
    }

    pub(super) fn token_of(&self, index: usize) -> u32 {
        self.slots.get(index).map_or(0, |slot| slot.token_serial)
    }

    /// Whether a refused token is forgiven: once a call.
    pub(super) fn forgive_token(&mut self, index: usize) -> bool {
        self.slot(index).is_some_and(|slot| !core::mem::replace(&mut slot.token_forgiven, true))
    }

    /// Counts a try; `false` when it was the last one.
    pub(super) fn count_try(&mut self, index: usize, most: u8) -> bool {
        self.slot(index).is_some_and(|slot| {
            slot.tries = slot.tries.saturating_add(1);
            slot.tries < most
        })
    }

    /// Milliseconds of a pause that doubles, with full jitter.
    pub(super) fn backoff(&mut self, index: usize, rng: &mut Rng) -> u64 {
        let Some(slot) = self.slot(index) else { return 1 };
        slot.backoffs = slot.backoffs.saturating_add(1).min(5);
        rng.up_to(1000_u64.checked_shl(slot.backoffs).unwrap_or(u64::MAX)).max(1)
    }

    pub(super) fn again(&mut self, index: usize, until: Instant, fault: CallFault) {
        if let Some(slot) = self.slot(index) {
            slot.state = State::Waiting { until };
            slot.last = Some(fault);
        }
    }

    pub(super) fn set_log_id(&mut self, index: usize, log_id: Short<48>) {
        if let Some(slot) = self.slot(index) {
            slot.log_id = log_id;
        }
    }

    pub(super) fn succeed(&mut self, index: usize, data: &str, report: &mut Report<'_>) {
        count(&mut report.stats.calls_succeeded);
        let message_id = message_id(data);
        if let Some(slot) = self.slot(index) {
            slot.len = 0;
            if slot.region.ensure(data.len())
                && let Some(room) = slot.region.bytes_mut().get_mut(..data.len())
            {
                room.copy_from_slice(data.as_bytes());
                slot.len = data.len();
            }
        }
        self.finish(index, Ok(message_id), report);
    }

    pub(super) fn fail(&mut self, index: usize, fault: CallFault, report: &mut Report<'_>) {
        self.finish(index, Err(fault), report);
    }

    pub(super) fn fail_all(&mut self, fault: CallFault, report: &mut Report<'_>) {
        for index in 0..self.slots.as_slice().len() {
            let open = |slot: &&CallSlot<'_>| matches!(slot.state, State::Waiting { .. } | State::Flying);
            if self.slots.get(index).filter(open).is_some() {
                self.fail(index, fault, report);
            }
        }
    }

    fn finish(&mut self, index: usize, result: Result<Short<64>, CallFault>, report: &mut Report<'_>) {
        count(&mut report.stats.calls_finished);
        self.done = self.done.saturating_add(1);
        let serial = self.done;
        if let Some(slot) = self.slot(index) {
            slot.result = result;
            slot.state = State::Done { serial };
        }
    }

    /// The completion that has waited longest.
    pub(crate) fn completion(&self) -> Option<Completion<'_>> {
        let done = self.slots.as_slice().iter().filter_map(|slot| match slot.state {
            State::Done { serial } => Some((serial, slot)),
            _ => None,
        });
        let (_, slot) = done.min_by_key(|(serial, _)| *serial)?;
        let data = core::str::from_utf8(slot.region.slice(0, slot.len)).unwrap_or_default();
        let result = match &slot.result {
            Ok(message_id) => Ok(CallAnswer { message_id: message_id.as_str(), data }),
            Err(fault) => Err(*fault),
        };
        Some(Completion { id: slot.id, result, log_id: slot.log_id })
    }

    pub(crate) fn taken(&mut self, id: CallId) {
        for slot in self.slots.as_mut_slice() {
            if slot.id == id && matches!(slot.state, State::Done { .. }) {
                slot.state = State::Free;
                slot.region.relax(0);
            }
        }
    }

    pub(super) fn write_request(
        &self,
        index: usize,
        authorization: &str,
        w: &mut Writer<'_>,
        account: &Account<'_>,
    ) -> Result<(), HttpError> {
        let slot = self.slots.get(index).ok_or(HttpError::RequestTarget)?;
        let path = slot.region.slice(0, slot.path_len);
        let path = core::str::from_utf8(path).map_err(|_| HttpError::RequestTarget)?;
        let body = slot.region.slice(slot.path_len, slot.len);
        // Without a body its type would be a lie.
        let with_body = !body.is_empty();
        let headers = [
            ("Authorization", authorization),
            ("Accept", "application/json"),
            ("User-Agent", account.texts.get(&account.user_agent)),
            ("Content-Type", "application/json; charset=utf-8"),
        ];
        let headers = if with_body { headers.as_slice() } else { headers.get(..3).unwrap_or_default() };
        let target = [account.texts.get(&account.prefix), path];
        let body_len = with_body.then_some(body.len());
        http::write_request(w, slot.method, &target, account.authority(), headers, body_len)?;
        w.bytes(body);
        Ok(())
    }

    /// Whether the call asked for what is gone anyway.
    pub(super) fn is_done_when_gone(&self, index: usize) -> bool {
        self.slots.get(index).is_some_and(|slot| slot.done_when_gone)
    }
}

fn message_id(data: &str) -> Short<64> {
    let text = member(data, "message_id").ok().flatten().and_then(|value| value.as_str());
    text.map(|text| Short::from_chars(text.chars())).unwrap_or_default()
}

/// The last member of that name.
fn member<'a>(object: &'a str, name: &str) -> Result<Option<Value<'a>>, json::Error> {
    let mut reader = Reader::new(object);
    let mut found = None;
    if reader.enter_object()? {
        while let Some(key) = reader.next_key()? {
            let value = reader.value()?;
            if key == name {
                found = Some(value);
            }
        }
    }
    Ok(found)
}
