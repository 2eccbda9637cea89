//! A client for the tests: it behaves, unless the test makes it misbehave.

pub(crate) mod calls;
pub(crate) mod subscriber;

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::{HeaderMap, Request};
use hyper_util::rt::TokioIo;
use larkwire_conformance::platform::{
    AppSpec, CONTROL, DATA, Frame, Header, Kind, Platform, PlatformConfig, Push, Record,
};
use prost::Message as _;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

pub(crate) const APP: &str = "cli_0123456789abcdef";
pub(crate) const SECRET: &str = "secret";

/// Longer than anything here takes, so that only a failure meets it.
pub(crate) const LONG: Duration = Duration::from_secs(10);

pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A platform with one app, on a clock where the first redelivery comes after 15 ms.
pub(crate) async fn platform() -> Platform {
    platform_with(PlatformConfig { clock_scale: 1000.0, ..PlatformConfig::default() }).await
}

pub(crate) async fn platform_with(config: PlatformConfig) -> Platform {
    let platform = Platform::start(config).await.unwrap();
    platform.add_app(AppSpec::new(APP, SECRET));
    platform
}

pub(crate) fn hello() -> Push {
    Push::message("oc_room", "p2p", "ou_ann", "你好, larkwire 👋")
}

/// Waits for the first record whose kind fits.
pub(crate) async fn wait(platform: &Platform, mut fits: impl FnMut(&Kind) -> bool) -> Record {
    match platform.wait_for(|record| fits(&record.kind), LONG).await {
        Some(record) => record,
        None => panic!("it did not happen; what did: {:#?}", platform.records()),
    }
}

pub(crate) fn count(platform: &Platform, fits: impl Fn(&Kind) -> bool) -> usize {
    platform.records().iter().filter(|record| fits(&record.kind)).count()
}

/// The client has done its part.
pub(crate) fn settled(kind: &Kind) -> bool {
    matches!(kind, Kind::Acked { settled: true, .. })
}

/// The fields that deviate in the first acknowledgement.
pub(crate) async fn ack_faults(platform: &Platform) -> Vec<String> {
    match wait(platform, |kind| matches!(kind, Kind::Acked { .. })).await.kind {
        Kind::Acked { faults, .. } => faults.into_iter().map(|fault| fault.field).collect(),
        _ => unreachable!(),
    }
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

/// One HTTP exchange with the platform.
pub(crate) async fn request(
    platform: &Platform,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> hyper::Result<Answer> {
    request_to(&platform.base_url(), method, path, headers, body).await
}

/// One HTTP exchange on a connection of its own.
pub(crate) async fn request_to(
    base_url: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> hyper::Result<Answer> {
    let authority = base_url.strip_prefix("http://").unwrap();
    let stream = TcpStream::connect(authority).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let driver = tokio::spawn(connection);
    let mut request = Request::builder().method(method).uri(path).header("host", authority);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = sender.send_request(request.body(Full::<Bytes>::from(body.to_owned())).unwrap()).await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body: Bytes = response.into_body().collect().await?.to_bytes();
    driver.abort();
    Ok(Answer { status, headers, body: serde_json::from_slice(&body).unwrap_or_default() })
}

pub(crate) async fn discover_as(platform: &Platform, app_id: &str, secret: &str) -> Answer {
    let body = json!({ "AppID": app_id, "AppSecret": secret }).to_string();
    request(platform, "POST", "/callback/ws/endpoint", &[("content-type", "application/json")], &body).await.unwrap()
}

pub(crate) async fn discover(platform: &Platform) -> String {
    let answer = discover_as(platform, APP, SECRET).await;
    answer.body["data"]["URL"].as_str().unwrap_or_else(|| panic!("no URL in {}", answer.body)).to_owned()
}

/// A parameter of a connection URL.
pub(crate) fn parameter(url: &str, name: &str) -> Option<String> {
    let query = url.split_once('?')?.1;
    form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

pub(crate) struct Client {
    pub(crate) socket: Socket,
    pub(crate) service_id: i32,
}

impl Client {
    /// Discovery, upgrade, first ping.
    pub(crate) async fn connect(platform: &Platform) -> Self {
        let mut client = Self::upgrade(platform).await;
        client.ping().await;
        client
    }

    /// Discovery and upgrade.
    pub(crate) async fn upgrade(platform: &Platform) -> Self {
        let url = discover(platform).await;
        let service_id = parameter(&url, "service_id").unwrap().parse().unwrap();
        let (socket, _) = connect_async(url).await.unwrap();
        Self { socket, service_id }
    }

    pub(crate) async fn ping(&mut self) {
        let headers = vec![Header::new("type", "ping")];
        self.send(&Frame { service: self.service_id, method: CONTROL, headers, ..Frame::default() }).await;
    }

    pub(crate) async fn send(&mut self, frame: &Frame) {
        self.socket.send(Message::Binary(frame.encode_to_vec().into())).await.unwrap();
    }

    /// The next frame of this method; others are passed over.
    async fn next(&mut self, method: i32) -> Frame {
        loop {
            let message = tokio::time::timeout(LONG, self.socket.next()).await.unwrap().unwrap().unwrap();
            if let Message::Binary(bytes) = message {
                let frame = Frame::decode(bytes).unwrap();
                if frame.method == method {
                    return frame;
                }
            }
        }
    }

    pub(crate) async fn data(&mut self) -> Frame {
        self.next(DATA).await
    }

    pub(crate) async fn pong(&mut self) -> Frame {
        self.next(CONTROL).await
    }

    pub(crate) async fn ack(&mut self, frame: &Frame) {
        self.send(&ack(frame, r#"{"code":200}"#)).await;
    }
}

/// The faithful echo of a frame, with this payload.
pub(crate) fn ack(frame: &Frame, payload: &str) -> Frame {
    let mut ack = frame.clone();
    ack.headers.push(Header::new("biz_rt", "0"));
    ack.payload = Some(payload.as_bytes().to_vec());
    ack
}

pub(crate) fn envelope(frames: &[Frame]) -> Value {
    let mut parts: Vec<_> = frames.iter().collect();
    parts.sort_by_key(|frame| frame.header("seq").unwrap().parse::<usize>().unwrap());
    let payload: Vec<u8> = parts.into_iter().flat_map(|frame| frame.payload.clone().unwrap()).collect();
    serde_json::from_slice(&payload).unwrap()
}
