//! The platform's side of a stream: HTTP requests in, answers out; ws frames of a client in, of a server out.

use std::collections::VecDeque;

use larkwire_core::Closed;
use sha1::{Digest as _, Sha1};

pub(crate) const SECRET: &str = "s3cr3t-of-the-app";

/// What the network makes of a dial.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Dial {
    Fail(Closed),
    Hang,
    Open,
}

/// What the platform says to an HTTP request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Hang,
    HangUp(Closed),
    Raw(Vec<u8>),
    /// These bytes, then the end of the stream.
    RawThenEof(Vec<u8>),
}

impl Reply {
    pub(crate) fn json(status: u16, body: &str) -> Self {
        Self::with(status, &[], body)
    }

    pub(crate) fn with(status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        let mut text =
            format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n", body.len());
        for (key, value) in headers {
            text += &format!("{key}: {value}\r\n");
        }
        Self::Raw(format!("{text}\r\n{body}").into_bytes())
    }
}

/// What the platform says to an upgrade.
#[derive(Clone, Debug)]
pub(crate) enum Upgrade {
    Accept,
    /// Accepts, with these bytes behind the head in the same segment.
    AcceptWith(Vec<u8>),
    Hang,
    HangUp(Closed),
    Raw(Vec<u8>),
    /// A head in which `{accept}` stands for the right value.
    Template(String),
}

impl Upgrade {
    pub(crate) fn refused(status: u16, headers: &[(&str, &str)]) -> Self {
        let mut text = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n");
        for (key, value) in headers {
            text += &format!("{key}: {value}\r\n");
        }
        Self::Raw(format!("{text}\r\n").into_bytes())
    }
}

/// What the platform says to a ping of ours.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Pong {
    Empty,
    None,
    Payload(String),
}

/// What the application does with events.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum App {
    Accept,
    Discard,
    Hold,
    Later,
    Refuse,
}

/// How the platform, the network and the application behave; the queues hold exceptions, used up in order.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) dial_http: Dial,
    pub(crate) dial_socket: Dial,
    pub(crate) http_dials: VecDeque<Dial>,
    pub(crate) socket_dials: VecDeque<Dial>,
    pub(crate) discoveries: VecDeque<Reply>,
    pub(crate) discovery: Option<Reply>,
    pub(crate) client_config: String,
    pub(crate) tokens: VecDeque<Reply>,
    pub(crate) calls: VecDeque<Reply>,
    pub(crate) call: Reply,
    pub(crate) bot_infos: VecDeque<Reply>,
    pub(crate) bot_info: Reply,
    /// Answers to reactions, before they are all good.
    pub(crate) reactions: VecDeque<Reply>,
    /// `Authorization` values the platform does not take any more.
    pub(crate) bad_tokens: Vec<String>,
    pub(crate) upgrades: VecDeque<Upgrade>,
    pub(crate) upgrade: Upgrade,
    pub(crate) pong: Pong,
    /// Whether a close frame is answered.
    pub(crate) echo_close: bool,
    /// Bytes of one write; 0: nobody reads what the bot writes.
    pub(crate) write: usize,
    pub(crate) app: App,
    /// Whether results are taken at once.
    pub(crate) take_completions: bool,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            dial_http: Dial::Open,
            dial_socket: Dial::Open,
            http_dials: VecDeque::new(),
            socket_dials: VecDeque::new(),
            discoveries: VecDeque::new(),
            discovery: None,
            client_config: String::new(),
            tokens: VecDeque::new(),
            calls: VecDeque::new(),
            call: Reply::json(200, r#"{"code":0,"msg":"success","data":{"message_id":"om_sent","chat_id":"oc_1"}}"#),
            bot_infos: VecDeque::new(),
            bot_info: Reply::json(
                200,
                r#"{"code":0,"msg":"ok","bot":{"activate_status":2,"app_name":"Echo","open_id":"ou_bot"}}"#,
            ),
            reactions: VecDeque::new(),
            bad_tokens: Vec::new(),
            upgrades: VecDeque::new(),
            upgrade: Upgrade::Accept,
            pong: Pong::Empty,
            echo_close: true,
            write: usize::MAX,
            app: App::Accept,
            take_completions: true,
        }
    }
}

/// An HTTP request as the platform reads it.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) at: u64,
    pub(crate) lane: larkwire_core::Lane,
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }
}

/// Takes one whole request from the front of `bytes`.
pub(crate) fn take_request(bytes: &mut Vec<u8>, at: u64, lane: larkwire_core::Lane) -> Option<Request> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&bytes[..end]).expect("a head is text").to_owned();
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap().split(' ');
    let (method, target) = (first.next().unwrap().to_owned(), first.next().unwrap().to_owned());
    assert_eq!((first.next(), first.next()), (Some("HTTP/1.1"), None), "{head:?}");
    let headers: Vec<_> = lines
        .take_while(|line| !line.is_empty())
        .map(|line| line.split_once(": ").unwrap_or_else(|| panic!("{line:?}")))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    let len = headers.iter().find(|(key, _)| key.eq_ignore_ascii_case("content-length"));
    let len: usize = len.map_or(0, |(_, value)| value.parse().unwrap());
    if bytes.len() < end + len {
        return None;
    }
    let body = bytes[end..end + len].to_vec();
    bytes.drain(..end + len);
    Some(Request { at, lane, method, target, headers, body })
}

/// A ws frame of the client, unmasked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ClientFrame {
    pub(crate) opcode: u8,
    pub(crate) mask: [u8; 4],
    pub(crate) payload: Vec<u8>,
}

/// Takes one whole ws frame from the front of `bytes`; panics where a client breaks RFC 6455.
pub(crate) fn take_ws(bytes: &mut Vec<u8>) -> Option<ClientFrame> {
    let (&first, &second) = (bytes.first()?, bytes.get(1)?);
    assert_eq!(first & 0x70, 0, "reserved bits");
    assert_ne!(first & 0x80, 0, "the bot never fragments");
    assert_ne!(second & 0x80, 0, "a client masks");
    let (len, at) = match second & 0x7f {
        126 => (usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().unwrap())), 4),
        127 => (usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().unwrap())).unwrap(), 10),
        short => (usize::from(short), 2),
    };
    assert!(at == 2 || len > 125, "shortest length form");
    assert!(at != 10 || len > 65_535, "shortest length form");
    let mask: [u8; 4] = bytes.get(at..at + 4)?.try_into().unwrap();
    let payload = bytes.get(at + 4..at + 4 + len)?;
    let payload = payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    bytes.drain(..at + 4 + len);
    Some(ClientFrame { opcode: first & 0x0f, mask, payload })
}

/// A ws frame of the server.
pub(crate) fn ws(opcode: u8, payload: &[u8]) -> Vec<u8> {
    ws_raw(0x80 | opcode, payload)
}

/// A ws frame with this first byte.
pub(crate) fn ws_raw(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    match payload.len() {
        len @ 0..=125 => out.push(len as u8),
        len @ 126..=65_535 => {
            out.push(126);
            out.extend((len as u16).to_be_bytes());
        }
        len => {
            out.push(127);
            out.extend((len as u64).to_be_bytes());
        }
    }
    out.extend(payload);
    out
}

pub(crate) fn ws_close(code: u16) -> Vec<u8> {
    ws(8, &code.to_be_bytes())
}

pub(crate) fn accept_of(key: &str) -> String {
    base64(&Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11")))
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let all = three.iter().fold(0_u32, |all, byte| all << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for i in 0..4 {
            let digit = DIGITS[(all >> (18 - 6 * i) & 63) as usize];
            text.push(if i <= three.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

pub(crate) const ACCEPT: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n";
