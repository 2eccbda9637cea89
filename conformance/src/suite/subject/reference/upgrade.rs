//! The WebSocket upgrade, and what its refusals mean: protocol section 3.

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::Client;
use super::defects::Defect;
use super::discovery::{Door, wrong_region};
use super::pipe::Pipe;
use super::redial::Failure;

/// For request and answer.
const DEADLINE: Duration = Duration::from_secs(15);
/// The largest head of an answer.
const MOST: usize = 16 * 1024;
/// The most lines in it.
const LINES: usize = 64;
/// The most answers that are none yet.
const INTERIM: usize = 8;

pub(super) type Socket = WebSocketStream<Pipe>;

/// An answer without its body.
struct Head {
    status: u16,
    headers: HashMap<String, Vec<String>>,
}

impl Head {
    fn one(&self, name: &str) -> Option<&str> {
        match self.headers.get(name).map(Vec::as_slice) {
            Some([value]) => Some(value),
            _ => None,
        }
    }

    fn number(&self, name: &str) -> Option<i64> {
        self.one(name)?.trim().parse().ok()
    }

    fn has_token(&self, name: &str, token: &str) -> bool {
        let values = self.headers.get(name).into_iter().flatten();
        values.flat_map(|value| value.split(',')).any(|word| word.trim().eq_ignore_ascii_case(token))
    }
}

/// Opens the long connection.
pub(super) async fn upgrade(client: &Client, door: &Door) -> Result<Socket, Failure> {
    timeout(DEADLINE, try_it(client, door)).await.unwrap_or(Err(Failure::Again { pause: None }))
}

async fn try_it(client: &Client, door: &Door) -> Result<Socket, Failure> {
    let broken = || Failure::Again { pause: None };
    let key = match client.has(Defect::ReusesKey) {
        true => STANDARD.encode(b"the same each on"),
        false => STANDARD.encode(client.random_bytes()),
    };
    let mut pipe = Pipe::new(client.platform.connect(), client.has(Defect::NoWsPong));
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n\
         Sec-WebSocket-Version: 13\r\nUser-Agent: {}\r\n\r\n",
        door.target,
        door.authority,
        client.agent()
    );
    pipe.write_all(request.as_bytes()).await.map_err(|_| broken())?;
    let mut read = Vec::new();
    for _ in 0..INTERIM {
        let head = head(&mut pipe, &mut read).await.ok_or_else(broken)?;
        match head.status {
            101 => {
                let proven = head.one("sec-websocket-accept") == Some(derive_accept_key(key.as_bytes()).as_str());
                let sound = head.has_token("upgrade", "websocket")
                    && head.has_token("connection", "upgrade")
                    && !head.headers.contains_key("sec-websocket-extensions")
                    && !head.headers.contains_key("sec-websocket-protocol");
                if !sound || !(proven || client.has(Defect::AcceptsWrongAccept)) {
                    return Err(broken());
                }
                let limits = WebSocketConfig::default().max_message_size(Some(64 << 20)).max_frame_size(Some(64 << 20));
                pipe.upgraded(&mut read);
                return Ok(WebSocketStream::from_partially_read(pipe, read, Role::Client, Some(limits)).await);
            }
            100..=199 => {}
            _ => return Err(refusal(client, &head)),
        }
    }
    Err(broken())
}

/// The table of section 3.
fn refusal(client: &Client, head: &Head) -> Failure {
    let told = head.number("handshake-status").filter(|status| *status != 0 && head.one("handshake-msg").is_some());
    let words = head.one("handshake-msg").unwrap_or_default().chars().take(200).collect::<String>();
    let fatal = |code: i64, text: String| match client.has(Defect::NeverGivesUp) {
        true => Failure::Again { pause: None },
        false => Failure::Fatal { code, text: client.redacted(&text) },
    };
    match (told.unwrap_or_else(|| i64::from(head.status)), head.number("handshake-autherrcode")) {
        (403, _) => fatal(403, words),
        (514, Some(1_000_040_350)) => Failure::Slow,
        (514, Some(code @ 1_000_040_351)) => fatal(code, wrong_region()),
        (514, _) => Failure::Ticket,
        _ => {
            let seconds = head.one("retry-after").and_then(|pause| pause.trim().parse().ok());
            Failure::Again { pause: seconds.map(|seconds: u64| Duration::from_secs(seconds.min(600))) }
        }
    }
}

/// Reads up to the empty line; what follows it stays in `read`. `None` if it is no head.
async fn head(pipe: &mut Pipe, read: &mut Vec<u8>) -> Option<Head> {
    let end = loop {
        if let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if read.len() > MOST || pipe.read_buf(read).await.ok()? == 0 {
            return None;
        }
    };
    let rest = read.split_off(end + 4);
    let text = String::from_utf8(std::mem::replace(read, rest)).ok()?;
    let mut lines = text.get(..end)?.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let mut headers: HashMap<String, Vec<String>> = HashMap::new();
    let mut count = 0;
    for line in lines {
        count += 1;
        let (name, value) = line.split_once(':')?;
        let sound = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
        if !sound || value.contains(['\r', '\n']) || count > LINES {
            return None;
        }
        headers.entry(name.to_ascii_lowercase()).or_default().push(value.trim().to_owned());
    }
    Some(Head { status, headers })
}
