//! How an HTTP request ends.

use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use rand::RngExt as _;
use serde_json::{Value, json};

use super::faults::{Answer, HttpFault};
use super::socket::Seat;

/// What is done about a request.
pub(super) enum Outcome {
    /// An answer.
    Reply(Response<Full<Bytes>>),
    /// An answer, after which the connection speaks WebSocket.
    Upgrade(Response<Full<Bytes>>, Box<Seat>),
    /// These bytes, after which the connection speaks WebSocket.
    UpgradeBytes(Vec<u8>, Box<Seat>),
    /// Bytes that need not be HTTP.
    Bytes(Raw),
    /// Nothing.
    Hang,
    /// The end of the connection.
    Drop,
}

/// Bytes instead of an answer.
#[derive(Default)]
pub(super) struct Raw {
    pub(super) bytes: String,
    /// One by one, so many milliseconds apart.
    pub(super) every_ms: Option<u64>,
    /// The connection stays open behind them.
    pub(super) hang: bool,
    /// Comes behind them for ever.
    pub(super) again: String,
}

impl Outcome {
    /// HTTP status of the answer; 0 if there is none.
    pub(super) fn status(&self) -> u16 {
        match self {
            Self::Reply(response) | Self::Upgrade(response, _) => response.status().as_u16(),
            Self::UpgradeBytes(..) | Self::Bytes(_) | Self::Hang | Self::Drop => 0,
        }
    }
}

impl From<HttpFault> for Outcome {
    fn from(fault: HttpFault) -> Self {
        match fault {
            HttpFault::Answer(answer) => answer.into(),
            HttpFault::Bytes(bytes) => Self::Bytes(Raw { bytes, ..Raw::default() }),
            HttpFault::BytesThenHang(bytes) => Self::Bytes(Raw { bytes, hang: true, ..Raw::default() }),
            HttpFault::Drip { bytes, every_ms } => {
                Self::Bytes(Raw { bytes, every_ms: Some(every_ms), ..Raw::default() })
            }
            HttpFault::Flood { head, again } => Self::Bytes(Raw { bytes: head, again, ..Raw::default() }),
            HttpFault::Hang => Self::Hang,
            HttpFault::Drop => Self::Drop,
        }
    }
}

impl From<Answer> for Outcome {
    fn from(answer: Answer) -> Self {
        let headers = answer.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        Self::Reply(response(answer.status, answer.body, headers))
    }
}

/// A JSON answer.
pub(super) fn json(status: u16, body: &Value) -> Outcome {
    Outcome::Reply(response(status, body.to_string(), [("", ""); 0]))
}

/// The answer to a call that is refused.
///
/// `error` is an object, with details or empty; it gets the log id.
pub(super) fn error(status: u16, code: i64, msg: &str, mut error: Value) -> Outcome {
    let log_id = log_id();
    error["log_id"] = json!(log_id);
    let body = json!({ "code": code, "msg": msg, "error": error });
    Outcome::Reply(response(status, body.to_string(), [("x-tt-logid", log_id.as_str())]))
}

fn log_id() -> String {
    format!("{:032x}", rand::rng().random::<u128>())
}

/// An answer with the platform's usual headers. A header that HTTP forbids is left out.
pub(super) fn response(
    status: u16,
    body: String,
    headers: impl IntoIterator<Item = (impl AsRef<str>, impl AsRef<str>)>,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name.as_ref()), HeaderValue::try_from(value.as_ref())) {
            response.headers_mut().insert(name, value);
        }
    }
    if status >= 200 {
        let json = HeaderValue::from_static("application/json; charset=utf-8");
        response.headers_mut().entry(CONTENT_TYPE).or_insert(json);
    }
    if let Ok(log_id) = HeaderValue::try_from(log_id()) {
        response.headers_mut().entry("x-tt-logid").or_insert(log_id);
    }
    response
}
