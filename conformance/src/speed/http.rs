//! The few requests a client makes before its events come: discovery, a token, who the bot is, the upgrade.

use std::io;
use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};

use super::event::SERVICE_ID;
use super::stream::Stream;

/// Longer requests no client makes here.
const MOST_BYTES: usize = 64 * 1024;
/// Reads without a byte (of a quarter of a second each) after which a connection is given up.
const PATIENCE: u32 = 240;

/// A request, read.
struct Request {
    method: String,
    path: String,
    key: Option<String>,
    closes: bool,
    /// Bytes of its head and its body.
    length: usize,
}

/// Answers requests until one is the upgrade. Whether it was; the bytes behind it are in `buffer`.
pub(super) fn serve(stream: &mut Stream, at: SocketAddr, buffer: &mut Vec<u8>) -> io::Result<bool> {
    let scheme = if matches!(stream, Stream::Tls(_)) { "wss" } else { "ws" };
    loop {
        let Some(request) = read(stream, buffer)? else { return Ok(false) };
        buffer.drain(..request.length);
        let path = request.path.split('?').next().unwrap_or_default();
        if let (Some(key), "/ws/v2") = (&request.key, path) {
            let accept = STANDARD.encode(Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));
            let head = format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
            );
            write(stream, head.as_bytes())?;
            return Ok(true);
        }
        let body = match (request.method.as_str(), path) {
            ("POST", "/callback/ws/endpoint") => format!(
                r#"{{"code":0,"msg":"","data":{{"URL":"{scheme}://{at}/ws/v2?fpid=493&aid=552564&device_id=7625882319206861752&access_key=ak&service_id={SERVICE_ID}&ticket=tk","ClientConfig":{{"ReconnectCount":-1,"ReconnectInterval":120,"ReconnectNonce":30,"PingInterval":120}}}}}}"#
            ),
            ("POST", "/open-apis/auth/v3/tenant_access_token/internal") => {
                r#"{"code":0,"msg":"ok","tenant_access_token":"t-0123456789","expire":7200}"#.to_owned()
            }
            ("GET", "/open-apis/bot/v3/info") => {
                r#"{"code":0,"msg":"ok","bot":{"activate_status":2,"app_name":"bot","avatar_url":"","ip_white_list":[],"open_id":"ou_bot"}}"#.to_owned()
            }
            _ => r#"{"code":99991,"msg":"there is no such thing here"}"#.to_owned(),
        };
        let connection = if request.closes { "close" } else { "keep-alive" };
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: {}\r\nConnection: {connection}\r\n\r\n",
            body.len()
        );
        write(stream, [head.as_bytes(), body.as_bytes()].concat().as_slice())?;
        if request.closes {
            return Ok(false);
        }
    }
}

/// Reads a request to its end, into `buffer`. `None` when the client has nothing more to ask.
fn read(stream: &mut Stream, buffer: &mut Vec<u8>) -> io::Result<Option<Request>> {
    let mut chunk = vec![0; 16 * 1024];
    let mut idle = 0;
    loop {
        if let Some(request) = parse(buffer)? {
            return Ok(Some(request));
        }
        let n = match stream.take(&mut chunk, true) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && buffer.is_empty() => return Ok(None),
            n => n?,
        };
        buffer.extend_from_slice(&chunk[..n]);
        idle = if n == 0 { idle + 1 } else { 0 };
        if idle > PATIENCE || buffer.len() > MOST_BYTES {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
}

fn parse(bytes: &[u8]) -> io::Result<Option<Request>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Request::new(&mut headers);
    let parsed = head.parse(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    let httparse::Status::Complete(head_length) = parsed else { return Ok(None) };
    let find = |name: &str| {
        let header = head.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(header.value).ok().map(str::trim)
    };
    if find("transfer-encoding").is_some() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a body without a length"));
    }
    let length = head_length + find("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let is_upgrade = find("upgrade").is_some_and(|to| to.eq_ignore_ascii_case("websocket"));
    Ok((bytes.len() >= length).then(|| Request {
        method: head.method.unwrap_or_default().to_owned(),
        path: head.path.unwrap_or_default().to_owned(),
        key: find("sec-websocket-key").filter(|_| is_upgrade).map(str::to_owned),
        closes: find("connection").is_some_and(|word| word.eq_ignore_ascii_case("close")),
        length,
    }))
}

fn write(stream: &mut Stream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() || stream.is_behind() {
        let n = if bytes.is_empty() { stream.catch_up().map(|()| 0)? } else { stream.push(bytes)? };
        bytes = bytes.get(n..).unwrap_or_default();
        if n == 0 && (!bytes.is_empty() || stream.is_behind()) {
            stream.wait(true, std::time::Duration::from_millis(250))?;
        }
    }
    Ok(())
}
