//! How streams are opened: TCP, TLS verified with rustls, proxies by CONNECT.

mod gather;
mod proxy;
mod tls;

use std::fmt;
use std::io;
use std::net::IpAddr;

use larkwire_core::{Closed, Target};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::settings::SettingsError;
use proxy::Proxies;
use tls::Tls;

/// Where a stream leads.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Destination {
    /// A host name, or an IP address without brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// Whether TLS with a verified certificate for `host` is required.
    pub tls: bool,
}

impl From<Target<'_>> for Destination {
    fn from(target: Target<'_>) -> Self {
        Self { host: target.host.to_owned(), port: target.port, tls: target.tls }
    }
}

impl Destination {
    fn is_loopback(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost") || self.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

/// Why a stream could not be opened.
#[derive(Debug)]
pub struct ConnectError {
    /// What the bot is told.
    pub closed: Closed,
    /// What a person may want to read; never a secret.
    pub detail: String,
}

impl ConnectError {
    fn new(closed: Closed, detail: impl fmt::Display) -> Self {
        Self { closed, detail: detail.to_string() }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.closed, self.detail)
    }
}

impl std::error::Error for ConnectError {}

/// Opens streams for a bot. Implement it to bring a transport of your own; [`NetConnect`] is the usual one.
pub trait Connect: Send + Sync + 'static {
    /// The half that is read.
    type Reader: AsyncRead + Send + Unpin;
    /// The half that is written.
    type Writer: AsyncWrite + Send + Unpin;

    /// Opens a stream, with TLS if the destination asks for it.
    fn connect(
        &self,
        to: &Destination,
    ) -> impl Future<Output = Result<(Self::Reader, Self::Writer), ConnectError>> + Send;
}

/// TCP with TCP_NODELAY and keep-alive; rustls with the Mozilla roots; proxies from `HTTPS_PROXY`, `HTTP_PROXY`,
/// `ALL_PROXY` and `NO_PROXY`, never for this machine itself.
#[derive(Debug)]
pub struct NetConnect {
    tls: Tls,
    proxies: Proxies,
}

impl NetConnect {
    /// With the proxies of the environment, and `extra_roots` (PEM) trusted beside the usual ones.
    ///
    /// # Errors
    /// [`SettingsError`] when a proxy's URL or a certificate cannot be read.
    pub fn new(extra_roots: &[u8]) -> Result<Self, SettingsError> {
        Ok(Self { tls: Tls::new(extra_roots)?, proxies: Proxies::from_env(|name| std::env::var(name).ok())? })
    }
}

impl NetConnect {
    /// `host:port` of the proxy that leads there; `None` where none is used.
    pub fn proxy_for(&self, to: &Destination) -> Option<String> {
        self.proxies.for_destination(to).map(|proxy| proxy.address())
    }
}

/// One half of a stream of any kind.
pub type BoxReader = Box<dyn AsyncRead + Send + Unpin>;
/// One half of a stream of any kind.
pub type BoxWriter = Box<dyn AsyncWrite + Send + Unpin>;

impl Connect for NetConnect {
    type Reader = BoxReader;
    type Writer = BoxWriter;

    async fn connect(&self, to: &Destination) -> Result<(BoxReader, BoxWriter), ConnectError> {
        let stream = match self.proxies.for_destination(to) {
            Some(proxy) => proxy.open(to).await?,
            None => tcp(&to.host, to.port).await?,
        };
        if to.tls {
            let (reader, writer) = tokio::io::split(self.tls.open(&to.host, stream).await?);
            Ok((Box::new(reader), Box::new(writer)))
        } else {
            let (reader, writer) = stream.into_split();
            Ok((Box::new(reader), Box::new(writer)))
        }
    }
}

async fn tcp(host: &str, port: u16) -> Result<TcpStream, ConnectError> {
    let addresses: Vec<_> = tokio::net::lookup_host((host, port))
        .await
        .map_err(|error| ConnectError::new(Closed::Dns, format_args!("{host}: {error}")))?
        .collect();
    let mut last = ConnectError::new(Closed::Dns, format_args!("{host} has no address"));
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                // Without it an ack waits for the one before: 40 ms stalls (Nagle meets delayed ack).
                let tuned = stream.set_nodelay(true).and_then(|()| {
                    let keep_alive = socket2::TcpKeepalive::new().with_time(std::time::Duration::from_secs(60));
                    socket2::SockRef::from(&stream).set_tcp_keepalive(&keep_alive)
                });
                if let Err(error) = tuned {
                    tracing::debug!(%error, "socket options not set");
                }
                return Ok(stream);
            }
            Err(error) => last = ConnectError::new(closed_by(&error), format_args!("{address}: {error}")),
        }
    }
    Err(last)
}

/// The closest word the core has for an I/O error.
pub(crate) fn closed_by(error: &io::Error) -> Closed {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Closed::Refused,
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe => Closed::Reset,
        io::ErrorKind::UnexpectedEof => Closed::Eof,
        io::ErrorKind::TimedOut => Closed::TimedOut,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable | io::ErrorKind::NetworkDown => {
            Closed::Unreachable
        }
        io::ErrorKind::InvalidData => Closed::Tls,
        _ => Closed::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn small_writes_leave_at_once_and_dead_peers_are_found() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = tcp("127.0.0.1", listener.local_addr().unwrap().port()).await.unwrap();
        assert!(stream.nodelay().unwrap(), "TCP_NODELAY");
        assert!(socket2::SockRef::from(&stream).keepalive().unwrap(), "SO_KEEPALIVE");
    }
}
