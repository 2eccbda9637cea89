//! Access tokens: protocol section 15.

use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until, timeout};

use super::Client;
use super::defects::Defect;
use super::http::{Question, ask};
use super::redial::Failure;

/// For one request.
const DEADLINE: Duration = Duration::from_secs(15);
/// The longest wait after failures.
const LONGEST: f64 = 32.0;
const DAY: i64 = 24 * 60 * 60;

#[derive(Debug, Default)]
pub(super) struct Tokens {
    state: Mutex<State>,
}

#[derive(Clone, Debug, Default)]
struct State {
    token: Option<Token>,
    failures: u32,
    /// No request before.
    pause: Option<Instant>,
}

#[derive(Clone, Debug)]
struct Token {
    value: String,
    ends: Instant,
    renew: Instant,
}

impl Tokens {
    /// One that is good for now; asks for as long as it takes.
    pub(super) async fn get(&self, client: &Client) -> String {
        if client.has(Defect::NoSingleFlight) {
            loop {
                let known = self.state.lock().await.token.clone();
                if let Some(token) = known.filter(|token| Instant::now() < token.renew) {
                    return token.value;
                }
                let mut alone = State::default();
                fetch(client, &mut alone).await;
                if let Some(token) = alone.token {
                    self.state.lock().await.token = Some(token.clone());
                    return token.value;
                }
                sleep_until(alone.pause.unwrap_or_else(Instant::now)).await;
            }
        }
        let mut state = self.state.lock().await;
        loop {
            let now = Instant::now();
            if let Some(token) = state.token.as_ref().filter(|token| now < token.renew) {
                return token.value.clone();
            }
            let old = state.token.clone().filter(|token| now < token.ends);
            match (state.pause.filter(|pause| now < *pause), old) {
                (Some(_), Some(token)) => return token.value,
                (Some(pause), None) => sleep_until(pause).await,
                (None, _) => fetch(client, &mut state).await,
            }
        }
    }

    /// The platform refused it; a newer one stays.
    pub(super) async fn refused(&self, value: &str) {
        let mut state = self.state.lock().await;
        if state.token.as_ref().is_some_and(|token| token.value == value) {
            state.token = None;
        }
    }
}

async fn fetch(client: &Client, state: &mut State) {
    let question = Question {
        method: Method::POST,
        target: "/open-apis/auth/v3/tenant_access_token/internal".to_owned(),
        headers: vec![("user-agent", client.agent())],
        body: Some(json!({ "app_id": client.start.app_id, "app_secret": client.start.app_secret })),
    };
    let answer = timeout(DEADLINE, ask(&client.platform, &question)).await.ok().flatten();
    let json = answer.as_ref().and_then(|answer| answer.json.clone()).unwrap_or_default();
    let code = answer.as_ref().and_then(super::http::Answer::code);
    let value = json.get("tenant_access_token").and_then(Value::as_str).unwrap_or_default();
    let now = Instant::now();
    if code == Some(0) && !value.is_empty() {
        let life = ["expire", "expires_in"].into_iter().find_map(|name| json.get(name)?.as_i64());
        let life = life.filter(|life| *life > 0).unwrap_or(60).min(DAY).unsigned_abs();
        let life = Duration::from_secs(if client.has(Defect::TokenForEver) { 1_000_000 } else { life });
        let margin = Duration::from_secs(180).max(life / 10).min(life / 2);
        state.token = Some(Token { value: value.to_owned(), ends: now + life, renew: now + life - margin });
        (state.failures, state.pause) = (0, None);
        return;
    }
    if let Some(code @ (10003 | 10014 | 99_991_543)) = code {
        let text = answer.as_ref().map(super::http::Answer::words).unwrap_or_default();
        client.doom(Failure::Fatal { code, text: client.redacted(&text) });
    }
    state.failures += 1;
    let most = f64::from(1_u32 << state.failures.min(5)).min(LONGEST);
    let wait = Duration::from_secs_f64(most / 2.0 + client.chance(most / 2.0));
    let asked = answer.as_ref().and_then(super::http::Answer::pause).unwrap_or_default();
    state.pause = Some(now + wait.max(asked));
}
