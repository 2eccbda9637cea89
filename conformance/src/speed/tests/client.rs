//! A client that sends acks as it is told to, with codecs of others.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread::{self, JoinHandle};

use prost::Message as _;
use serde_json::Value;
use tokio_tungstenite::tungstenite::{self, Message};

use crate::platform::{Frame, Header};

/// What it does with its events.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Manner {
    /// Acks each, once it is complete.
    Well,
    /// Answers with code 500.
    Fails,
    /// Acks each part.
    EachPart,
    /// Acks twice.
    Twice,
    /// Stops after so many events.
    StopsAfter(usize),
    /// Hangs up after so many events.
    LeavesAfter(usize),
}

/// What it has seen: the texts of its events, and the pongs.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) texts: Vec<String>,
    pub(super) pongs: usize,
    pub(super) ws_pongs: usize,
}

/// Connects to the platform at `url`, and runs until the connection ends.
pub(super) fn client(url: String, manner: Manner) -> JoinHandle<Seen> {
    thread::spawn(move || {
        let authority = url.strip_prefix("http://").unwrap();
        let request =
            "POST /callback/ws/endpoint HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}";
        let mut tcp = TcpStream::connect(authority).unwrap();
        tcp.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        tcp.read_to_string(&mut answer).unwrap();
        let answer: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
        let tcp = TcpStream::connect(authority).unwrap();
        let (mut socket, _) = tungstenite::client(answer["data"]["URL"].as_str().unwrap(), tcp).unwrap();
        let ping = Frame { headers: vec![Header::new("type", "ping")], service: 33_554_678, ..Frame::default() };
        socket.send(Message::Binary(ping.encode_to_vec().into())).unwrap();
        socket.send(Message::Ping(b"are you there".to_vec().into())).unwrap();
        let mut seen = Seen::default();
        let mut parts: HashMap<String, Vec<u8>> = HashMap::new();
        while let Ok(message) = socket.read() {
            match message {
                Message::Pong(bytes) => seen.ws_pongs += usize::from(&bytes[..] == b"are you there"),
                Message::Binary(bytes) => {
                    let frame = Frame::decode(bytes).unwrap();
                    if frame.header("type") == Some("pong") {
                        seen.pongs += 1;
                        continue;
                    }
                    let id = frame.header("message_id").unwrap().to_owned();
                    let text = parts.entry(id.clone()).or_default();
                    text.extend_from_slice(frame.payload.as_ref().unwrap());
                    let sum: usize = frame.header("sum").unwrap().parse().unwrap();
                    let seq: usize = frame.header("seq").unwrap().parse().unwrap();
                    let is_complete = seq + 1 == sum;
                    if is_complete {
                        let payload = parts.remove(&id).unwrap();
                        let json: Value = serde_json::from_slice(&payload).unwrap();
                        seen.texts.push(json["event"]["message"]["message_id"].as_str().unwrap().to_owned());
                    }
                    let acks = match manner {
                        Manner::StopsAfter(most) if seen.texts.len() > most => 0,
                        Manner::LeavesAfter(most) if seen.texts.len() > most => return seen,
                        Manner::Twice if is_complete => 2,
                        Manner::EachPart => 1,
                        _ => usize::from(is_complete),
                    };
                    let mut ack = frame.clone();
                    ack.headers.push(Header::new("biz_rt", "0"));
                    let code = if manner == Manner::Fails { 500 } else { 200 };
                    ack.payload = Some(format!("{{\"code\": {code}}}").into_bytes());
                    for _ in 0..acks {
                        // Who drives it may have gone.
                        let _ = socket.send(Message::Binary(ack.encode_to_vec().into()));
                    }
                }
                _ => {}
            }
        }
        seen
    })
}
