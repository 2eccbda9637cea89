//! UTF-8 that arrives in pieces (RFC 6455 section 8.1, RFC 3629).

use core::fmt;

/// Checks text piece by piece and fails at the first byte that no continuation could make right.
///
/// That is the *fail fast* Autobahn asks for in group 6.4: overlong forms, surrogates and anything above U+10FFFF are
/// seen at their second byte, not at the end of the sequence or message.
#[derive(Clone, Copy, Debug, Default)]
pub struct Utf8 {
    /// Continuation bytes the open sequence still needs.
    need: u8,
    /// The least and largest value of the next one.
    range: (u8, u8),
}

/// The first wrong byte, counted from the start of the piece that was pushed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Utf8At(pub usize);

impl fmt::Display for Utf8At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid UTF-8 at byte {} of this piece", self.0)
    }
}

impl core::error::Error for Utf8At {}

impl Utf8 {
    /// Takes the next piece; it may end inside a sequence.
    ///
    /// # Errors
    /// [`Utf8At`]: the text is lost, close with 1007. This value is of no more use then.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Utf8At> {
        let mut at = 0_usize;
        while self.need > 0 {
            let Some(&byte) = bytes.get(at) else { return Ok(()) };
            self.byte(byte).ok_or(Utf8At(at))?;
            at = at.saturating_add(1);
        }
        let Err(stop) = core::str::from_utf8(bytes.get(at..).unwrap_or_default()) else { return Ok(()) };
        at = at.saturating_add(stop.valid_up_to());
        // What follows is one sequence that is wrong or cut: within four bytes it fails or the piece ends.
        for &byte in bytes.get(at..).unwrap_or_default() {
            self.byte(byte).ok_or(Utf8At(at))?;
            at = at.saturating_add(1);
        }
        Ok(())
    }

    /// Whether the text may end here: no sequence is open.
    pub fn finish(&self) -> bool {
        self.need == 0
    }

    /// One step through the table of RFC 3629 section 4.
    fn byte(&mut self, byte: u8) -> Option<()> {
        let (low, high) = self.range;
        (self.need, self.range) = match (self.need, byte) {
            (0, 0x00..=0x7F) => (0, (0, 0)),
            (0, 0xC2..=0xDF) => (1, (0x80, 0xBF)),
            (0, 0xE0) => (2, (0xA0, 0xBF)),
            (0, 0xED) => (2, (0x80, 0x9F)),
            (0, 0xE1..=0xEF) => (2, (0x80, 0xBF)),
            (0, 0xF0) => (3, (0x90, 0xBF)),
            (0, 0xF1..=0xF3) => (3, (0x80, 0xBF)),
            (0, 0xF4) => (3, (0x80, 0x8F)),
            (1.., byte) if low <= byte && byte <= high => (self.need.saturating_sub(1), (0x80, 0xBF)),
            _ => return None,
        };
        Some(())
    }
}
