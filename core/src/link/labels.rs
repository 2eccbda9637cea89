//! The headers of a data frame that steer its handling (protocol section 5).

use crate::wire::frame::Header;

/// A header value that should be a number and is none.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct NoNumber;

/// Of a repeated header the first wins.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Labels<'a> {
    kind: Option<&'a [u8]>,
    pub(super) message_id: Option<&'a [u8]>,
    pub(super) trace_id: Option<&'a [u8]>,
    pub(super) sum: Option<Result<i64, NoNumber>>,
    pub(super) seq: Option<Result<i64, NoNumber>>,
    /// One of these stood twice.
    pub(super) repeated: bool,
}

impl<'a> Labels<'a> {
    /// Takes the next header.
    pub(super) fn take(&mut self, header: Header<'a>) {
        let text = match header.key {
            b"type" => &mut self.kind,
            b"message_id" => &mut self.message_id,
            b"trace_id" => &mut self.trace_id,
            b"sum" | b"seq" => {
                let number = if header.key == b"sum" { &mut self.sum } else { &mut self.seq };
                self.repeated |= number.is_some();
                number.get_or_insert_with(|| decimal(header.value));
                return;
            }
            _ => return,
        };
        self.repeated |= text.is_some();
        text.get_or_insert(header.value);
    }

    /// `event`, or `card`, which is handled alike (protocol section 7.1).
    pub(super) fn is_event(&self) -> bool {
        matches!(self.kind, Some(b"event" | b"card"))
    }
}

/// Surrounding spaces, a sign and decimal digits; beyond 64 bits the nearest that fits.
fn decimal(text: &[u8]) -> Result<i64, NoNumber> {
    let text = text.trim_ascii();
    let (negative, digits) = match text.split_first() {
        Some((b'-', digits)) => (true, digits),
        Some((b'+', digits)) => (false, digits),
        _ => (false, text),
    };
    if digits.is_empty() {
        return Err(NoNumber);
    }
    let value = digits.iter().try_fold(0_i64, |value, digit| {
        let digit = char::from(*digit).to_digit(10).ok_or(NoNumber)?;
        Ok(value.saturating_mul(10).saturating_add(i64::from(digit)))
    })?;
    Ok(if negative { value.saturating_neg() } else { value })
}

#[cfg(test)]
mod tests {
    use super::{NoNumber, decimal};

    #[test]
    fn numbers_in_headers_are_read_as_the_sdks_read_them() {
        for (text, value) in [
            ("1", Ok(1)),
            (" +1 ", Ok(1)),
            ("-1", Ok(-1)),
            ("0", Ok(0)),
            ("4294967296", Ok(4_294_967_296)),
            ("99999999999999999999", Ok(i64::MAX)),
            ("", Err(NoNumber)),
            (" ", Err(NoNumber)),
            ("x", Err(NoNumber)),
            ("1e3", Err(NoNumber)),
            ("+", Err(NoNumber)),
            ("1 2", Err(NoNumber)),
        ] {
            assert_eq!(decimal(text.as_bytes()), value, "{text:?}");
        }
    }
}
