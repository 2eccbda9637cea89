//! A good server on the platform's board, by `rustls`, and a board's connector for it.

use std::cell::Cell;
use std::io::{ErrorKind as StdKind, Read as _, Write as _};
use std::sync::Arc;

use embassy_net::Stack;
use embassy_net::tcp::TcpSocket;
use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use larkwire_core::{Short, UnixMillis};
use larkwire_embassy::{Destination, Entropy, EntropyFailed, TlsBuffers, TlsConnect, TlsFault, Trust, WallClock};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection};

use crate::pki::{HOST, NOW, Signed};
use crate::support::leak;
use crate::support::platform::listener;

pub(crate) fn config(chain: &[&Signed]) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let certificates = chain.iter().map(|signed| CertificateDer::from(signed.der.clone())).collect();
    let key = PrivatePkcs8KeyDer::from(chain[0].key.serialize_der());
    let config =
        ServerConfig::builder_with_provider(provider).with_protocol_versions(&[&rustls::version::TLS13]).unwrap();
    Arc::new(config.with_no_client_auth().with_single_cert(certificates, key.into()).unwrap())
}

/// The server's end of a stream.
pub(crate) struct Line {
    socket: TcpSocket<'static>,
    pub(crate) tls: ServerConnection,
}

impl Line {
    /// Takes a connection; hands are shaken with the first read.
    pub(crate) async fn accept(stack: Stack<'static>, port: u16, config: &Arc<ServerConfig>) -> Self {
        let mut socket = listener(stack);
        socket.accept(port).await.unwrap();
        Self { socket, tls: ServerConnection::new(Arc::clone(config)).unwrap() }
    }

    /// Everything until the end of the stream, and whether a goodbye came.
    pub(crate) async fn read_to_end(&mut self) -> (Vec<u8>, bool) {
        let (mut all, mut chunk) = (Vec::new(), [0; 1024]);
        loop {
            match self.read(&mut chunk).await {
                Ok(0) => return (all, true),
                Ok(n) => all.extend_from_slice(&chunk[..n]),
                Err(_) => return (all, false),
            }
        }
    }

    pub(crate) async fn close(mut self) {
        self.tls.send_close_notify();
        let _ = self.send().await;
        self.socket.close();
        let _ = self.socket.flush().await;
    }

    /// Breaks the stream without a goodbye.
    pub(crate) async fn cut(mut self) {
        self.socket.close();
        let _ = self.socket.flush().await;
    }

    pub(crate) async fn send(&mut self) -> Result<(), ErrorKind> {
        let mut sealed = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut sealed).unwrap();
        }
        self.socket.write_all(&sealed).await.map_err(|_| ErrorKind::ConnectionReset)
    }
}

impl ErrorType for Line {
    type Error = ErrorKind;
}

impl Read for Line {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, ErrorKind> {
        loop {
            match self.tls.reader().read(out) {
                Err(error) if error.kind() == StdKind::WouldBlock => {}
                read => return read.map_err(|_| ErrorKind::ConnectionAborted),
            }
            let mut chunk = [0; 2048];
            let n = self.socket.read(&mut chunk).await.map_err(|_| ErrorKind::ConnectionReset)?;
            let mut sealed = &chunk[..n];
            loop {
                self.tls.read_tls(&mut sealed).unwrap();
                let processed = self.tls.process_new_packets();
                self.send().await?;
                processed.map_err(|_| ErrorKind::InvalidData)?;
                if sealed.is_empty() {
                    break;
                }
            }
        }
    }
}

impl Write for Line {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        let n = self.tls.writer().write(bytes).unwrap();
        self.send().await?;
        Ok(n)
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        self.send().await
    }
}

/// A day that does not go on.
#[derive(Clone, Copy)]
pub(crate) struct Day(pub(crate) Option<UnixMillis>);

impl WallClock for Day {
    fn unix(&self) -> Option<UnixMillis> {
        self.0
    }
}

/// Entropy, or none.
pub(crate) struct Dice(pub(crate) Option<u8>);

impl Entropy for Dice {
    fn fill(&mut self, out: &mut [u8]) -> Result<(), EntropyFailed> {
        let next = self.0.as_mut().ok_or(EntropyFailed)?;
        *next = next.wrapping_add(1);
        out.fill(*next);
        Ok(())
    }
}

pub(crate) type Connector = TlsConnect<'static, Day, Dice>;
pub(crate) type Faults = &'static Cell<Option<TlsFault>>;

pub(crate) fn trust(root: &Signed) -> Trust<'static> {
    let root: &'static [u8] = Vec::leak(root.der.clone());
    Trust::Roots(leak([root]))
}

pub(crate) fn buffers() -> TlsBuffers<'static> {
    TlsBuffers {
        tcp_rx: leak([0; 2048]),
        tcp_tx: leak([0; 2048]),
        record_rx: leak([0; TlsBuffers::RECORD_RX]),
        record_tx: leak([0; TlsBuffers::RECORD_TX]),
    }
}

pub(crate) fn connector(stack: Stack<'static>, trust: Trust<'static>) -> (Connector, Faults) {
    connector_with(stack, trust, Day(Some(NOW)), Dice(Some(0)))
}

pub(crate) fn connector_with(
    stack: Stack<'static>,
    trust: Trust<'static>,
    day: Day,
    dice: Dice,
) -> (Connector, Faults) {
    let faults: Faults = leak(Cell::new(None));
    (TlsConnect::new(stack, buffers(), trust, day, dice, faults).unwrap(), faults)
}

pub(crate) fn to(host: &str) -> Destination {
    Destination { host: Short::new(host), port: 443, tls: true }
}

pub(crate) fn to_host() -> Destination {
    to(HOST)
}
