//! The pbbp2 frame: one binary WebSocket message of the long connection, read in place and answered byte for byte.
//!
//! Decoding is as lenient as protocol section 4.3 says and validates the whole message in one pass, so that reading
//! headers and writing the ack cannot fail afterwards. Nothing is copied and nothing is sized from the wire.
//! Sources: protocol sections 4, 5, 7.4 and 8.1; <https://protobuf.dev/programming-guides/encoding/>.

mod fields;
mod write;

use core::fmt;
use core::ops::Range;

use fields::{Fault, Field, Fields, Value};
pub use fields::{FrameError, FrameErrorKind, MAX_GROUP_DEPTH};
pub(crate) use write::AckPlan;
pub use write::{NewFrame, write_ping};

const SEQ_ID: u32 = 1;
const LOG_ID: u32 = 2;
const SERVICE: u32 = 3;
const METHOD: u32 = 4;
const HEADERS: u32 = 5;
const PAYLOAD_ENCODING: u32 = 6;
const PAYLOAD_TYPE: u32 = 7;
const PAYLOAD: u32 = 8;
const LOG_ID_NEW: u32 = 9;
const KEY: u32 = 1;
const VALUE: u32 = 2;
/// The first byte of a header's key and value: the field's number, and that its length follows.
const KEY_TAG: u8 = 0x0A;
const VALUE_TAG: u8 = 0x12;

/// One header of a frame (protocol section 5). Bytes, because text that is not UTF-8 is echoed, not refused.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Header<'a> {
    /// Field 1; empty when the sender left it out.
    pub key: &'a [u8],
    /// Field 2; empty when the sender left it out.
    pub value: &'a [u8],
}

/// What a sender left out although the schema requires it. Read as 0 or empty, counted, and written out in the ack
/// (protocol section 4.3).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Missing {
    /// Field 1, SeqID, is absent.
    pub seq_id: bool,
    /// Field 2, LogID, is absent.
    pub log_id: bool,
    /// Field 3, service, is absent.
    pub service: bool,
    /// Field 4, method, is absent.
    pub method: bool,
    /// How many keys and values are absent, over all headers.
    pub header_members: usize,
}

impl Missing {
    /// How many required members are absent: fields 1 to 4 and the keys and values of all headers.
    pub fn count(&self) -> usize {
        let fields = [self.seq_id, self.log_id, self.service, self.method];
        fields.iter().filter(|absent| **absent).count().saturating_add(self.header_members)
    }

    fn any_field(&self) -> bool {
        self.seq_id || self.log_id || self.service || self.method
    }
}

/// A decoded frame that borrows the message it was read from.
///
/// A scalar that is repeated counts with its last value; an int32 out of range counts with its low 32 bits; a known
/// field with another wire type is an unknown field (protocol section 4.3). `Debug` shows sizes, not contents.
///
/// ```
/// use larkwire_core::wire::{frame::{Frame, write_ping}, writer::Writer};
/// let mut out = [0; 64];
/// let mut w = Writer::new(&mut out);
/// write_ping(&mut w, 33_554_678);
/// let n = w.finish().unwrap();
/// let frame = Frame::decode(&out[..n]).unwrap();
/// assert_eq!((frame.method, frame.service), (0, 33_554_678));
/// assert_eq!(frame.header("type"), Some(&b"ping"[..]));
/// ```
#[derive(Clone, Copy)]
pub struct Frame<'a> {
    /// Field 1, SeqID.
    pub seq_id: u64,
    /// Field 2, LogID: echoed, never interpreted.
    pub log_id: u64,
    /// Field 3: the `service_id` of the connection.
    pub service: i32,
    /// Field 4: 0 control, 1 data; others are ignored (protocol section 6).
    pub method: i32,
    /// Field 6, like an HTTP content-encoding.
    pub payload_encoding: Option<&'a [u8]>,
    /// Field 7, like an HTTP content-type.
    pub payload_type: Option<&'a [u8]>,
    /// Field 8: JSON, or one part of it when the header `sum` is above 1.
    pub payload: Option<&'a [u8]>,
    /// Field 9, LogIDNew: echoed.
    pub log_id_new: Option<&'a [u8]>,
    /// Which required members were absent.
    pub missing: Missing,
    bytes: &'a [u8],
    payload_start: usize,
    cuts: Cuts,
    header_count: usize,
    ascending: bool,
    last: u32,
}

/// Where a frame in ascending order is cut to make its ack: the end of what stands before a further header, the one
/// payload field, and the end of what stands before any further payload.
#[derive(Clone, Copy, Default)]
struct Cuts {
    headers_end: usize,
    payload: Option<(usize, usize)>,
    /// There is more than one payload field: the last one counts, and all of them go.
    payload_repeated: bool,
    payload_end: usize,
}

impl<'a> Frame<'a> {
    /// Decodes one whole message. Zero bytes are a frame too: control, without a type.
    ///
    /// # Errors
    /// [`FrameError`] when the bytes are no protobuf message of this schema. Next step: count it and skip the message;
    /// five in a row are a reason to reconnect (protocol section 4.3).
    pub fn decode(bytes: &'a [u8]) -> Result<Self, FrameError> {
        Self::decode_with(bytes, &mut |_| {})
    }

    /// As [`decode`](Self::decode), and shows each header on the way, also those before an error.
    ///
    /// # Errors
    /// As [`decode`](Self::decode).
    pub fn decode_with(bytes: &'a [u8], header: &mut dyn FnMut(Header<'a>)) -> Result<Self, FrameError> {
        let mut frame = Self::unread(bytes);
        frame.read(header).map_err(|fault| fault.error)?;
        Ok(frame)
    }

    /// Decodes the first bytes of a message whose rest was discarded for want of room, so that it can still be
    /// acked (protocol section 7.4).
    ///
    /// `Some`, with `payload` unset, when fields 1 to 4, a header and at least the beginning of the payload field are
    /// there. `None` when the bytes run out earlier: such a message is counted, not acked.
    ///
    /// # Errors
    /// [`FrameError`] when no continuation could make the bytes a frame. Next step: as for [`decode`](Self::decode).
    pub fn decode_head(bytes: &'a [u8]) -> Result<Option<Self>, FrameError> {
        let mut frame = Self::unread(bytes);
        let cut = match frame.read(&mut |_| {}) {
            Ok(()) => None,
            Err(fault) if !fault.cut => return Err(fault.error),
            Err(fault) => Some(fault),
        };
        let in_payload = cut.as_ref().is_some_and(|fault| fault.in_bytes_field(PAYLOAD));
        // What is missing here may follow in the discarded part; an ack with a made-up 0 would be a lie.
        if !(in_payload || frame.payload.is_some()) || frame.missing.any_field() || frame.header_count == 0 {
            return Ok(None);
        }
        if let Some(fault) = cut {
            frame.bytes = bytes.get(..fault.start).unwrap_or_default();
        }
        frame.payload = None;
        // The field it was cut in was not counted; only the payload is written again.
        frame.ascending &= !in_payload || frame.last <= PAYLOAD;
        Ok(Some(frame))
    }

    /// The headers in the order received. Infallible, because decoding has validated each of them.
    pub fn headers(&self) -> Headers<'a> {
        Headers { fields: Fields::new(self.bytes) }
    }

    /// The value of the first header with this key (protocol section 5). A key that is not ASCII never matches.
    pub fn header(&self, key: &str) -> Option<&'a [u8]> {
        self.headers().find(|header| is_key(header, key)).map(|header| header.value)
    }

    /// How many headers with this key follow the first one, which alone counts; for statistics (protocol section 5).
    pub fn header_repeats(&self, key: &str) -> usize {
        self.headers().filter(|header| is_key(header, key)).count().saturating_sub(1)
    }

    /// How many headers there are.
    pub fn header_count(&self) -> usize {
        self.header_count
    }

    /// Where the payload lies in the bytes that were decoded, so that a span can be stored instead of a borrow.
    pub fn payload_range(&self) -> Option<Range<usize>> {
        let len = self.payload?.len();
        Some(self.payload_start..self.payload_start.saturating_add(len))
    }

    /// Whether field numbers never fall from one field to the next, unknown fields included; decides where the ack's
    /// new fields stand (protocol section 4.2).
    pub fn is_ascending(&self) -> bool {
        self.ascending
    }

    fn unread(bytes: &'a [u8]) -> Self {
        Self {
            seq_id: 0,
            log_id: 0,
            service: 0,
            method: 0,
            payload_encoding: None,
            payload_type: None,
            payload: None,
            log_id_new: None,
            missing: Missing { seq_id: true, log_id: true, service: true, method: true, header_members: 0 },
            bytes,
            payload_start: 0,
            cuts: Cuts::default(),
            header_count: 0,
            ascending: true,
            last: 0,
        }
    }

    fn read(&mut self, header: &mut dyn FnMut(Header<'a>)) -> Result<(), Fault> {
        let mut fields = Fields::new(self.bytes);
        while let Some(field) = fields.next_field()? {
            self.ascending &= self.last <= field.number;
            self.last = field.number;
            if field.number <= HEADERS {
                self.cuts.headers_end = field.end;
            }
            if field.number <= PAYLOAD {
                self.cuts.payload_end = field.end;
            }
            self.take(&field, header)?;
        }
        Ok(())
    }

    #[inline]
    fn take(&mut self, field: &Field<'a>, header: &mut dyn FnMut(Header<'a>)) -> Result<(), Fault> {
        match (field.number, field.value) {
            (SEQ_ID, Value::Varint(value)) => (self.seq_id, self.missing.seq_id) = (value, false),
            (LOG_ID, Value::Varint(value)) => (self.log_id, self.missing.log_id) = (value, false),
            (SERVICE, Value::Varint(value)) => (self.service, self.missing.service) = (value as i32, false),
            (METHOD, Value::Varint(value)) => (self.method, self.missing.method) = (value as i32, false),
            (HEADERS, Value::Bytes(inner)) => {
                let (key, value) = header_members(inner).map_err(|fault| fault.inside(field.content_start(inner)))?;
                let absent = usize::from(key.is_none()).saturating_add(usize::from(value.is_none()));
                self.missing.header_members = self.missing.header_members.saturating_add(absent);
                self.header_count = self.header_count.saturating_add(1);
                header(Header { key: key.unwrap_or_default(), value: value.unwrap_or_default() });
            }
            (PAYLOAD_ENCODING, Value::Bytes(inner)) => self.payload_encoding = Some(inner),
            (PAYLOAD_TYPE, Value::Bytes(inner)) => self.payload_type = Some(inner),
            (PAYLOAD, Value::Bytes(inner)) => {
                self.payload = Some(inner);
                self.payload_start = field.content_start(inner);
                self.cuts.payload_repeated |= self.cuts.payload.is_some();
                self.cuts.payload = Some((field.start, field.end));
            }
            (LOG_ID_NEW, Value::Bytes(inner)) => self.log_id_new = Some(inner),
            _ => {}
        }
        Ok(())
    }
}

impl fmt::Debug for Frame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame")
            .field("seq_id", &self.seq_id)
            .field("log_id", &self.log_id)
            .field("service", &self.service)
            .field("method", &self.method)
            .field("headers", &self.header_count)
            .field("payload_bytes", &self.payload.map(<[u8]>::len))
            .field("missing", &self.missing)
            .finish_non_exhaustive()
    }
}

/// The headers of a frame, in the order received; made by [`Frame::headers`].
#[derive(Clone)]
pub struct Headers<'a> {
    fields: Fields<'a>,
}

impl<'a> Iterator for Headers<'a> {
    type Item = Header<'a>;

    fn next(&mut self) -> Option<Header<'a>> {
        while let Ok(Some(field)) = self.fields.next_field() {
            if let (HEADERS, Value::Bytes(inner)) = (field.number, field.value) {
                let (key, value) = header_members(inner).unwrap_or_default();
                return Some(Header { key: key.unwrap_or_default(), value: value.unwrap_or_default() });
            }
        }
        None
    }
}

impl fmt::Debug for Headers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

fn is_key(header: &Header<'_>, key: &str) -> bool {
    key.is_ascii() && header.key == key.as_bytes()
}

type Members<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

fn header_members(bytes: &[u8]) -> Result<Members<'_>, Fault> {
    // As everybody writes it: a short key, a short value, nothing else.
    if let [KEY_TAG, key_len @ ..0x80, rest @ ..] = bytes
        && let Some((key, [VALUE_TAG, value_len @ ..0x80, value @ ..])) = rest.split_at_checked(usize::from(*key_len))
        && value.len() == usize::from(*value_len)
    {
        return Ok((Some(key), Some(value)));
    }
    let mut members = (None, None);
    let mut fields = Fields::new(bytes);
    while let Some(field) = fields.next_field()? {
        match (field.number, field.value) {
            (KEY, Value::Bytes(key)) => members.0 = Some(key),
            (VALUE, Value::Bytes(value)) => members.1 = Some(value),
            _ => {}
        }
    }
    Ok(members)
}
