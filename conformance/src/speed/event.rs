//! One event on the wire: its frames are built once, and only the ids change from event to event.

use std::fmt;
use std::ops::Range;
use std::time::SystemTime;

/// How many hexadecimal digits of an id differ from event to event.
const DIGITS: usize = 12;
/// SeqIDs begin here, so that all of them are varints of five bytes.
const FIRST_SEQ_ID: u64 = 1 << 28;
/// What stands where the digits will be.
const BLANK: &str = "000000000000";
/// Of every frame; the URL that the client was given says the same.
pub(super) const SERVICE_ID: u64 = 33_554_678;

/// The size of an event, and whether it comes in parts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Shape {
    /// Bytes of the JSON.
    pub size: usize,
    /// Parts of the message; 1 is whole.
    pub parts: usize,
}

/// There is no such event.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ShapeError {
    /// The smallest envelope has this many bytes.
    TooSmall(usize),
    /// Clients need not put together more than 64 parts, and no part is shorter than an id's digits.
    Parts,
}

impl fmt::Display for ShapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooSmall(least) => write!(f, "an event has at least {least} bytes"),
            Self::Parts => write!(f, "a message has 1 to 64 parts of more than {DIGITS} bytes"),
        }
    }
}

impl std::error::Error for ShapeError {}

/// The ws frames of one event, and the places in them that are new in each.
#[derive(Clone, Debug)]
pub(super) struct Template {
    pub(super) bytes: Vec<u8>,
    seq_ids: Vec<usize>,
    digits: Vec<usize>,
}

impl Template {
    pub(super) fn new(shape: Shape) -> Result<Self, ShapeError> {
        let (payload, ids) = payload(shape.size)?;
        if shape.parts == 0 || shape.parts > 64 || shape.size / shape.parts <= DIGITS {
            return Err(ShapeError::Parts);
        }
        let mut template = Self { bytes: Vec::new(), seq_ids: Vec::new(), digits: Vec::new() };
        let mut start = 0;
        for part in 0..shape.parts {
            let mut end = payload.len() * (part + 1) / shape.parts;
            // An id that two frames share could not be written at one place.
            if let Some(id) = ids.iter().find(|id| id.start < end && end < id.end) {
                end = id.end;
            }
            template.add_part((part, shape.parts), payload.get(start..end).unwrap_or_default(), start, &ids);
            start = end.max(start);
        }
        Ok(template)
    }

    fn add_part(&mut self, (part, parts): (usize, usize), piece: &[u8], start: usize, ids: &[Range<usize>; 2]) {
        let mut frame = Vec::with_capacity(piece.len() + 400);
        frame.push(0x08);
        let seq_id = frame.len();
        varint(&mut frame, FIRST_SEQ_ID);
        frame.push(0x10);
        varint(&mut frame, 7_625_882_319_206_861_752);
        frame.push(0x18);
        varint(&mut frame, SERVICE_ID);
        frame.extend_from_slice(&[0x20, 1]);
        header(&mut frame, "type", "event");
        header(&mut frame, "sum", &parts.to_string());
        header(&mut frame, "seq", &part.to_string());
        header(&mut frame, "message_id", &format!("7f88fc07-8dac-4156-86e1-{BLANK}"));
        let message_id = frame.len() - DIGITS;
        header(&mut frame, "trace_id", "20261122143503000000000000000001");
        header(&mut frame, "timestamp", &now_ms());
        header(&mut frame, "instance_id", "9b2c54e1f0a83d7799e0c4d21b6f5a38");
        bytes(&mut frame, 0x42, piece);
        let payload = frame.len() - piece.len();

        self.bytes.push(0x82);
        match frame.len() {
            short @ 0..=125 => self.bytes.push(u8::try_from(short).unwrap_or_default()),
            middle @ 126..=0xffff => {
                self.bytes.push(126);
                self.bytes.extend_from_slice(&u16::try_from(middle).unwrap_or_default().to_be_bytes());
            }
            long => {
                self.bytes.push(127);
                self.bytes.extend_from_slice(&u64::try_from(long).unwrap_or_default().to_be_bytes());
            }
        }
        let base = self.bytes.len();
        self.seq_ids.push(base + seq_id);
        self.digits.push(base + message_id);
        let here = ids.iter().filter(|id| id.start >= start && id.end <= start + piece.len());
        self.digits.extend(here.map(|id| base + payload + id.start - start));
        self.bytes.extend_from_slice(&frame);
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Makes the copy of the template in `place` event `number`.
    pub(super) fn patch(&self, place: &mut [u8], number: u64) {
        let parts = u64::try_from(self.seq_ids.len()).unwrap_or(1);
        for (seq_id, at) in (FIRST_SEQ_ID + number * parts..).zip(&self.seq_ids) {
            if let Some(place) = place.get_mut(*at..*at + 5) {
                place.copy_from_slice(&five_byte_varint(seq_id));
            }
        }
        let digits = digits(number);
        for at in &self.digits {
            if let Some(place) = place.get_mut(*at..*at + DIGITS) {
                place.copy_from_slice(&digits);
            }
        }
    }

    /// The event that is acked with this SeqID: that of the part which completes it.
    pub(super) fn number_of(&self, seq_id: u64) -> Option<u64> {
        let parts = u64::try_from(self.seq_ids.len()).unwrap_or(1);
        let behind = seq_id.checked_sub(FIRST_SEQ_ID)?;
        (behind % parts == parts - 1).then_some(behind / parts)
    }
}

/// The last twelve digits of the ids of event `number`.
pub(super) fn digits(number: u64) -> [u8; DIGITS] {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut digits = [b'0'; DIGITS];
    for (digit, shift) in digits.iter_mut().rev().zip((0..).step_by(4)) {
        *digit = HEX[usize::from((number >> shift) as u8 & 15)];
    }
    digits
}

/// The JSON with blank ids, and where these are.
fn payload(size: usize) -> Result<(Vec<u8>, [Range<usize>; 2]), ShapeError> {
    let now = now_ms();
    let envelope = |text: &str| {
        let (event_id, om) = (format!("6f1e8a3c5b7d90e2f4a1{BLANK}"), format!("om_c81d4e2f6a7b3c5d9e0f{BLANK}"));
        if size < 800 {
            // What every client needs, and nothing more.
            return format!(
                r#"{{"schema":"2.0","header":{{"event_id":"{event_id}","event_type":"im.message.receive_v1","create_time":"{now}","app_id":"cli_0123456789abcdef"}},"event":{{"sender":{{"sender_id":{{"open_id":"ou_1"}}}},"message":{{"message_id":"{om}","chat_id":"oc_1","chat_type":"p2p","message_type":"text","content":"{{\"text\":\"{text}\"}}"}}}}}}"#
            );
        }
        format!(
            r#"{{"schema":"2.0","header":{{"event_id":"{event_id}","event_type":"im.message.receive_v1","create_time":"{now}","token":"","app_id":"cli_0123456789abcdef","tenant_key":"736588c9260f175e"}},"event":{{"sender":{{"sender_id":{{"open_id":"ou_84aad35d084aa403a838cf73ee18467a","union_id":"on_8ed6aa67826108097d9ee143816345bd","user_id":"e33ggbyz"}},"sender_type":"user","tenant_key":"736588c9260f175e"}},"message":{{"message_id":"{om}","create_time":"{now}","update_time":"{now}","chat_id":"oc_5ce6d572455d361153b7cb51da133945","chat_type":"p2p","message_type":"text","content":"{{\"text\":\"{text}\"}}"}}}}}}"#
        )
    };
    // A text has at least a byte.
    let least = envelope("").len() + 1;
    if size < least {
        return Err(ShapeError::TooSmall(least));
    }
    let json = envelope(&text(size - least + 1));
    let find = |prefix: &str| json.find(prefix).map_or(0, |at| at + prefix.len());
    let (event_id, om) = (find("6f1e8a3c5b7d90e2f4a1"), find("om_c81d4e2f6a7b3c5d9e0f"));
    Ok((json.into_bytes(), [event_id..event_id + DIGITS, om..om + DIGITS]))
}

/// So many bytes of what people write: words, Chinese, an escaped line end now and then.
fn text(room: usize) -> String {
    const SAID: &str = "please look at the build of this morning, 请看一下今天早上的构建 and tell me what failed\\\\n";
    let mut text = String::with_capacity(room);
    for piece in SAID.split_inclusive(' ').cycle() {
        if text.len() + piece.len() > room {
            break;
        }
        text.push_str(piece);
    }
    text.extend(std::iter::repeat_n('.', room - text.len()));
    text
}

fn now_ms() -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    since.as_millis().to_string()
}

/// A pong without a payload, as a ws frame.
pub(super) fn pong() -> Vec<u8> {
    let mut frame = vec![0x08, 0, 0x10, 0, 0x18];
    varint(&mut frame, SERVICE_ID);
    frame.extend_from_slice(&[0x20, 0]);
    header(&mut frame, "type", "pong");
    let mut out = vec![0x82, u8::try_from(frame.len()).unwrap_or_default()];
    out.extend_from_slice(&frame);
    out
}

fn header(out: &mut Vec<u8>, key: &str, value: &str) {
    let mut header = Vec::with_capacity(64);
    bytes(&mut header, 0x0a, key.as_bytes());
    bytes(&mut header, 0x12, value.as_bytes());
    bytes(out, 0x2a, &header);
}

fn bytes(out: &mut Vec<u8>, tag: u8, value: &[u8]) {
    out.push(tag);
    varint(out, u64::try_from(value.len()).unwrap_or(u64::MAX));
    out.extend_from_slice(value);
}

fn varint(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

/// Of a number from 2^28 up to 2^35.
fn five_byte_varint(n: u64) -> [u8; 5] {
    [n as u8 | 0x80, (n >> 7) as u8 | 0x80, (n >> 14) as u8 | 0x80, (n >> 21) as u8 | 0x80, (n >> 28) as u8 & 0x7f]
}
