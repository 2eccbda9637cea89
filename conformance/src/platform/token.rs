//! Access tokens: `POST /open-apis/auth/v3/{tenant,app}_access_token/internal`.

use std::time::Duration;

use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use rand::RngExt as _;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::kind::Kind;
use super::rest::ApiError;
use super::state::{Shared, State};

/// Longer ones would not fit into a header.
const MAX_TOKEN_LEN: usize = 64 * 1024;

/// Tokens of one app.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    issued: Vec<Token>,
    /// Requests for tokens, also those that were refused.
    pub(super) requests: u64,
    /// Calls for which doomed tokens are still good.
    uses_left: u32,
}

#[derive(Clone, Debug)]
struct Token {
    kind: TokenKind,
    value: String,
    expires: Instant,
    /// It becomes invalid when `uses_left` is used up.
    doomed: bool,
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
    /// Makes every token invalid after this many more calls; the number of those that are valid.
    pub(super) fn revoke(&mut self, after_calls: u32, now: Instant) -> usize {
        self.drop_expired(now);
        let valid = self.issued.len();
        self.issued.iter_mut().for_each(|token| token.doomed = true);
        self.uses_left = after_calls;
        self.drop_doomed();
        valid
    }

    /// Tokens that would be taken now.
    pub(super) fn valid(&self, now: Instant) -> usize {
        self.issued.iter().filter(|token| token.expires > now).count()
    }

    /// Whether a call may go on with this token.
    fn accept(&mut self, value: &str, now: Instant) -> bool {
        self.drop_expired(now);
        let mut tokens = self.issued.iter();
        let token = tokens.find(|token| token.kind == TokenKind::Tenant && token.value == value);
        let Some(doomed) = token.map(|token| token.doomed) else { return false };
        if doomed {
            self.uses_left = self.uses_left.saturating_sub(1);
            self.drop_doomed();
        }
        true
    }

    fn drop_doomed(&mut self) {
        if self.uses_left == 0 {
            self.issued.retain(|token| !token.doomed);
        }
    }

    fn drop_expired(&mut self, now: Instant) {
        self.issued.retain(|token| token.expires > now);
    }
}

impl Shared {
    /// The same token as before while it has half an hour left (or half its life, if that is shorter), then a new one.
    pub(super) fn issue_token(&self, state: &mut State, kind: TokenKind, body: &Value) -> Result<Value, ApiError> {
        let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
        let app_id = text("app_id");
        if let Some(name) =
            body.as_object().and_then(|body| body.keys().find(|key| !CREDENTIALS.contains(&key.as_str())))
        {
            self.client_fault(
                Some(app_id),
                None,
                format!("a request for a token with {name}, which is no business of it"),
            );
        }
        let lifetime = state
            .options
            .token_expire_s
            .map_or(self.config.token_lifetime, |expire| Duration::from_secs(expire.min(u32::MAX.into())));
        let (prefix, member) = match kind {
            TokenKind::App => ("a-", "app_access_token"),
            TokenKind::Tenant => ("t-", "tenant_access_token"),
        };
        let fresh = state.random_token(prefix);
        let now = self.clock.now();
        let app = state.apps.get_mut(app_id).ok_or(ApiError::new(10003, "invalid app_id"))?;
        app.tokens.requests += 1;
        if app.spec.app_secret != text("app_secret") {
            return Err(ApiError::new(10014, "app secret invalid").status(200));
        }
        if let Some((code, msg)) = app.spec.state.refusal() {
            return Err(ApiError::new(code, msg).status(200));
        }
        app.tokens.drop_expired(now);
        let needed = now + Duration::from_secs(30 * 60).min(lifetime / 2);
        let kept = app.tokens.issued.iter().find(|token| token.kind == kind && token.expires >= needed).cloned();
        let reused = kept.is_some();
        let token = kept.unwrap_or_else(|| {
            let token = Token { kind, value: fresh, expires: now + lifetime, doomed: false };
            app.tokens.issued.push(token.clone());
            token
        });
        if !reused {
            state.secrets.push(token.value.clone());
        }
        let expire = token.expires.saturating_duration_since(now).as_secs_f64().ceil() as u64;
        self.log.add(Some(app_id), Kind::TokenIssued { token: kind.name().to_owned(), reused, expire });
        Ok(json!({ "code": 0, "msg": "ok", member: token.value, "expire": expire }))
    }
}

/// All that a request for a token holds.
const CREDENTIALS: [&str; 2] = ["app_id", "app_secret"];

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
        let now = self.clock.now();
        let mut apps = self.apps.iter_mut();
        let owner = apps.find_map(|(app_id, app)| app.tokens.accept(value, now).then(|| app_id.clone()));
        owner.map_or_else(|| refuse(99_991_663, "Invalid access token for authorization"), Ok)
    }

    /// As long as [`Options::token_len`](super::Options::token_len) wants it.
    fn random_token(&mut self, prefix: &str) -> String {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
        let mut token = self.random_id(prefix);
        if let Some(len) = self.options.token_len {
            // Any shorter, and two tokens might be the same.
            token.truncate(len.max(16));
            while token.len() < len.min(MAX_TOKEN_LEN) {
                token.push(char::from(ALPHABET[self.rng.random_range(0..ALPHABET.len())]));
            }
        }
        token
    }
}
