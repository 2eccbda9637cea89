//! Short texts that own their bytes, for ends, notices and completions.

use core::fmt;

/// What stands where a text was cut.
const CUT: char = '…';

/// A text of at most `N` bytes, visibly cut (a closing `…`) where it was longer. Control characters become spaces, so
/// that a server's words cannot break a log line.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Short<const N: usize> {
    bytes: [u8; N],
    len: u8,
}

impl<const N: usize> Short<N> {
    /// No text.
    pub const EMPTY: Self = Self { bytes: [0; N], len: 0 };

    /// Copies `text`.
    pub fn new(text: &str) -> Self {
        Self::plain(text.as_bytes()).unwrap_or_else(|| Self::from_chars(text.chars()))
    }

    /// Most are ids that fit as they are.
    #[inline]
    fn plain(bytes: &[u8]) -> Option<Self> {
        let mut short = Self::EMPTY;
        let len = u8::try_from(bytes.len()).ok()?;
        short.bytes.get_mut(..bytes.len())?.copy_from_slice(bytes);
        short.len = len;
        let is_plain = bytes.iter().fold(true, |plain, byte| plain & (b' '..0x7f).contains(byte));
        is_plain.then_some(short)
    }

    /// Copies the characters until the room is used up.
    pub fn from_chars(mut chars: impl Iterator<Item = char>) -> Self {
        let mut short = Self::EMPTY;
        short.len = fill(&mut short.bytes, &mut chars);
        short
    }

    /// Copies what is readable of `bytes`; other bytes become U+FFFD.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self::plain(bytes).unwrap_or_else(|| {
            Self::from_chars(bytes.utf8_chunks().flat_map(|chunk| {
                chunk.valid().chars().chain((!chunk.invalid().is_empty()).then_some(char::REPLACEMENT_CHARACTER))
            }))
        })
    }

    /// Copies what `value` displays.
    pub fn of(value: impl fmt::Display) -> Self {
        struct Fill<const N: usize>(Short<N>, bool);
        impl<const N: usize> fmt::Write for Fill<N> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                if !self.1 {
                    let kept = self.0;
                    self.0 = Short::from_chars(kept.as_str().chars().chain(text.chars()));
                    self.1 = self.0.as_str().ends_with(CUT);
                }
                Ok(())
            }
        }
        let mut fill = Fill(Self::EMPTY, false);
        // Filling never fails: what is too long is cut.
        let _ = fmt::write(&mut fill, format_args!("{value}"));
        fill.0
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// Whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// Fills `bytes` with characters, a mark at the end where they did not fit; how many bytes it was. One function for every
/// size and source: this stands in many places of a board's flash.
fn fill(bytes: &mut [u8], chars: &mut dyn Iterator<Item = char>) -> u8 {
    let mut len = 0;
    // Where the text would be cut to leave room for the mark.
    let mut fits_with_mark = 0;
    for ch in chars {
        let ch = if ch.is_control() { ' ' } else { ch };
        let Some(longer) = push(bytes, len, ch) else {
            return push(bytes, fits_with_mark, CUT).unwrap_or(fits_with_mark);
        };
        len = longer;
        if usize::from(len).saturating_add(CUT.len_utf8()) <= bytes.len() {
            fits_with_mark = len;
        }
    }
    len
}

/// Puts a character behind the first `len` bytes; how many there are then.
fn push(bytes: &mut [u8], len: u8, ch: char) -> Option<u8> {
    let start = usize::from(len);
    let end = start.saturating_add(ch.len_utf8());
    let len = u8::try_from(end).ok()?;
    ch.encode_utf8(bytes.get_mut(start..end)?);
    Some(len)
}

impl<const N: usize> Default for Short<N> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl<const N: usize> fmt::Debug for Short<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl<const N: usize> fmt::Display for Short<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Short;

    #[test]
    fn a_long_text_is_cut_where_everybody_sees_it() {
        assert_eq!(Short::<8>::new("12345678").as_str(), "12345678");
        assert_eq!(Short::<8>::new("123456789").as_str(), "12345…");
        assert_eq!(Short::<8>::new("中文字幕").as_str(), "中…");
        assert_eq!(Short::<2>::new("中").as_str(), "");
    }

    #[test]
    fn a_servers_line_breaks_do_not_reach_the_log() {
        assert_eq!(Short::<16>::new("a\r\nb").as_str(), "a  b");
        assert_eq!(Short::<16>::from_bytes(b"a\xffb").as_str(), "a\u{fffd}b");
    }
}
