//! Lanes: the byte streams a bot wishes for, and what a runtime says about them.

use core::fmt;

/// One byte-stream slot. `Socket` carries the long connection; each `Http` lane carries one HTTP exchange at a time
/// (discovery, tokens, calls). How many `Http` lanes there are is fixed by the storage.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Lane {
    /// An HTTP/1.1 connection to the open platform, counted from 0.
    Http(u8),
    /// The long connection.
    Socket,
}

/// Which opening of a lane a fact belongs to. Facts of an older attempt are ignored (protocol section 9.3, rule 7).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Attempt(pub(crate) u32);

impl Attempt {
    pub(crate) fn next(&mut self) -> Self {
        self.0 = self.0.wrapping_add(1);
        *self
    }
}

/// What the bot wants of a lane, a level: it holds until it is read differently.
///
/// When the target's `attempt` changes while the wish stays `Up`, the old stream is dropped and a new one opened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Wish<'a> {
    /// No stream. An open one is dropped.
    Down,
    /// A stream to this target.
    Up(Target<'a>),
}

/// Where a stream leads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Target<'a> {
    /// The opening this is; every fact about the stream carries it.
    pub attempt: Attempt,
    /// A host name, or an IP address without brackets. It is also the name the certificate must carry.
    pub host: &'a str,
    /// The TCP port.
    pub port: u16,
    /// Whether TLS with a verified certificate is required. `false` only for loopback, or where the configuration
    /// allows plaintext by a name that says it is dangerous.
    pub tls: bool,
}

/// Why a stream could not be opened, or ended. A runtime picks the closest.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Closed {
    /// The name did not resolve. Next step: check the host name and the network.
    Dns,
    /// The peer closed the stream in order, or the end of it was read.
    Eof,
    /// Something else.
    Other,
    /// The proxy refused or could not be reached. Next step: check the proxy setting.
    Proxy,
    /// Nothing listens at the address.
    Refused,
    /// The stream broke.
    Reset,
    /// TLS failed: certificate, name or protocol. Next step: check the clock and the trusted roots.
    Tls,
    /// The network gave no answer in time.
    TimedOut,
    /// No route to the host.
    Unreachable,
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dns => "the host name did not resolve (check the network and the name)",
            Self::Eof => "the peer closed the connection",
            Self::Other => "the connection failed",
            Self::Proxy => "the proxy refused or was not reached (check the proxy setting)",
            Self::Refused => "the connection was refused",
            Self::Reset => "the connection was reset",
            Self::Tls => "TLS failed (check the clock, the trusted roots and the host name)",
            Self::TimedOut => "the network gave no answer in time",
            Self::Unreachable => "there is no route to the host",
        })
    }
}
