//! HTTP/1.1 as a client speaks it: request heads out, response heads and bodies in (RFC 9112, RFC 9110).
//!
//! - [`write_request`], [`percent_encode`]: a request head that no caller's string can break out of.
//! - [`HeadScan`] finds the end of a response head, [`Head`] reads it, [`Framing`] says how its body ends.
//! - [`Body`] walks over a body and tells its bytes from the chunk lines between them.
//!
//! Where RFC 9112 lets a client guess (bare LF, folded lines, two lengths), these codecs refuse: a guess is what request
//! smuggling is made of, and the platform has no need of it. `httparse` reads the lines; every rule that looks at more
//! than one line is here. All of it is linear in the input however that is cut up, and needs no memory beyond [`Head`].
//!
//! ```
//! use larkwire_core::wire::http::{Body, Head, HeadScan, HttpError};
//! let input = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
//! let end = HeadScan::default().find(input)?.ok_or(HttpError::Truncated)?;
//! let (head, rest) = input.split_at(end);
//! let head = Head::parse(head)?;
//! let mut body = Body::new(head.framing(false)?);
//! let step = body.step(rest)?;
//! assert_eq!((head.status, step.skip, step.data, body.is_complete()), (200, 0, 2, true));
//! # Ok::<(), HttpError>(())
//! ```

mod body;
mod date;
mod head;
mod request;

pub use body::{Body, MAX_CHUNK_LINE, MAX_TRAILERS, Step};
pub use date::parse_date;
pub use head::{Framing, Head, HeadScan, MAX_HEAD, MAX_HEADERS, MAX_INTERIM, MAX_NAME};
pub use request::{Authority, Method, percent_encode, write_request};

use core::fmt;

/// Why a request could not be written or an answer cannot be trusted.
///
/// Next step for every answer fault: drop the connection and try the exchange again on a new one, because where the next
/// answer would begin is no longer known. `Request*` faults are the caller's: fix the string, nothing was written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HttpError {
    /// A CR without its LF in the head, a chunk line or a trailer.
    BareCr,
    /// An LF without its CR in the head, a chunk line or a trailer.
    BareLf,
    /// A chunk size that is empty, not hexadecimal, over 16 digits or over 2^63−1, or chunk data not followed by CRLF.
    Chunk,
    /// A chunk line longer than [`MAX_CHUNK_LINE`].
    ChunkLine,
    /// The body is coded (gzip …), which was never offered.
    ContentEncoding,
    /// A Content-Length that is repeated, or not a decimal number below 2^64.
    ContentLength,
    /// A control character in the head, a chunk extension or a trailer.
    Control,
    /// The head is no HTTP/1 response head: garbage before it, a folded line, a blank before a colon, a bad name.
    Head,
    /// The head does not end within [`MAX_HEAD`] bytes, or a name is longer than [`MAX_NAME`].
    HeadTooLong,
    /// More than [`MAX_INTERIM`] interim answers before the final one.
    Interim,
    /// Content-Length and Transfer-Encoding in one head.
    LengthConflict,
    /// A request header whose name is no token or one that [`write_request`] writes itself, or whose value has a
    /// control character.
    RequestHeader,
    /// A host that is no DNS name, IPv4 or IPv6 address.
    RequestHost,
    /// A request target that does not start with `/`, or has a blank, `#`, a control character, or a dot segment in
    /// its path.
    RequestTarget,
    /// A status line without a status between 100 and 599.
    Status,
    /// Status 101 although no upgrade was asked for.
    SwitchingProtocols,
    /// More than [`MAX_HEADERS`] header lines.
    TooManyHeaders,
    /// Trailers longer than [`MAX_TRAILERS`].
    Trailers,
    /// A Transfer-Encoding other than exactly one `chunked`, or any in HTTP/1.0.
    TransferEncoding,
    /// The connection closed, or the bytes ended, inside the answer.
    Truncated,
    /// Neither HTTP/1.1 nor HTTP/1.0.
    Version,
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BareCr => "CR without LF in the answer",
            Self::BareLf => "LF without CR in the answer",
            Self::Chunk => "malformed chunk",
            Self::ChunkLine => "chunk line too long",
            Self::ContentEncoding => "coded body that was not offered",
            Self::ContentLength => "malformed or repeated Content-Length",
            Self::Control => "control character in the answer",
            Self::Head => "malformed response head",
            Self::HeadTooLong => "response head too long",
            Self::Interim => "too many interim answers",
            Self::LengthConflict => "both Content-Length and Transfer-Encoding",
            Self::RequestHeader => "request header that cannot be sent",
            Self::RequestHost => "host that cannot be sent",
            Self::RequestTarget => "request target that cannot be sent",
            Self::Status => "status that is not between 100 and 599",
            Self::SwitchingProtocols => "upgrade that was not asked for",
            Self::TooManyHeaders => "too many response headers",
            Self::Trailers => "trailers too long",
            Self::TransferEncoding => "unsupported Transfer-Encoding",
            Self::Truncated => "connection closed inside the answer",
            Self::Version => "unsupported HTTP version",
        })
    }
}

impl core::error::Error for HttpError {}
