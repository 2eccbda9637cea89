//! Access tokens: `POST /open-apis/auth/v3/{tenant,app}_access_token/internal`.

use std::time::Duration;

use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::record::Kind;
use super::rest::{ApiError, text};
use super::state::{Shared, State};

/// Tokens of one app.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    issued: Vec<Token>,
}

#[derive(Clone, Debug)]
struct Token {
    kind: TokenKind,
    value: String,
    expires: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    App,
    Tenant,
}

impl TokenKind {
    fn name(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Tenant => "tenant",
        }
    }
}

impl Tokens {
    /// Makes every token invalid; the number of those that were valid.
    pub(super) fn revoke(&mut self) -> usize {
        std::mem::take(&mut self.issued).len()
    }

    fn drop_expired(&mut self) {
        self.issued.retain(|token| token.expires > Instant::now());
    }
}

impl Shared {
    /// The same token as before while it has half an hour left (or half its life, if that is shorter), then a new one.
    pub(super) fn issue_token(&self, state: &mut State, kind: TokenKind, body: &Value) -> Result<Value, ApiError> {
        let app_id = text(body, "app_id")?;
        let secret = text(body, "app_secret")?;
        let lifetime = self.config.token_lifetime;
        let (prefix, member) = match kind {
            TokenKind::App => ("a-", "app_access_token"),
            TokenKind::Tenant => ("t-", "tenant_access_token"),
        };
        let fresh = state.random_id(prefix);
        let app = state.apps.get_mut(app_id).ok_or(ApiError::new(10003, "invalid app_id"))?;
        if app.spec.app_secret != secret {
            return Err(ApiError::new(10014, "app secret invalid").status(200));
        }
        app.tokens.drop_expired();
        let needed = Instant::now() + Duration::from_secs(30 * 60).min(lifetime / 2);
        let kept = app.tokens.issued.iter().find(|token| token.kind == kind && token.expires >= needed).cloned();
        let reused = kept.is_some();
        let token = kept.unwrap_or_else(|| {
            let token = Token { kind, value: fresh, expires: Instant::now() + lifetime };
            app.tokens.issued.push(token.clone());
            token
        });
        let expire = token.expires.saturating_duration_since(Instant::now()).as_secs_f64().ceil() as u64;
        self.log.add(Some(app_id), Kind::TokenIssued { token: kind.name().to_owned(), reused, expire });
        Ok(json!({ "code": 0, "msg": "ok", member: token.value, "expire": expire }))
    }
}

impl State {
    /// The app whose tenant token the request carries.
    pub(super) fn authorized_app(&mut self, headers: &HeaderMap) -> Result<String, ApiError> {
        let status = self.faults.bad_token_status;
        let refuse = |code, msg| Err(ApiError::new(code, msg).status(status));
        let Some(header) = headers.get(AUTHORIZATION) else {
            return refuse(99_991_661, "Missing access token for authorization");
        };
        let Some(value) = header.to_str().ok().and_then(|header| header.strip_prefix("Bearer ")) else {
            return refuse(99_991_671, "Invalid access token format");
        };
        let owner = self.apps.iter_mut().find_map(|(app_id, app)| {
            app.tokens.drop_expired();
            let mut tokens = app.tokens.issued.iter();
            tokens.any(|token| token.kind == TokenKind::Tenant && token.value == value).then(|| app_id.clone())
        });
        owner.map_or_else(|| refuse(99_991_663, "Invalid access token for authorization"), Ok)
    }
}
