//! Strings as they stand in a document, their escapes still in them (RFC 8259 section 7).

use core::fmt;
use core::str::Chars;

use crate::wire::scan::{self, Set};
use crate::wire::writer::{TooSmall, Writer};

/// What may not stand in a string as it is, or ends it.
pub(super) const SPECIAL: Set<2> = Set::new(*b"\"\\").and_controls();
const BACKSLASH: Set<1> = Set::new(*b"\\");

/// A JSON string that borrows the document. Comparing, printing and iterating see the unescaped text.
///
/// A lone or inverted surrogate reads as U+FFFD, `\u0000` as NUL. `Debug` shows the size only,
/// because any string may be a token.
#[derive(Clone, Copy)]
pub struct Str<'a> {
    raw: &'a str,
    escaped: bool,
}

impl<'a> Str<'a> {
    /// A string from a stored span: what [`raw`](Self::raw) gave, and what [`has_escapes`](Self::has_escapes) said.
    /// Text that never was in a document is fine too; what is no escape then reads as U+FFFD.
    pub fn from_raw(raw: &'a str, escaped: bool) -> Self {
        Self { raw, escaped }
    }

    /// The text between the quotes, escapes as they stand.
    pub fn raw(&self) -> &'a str {
        self.raw
    }

    /// Whether [`raw`](Self::raw) holds an escape, so that it is not the text itself.
    pub fn has_escapes(&self) -> bool {
        self.escaped
    }

    /// The text itself where it can be borrowed: `None` when it has escapes and must be [unescaped](Self::unescape).
    pub fn plain(&self) -> Option<&'a str> {
        (!self.escaped).then_some(self.raw)
    }

    /// Whether the text is empty.
    pub fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// Whether this is the text, given as bytes.
    pub(crate) fn equals(&self, other: &[u8]) -> bool {
        match self.plain() {
            Some(plain) => plain.as_bytes() == other,
            None => core::str::from_utf8(other).is_ok_and(|other| *self == *other),
        }
    }

    /// The text as a name to be compared with short ones that are known: unescaped in `room` where that is needed, empty
    /// where it is longer than that.
    pub(crate) fn name<'b>(&self, room: &'b mut [u8; 24]) -> &'b str
    where
        'a: 'b,
    {
        match self.plain() {
            Some(plain) => plain,
            None => self.unescape(room).unwrap_or_default(),
        }
    }

    /// The unescaped text, character by character.
    pub fn chars(&self) -> Unescaped<'a> {
        Unescaped { rest: self.raw.chars(), escaped: self.escaped }
    }

    /// The size of the unescaped text in bytes of UTF-8.
    pub fn unescaped_len(&self) -> usize {
        self.pieces().fold(0, |len, (plain, escape)| {
            len.saturating_add(plain.len()).saturating_add(escape.map_or(0, char::len_utf8))
        })
    }

    /// Writes the unescaped text to the start of `out`, where a second reader can read JSON inside a JSON string.
    ///
    /// # Errors
    /// [`TooSmall`] with the size of the text, at most that of [`raw`](Self::raw). Next step: a buffer of that size.
    pub fn unescape<'b>(&self, out: &'b mut [u8]) -> Result<&'b str, TooSmall> {
        let mut w = Writer::new(out);
        for (plain, escape) in self.pieces() {
            w.bytes(plain.as_bytes());
            match escape {
                Some('"') => w.bytes(b"\""),
                Some(c) => w.bytes(c.encode_utf8(&mut [0; 4]).as_bytes()),
                None => {}
            }
        }
        let len = w.finish()?;
        // It is text by construction; without unsafe code the check is the price of saying so.
        Ok(scan::utf8(out.get(..len).unwrap_or_default()).unwrap_or_default())
    }

    fn pieces(&self) -> Pieces<'a> {
        Pieces { rest: self.raw, escaped: self.escaped }
    }
}

impl fmt::Debug for Str<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Str({} bytes)", self.raw.len())
    }
}

impl fmt::Display for Str<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (plain, escape) in self.pieces() {
            f.write_str(plain)?;
            if let Some(c) = escape {
                fmt::Write::write_char(f, c)?;
            }
        }
        Ok(())
    }
}

impl PartialEq<str> for Str<'_> {
    fn eq(&self, other: &str) -> bool {
        if !self.escaped {
            return self.raw == other;
        }
        let mut rest = Some(other);
        for (plain, escape) in self.pieces() {
            rest = rest.and_then(|rest| rest.strip_prefix(plain));
            if let Some(ch) = escape {
                rest = rest.and_then(|rest| rest.strip_prefix(ch));
            }
        }
        rest.is_some_and(str::is_empty)
    }
}

impl PartialEq<&str> for Str<'_> {
    fn eq(&self, other: &&str) -> bool {
        *self == **other
    }
}

/// The characters of a [`Str`], unescaped. `Debug` shows the size only, as that of `Str`.
#[derive(Clone)]
pub struct Unescaped<'a> {
    rest: Chars<'a>,
    escaped: bool,
}

impl fmt::Debug for Unescaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unescaped({} bytes)", self.rest.as_str().len())
    }
}

impl<'a> Unescaped<'a> {
    /// What is left, escapes as they stand.
    pub(crate) fn as_raw(&self) -> &'a str {
        self.rest.as_str()
    }

    /// Goes on there: with another end of what was left that does not begin inside an escape.
    pub(crate) fn set_raw(&mut self, rest: &'a str) {
        self.rest = rest.chars();
    }
}

impl Iterator for Unescaped<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        match self.rest.next()? {
            '\\' if self.escaped => Some(unescape_one(&mut self.rest)),
            ch => Some(ch),
        }
    }
}

/// Runs without an escape, each with the character that the escape after it stands for.
#[derive(Clone)]
struct Pieces<'a> {
    rest: &'a str,
    escaped: bool,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = (&'a str, Option<char>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let at = if self.escaped { BACKSLASH.find(self.rest.as_bytes()) } else { self.rest.len() };
        let (plain, escape) = self.rest.split_at_checked(at).unwrap_or((self.rest, ""));
        // Most are quotes: JSON in JSON.
        if let Some(after) = escape.strip_prefix("\\\"") {
            self.rest = after;
            return Some((plain, Some('"')));
        }
        let mut chars = escape.chars();
        if chars.next().is_none() {
            self.rest = "";
            return Some((plain, None));
        }
        let escape = unescape_one(&mut chars);
        self.rest = chars.as_str();
        Some((plain, Some(escape)))
    }
}

/// The character of the escape whose `\` was just read.
fn unescape_one(chars: &mut Chars<'_>) -> char {
    match chars.next() {
        Some(c @ ('"' | '\\' | '/')) => c,
        Some('b') => '\u{8}',
        Some('f') => '\u{c}',
        Some('n') => '\n',
        Some('r') => '\r',
        Some('t') => '\t',
        Some('u') => unescape_unit(chars),
        _ => char::REPLACEMENT_CHARACTER,
    }
}

fn unescape_unit(chars: &mut Chars<'_>) -> char {
    let Some(first) = hex_unit(chars) else { return char::REPLACEMENT_CHARACTER };
    // The second half is consumed only if it makes a pair: after a lone half it stands for itself.
    let mut ahead = chars.clone();
    if (0xd800..0xdc00).contains(&first)
        && (ahead.next(), ahead.next()) == (Some('\\'), Some('u'))
        && let Some(second) = hex_unit(&mut ahead)
        && (0xdc00..0xe000).contains(&second)
        && let Some(c) = char::from_u32(join_halves(first, second))
    {
        *chars = ahead;
        return c;
    }
    char::from_u32(first.into()).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// The code point of a surrogate pair (RFC 8259 section 7).
fn join_halves(first: u16, second: u16) -> u32 {
    (u32::from(first & 0x3ff).wrapping_shl(10) | u32::from(second & 0x3ff)).wrapping_add(0x1_0000)
}

fn hex_unit(chars: &mut Chars<'_>) -> Option<u16> {
    let mut ahead = chars.clone();
    let mut unit = 0_u16;
    for _ in 0..4 {
        let digit = ahead.next()?.to_digit(16)?;
        unit = unit.wrapping_shl(4) | digit as u16;
    }
    *chars = ahead;
    Some(unit)
}
