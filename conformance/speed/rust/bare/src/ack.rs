//! Where frames end, and acks: the head copied, the payload another.

/// Behind the head of every ack: header `biz_rt` and payload.
const TAIL: &[u8] = b"\x2a\x0b\x0a\x06biz_rt\x12\x010\x42\x0c{\"code\":200}";
/// Service 33554678, as the platform's URL says.
const PING: &[u8] = b"\x08\x00\x10\x00\x18\xf6\x81\x80\x10\x20\x00\x2a\x0c\x0a\x04type\x12\x04ping";

/// Masks of ws frames. The RFC wants them unpredictable; here they only have to be different.
pub struct Mask(u64);

impl Mask {
    pub fn new() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }

    fn next(&mut self) -> [u8; 4] {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 32) as u32).to_ne_bytes()
    }
}

/// The first ws frame, if all of it is there: its payload, and how long it is.
pub fn next(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let [_, second, rest @ ..] = bytes else { return None };
    let (start, length) = match second {
        126 => (4, usize::from(u16::from_be_bytes(*rest.first_chunk()?))),
        127 => (10, u64::from_be_bytes(*rest.first_chunk()?) as usize),
        short => (2, usize::from(*short)),
    };
    Some((bytes.get(start..start + length)?, start + length))
}

/// Adds the ack of a frame to `out`, if it is one that is acked: a whole event, or the last part of one.
pub fn answer(frame: &[u8], out: &mut Vec<u8>, mask: &mut Mask) -> bool {
    let (mut at, mut is_data) = (0, false);
    let (mut sum, mut seq): (&[u8], &[u8]) = (b"1", b"0");
    while let Some(tag) = frame.get(at) {
        match tag {
            0x42 => break,
            0x2a => {
                let Some(length) = frame.get(at + 1) else { return false };
                let Some(header) = frame.get(at + 2..at + 2 + usize::from(*length)) else { return false };
                match header {
                    [0x0a, 3, b's', b'u', b'm', 0x12, _, value @ ..] => sum = value,
                    [0x0a, 3, b's', b'e', b'q', 0x12, _, value @ ..] => seq = value,
                    _ => {}
                }
                at += 2 + usize::from(*length);
            }
            _ => {
                is_data |= frame.get(at..at + 2) == Some(&[0x20, 1]);
                at += 2;
                while frame.get(at - 1).is_some_and(|byte| byte & 0x80 != 0) {
                    at += 1;
                }
            }
        }
    }
    let number = |digits: &[u8]| digits.iter().fold(0, |n, digit| n * 10 + u32::from(digit - b'0'));
    if !is_data || (sum != b"1" && number(seq) + 1 < number(sum)) {
        return false;
    }
    push(&[&frame[..at], TAIL], out, mask);
    true
}

/// Adds the first ping.
pub fn ping(out: &mut Vec<u8>, mask: &mut Mask) {
    push(&[PING], out, mask);
}

/// Adds a masked ws frame of these bytes.
fn push(pieces: &[&[u8]], out: &mut Vec<u8>, mask: &mut Mask) {
    let length: usize = pieces.iter().map(|piece| piece.len()).sum();
    let mask = mask.next();
    out.push(0x82);
    if length < 126 {
        out.push(0x80 | length as u8);
    } else {
        out.push(0x80 | 126);
        out.extend_from_slice(&(length as u16).to_be_bytes());
    }
    out.extend_from_slice(&mask);
    let start = out.len();
    for piece in pieces {
        out.extend_from_slice(piece);
    }
    let wide = u64::from(u32::from_ne_bytes(mask));
    let wide = wide << 32 | wide;
    let (words, rest) = out[start..].as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}
