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
            // A remainder of ten fits in a byte.
            *digit = b'0'.wrapping_add((value % 10) as u8);
            value /= 10;
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
