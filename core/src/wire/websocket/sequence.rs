//! Which ws frame may follow which, and the payload of the last one (RFC 6455 sections 5.4 and 5.5.1).

use super::{Opcode, WsError, WsHeader};

/// What a ws frame is for the message it belongs to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Part {
    /// A control ws frame: it stands for itself, also inside a fragmented message.
    Control,
    /// Starts a message.
    First {
        /// Whether the message is text.
        text: bool,
        /// Whether this is all of it.
        last: bool,
    },
    /// Goes on with the open message.
    Middle {
        /// Whether the message is text.
        text: bool,
        /// Whether the message ends here.
        last: bool,
    },
}

/// Follows the data ws frames of one connection and refuses those out of order (RFC 6455 section 5.4).
#[derive(Clone, Copy, Debug, Default)]
pub struct Sequence {
    /// Whether the open message is text; `None` between messages.
    open: Option<bool>,
}

impl Sequence {
    /// Takes the next header, once per ws frame.
    ///
    /// # Errors
    /// [`ContinuationExpected`](WsError::ContinuationExpected),
    /// [`ContinuationUnexpected`](WsError::ContinuationUnexpected).
    pub fn accept(&mut self, header: &WsHeader) -> Result<Part, WsError> {
        let last = header.fin;
        let (text, part) = match (header.opcode, self.open) {
            (Opcode::Close | Opcode::Ping | Opcode::Pong, _) => return Ok(Part::Control),
            (Opcode::Continuation, None) => return Err(WsError::ContinuationUnexpected),
            (Opcode::Continuation, Some(text)) => (text, Part::Middle { text, last }),
            (Opcode::Binary | Opcode::Text, Some(_)) => return Err(WsError::ContinuationExpected),
            (Opcode::Binary, None) => (false, Part::First { text: false, last }),
            (Opcode::Text, None) => (true, Part::First { text: true, last }),
        };
        self.open = (!last).then_some(text);
        Ok(part)
    }
}

/// Reads a whole close payload: code and reason, or `None` if it is empty (RFC 6455 sections 5.5.1 and 7.4).
///
/// # Errors
/// [`CloseCode`](WsError::CloseCode), [`ClosePayload`](WsError::ClosePayload),
/// [`ControlTooLong`](WsError::ControlTooLong), [`Utf8`](WsError::Utf8).
pub fn parse_close(payload: &[u8]) -> Result<Option<(u16, &str)>, WsError> {
    if payload.len() > 125 {
        return Err(WsError::ControlTooLong);
    }
    match payload {
        [] => Ok(None),
        [_] => Err(WsError::ClosePayload),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
                return Err(WsError::CloseCode);
            }
            Ok(Some((code, core::str::from_utf8(reason).map_err(|_| WsError::Utf8)?)))
        }
    }
}
