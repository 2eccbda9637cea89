//! Calls of the open platform, as a client makes them.

use larkwire_conformance::platform::Platform;
use serde_json::{Value, json};

use super::{APP, Answer, SECRET, request};

pub(crate) const TENANT_TOKEN: &str = "/open-apis/auth/v3/tenant_access_token/internal";
pub(crate) const SEND: &str = "/open-apis/im/v1/messages?receive_id_type=chat_id";

pub(crate) async fn post(platform: &Platform, path: &str, token: &str, body: Value) -> Answer {
    call(platform, "POST", path, token, &body.to_string()).await
}

pub(crate) async fn get(platform: &Platform, path: &str, token: &str) -> Answer {
    call(platform, "GET", path, token, "").await
}

pub(crate) async fn call(platform: &Platform, method: &str, path: &str, token: &str, body: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers = [("content-type", "application/json; charset=utf-8"), ("authorization", bearer.as_str())];
    request(platform, method, path, &headers, body).await.unwrap()
}

pub(crate) async fn token_answer(platform: &Platform) -> Answer {
    post(platform, TENANT_TOKEN, "", json!({ "app_id": APP, "app_secret": SECRET })).await
}

pub(crate) async fn token(platform: &Platform) -> String {
    token_answer(platform).await.body["tenant_access_token"].as_str().unwrap().to_owned()
}

pub(crate) fn text(text: &str) -> Value {
    json!({ "receive_id": "oc_room", "msg_type": "text", "content": json!({ "text": text }).to_string() })
}

/// A message of any type for the room.
pub(crate) fn message(msg_type: &str, content: &Value) -> Value {
    json!({ "receive_id": "oc_room", "msg_type": msg_type, "content": content.to_string() })
}

/// Sends a message to the room; its id.
pub(crate) async fn sent(platform: &Platform, token: &str, body: Value) -> String {
    let answer = post(platform, SEND, token, body).await.body;
    answer["data"]["message_id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

pub(crate) fn path_of(message_id: &str) -> String {
    format!("/open-apis/im/v1/messages/{message_id}")
}
