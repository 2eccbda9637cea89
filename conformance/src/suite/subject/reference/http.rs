//! One HTTP request over a connection of its own.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, RETRY_AFTER, TRANSFER_ENCODING};
use hyper::{HeaderMap, Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::AsyncReadExt as _;

use crate::platform::Platform;

/// The largest answer that is read.
const MOST: usize = 1 << 20;
/// … with all that comes before it.
const MOST_TOGETHER: u64 = 2 << 20;
/// The longest pause that the platform may ask for.
const LONGEST_PAUSE: u64 = 600;

/// What is asked.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) method: Method,
    pub(super) target: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Option<Value>,
}

/// What is answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) json: Option<Value>,
}

impl Answer {
    /// `code`, if the body is JSON and has one.
    pub(super) fn code(&self) -> Option<i64> {
        self.json.as_ref()?.get("code")?.as_i64()
    }

    /// The beginning of `msg`.
    pub(super) fn words(&self) -> String {
        let words = self.json.as_ref().and_then(|json| json.get("msg")?.as_str()).unwrap_or_default();
        words.chars().take(200).collect()
    }

    /// The least wait that the platform asks for.
    pub(super) fn pause(&self) -> Option<Duration> {
        pause(&self.headers)
    }
}

/// The larger of the two headers that ask for a pause.
pub(super) fn pause(headers: &HeaderMap) -> Option<Duration> {
    let seconds = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
    let asked = [seconds(RETRY_AFTER.as_str()), seconds("x-ogw-ratelimit-reset")];
    asked.into_iter().flatten().max().map(|seconds| Duration::from_secs(seconds.min(LONGEST_PAUSE)))
}

/// Asks; `None` where no whole answer came.
pub(super) async fn ask(platform: &Platform, question: &Question) -> Option<Answer> {
    // Answers that are none yet may come without end.
    let (read, write) = tokio::io::split(platform.connect());
    let io = TokioIo::new(tokio::io::join(read.take(MOST_TOGETHER), write));
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.ok()?;
    let exchange = async {
        let answer = sender.send_request(request(platform, question)?).await.ok()?;
        let (head, body) = answer.into_parts();
        // What one reader takes for the end, another takes for the beginning of the next answer.
        if head.headers.contains_key(CONTENT_LENGTH) && head.headers.contains_key(TRANSFER_ENCODING) {
            return None;
        }
        let body = Limited::new(body, MOST).collect().await.ok()?.to_bytes();
        Some(Answer { status: head.status, headers: head.headers, json: serde_json::from_slice(&body).ok() })
    };
    tokio::pin!(exchange);
    tokio::select! {
        answer = &mut exchange => answer,
        // Its end may be what the body ends with.
        _ = connection => exchange.await,
    }
}

fn request(platform: &Platform, question: &Question) -> Option<Request<Full<Bytes>>> {
    let mut request = Request::builder()
        .method(&question.method)
        .uri(&question.target)
        .header(HOST, platform.base_url().trim_start_matches("http://"));
    for (name, value) in &question.headers {
        request = request.header(*name, value);
    }
    let body = question.body.as_ref().map(Value::to_string);
    if body.is_some() {
        request = request.header(CONTENT_TYPE, "application/json; charset=utf-8");
    }
    request.body(Full::from(body.unwrap_or_default())).ok()
}
