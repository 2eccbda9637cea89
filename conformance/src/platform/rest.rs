//! The calls of the open platform under `/open-apis`.

use hyper::Method;
use hyper::http::request::Parts;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::chat::get_message;
use super::faults::{Endpoint, RestFault, fire};
use super::reaction::list_reactions;
use super::record::Kind;
use super::reply::{Outcome, error, json};
use super::state::{App, Shared, State};
use super::token::TokenKind;

/// Why a call is refused.
#[derive(Debug)]
pub(super) struct ApiError {
    status: u16,
    code: i64,
    msg: String,
}

impl ApiError {
    /// A refusal with HTTP status 400, as most have.
    pub(super) fn new(code: i64, msg: impl Into<String>) -> Self {
        Self { status: 400, code, msg: msg.into() }
    }

    pub(super) fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }
}

/// A call that reached the right door.
pub(super) struct Call<'a> {
    pub(super) app_id: String,
    /// The path parameters, decoded.
    pub(super) ids: Vec<String>,
    pub(super) query: &'a str,
    pub(super) body: Value,
}

impl Call<'_> {
    /// The first value of a query parameter.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        form_urlencoded::parse(self.query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// A path parameter.
    pub(super) fn id(&self, index: usize) -> &str {
        self.ids.get(index).map_or("", String::as_str)
    }
}

/// A member of a JSON object that must be a string with something in it.
pub(super) fn text<'a>(object: &'a Value, name: &str) -> Result<&'a str, ApiError> {
    let text = object.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    text.ok_or_else(|| ApiError::new(230_001, format!("invalid request: {name} is required")))
}

impl State {
    /// The app that calls.
    pub(super) fn caller(&mut self, call: &Call<'_>) -> Result<&mut App, ApiError> {
        self.apps.get_mut(&call.app_id).ok_or_else(|| ApiError::new(10003, "invalid app_id"))
    }
}

/// The usual shape of an answer.
pub(super) fn data(data: Value) -> Value {
    json!({ "code": 0, "msg": "success", "data": data })
}

impl Shared {
    pub(super) fn call(&self, head: &Parts, path: &str, body: &[u8]) -> Outcome {
        let segments: Vec<_> = path.split('/').collect();
        let Some((endpoint, ids)) = endpoint(&head.method, &segments) else {
            return json(404, &json!({ "code": 404, "msg": "no such call" }));
        };
        let ids = ids.into_iter().map(|id| percent_decode_str(id).decode_utf8_lossy().into_owned()).collect();
        let body = if body.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(body) };
        let token = token_kind(endpoint);
        let mut state = self.state();
        let caller = match (token, &body) {
            (None, _) => state.authorized_app(&head.headers),
            (Some(_), body) => {
                Ok(body.as_ref().map_or("", |body| body["app_id"].as_str().unwrap_or_default()).to_owned())
            }
        };
        let app_id = caller.as_deref().ok().map(str::to_owned);
        let fits = |fault: &RestFault| fault.endpoint.is_none_or(|wanted| wanted == endpoint);
        if let Some(RestFault { fault, .. }) = fire(&mut state.faults.rest, app_id.as_deref(), fits) {
            let outcome = Outcome::from(fault);
            let (what, status, msg) = (path.to_owned(), outcome.status(), "injected".to_owned());
            self.log.add(app_id.as_deref(), Kind::Refused { what, status, code: None, msg });
            return outcome;
        }
        let result = caller.and_then(|app_id| {
            let body = body.map_err(|_| ApiError::new(9499, "Bad Request: the body is not JSON"))?;
            match token {
                Some(kind) => self.issue_token(&mut state, kind, &body),
                None => {
                    let query = head.uri.query().unwrap_or_default();
                    self.answer(&mut state, endpoint, &Call { app_id, ids, query, body })
                }
            }
        });
        match result {
            Ok(body) => json(200, &body),
            Err(ApiError { status, code, msg }) => {
                let what = path.to_owned();
                let refused = match code {
                    99_991_661 | 99_991_663 | 99_991_671 => Kind::Unauthorized { what, code },
                    _ => Kind::Refused { what, status, code: Some(code), msg: msg.clone() },
                };
                self.log.add(app_id.as_deref(), refused);
                error(status, code, &msg)
            }
        }
    }

    fn answer(&self, state: &mut State, endpoint: Endpoint, call: &Call<'_>) -> Result<Value, ApiError> {
        match endpoint {
            Endpoint::AppToken | Endpoint::TenantToken => Err(ApiError::new(404, "answered elsewhere")),
            Endpoint::BotInfo => bot_info(state, call),
            Endpoint::GetMessage => get_message(state, call),
            Endpoint::ListReactions => list_reactions(state, call),
            Endpoint::React => self.react(state, call),
            Endpoint::Reply => self.reply(state, call),
            Endpoint::Send => self.send(state, call),
            Endpoint::Unreact => self.unreact(state, call),
        }
    }
}

fn token_kind(endpoint: Endpoint) -> Option<TokenKind> {
    match endpoint {
        Endpoint::AppToken => Some(TokenKind::App),
        Endpoint::TenantToken => Some(TokenKind::Tenant),
        _ => None,
    }
}

/// The call a path stands for, and its parameters.
fn endpoint<'a>(method: &Method, segments: &[&'a str]) -> Option<(Endpoint, Vec<&'a str>)> {
    Some(match (method.as_str(), segments) {
        ("POST", ["auth", "v3", "app_access_token", "internal"]) => (Endpoint::AppToken, vec![]),
        ("POST", ["auth", "v3", "tenant_access_token", "internal"]) => (Endpoint::TenantToken, vec![]),
        ("GET", ["bot", "v3", "info"]) => (Endpoint::BotInfo, vec![]),
        ("POST", ["im", "v1", "messages"]) => (Endpoint::Send, vec![]),
        ("GET", ["im", "v1", "messages", id]) => (Endpoint::GetMessage, vec![id]),
        ("POST", ["im", "v1", "messages", id, "reply"]) => (Endpoint::Reply, vec![id]),
        ("GET", ["im", "v1", "messages", id, "reactions"]) => (Endpoint::ListReactions, vec![id]),
        ("POST", ["im", "v1", "messages", id, "reactions"]) => (Endpoint::React, vec![id]),
        ("DELETE", ["im", "v1", "messages", id, "reactions", reaction]) => (Endpoint::Unreact, vec![id, reaction]),
        _ => return None,
    })
}

fn bot_info(state: &mut State, call: &Call<'_>) -> Result<Value, ApiError> {
    let spec = &state.caller(call)?.spec;
    let bot = json!({
        "activate_status": 2,
        "app_name": spec.bot_name,
        "avatar_url": "",
        "ip_white_list": [],
        "open_id": spec.bot_open_id,
    });
    Ok(json!({ "code": 0, "msg": "ok", "bot": bot }))
}
