//! What our own runtimes must do in every scenario, whatever its story is.

use super::engine::Over;
use super::lab::Lab;
use super::log::Seen;
use super::shim::Report;
use crate::platform::Kind;

/// The one body of every refusal, which tells nothing.
const REFUSED: &str = r#"{"msg":"refused"}"#;

/// Whether an answer tells no more than it should.
fn is_plain(status: Option<u16>, body: &str) -> bool {
    matches!(status, None | Some(200)) || body == REFUSED
}

impl Lab<'_> {
    /// An event as it came has the Verification Token in it, since the platform writes it there.
    fn without_token(&self, report: &Report) -> Report {
        let mut report = report.clone();
        if let (Report::Event(event), Some(webhook)) = (&mut report, &self.scenario.body.given.webhook) {
            event.json = event.json.take().map(|json| json.replace(&webhook.verification_token, ""));
        }
        report
    }

    /// What our own runtimes must do in every scenario.
    pub(super) fn judge_house_rules(&mut self, ack_faults: bool, client_faults: bool) -> Result<(), Over> {
        self.listen();
        self.names.set_secrets(self.platform.secrets());
        let mut open = 0_usize;
        for observation in &self.log {
            let broken = match &observation.seen {
                Seen::Platform(record) => match &record.kind {
                    Kind::Acked { faults, .. } if !faults.is_empty() && !ack_faults => Some(format!(
                        "the acknowledgement deviates: {}",
                        faults.first().map(ToString::to_string).unwrap_or_default()
                    )),
                    Kind::WebhookAnswered { faults, .. } if !faults.is_empty() && !ack_faults => Some(format!(
                        "the answer deviates: {}",
                        faults.first().map(ToString::to_string).unwrap_or_default()
                    )),
                    Kind::WebhookAnswered { status, body, .. } if !is_plain(Some(*status), body) => {
                        Some("a refusal in other words".to_owned())
                    }
                    Kind::HostileSent(answer) if !is_plain(answer.status, &answer.body) => {
                        Some("a refusal in other words".to_owned())
                    }
                    Kind::ClientFault { what, .. } if !client_faults => Some(format!("the platform objects: {what}")),
                    Kind::Upgraded { .. } => {
                        open += 1;
                        (open > 1 + self.excused).then(|| "two long connections at once".to_owned())
                    }
                    Kind::ConnectionClosed { .. } => {
                        open = open.saturating_sub(1);
                        None
                    }
                    _ => None,
                },
                Seen::Shim(report) => {
                    let said = serde_json::json!(self.without_token(report));
                    self.names.has_secret_in(&said).then(|| "a secret is in what the client says".to_owned())
                }
                Seen::Output(text) => {
                    self.names.has_secret(text).then(|| "a secret is in what the client writes".to_owned())
                }
                Seen::Exited(_) | Seen::Garbage(_) => None,
            };
            if let Some(broken) = broken {
                return Err(Over::fail(format!("house rule: {broken}: {}", self.line(observation).trim_start())));
            }
        }
        Ok(())
    }
}
