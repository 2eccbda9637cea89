//! The control interface for other processes, under `/_platform/`; `PLATFORM.md` has examples.

use std::sync::Arc;
use std::time::Duration;

use hyper::http::request::Parts;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::config::{AppSpec, AppState, ClientConfig, Options};
use super::push::Push;
use super::record::Subscription;
use super::reply::{Outcome, json};
use super::socket::Fate;
use super::state::{App, Shared};
use super::{Inject, UnknownApp};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cut {
    app_id: Option<String>,
    #[serde(default)]
    how: How,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum How {
    #[default]
    Fin,
    Reset,
    HalfOpen,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Close {
    app_id: Option<String>,
    #[serde(default = "normal_closure")]
    code: u16,
    #[serde(default)]
    reason: String,
}

fn normal_closure() -> u16 {
    1000
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Injection {
    app_id: Option<String>,
    what: Inject,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Revocation {
    app_id: Option<String>,
    #[serde(default)]
    after_calls: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    seconds: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChatInfo {
    app_id: Option<String>,
    chat_id: String,
    info: Value,
}

/// A new app, or what is to be different of a known one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AppChange {
    app_id: Option<String>,
    app_secret: Option<String>,
    bot_open_id: Option<String>,
    bot_name: Option<String>,
    other_region: Option<bool>,
    state: Option<AppState>,
    bot: Option<bool>,
    activate_status: Option<i64>,
    long_connection: Option<bool>,
    /// Given as null: all that there are.
    #[serde(default, deserialize_with = "given")]
    scopes: Option<Option<Vec<String>>>,
}

/// Tells null from a member that is left out.
fn given<'de, T: Deserialize<'de>, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// What is wrong with a request, for people.
pub(super) type Complaint = String;

impl Shared {
    pub(super) async fn control(self: &Arc<Self>, head: &Parts, path: &str, body: &[u8]) -> Outcome {
        let done = match (head.method.as_str(), path) {
            ("GET", "records") => self.read_records(head.uri.query().unwrap_or_default()).await,
            ("GET", "state") => Ok(self.describe()),
            ("POST", path) => match self.webhook_command(path, body).await {
                Some(done) => done,
                None => self.command(path, body),
            },
            _ => Err(format!("no such request: {} {path}", head.method)),
        };
        match done {
            Ok(body) => json(200, &body),
            Err(complaint) => json(400, &json!({ "error": complaint })),
        }
    }

    fn command(self: &Arc<Self>, path: &str, body: &[u8]) -> Result<Value, Complaint> {
        match path {
            "apps" => {
                let spec = self.changed_app(parse(body)?)?;
                let changed = json!({ "app_id": spec.app_id });
                self.add_app(spec);
                Ok(changed)
            }
            "advance" => {
                let Advance { seconds } = parse(body)?;
                let by = Duration::try_from_secs_f64(seconds).map_err(|error| format!("seconds: {error}"))?;
                Ok(json!({ "ahead_s": self.advance(by).as_secs_f64() }))
            }
            "chats" => {
                let ChatInfo { app_id, chat_id, info } = parse(body)?;
                let app_id = self.app_or_first(app_id)?;
                let mut state = self.state();
                let app = state.app_mut(&app_id).map_err(|UnknownApp(app_id)| unknown(&app_id))?;
                app.chat.describe(&chat_id, &info);
                Ok(json!({ "chat_id": chat_id, "info": app.chat.room(&chat_id) }))
            }
            "push" => {
                // One, or several to be interleaved.
                let pushes: Vec<Push> = if body.starts_with(b"[") { parse(body)? } else { vec![parse(body)?] };
                self.push(pushes).map(|ids| json!({ "pushes": ids })).map_err(|UnknownApp(app_id)| unknown(&app_id))
            }
            "cut" => {
                let Cut { app_id, how } = parse(body)?;
                let app_id = self.app_or_first(app_id)?;
                let connections = match how {
                    How::Fin => self.end(&app_id, Fate::Cut),
                    How::Reset => self.end(&app_id, Fate::Reset),
                    How::HalfOpen => self.half_open(&app_id),
                };
                Ok(json!({ "connections": connections }))
            }
            "close" => {
                let Close { app_id, code, reason } = parse(body)?;
                Ok(json!({ "connections": self.close(&self.app_or_first(app_id)?, code, &reason) }))
            }
            "inject" => {
                let Injection { app_id, what } = parse(body)?;
                Ok(json!({ "connections": self.inject(&self.app_or_first(app_id)?, &what) }))
            }
            "revoke_tokens" => {
                let Revocation { app_id, after_calls } = parse(body)?;
                Ok(json!({ "tokens": self.revoke_tokens(&self.app_or_first(app_id)?, after_calls) }))
            }
            "faults" => {
                let mut state = self.state();
                state.faults = changed(&state.faults, body)?;
                Ok(json!(state.faults))
            }
            "options" => {
                let mut state = self.state();
                state.options = changed::<Options>(&state.options, body)?;
                Ok(json!(state.options))
            }
            "client_config" => {
                let config: ClientConfig = parse(body)?;
                self.state().client_config = config.clone();
                Ok(json!(config))
            }
            _ => Err(format!("no such command: {path}")),
        }
    }

    /// A known app with these changes, or a new one.
    fn changed_app(&self, change: AppChange) -> Result<AppSpec, Complaint> {
        let state = self.state();
        let app_id = change.app_id.or_else(|| state.first_app.clone()).ok_or("there is no app: app_id is needed")?;
        let mut spec = match (state.apps.get(&app_id), change.app_secret) {
            (Some(app), secret) => {
                let spec = app.spec.clone();
                AppSpec { app_secret: secret.unwrap_or_else(|| spec.app_secret.clone()), ..spec }
            }
            (None, Some(secret)) => AppSpec::new(app_id, secret),
            (None, None) => return Err(format!("{}: a new one needs app_secret", unknown(&app_id))),
        };
        set(&mut spec.bot_open_id, change.bot_open_id);
        set(&mut spec.bot_name, change.bot_name);
        set(&mut spec.other_region, change.other_region);
        set(&mut spec.state, change.state);
        set(&mut spec.bot, change.bot);
        set(&mut spec.activate_status, change.activate_status);
        set(&mut spec.long_connection, change.long_connection);
        set(&mut spec.scopes, change.scopes);
        Ok(spec)
    }

    async fn read_records(&self, query: &str) -> Result<Value, Complaint> {
        let number = |name: &str| match form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name) {
            Some((_, text)) => text.parse::<u64>().map_err(|error| format!("{name}: {error}")),
            None => Ok(0),
        };
        let (since, wait_ms) = (number("since")?, number("wait_ms")?);
        let mut news = Subscription::new(Arc::clone(&self.log), since);
        // Whether something came or the time is up, the answer is what is there.
        let _ = timeout(Duration::from_millis(wait_ms), news.next()).await;
        Ok(json!({ "records": self.log.since(since) }))
    }

    fn describe(&self) -> Value {
        let state = self.state();
        let describe = |(app_id, app): (&String, &App)| {
            json!({
                "app_id": app_id,
                "connections": app.connections.len(),
                "webhook": app.webhook.as_ref().map(|webhook| &webhook.spec.url),
                "queued": app.queue.len(),
                "token_requests": app.tokens.requests,
                "valid_tokens": app.tokens.valid(self.clock.now()),
            })
        };
        json!({
            "ahead_s": self.clock.ahead().as_secs_f64(),
            "base_url": self.base_url(),
            "apps": state.apps.iter().map(describe).collect::<Vec<_>>(),
            "client_config": state.client_config,
            "faults": state.faults,
            "options": state.options,
        })
    }

    pub(super) fn app_or_first(&self, app_id: Option<String>) -> Result<String, Complaint> {
        let state = self.state();
        match app_id {
            Some(app_id) if state.apps.contains_key(&app_id) => Ok(app_id),
            Some(app_id) => Err(unknown(&app_id)),
            None => state.first_app.clone().ok_or_else(|| "there is no app".to_owned()),
        }
    }
}

fn set<T>(member: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *member = value;
    }
}

/// Members that are given replace the present ones; null brings back the default, which switches a fault off.
fn changed<T: Serialize + DeserializeOwned + Default>(present: &T, body: &[u8]) -> Result<T, Complaint> {
    let changes: serde_json::Map<String, Value> = parse(body)?;
    let mut all = json!(present);
    for (name, value) in changes {
        let value = if value.is_null() { json!(T::default())[name.as_str()].clone() } else { value };
        all[name.as_str()] = value;
    }
    serde_json::from_value(all).map_err(|error| error.to_string())
}

fn unknown(app_id: &str) -> Complaint {
    format!("unknown app {app_id}")
}

pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Complaint> {
    let body: &[u8] = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| error.to_string())
}
