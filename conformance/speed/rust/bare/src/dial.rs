//! Discovery and the upgrade, as short as they can be.

use std::io;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use speed_common::{APP_ID, APP_SECRET, roots, url};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The long connection, plain or over TLS.
pub async fn open() -> io::Result<(Option<TcpStream>, Option<TlsStream<TcpStream>>)> {
    let url = url();
    let authority = url.split("//").nth(1).unwrap_or_default().to_owned();
    let body = format!("{{\"AppID\":\"{APP_ID}\",\"AppSecret\":\"{APP_SECRET}\"}}");
    let discovery = format!(
        "POST /callback/ws/endpoint HTTP/1.1\r\nHost: {authority}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let connector = roots().map(|pem| tls(&pem)).transpose()?;
    let answer = match &connector {
        None => exchange(&mut connect(&authority).await?, &discovery).await?,
        Some(connector) => exchange(&mut seal(connector, &authority).await?, &discovery).await?,
    };
    let found = answer.split("\"URL\":\"").nth(1).and_then(|rest| rest.split('"').next());
    let path = found.and_then(|url| url.split_once(&authority)).map(|(_, path)| path.to_owned());
    let path = path.ok_or_else(|| io::Error::other(answer))?;
    let upgrade = format!(
        "GET {path} HTTP/1.1\r\nHost: {authority}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    );
    match &connector {
        None => {
            let mut stream = connect(&authority).await?;
            ask_upgrade(&mut stream, &upgrade).await?;
            Ok((Some(stream), None))
        }
        Some(connector) => {
            let mut stream = seal(connector, &authority).await?;
            ask_upgrade(&mut stream, &upgrade).await?;
            Ok((None, Some(stream)))
        }
    }
}

async fn connect(authority: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(authority).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn tls(pem: &str) -> io::Result<TlsConnector> {
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        store.add(certificate.map_err(io::Error::other)?).map_err(io::Error::other)?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(store)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

async fn seal(connector: &TlsConnector, authority: &str) -> io::Result<TlsStream<TcpStream>> {
    let host = authority.split(':').next().unwrap_or_default().to_owned();
    connector.connect(ServerName::try_from(host).map_err(io::Error::other)?, connect(authority).await?).await
}

/// The answer to a request, to the end of the connection.
async fn exchange(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), request: &str) -> io::Result<String> {
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut answer = Vec::new();
    // A server that forgets to say goodbye in TLS has said all the same what is needed.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).map_err(io::Error::other)
}

/// Byte by byte, so that nothing of what follows the head is taken.
async fn ask_upgrade(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), request: &str) -> io::Result<()> {
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    if head.starts_with(b"HTTP/1.1 101 ") {
        return Ok(());
    }
    Err(io::Error::other(String::from_utf8_lossy(&head).into_owned()))
}
