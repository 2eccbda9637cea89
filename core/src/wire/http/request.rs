//! Request heads. Everything a caller hands in is checked before the first byte is written.

use super::HttpError;
use crate::wire::writer::Writer;

/// The request methods of the calls in protocol section 16.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Method {
    /// `DELETE`
    Delete,
    /// `GET`
    Get,
    /// `PATCH`
    Patch,
    /// `POST`
    Post,
    /// `PUT`
    Put,
}

impl Method {
    /// The method as it stands in the request line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delete => "DELETE",
            Self::Get => "GET",
            Self::Patch => "PATCH",
            Self::Post => "POST",
            Self::Put => "PUT",
        }
    }
}

/// Whom a request is for; becomes its `Host` header.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Authority<'a> {
    /// A DNS name in ASCII, an IPv4 address, or an IPv6 address with or without its brackets.
    pub host: &'a str,
    /// The TCP port.
    pub port: u16,
    /// Whether the connection is TLS, which makes 443 and not 80 the port that is left out.
    pub tls: bool,
}

impl Authority<'_> {
    /// Writes `host`, `host:port` or `[host]:port`; [`write_request`] checks the host, this does not.
    pub fn write(&self, w: &mut Writer<'_>) {
        let bare_v6 = self.host.contains(':') && !self.host.starts_with('[');
        if bare_v6 {
            w.byte(b'[');
        }
        w.bytes(self.host.as_bytes());
        if bare_v6 {
            w.byte(b']');
        }
        if self.port != if self.tls { 443 } else { 80 } {
            w.byte(b':');
            w.decimal(u64::from(self.port));
        }
    }

    /// Only what can stand in a `Host` header and mean one host: no user, port, path or zone inside it.
    fn is_valid(&self) -> bool {
        let inner = self.host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        if inner.is_some() || self.host.contains(':') {
            let address = inner.unwrap_or(self.host);
            address.bytes().filter(|&byte| byte == b':').count() >= 2
                && address.bytes().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.'))
        } else {
            !self.host.is_empty()
                && self.host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
        }
    }
}

/// Writes a request head with its final empty line: request line, `Host`, `headers` in order, `Content-Length`.
///
/// `target` is in pieces that are joined as they are, so that ids can be written with [`percent_encode`] into a buffer
/// of their own; together they start with `/`. `body_len` is the length of the body in bytes, `None` for no body.
/// The body itself is written by the caller. A head that does not fit shows in [`Writer::finish`].
///
/// ```
/// use larkwire_core::wire::{http, writer::Writer};
/// let mut out = [0; 128];
/// let mut w = Writer::new(&mut out);
/// let host = http::Authority { host: "open.feishu.cn", port: 443, tls: true };
/// http::write_request(&mut w, http::Method::Get, &["/open-apis", "/bot/v3/info"], host, &[("Accept", "*/*")], None)?;
/// let len = w.finish()?;
/// assert_eq!(&out[..len], b"GET /open-apis/bot/v3/info HTTP/1.1\r\nHost: open.feishu.cn\r\nAccept: */*\r\n\r\n");
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
///
/// # Errors
/// [`RequestHeader`](HttpError::RequestHeader), [`RequestHost`](HttpError::RequestHost),
/// [`RequestTarget`](HttpError::RequestTarget); nothing was written then. `Host`, `Content-Length` and
/// `Transfer-Encoding` among `headers` are refused: they would contradict the ones written here.
pub fn write_request(
    w: &mut Writer<'_>,
    method: Method,
    target: &[&str],
    authority: Authority<'_>,
    headers: &[(&str, &str)],
    body_len: Option<usize>,
) -> Result<(), HttpError> {
    if !is_valid_target(target) {
        return Err(HttpError::RequestTarget);
    }
    if !authority.is_valid() {
        return Err(HttpError::RequestHost);
    }
    if !headers.iter().all(|(name, value)| is_valid_name(name) && !value.bytes().any(|byte| byte.is_ascii_control())) {
        return Err(HttpError::RequestHeader);
    }
    w.bytes(method.as_str().as_bytes());
    w.byte(b' ');
    for piece in target {
        w.bytes(piece.as_bytes());
    }
    w.bytes(b" HTTP/1.1\r\nHost: ");
    authority.write(w);
    for (name, value) in headers {
        w.bytes(b"\r\n");
        w.bytes(name.as_bytes());
        w.bytes(b": ");
        w.bytes(value.as_bytes());
    }
    if let Some(len) = body_len {
        w.bytes(b"\r\nContent-Length: ");
        w.decimal(len as u64);
    }
    w.bytes(b"\r\n\r\n");
    Ok(())
}

/// Writes `segment` for use in a path or query: every byte but `A`–`Z`, `a`–`z`, `0`–`9`, `-`, `.`, `_`, `~` becomes
/// `%XX` (protocol section 16.1).
///
/// `.` and `..` come out as they went in, since servers read `%2E` as a dot anyway; [`write_request`] refuses a path
/// with such a segment.
pub fn percent_encode(w: &mut Writer<'_>, segment: &str) {
    for byte in segment.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            w.byte(byte);
        } else {
            w.bytes(&[b'%', hex_digit(byte >> 4), hex_digit(byte & 0x0F)]);
        }
    }
}

fn hex_digit(nibble: u8) -> u8 {
    nibble.wrapping_add(if nibble < 10 { b'0' } else { b'A' - 10 })
}

/// Starts with `/`, keeps to one line and one word, and no id has become a way up (`/messages/../`).
fn is_valid_target(target: &[&str]) -> bool {
    let bytes = || target.iter().flat_map(|piece| piece.bytes());
    bytes().next() == Some(b'/')
        && !bytes().any(|byte| matches!(byte, b' ' | b'#') || byte.is_ascii_control())
        && !has_dot_segment(bytes())
}

fn has_dot_segment(target: impl Iterator<Item = u8>) -> bool {
    let (mut dots, mut only_dots) = (0_usize, true);
    for byte in target.take_while(|&byte| byte != b'?').chain([b'/']) {
        match byte {
            b'/' if only_dots && matches!(dots, 1 | 2) => return true,
            b'/' => (dots, only_dots) = (0, true),
            b'.' => dots = dots.saturating_add(1),
            _ => only_dots = false,
        }
    }
    false
}

fn is_valid_name(name: &str) -> bool {
    const OURS: [&str; 3] = ["content-length", "host", "transfer-encoding"];
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(token) && !OURS.iter().any(|ours| name.eq_ignore_ascii_case(ours))
}
