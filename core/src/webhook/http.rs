//! Requests as plain HTTP/1.1 brings them, for who has no HTTP server: a board (RFC 9112, RFC 9110).
//!
//! [`HeadScan`] finds where a head ends, [`Request::parse`] reads it, [`Reply::write_head`]
//! answers. Where RFC 9112 lets a server guess, this refuses.

use httparse::{EMPTY_HEADER, Error, Status};

use super::CONTENT_TYPE;
use super::refusal::Reply;
use super::request::RequestHead;
use crate::wire::http::{HeadScan, HttpError, MAX_HEADERS, MAX_NAME};
use crate::wire::writer::Writer;

/// What to write to a client that waits for it before it sends the body ([`Request::expects_continue`]).
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// The head of a request, read where it lies.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// What [`Webhook::admit`](super::Webhook::admit) and [`check`](super::Webhook::check) look at.
    pub head: RequestHead<'a>,
    /// The path as it was sent, without the query.
    pub path: &'a str,
    /// Bytes of the body that follows. Without a Content-Length there is none (RFC 9112 section 6.3).
    pub content_length: u64,
    /// Whether the connection may serve another request after this one (RFC 9112 section 9.3).
    pub keep_alive: bool,
    /// Whether the client waits for [`CONTINUE`] or an answer before it sends the body (RFC 9110 section 10.1.1).
    pub expects_continue: bool,
}

impl<'a> Request<'a> {
    /// Reads the head at the start of `bytes`, which has no more than its empty line behind it; use
    /// [`HeadScan`] to know when it is there. It takes some 2 KiB of stack on 64-bit and 1 KiB on 32-bit machines.
    ///
    /// # Errors
    /// Those of [`HeadScan::find`], [`Truncated`](HttpError::Truncated) without an empty line, and
    /// [`ContentLength`](HttpError::ContentLength), [`Head`](HttpError::Head) (also for a missing or repeated Host, and
    /// for a target that is no path of this host),
    /// [`HeadTooLong`](HttpError::HeadTooLong), [`LengthConflict`](HttpError::LengthConflict),
    /// [`TooManyHeaders`](HttpError::TooManyHeaders), [`TransferEncoding`](HttpError::TransferEncoding),
    /// [`Version`](HttpError::Version). Answer with [`Reply::to_malformed`], and close the connection.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, HttpError> {
        let end = HeadScan::default().find(bytes)?.ok_or(HttpError::Truncated)?;
        let bytes = bytes.get(..end).unwrap_or_default();
        // httparse would skip empty lines first, and so hide bytes that belong to nobody.
        if !bytes.first().is_some_and(u8::is_ascii_uppercase) {
            return Err(HttpError::Head);
        }
        let mut lines = [EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut lines);
        match request.parse(bytes) {
            Ok(Status::Complete(length)) if length == end => {}
            Err(Error::TooManyHeaders) => return Err(HttpError::TooManyHeaders),
            Err(Error::Version) => return Err(HttpError::Version),
            _ => return Err(HttpError::Head),
        }
        let (Some(method), Some(target), Some(minor)) = (request.method, request.path, request.version) else {
            return Err(HttpError::Head);
        };
        // `//host` is a host to some, and whoever names one in the target speaks to a proxy.
        if !target.starts_with('/') || target.starts_with("//") {
            return Err(HttpError::Head);
        }
        let count = request.headers.len();
        let lines = lines.get(..count).unwrap_or_default();
        let named = |name: &'static str| lines.iter().filter(move |line| line.name.eq_ignore_ascii_case(name));
        let says = |name: &'static str, token: &str| {
            let items = named(name).flat_map(|line| line.value.split(|byte| *byte == b','));
            items.map(<[u8]>::trim_ascii).any(|item| item.eq_ignore_ascii_case(token.as_bytes()))
        };
        if lines.iter().any(|line| line.name.len() > MAX_NAME) {
            return Err(HttpError::HeadTooLong);
        }
        let hosts = named("host").count();
        if hosts > 1 || (hosts == 0 && minor == 1) {
            return Err(HttpError::Head);
        }
        let mut lengths = named("content-length");
        let content_length = match (named("transfer-encoding").next(), lengths.next()) {
            (Some(_), Some(_)) => return Err(HttpError::LengthConflict),
            (Some(_), None) => return Err(HttpError::TransferEncoding),
            (None, None) => 0,
            // A second one is refused even if it is equal: the proxy before us may have believed the other one.
            (None, Some(line)) if lengths.next().is_none() => decimal(line.value).ok_or(HttpError::ContentLength)?,
            (None, Some(_)) => return Err(HttpError::ContentLength),
        };
        Ok(Self {
            head: RequestHead::new(method, lines.iter().map(|line| (line.name, line.value))),
            path: target.split('?').next().unwrap_or_default(),
            content_length,
            keep_alive: !says("connection", "close") && (minor == 1 || says("connection", "keep-alive")),
            expects_continue: minor == 1 && content_length > 0 && says("expect", "100-continue"),
        })
    }
}

/// `1*DIGIT` below 2^64.
fn decimal(digits: &[u8]) -> Option<u64> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return None; // The library would take a sign.
    }
    core::str::from_utf8(digits).ok()?.parse().ok()
}

impl Reply<'static> {
    /// What a request is answered that is no HTTP/1.1 or cannot be served; the connection ends with it, since nobody
    /// knows where the next request begins.
    pub const fn to_malformed(fault: HttpError) -> Self {
        let status = match fault {
            HttpError::HeadTooLong | HttpError::TooManyHeaders => 431,
            HttpError::TransferEncoding => 411, // with a length it would be welcome
            HttpError::Version => 505,
            _ => 400,
        };
        Self { status, body: br#"{"msg":"refused"}"#, close: true }
    }
}

impl Reply<'_> {
    /// Writes the head of the answer with its final empty line, 160 bytes at most; [`body`](Reply::body) follows.
    /// `keep_alive` is the [request's](Request::keep_alive); whether the connection goes on is what comes back.
    pub fn write_head(&self, w: &mut Writer<'_>, keep_alive: bool) -> bool {
        let keep_alive = keep_alive && !self.close;
        w.bytes(b"HTTP/1.1 ");
        w.decimal(u64::from(self.status));
        // The reason phrase is optional, the blank before it is not (RFC 9112 section 4).
        w.bytes(b" \r\nContent-Type: ");
        w.bytes(CONTENT_TYPE.as_bytes());
        w.bytes(b"\r\nContent-Length: ");
        w.decimal(self.body.len() as u64);
        w.bytes(if self.status == 405 { b"\r\nAllow: POST".as_slice() } else { b"" });
        w.bytes(if keep_alive { b"\r\n\r\n".as_slice() } else { b"\r\nConnection: close\r\n\r\n" });
        keep_alive
    }
}
