//! A server of our own: HTTP/1.1, one path for each bot.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use larkwire_core::webhook::{Refusal, Reply};
use larkwire_core::wire::http::HttpError;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;

use super::connections::{Connection, Connections};
use super::service::{Peer, WebhookService, respond};
use super::tls;
use super::waiting::Answer;
use crate::settings::SettingsError;

/// From the first byte of a connection to the last of a head, between requests, and for a TLS handshake.
const HEAD: Duration = Duration::from_secs(5);
/// The longest head.
const HEAD_BYTES: usize = 16 * 1024;
/// Answers that are owed may take this long once the server shuts down.
const FLUSH: Duration = Duration::from_secs(3);
/// A system without room is told of at most so often.
const QUIET: Duration = Duration::from_secs(60);
/// Where a load balancer may ask whether somebody is there.
const HEALTH: &str = "/health";

/// Serves webhooks: one path for each bot, and `GET /health`, which is 200 while all of them run.
///
/// At most 512 connections at once; for one more, one that brought no event goes: the oldest of the network that has most
/// of them. A head has 5 s and 16 KiB, a body 5 s and [`WebhookSettings::max_body`](super::WebhookSettings::max_body); 64
/// bodies may take their time at once, and a small one that comes with its head needs no such place.
#[derive(Default)]
pub struct Server {
    routes: HashMap<String, WebhookService>,
    tls: Option<TlsAcceptor>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("paths", &self.routes.keys()).finish_non_exhaustive()
    }
}

impl Server {
    /// A server that serves nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Serves a bot at a path such as `/lark`.
    #[must_use]
    pub fn route(mut self, path: impl Into<String>, service: WebhookService) -> Self {
        self.routes.insert(path.into(), service);
        self
    }

    /// Speaks TLS, with a certificate chain and its private key as PEM texts.
    ///
    /// # Errors
    /// [`SettingsError`] says what is wrong with them.
    pub fn tls(mut self, certificates: &[u8], key: &[u8]) -> Result<Self, SettingsError> {
        self.tls = Some(tls::acceptor(certificates, key)?);
        Ok(self)
    }

    /// Listens, on the current tokio runtime.
    ///
    /// # Errors
    /// What the system says: the port is taken, or needs rights.
    pub async fn bind(self, address: impl ToSocketAddrs) -> io::Result<Serving> {
        self.serve(TcpListener::bind(address).await?)
    }

    /// Takes the connections of a listener that is there already.
    ///
    /// # Errors
    /// The system does not say where it listens.
    pub fn serve(self, listener: TcpListener) -> io::Result<Serving> {
        let address = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let connections = Connections::default();
        let task = tokio::spawn(accept(listener, Arc::new(self), connections.clone(), stopped));
        Ok(Serving { address, stop, task, connections })
    }
}

/// A server that runs until it is shut down or dropped.
#[derive(Debug)]
pub struct Serving {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
    connections: Connections,
}

impl Serving {
    /// Where it listens: the port, where 0 was asked for.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Takes no new connection, lets requests under way be answered, 3 s at most, and ends.
    pub async fn shut_down(mut self) {
        self.stop.send_replace(true);
        let ended = async {
            let _ = (&mut self.task).await;
            while self.connections.len() > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let _ = timeout(FLUSH, ended).await;
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.task.abort();
        self.connections.abort();
    }
}

async fn accept(listener: TcpListener, server: Arc<Server>, all: Connections, mut stopped: watch::Receiver<bool>) {
    let mut told = None;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopping(&mut stopped) => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                let connection = all.admit(peer.ip());
                let id = connection.id();
                let serve = serve(stream, peer, Arc::clone(&server), connection, stopped.clone());
                all.started(id, tokio::spawn(serve).abort_handle());
            }
            // A connection that was gone before it was taken, or no more file descriptors: the latter stays so until one
            // of ours goes, and the bots need some, too.
            Err(error) => {
                if told.is_none_or(|told: Instant| told.elapsed() >= QUIET) {
                    tracing::warn!(%error, "no connection could be taken; the oldest is ended for the next one");
                    told = Some(Instant::now());
                }
                all.make_room();
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// Waits until the server shuts down, or is gone.
async fn stopping(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    server: Arc<Server>,
    connection: Connection,
    stopped: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    match &server.tls {
        None => http(stream, peer, &server, &connection, stopped).await,
        Some(tls) => match timeout(HEAD, tls.accept(stream)).await {
            Ok(Ok(stream)) => http(stream, peer, &server, &connection, stopped).await,
            Ok(Err(error)) => tracing::debug!(%peer, %error, "no TLS"),
            Err(_) => tracing::debug!(%peer, "the TLS handshake took too long"),
        },
    }
}

async fn http(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    peer: SocketAddr,
    server: &Server,
    connection: &Connection,
    mut stopped: watch::Receiver<bool>,
) {
    let service = service_fn(async |request| Ok::<_, Infallible>(server.answer(request, peer, connection).await));
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(HEAD_BYTES);
    let mut serving = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = &mut serving => ended,
        () = stopping(&mut stopped) => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::trace!(%peer, %error, "a connection of the webhook ended");
    }
}

impl Server {
    async fn answer(&self, mut request: Request<Incoming>, peer: SocketAddr, of: &Connection) -> Response<Full<Bytes>> {
        let path = request.uri().path();
        // As on boards: `//host` is a host to some, and whoever names one in the target speaks to a proxy.
        if request.uri().authority().is_some() || !path.starts_with('/') || path.starts_with("//") {
            return respond(Reply::to_malformed(HttpError::Head).into());
        }
        let Some(service) = self.routes.get(path) else {
            let asks = matches!(*request.method(), Method::GET | Method::HEAD);
            if path == HEALTH && asks {
                return self.health();
            }
            return match self.routes.values().next() {
                Some(any) => any.refuse(Refusal::Path),
                None => respond(Refusal::Path.reply().into()),
            };
        };
        request.extensions_mut().insert(Peer(peer));
        service.answer(request, &|proved| if proved { of.proved() } else { of.failed() }).await
    }

    fn health(&self) -> Response<Full<Bytes>> {
        let (status, body) = match self.routes.values().all(WebhookService::is_running) {
            true => (200, br#"{"status":"ok"}"#.as_slice()),
            false => (503, br#"{"status":"ended"}"#.as_slice()),
        };
        respond(Answer { status, body: Bytes::from_static(body), close: false })
    }
}
