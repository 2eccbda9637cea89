//! The calls of the open platform under `/open-apis`.

use std::fmt;
use std::sync::Arc;

use hyper::header::CONTENT_TYPE;
use hyper::http::request::Parts;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::config::AppSpec;
use super::endpoint::Endpoint;
use super::faults::{RestFault, fire, missing_scope};
use super::info::{bot_info, chat_info};
use super::kind::Kind;
use super::messages::get_message;
use super::reaction::list_reactions;
use super::reply::{Outcome, error, json};
use super::state::{App, Shared, State};

/// Why a call is refused.
#[derive(Debug)]
pub(super) struct ApiError {
    status: u16,
    code: i64,
    msg: String,
    /// Details for the member `error`.
    error: Value,
}

impl ApiError {
    /// A refusal with HTTP status 400, as most have.
    pub(super) fn new(code: i64, msg: impl Into<String>) -> Self {
        Self { status: 400, code, msg: msg.into(), error: json!({}) }
    }

    /// A member that is not there, or not what it has to be.
    pub(super) fn field(name: &str, description: &str) -> Self {
        let violation = json!({ "field": name, "description": description });
        let error = json!({ "field_violations": [violation] });
        Self { error, ..Self::new(99_992_402, format!("field validation failed: {name}: {description}")) }
    }

    /// A member whose value cannot be right; the reason is in `ext=`.
    pub(super) fn parameter(ext: impl fmt::Display) -> Self {
        Self::new(230_001, format!("Your request contains an invalid request parameter, ext={ext}"))
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
    match object.get(name) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text),
        None | Some(Value::Null | Value::String(_)) => Err(ApiError::field(name, "it is required")),
        Some(_) => Err(ApiError::field(name, "it must be a string")),
    }
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
    pub(super) fn call(self: &Arc<Self>, head: &Parts, path: &str, body: &[u8]) -> Outcome {
        let outcome = self.answer(head, path, body);
        let echoes = std::mem::take(&mut self.state().echoes);
        if !echoes.is_empty() {
            // They are for the app that has just called, so it is there.
            let _ = self.push(echoes);
        }
        outcome
    }

    fn answer(&self, head: &Parts, path: &str, body: &[u8]) -> Outcome {
        let segments: Vec<_> = path.split('/').collect();
        let Some((endpoint, ids)) = Endpoint::of(&head.method, &segments) else {
            return json(404, &json!({ "code": 404, "msg": "no such call" }));
        };
        let ids = ids.into_iter().map(|id| percent_decode_str(id).decode_utf8_lossy().into_owned()).collect();
        let token = endpoint.token_kind();
        let content_type = head.headers.get(CONTENT_TYPE);
        let is_json = content_type.is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
        // The official Python SDK asks for tokens without a content-type, and gets them.
        let unlabelled = !body.is_empty() && !is_json && token.is_none();
        let body = if body.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(body) };
        let mut state = self.state();
        let caller = match (token, &body) {
            (None, _) => state.authorized_app(&head.headers),
            (Some(_), body) => {
                Ok(body.as_ref().map_or("", |body| body["app_id"].as_str().unwrap_or_default()).to_owned())
            }
        };
        let app_id = caller.as_deref().ok().map(str::to_owned);
        if unlabelled {
            self.client_fault(
                app_id.as_deref(),
                None,
                format!("{path}: a body without content-type: application/json"),
            );
        }
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
                    self.perform(&mut state, endpoint, &Call { app_id, ids, query, body })
                }
            }
        });
        let lost = result.is_ok().then(|| fire(&mut state.faults.rest_after, app_id.as_deref(), fits)).flatten();
        if let Some(RestFault { fault, .. }) = lost {
            return fault.into();
        }
        match result {
            Ok(body) => json(200, &body),
            Err(ApiError { status, code, msg, error: details }) => {
                let what = path.to_owned();
                let refused = match code {
                    99_991_661 | 99_991_663 | 99_991_671 => Kind::Unauthorized { what, code },
                    _ => Kind::Refused { what, status, code: Some(code), msg: msg.clone() },
                };
                self.log.add(app_id.as_deref(), refused);
                error(status, code, &msg, details)
            }
        }
    }

    fn perform(&self, state: &mut State, endpoint: Endpoint, call: &Call<'_>) -> Result<Value, ApiError> {
        permit(&state.caller(call)?.spec, endpoint)?;
        let answer = match endpoint {
            Endpoint::AppToken | Endpoint::TenantToken => Err(ApiError::new(404, "answered elsewhere")),
            Endpoint::BotInfo => bot_info(state, call),
            Endpoint::ChatInfo => chat_info(state, call),
            Endpoint::Delete => self.delete(state, call),
            Endpoint::Edit => self.edit(state, call),
            Endpoint::GetMessage => get_message(state, call),
            Endpoint::ListReactions => list_reactions(state, call),
            Endpoint::PatchCard => self.patch_card(state, call),
            Endpoint::React => self.react(state, call),
            Endpoint::Reply => self.reply(state, call),
            Endpoint::Send => self.send(state, call),
            Endpoint::Unreact => self.unreact(state, call),
            Endpoint::UpdateCard => self.update_card(state, call),
        }?;
        if endpoint.reads() {
            self.log.add(Some(&call.app_id), Kind::Read { call: endpoint, id: call.ids.first().cloned() });
        }
        Ok(answer)
    }
}

/// Whether the app may make this call at all.
fn permit(spec: &AppSpec, endpoint: Endpoint) -> Result<(), ApiError> {
    if let Some((code, msg)) = spec.state.refusal() {
        return Err(ApiError::new(code, msg));
    }
    let needed = endpoint.scopes();
    if let Some(scopes) = &spec.scopes
        && !needed.is_empty()
        && !needed.iter().any(|needed| scopes.iter().any(|scope| scope == needed))
    {
        let (msg, error) = missing_scope(needed);
        return Err(ApiError { error, ..ApiError::new(99_991_672, msg) });
    }
    match endpoint {
        Endpoint::BotInfo if !spec.bot => Err(ApiError::new(11_205, "app do not have bot").status(200)),
        _ if !spec.bot => Err(ApiError::new(230_006, "Bot ability is not activated.")),
        _ => Ok(()),
    }
}
