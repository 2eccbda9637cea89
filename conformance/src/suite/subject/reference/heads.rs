//! Heads of ws frames, checked as they come: the codec looks at some only when the whole frame is there, at others never.

/// The largest head: two bytes, eight of length, four of a mask.
const HEAD: usize = 14;

/// Follows the ws frames of a stream.
#[derive(Debug, Default)]
pub(super) struct Heads {
    head: Vec<u8>,
    /// Bytes of the present payload that are still to come.
    left: u64,
}

impl Heads {
    /// How many of these bytes are in order.
    pub(super) fn sound(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            if self.left > 0 {
                let skip = self.left.min((bytes.len() - at) as u64);
                self.left -= skip;
                at += usize::try_from(skip).unwrap_or(usize::MAX);
                continue;
            }
            self.head.push(*byte);
            if self.is_broken() {
                return at;
            }
            if let Some(len) = self.payload() {
                self.left = len;
                self.head.clear();
            }
            at += 1;
        }
        bytes.len()
    }

    fn extended(&self) -> Option<usize> {
        Some(match self.head.get(1)? & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        })
    }

    fn len(&self) -> Option<u64> {
        let extended = self.extended()?;
        let bytes = self.head.get(2..2 + extended)?;
        let small = u64::from(self.head.get(1)? & 0x7f);
        Some(if extended == 0 { small } else { bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)) })
    }

    /// Length of the payload, once the head is whole.
    fn payload(&self) -> Option<u64> {
        let masked = if self.head.get(1)? & 0x80 > 0 { 4 } else { 0 };
        let whole = 2 + self.extended()? + masked;
        debug_assert!(whole <= HEAD, "a head has at most {HEAD} bytes");
        self.len().filter(|_| self.head.len() == whole)
    }

    fn is_broken(&self) -> bool {
        let control = self.head.first().is_some_and(|first| first & 0x08 > 0);
        let extended = self.extended().unwrap_or_default();
        let roomy = self.len().is_some_and(|len| match extended {
            2 => len < 126,
            8 => len <= 0xffff || len >> 63 > 0,
            _ => false,
        });
        control && extended > 0 || roomy
    }
}
