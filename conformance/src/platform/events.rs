//! Events and callbacks that chat channels live on, other than messages. [`Push::patch`] changes what does not fit.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::compose::TENANT_KEY;
use super::push::Push;

impl Push {
    /// A person reacted to a message: `im.message.reaction.created_v1`.
    #[must_use]
    pub fn reaction(message_id: &str, emoji_type: &str, open_id: &str) -> Self {
        Self::event("im.message.reaction.created_v1", reaction(message_id, emoji_type, open_id))
    }

    /// A person took a reaction back: `im.message.reaction.deleted_v1`.
    #[must_use]
    pub fn reaction_removed(message_id: &str, emoji_type: &str, open_id: &str) -> Self {
        Self::event("im.message.reaction.deleted_v1", reaction(message_id, emoji_type, open_id))
    }

    /// A person took a message back: `im.message.recalled_v1`. Calls about it fail from now on.
    #[must_use]
    pub fn recalled(message_id: &str, chat_id: &str) -> Self {
        let event = json!({
            "message_id": message_id,
            "chat_id": chat_id,
            "recall_time": now_ms(),
            "recall_type": "message_owner",
        });
        Self::event("im.message.recalled_v1", event)
    }

    /// A person used a card: the callback `card.action.trigger`. `token` (`c-…`) is the one for a delayed update, `action`
    /// what was done: `{"tag":"button","value":{…}}`.
    #[must_use]
    pub fn card_action(token: &str, message_id: &str, chat_id: &str, open_id: &str, action: Value) -> Self {
        let event = json!({
            "operator": operator(open_id),
            "token": token,
            "action": action,
            "host": "im_message",
            "context": { "open_message_id": message_id, "open_chat_id": chat_id },
        });
        Self::event("card.action.trigger", event)
    }

    /// A person wrote a link: the callback `url.preview.get`.
    #[must_use]
    pub fn url_preview(url: &str, message_id: &str, chat_id: &str, open_id: &str) -> Self {
        let event = json!({
            "operator": operator(open_id),
            "host": "im_message",
            "context": {
                "url": url,
                "preview_token": "preview",
                "open_message_id": message_id,
                "open_chat_id": chat_id,
            },
        });
        Self::event("url.preview.get", event)
    }

    /// A person chose an item of the bot's menu: `application.bot.menu_v6`.
    #[must_use]
    pub fn bot_menu(event_key: &str, open_id: &str) -> Self {
        let operator = json!({ "operator_name": "", "operator_id": ids(open_id) });
        let event = json!({ "operator": operator, "event_key": event_key, "timestamp": now_ms() });
        Self::event("application.bot.menu_v6", event)
    }

    /// A person commented on a document and mentioned the bot: `drive.notice.comment_add_v1`. With `reply_id` it is a
    /// reply to that comment.
    #[must_use]
    pub fn drive_comment(file_token: &str, comment_id: &str, reply_id: Option<&str>, open_id: &str) -> Self {
        let mut event = json!({
            "notice_meta": {
                "file_type": "docx",
                "file_token": file_token,
                "from_user_id": ids(open_id),
                "notice_type": if reply_id.is_some() { "add_reply" } else { "add_comment" },
                "timestamp": now_ms(),
            },
            "comment_id": comment_id,
            "is_mentioned": true,
        });
        if let Some(reply_id) = reply_id {
            event["reply_id"] = json!(reply_id);
        }
        Self::event("drive.notice.comment_add_v1", event)
    }
}

fn reaction(message_id: &str, emoji_type: &str, open_id: &str) -> Value {
    json!({
        "message_id": message_id,
        "reaction_type": { "emoji_type": emoji_type },
        "operator_type": "user",
        "user_id": ids(open_id),
        "action_time": now_ms(),
    })
}

fn ids(open_id: &str) -> Value {
    json!({ "open_id": open_id, "union_id": null, "user_id": null })
}

fn operator(open_id: &str) -> Value {
    json!({ "tenant_key": TENANT_KEY, "open_id": open_id, "union_id": open_id.replacen("ou_", "on_", 1) })
}

fn now_ms() -> String {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis().to_string()
}
