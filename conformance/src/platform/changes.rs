//! Changes to messages of the bot: `PUT`, `PATCH` and `DELETE /im/v1/messages/:id`.

use std::time::Duration;

use serde_json::{Value, json};

use super::content::{check, is_shared};
use super::kind::Kind;
use super::rest::{ApiError, Call, data, text};
use super::state::{Shared, State};

/// How often a message may be edited.
const MAX_EDITS: u32 = 20;
/// How old the message of a card may be.
const MAX_AGE: Duration = Duration::from_secs(14 * 24 * 60 * 60);

impl Shared {
    /// Edits a text or post.
    pub(super) fn edit(&self, state: &mut State, call: &Call<'_>) -> Result<Value, ApiError> {
        let wall_ms = state.wall_ms();
        let message = state.living_message(call)?;
        let (msg_type, content) = (text(&call.body, "msg_type")?, text(&call.body, "content")?);
        if !message.own {
            return Err(ApiError::new(230_071, "The operator is not the sender of the message."));
        }
        if !matches!(message.msg_type(), "text" | "post") {
            return Err(ApiError::new(230_054, "This operation is not supported for this message type."));
        }
        if !matches!(msg_type, "text" | "post") {
            return Err(ApiError::parameter("invalid msg_type"));
        }
        check(msg_type, content)?;
        if message.edits >= MAX_EDITS {
            return Err(ApiError::new(230_072, "The message has reached the number of times it can be edited."));
        }
        message.edits += 1;
        message.item["msg_type"] = json!(msg_type);
        message.item["body"]["content"] = json!(content);
        message.item["updated"] = json!(true);
        message.item["update_time"] = json!(wall_ms);
        let edited = Kind::Edited {
            message_id: call.id(0).to_owned(),
            msg_type: msg_type.to_owned(),
            content: content.to_owned(),
            edits: message.edits,
        };
        self.log.add(Some(&call.app_id), edited);
        Ok(data(message.item.clone()))
    }

    /// Replaces a card.
    pub(super) fn patch_card(&self, state: &mut State, call: &Call<'_>) -> Result<Value, ApiError> {
        let (now, wall_ms) = (state.clock.now(), state.wall_ms());
        let message = state.living_message(call)?;
        let content = text(&call.body, "content")?;
        if !message.own {
            return Err(ApiError::new(230_012, "Bot is NOT the sender of the message."));
        }
        if message.msg_type() != "interactive" {
            return Err(ApiError::parameter("This message is NOT a card."));
        }
        if now.saturating_duration_since(message.sent) > MAX_AGE {
            return Err(ApiError::new(230_031, "Message can only be modified within 14 days after sending."));
        }
        check("interactive", content)?;
        let before = message.item["body"]["content"].as_str().unwrap_or_default();
        for (when, card) in [("before", before), ("after", content)] {
            if !is_shared(&serde_json::from_str(card).unwrap_or_default()) {
                return Err(ApiError::parameter(format_args!("config.update_multi is not true {when} the change")));
            }
        }
        message.item["body"]["content"] = json!(content);
        message.item["updated"] = json!(true);
        message.item["update_time"] = json!(wall_ms);
        let patched = Kind::CardPatched { message_id: call.id(0).to_owned(), content: content.to_owned() };
        self.log.add(Some(&call.app_id), patched);
        Ok(data(json!({})))
    }

    /// Recalls a message.
    pub(super) fn delete(&self, state: &mut State, call: &Call<'_>) -> Result<Value, ApiError> {
        let message = state.living_message(call)?;
        if !message.own {
            return Err(ApiError::new(230_026, "No recall permission for this message."));
        }
        message.recall();
        self.log.add(Some(&call.app_id), Kind::Recalled { message_id: call.id(0).to_owned() });
        Ok(data(json!({})))
    }
}
