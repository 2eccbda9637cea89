//! Protobuf fields, one after another: tags, varints, lengths and groups, with the limits of protocol section 4.3.

use core::fmt;

/// How deep unknown groups may nest: 16 are skipped, 17 are refused (protocol section 4.3).
pub const MAX_GROUP_DEPTH: usize = 16;

/// A tag takes at most 5 bytes: 29 bits of field number and 3 of wire type.
const TAG_BYTES: usize = 5;
const VARINT_BYTES: usize = 10;
/// Protobuf messages, and so their fields, are shorter than 2 GiB.
const MAX_LEN: u64 = 1 << 31;

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
pub(super) const BYTES: u32 = 2;
const GROUP_START: u32 = 3;
const GROUP_END: u32 = 4;
const FIXED32: u32 = 5;

/// Why a message is no frame. The next step is the same for all: count the message and skip it (protocol section 4.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FrameErrorKind {
    /// A field with number 0.
    FieldZero,
    /// More than [`MAX_GROUP_DEPTH`] groups inside one another.
    GroupDepth,
    /// A group ended that was not open, or another one than the innermost.
    GroupMismatch,
    /// A length that goes beyond the end, or is 2 GiB or more.
    Length,
    /// A tag of more than 5 bytes or more than 32 bits.
    Tag,
    /// The bytes end in the middle of a tag, a value or a group.
    Truncated,
    /// A varint of more than 10 bytes.
    Varint,
    /// Wire type 6 or 7, which do not exist.
    WireType,
}

/// Where and why decoding failed. Next step: count the message and skip it; the connection stays.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FrameError {
    /// The position, in bytes from the start of the message, where the faulty tag, length or value begins.
    pub at: usize,
    /// What is wrong there.
    pub kind: FrameErrorKind,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            FrameErrorKind::FieldZero => "field number 0",
            FrameErrorKind::GroupDepth => "groups nested too deeply",
            FrameErrorKind::GroupMismatch => "a group end without its start",
            FrameErrorKind::Length => "a length beyond the end",
            FrameErrorKind::Tag => "a tag beyond 32 bits",
            FrameErrorKind::Truncated => "the message is cut short",
            FrameErrorKind::Varint => "a varint of more than 10 bytes",
            FrameErrorKind::WireType => "an unknown wire type",
        };
        write!(f, "not a frame: {what} at byte {}", self.at)
    }
}

impl core::error::Error for FrameError {}

/// A failure with what [`Frame::decode_head`](super::Frame::decode_head) needs to tell "wrong" from "not all there".
#[derive(Clone, Copy)]
pub(super) struct Fault {
    pub(super) error: FrameError,
    /// More bytes could have made it right.
    pub(super) cut: bool,
    /// The tag of the outermost field it happened in; 0 while that tag is not complete.
    tag: u32,
    /// Where that field starts.
    pub(super) start: usize,
}

impl Fault {
    fn new(at: usize, kind: FrameErrorKind) -> Self {
        Self { error: FrameError { at, kind }, cut: false, tag: 0, start: 0 }
    }

    fn cut(at: usize, kind: FrameErrorKind) -> Self {
        Self { cut: true, ..Self::new(at, kind) }
    }

    /// The same fault seen from the message around a submessage that is all there and starts at `start`.
    pub(super) fn inside(self, start: usize) -> Self {
        Self::new(start.saturating_add(self.error.at), self.error.kind)
    }

    pub(super) fn in_bytes_field(&self, number: u32) -> bool {
        self.tag == (number << 3) | BYTES
    }
}

/// What a field holds, as far as anybody here looks at it.
#[derive(Clone, Copy)]
pub(super) enum Value<'a> {
    Bytes(&'a [u8]),
    /// Fixed-width numbers and groups: only ever echoed.
    Skipped,
    Varint(u64),
}

/// One field and where it lies, tag included.
pub(super) struct Field<'a> {
    pub(super) number: u32,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) value: Value<'a>,
}

impl Field<'_> {
    /// Where the content of a length-delimited field starts: it is what the field ends with.
    pub(super) fn content_start(&self, content: &[u8]) -> usize {
        self.end.saturating_sub(content.len())
    }
}

/// A cursor over the fields of one message.
#[derive(Clone)]
pub(super) struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    #[inline]
    pub(super) fn next_field(&mut self) -> Result<Option<Field<'a>>, Fault> {
        let start = self.at;
        if start >= self.bytes.len() {
            return Ok(None);
        }
        let tag = self.tag().map_err(|fault| Fault { start, ..fault })?;
        let value = match tag & 7 {
            GROUP_START => self.skip_group(tag >> 3).map(|()| Value::Skipped),
            _ => self.value(tag, start),
        };
        let value = value.map_err(|fault| Fault { tag, start, ..fault })?;
        Ok(Some(Field { number: tag >> 3, start, end: self.at, value }))
    }

    #[inline]
    fn tag(&mut self) -> Result<u32, Fault> {
        let at = self.at;
        // All that the platform sends.
        if let Some(&tag @ 8..0x80) = self.bytes.get(at) {
            self.at = at.wrapping_add(1);
            return Ok(tag.into());
        }
        let tag = self.varint(TAG_BYTES, FrameErrorKind::Tag)?;
        let tag = u32::try_from(tag).map_err(|_| Fault::new(at, FrameErrorKind::Tag))?;
        if tag >> 3 == 0 { Err(Fault::new(at, FrameErrorKind::FieldZero)) } else { Ok(tag) }
    }

    #[inline]
    fn value(&mut self, tag: u32, start: usize) -> Result<Value<'a>, Fault> {
        match tag & 7 {
            VARINT => self.varint(VARINT_BYTES, FrameErrorKind::Varint).map(Value::Varint),
            BYTES => self.delimited().map(Value::Bytes),
            FIXED64 => self.take(8, FrameErrorKind::Truncated).map(|_| Value::Skipped),
            FIXED32 => self.take(4, FrameErrorKind::Truncated).map(|_| Value::Skipped),
            GROUP_START | GROUP_END => Err(Fault::new(start, FrameErrorKind::GroupMismatch)),
            _ => Err(Fault::new(start, FrameErrorKind::WireType)),
        }
    }

    /// A varint of at most `max` bytes. Bits above 64 are dropped (protocol section 4.3).
    #[inline]
    fn varint(&mut self, max: usize, too_long: FrameErrorKind) -> Result<u64, Fault> {
        if let Some(&byte @ ..0x80) = self.bytes.get(self.at) {
            self.at = self.at.wrapping_add(1);
            return Ok(byte.into());
        }
        self.long_varint(max, too_long)
    }

    fn long_varint(&mut self, max: usize, too_long: FrameErrorKind) -> Result<u64, Fault> {
        let start = self.at;
        let mut value = 0;
        let mut shift = 0_u32;
        for &byte in self.bytes.get(start..).unwrap_or_default().iter().take(max) {
            value |= u64::from(byte & 0x7f).wrapping_shl(shift);
            shift = shift.wrapping_add(7);
            self.at = self.at.wrapping_add(1);
            if byte < 0x80 {
                return Ok(value);
            }
        }
        if self.at.saturating_sub(start) < max {
            return Err(Fault::cut(start, FrameErrorKind::Truncated));
        }
        Err(Fault::new(start, too_long))
    }

    #[inline]
    fn delimited(&mut self) -> Result<&'a [u8], Fault> {
        let at = self.at;
        let len = self.varint(VARINT_BYTES, FrameErrorKind::Varint)?;
        match usize::try_from(len) {
            Ok(len_here) if len < MAX_LEN => self.take(len_here, FrameErrorKind::Length).map_err(|fault| {
                // The length is what is wrong, not the first byte after it.
                Fault { error: FrameError { at, ..fault.error }, ..fault }
            }),
            _ => Err(Fault::new(at, FrameErrorKind::Length)),
        }
    }

    fn take(&mut self, len: usize, short: FrameErrorKind) -> Result<&'a [u8], Fault> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let (taken, _) = rest.split_at_checked(len).ok_or(Fault::cut(self.at, short))?;
        self.at = self.at.saturating_add(len);
        Ok(taken)
    }

    /// Skips a group whose start tag was just read. A stack of numbers, because the peer would choose how deep a
    /// recursion goes.
    fn skip_group(&mut self, number: u32) -> Result<(), Fault> {
        let mut open = [number; MAX_GROUP_DEPTH];
        let mut innermost = 0_usize;
        loop {
            let at = self.at;
            let tag = self.tag()?;
            match tag & 7 {
                GROUP_START => {
                    innermost = innermost.saturating_add(1);
                    *open.get_mut(innermost).ok_or(Fault::new(at, FrameErrorKind::GroupDepth))? = tag >> 3;
                }
                GROUP_END if open.get(innermost) == Some(&(tag >> 3)) => match innermost.checked_sub(1) {
                    Some(outer) => innermost = outer,
                    None => return Ok(()),
                },
                _ => {
                    self.value(tag, at)?;
                }
            }
        }
    }
}
