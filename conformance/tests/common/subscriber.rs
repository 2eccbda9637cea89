//! A bot's URL for the tests, which does with a request what it is told to.

use larkwire_conformance::platform::webhook::{WebhookListener, decrypt};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// What is encrypted in the body.
    pub(crate) fn plain(&self, key: &str) -> Value {
        let plain = decrypt(key, self.json()["encrypt"].as_str().unwrap()).unwrap();
        serde_json::from_slice(&plain).unwrap()
    }
}

/// What is sent back; `None` is silence.
pub(crate) type Answer = Option<String>;

pub(crate) fn answer(status: u16, body: &str) -> Answer {
    Some(format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\n\r\n{body}", body.len()))
}

pub(crate) fn success() -> Answer {
    answer(200, r#"{"msg":"success"}"#)
}

/// The requests in the order in which they came.
pub(crate) struct Subscriber {
    pub(crate) url: String,
    requests: UnboundedReceiver<Seen>,
}

impl Subscriber {
    /// Listens on loopback.
    pub(crate) async fn on_tcp(answer: impl FnMut(&Seen) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/lark", listener.local_addr().unwrap());
        let (sender, requests) = unbounded_channel();
        let mut answer = answer;
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                serve(stream, &mut answer, &sender).await;
            }
        });
        Self { url, requests }
    }

    /// Takes connections inside the process.
    pub(crate) fn on_pipe(
        mut listener: WebhookListener,
        mut answer: impl FnMut(&Seen) -> Answer + Send + 'static,
    ) -> Self {
        let (sender, requests) = unbounded_channel();
        tokio::spawn(async move {
            while let Some(stream) = listener.accept().await {
                serve(stream, &mut answer, &sender).await;
            }
        });
        Self { url: String::new(), requests }
    }

    pub(crate) async fn next(&mut self) -> Seen {
        self.requests.recv().await.unwrap()
    }

    /// Whether nothing has come that was not asked for.
    pub(crate) fn is_quiet(&mut self) -> bool {
        self.requests.try_recv().is_err()
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    answer: &mut impl FnMut(&Seen) -> Answer,
    seen: &UnboundedSender<Seen>,
) {
    let Some(request) = read(&mut stream).await else { return };
    let answer = answer(&request);
    let _ = seen.send(request);
    match answer {
        Some(answer) => drop(stream.write_all(answer.as_bytes()).await),
        // Says nothing for as long as the platform holds on; others are served meanwhile.
        None => drop(tokio::spawn(async move { stream.read(&mut [0; 16]).await })),
    }
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<Seen> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
            let (line, rest) = head.split_once("\r\n").unwrap();
            let headers = rest.split("\r\n").map(|header| {
                let (name, value) = header.split_once(':').unwrap();
                (name.to_owned(), value.trim().to_owned())
            });
            let seen = Seen { line: line.to_owned(), headers: headers.collect(), body: bytes[end + 4..].to_vec() };
            let length: usize = seen.header("Content-Length").map_or(0, |length| length.parse().unwrap());
            if seen.body.len() >= length {
                return Some(seen);
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}
