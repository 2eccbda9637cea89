//! Values as the reader hands them out, and the lenient readings of protocol section 11.2.

use core::fmt;

use super::Str;

/// One value of a document, borrowed from it. `Debug` shows kind and size only, because any value may hold a token.
#[derive(Clone, Copy)]
pub enum Value<'a> {
    /// An array as text, brackets included, already validated; to be read by a reader of its own.
    Array(&'a str),
    /// `true` or `false`.
    Bool(bool),
    /// `null`.
    Null,
    /// A number.
    Number(Number<'a>),
    /// An object as text, braces included, already validated; to be read by a reader of its own.
    Object(&'a str),
    /// A string.
    String(Str<'a>),
}

impl<'a> Value<'a> {
    /// The string, if it is one: anything else counts as absent.
    pub fn as_str(&self) -> Option<Str<'a>> {
        if let Self::String(text) = self { Some(*text) } else { None }
    }

    /// The integer, from a number or a string that holds one as JSON would write it. `None` where it is not exact: a
    /// fraction, an exponent, beyond 64 bits (protocol section 11.2).
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Number(number) => number.as_i64(),
            Self::String(text) => integer(text.name(&mut [0; 24])),
            _ => None,
        }
    }

    /// The truth value, also from the strings `true` and `false` (protocol section 11.2).
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            Self::String(text) if *text == "true" => Some(true),
            Self::String(text) if *text == "false" => Some(false),
            _ => None,
        }
    }

    /// Whether it is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Array(text) => write!(f, "Array({} bytes)", text.len()),
            Self::Bool(value) => write!(f, "Bool({value})"),
            Self::Null => f.write_str("Null"),
            Self::Number(number) => number.fmt(f),
            Self::Object(text) => write!(f, "Object({} bytes)", text.len()),
            Self::String(text) => text.fmt(f),
        }
    }
}

/// A number as it stands in the document: valid, of any size, never rounded.
#[derive(Clone, Copy)]
pub struct Number<'a> {
    pub(super) raw: &'a str,
}

impl<'a> Number<'a> {
    /// The text of the number.
    pub fn raw(&self) -> &'a str {
        self.raw
    }

    /// The value, if it is written as an integer and fits; `-0` is 0.
    pub fn as_i64(&self) -> Option<i64> {
        integer(self.raw)
    }

    /// The value, if it is written as an integer and fits; `-0` is 0.
    pub fn as_u64(&self) -> Option<u64> {
        if self.raw == "-0" { Some(0) } else { self.raw.parse().ok() }
    }
}

impl fmt::Debug for Number<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Number({} bytes)", self.raw.len())
    }
}

/// An integer of RFC 8259 section 6, without fraction and exponent.
fn integer(text: &str) -> Option<i64> {
    let text = text.as_bytes();
    let negative = text.first() == Some(&b'-');
    let digits = text.get(usize::from(negative)..)?;
    if let [] | [b'0', _, ..] = digits {
        return None;
    }
    // Downwards, because the negative side is the longer one.
    let mut value = 0_i64;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value.checked_mul(10)?.checked_sub(digit.into())?;
    }
    if negative { Some(value) } else { value.checked_neg() }
}
