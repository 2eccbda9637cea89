//! WebSocket as a client speaks it, strictly and without extensions (RFC 6455).
//!
//! - [`key_text`], [`check_upgrade`]: the opening handshake, over [`http`](super::http).
//! - [`WsHeader`], [`write_frame`], [`apply_mask`]: ws frames in and out; [`Sequence`]: which may follow which.
//! - [`Utf8`]: text as it arrives; [`parse_close`]: the goodbye.
//!
//! A payload is never touched here: the caller counts its [`WsHeader::len`] bytes, which may be far more than fit into
//! memory. Every fault is told at the earliest byte that shows it, so the answer never depends on how reads were cut.
//!
//! ```
//! use larkwire_core::wire::websocket::{Opcode, Part, Sequence, WsHeader};
//! let input = b"\x82\x03abc";
//! let (header, at) = WsHeader::parse(input)?.expect("two bytes are a whole header here");
//! assert_eq!((header.opcode, header.len, at), (Opcode::Binary, 3, 2));
//! assert_eq!(Sequence::default().accept(&header)?, Part::First { text: false, last: true });
//! # Ok::<(), larkwire_core::wire::websocket::WsError>(())
//! ```

mod frame;
mod sequence;
mod upgrade;
mod utf8;

pub use frame::{Opcode, WsHeader, apply_mask, write_frame};
pub use sequence::{Part, Sequence, parse_close};
pub use upgrade::{UpgradeError, accept_text, check_upgrade, key_text};
pub use utf8::{Utf8, Utf8At};

use core::fmt;

/// How the server broke RFC 6455.
///
/// Next step for every variant: send a close frame with [`close_code`](WsError::close_code), then drop the connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum WsError {
    /// A close code outside 1000–1003, 1007–1014 and 3000–4999 (section 7.4).
    CloseCode,
    /// A close payload of one byte, half a code (section 5.5.1).
    ClosePayload,
    /// A new text or binary ws frame inside a fragmented message (section 5.4).
    ContinuationExpected,
    /// A continuation with no message open (section 5.4).
    ContinuationUnexpected,
    /// A control ws frame without FIN (section 5.5).
    ControlFragmented,
    /// A control ws frame with more than 125 payload bytes (section 5.5).
    ControlTooLong,
    /// A ws frame of more than 64 MiB, which nobody means: what follows would be swallowed for hours (section 10.4).
    FrameTooLong,
    /// A length in more bytes than it needs (section 5.2).
    LengthNotMinimal,
    /// A 64-bit length with its top bit set (section 5.2).
    LengthTopBit,
    /// A masked ws frame, which only clients send (section 5.1).
    Masked,
    /// A reserved opcode, 3–7 or 11–15 (section 5.2).
    Opcode,
    /// A reserved bit although no extension was agreed on (section 5.2).
    Reserved,
    /// Text or a close reason that is not UTF-8 (section 8.1).
    Utf8,
}

impl WsError {
    /// The code to close with: 1007 for bad UTF-8, 1009 for a ws frame that is too long, 1002 for everything else (RFC 6455
    /// section 7.4.1).
    pub const fn close_code(self) -> u16 {
        match self {
            Self::FrameTooLong => 1009,
            Self::Utf8 => 1007,
            _ => 1002,
        }
    }
}

impl fmt::Display for WsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CloseCode => "invalid close code",
            Self::ClosePayload => "close payload of one byte",
            Self::ContinuationExpected => "new message inside a fragmented one",
            Self::ContinuationUnexpected => "continuation of no message",
            Self::ControlFragmented => "fragmented control frame",
            Self::ControlTooLong => "control frame over 125 bytes",
            Self::FrameTooLong => "frame over 64 MiB",
            Self::LengthNotMinimal => "length not in its shortest form",
            Self::LengthTopBit => "length over 2^63",
            Self::Masked => "masked frame from the server",
            Self::Opcode => "reserved opcode",
            Self::Reserved => "reserved bit",
            Self::Utf8 => "invalid UTF-8",
        })
    }
}

impl core::error::Error for WsError {}
