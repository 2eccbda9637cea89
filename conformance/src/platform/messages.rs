//! Messages: `POST /im/v1/messages`, `POST /im/v1/messages/:id/reply`, `GET /im/v1/messages/:id`.

use serde_json::{Value, json};

use super::chat::{Message, Used};
use super::compose::TENANT_KEY;
use super::content::Draft;
use super::kind::Kind;
use super::rest::{ApiError, Call, data, text};
use super::state::{Shared, State};

/// Where a message goes.
struct Place {
    chat_id: String,
    parent_id: Option<String>,
    root_id: Option<String>,
    thread_id: Option<String>,
}

impl Shared {
    pub(super) fn send(&self, state: &mut State, call: &Call<'_>) -> Result<Value, ApiError> {
        let receive_id_type = call.parameter("receive_id_type").unwrap_or_default();
        if receive_id_type.is_empty() {
            return Err(ApiError::field("receive_id_type", "it is required"));
        }
        let receive_id = text(&call.body, "receive_id")?;
        if !["open_id", "union_id", "user_id", "email", "chat_id"].contains(&receive_id_type.as_str()) {
            return Err(ApiError::field("receive_id_type", "it is none of open_id, union_id, user_id, email, chat_id"));
        }
        let kind = kind_of(receive_id);
        if kind != receive_id_type {
            let ext = format_args!("invalid receive_id: it is of type {kind}, not {receive_id_type}");
            return Err(ApiError::parameter(ext));
        }
        let draft = Draft::read(&call.body)?;
        let in_chat = receive_id_type == "chat_id";
        let chat_id = if in_chat { receive_id.to_owned() } else { format!("oc_with_{receive_id}") };
        state.caller(call)?.chat.visit(&chat_id, if in_chat { "group" } else { "p2p" });
        let place = Place { chat_id, parent_id: None, root_id: None, thread_id: None };
        let (message, repeated) = self.post(state, call, &place, &draft)?;
        let sent = Kind::Sent {
            message_id: id_of(&message),
            receive_id_type,
            receive_id: receive_id.to_owned(),
            msg_type: draft.msg_type.to_owned(),
            content: draft.content.to_owned(),
            uuid: draft.uuid.map(str::to_owned),
            repeated,
        };
        self.log.add(Some(&call.app_id), sent);
        Ok(data(message))
    }

    pub(super) fn reply(&self, state: &mut State, call: &Call<'_>) -> Result<Value, ApiError> {
        let in_thread = match call.body.get("reply_in_thread") {
            None | Some(Value::Null) => false,
            Some(Value::Bool(in_thread)) => *in_thread,
            Some(_) => return Err(ApiError::field("reply_in_thread", "it must be a boolean")),
        };
        let new_topic = state.random_id("omt_");
        let parent_id = call.id(0);
        let parent = state.living_message(call)?;
        let draft = Draft::read(&call.body)?;
        // What is in a topic stays there.
        let thread_id = match &parent.thread_id {
            None if in_thread => Some(parent.topic.get_or_insert(new_topic).clone()),
            thread_id => thread_id.clone(),
        };
        let place = Place {
            chat_id: parent.chat_id.clone(),
            parent_id: Some(parent_id.to_owned()),
            root_id: Some(parent.root_id.clone().unwrap_or_else(|| parent_id.to_owned())),
            thread_id,
        };
        let (message, repeated) = self.post(state, call, &place, &draft)?;
        let replied = Kind::Replied {
            message_id: id_of(&message),
            parent_id: parent_id.to_owned(),
            chat_id: place.chat_id,
            msg_type: draft.msg_type.to_owned(),
            content: draft.content.to_owned(),
            uuid: draft.uuid.map(str::to_owned),
            in_thread,
            thread_id: place.thread_id,
            repeated,
        };
        self.log.add(Some(&call.app_id), replied);
        Ok(data(message))
    }

    /// Sends a message, unless its `uuid` was sent before; the message, and whether that is an old one.
    fn post(
        &self,
        state: &mut State,
        call: &Call<'_>,
        place: &Place,
        draft: &Draft<'_>,
    ) -> Result<(Value, bool), ApiError> {
        let (message_id, now, wall_ms) = (state.random_id("om_"), state.clock.now(), state.wall_ms());
        let chat = &mut state.caller(call)?.chat;
        let message = json!([place.chat_id, place.parent_id, draft.msg_type, draft.content]).to_string();
        if let Some(used) = chat.used(draft.uuid, now) {
            if used.message != message {
                let uuid = draft.uuid.unwrap_or_default();
                self.client_fault(Some(&call.app_id), None, format!("the uuid {uuid:?} of another message"));
            }
            let message_id = used.message_id.clone();
            if let Some(message) = chat.message(&message_id) {
                return Ok((message.item.clone(), true));
            }
        }
        let mut item = json!({
            "message_id": message_id,
            "msg_type": draft.msg_type,
            "create_time": wall_ms,
            "update_time": wall_ms,
            "deleted": false,
            "updated": false,
            "chat_id": place.chat_id,
            "sender": { "id": call.app_id, "id_type": "app_id", "sender_type": "app", "tenant_key": TENANT_KEY },
            "body": { "content": draft.content },
        });
        for (name, id) in
            [("parent_id", &place.parent_id), ("root_id", &place.root_id), ("thread_id", &place.thread_id)]
        {
            if let Some(id) = id {
                item[name] = json!(id);
            }
        }
        if let Some(uuid) = draft.uuid {
            chat.use_up(uuid, Used { message_id: message_id.clone(), message, at: now });
        }
        chat.wrote(&message_id, Message::new(item.clone(), true, now));
        Ok((item, false))
    }
}

/// A card comes as a notice to upgrade the client, unless its JSON is asked for.
pub(super) fn get_message(state: &mut State, call: &Call<'_>) -> Result<Value, ApiError> {
    let as_written = call.parameter("card_msg_content_type").is_some_and(|kind| kind == "user_card_content");
    let message = state.message(call)?;
    let mut item = message.item.clone();
    if message.own && message.msg_type() == "interactive" && !as_written && !message.recalled {
        let notice = json!({ "tag": "text", "text": "Please upgrade to the latest version to view the content" });
        item["body"]["content"] = json!(json!({ "title": null, "elements": [[notice]] }).to_string());
    }
    Ok(data(json!({ "items": [item] })))
}

/// What an id is by its looks.
fn kind_of(receive_id: &str) -> &'static str {
    match receive_id.get(..3) {
        _ if receive_id.contains('@') => "email",
        Some("ou_") => "open_id",
        Some("on_") => "union_id",
        Some("oc_") => "chat_id",
        _ => "user_id",
    }
}

fn id_of(message: &Value) -> String {
    message["message_id"].as_str().unwrap_or_default().to_owned()
}
