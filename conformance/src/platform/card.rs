//! `POST /interactive/v1/card/update`: a new card for a click that was answered before.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::content::card;
use super::kind::Kind;
use super::rest::{ApiError, Call, text};
use super::state::{Shared, State};

/// How long a token lasts.
const LIFETIME: Duration = Duration::from_secs(30 * 60);
/// How often it may be used.
const MAX_USES: u32 = 2;

/// What the token of a card callback stands for.
#[derive(Debug)]
pub(super) struct CardToken {
    message_id: String,
    pushed: Instant,
    /// The client has answered the callback.
    pub(super) answered: bool,
    uses: u32,
}

impl CardToken {
    pub(super) fn new(message_id: &str, pushed: Instant) -> Self {
        Self { message_id: message_id.to_owned(), pushed, answered: false, uses: 0 }
    }
}

impl Shared {
    pub(super) fn update_card(&self, state: &mut State, call: &Call<'_>) -> Result<Value, ApiError> {
        let refuse = |why: &str| Err(ApiError::new(10002, why));
        let now = state.clock.now();
        let value = text(&call.body, "token")?;
        let new = call.body.get("card").ok_or_else(|| ApiError::field("card", "it is required"))?;
        let Some(token) = state.caller(call)?.chat.cards.get_mut(value) else {
            return refuse("the token is not that of a card callback");
        };
        if !token.answered {
            self.client_fault(Some(&call.app_id), None, "a card was to be updated before its callback was answered");
            return refuse("the callback has not been answered yet");
        }
        if now.saturating_duration_since(token.pushed) > LIFETIME {
            return refuse("the token has expired");
        }
        if token.uses >= MAX_USES {
            return refuse("the token has been used twice");
        }
        card(new)?;
        token.uses += 1;
        let (message_id, uses) = (token.message_id.clone(), token.uses);
        if let Some(message) = state.caller(call)?.chat.message(&message_id) {
            message.item["body"]["content"] = json!(new.to_string());
        }
        let updated = Kind::CardUpdated { message_id, card: new.clone(), uses };
        self.log.add(Some(&call.app_id), updated);
        Ok(json!({ "code": 0, "msg": "ok" }))
    }
}
