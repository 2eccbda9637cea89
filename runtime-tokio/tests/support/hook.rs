//! A bot that is posted to, and requests that are written by hand.
#![allow(dead_code, reason = "each test program uses its part of it")]

use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use larkwire_conformance::platform::{Platform, Stamp, WebhookRequest, WebhookSpec};
use larkwire_tokio::webhook::{Server, Serving, WebhookSettings};
use larkwire_tokio::{Client, Events, Settings};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{APP, settings, soon};

/// Unlike anything else that is ever printed.
pub(crate) const KEY: &str = "encrypt-Wq81kzLpXs";
pub(crate) const TOKEN: &str = "token-Nm27vbTrYc";

pub(crate) fn keys() -> WebhookSettings {
    WebhookSettings::new(KEY, TOKEN)
}

/// A bot and its server, where the platform posts to.
pub(crate) async fn hooked(platform: &Platform) -> (Client, Events, Serving) {
    hooked_with(platform, &settings(platform).webhook(keys())).await
}

pub(crate) async fn hooked_with(platform: &Platform, settings: &Settings) -> (Client, Events, Serving) {
    let (client, events) = Client::start(settings).unwrap();
    let serving = serve(&client).await;
    subscribe(platform, serving.local_addr());
    (client, events, serving)
}

pub(crate) async fn serve(client: &Client) -> Serving {
    Server::new().route("/lark", client.webhook().unwrap()).bind("127.0.0.1:0").await.unwrap()
}

pub(crate) fn subscribe(platform: &Platform, at: SocketAddr) {
    platform.subscribe_webhook(spec(at)).unwrap();
}

pub(crate) fn spec(at: SocketAddr) -> WebhookSpec {
    WebhookSpec::new(APP, format!("http://{at}/lark"), TOKEN).encrypt_key(KEY)
}

/// What makes a request like no other: stamped now, or some seconds from now.
pub(crate) fn stamp(n: u64, from_now: i64) -> Stamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let mut iv = [7; 16];
    iv[..8].copy_from_slice(&n.to_le_bytes());
    let timestamp = now.checked_add_signed(from_now).unwrap().to_string();
    Stamp { timestamp, nonce: format!("nonce{n}"), iv, request_id: format!("request-{n}") }
}

/// A message that nobody has sent before.
pub(crate) fn message(n: u64, text: &str) -> Value {
    json!({
        "schema": "2.0",
        "header": {
            "event_id": format!("event-{n}"), "event_type": "im.message.receive_v1", "token": TOKEN, "app_id": APP,
            "create_time": "1700000000000", "tenant_key": "tenant",
        },
        "event": {
            "sender": {"sender_id": {"open_id": "ou_ann"}, "sender_type": "user"},
            "message": {
                "message_id": format!("om_{n}"), "chat_id": "oc_room", "chat_type": "p2p", "message_type": "text",
                "content": json!({ "text": text }).to_string(),
            },
        },
    })
}

/// Signed and encrypted as the platform does it.
pub(crate) fn sealed(n: u64, plain: &Value) -> WebhookRequest {
    WebhookRequest::event(plain.to_string().as_bytes(), Some(KEY), &stamp(n, 0))
}

/// The same with a signature of somebody who does not know the key.
pub(crate) fn forged(n: u64, plain: &Value) -> WebhookRequest {
    let body = sealed(n, plain).body;
    WebhookRequest::signed(body, "another key", &stamp(n, 0))
}

/// What came back.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }

    pub(crate) fn closes(&self) -> bool {
        self.head.contains("connection: close")
    }
}

pub(crate) async fn connect(at: SocketAddr) -> TcpStream {
    TcpStream::connect(at).await.unwrap()
}

/// Sends bytes on a connection of their own and reads to its end.
pub(crate) async fn exchange(at: SocketAddr, bytes: &[u8]) -> Answer {
    let mut stream = connect(at).await;
    // A server that has answered need not read the rest.
    let _ = stream.write_all(bytes).await;
    answer(stream).await
}

/// Reads to the end of the connection.
pub(crate) async fn answer(mut stream: TcpStream) -> Answer {
    let mut bytes = Vec::new();
    let end = soon(stream.read_to_end(&mut bytes)).await;
    assert!(end.is_ok() || !bytes.is_empty(), "no answer: {end:?}");
    Answer::parse(&bytes)
}

pub(crate) async fn post(at: SocketAddr, request: &WebhookRequest) -> Answer {
    exchange(at, &request.to_bytes("bot.example", "/lark")).await
}

/// The head of a request whose body of this length is yet to come; the connection stays open.
pub(crate) fn open_head(request: &WebhookRequest, length: usize) -> Vec<u8> {
    let mut empty = request.clone();
    empty.body = vec![0; length];
    empty.head("bot.example", "/lark")
}
