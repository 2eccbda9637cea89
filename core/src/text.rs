//! Short texts that own their bytes, for ends, notices and completions.

use core::fmt;

/// A text of at most `N` bytes, visibly cut (a closing `…`) where it was longer. Control characters become spaces, so
/// that a server's words cannot break a log line.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Short<const N: usize> {
    bytes: [u8; N],
    len: u8,
}

impl<const N: usize> Short<N> {
    const CUT: char = '…';

    /// No text.
    pub const EMPTY: Self = Self { bytes: [0; N], len: 0 };

    /// Copies `text`.
    pub fn new(text: &str) -> Self {
        Self::from_chars(text.chars())
    }

    /// Copies the characters until the room is used up.
    pub fn from_chars(chars: impl Iterator<Item = char>) -> Self {
        let mut short = Self::EMPTY;
        // Where the text would be cut to leave room for the mark.
        let mut fits_with_mark = 0;
        for ch in chars {
            let ch = if ch.is_control() { ' ' } else { ch };
            if !short.push(ch) {
                short.len = fits_with_mark;
                short.push(Self::CUT);
                break;
            }
            if usize::from(short.len).saturating_add(Self::CUT.len_utf8()) <= N {
                fits_with_mark = short.len;
            }
        }
        short
    }

    /// Copies what is readable of `bytes`; other bytes become U+FFFD.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self::from_chars(bytes.utf8_chunks().flat_map(|chunk| {
            chunk.valid().chars().chain((!chunk.invalid().is_empty()).then_some(char::REPLACEMENT_CHARACTER))
        }))
    }

    /// Copies what `value` displays.
    pub fn of(value: impl fmt::Display) -> Self {
        struct Fill<const N: usize>(Short<N>, bool);
        impl<const N: usize> fmt::Write for Fill<N> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                if !self.1 {
                    let kept = self.0;
                    self.0 = Short::from_chars(kept.as_str().chars().chain(text.chars()));
                    self.1 = self.0.as_str().ends_with(Short::<N>::CUT);
                }
                Ok(())
            }
        }
        let mut fill = Fill(Self::EMPTY, false);
        // Filling never fails: what is too long is cut.
        let _ = fmt::write(&mut fill, format_args!("{value}"));
        fill.0
    }

    fn push(&mut self, ch: char) -> bool {
        let mut utf8 = [0; 4];
        let piece = ch.encode_utf8(&mut utf8).as_bytes();
        let start = usize::from(self.len);
        let end = start.saturating_add(piece.len());
        let (Some(room), Ok(len)) = (self.bytes.get_mut(start..end), u8::try_from(end)) else {
            return false;
        };
        room.copy_from_slice(piece);
        self.len = len;
        true
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..usize::from(self.len)).unwrap_or_default();
        core::str::from_utf8(bytes).unwrap_or_default()
    }

    /// Whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
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
