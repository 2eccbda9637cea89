//! Requests that only an attacker or a broken proxy sends: how they are made, sent and judged. The list is in variants.

use serde::Serialize;

use super::super::Platform;
use super::super::kind::Kind;
use super::super::state::Shared;
use super::WebhookError;
use super::deliver::{ChallengeVerdict, text};
use super::forge::{CHALLENGE, Forge, ODD_CHALLENGE};
use super::seal::WebhookRequest;
use super::send::Exchange;
use super::variants::VARIANTS;

/// A request that is not what the platform sends, or only just.
#[derive(Clone, Copy, Debug)]
pub struct Hostile {
    /// Stays the same from version to version.
    pub name: &'static str,
    /// What a careful bot does with it.
    pub expected: Expected,
    /// What it is.
    pub doc: &'static str,
    pub(super) make: fn(&Forge) -> WebhookRequest,
}

/// What a careful bot does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    /// 200, and the bot gets the event.
    Accepted,
    /// 200 with the challenge.
    Answered,
    /// 200 or 401, and nothing else: the rules leave it open.
    Either,
    /// 401, and the bot gets nothing.
    Refused,
    /// This status, and the bot gets nothing.
    Status(u16),
    /// 200, but the bot gets nothing, or nothing new.
    Swallowed,
}

/// What came of a hostile request. Whether the bot got an event is for the caller to see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HostileAnswer {
    /// Which one.
    pub name: String,
    /// What a careful bot answers.
    pub expected: Expected,
    /// HTTP status; `None` without answer.
    pub status: Option<u16>,
    /// The answer, as text.
    pub body: String,
    /// Milliseconds until it came.
    pub after_ms: u64,
    /// Why there is none.
    pub failure: Option<String>,
    /// The event the bot would get.
    pub event_id: String,
    /// The answer fits.
    pub as_expected: bool,
}

/// All of them; the first is an ordinary event, for comparison.
pub fn hostile_list() -> impl Iterator<Item = &'static Hostile> {
    VARIANTS.iter().copied().flatten()
}

impl Platform {
    /// Sends a request of [`hostile_list`] to the app's webhook, once. Those that repeat an accepted request send one first
    /// if there is none.
    ///
    /// # Errors
    /// The app is not registered, it has no webhook or none with an Encrypt Key, or there is no such request.
    pub async fn hostile(&self, app_id: &str, name: &str) -> Result<HostileAnswer, WebhookError> {
        self.shared.hostile(app_id, name).await
    }

    /// The request that [`Platform::hostile`] would send now, for those who write it to a connection of their own.
    ///
    /// # Errors
    /// As there.
    pub fn hostile_request(&self, app_id: &str, name: &str) -> Result<WebhookRequest, WebhookError> {
        let case = find(name)?;
        let (forge, _) = self.shared.state().forge(app_id)?;
        Ok((case.make)(&forge))
    }
}

fn find(name: &str) -> Result<&'static Hostile, WebhookError> {
    hostile_list().find(|case| case.name == name).ok_or_else(|| WebhookError::UnknownName(name.to_owned()))
}

impl Shared {
    pub(in super::super) async fn hostile(&self, app_id: &str, name: &str) -> Result<HostileAnswer, WebhookError> {
        let case = find(name)?;
        let repeats = matches!(name, "replay" | "replay-other-id" | "sealed-again");
        let first = self.state().webhook(app_id)?.accepted.is_none() && repeats;
        if first {
            self.send_hostile(app_id, find("valid")?).await?;
        }
        let answer = self.send_hostile(app_id, case).await?;
        self.log.add(Some(app_id), Kind::HostileSent(answer.clone()));
        Ok(answer)
    }

    async fn send_hostile(&self, app_id: &str, case: &Hostile) -> Result<HostileAnswer, WebhookError> {
        let (forge, target) = self.state().forge(app_id)?;
        let request = (case.make)(&forge);
        let exchange = target.send(&request, self.config.ack_timeout).await;
        let answer = case.judge(&forge, &exchange);
        if answer.status == Some(200) && case.expected == Expected::Accepted {
            // Only if it is still there.
            if let Ok(webhook) = self.state().webhook(app_id) {
                webhook.accepted = Some(request);
            }
        }
        Ok(answer)
    }
}

impl Hostile {
    fn judge(&self, forge: &Forge, exchange: &Exchange) -> HostileAnswer {
        let reply = exchange.result.as_ref().ok();
        let status = reply.map(|reply| reply.status);
        let as_expected = match self.expected {
            Expected::Accepted | Expected::Swallowed => status == Some(200),
            Expected::Answered => {
                let odd = self.name == "challenge-odd-text";
                ChallengeVerdict::of(exchange, if odd { ODD_CHALLENGE } else { CHALLENGE }).passed()
            }
            Expected::Either => matches!(status, Some(200 | 401)),
            Expected::Refused => status == Some(401),
            Expected::Status(expected) => status == Some(expected),
        };
        HostileAnswer {
            name: self.name.to_owned(),
            expected: self.expected,
            status,
            body: reply.map(|reply| text(&reply.body)).unwrap_or_default(),
            after_ms: exchange.after_ms(),
            failure: exchange.result.as_ref().err().map(|(_, reason)| reason.clone()),
            event_id: forge.event_id.clone(),
            as_expected,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it fails")]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::super::forge::tests::forge;
    use super::*;

    #[test]
    fn each_request_has_a_name_and_differs_from_all_others() {
        let forge = forge();
        let mut names = BTreeSet::new();
        let mut requests = BTreeMap::new();
        for case in hostile_list() {
            assert!(names.insert(case.name), "{} is there twice", case.name);
            assert!(!case.doc.is_empty(), "{}", case.name);
            let bytes = (case.make)(&forge).to_bytes("bot", "/");
            if let Some(other) = requests.insert(bytes, case.name) {
                panic!("{} and {other} are the same", case.name);
            }
        }
        assert!(names.len() >= 100, "{}", names.len());
        assert_eq!(hostile_list().next().map(|case| case.name), Some("valid"));
    }
}
