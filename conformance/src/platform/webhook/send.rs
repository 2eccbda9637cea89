//! One HTTP request on a connection of its own, and what came back.
//!
//! Requests are written as they are, since the odd ones could not be written by an HTTP library.

use std::io;
use std::time::Duration;

use hyper::Uri;
use serde::Serialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{Instant, timeout};

use super::super::stream::{PIPE, Stream};
use super::WebhookError;
use super::seal::WebhookRequest;

/// The most of an answer that is read.
const MAX_ANSWER: usize = 1024 * 1024;
/// How long a connection may take to open, of the time for the whole request.
const CONNECT: Duration = Duration::from_secs(2);

/// Where requests go.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) host: String,
    pub(super) path: String,
    address: String,
    /// Takes connections instead of the address.
    pub(super) pipe: Option<UnboundedSender<DuplexStream>>,
}

impl Target {
    pub(super) fn of(url: &str) -> Result<Self, WebhookError> {
        let error = |why: &str| WebhookError::Url(format!("{url:?}: {why}"));
        let uri: Uri = url.parse().map_err(|_| error("not a URL"))?;
        if uri.scheme_str() != Some("http") {
            return Err(error("the platform sends to http:// only"));
        }
        let authority = uri.authority().ok_or_else(|| error("no host"))?;
        let (host, port) = (authority.host(), authority.port_u16().unwrap_or(80));
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Ok(Self { host: authority.to_string(), path, address: format!("{host}:{port}"), pipe: None })
    }

    pub(super) async fn send(&self, request: &WebhookRequest, within: Duration) -> Exchange {
        exchange(self, vec![(Duration::ZERO, request.to_bytes(&self.host, &self.path))], within).await
    }

    async fn connect(&self) -> io::Result<Stream> {
        match &self.pipe {
            Some(pipe) => {
                let (near, far) = duplex(PIPE);
                pipe.send(far).map_err(|_| io::Error::from(io::ErrorKind::ConnectionRefused))?;
                Ok(Stream::Pipe(near))
            }
            None => {
                let stream = TcpStream::connect(&self.address).await?;
                stream.set_nodelay(true)?;
                Ok(Stream::Tcp(stream))
            }
        }
    }
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookFailure {
    /// No connection.
    Connect,
    /// No answer, or not all of it, in time.
    TimeOut,
    /// The connection ended before the answer did, or it was not HTTP.
    Broken,
    /// A 3xx, which is not followed.
    Redirect,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// What came of a request.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) result: Result<Reply, (WebhookFailure, String)>,
    pub(super) after: Duration,
}

impl Exchange {
    pub(super) fn after_ms(&self) -> u64 {
        u64::try_from(self.after.as_millis()).unwrap_or(u64::MAX)
    }
}

/// Pieces of a request, each with the wait before it.
pub(super) type Pieces = Vec<(Duration, Vec<u8>)>;

/// Writes a request and reads the answer, which may come before the request is written.
pub(super) async fn exchange(target: &Target, pieces: Pieces, within: Duration) -> Exchange {
    let began = Instant::now();
    let late = |what: &str| (WebhookFailure::TimeOut, format!("no {what} in time"));
    let result = match timeout(CONNECT.min(within), target.connect()).await {
        Err(_) => Err(late("connection")),
        Ok(Err(error)) => Err((WebhookFailure::Connect, error.to_string())),
        Ok(Ok(stream)) => {
            let left = within.saturating_sub(began.elapsed());
            timeout(left, converse(stream, pieces)).await.unwrap_or_else(|_| Err(late("answer")))
        }
    };
    Exchange { result, after: began.elapsed() }
}

async fn converse(stream: Stream, pieces: Pieces) -> Result<Reply, (WebhookFailure, String)> {
    let (mut read, mut write) = tokio::io::split(stream);
    let writing = async {
        for (wait, piece) in pieces {
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
            }
            write.write_all(&piece).await?;
        }
        write.flush().await
    };
    let reading = async {
        let mut bytes = Vec::new();
        loop {
            let ended = match read.read_buf(&mut bytes).await {
                Ok(0) => true,
                Ok(_) => false,
                // A peer that answers before it has read everything may reset the connection behind its answer.
                Err(_) if !bytes.is_empty() => true,
                Err(error) => return Err(error.to_string()),
            };
            if let Some(reply) = parse(&bytes, ended)? {
                return Ok(reply);
            }
            if ended || bytes.len() > MAX_ANSWER {
                return Err(format!("the answer broke off after {} bytes", bytes.len()));
            }
        }
    };
    tokio::pin!(reading);
    let read = tokio::select! {
        read = &mut reading => read,
        // What cannot be written may have been answered all the same.
        _ = writing => reading.await,
    };
    read.map_err(|error| (WebhookFailure::Broken, error))
}

/// The answer, if it is all there.
fn parse(bytes: &[u8], ended: bool) -> Result<Option<Reply>, String> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Response::new(&mut headers);
    let start = match head.parse(bytes).map_err(|error| format!("not HTTP: {error}"))? {
        httparse::Status::Complete(start) => start,
        httparse::Status::Partial => return Ok(None),
    };
    let status = head.code.unwrap_or_default();
    let rest = &bytes[start..];
    if (100..200).contains(&status) {
        return parse(rest, ended);
    }
    let header = |name: &str| {
        let found = head.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        found.map(|header| String::from_utf8_lossy(header.value).trim().to_ascii_lowercase())
    };
    let reply = |body: &[u8]| Some(Reply { status, body: body.to_vec() });
    if matches!(status, 204 | 304) {
        return Ok(reply(b""));
    }
    if header("transfer-encoding").is_some_and(|coding| coding.ends_with("chunked")) {
        return Ok(unchunk(rest)?.and_then(|body| reply(&body)));
    }
    match header("content-length") {
        Some(length) => {
            let length: usize = length.parse().map_err(|_| format!("content-length {length:?}"))?;
            Ok(rest.get(..length).and_then(reply))
        }
        None if ended => Ok(reply(rest)),
        None => Ok(None),
    }
}

/// A chunked body, if it is all there.
fn unchunk(mut bytes: &[u8]) -> Result<Option<Vec<u8>>, String> {
    let mut body = Vec::new();
    loop {
        let (start, size) = match httparse::parse_chunk_size(bytes) {
            Ok(httparse::Status::Complete(found)) => found,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err("a chunk without its size".to_owned()),
        };
        if size == 0 {
            return Ok(Some(body));
        }
        let size = usize::try_from(size).ok().filter(|size| *size <= MAX_ANSWER).ok_or("a chunk too large")?;
        let Some(chunk) = bytes.get(start..start + size) else { return Ok(None) };
        body.extend_from_slice(chunk);
        bytes = bytes.get(start + size + 2..).unwrap_or_default();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it fails")]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_however_they_are_framed() {
        let whole =
            |bytes: &str, ended| parse(bytes.as_bytes(), ended).unwrap().map(|reply| (reply.status, reply.body));
        let hello = |status| Some((status, b"hello".to_vec()));
        assert_eq!(whole("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", false), hello(200));
        assert_eq!(whole("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", false), None);
        let chunked = "HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n";
        assert_eq!(whole(chunked, false), hello(503));
        for end in 0..chunked.len() - 4 {
            assert_eq!(whole(&chunked[..end], false), None, "{end}");
        }
        assert_eq!(whole("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nhello", true), hello(200));
        assert_eq!(whole("HTTP/1.1 200 OK\r\n\r\nhello", false), None);
        assert!(parse(b"SSH-2.0-OpenSSH", false).is_err());
        assert!(parse(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n", false).is_err());
    }

    #[test]
    fn urls_are_http() {
        let target = Target::of("http://127.0.0.1:8080/lark?x=1").unwrap();
        assert_eq!((&*target.host, &*target.path, &*target.address), ("127.0.0.1:8080", "/lark?x=1", "127.0.0.1:8080"));
        assert_eq!(Target::of("http://localhost").unwrap().address, "localhost:80");
        for url in ["https://127.0.0.1/", "/lark", "127.0.0.1:80", ""] {
            assert!(Target::of(url).is_err(), "{url}");
        }
    }
}
