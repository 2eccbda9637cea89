//! Why decoding failed, without a heap to put words on.

use core::fmt;

use serde::de;

use crate::wire::json::{self, ErrorKind};

/// Where and why decoding failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DecodeError {
    /// How far the reading had come, in bytes from the start of the text.
    pub at: usize,
    /// What is wrong there.
    pub kind: DecodeErrorKind,
}

impl DecodeError {
    /// What is no error of the text has no place of its own.
    pub(super) const SOMEWHERE: usize = usize::MAX;

    pub(super) fn new(kind: DecodeErrorKind) -> Self {
        Self { at: Self::SOMEWHERE, kind }
    }
}

/// Why decoding failed. The next step is to compare the text with the type it is decoded into, but for
/// [`Scratch`](Self::Scratch).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The type refuses the value, with words there is no room for.
    Custom,
    /// This member comes twice.
    DuplicateField(&'static str),
    /// The text is no JSON document.
    Json(ErrorKind),
    /// More or fewer elements or members than the type has.
    Length,
    /// This member is not there.
    MissingField(&'static str),
    /// A number too large for 64 bits of floating point.
    Number,
    /// The scratch buffer is too small. Next step: one as long as the text.
    Scratch,
    /// A value of another type.
    Type,
    /// A member the type does not know, and refuses.
    UnknownField,
    /// A variant the type does not know.
    UnknownVariant,
    /// A value of the right type that the type refuses.
    Value,
}

impl From<json::Error> for DecodeError {
    fn from(error: json::Error) -> Self {
        Self { at: error.at, kind: DecodeErrorKind::Json(error.kind) }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, name) = match self.kind {
            DecodeErrorKind::Custom => ("the type refuses the value", ""),
            DecodeErrorKind::DuplicateField(name) => ("a member comes twice: ", name),
            DecodeErrorKind::Json(kind) => return json::Error { at: self.at, kind }.fmt(f),
            DecodeErrorKind::Length => ("another number of elements", ""),
            DecodeErrorKind::MissingField(name) => ("a member is missing: ", name),
            DecodeErrorKind::Number => ("a number is too large", ""),
            DecodeErrorKind::Scratch => ("the scratch buffer is too small; the text's length is enough", ""),
            DecodeErrorKind::Type => ("a value of another type", ""),
            DecodeErrorKind::UnknownField => ("an unknown member", ""),
            DecodeErrorKind::UnknownVariant => ("an unknown variant", ""),
            DecodeErrorKind::Value => ("a value out of range", ""),
        };
        write!(f, "not decoded: {what}{name} before byte {}", self.at)
    }
}

impl core::error::Error for DecodeError {}

impl de::Error for DecodeError {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::new(DecodeErrorKind::Custom)
    }

    fn invalid_type(_: de::Unexpected<'_>, _: &dyn de::Expected) -> Self {
        Self::new(DecodeErrorKind::Type)
    }

    fn invalid_value(_: de::Unexpected<'_>, _: &dyn de::Expected) -> Self {
        Self::new(DecodeErrorKind::Value)
    }

    fn invalid_length(_: usize, _: &dyn de::Expected) -> Self {
        Self::new(DecodeErrorKind::Length)
    }

    fn unknown_variant(_: &str, _: &'static [&'static str]) -> Self {
        Self::new(DecodeErrorKind::UnknownVariant)
    }

    fn unknown_field(_: &str, _: &'static [&'static str]) -> Self {
        Self::new(DecodeErrorKind::UnknownField)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(DecodeErrorKind::MissingField(field))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::new(DecodeErrorKind::DuplicateField(field))
    }
}
