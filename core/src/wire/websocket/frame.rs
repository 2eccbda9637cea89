//! Ws frames: headers in both directions, and the client's mask (RFC 6455 section 5).

use super::WsError;
use crate::wire::writer::Writer;

/// What a ws frame is (RFC 6455 section 5.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Opcode {
    /// Starts a binary message, 2.
    Binary,
    /// Starts the goodbye, 8.
    Close,
    /// Goes on with the open message, 0.
    Continuation,
    /// Asks for a pong, 9.
    Ping,
    /// Answers a ping, 10.
    Pong,
    /// Starts a text message, 1.
    Text,
}

impl Opcode {
    /// The four bits on the wire.
    pub const fn code(self) -> u8 {
        match self {
            Self::Binary => 2,
            Self::Close => 8,
            Self::Continuation => 0,
            Self::Ping => 9,
            Self::Pong => 10,
            Self::Text => 1,
        }
    }

    /// The opcode of four bits, `None` for the reserved ones.
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Continuation),
            1 => Some(Self::Text),
            2 => Some(Self::Binary),
            8 => Some(Self::Close),
            9 => Some(Self::Ping),
            10 => Some(Self::Pong),
            _ => None,
        }
    }

    /// Close, ping and pong: at most 125 bytes, never fragmented, allowed inside a fragmented message.
    pub const fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// The head of a ws frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct WsHeader {
    /// Whether this is the last ws frame of its message.
    pub fin: bool,
    /// What the ws frame is.
    pub opcode: Opcode,
    /// Payload bytes that follow, below 2^63; compare before it becomes a `usize`.
    pub len: u64,
}

impl WsHeader {
    /// The longest header, in bytes: two, a 64-bit length, a mask.
    pub const MAX_LEN: usize = 14;

    /// Reads the header at the start of `bytes` as a server sends it, with its length in bytes; `None` while it is cut.
    ///
    /// At most ten bytes are looked at, so asking again per byte stays linear.
    ///
    /// # Errors
    /// Any [`WsError`] that one header shows by itself, at the earliest byte; a close frame of one byte included.
    pub fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, WsError> {
        let Some((&first, bytes)) = bytes.split_first() else { return Ok(None) };
        if first & 0x70 != 0 {
            return Err(WsError::Reserved);
        }
        let opcode = Opcode::from_code(first & 0x0F).ok_or(WsError::Opcode)?;
        let fin = first & 0x80 != 0;
        if opcode.is_control() && !fin {
            return Err(WsError::ControlFragmented);
        }
        let Some((&second, bytes)) = bytes.split_first() else { return Ok(None) };
        if second & 0x80 != 0 {
            return Err(WsError::Masked);
        }
        if opcode.is_control() && second > 125 {
            return Err(WsError::ControlTooLong);
        }
        if opcode == Opcode::Close && second == 1 {
            return Err(WsError::ClosePayload);
        }
        let long = match second {
            126 => bytes.first_chunk().map(|&len| (u64::from(u16::from_be_bytes(len)), 4, 126)),
            127 if bytes.first().is_some_and(|&top| top & 0x80 != 0) => return Err(WsError::LengthTopBit),
            // The upper six bytes already tell that sixteen bits would have done.
            127 if bytes.first_chunk() == Some(&[0; 6]) => return Err(WsError::LengthNotMinimal),
            127 => bytes.first_chunk().map(|&len| (u64::from_be_bytes(len), 10, 0)),
            short => Some((u64::from(short), 2, 0)),
        };
        match long {
            Some((len, _, least)) if len < least => Err(WsError::LengthNotMinimal),
            Some((len, at, _)) => Ok(Some((Self { fin, opcode, len }, at))),
            None => Ok(None),
        }
    }

    /// Writes the header of a client's ws frame: length in its shortest form, and the mask.
    ///
    /// `len` is the payload's length in bytes, below 2^63; the payload follows, masked with [`apply_mask`].
    pub fn write(w: &mut Writer<'_>, fin: bool, opcode: Opcode, len: u64, mask: [u8; 4]) {
        w.byte(opcode.code() | if fin { 0x80 } else { 0 });
        match (u8::try_from(len), u16::try_from(len)) {
            (Ok(len @ ..=125), _) => w.byte(0x80 | len),
            (_, Ok(len)) => {
                w.byte(0x80 | 126);
                w.bytes(&len.to_be_bytes());
            }
            _ => {
                w.byte(0x80 | 127);
                w.bytes(&len.to_be_bytes());
            }
        }
        w.bytes(&mask);
    }

    /// How many bytes [`write`](WsHeader::write) takes for a payload of that length: 6, 8 or 14.
    pub const fn written_len(payload_len: u64) -> usize {
        match payload_len {
            ..=125 => 6,
            126..=0xFFFF => 8,
            _ => Self::MAX_LEN,
        }
    }
}

/// Masks or unmasks `bytes` in place; they lie `offset` bytes into their payload (RFC 6455 section 5.3).
pub fn apply_mask(bytes: &mut [u8], key: [u8; 4], offset: usize) {
    let mut key = key;
    key.rotate_left(offset & 3);
    let [a, b, c, d] = key;
    let word_key = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ word_key).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

/// Writes one whole message or control ws frame; the payload is masked on its way.
///
/// Takes [`WsHeader::written_len`] plus the payload's length. A control payload must not exceed 125 bytes.
pub fn write_frame(w: &mut Writer<'_>, opcode: Opcode, payload: &[u8], mask: [u8; 4]) {
    WsHeader::write(w, true, opcode, payload.len() as u64, mask);
    // A multiple of four, so that every piece starts at the mask's first byte.
    let mut piece = [0; 64];
    for part in payload.chunks(piece.len()) {
        if let Some(room) = piece.get_mut(..part.len()) {
            room.copy_from_slice(part);
            apply_mask(room, mask, 0);
            w.bytes(room);
        }
    }
}
