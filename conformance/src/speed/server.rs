//! Loopback, made for speed: a thread for each connection until it is upgraded, then it belongs to whoever measures.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustls::crypto::ring;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection};

use super::http;
use super::stream::Stream;

/// How long a read waits at most, so that time is looked at now and then.
pub(super) const READ_TIMEOUT: Duration = Duration::from_millis(250);

/// A client's long connection, just opened.
pub(super) struct Link {
    pub(super) stream: Stream,
    /// What it said already.
    pub(super) early: Vec<u8>,
}

/// Answers discovery and upgrades, and hands over the connections.
pub(super) struct Server {
    address: SocketAddr,
    links: Receiver<Link>,
    /// What a client has to trust, in PEM; `None` without TLS.
    root: Option<String>,
    stopped: Arc<AtomicBool>,
}

impl Server {
    pub(super) fn start(tls: bool) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let (config, root) = match tls {
            true => identity().map(|(config, root)| (Some(Arc::new(config)), Some(root)))?,
            false => (None, None),
        };
        let (sender, links) = channel();
        let stopped = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopped);
        thread::spawn(move || {
            while let Ok((tcp, _)) = listener.accept() {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let (config, sender) = (config.clone(), sender.clone());
                // Who breaks off has said nothing that is worth telling: no link comes, and that is told.
                thread::spawn(move || drop(receive(tcp, config, address, &sender)));
            }
        });
        Ok(Self { address, links, root, stopped })
    }

    /// What a client takes for its domain.
    pub(super) fn url(&self) -> String {
        let scheme = if self.root.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    pub(super) fn root(&self) -> Option<&str> {
        self.root.as_deref()
    }

    /// Forgets connections of clients that are gone.
    pub(super) fn forget(&self) {
        while self.links.try_recv().is_ok() {}
    }

    /// The next long connection; `gone` is asked now and then whether there is still somebody to wait for.
    pub(super) fn link(&self, within: Duration, mut gone: impl FnMut() -> bool) -> Option<Link> {
        let until = Instant::now() + within;
        while Instant::now() < until && !gone() {
            if let Ok(link) = self.links.recv_timeout(Duration::from_millis(50)) {
                return Some(link);
            }
        }
        None
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        // It looks up when somebody comes.
        drop(TcpStream::connect(self.address));
    }
}

fn receive(
    tcp: TcpStream,
    config: Option<Arc<ServerConfig>>,
    at: SocketAddr,
    links: &Sender<Link>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    tcp.set_nodelay(true)?;
    tcp.set_read_timeout(Some(READ_TIMEOUT))?;
    let mut stream = match config {
        Some(config) => Stream::tls(tcp, ServerConnection::new(config)?),
        None => Stream::plain(tcp),
    };
    let mut early = Vec::new();
    if http::serve(&mut stream, at, &mut early)? {
        links.send(Link { stream, early })?;
    }
    Ok(())
}

/// A certificate for this one run, and TLS 1.3 with AES-GCM.
fn identity() -> io::Result<(ServerConfig, String)> {
    let key = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned(), "localhost".to_owned()]);
    let key = key.map_err(io::Error::other)?;
    let mut provider = ring::default_provider();
    provider.cipher_suites =
        vec![ring::cipher_suite::TLS13_AES_128_GCM_SHA256, ring::cipher_suite::TLS13_AES_256_GCM_SHA384];
    let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.signing_key.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![key.cert.der().clone()], private))
        .map_err(io::Error::other)?;
    // Otherwise the client's order decides, and not all clients are measured with the same cipher.
    config.ignore_client_order = true;
    Ok((config, key.cert.pem()))
}
