//! Response heads: where they end, what they say, how their body ends.

use core::fmt;

use httparse::{EMPTY_HEADER, Error, Header, Response, Status};

use super::HttpError;

/// The longest head, in bytes with its final empty line. Real answers of the platform take 1–2 KiB.
pub const MAX_HEAD: usize = 8 * 1024;

/// The most header lines of one head.
pub const MAX_HEADERS: usize = 64;

/// How many interim answers (100, 102, 103 …) a caller skips before it gives up with [`HttpError::Interim`].
pub const MAX_INTERIM: u8 = 8;

/// The longest header name, in bytes.
pub const MAX_NAME: usize = 255;

/// Looks for the end of a head that arrives in pieces, each byte once (RUSTSEC-2023-0065 was a head read again per byte).
///
/// One scan serves one head; start the next head with a fresh one.
#[derive(Clone, Copy, Debug, Default)]
pub struct HeadScan {
    /// How many bytes were looked at and found good.
    seen: usize,
    /// How many bytes of CR LF CR LF the last of them are.
    matched: u8,
}

impl HeadScan {
    /// The length of the head with its CRLF CRLF, or `None` while that is still missing.
    ///
    /// `bytes` is everything received of this head so far, always from its start.
    ///
    /// # Errors
    /// [`BareCr`](HttpError::BareCr), [`BareLf`](HttpError::BareLf), [`Control`](HttpError::Control) at the first byte
    /// that shows it and [`HeadTooLong`](HttpError::HeadTooLong) after [`MAX_HEAD`] bytes, again on every later call.
    pub fn find(&mut self, bytes: &[u8]) -> Result<Option<usize>, HttpError> {
        for &byte in bytes.get(self.seen..).unwrap_or_default() {
            if self.matched == 4 {
                break;
            }
            if self.seen >= MAX_HEAD {
                return Err(HttpError::HeadTooLong);
            }
            self.matched = match (self.matched, byte) {
                (0, b'\r') => 1,
                (1, b'\n') => 2,
                (2, b'\r') => 3,
                (3, b'\n') => 4,
                (1 | 3, _) => return Err(HttpError::BareCr),
                (_, b'\n') => return Err(HttpError::BareLf),
                (_, byte) if is_control(byte) => return Err(HttpError::Control),
                _ => 0,
            };
            self.seen = self.seen.saturating_add(1);
        }
        match self.matched {
            4 => Ok(Some(self.seen)),
            _ if self.seen >= MAX_HEAD => Err(HttpError::HeadTooLong),
            _ => Ok(None),
        }
    }
}

/// Where a body ends (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Framing {
    /// In chunks, with the last one empty.
    Chunked,
    /// There is no body.
    Empty,
    /// After this many bytes.
    Length(u64),
    /// Where the connection ends; the connection cannot be used again.
    UntilClose,
}

/// A response head, read where it lies. About 2 KiB on 64-bit and 1 KiB on 32-bit machines: pass it by reference.
pub struct Head<'a> {
    /// The status, 100–599.
    pub status: u16,
    /// 1 for HTTP/1.1, 0 for HTTP/1.0.
    pub minor_version: u8,
    headers: [Header<'a>; MAX_HEADERS],
    count: usize,
}

impl<'a> Head<'a> {
    /// Reads the head at the start of `bytes`; what follows its empty line is not looked at.
    ///
    /// # Errors
    /// Those of [`HeadScan::find`], [`Truncated`](HttpError::Truncated) without an empty line, and
    /// [`Head`](HttpError::Head), [`HeadTooLong`](HttpError::HeadTooLong), [`Status`](HttpError::Status),
    /// [`TooManyHeaders`](HttpError::TooManyHeaders), [`Version`](HttpError::Version).
    pub fn parse(bytes: &'a [u8]) -> Result<Self, HttpError> {
        let end = HeadScan::default().find(bytes)?.ok_or(HttpError::Truncated)?;
        let bytes = bytes.get(..end).unwrap_or_default();
        // httparse would skip empty lines first, and so hide bytes that belong to nobody.
        if !bytes.starts_with(b"HTTP/") {
            return Err(HttpError::Head);
        }
        let mut head = Self { status: 0, minor_version: 0, headers: [EMPTY_HEADER; MAX_HEADERS], count: 0 };
        let mut response = Response::new(&mut head.headers);
        match response.parse(bytes) {
            Ok(Status::Complete(length)) if length == end => {}
            Ok(_) => return Err(HttpError::Head),
            Err(Error::Status) => return Err(HttpError::Status),
            Err(Error::TooManyHeaders) => return Err(HttpError::TooManyHeaders),
            Err(Error::Version) => return Err(HttpError::Version),
            Err(Error::HeaderName | Error::HeaderValue | Error::NewLine | Error::Token) => return Err(HttpError::Head),
        }
        let (status, minor_version) = (response.code.unwrap_or(0), response.version.unwrap_or(0));
        let count = response.headers.len();
        if response.headers.iter().any(|header| header.name.len() > MAX_NAME) {
            return Err(HttpError::HeadTooLong);
        }
        if !(100..=599).contains(&status) {
            return Err(HttpError::Status);
        }
        (head.status, head.minor_version, head.count) = (status, minor_version, count);
        Ok(head)
    }

    /// The first header of that name in any case, without blanks around it.
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.headers_named(name).next()
    }

    /// Every header of that name in any case, in order, without blanks around it.
    pub fn headers_named<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'a [u8]> {
        let lines = self.headers.iter().take(self.count);
        lines.filter(move |line| line.name.eq_ignore_ascii_case(name)).map(|line| trim(line.value))
    }

    /// The first header of that name as a decimal number; `None` also for `+5`, fractions and what no `i64` holds.
    pub fn header_i64(&self, name: &str) -> Option<i64> {
        let text = core::str::from_utf8(self.header(name)?).ok()?;
        if text.starts_with('+') { None } else { text.parse().ok() }
    }

    /// Whether a comma list under that name, over all its lines, has `token`; cases are equal.
    pub fn has_token(&self, name: &str, token: &str) -> bool {
        self.headers_named(name)
            .any(|list| list.split(|&byte| byte == b',').any(|item| trim(item).eq_ignore_ascii_case(token.as_bytes())))
    }

    /// Whether this is an answer before the answer (1xx other than 101): skip it, at most [`MAX_INTERIM`] times.
    pub fn is_interim(&self) -> bool {
        self.status < 200 && self.status != 101
    }

    /// How the body of this head ends (RFC 9112 section 6.3); `head_request` tells that it answers a HEAD request.
    ///
    /// Two Content-Length lines are refused even if equal, and so is one beside Transfer-Encoding: the next hop may have
    /// believed the other one.
    ///
    /// # Errors
    /// [`ContentEncoding`](HttpError::ContentEncoding), [`ContentLength`](HttpError::ContentLength),
    /// [`LengthConflict`](HttpError::LengthConflict), [`TransferEncoding`](HttpError::TransferEncoding), and
    /// [`SwitchingProtocols`](HttpError::SwitchingProtocols) for 101, whose only reader is
    /// [`check_upgrade`](crate::wire::websocket::check_upgrade).
    pub fn framing(&self, head_request: bool) -> Result<Framing, HttpError> {
        if self.status == 101 {
            return Err(HttpError::SwitchingProtocols);
        }
        if head_request || matches!(self.status, 100..=199 | 204 | 304) {
            return Ok(Framing::Empty);
        }
        if self.headers_named("content-encoding").any(|coding| !coding.eq_ignore_ascii_case(b"identity")) {
            return Err(HttpError::ContentEncoding);
        }
        let mut codings = self.headers_named("transfer-encoding");
        let mut lengths = self.headers_named("content-length");
        match (codings.next(), lengths.next()) {
            (Some(_), Some(_)) => Err(HttpError::LengthConflict),
            (Some(coding), None) => {
                let plain = coding.eq_ignore_ascii_case(b"chunked") && codings.next().is_none();
                if plain && self.minor_version == 1 { Ok(Framing::Chunked) } else { Err(HttpError::TransferEncoding) }
            }
            (None, Some(length)) => match (decimal(length), lengths.next()) {
                (Some(length), None) => Ok(Framing::Length(length)),
                _ => Err(HttpError::ContentLength),
            },
            (None, None) => Ok(Framing::UntilClose),
        }
    }

    /// Whether the server lets the connection serve another exchange (RFC 9112 section 9.3).
    ///
    /// Not true for a body that ends where the connection does: [`Framing::UntilClose`] decides on its own.
    pub fn keep_alive(&self) -> bool {
        let close = self.has_token("connection", "close");
        !close && (self.minor_version == 1 || self.has_token("connection", "keep-alive"))
    }

    /// How many seconds the server wants to be left alone: the larger of Retry-After and `x-ogw-ratelimit-reset`
    /// (protocol sections 2.5 and 16.1), not yet clamped.
    ///
    /// Dates need a clock and are ignored, like everything else that is not a plain decimal number; a number that no
    /// `u32` holds counts as `u32::MAX`.
    pub fn retry_after_secs(&self) -> Option<u32> {
        self.headers_named("retry-after")
            .chain(self.headers_named("x-ogw-ratelimit-reset"))
            .filter(|value| !value.is_empty() && value.iter().all(u8::is_ascii_digit))
            .map(|digits| decimal(digits).and_then(|secs| u32::try_from(secs).ok()).unwrap_or(u32::MAX))
            .max()
    }
}

/// Prints no header: they may carry tickets.
impl fmt::Debug for Head<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Head(HTTP/1.{} {}, {} headers)", self.minor_version, self.status, self.count)
    }
}

/// Control characters other than the tab, which RFC 9110 section 5.5 allows in values.
pub(super) fn is_control(byte: u8) -> bool {
    byte.is_ascii_control() && byte != b'\t'
}

/// `1*DIGIT` below 2^64: no sign, no blanks, no list (RUSTSEC-2021-0078).
fn decimal(digits: &[u8]) -> Option<u64> {
    let first = digits.first().map(|_| 0_u64);
    digits.iter().fold(first, |value, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit.wrapping_sub(b'0')))?;
        value?.checked_mul(10)?.checked_add(digit)
    })
}

/// Without the blanks and tabs at both ends.
fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}
