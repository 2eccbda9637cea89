//! From received bytes to whole WebSocket messages, in place (RFC 6455 section 5; protocol section 7.4).
//!
//! ```text
//! region  |  spent  | message so far |  spent  | raw bytes not looked at |  free  |
//!         0      msg_start        msg_end   raw_start                 raw_end   cap
//! ```
//! A message of one ws frame is never copied; the fragments of others are moved together as they come. What does not
//! fit is discarded while it is counted, and the first bytes stay readable.

use core::ops::Range;

use crate::storage::Region;
use crate::wire::websocket::{Opcode, Part, Sequence, Utf8, WsError, WsHeader};

/// A longer ws frame ends the connection; one that only does not fit is counted off (protocol section 7.4).
const LONGEST_FRAME: u64 = 64 * 1024 * 1024;
/// Room kept for the next ws frame's header and a whole control frame, whatever a message takes.
const RAW_ROOM: usize = 160;
/// Memory a host keeps also over quiet times, so that an ordinary event allocates nothing.
const RETAINED: usize = 4096;
/// The smallest region that can work.
pub(crate) const LEAST: usize = 512;

/// What the bytes so far have brought.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Step {
    /// A whole message lies in [`Intake::message`] until [`Intake::consume`].
    Message,
    /// A message that did not fit has ended; its first bytes lie in [`Intake::message`].
    TooBig { len: u64 },
    /// A text message went by.
    Text,
    /// A control frame; its payload lies at the range of [`Intake::raw`] until the next step.
    Control(Opcode, Range<usize>),
    /// More bytes are needed.
    Starved,
}

#[derive(Debug)]
struct Current {
    remaining: u64,
    last: bool,
    text: bool,
}

#[derive(Debug)]
pub(crate) struct Intake<'s> {
    region: Region<'s>,
    msg_start: usize,
    msg_end: usize,
    raw_start: usize,
    raw_end: usize,
    sequence: Sequence,
    current: Option<Current>,
    /// Bytes of the message that were discarded.
    discarded: u64,
    utf8: Utf8,
    ready: bool,
    /// Most bytes held since [`Intake::relax`] was last called.
    peak: usize,
}

impl<'s> Intake<'s> {
    pub(crate) fn new(region: Region<'s>) -> Self {
        Self {
            region,
            msg_start: 0,
            msg_end: 0,
            raw_start: 0,
            raw_end: 0,
            sequence: Sequence::default(),
            current: None,
            discarded: 0,
            utf8: Utf8::default(),
            ready: false,
            peak: 0,
        }
    }

    /// Bytes behind the message that were not looked at.
    pub(crate) fn unread(&self) -> usize {
        self.raw_end.saturating_sub(self.raw_start)
    }

    /// A new connection begins.
    pub(crate) fn reset(&mut self) {
        self.msg_start = 0;
        self.msg_end = 0;
        self.raw_start = 0;
        self.raw_end = 0;
        self.sequence = Sequence::default();
        self.current = None;
        self.discarded = 0;
        self.utf8 = Utf8::default();
        self.ready = false;
    }

    /// How many bytes can be taken now.
    pub(crate) fn room(&self) -> usize {
        self.region.cap().saturating_sub(self.raw_end)
    }

    /// Takes bytes; `false` when there are more than [`Intake::room`] said.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> bool {
        let end = self.raw_end.saturating_add(bytes.len());
        if !self.region.ensure(end) {
            return false;
        }
        let Some(room) = self.region.bytes_mut().get_mut(self.raw_end..end) else {
            return false;
        };
        room.copy_from_slice(bytes);
        self.raw_end = end;
        self.peak = self.peak.max(end);
        true
    }

    /// The bytes not looked at.
    pub(crate) fn raw(&self) -> &[u8] {
        self.region.slice(self.raw_start, self.raw_end)
    }

    /// Passes over the first `n` raw bytes.
    pub(crate) fn skip_raw(&mut self, n: usize) {
        self.raw_start = self.raw_start.saturating_add(n).min(self.raw_end);
        if !self.ready && self.current.is_none() && self.msg_start == self.msg_end {
            self.msg_start = self.raw_start;
            self.msg_end = self.raw_start;
        }
    }

    /// The message that [`Step::Message`] or [`Step::TooBig`] announced.
    pub(crate) fn message(&self) -> &[u8] {
        self.region.slice(self.msg_start, self.msg_end)
    }

    /// The announced message is not needed any more.
    pub(crate) fn consume(&mut self) {
        self.ready = false;
        self.discarded = 0;
        self.msg_start = self.raw_start;
        self.msg_end = self.raw_start;
    }

    /// Overwrites what came; for the end.
    pub(crate) fn wipe(&mut self) {
        self.reset();
        self.region.wipe_all();
    }

    /// Gives memory back that the last while did not need; hosts only.
    pub(crate) fn relax(&mut self) {
        if self.raw_end == 0 {
            self.region.relax(self.peak.next_power_of_two().max(RETAINED));
            self.peak = 0;
        }
    }

    /// Looks at the next ws frame, or as much of it as there is. `alive` is told whenever bytes of a frame were seen.
    pub(crate) fn step(&mut self, alive: &mut bool) -> Result<Step, WsError> {
        loop {
            if self.current.is_some() {
                *alive |= self.raw_start < self.raw_end;
                if let Some(step) = self.absorb()? {
                    return Ok(step);
                }
                continue;
            }
            let Some((header, header_len)) = WsHeader::parse(self.raw())? else {
                return Ok(Step::Starved);
            };
            *alive = true;
            if matches!(header.opcode, Opcode::Close | Opcode::Ping | Opcode::Pong) {
                let payload_len = usize::try_from(header.len).unwrap_or(usize::MAX);
                let end = header_len.saturating_add(payload_len);
                if self.raw().len() < end {
                    return Ok(Step::Starved);
                }
                // The sequence has nothing to say against a control frame; it is asked so that it sees every header.
                self.sequence.accept(&header)?;
                let start = self.raw_start.saturating_add(header_len);
                self.skip_raw(end);
                return Ok(Step::Control(header.opcode, start..start.saturating_add(payload_len)));
            }
            if header.len > LONGEST_FRAME {
                return Err(WsError::FrameTooLong);
            }
            let (text, last, first) = match self.sequence.accept(&header)? {
                Part::First { text, last } => (text, last, true),
                Part::Middle { text, last } => (text, last, false),
                // Control frames were dealt with above.
                Part::Control => (false, false, false),
            };
            self.raw_start = self.raw_start.saturating_add(header_len);
            if first {
                self.msg_start = self.raw_start;
                self.msg_end = self.raw_start;
                self.discarded = 0;
                self.utf8 = Utf8::default();
            }
            self.current = Some(Current { remaining: header.len, last, text });
        }
    }

    /// The payload of a control frame.
    pub(crate) fn control(&self, range: Range<usize>) -> &[u8] {
        self.region.slice(range.start, range.end)
    }

    /// Moves payload bytes from raw to the message; a step when that ended the message or the bytes.
    fn absorb(&mut self) -> Result<Option<Step>, WsError> {
        let Some(current) = &mut self.current else { return Ok(None) };
        let raw_len = self.raw_end.saturating_sub(self.raw_start);
        let here = usize::try_from(current.remaining).unwrap_or(usize::MAX).min(raw_len);
        let end = self.raw_start.saturating_add(here);
        if current.text {
            self.utf8.push(self.region.slice(self.raw_start, end)).map_err(|_| WsError::Utf8)?;
        } else {
            let len = self.msg_end.saturating_sub(self.msg_start);
            let kept = here.min(self.region.cap().saturating_sub(RAW_ROOM).saturating_sub(len));
            if self.raw_start != self.msg_end {
                self.region.move_down(self.raw_start, self.raw_start.saturating_add(kept), self.msg_end);
            }
            self.msg_end = self.msg_end.saturating_add(kept);
            self.discarded = self.discarded.saturating_add(here.saturating_sub(kept) as u64);
        }
        self.raw_start = end;
        current.remaining = current.remaining.saturating_sub(here as u64);
        if current.remaining > 0 {
            return Ok(Some(Step::Starved));
        }
        let (last, text) = (current.last, current.text);
        self.current = None;
        if !last {
            return Ok(None);
        }
        if text {
            let complete = self.utf8.finish();
            self.consume();
            return if complete { Ok(Some(Step::Text)) } else { Err(WsError::Utf8) };
        }
        self.ready = true;
        let len = self.msg_end.saturating_sub(self.msg_start) as u64;
        Ok(Some(if self.discarded == 0 {
            Step::Message
        } else {
            Step::TooBig { len: len.saturating_add(self.discarded) }
        }))
    }

    /// Makes room, once all that could be looked at was. A partial message is moved at most once, or when no more bytes
    /// move than were spent; a backlog only after half the region was used up: linear over time.
    pub(crate) fn settle(&mut self) {
        let cap = self.region.cap();
        let partial = self.current.is_some() || self.msg_start < self.msg_end;
        if !partial && !self.ready && self.raw_start == self.raw_end {
            self.msg_start = 0;
            self.msg_end = 0;
            self.raw_start = 0;
            self.raw_end = 0;
            return;
        }
        if self.ready {
            if self.msg_start >= cap / 2 && self.raw_end > cap / 2 {
                self.shift_message();
                self.shift_raw();
            }
        } else if self.room() < cap / 2 || self.is_mostly_spent() {
            self.shift_message();
            self.shift_raw();
        }
    }

    /// Whether a busy host would grow the region for the sake of bytes that nobody needs.
    fn is_mostly_spent(&self) -> bool {
        let held = self.msg_end.saturating_sub(self.msg_start).saturating_add(self.unread());
        self.raw_end > self.region.bytes().len() / 2 && self.raw_end.saturating_sub(held) >= held
    }

    fn shift_message(&mut self) {
        let len = self.msg_end.saturating_sub(self.msg_start);
        self.region.move_down(self.msg_start, self.msg_end, 0);
        self.msg_start = 0;
        self.msg_end = len;
    }

    fn shift_raw(&mut self) {
        let len = self.raw_end.saturating_sub(self.raw_start);
        self.region.move_down(self.raw_start, self.raw_end, self.msg_end);
        self.raw_start = self.msg_end;
        self.raw_end = self.raw_start.saturating_add(len);
    }
}
