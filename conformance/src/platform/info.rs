//! Who is who: `GET /bot/v3/info`, `GET /im/v1/chats/:id`.

use serde_json::{Value, json};

use super::compose::TENANT_KEY;
use super::rest::{ApiError, Call, data};
use super::state::State;

/// The one answer whose data is not in `data`.
pub(super) fn bot_info(state: &mut State, call: &Call<'_>) -> Result<Value, ApiError> {
    let spec = &state.caller(call)?.spec;
    let bot = json!({
        "activate_status": spec.activate_status,
        "app_name": spec.bot_name,
        "avatar_url": "",
        "ip_white_list": [],
        "open_id": spec.bot_open_id,
    });
    Ok(json!({ "code": 0, "msg": "ok", "bot": bot }))
}

pub(super) fn chat_info(state: &mut State, call: &Call<'_>) -> Result<Value, ApiError> {
    let info = state.caller(call)?.chat.room(call.id(0)).cloned();
    info.map(data).ok_or_else(|| ApiError::new(232_006, "Your request specifies a chat_id which is invalid."))
}

/// What is known of a chat whose messages have this `chat_type`. There, `chat_type` says who may join; the kind of chat
/// is `chat_mode`.
pub(super) fn room(chat_type: &str) -> Value {
    let chat_mode = match chat_type {
        "p2p" | "private" => "p2p",
        "topic" | "topic_group" => "topic",
        _ => "group",
    };
    json!({
        "avatar": "",
        "name": if chat_mode == "p2p" { "" } else { "Room" },
        "description": "",
        "chat_mode": chat_mode,
        "chat_type": "private",
        "chat_tag": "inner",
        "external": false,
        "tenant_key": TENANT_KEY,
        "user_count": "2",
        "bot_count": "1",
    })
}
