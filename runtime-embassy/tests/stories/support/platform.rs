//! A scripted platform on a board of its own, with `prost`, `serde_json` and a WebSocket of its own: no codec of the
//! engine.

use std::cell::RefCell;

use base64ct::{Base64, Encoding as _};
use embassy_futures::join::join;
use embassy_net::Stack;
use embassy_net::tcp::TcpSocket;
use embassy_net::udp::{PacketMetadata, UdpSocket};
use embedded_io_async::{Read, Write};
use prost::Message as _;
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};

pub(crate) use super::cable::listener;
use super::{APP_ID, BOT, PLATFORM, leak};

const SERVICE: i32 = 33_554_678;

/// What the platform saw at its HTTP door.
#[derive(Default)]
pub(crate) struct Seen {
    /// Whether the long connection is to be opened with TLS.
    pub(crate) tls: bool,
    pub(crate) discoveries: usize,
    pub(crate) tokens: usize,
    /// Path and text of each message the bot sent.
    pub(crate) messages: Vec<(String, String)>,
    /// Method and path, and body, of everything else that was asked with a token.
    pub(crate) calls: Vec<(String, Value)>,
}

/// Answers DNS and HTTP until it is dropped.
pub(crate) async fn doors(stack: Stack<'static>, seen: &RefCell<Seen>) {
    join(dns(stack), http(stack, seen)).await;
}

/// Knows `platform.test` and nothing else.
pub(crate) async fn dns(stack: Stack<'static>) {
    let (rx_meta, tx_meta) = (leak([PacketMetadata::EMPTY; 4]), leak([PacketMetadata::EMPTY; 4]));
    let mut socket = UdpSocket::new(stack, rx_meta, leak([0; 1024]), tx_meta, leak([0; 1024]));
    socket.bind(53).unwrap();
    let mut query = [0; 512];
    loop {
        let (n, from) = socket.recv_from(&mut query).await.unwrap();
        let (id, question) = (&query[..2], &query[12..n]);
        let answer = if question.starts_with(b"\x08platform\x04test\x00") {
            let head = [id, &[0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0], question].concat();
            [&head[..], &[0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4], &PLATFORM.octets()].concat()
        } else {
            [id, &[0x81, 0x83, 0, 1, 0, 0, 0, 0, 0, 0], question].concat()
        };
        socket.send_to(&answer, from).await.unwrap();
    }
}

async fn http(stack: Stack<'static>, seen: &RefCell<Seen>) {
    let mut socket = listener(stack);
    loop {
        socket.accept(8000).await.unwrap();
        serve(&mut socket, seen).await;
        socket.close();
        socket.flush().await.unwrap();
        socket.abort();
    }
}

/// Answers calls until the bot hangs up.
pub(crate) async fn serve(socket: &mut (impl Read + Write), seen: &RefCell<Seen>) {
    let mut input = Vec::new();
    while let Some(head) = read_head(socket, &mut input).await {
        let body = read_exact(socket, &mut input, content_length(&head)).await;
        let body = serde_json::from_slice(&body).unwrap_or_default();
        let answer = answer(&head, &body, &mut seen.borrow_mut()).to_string();
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", answer.len());
        socket.write_all((head + &answer).as_bytes()).await.unwrap();
    }
}

fn answer(head: &str, body: &Value, seen: &mut Seen) -> Value {
    let call = head.split_once(" HTTP/1.1\r\n").unwrap().0;
    match call {
        "POST /callback/ws/endpoint" => {
            assert_eq!(body["AppID"], APP_ID);
            seen.discoveries += 1;
            let query = format!("device_id=1&access_key=k&service_id={SERVICE}&ticket=t{}", seen.discoveries);
            let pace = json!({"ReconnectCount": -1, "ReconnectInterval": 1, "ReconnectNonce": 1, "PingInterval": 120});
            let scheme = if seen.tls { "wss" } else { "ws" };
            let url = format!("{scheme}://platform.test:8001/ws/v2?{query}");
            json!({"code": 0, "msg": "ok", "data": {"URL": url, "ClientConfig": pace}})
        }
        "POST /open-apis/auth/v3/tenant_access_token/internal" => {
            seen.tokens += 1;
            json!({"code": 0, "msg": "ok", "tenant_access_token": "t-1", "expire": 7200})
        }
        _ => {
            assert!(head.contains("\r\nAuthorization: Bearer t-1\r\n"), "{head}");
            let (method, path) = call.split_once(' ').unwrap();
            let data = match (method, path.rsplit_once('/').unwrap().1) {
                ("POST", "reactions") => json!({"reaction_id": "Zr-1", "action_time": "1700000000000"}),
                ("POST", _) => {
                    let content: Value = serde_json::from_str(body["content"].as_str().unwrap()).unwrap();
                    let text = content["text"].as_str().map_or_else(|| content.to_string(), str::to_owned);
                    seen.messages.push((path.to_owned(), text));
                    let message_id = format!("om_bot_{}", seen.messages.len());
                    return json!({"code": 0, "msg": "success", "data": {"message_id": message_id}});
                }
                ("GET", "info") => {
                    seen.calls.push((call.to_owned(), Value::Null));
                    return json!({"code": 0, "msg": "ok", "bot": {"open_id": BOT, "app_name": "Board"}});
                }
                ("GET", _) => json!({"name": "room \"1\"", "chat_mode": "group"}),
                _ => json!({}),
            };
            seen.calls.push((call.to_owned(), body.clone()));
            json!({"code": 0, "msg": "success", "data": data})
        }
    }
}

async fn read_some(socket: &mut impl Read, input: &mut Vec<u8>) -> bool {
    let mut chunk = [0; 1024];
    match socket.read(&mut chunk).await {
        Ok(0) | Err(_) => false,
        Ok(n) => {
            input.extend_from_slice(&chunk[..n]);
            true
        }
    }
}

async fn read_head(socket: &mut impl Read, input: &mut Vec<u8>) -> Option<String> {
    loop {
        if let Some(end) = input.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            return Some(String::from_utf8(input.drain(..end + 4).collect()).unwrap());
        }
        if !read_some(socket, input).await {
            return None;
        }
    }
}

async fn read_exact(socket: &mut impl Read, input: &mut Vec<u8>, len: usize) -> Vec<u8> {
    while input.len() < len {
        assert!(read_some(socket, input).await, "the bot hung up");
    }
    input.drain(..len).collect()
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    lines.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

fn content_length(head: &str) -> usize {
    header(head, "content-length").map_or(0, |len| len.parse().unwrap())
}

/// The platform's end of a long connection.
pub(crate) struct Ws<S = TcpSocket<'static>> {
    socket: S,
    input: Vec<u8>,
}

impl Ws {
    /// Takes a connection, its upgrade and its first ping.
    pub(crate) async fn accept(stack: Stack<'static>) -> Self {
        let mut socket = listener(stack);
        socket.accept(8001).await.unwrap();
        Self::over(socket).await
    }

    /// Takes the bot's goodbye, answers it, and waits for the end of the stream.
    pub(crate) async fn goodbye(self) {
        let mut socket = self.farewell().await;
        socket.close();
        while read_some(&mut socket, &mut Vec::new()).await {}
        socket.flush().await.unwrap();
    }

    /// Waits until the board is gone, which has said nothing meanwhile.
    #[cfg(feature = "journal")]
    pub(crate) async fn hang_up_seen(mut self) {
        while read_some(&mut self.socket, &mut self.input).await {}
        assert!(self.input.is_empty(), "the board has said something after all");
        self.socket.abort();
        self.socket.flush().await.unwrap();
    }

    /// Breaks the connection.
    pub(crate) async fn cut(mut self) {
        self.socket.abort();
        self.socket.flush().await.unwrap();
    }
}

impl<S: Read + Write> Ws<S> {
    /// Takes the upgrade and the first ping of a connection.
    pub(crate) async fn over(socket: S) -> Self {
        let mut ws = Self { socket, input: Vec::new() };
        let head = read_head(&mut ws.socket, &mut ws.input).await.unwrap();
        assert!(head.starts_with("GET /ws/v2?device_id=1&access_key=k&"), "{head}");
        let key = header(&head, "sec-websocket-key").unwrap();
        let accept = Base64::encode_string(&Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));
        let answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
        let answer = format!("{answer}Sec-WebSocket-Accept: {accept}\r\n\r\n");
        ws.socket.write_all(answer.as_bytes()).await.unwrap();
        let ping = ws.frame().await;
        assert_eq!((ping.method, ping.header("type"), ping.service), (0, Some("ping"), SERVICE));
        ws.send(2, &frame(0, &[("type", "pong")], b"").encode_to_vec()).await;
        ws
    }

    pub(crate) async fn send(&mut self, opcode: u8, payload: &[u8]) {
        let mut head = vec![0x80 | opcode];
        match u16::try_from(payload.len()).unwrap() {
            len @ 0..=125 => head.push(len.to_le_bytes()[0]),
            len => {
                head.push(126);
                head.extend(len.to_be_bytes());
            }
        }
        self.socket.write_all(&[&head[..], payload].concat()).await.unwrap();
    }

    /// The next ws frame of the bot: opcode and payload.
    pub(crate) async fn recv(&mut self) -> (u8, Vec<u8>) {
        let head = read_exact(&mut self.socket, &mut self.input, 2).await;
        assert_eq!((head[0] & 0xF0, head[1] & 0x80), (0x80, 0x80), "whole and masked");
        let len = match head[1] & 0x7F {
            126 => {
                let len = read_exact(&mut self.socket, &mut self.input, 2).await;
                usize::from(u16::from_be_bytes([len[0], len[1]]))
            }
            len => usize::from(len),
        };
        let mask = read_exact(&mut self.socket, &mut self.input, 4).await;
        let payload = read_exact(&mut self.socket, &mut self.input, len).await;
        (head[0] & 0x0F, payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect())
    }

    /// The next protobuf frame.
    pub(crate) async fn frame(&mut self) -> Frame {
        let (opcode, payload) = self.recv().await;
        assert_eq!(opcode, 2);
        Frame::decode(&payload[..]).unwrap()
    }

    /// Pushes an event and checks its ack.
    pub(crate) async fn push(&mut self, delivery: &str, event: &str) {
        let pushed = self.offer(delivery, event).await;
        self.expect_ack(pushed).await;
    }

    /// Pushes an event.
    pub(crate) async fn offer(&mut self, delivery: &str, event: &str) -> Frame {
        let headers = [
            ("type", "event"),
            ("message_id", delivery),
            ("sum", "1"),
            ("seq", "0"),
            ("trace_id", "trace-1"),
            ("instance_id", "pod=7&port=9"),
            ("x-new", "later"),
        ];
        let pushed = frame(1, &headers, event.as_bytes());
        self.send(2, &pushed.encode_to_vec()).await;
        pushed
    }

    /// The next frame is the ack of `pushed`, field by field, with nothing to say.
    pub(crate) async fn expect_ack(&mut self, pushed: Frame) {
        assert_eq!(self.answer(pushed).await, Value::Null);
    }

    /// The next frame is the ack of `pushed`, field by field; the answer in it.
    pub(crate) async fn answer(&mut self, pushed: Frame) -> Value {
        let mut ack = self.frame().await;
        let biz_rt = ack.headers.pop().unwrap();
        assert_eq!(biz_rt.key, "biz_rt");
        assert!(biz_rt.value.parse::<u64>().unwrap() < 3000);
        let payload: Value = serde_json::from_slice(ack.payload.as_deref().unwrap()).unwrap();
        assert_eq!(payload["code"], 200);
        assert_eq!(ack, Frame { payload: ack.payload.clone(), ..pushed });
        let answer = payload["data"].as_str().map(|data| Base64::decode_vec(data).unwrap());
        answer.map_or(Value::Null, |answer| serde_json::from_slice(&answer).unwrap())
    }

    /// Takes the bot's goodbye and answers it; what the connection went over.
    pub(crate) async fn farewell(mut self) -> S {
        let (opcode, payload) = self.recv().await;
        assert_eq!((opcode, &payload[..2]), (8, &1000_u16.to_be_bytes()[..]));
        self.send(8, &payload[..2]).await;
        self.socket
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Header {
    #[prost(string, required, tag = "1")]
    pub(crate) key: String,
    #[prost(string, required, tag = "2")]
    pub(crate) value: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Frame {
    #[prost(uint64, required, tag = "1")]
    pub(crate) seq_id: u64,
    #[prost(uint64, required, tag = "2")]
    pub(crate) log_id: u64,
    #[prost(int32, required, tag = "3")]
    pub(crate) service: i32,
    #[prost(int32, required, tag = "4")]
    pub(crate) method: i32,
    #[prost(message, repeated, tag = "5")]
    pub(crate) headers: Vec<Header>,
    #[prost(bytes = "vec", optional, tag = "8")]
    pub(crate) payload: Option<Vec<u8>>,
    #[prost(string, optional, tag = "9")]
    pub(crate) log_id_new: Option<String>,
}

impl Frame {
    fn header(&self, key: &str) -> Option<&str> {
        self.headers.iter().find(|header| header.key == key).map(|header| header.value.as_str())
    }
}

fn frame(method: i32, headers: &[(&str, &str)], payload: &[u8]) -> Frame {
    let header = |(key, value): &(&str, &str)| Header { key: (*key).to_owned(), value: (*value).to_owned() };
    Frame {
        seq_id: 11,
        log_id: 22,
        service: SERVICE,
        method,
        headers: headers.iter().map(header).collect(),
        payload: Some(payload.to_vec()),
        log_id_new: None,
    }
}

/// A text that `ou_1` wrote to the bot.
pub(crate) fn message(number: usize, text: &str) -> String {
    message_of(number, "text", &json!({"text": text}), &json!([]))
}

/// A message of any kind.
pub(crate) fn message_of(number: usize, kind: &str, content: &Value, mentions: &Value) -> String {
    event(
        number,
        "im.message.receive_v1",
        &json!({
            "sender": {"sender_id": {"open_id": "ou_1", "union_id": "on_1", "user_id": null}, "sender_type": "user"},
            "message": {"message_id": format!("om_{number}"), "chat_id": "oc_1", "chat_type": "p2p",
                "message_type": kind, "create_time": "1700000000000", "mentions": mentions,
                "content": content.to_string()}
        }),
    )
}

/// `ou_1` clicks a button of a card.
pub(crate) fn click(number: usize) -> String {
    event(
        number,
        "card.action.trigger",
        &json!({
            "operator": {"open_id": "ou_1", "union_id": "on_1"}, "token": "c-1",
            "action": {"tag": "button", "value": {"choice": "yes"}}, "host": "im_message",
            "context": {"open_message_id": "om_card", "open_chat_id": "oc_1"}
        }),
    )
}

fn event(number: usize, event_type: &str, event: &Value) -> String {
    json!({
        "schema": "2.0",
        "header": {"event_id": format!("ev_{number}"), "event_type": event_type,
            "create_time": "1700000000000", "tenant_key": "tk", "app_id": APP_ID, "token": ""},
        "event": event
    })
    .to_string()
}
