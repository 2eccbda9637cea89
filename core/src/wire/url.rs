//! The few URLs of the protocol: the open platform's base, and the one-time socket URL (protocol sections 2.1, 2.6).
//!
//! A URL is taken apart, never rebuilt: path and query stay byte for byte as received.

use core::fmt;

/// Which protocol a URL names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scheme {
    /// `http`
    Http,
    /// `https`
    Https,
    /// `ws`
    Ws,
    /// `wss`
    Wss,
}

impl Scheme {
    /// Whether the scheme asks for TLS.
    pub const fn tls(self) -> bool {
        matches!(self, Self::Https | Self::Wss)
    }
}

/// What is wrong with a URL. Next step: correct the setting, or, for a URL of the platform, ask for a new one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum UrlError {
    /// A space, a control character, or one outside ASCII.
    Character,
    /// A `#` part, which a URL of the protocol never has.
    Fragment,
    /// No host, or one with characters that a host name or IP address cannot have.
    Host,
    /// A `.` or `..` in the path: what it leads to depends on who reads it.
    Path,
    /// The port is not a number from 1 to 65535.
    Port,
    /// Not one of `http`, `https`, `ws`, `wss`.
    Scheme,
    /// A user name or password before the host.
    Userinfo,
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Character => "the URL has a character that must be percent-encoded",
            Self::Fragment => "the URL has a fragment (#…)",
            Self::Host => "the URL has no usable host",
            Self::Path => "the URL's path has a segment . or ..",
            Self::Port => "the URL's port is not a number from 1 to 65535",
            Self::Scheme => "the URL does not start with http://, https://, ws:// or wss://",
            Self::Userinfo => "the URL holds a user name or password",
        })
    }
}

impl core::error::Error for UrlError {}

/// A URL taken apart. Its `Debug` shows scheme, host and port only: path and query may be secrets (protocol section 2.6).
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Url<'a> {
    /// The protocol.
    pub scheme: Scheme,
    /// A host name, or an IP address without brackets.
    pub host: &'a str,
    /// The port, given or the scheme's own.
    pub port: u16,
    /// Path and query as they stand, possibly empty.
    pub target: &'a str,
}

impl fmt::Debug for Url<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}://{}:{}/[redacted]", self.scheme, self.host, self.port)
    }
}

impl<'a> Url<'a> {
    /// Takes `text` apart.
    ///
    /// ```
    /// use larkwire_core::wire::url::{Scheme, Url};
    /// let url = Url::parse("wss://msg.example:8443/ws/v2?service_id=7")?;
    /// assert_eq!((url.scheme, url.host, url.port), (Scheme::Wss, "msg.example", 8443));
    /// assert_eq!(url.target, "/ws/v2?service_id=7");
    /// # Ok::<(), larkwire_core::wire::url::UrlError>(())
    /// ```
    ///
    /// # Errors
    /// [`UrlError`] names the part that is wrong.
    pub fn parse(text: &'a str) -> Result<Self, UrlError> {
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(UrlError::Character);
        }
        let (scheme, rest) = text.split_once(':').ok_or(UrlError::Scheme)?;
        let rest = rest.strip_prefix("//").ok_or(UrlError::Scheme)?;
        let (scheme, default_port) = [
            ("http", Scheme::Http, 80),
            ("https", Scheme::Https, 443),
            ("ws", Scheme::Ws, 80),
            ("wss", Scheme::Wss, 443),
        ]
        .into_iter()
        .find(|(name, ..)| scheme.eq_ignore_ascii_case(name))
        .map(|(_, scheme, port)| (scheme, port))
        .ok_or(UrlError::Scheme)?;
        if rest.contains('#') {
            return Err(UrlError::Fragment);
        }
        let (authority, target) =
            rest.split_at_checked(rest.find(['/', '?']).unwrap_or(rest.len())).unwrap_or((rest, ""));
        if authority.contains('@') {
            return Err(UrlError::Userinfo);
        }
        let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, port)) => (host, port),
            None => {
                authority.split_at_checked(authority.find(':').unwrap_or(authority.len())).unwrap_or((authority, ""))
            }
        };
        let name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
        let usable =
            if authority.starts_with('[') { is_ipv6(host) } else { !host.is_empty() && host.bytes().all(name) };
        if !usable {
            return Err(UrlError::Host);
        }
        let port = match port.strip_prefix(':') {
            Some(digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
                digits.parse().ok().filter(|port| *port != 0).ok_or(UrlError::Port)?
            }
            None if port.is_empty() => default_port,
            _ => return Err(UrlError::Port),
        };
        let path = target.split('?').next().unwrap_or_default();
        if path.split('/').any(|segment| matches!(segment, "." | "..")) {
            return Err(UrlError::Path);
        }
        Ok(Self { scheme, host, port, target })
    }

    /// Whether the host is this machine: `localhost` or a loopback address.
    pub fn is_loopback(&self) -> bool {
        is_loopback(self.host)
    }

    /// The first value of `name` in the query that is not blank, percent-decoded (protocol section 2.6).
    pub fn query_value(&self, name: &str) -> Option<Decoded<'a>> {
        let (_, query) = self.target.split_once('?')?;
        query.split('&').find_map(|pair| {
            let (key, value) = pair.split_once('=')?;
            (!value.is_empty() && Decoded::new(key).eq(name.bytes())).then(|| Decoded::new(value))
        })
    }
}

/// The bytes of a percent-encoded query part; `+` is a space, a `%` without two hex digits stands for itself. Its `Debug`
/// shows the size only: the part may be a ticket.
#[derive(Clone)]
pub struct Decoded<'a>(&'a [u8]);

impl fmt::Debug for Decoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Decoded({} bytes)", self.0.len())
    }
}

impl<'a> Decoded<'a> {
    fn new(text: &'a str) -> Self {
        Self(text.as_bytes())
    }
}

impl Iterator for Decoded<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let hex = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
        if let [b'%', high, low, rest @ ..] = self.0
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            self.0 = rest;
            return Some(high.wrapping_shl(4) | low);
        }
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(if *first == b'+' { b' ' } else { *first })
    }
}

/// A decimal int32 as the protocol's numbers are written: digits with an optional minus sign.
pub fn decimal_i32(digits: impl Iterator<Item = u8>) -> Option<i32> {
    let mut text = [0; 11];
    let mut len = 0_usize;
    for digit in digits {
        *text.get_mut(len)? = digit;
        len = len.saturating_add(1);
    }
    let text = core::str::from_utf8(text.get(..len)?).ok()?;
    if text.starts_with('+') { None } else { text.parse().ok() }
}

/// Whether a host name or address, without brackets, is this machine: `localhost` or a loopback address.
pub fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || is_loopback_ipv4(host) || is_loopback_ipv6(host)
}

// Parsers of whole addresses would be 2 KB of flash.

/// What may be an IPv6 address; one that is none cannot be dialled.
fn is_ipv6(host: &str) -> bool {
    let sound = |b: u8| b.is_ascii_hexdigit() || matches!(b, b':' | b'.');
    host.len() <= 45 && host.bytes().all(sound) && host.bytes().filter(|b| *b == b':').count() >= 2
}

/// `127.0.0.0/8`, as four decimal numbers and nothing else.
fn is_loopback_ipv4(host: &str) -> bool {
    // What is no number of an address would be asked of a resolver, and a stranger's answer taken for this machine.
    let number = |part: &str| part.parse::<u8>().is_ok() && (part == "0" || !part.starts_with(['0', '+']));
    host.starts_with("127.") && host.split('.').count() == 4 && host.split('.').all(number)
}

/// `::1`, however many zeros are written.
fn is_loopback_ipv6(host: &str) -> bool {
    let zeros = host.strip_suffix('1').unwrap_or_default();
    is_ipv6(host) && zeros.bytes().all(|b| matches!(b, b'0' | b':')) && !zeros.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_could_leak_or_mislead_is_refused() {
        for (text, error) in [
            ("ftp://h/", UrlError::Scheme),
            ("h/ws", UrlError::Scheme),
            ("wss://", UrlError::Host),
            ("wss:///ws", UrlError::Host),
            ("wss://u:p@h/ws", UrlError::Userinfo),
            ("wss://h/ws#x", UrlError::Fragment),
            ("wss://h:0/", UrlError::Port),
            ("wss://h:65536/", UrlError::Port),
            ("wss://h:/", UrlError::Port),
            ("wss://h:+1/", UrlError::Port),
            ("wss://[::1/", UrlError::Host),
            ("wss://[::1]x/", UrlError::Port),
            ("wss://h/a/../b", UrlError::Path),
            ("wss://h/.?x=..", UrlError::Path),
            ("wss://h h/", UrlError::Character),
            ("wss://h\\evil/", UrlError::Host),
            ("wss://h/\u{4e2d}", UrlError::Character),
        ] {
            assert_eq!(Url::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn this_machine_is_known_by_all_its_names() {
        for (text, loopback) in [
            ("http://localhost:1", true),
            ("http://127.3.2.1", true),
            ("http://[::1]:80/x", true),
            ("http://127.evil.example", false),
            ("http://127.0.0.256", false),
            ("http://127.0.0.01", false),
            ("http://127.0.0", false),
            ("http://127.0.0.1.", false),
            ("http://10.0.2.2", false),
        ] {
            assert_eq!(Url::parse(text).map(|url| url.is_loopback()), Ok(loopback), "{text}");
        }
    }

    #[test]
    fn the_service_id_is_found_wherever_it_stands_in_the_query() {
        for (query, id) in [
            ("service_id=7&a=b", Some(7)),
            ("a=b&service_id=%32", Some(2)),
            ("service%5Fid=5", Some(5)),
            ("service_id=&service_id=5", Some(5)),
            ("service_id=-1", Some(-1)),
            ("service_id=", None),
            ("xservice_id=1", None),
            ("service_id=abc", None),
            ("service_id=2147483648", None),
            ("service_id=000000000007", None),
            ("service_id=%", None),
        ] {
            let mut text = [0; 64];
            let text = {
                let all = [b"wss://h/ws?".as_slice(), query.as_bytes()];
                let mut end = 0;
                for piece in all {
                    text[end..end + piece.len()].copy_from_slice(piece);
                    end += piece.len();
                }
                core::str::from_utf8(&text[..end]).unwrap()
            };
            let url = Url::parse(text).unwrap();
            assert_eq!(url.query_value("service_id").and_then(decimal_i32), id, "{query}");
        }
    }
}
