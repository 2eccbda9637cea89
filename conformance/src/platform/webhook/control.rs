//! Webhooks in the control interface.

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::control::{Complaint, parse};
use super::super::state::Shared;
use super::{Resend, WebhookError, WebhookSpec, hostile_list};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Subscription {
    app_id: Option<String>,
    /// None: the app has no webhook any more.
    url: Option<String>,
    encrypt_key: Option<String>,
    #[serde(default)]
    verification_token: String,
    #[serde(default)]
    old_cards: bool,
    #[serde(default)]
    resend: Resend,
    #[serde(default)]
    sign_challenge: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Challenge {
    app_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HostileRequest {
    app_id: Option<String>,
    /// None: which ones there are.
    name: Option<String>,
}

impl Shared {
    /// A command about webhooks; `None` if it is about something else.
    pub(in super::super) async fn webhook_command(&self, path: &str, body: &[u8]) -> Option<Result<Value, Complaint>> {
        Some(match path {
            "webhook" => self.control_webhook(body),
            "challenge" => self.control_challenge(body).await,
            "hostile" => self.control_hostile(body).await,
            _ => return None,
        })
    }

    fn control_webhook(&self, body: &[u8]) -> Result<Value, Complaint> {
        let Subscription { app_id, url, encrypt_key, verification_token, old_cards, resend, sign_challenge } =
            parse(body)?;
        let app_id = self.app_or_first(app_id)?;
        let answer = json!({ "app_id": app_id, "url": url });
        match url {
            Some(url) => {
                let spec = WebhookSpec {
                    encrypt_key,
                    old_cards,
                    resend,
                    sign_challenge,
                    ..WebhookSpec::new(app_id, url, verification_token)
                };
                self.subscribe_webhook(spec).map_err(complaint)?;
            }
            None => self.unsubscribe_webhook(&app_id).map_err(complaint)?,
        }
        Ok(answer)
    }

    async fn control_challenge(&self, body: &[u8]) -> Result<Value, Complaint> {
        let Challenge { app_id } = parse(body)?;
        let verdict = self.challenge(&self.app_or_first(app_id)?).await.map_err(complaint)?;
        let mut answer = json!(verdict);
        answer["passed"] = json!(verdict.passed());
        Ok(answer)
    }

    async fn control_hostile(&self, body: &[u8]) -> Result<Value, Complaint> {
        let HostileRequest { app_id, name } = parse(body)?;
        let Some(name) = name else {
            let describe =
                |case: &super::Hostile| json!({ "name": case.name, "expected": case.expected, "doc": case.doc });
            return Ok(json!({ "hostile": hostile_list().map(describe).collect::<Vec<_>>() }));
        };
        let answer = self.hostile(&self.app_or_first(app_id)?, &name).await.map_err(complaint)?;
        Ok(json!(answer))
    }
}

fn complaint(error: WebhookError) -> Complaint {
    error.to_string()
}
