//! The control interface for other processes, under `/_platform/`; `PLATFORM.md` has examples.

use std::sync::Arc;
use std::time::Duration;

use hyper::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::config::{AppSpec, ClientConfig};
use super::faults::Faults;
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
struct Target {
    app_id: Option<String>,
}

/// What is wrong with a request, for people.
type Complaint = String;

impl Shared {
    pub(super) async fn control(self: &Arc<Self>, head: &Parts, path: &str, body: &[u8]) -> Outcome {
        let done = match (head.method.as_str(), path) {
            ("GET", "records") => self.read_records(head.uri.query().unwrap_or_default()).await,
            ("GET", "state") => Ok(self.describe()),
            ("POST", path) => self.command(path, body),
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
                let spec: AppSpec = parse(body)?;
                let added = json!({ "app_id": spec.app_id });
                self.add_app(spec);
                Ok(added)
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
                let Target { app_id } = parse(body)?;
                Ok(json!({ "tokens": self.revoke_tokens(&self.app_or_first(app_id)?) }))
            }
            "faults" => self.merge_faults(body),
            "client_config" => {
                let config: ClientConfig = parse(body)?;
                self.state().client_config = config.clone();
                Ok(json!(config))
            }
            _ => Err(format!("no such command: {path}")),
        }
    }

    /// Members that are given replace the present ones; null switches them off.
    fn merge_faults(&self, body: &[u8]) -> Result<Value, Complaint> {
        let changes: serde_json::Map<String, Value> = parse(body)?;
        let mut state = self.state();
        let mut all = json!(state.faults);
        for (name, value) in changes {
            let value = if value.is_null() { json!(Faults::default())[name.as_str()].clone() } else { value };
            all[name.as_str()] = value;
        }
        state.faults = serde_json::from_value(all).map_err(|error| error.to_string())?;
        Ok(json!(state.faults))
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
            let (connections, queued) = (app.connections.len(), app.queue.len());
            json!({ "app_id": app_id, "connections": connections, "queued": queued })
        };
        json!({
            "base_url": self.base_url(),
            "apps": state.apps.iter().map(describe).collect::<Vec<_>>(),
            "client_config": state.client_config,
            "faults": state.faults,
        })
    }

    fn app_or_first(&self, app_id: Option<String>) -> Result<String, Complaint> {
        let state = self.state();
        match app_id {
            Some(app_id) if state.apps.contains_key(&app_id) => Ok(app_id),
            Some(app_id) => Err(unknown(&app_id)),
            None => state.first_app.clone().ok_or_else(|| "there is no app".to_owned()),
        }
    }
}

fn unknown(app_id: &str) -> Complaint {
    format!("unknown app {app_id}")
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Complaint> {
    let body: &[u8] = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| error.to_string())
}
