//! What a client says, read no further than is needed to know which event it answers.

use std::fmt;
use std::ops::Range;

/// A message of the client.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Said {
    /// The answer to the event whose frame had this SeqID.
    Ack {
        /// Echoed.
        seq_id: u64,
        /// The last twelve digits of the echoed header `message_id`.
        message_id: [u8; 12],
        /// Its code is 200.
        well: bool,
    },
    /// The ping of the application.
    Ping,
    /// The ping of RFC 6455; where its bytes are.
    WsPing(Range<usize>),
    /// It goes.
    Close,
    /// Something that needs no answer.
    Other,
}

/// A client that speaks another protocol.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Garbage(pub(super) &'static str);

impl fmt::Display for Garbage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// The message at the beginning of `bytes`, which is unmasked where it lies, and how long it is; `None` if there is more
/// to come.
pub(super) fn next(bytes: &mut [u8]) -> Result<Option<(Said, usize)>, Garbage> {
    let Some(Head { opcode, mask, payload }) = head(bytes)? else { return Ok(None) };
    let end = payload.end;
    let Some(content) = bytes.get_mut(payload.clone()) else { return Ok(None) };
    let said = match opcode {
        2 => {
            unmask(content, mask);
            frame(content)?
        }
        8 => Said::Close,
        9 => {
            unmask(content, mask);
            Said::WsPing(payload)
        }
        10 | 1 => Said::Other,
        _ => return Err(Garbage("a fragmented message, or an opcode that does not exist")),
    };
    Ok(Some((said, end)))
}

/// Of a ws frame.
struct Head {
    opcode: u8,
    mask: [u8; 4],
    /// Where it is.
    payload: Range<usize>,
}

fn head(bytes: &[u8]) -> Result<Option<Head>, Garbage> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    if second & 0x80 == 0 {
        return Err(Garbage("a ws frame without a mask"));
    }
    if first & 0xf0 != 0x80 {
        return Err(Garbage("a fragmented message, or an extension that was not agreed on"));
    }
    let (length, more) = match second & 0x7f {
        126 => match rest.first_chunk::<2>() {
            Some(length) => (usize::from(u16::from_be_bytes(*length)), 2),
            None => return Ok(None),
        },
        127 => match rest.first_chunk::<8>() {
            Some(length) => (usize::try_from(u64::from_be_bytes(*length)).unwrap_or(usize::MAX), 8),
            None => return Ok(None),
        },
        short => (usize::from(short), 0),
    };
    let Some(mask) = rest.get(more..).and_then(<[u8]>::first_chunk::<4>) else { return Ok(None) };
    if length > 1 << 24 {
        return Err(Garbage("a message of more than 16 MiB"));
    }
    let start = 2 + more + 4;
    Ok(Some(Head { opcode: first & 15, mask: *mask, payload: start..start + length }))
}

fn unmask(bytes: &mut [u8], mask: [u8; 4]) {
    let wide = u64::from(u32::from_ne_bytes(mask));
    let wide = wide << 32 | wide;
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

/// The fields of a frame, in whatever order.
fn frame(bytes: &[u8]) -> Result<Said, Garbage> {
    let (mut seq_id, mut method, mut message_id, mut payload) = (None, 0, None, None);
    let mut ping = false;
    let mut fields = Fields(bytes);
    while let Some((field, value)) = fields.next()? {
        match (field, value) {
            (1, Value::Number(number)) => seq_id = Some(number),
            (4, Value::Number(number)) => method = number,
            (5, Value::Bytes(header)) => match key_and_value(header)? {
                (b"message_id", value) => message_id = value.last_chunk::<12>().copied(),
                (b"type", value) => ping = value == b"ping",
                _ => {}
            },
            (8, Value::Bytes(bytes)) => payload = Some(bytes),
            _ => {}
        }
    }
    match (method, seq_id, message_id) {
        (0, ..) if ping => Ok(Said::Ping),
        (1, Some(seq_id), Some(message_id)) => {
            Ok(Said::Ack { seq_id, message_id, well: payload.is_some_and(is_code_200) })
        }
        (1, ..) => Err(Garbage("an ack without SeqID or message_id")),
        _ => Ok(Said::Other),
    }
}

fn key_and_value(header: &[u8]) -> Result<(&[u8], &[u8]), Garbage> {
    let (mut key, mut value): (&[u8], &[u8]) = (&[], &[]);
    let mut fields = Fields(header);
    while let Some(field) = fields.next()? {
        match field {
            (1, Value::Bytes(bytes)) => key = bytes,
            (2, Value::Bytes(bytes)) => value = bytes,
            _ => {}
        }
    }
    Ok((key, value))
}

/// `{"code":200…}` in whatever style.
fn is_code_200(json: &[u8]) -> bool {
    const CODE: &[u8] = b"\"code\"";
    let Some(at) = json.windows(CODE.len()).position(|window| window == CODE) else { return false };
    let mut rest = json.get(at + CODE.len()..).unwrap_or_default().iter().filter(|byte| !byte.is_ascii_whitespace());
    rest.next() == Some(&b':')
        && [b'2', b'0', b'0'].iter().all(|digit| rest.next() == Some(digit))
        && rest.next().is_none_or(|byte| !byte.is_ascii_digit())
}

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Skipped,
}

/// Fields that are still to be read.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn next(&mut self) -> Result<Option<(u64, Value<'a>)>, Garbage> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Value::Number(self.varint()?),
            1 => self.take(8).map(|_| Value::Skipped)?,
            2 => {
                let length = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
                Value::Bytes(self.take(length)?)
            }
            5 => self.take(4).map(|_| Value::Skipped)?,
            _ => return Err(Garbage("a message that is no frame")),
        };
        Ok(Some((tag >> 3, value)))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Garbage> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Garbage("a frame that is cut short"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn varint(&mut self) -> Result<u64, Garbage> {
        let mut number = 0;
        for shift in (0..70).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or(Garbage("a frame that is cut short"))?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Garbage("a number of more than ten bytes"))
    }
}
