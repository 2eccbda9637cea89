//! Switches that make the platform misbehave, each while it is on or for a number of times.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::endpoint::Endpoint;

/// Everything the platform can do wrong. The default is a platform that does nothing wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// The answer to discovery.
    pub discovery: Option<Switch<DiscoveryFault>>,
    /// The URL that discovery answers with.
    pub url: Option<Switch<UrlFault>>,
    /// The answer to the WebSocket upgrade.
    pub upgrade: Option<Switch<UpgradeFault>>,
    /// The answer to pings.
    pub pong: Pong,
    /// Acknowledgements are recorded, but count as if they had never come.
    pub ignore_acks: bool,
    /// Answers to calls; the first switch that fits the call fires.
    pub rest: Vec<Switch<RestFault>>,
    /// The same for calls that have had their effect: only the answer is another.
    pub rest_after: Vec<Switch<RestFault>>,
    /// HTTP status that goes with an invalid token: the live platform has been seen with 200, 400 and 401.
    pub bad_token_status: u16,
    /// New connections get an RFC 6455 ping every so many milliseconds.
    pub ws_ping_ms: Option<u64>,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            discovery: None,
            url: None,
            upgrade: None,
            pong: Pong::Config,
            ignore_acks: false,
            rest: Vec::new(),
            rest_after: Vec::new(),
            bad_token_status: 400,
            ws_ping_ms: None,
        }
    }
}

/// A fault, how often it happens, and to whom.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Switch<T> {
    /// What happens.
    pub fault: T,
    /// How often it still happens; `None` means always.
    #[serde(default)]
    pub times: Option<u32>,
    /// Only to this app; `None` means to all.
    #[serde(default)]
    pub app_id: Option<String>,
}

impl<T> Switch<T> {
    /// Happens until it is switched off.
    pub fn always(fault: T) -> Self {
        Self { fault, times: None, app_id: None }
    }

    /// Happens this many times.
    pub fn times(fault: T, times: u32) -> Self {
        Self { fault, times: Some(times), app_id: None }
    }

    /// Happens to one app only.
    #[must_use]
    pub fn for_app(mut self, app_id: impl Into<String>) -> Self {
        self.app_id = Some(app_id.into());
        self
    }

    fn fits(&self, app_id: Option<&str>) -> bool {
        self.times != Some(0) && (self.app_id.is_none() || self.app_id.as_deref() == app_id)
    }

    fn fire(&mut self) -> &T {
        self.times = self.times.map(|times| times.saturating_sub(1));
        &self.fault
    }
}

/// The fault of the first switch that is on for this app and that `wanted` takes.
pub(super) fn fire<'a, T: Clone + 'a>(
    switches: impl IntoIterator<Item = &'a mut Switch<T>>,
    app_id: Option<&str>,
    wanted: impl Fn(&T) -> bool,
) -> Option<T> {
    let mut fitting = switches.into_iter().filter(|switch| switch.fits(app_id) && wanted(&switch.fault));
    fitting.next().map(|switch| switch.fire().clone())
}

/// An HTTP answer as the test wants it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Added to the usual headers.
    pub headers: BTreeMap<String, String>,
    /// The whole body.
    pub body: String,
}

impl Default for Answer {
    fn default() -> Self {
        Self { status: 200, headers: BTreeMap::new(), body: String::new() }
    }
}

impl Answer {
    /// An answer without body.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// The JSON body `{"code":…,"msg":…}` with HTTP status 200.
    #[must_use]
    pub fn code(code: i64, msg: &str) -> Self {
        Self::status(200).body(json!({ "code": code, "msg": msg }).to_string())
    }

    /// A page for people where JSON belongs, as captive portals and proxies have them.
    #[must_use]
    pub fn html(http_status: u16) -> Self {
        let page = "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Welcome</body></html>";
        Self::status(http_status).header("content-type", "text/html; charset=utf-8").body(page)
    }

    /// Code 99991400 with this HTTP status (429, of a few calls 400) and the seconds until calls are taken again.
    #[must_use]
    pub fn rate_limited(http_status: u16, reset_s: u64) -> Self {
        let limited = Self::code(99_991_400, "request trigger frequency limit");
        let limited = limited.header("x-ogw-ratelimit-limit", "50");
        Self { status: http_status, ..limited.header("x-ogw-ratelimit-reset", reset_s.to_string()) }
    }

    /// Code 99991672: the app lacks all of these scopes, of which one would do.
    #[must_use]
    pub fn missing_scope(scopes: &[&str]) -> Self {
        let (msg, error) = missing_scope(scopes);
        Self::status(400).body(json!({ "code": 99_991_672, "msg": msg, "error": error }).to_string())
    }

    /// A redirect (302).
    #[must_use]
    pub fn redirect(location: &str) -> Self {
        Self::status(302).header("location", location)
    }

    /// A refusal by the platform's own headers: `Handshake-Status`, `Handshake-Msg` and `Handshake-Autherrcode`.
    #[must_use]
    pub fn handshake(http_status: u16, status: &str, msg: &str, auth_error: Option<&str>) -> Self {
        let answer = Self::status(http_status).header("handshake-status", status).header("handshake-msg", msg);
        match auth_error {
            Some(code) => answer.header("handshake-autherrcode", code),
            None => answer,
        }
    }

    /// The same answer with one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.insert(name.to_owned(), value.into());
        self
    }

    /// The same answer with this body.
    #[must_use]
    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.body = body.into();
        self
    }
}

/// Ways to answer an HTTP request wrongly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HttpFault {
    /// This answer.
    Answer(Answer),
    /// These bytes, then the end of the connection: an answer that need not be HTTP.
    Bytes(String),
    /// These bytes, then nothing more; the connection stays open.
    BytesThenHang(String),
    /// These bytes one by one, then the end of the connection.
    Drip {
        /// What is written.
        bytes: String,
        /// Milliseconds from one byte to the next.
        every_ms: u64,
    },
    /// The head, then the same bytes again and again until the client hangs up.
    Flood {
        /// What is written first.
        head: String,
        /// What is written for ever.
        again: String,
    },
    /// No answer; the connection stays open.
    Hang,
    /// No answer; the connection is closed.
    Drop,
}

impl HttpFault {
    /// It has places to be filled in with a good answer.
    pub(super) fn wants_answer(&self) -> bool {
        match self {
            Self::Answer(Answer { body: text, .. })
            | Self::Bytes(text)
            | Self::BytesThenHang(text)
            | Self::Drip { bytes: text, .. } => text.contains("{json}") || text.contains("{url}"),
            Self::Flood { .. } | Self::Hang | Self::Drop => false,
        }
    }

    /// The same with this JSON for `{json}`, its length for `{len}` and `{hexlen}`, and the URL in it for `{url}`.
    pub(super) fn filled(mut self, json: &str, url: &str) -> Self {
        let (len, hexlen) = (json.len().to_string(), format!("{:X}", json.len()));
        let text = match &mut self {
            Self::Answer(answer) => Some(&mut answer.body),
            Self::Bytes(bytes) | Self::BytesThenHang(bytes) | Self::Drip { bytes, .. } => Some(bytes),
            Self::Flood { .. } | Self::Hang | Self::Drop => None,
        };
        if let Some(text) = text {
            *text =
                text.replace("{len}", &len).replace("{hexlen}", &hexlen).replace("{json}", json).replace("{url}", url);
        }
        self
    }
}

/// Ways to answer discovery wrongly.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiscoveryFault {
    /// Something else than what was asked for. In its bytes `{json}` is a good answer, `{len}` its length, `{hexlen}`
    /// the same in hex, and `{url}` the URL in it, for answers that are good in an unusual form.
    Http(HttpFault),
    /// A good answer with this as its `ClientConfig`.
    ClientConfig(Value),
    /// `code` 0 with this as `data`.
    Data(Value),
}

impl From<Answer> for DiscoveryFault {
    fn from(answer: Answer) -> Self {
        Self::Http(HttpFault::Answer(answer))
    }
}

/// URLs a client should not use, or only with care.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UrlFault {
    /// `http` instead of `ws`.
    HttpScheme,
    /// With `user:password@`.
    Userinfo,
    /// With `#fragment`.
    Fragment,
    /// Without `service_id`.
    NoServiceId,
    /// `service_id=`.
    BlankServiceId,
    /// `service_id=abc`.
    TextServiceId,
    /// `service_id` before all other parameters; legal, but a known SDK loses it there.
    ServiceIdFirst,
    /// Without `device_id`; to be tolerated.
    NoDeviceId,
    /// This query, in which `{ticket}`, `{access_key}`, `{device_id}`, `{service_id}` and `{service_id_escaped}` (each digit
    /// as `%3N`) are filled in.
    Query(String),
    /// Another URL altogether.
    Other(String),
}

/// Ways to answer the WebSocket upgrade wrongly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpgradeFault {
    /// Something else than 101.
    Http(HttpFault),
    /// 101 with a wrong `Sec-WebSocket-Accept`.
    WrongAccept,
    /// 101 with this extension, whatever was offered.
    Extension(String),
    /// 101 and at once a Close frame with this code.
    AcceptThenClose(u16),
    /// 101 and at once the end of the connection.
    AcceptThenDrop,
    /// This head instead of the platform's own, with the right `Sec-WebSocket-Accept` where it says `{accept}`; after it
    /// the connection is served.
    Head(String),
    /// The same, with bytes behind it in the same write.
    HeadThen {
        /// As in `Head`.
        head: String,
        /// The bytes, in hex.
        hex: String,
    },
}

impl From<Answer> for UpgradeFault {
    fn from(answer: Answer) -> Self {
        Self::Http(HttpFault::Answer(answer))
    }
}

/// What a ping is answered with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pong {
    /// A pong with the whole `ClientConfig`.
    #[default]
    Config,
    /// A pong without payload.
    Empty,
    /// A good pong, so many milliseconds late.
    Late(u64),
    /// A pong with numbers of its own: SeqID 7, LogID 8, service 9.
    Numbered,
    /// A pong with this payload.
    Payload(String),
    /// Nothing.
    Silent,
}

/// A wrong answer to a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestFault {
    /// Which call; `None` means every one.
    #[serde(default)]
    pub endpoint: Option<Endpoint>,
    /// What comes instead of the answer. The call has no effect.
    pub fault: HttpFault,
}

impl RestFault {
    /// This answer to this call.
    #[must_use]
    pub fn new(endpoint: Endpoint, answer: Answer) -> Self {
        Self { endpoint: Some(endpoint), fault: HttpFault::Answer(answer) }
    }
}

/// `msg` and `error` of code 99991672.
pub(super) fn missing_scope(scopes: &[&str]) -> (String, Value) {
    let msg = format!("Access denied. One of the following scopes is required: [{}]", scopes.join(", "));
    let violation = |scope: &&str| json!({ "type": "action_scope_required", "subject": scope });
    (msg, json!({ "permission_violations": scopes.iter().map(violation).collect::<Vec<_>>() }))
}
