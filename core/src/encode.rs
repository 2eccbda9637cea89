//! Types of your own as JSON text, in a buffer of yours: cards, posts, the answers to callbacks.

use core::fmt;

use serde::Serialize;
use serde_json_core::ser::Error;

/// Why a value could not be written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum EncodeError {
    /// The value holds what JSON, or this encoder, has no form for. Next step: use text keys, numbers, text, lists and
    /// structures.
    Form,
    /// The text does not fit. Next step: give a longer buffer.
    TooSmall,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "the value has no form in JSON",
            Self::TooSmall => "the buffer is too small for the JSON text",
        })
    }
}

impl core::error::Error for EncodeError {}

/// Writes `value` as JSON to the start of `out`.
///
/// ```
/// #[derive(serde::Serialize)]
/// struct Answer<'a> {
///     toast: Toast<'a>,
/// }
/// #[derive(serde::Serialize)]
/// struct Toast<'a> {
///     r#type: &'a str,
///     content: &'a str,
/// }
/// let mut out = [0; 64];
/// let answer = Answer { toast: Toast { r#type: "success", content: "saved \"it\"" } };
/// let json = larkwire_core::encode::to_str(&answer, &mut out)?;
/// assert_eq!(json, r#"{"toast":{"type":"success","content":"saved \"it\""}}"#);
/// # Ok::<(), larkwire_core::encode::EncodeError>(())
/// ```
///
/// # Errors
/// [`EncodeError`].
pub fn to_str<'b, T: Serialize + ?Sized>(value: &T, out: &'b mut [u8]) -> Result<&'b str, EncodeError> {
    let len = serde_json_core::to_slice(value, out).map_err(|error| match error {
        Error::BufferFull => EncodeError::TooSmall,
        _ => EncodeError::Form,
    })?;
    // It is text by construction; without unsafe code the check is the price of saying so.
    core::str::from_utf8(out.get(..len).unwrap_or_default()).map_err(|_| EncodeError::Form)
}
