//! A byte writer over a slice that goes on counting past the end, so that running out is a value with a number.

use core::fmt;

/// The buffer was too small; nothing that was written into it may be used.
///
/// Next step: give a buffer of at least [`needed`](TooSmall::needed) bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TooSmall {
    /// How many bytes the whole output takes.
    pub needed: usize,
}

impl fmt::Display for TooSmall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the buffer is too small: {} bytes are needed", self.needed)
    }
}

impl core::error::Error for TooSmall {}

/// Writes bytes into a slice and keeps counting when the slice is full.
///
/// ```
/// use larkwire_core::wire::writer::{TooSmall, Writer};
/// let mut out = [0; 4];
/// let mut w = Writer::new(&mut out);
/// w.bytes(b"id=");
/// w.decimal(42);
/// assert_eq!(w.finish(), Err(TooSmall { needed: 5 }));
/// ```
pub struct Writer<'a> {
    out: &'a mut [u8],
    len: usize,
}

impl<'a> Writer<'a> {
    /// A writer at the start of `out`.
    pub fn new(out: &'a mut [u8]) -> Self {
        Self { out, len: 0 }
    }

    /// A writer that only counts.
    pub fn counting() -> Self {
        Self { out: &mut [], len: 0 }
    }

    /// Appends `bytes`.
    pub fn bytes(&mut self, bytes: &[u8]) {
        let end = self.len.saturating_add(bytes.len());
        if let Some(room) = self.out.get_mut(self.len..end) {
            room.copy_from_slice(bytes);
        }
        self.len = end;
    }

    /// Appends one byte.
    pub fn byte(&mut self, byte: u8) {
        self.bytes(&[byte]);
    }

    /// Appends `value` in decimal digits.
    pub fn decimal(&mut self, mut value: u64) {
        let mut digits = [0; 20];
        let mut first = digits.len();
        for digit in digits.iter_mut().rev() {
            let (tenth, last) = tenth(value);
            *digit = b'0'.wrapping_add(last);
            value = tenth;
            first = first.saturating_sub(1);
            if value == 0 {
                break;
            }
        }
        self.bytes(digits.get(first..).unwrap_or_default());
    }

    /// How many bytes were appended, whether or not they fitted.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Takes back all but the first `len` bytes. What did not fit as a whole is not there: cut only where an append began
    /// or ended.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Whether nothing was appended yet.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The number of bytes written, or how many would have been needed.
    ///
    /// # Errors
    /// [`TooSmall`] when the output did not fit.
    pub fn finish(self) -> Result<usize, TooSmall> {
        if self.len > self.out.len() { Err(TooSmall { needed: self.len }) } else { Ok(self.len) }
    }
}

/// A tenth of a number, and its last digit. In pieces of 32 bits, as small processors would need a kilobyte of code for a
/// division of 64.
pub(crate) fn tenth(value: u64) -> (u64, u8) {
    if let Ok(value) = u32::try_from(value) {
        return (u64::from(value / 10), (value % 10) as u8);
    }
    let (mut tenth, mut rest) = (0, 0);
    for shift in [48, 32, 16, 0] {
        // At most 9 and 16 bits: a tenth of that has 16.
        let piece = rest << 16 | (value >> shift) as u32 & 0xFFFF;
        tenth = tenth << 16 | u64::from(piece / 10);
        rest = piece % 10;
    }
    (tenth, rest as u8)
}

#[cfg(test)]
mod tests {
    use super::Writer;

    #[test]
    fn numbers_of_any_size_are_written_as_people_write_them() {
        let around = |bits: u32| (1_u64 << bits).wrapping_sub(2)..=(1_u64 << bits).wrapping_add(2);
        let edges = (0..64).flat_map(around).chain((0..20).map(|digits| 10_u64.pow(digits)));
        for value in edges.chain([99, 4_294_967_299, 9_999_999_999_999_999_999, u64::MAX, u64::MAX - 9]) {
            let mut out = [0; 20];
            let mut w = Writer::new(&mut out);
            w.decimal(value);
            let len = w.finish().unwrap();
            assert_eq!(std::str::from_utf8(&out[..len]).unwrap(), std::format!("{value}"));
        }
    }
}
