//! TLS in front of a platform, which itself speaks none.

use std::sync::Arc;

use larkwire_conformance::platform::Platform;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// Names a file with the door's root certificate to a child process.
pub(crate) const CA_FILE: &str = "LARKWIRE_TEST_CA_FILE";

/// A listener on loopback with a certificate of an authority of its own.
pub(crate) struct Door {
    pub(crate) port: u16,
    /// The authority, in PEM.
    pub(crate) ca: String,
}

impl Door {
    /// A door that shows a certificate for `name`. Through it even the socket URL says `wss`.
    pub(crate) async fn open(platform: &Platform, name: &str) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_key = KeyPair::generate().unwrap();
        let ca = params.self_signed(&ca_key).unwrap().pem();
        let key = KeyPair::generate().unwrap();
        let issuer = Issuer::new(params, ca_key);
        let certificate = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let inside = platform.base_url().trim_start_matches("http://").to_owned();
        tokio::spawn(async move {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => drop(tokio::spawn(pass(acceptor.clone(), stream, inside.clone()))),
                    // Out of files: some are given back before long.
                    Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
                }
            }
        });
        Self { port, ca }
    }
}

/// Ends with either side; what the client makes of that is its story.
async fn pass(acceptor: TlsAcceptor, stream: TcpStream, inside: String) -> std::io::Result<()> {
    let (mut from_client, mut to_client) = tokio::io::split(acceptor.accept(stream).await?);
    let (mut from_platform, mut to_platform) = TcpStream::connect(inside).await?.into_split();
    let down = async {
        let mut answer = Vec::new();
        while from_platform.read_buf(&mut answer).await? > 0 {
            let Some(whole) = secured(&answer) else { continue };
            to_client.write_all(&whole).await?;
            answer.clear();
            if whole.starts_with(b"HTTP/1.1 101") {
                break;
            }
        }
        tokio::io::copy(&mut from_platform, &mut to_client).await
    };
    tokio::select! {
        done = tokio::io::copy(&mut from_client, &mut to_platform) => done.map(drop),
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
