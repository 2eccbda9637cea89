//! Getting pushes to a webhook, again until they are answered with 200, and asking whether the URL is the bot's.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::super::callback;
use super::super::compose::Composed;
use super::super::kind::{AckFault, Kind};
use super::super::record::PushId;
use super::super::state::{Shared, State};
use super::seal::{WebhookRequest, encrypted};
use super::send::{Exchange, Reply, Target};
use super::{Resend, WebhookError, WebhookFailure};

/// How long the answer to url_verification may take.
const CHALLENGE: Duration = Duration::from_secs(1);

/// What the URL said to url_verification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChallengeVerdict {
    /// HTTP status; `None` without answer.
    pub status: Option<u16>,
    /// The answer, as text.
    pub body: String,
    /// Milliseconds until it came, or until nobody waited any longer.
    pub after_ms: u64,
    /// Why the live platform would not take this URL.
    pub complaint: Option<String>,
}

impl ChallengeVerdict {
    /// The live platform would take this URL.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.complaint.is_none()
    }

    pub(super) fn of(exchange: &Exchange, challenge: &str) -> Self {
        let after_ms = exchange.after_ms();
        match &exchange.result {
            Err((_, complaint)) => {
                Self { status: None, body: String::new(), after_ms, complaint: Some(complaint.clone()) }
            }
            Ok(reply) => {
                let answer: Option<Value> = serde_json::from_slice(&reply.body).ok();
                let answered = answer.as_ref().and_then(|answer| answer.get("challenge")).and_then(Value::as_str);
                let complaint = match (reply.status, answered) {
                    (200, Some(answered)) if answered == challenge => None,
                    (200, Some(_)) => Some("the answer has another challenge".to_owned()),
                    (200, None) => Some(r#"the answer is not {"challenge":"…"}"#.to_owned()),
                    (status, _) => Some(format!("status {status} instead of 200")),
                };
                Self { status: Some(reply.status), body: text(&reply.body), after_ms, complaint }
            }
        }
    }
}

/// A url_verification request's plain text.
pub(super) fn verification(challenge: &str, token: &str) -> Vec<u8> {
    json!({ "challenge": challenge, "token": token, "type": "url_verification" }).to_string().into_bytes()
}

impl Shared {
    /// Sends it until it is settled or given up.
    pub(in super::super) fn post_event(self: &Arc<Self>, push: PushId, app_id: &str, composed: &Arc<Composed>) {
        let post = Post { shared: Arc::clone(self), push, app_id: app_id.to_owned(), composed: Arc::clone(composed) };
        self.spawn(post.until_settled());
    }

    pub(in super::super) async fn challenge(&self, app_id: &str) -> Result<ChallengeVerdict, WebhookError> {
        let (target, request, challenge) = {
            let mut state = self.state();
            let (stamp, challenge) = (state.stamp(), state.random_id(""));
            let webhook = state.webhook(app_id)?;
            let spec = &webhook.spec;
            let plain = verification(&challenge, &spec.verification_token);
            let request = match &spec.encrypt_key {
                Some(key) if spec.sign_challenge => WebhookRequest::signed(encrypted(key, &stamp, &plain), key, &stamp),
                key => WebhookRequest::verification(&plain, key.as_deref(), &stamp),
            };
            (webhook.target.clone(), request, challenge)
        };
        let exchange = target.send(&request, CHALLENGE).await;
        let verdict = ChallengeVerdict::of(&exchange, &challenge);
        self.log.add(Some(app_id), Kind::Challenged { passed: verdict.passed(), verdict: verdict.clone() });
        Ok(verdict)
    }
}

/// A delivery on its way.
struct Post {
    shared: Arc<Shared>,
    push: PushId,
    app_id: String,
    composed: Arc<Composed>,
}

impl Post {
    async fn until_settled(self) {
        let mut before = None;
        for attempt in 0.. {
            let (target, request) = match self.seal(before) {
                Ok(sealed) => sealed,
                Err(error) => return self.give_up(error.to_string()),
            };
            self.log(Kind::WebhookPosted {
                push: self.push,
                event_id: self.composed.event_id.clone(),
                event_type: self.composed.event_type.clone(),
                message_id: self.composed.message_id.clone(),
                attempt,
                headers: request.headers.iter().map(|(name, _)| name.clone()).collect(),
                bytes: request.body.len(),
            });
            let exchange = target.send(&request, self.shared.config.ack_timeout).await;
            let Some(due) = self.next(attempt, &request, exchange) else { return };
            self.shared.clock.sleep_until(due).await;
            before = Some(request);
        }
    }

    /// The next request, which may be the one of before.
    fn seal(&self, before: Option<WebhookRequest>) -> Result<(Target, WebhookRequest), WebhookError> {
        let mut state = self.shared.state();
        let stamp = state.stamp();
        let webhook = state.webhook(&self.app_id)?;
        let spec = &webhook.spec;
        let request = match (before, spec.resend) {
            (Some(before), Resend::Same) => before,
            _ => match self.composed.old_card().filter(|_| spec.old_cards) {
                Some(plain) => WebhookRequest::old_card(&plain, &spec.verification_token, &stamp),
                None => WebhookRequest::event(self.composed.payload(), spec.encrypt_key.as_deref(), &stamp),
            },
        };
        Ok((webhook.target.clone(), request))
    }

    /// Writes down what came of a request; when the next one is due, if there is to be one.
    fn next(&self, attempt: usize, request: &WebhookRequest, exchange: Exchange) -> Option<Instant> {
        let (push, event_id, after_ms) = (self.push, self.composed.event_id.clone(), exchange.after_ms());
        let callback = self.composed.callback;
        // Under the lock, so that the wait begins before the clock can be put forward.
        let mut state = self.shared.state();
        let settled = match exchange.result {
            Ok(reply) if !(300..400).contains(&reply.status) => {
                let settled = reply.status == 200 && !state.faults.ignore_acks;
                let old = state.webhook(&self.app_id).is_ok_and(|webhook| webhook.spec.old_cards);
                let (data, faults) = if callback { self.judge(&reply, old) } else { (None, Vec::new()) };
                if settled {
                    self.settle(&mut state, request);
                }
                self.log(Kind::WebhookAnswered {
                    push,
                    event_id: event_id.clone(),
                    attempt,
                    status: reply.status,
                    body: text(&reply.body),
                    after_ms,
                    settled,
                    faults: faults.clone(),
                });
                if callback {
                    let event_type = self.composed.event_type.clone();
                    let (latency_ms, in_time) = (after_ms, true);
                    self.log(Kind::CallbackAnswered { push, event_id, event_type, data, latency_ms, in_time, faults });
                }
                settled
            }
            failed => {
                let (cause, reason) = match failed {
                    Ok(reply) => (WebhookFailure::Redirect, format!("status {}", reply.status)),
                    Err(failure) => failure,
                };
                self.log(Kind::WebhookFailed { push, event_id, attempt, cause, reason, after_ms });
                false
            }
        };
        if settled {
            return None;
        }
        let config = &self.shared.config;
        let wait = config.redelivery.get(attempt).filter(|_| !callback);
        if wait.is_none() {
            self.give_up("it was not answered with 200".to_owned());
        }
        Some(self.shared.clock.after(wait?.div_f64(config.clock_scale)))
    }

    fn settle(&self, state: &mut State, request: &WebhookRequest) {
        if let Ok(webhook) = state.webhook(&self.app_id)
            && !self.composed.callback
        {
            webhook.accepted = Some(request.clone());
        }
        let token = self.composed.event.get("token").and_then(Value::as_str).filter(|_| self.composed.callback);
        if let Some(token) = token
            && let Some(token) = state.app_mut(&self.app_id).ok().and_then(|app| app.chat.cards.get_mut(token))
        {
            token.answered = true;
        }
    }

    /// The answer to a callback, and what is wrong with it.
    fn judge(&self, reply: &Reply, old_cards: bool) -> (Option<Value>, Vec<AckFault>) {
        let fault = |field: &str, expected: &str, found: String| {
            vec![AckFault { field: field.to_owned(), expected: expected.to_owned(), found }]
        };
        if reply.status != 200 {
            return (None, fault("status", "200", reply.status.to_string()));
        }
        let Ok(data) = serde_json::from_slice::<Value>(&reply.body) else {
            return (None, fault("data", "JSON", text(&reply.body)));
        };
        let mut faults = callback::check(&self.composed.event_type, &data);
        if old_cards && self.composed.old_card().is_some() {
            // A card, a toast or {"msg":"success"}: all that they share is that they are objects.
            faults.retain(|_| !data.is_object());
        }
        (Some(data), faults)
    }

    fn give_up(&self, reason: String) {
        self.log(Kind::GaveUp { push: self.push, event_id: self.composed.event_id.clone(), reason });
    }

    fn log(&self, kind: Kind) {
        self.shared.log.add(Some(&self.app_id), kind);
    }
}

pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
