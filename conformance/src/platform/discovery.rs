//! `POST /callback/ws/endpoint`: credentials in, a URL for one connection out.

use base64::Engine as _;
use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, USER_AGENT};
use rand::RngExt as _;
use rand::seq::SliceRandom as _;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::config::AppState;
use super::faults::{DiscoveryFault, UrlFault, fire};
use super::kind::Kind;
use super::reply::{Outcome, json};
use super::state::{Shared, State};

/// Where the URL points.
pub(super) const SOCKET_PATH: &str = "/ws/v2";

/// The right to one connection.
#[derive(Clone, Debug)]
pub(super) struct Ticket {
    pub(super) app_id: String,
    pub(super) device_id: String,
    pub(super) service_id: i32,
    /// Path and query, which the client must use as they are.
    pub(super) target: String,
    pub(super) expires: Instant,
}

enum Refusal {
    MalformedBody,
    UnknownApp,
    WrongSecret,
    OtherRegion,
    Forbidden,
    TooManyConnections,
}

impl Refusal {
    fn parts(&self) -> (u16, i64, &'static str) {
        match self {
            Self::MalformedBody => (400, 9499, "bad request: AppID and AppSecret expected"),
            Self::UnknownApp => (200, 10003, "invalid app_id"),
            Self::WrongSecret => (200, 514, "auth failed"),
            Self::OtherRegion => (200, 1_000_040_351, "incorrect domain name"),
            Self::Forbidden => (200, 403, "forbidden"),
            Self::TooManyConnections => (200, 1_000_040_350, "the number of connections exceeded the limit"),
        }
    }
}

impl Shared {
    pub(super) fn discover(&self, headers: &HeaderMap, body: &[u8]) -> Outcome {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |name: &str| body.get(name).and_then(Value::as_str);
        let app_id = text("AppID");
        let is_json = headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
        if !is_json {
            self.client_fault(app_id, None, "discovery without content-type: application/json");
        }
        if headers.contains_key(AUTHORIZATION) {
            self.client_fault(app_id, None, "discovery with an authorization header");
        }
        let mut state = self.state();
        let mut client_config = json!(state.client_config);
        match fire(&mut state.faults.discovery, app_id, |_| true) {
            Some(DiscoveryFault::Http(fault)) => {
                if fault.wants_answer()
                    && let Ok(app_id) = self.admit(&state, app_id, text("AppSecret"))
                {
                    let good = self.good_answer(&mut state, headers, &app_id, &client_config);
                    let url = good["data"]["URL"].as_str().unwrap_or_default();
                    return Outcome::from(fault.filled(&good.to_string(), url));
                }
                let outcome = Outcome::from(fault);
                self.refused(app_id, outcome.status(), None, "injected");
                return outcome;
            }
            Some(DiscoveryFault::Data(data)) => {
                self.refused(app_id, 200, Some(0), "injected data");
                return json(200, &json!({ "code": 0, "msg": "", "data": data }));
            }
            Some(DiscoveryFault::ClientConfig(config)) => client_config = config,
            None => {}
        }
        match self.admit(&state, app_id, text("AppSecret")) {
            Ok(app_id) => json(200, &self.good_answer(&mut state, headers, &app_id, &client_config)),
            Err(refusal) => {
                let (status, code, msg) = refusal.parts();
                self.refused(app_id, status, Some(code), msg);
                json(status, &json!({ "code": code, "msg": msg }))
            }
        }
    }

    fn good_answer(&self, state: &mut State, headers: &HeaderMap, app_id: &str, client_config: &Value) -> Value {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let authority = text(HOST).unwrap_or_else(|| self.address.to_string());
        let (service_id, device_id, url) = self.issue(state, app_id, &authority);
        let (locale, user_agent) = (text(HeaderName::from_static("locale")), text(USER_AGENT));
        self.log.add(Some(app_id), Kind::Discovered { device_id, service_id, locale, user_agent });
        json!({ "code": 0, "msg": "", "data": { "URL": url, "ClientConfig": client_config } })
    }

    fn admit(&self, state: &State, app_id: Option<&str>, secret: Option<&str>) -> Result<String, Refusal> {
        let (Some(app_id), Some(secret)) = (app_id, secret) else { return Err(Refusal::MalformedBody) };
        let app = state.apps.get(app_id).ok_or(Refusal::UnknownApp)?;
        if app.spec.app_secret != secret {
            return Err(Refusal::WrongSecret);
        }
        if app.spec.other_region {
            return Err(Refusal::OtherRegion);
        }
        if app.spec.state != AppState::Active || !app.spec.long_connection {
            return Err(Refusal::Forbidden);
        }
        if app.connections.len() >= self.config.max_connections {
            return Err(Refusal::TooManyConnections);
        }
        Ok(app_id.to_owned())
    }

    /// The connection's `service_id` and `device_id`, and its URL.
    fn issue(&self, state: &mut State, app_id: &str, authority: &str) -> (i32, String, String) {
        let now = state.clock.now();
        state.tickets.retain(|_, ticket| ticket.expires > now);
        let variant = fire(&mut state.faults.url, Some(app_id), |_| true);
        let service_id = state.rng.random_range(33_000_000..34_000_000);
        let device_id = state.rng.random_range(7_000_000_000_000_000_000_u64..8_000_000_000_000_000_000).to_string();
        let ticket = state.random_id("");
        let query = query(state, &device_id, service_id, &ticket, variant.as_ref());
        let target = format!("{SOCKET_PATH}?{query}");
        let url = match variant {
            Some(UrlFault::HttpScheme) => format!("http://{authority}{target}"),
            Some(UrlFault::Userinfo) => format!("ws://user:password@{authority}{target}"),
            Some(UrlFault::Fragment) => format!("ws://{authority}{target}#fragment"),
            Some(UrlFault::Other(url)) => url,
            _ => format!("ws://{authority}{target}"),
        };
        let expires = now + self.config.url_lifetime;
        let app_id = app_id.to_owned();
        let named = device_id.clone();
        state.tickets.insert(ticket, Ticket { app_id, device_id, service_id, target, expires });
        (service_id, named, url)
    }

    fn refused(&self, app_id: Option<&str>, status: u16, code: Option<i64>, msg: &str) {
        let refused = Kind::Refused { what: "discovery".to_owned(), status, code, msg: msg.to_owned() };
        self.log.add(app_id, refused);
    }
}

/// The parameters in random order, except for `fpid`: it comes first, as in every URL seen in the field.
fn query(state: &mut State, device_id: &str, service_id: i32, ticket: &str, variant: Option<&UrlFault>) -> String {
    let State { rng, secrets, .. } = state;
    let access_key = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(rng.random::<[u8; 24]>());
    let service_id = match variant {
        Some(UrlFault::BlankServiceId) => String::new(),
        Some(UrlFault::TextServiceId) => "abc".to_owned(),
        _ => service_id.to_string(),
    };
    secrets.extend([access_key.clone(), ticket.to_owned()]);
    let mut pairs = vec![
        ("aid", "552564".to_owned()),
        ("device_id", device_id.to_owned()),
        ("service_id", service_id.clone()),
        ("access_key", access_key),
        ("ticket", ticket.to_owned()),
    ];
    pairs.shuffle(rng);
    pairs.insert(0, ("fpid", "493".to_owned()));
    if let Some(UrlFault::Query(template)) = variant {
        let escaped: String = service_id.chars().map(|digit| format!("%{:02X}", u32::from(digit))).collect();
        let named = |name: &str| pairs.iter().find(|(other, _)| *other == name).map_or("", |(_, value)| value.as_str());
        return ["ticket", "access_key", "device_id", "service_id"]
            .iter()
            .fold(template.replace("{service_id_escaped}", &escaped), |query, name| {
                query.replace(&format!("{{{name}}}"), named(name))
            });
    }
    match variant {
        Some(UrlFault::NoServiceId) => pairs.retain(|(name, _)| *name != "service_id"),
        Some(UrlFault::NoDeviceId) => pairs.retain(|(name, _)| *name != "device_id"),
        Some(UrlFault::ServiceIdFirst) => pairs.sort_by_key(|(name, _)| *name != "service_id"),
        _ => {}
    }
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}
