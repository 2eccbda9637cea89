//! TLS in front of a platform, which itself speaks none.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// A port with a certificate for the host as boards see it, by an authority of its own.
pub(crate) struct Door {
    pub(crate) port: u16,
    /// The authority, in DER.
    pub(crate) ca: Vec<u8>,
    accept: JoinHandle<()>,
}

impl Door {
    /// A door to this port. Through it even the socket URL says `wss`.
    pub(crate) async fn to(inside: u16) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_key = KeyPair::generate().unwrap();
        let ca = params.self_signed(&ca_key).unwrap().der().to_vec();
        let key = KeyPair::generate().unwrap();
        let issuer = Issuer::new(params, ca_key);
        let certificate = CertificateParams::new(["10.0.2.2".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let accept = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(pass(acceptor.clone(), stream, inside));
            }
        });
        Self { port, ca, accept }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.accept.abort();
    }
}

/// Ends with either side; what the board makes of that is its story.
async fn pass(acceptor: TlsAcceptor, stream: TcpStream, inside: u16) -> std::io::Result<()> {
    let (mut from_board, mut to_board) = tokio::io::split(acceptor.accept(stream).await?);
    let (mut from_platform, mut to_platform) = TcpStream::connect(("127.0.0.1", inside)).await?.into_split();
    let down = async {
        let mut answer = Vec::new();
        while from_platform.read_buf(&mut answer).await? > 0 {
            let Some(whole) = secured(&answer) else { continue };
            to_board.write_all(&whole).await?;
            to_board.flush().await?;
            answer.clear();
            if whole.starts_with(b"HTTP/1.1 101") {
                break;
            }
        }
        tokio::io::copy(&mut from_platform, &mut to_board).await
    };
    tokio::select! {
        done = tokio::io::copy(&mut from_board, &mut to_platform) => done.map(drop),
        done = down => done.map(drop),
    }
}

/// A whole HTTP answer, with `wss` where it said `ws`; `None` while it is not whole.
fn secured(answer: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(answer).unwrap_or_default();
    if text.starts_with("HTTP/1.1 101") || text.is_empty() {
        return Some(answer.to_vec());
    }
    let (head, body) = text.split_once("\r\n\r\n")?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("hyper writes lengths");
    if body.len() < length.parse().unwrap() {
        return None;
    }
    let body = body.replace("\"ws://", "\"wss://");
    let head = head.replace(&format!("content-length: {length}"), &format!("content-length: {}", body.len()));
    Some(format!("{head}\r\n\r\n{body}").into_bytes())
}
