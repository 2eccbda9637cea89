//! JSON: a strict pull reader over text in memory, and the string writer. RFC 8259 to the letter.
//!
//! The reader validates everything, also what is skipped, so that no two readers can disagree about a document. It
//! never recurses, copies nothing, and keeps its place in a stack of 64 bits. Escapes are resolved only when asked for.
//! Where it is lenient, it is about meaning: a value of another type than wanted counts as absent (protocol section
//! 11.2), a lone surrogate reads as U+FFFD, a number of any size is kept as text.
//! It does not look for duplicate keys: callers let the last one win (J7).

mod names;
mod places;
mod reader;
pub(crate) mod record;
mod text;
mod value;

use core::fmt;
use core::ops::Range;

pub(crate) use names::Name;
pub(crate) use places::{Item, Sort};
#[cfg(all(test, feature = "webhook"))]
pub(crate) use reader::tally::readers;
pub use reader::{MAX_DEPTH, Reader};
pub(crate) use record::Span;
pub use text::{Str, Unescaped};
pub use value::{Number, Value};

use super::writer::Writer;

/// Why a text is no JSON document we take. The next step is the same for all but [`Order`](ErrorKind::Order): the
/// document is malformed as a whole, and nothing read from it may be used (protocol section 8.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ErrorKind {
    /// No `:` after a key.
    Colon,
    /// Neither `,` nor the closing bracket after a member or an element.
    Comma,
    /// A control byte below 0x20 stands unescaped in a string.
    Control,
    /// More than [`MAX_DEPTH`] arrays and objects inside one another.
    Depth,
    /// The text ends too early.
    End,
    /// A `\` that starts no escape of RFC 8259 section 7.
    Escape,
    /// No key where one must be.
    Key,
    /// A word other than `false`, `null`, `true`.
    Literal,
    /// A number against the grammar of RFC 8259 section 6.
    Number,
    /// The reader was asked out of order. Next step: fix the calling code; the document may be good.
    Order,
    /// Something follows the document.
    Trailing,
    /// The bytes are not UTF-8.
    Utf8,
    /// No value where one must be.
    Value,
}

/// Where and why reading failed. The reader is of no further use. Next step: treat the document as malformed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Error {
    /// The position in bytes from the start of the text.
    pub at: usize,
    /// What is wrong there.
    pub kind: ErrorKind,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            ErrorKind::Colon => "no colon after a key",
            ErrorKind::Comma => "neither a comma nor an end",
            ErrorKind::Control => "an unescaped control character",
            ErrorKind::Depth => "nested too deeply",
            ErrorKind::End => "the text ends too early",
            ErrorKind::Escape => "an unknown escape",
            ErrorKind::Key => "no key",
            ErrorKind::Literal => "an unknown word",
            ErrorKind::Number => "a malformed number",
            ErrorKind::Order => "the reader was asked out of order",
            ErrorKind::Trailing => "something follows the document",
            ErrorKind::Utf8 => "not UTF-8",
            ErrorKind::Value => "no value",
        };
        write!(f, "not JSON: {what} at byte {}", self.at)
    }
}

impl core::error::Error for Error {}

/// Where `inner` lies in `outer`, in bytes, so that a span can be stored instead of a borrow. `None` when it is not a
/// part of it.
pub fn range_in(outer: &str, inner: &str) -> Option<Range<usize>> {
    let start = inner.as_ptr().addr().checked_sub(outer.as_ptr().addr())?;
    let end = start.checked_add(inner.len())?;
    (end <= outer.len()).then_some(start..end)
}

/// Appends `text` as a JSON string, quotes included. Escapes only what RFC 8259 section 7 demands.
pub fn write_str(w: &mut Writer<'_>, text: &str) {
    w.byte(b'"');
    write_str_escaped_inner(w, text);
    w.byte(b'"');
}

/// As [`write_str`], without the quotes, so that a string can be made of several pieces.
pub fn write_str_escaped_inner(w: &mut Writer<'_>, text: &str) {
    let mut rest = text.as_bytes();
    loop {
        let (plain, special) = rest.split_at_checked(text::SPECIAL.find(rest)).unwrap_or_default();
        w.bytes(plain);
        let Some((&byte, tail)) = special.split_first() else { return };
        match byte {
            b'"' => w.bytes(b"\\\""),
            b'\\' => w.bytes(b"\\\\"),
            0x08 => w.bytes(b"\\b"),
            0x0c => w.bytes(b"\\f"),
            b'\n' => w.bytes(b"\\n"),
            b'\r' => w.bytes(b"\\r"),
            b'\t' => w.bytes(b"\\t"),
            _ => {
                w.bytes(b"\\u00");
                w.byte(hex_digit(byte >> 4));
                w.byte(hex_digit(byte & 15));
            }
        }
        rest = tail;
    }
}

fn hex_digit(value: u8) -> u8 {
    char::from_digit(value.into(), 16).map_or(b'0', |digit| digit as u8)
}
