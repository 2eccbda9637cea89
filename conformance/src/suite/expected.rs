//! What a scenario waits for, and whether something that was seen is it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::log::Names;

/// Declares the kinds with their members: all may be left out, and what is given must fit.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident { $($(#[$member_doc:meta])* $member:ident : $type:ty),* $(,)? })*) => {
        /// Something to be seen. A kind of record of the platform (`PLATFORM.md`), or a report of the shim (`PROTOCOL.md`).
        #[derive(Clone, Debug, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Expected {
            $($(#[$doc])* $kind($kind),)*
        }
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, Default, Serialize, Deserialize)]
            #[serde(deny_unknown_fields, default)]
            pub struct $kind {
                $($(#[$member_doc])* #[serde(skip_serializing_if = "Option::is_none")] pub(crate) $member: Option<$type>,)*
            }
        )*
    };
}

kinds! {
    /// An acknowledgement.
    Acked {
        /// Of this push.
        push: String,
        code: i64,
        /// `data`, decoded.
        data: Value,
        /// Whether there is `data`.
        has_data: bool,
        /// Code 200, in time, on its own connection, on the frame that completed the message.
        settled: bool,
        /// Nothing deviates from the frame that is answered.
        faithful: bool,
        /// Nothing deviates in these: `SeqID`, `headers`, `LogIDNew`, `payload_type`, `biz_rt`, `data`, `unknown fields` …
        faithful_in: Vec<String>,
        latency_at_most_ms: u64,
        /// `$up.connection`, if an `upgraded` is called `up`.
        connection: String,
        /// As written.
        payload: String,
    }
    /// The answer to a callback.
    CallbackAnswered {
        push: String,
        event_type: String,
        data: Value,
        /** Letters in the content of the toast. */
        toast_len: u64,
        in_time: bool,
        faithful: bool,
        latency_at_least_ms: u64,
        latency_at_most_ms: u64,
    }
    /// A card of the bot was replaced.
    CardPatched { message_id: String, /** As JSON. */ content: Value, content_contains: String }
    /// A card was updated after its callback.
    CardUpdated { message_id: String, card: Value, uses: u64 }
    /// The platform objects to something.
    ClientFault { what_contains: String }
    /// The webhook's answer to the question whether it is the bot's.
    ChallengeAnswered {
        /** With 200 and the same challenge, within 1 s. */
        passed: bool,
        status: u64,
        /** As it came. */
        body: String,
        complaint_contains: String,
    }
    /// A connection is over.
    Closed { by: String, code: u64, reason: String, reason_contains: String, connection: String }
    /// A Close frame of the platform was answered.
    CloseAnswered { code: u64, connection: String }
    /// A URL was given out.
    Discovered { locale: String, user_agent_contains: String }
    /// A message was edited.
    Edited { message_id: String, /** As JSON. */ content: Value, content_contains: String }
    /// The client has ended.
    Ended { how: String, code: i64, text_contains: String }
    /// A handler was called.
    Event {
        push: String,
        event_type: String,
        event_id: String,
        message_id: String,
        chat_id: String,
        chat_type: String,
        text: String,
        /// A client that gives no text is taken at its word.
        text_if_given: String,
        text_contains: String,
        text_len: u64,
        /// A client that gives no text is taken at its word.
        text_len_if_given: u64,
        json_contains: String,
        json_contains_if_given: String,
    }
    /// The process is over.
    Exited { code: i64 }
    /// A push is not tried again.
    GaveUp { push: String, reason_contains: String }
    /// The answer to a hostile request.
    HostileAnswered {
        name: String,
        status: u64,
        /** As it came. */
        body: String,
        /** As a bot answers that follows protocol section 17.3. */
        as_expected: bool,
        in_time: bool,
    }
    /// A remark of the shim.
    Note { text_contains: String }
    /// Anything that the process wrote or said.
    Output { contains: String, /** A secret of the platform's or the app's is in it. */ secret: bool }
    /// A ping of the protocol.
    Pinged { first: bool, connection: String }
    /// A first delivery.
    Pushed { push: String }
    /// A push waits for a connection.
    Queued { push: String }
    /// A reaction.
    Reacted { /** To the message of this push. */ push: String, message_id: String, emoji_type: String, emoji_one_of: Vec<String>, emoji_none_of: Vec<String> }
    /// A look-up.
    Read { call: String, id: String }
    /// The bot took a message back.
    Recalled { message_id: String }
    /// A delivery again.
    Redelivered { push: String, attempt: u64 }
    /// A request was refused.
    Refused { what: String, what_contains: String, status: u64, code: i64 }
    /// A reply.
    Replied {
        parent_id: String,
        msg_type: String,
        /// As JSON.
        content: Value,
        content_contains: String,
        in_thread: bool,
        repeated: bool,
        has_uuid: bool,
    }
    /// A call is over.
    Result { /** By its name. */ call: String, ok: bool, code: i64, has_message_id: bool, open_id: String }
    /// A message.
    Sent {
        receive_id: String,
        receive_id_type: String,
        msg_type: String,
        /// As JSON.
        content: Value,
        content_contains: String,
        repeated: bool,
        has_uuid: bool,
    }
    /// An answer to no push.
    StrayAck { frame_message_id: String, code: i64, /** The whole frame. */ hex: String, hex_contains: String }
    /// A token was asked for.
    TokenIssued { reused: bool }
    /// No acknowledgement in time.
    Unacked { push: String }
    /// A call without a good token.
    Unauthorized { what_contains: String }
    /// A reaction was taken back.
    Unreacted { message_id: String }
    /// A connection is open.
    Upgraded {
        connection: String,
        /// Sec-WebSocket-Key.
        key: String,
        key_none_of: Vec<String>,
        has_extensions: bool,
        has_protocol: bool,
        authorization: bool,
    }
    /// The webhook's answer to a push.
    WebhookAnswered {
        push: String,
        attempt: u64,
        status: u64,
        /** As it came. */
        body: String,
        /** Status 200. */
        settled: bool,
        /** Within 3 s. */
        in_time: bool,
        faithful: bool,
        after_at_least_ms: u64,
        after_at_most_ms: u64,
    }
    /// The webhook gave no answer, or none that counts.
    WebhookFailed { push: String, attempt: u64, /** `connect`, `time_out`, `broken`, `redirect`. */ cause: String }
    /// A push is on its way to the webhook.
    WebhookPosted { push: String, attempt: u64 }
    /// A WebSocket pong.
    WsPong { payload: String, connection: String }
}

impl Expected {
    /// `acked { push = "m", code = 200 }`, as people write it.
    #[must_use]
    pub fn words(&self) -> String {
        let (kind, members) = self.parts();
        let members: Vec<String> = members.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        if members.is_empty() { kind } else { format!("{kind} {{ {} }}", members.join(", ")) }
    }

    /// Names of pushes and calls that it speaks of.
    pub(crate) fn labels(&self) -> Vec<String> {
        let (_, members) = self.parts();
        let mut labels = Vec::new();
        for (name, value) in &members {
            let label = name == "push" || (name == "call" && matches!(self, Self::Result(_)));
            match value {
                Value::String(text) if label => labels.push(text.clone()),
                Value::String(text) => labels.extend(super::log::references(text)),
                Value::Array(items) => {
                    labels.extend(items.iter().filter_map(Value::as_str).flat_map(super::log::references));
                }
                _ => {}
            }
        }
        labels
    }

    /// The name of a hostile request that it speaks of.
    pub(crate) fn hostile_name(&self) -> Option<&str> {
        match self {
            Self::HostileAnswered(answer) => answer.name.as_deref(),
            _ => None,
        }
    }

    /// Whether it can only be seen where events come by webhook.
    pub(crate) fn is_of_webhooks(&self) -> bool {
        matches!(
            self,
            Self::ChallengeAnswered(_)
                | Self::HostileAnswered(_)
                | Self::WebhookAnswered(_)
                | Self::WebhookFailed(_)
                | Self::WebhookPosted(_)
        )
    }

    fn parts(&self) -> (String, serde_json::Map<String, Value>) {
        let mut kind = String::new();
        let mut members = serde_json::Map::new();
        if let Ok(Value::Object(whole)) = serde_json::to_value(self)
            && let Some((name, Value::Object(inner))) = whole.into_iter().next()
        {
            kind = name;
            members = inner;
        }
        (kind, members)
    }

    /// Whether this is it.
    pub(crate) fn fits(&self, seen: &(String, Value), names: &Names) -> bool {
        let (kind, members) = self.parts();
        let (seen_kind, found) = seen;
        let same_kind = match kind.as_str() {
            "output" => matches!(seen_kind.as_str(), "output" | "note" | "event" | "result" | "ended"),
            kind => seen_kind == record_kind(kind),
        };
        same_kind && members.iter().all(|(name, wanted)| fits(&kind, name, wanted, found, names))
    }
}

/// What the platform calls it.
pub(super) fn record_kind(kind: &str) -> &str {
    match kind {
        "challenge_answered" => "challenged",
        "closed" => "connection_closed",
        "hostile_answered" => "hostile_sent",
        kind => kind,
    }
}

/// Milliseconds within which the platform wants an answer to what it posts.
const ANSWERED_MS: u64 = 3000;

fn fits(kind: &str, name: &str, wanted: &Value, found: &Value, names: &Names) -> bool {
    let filled = wanted.as_str().map(|text| names.fill(text));
    let text = |member: &str| found.get(member).and_then(Value::as_str).unwrap_or_default();
    let number = |member: &str| found.get(member).and_then(Value::as_u64).unwrap_or_default();
    let given = |member: &str| found.get(member).is_some_and(|value| !value.is_null());
    let filled_text = filled.as_deref().unwrap_or_default();
    match name {
        "push" if kind == "event" => {
            names.is_push(wanted.as_str().unwrap_or_default(), text("event_id"), text("message_id"), text("event_type"))
        }
        "push" if kind == "reacted" => names.is_push(wanted.as_str().unwrap_or_default(), "", text("message_id"), ""),
        "push" => names.is_pushed(wanted.as_str().unwrap_or_default(), number("push")),
        "call" if kind == "result" => names.is_call(wanted.as_str().unwrap_or_default(), number("id")),
        "contains" => found.to_string().contains(filled_text),
        "secret" => wanted.as_bool() == Some(names.has_secret_in(found)),
        "connection" => found.get(name).map(Value::to_string).as_deref() == filled.as_deref(),
        "has_data" => wanted.as_bool() == Some(given("data")),
        "has_extensions" => wanted.as_bool() == Some(given("extensions")),
        "has_protocol" => wanted.as_bool() == Some(given("protocol")),
        "has_uuid" => wanted.as_bool() == Some(given("uuid")),
        "has_message_id" => wanted.as_bool() == Some(given("message_id")),
        "faithful" => wanted.as_bool() == Some(faults(found).is_empty()),
        "faithful_in" => {
            let faults = faults(found);
            let named = |field: &Value| {
                let field = field.as_str().unwrap_or_default();
                faults.iter().any(|fault| fault == field || fault.starts_with(&format!("{field}[")))
            };
            !wanted.as_array().is_some_and(|fields| fields.iter().any(named))
        }
        "in_time" if given("after_ms") => wanted.as_bool() == Some(number("after_ms") <= ANSWERED_MS),
        "after_at_least_ms" => number("after_ms") >= wanted.as_u64().unwrap_or(u64::MAX),
        "after_at_most_ms" => number("after_ms") <= wanted.as_u64().unwrap_or_default(),
        "latency_at_least_ms" => number("latency_ms") >= wanted.as_u64().unwrap_or(u64::MAX),
        "latency_at_most_ms" => number("latency_ms") <= wanted.as_u64().unwrap_or_default(),
        "emoji_one_of" => {
            wanted.as_array().is_some_and(|all| all.iter().any(|one| Some(one) == found.get("emoji_type")))
        }
        "emoji_none_of" => {
            wanted.as_array().is_some_and(|all| all.iter().all(|one| Some(one) != found.get("emoji_type")))
        }
        "key_none_of" => wanted
            .as_array()
            .is_some_and(|all| all.iter().filter_map(Value::as_str).all(|one| names.fill(one) != text("key"))),
        "text_if_given" => !given("text") || text("text") == filled_text,
        "text_len_if_given" if !given("text") => true,
        "text_len" | "text_len_if_given" => Some(text("text").chars().count() as u64) == wanted.as_u64(),
        "json_contains_if_given" => !given("json") || text("json").contains(filled_text),
        "toast_len" => {
            let content = found.pointer("/data/toast/content").and_then(Value::as_str);
            content.map(|content| content.chars().count() as u64) == wanted.as_u64()
        }
        "data" | "card" => found.get(name) == Some(wanted),
        "content" => serde_json::from_str(text("content")).ok().as_ref() == Some(wanted),
        _ => match (name.strip_suffix("_contains"), &filled) {
            (Some(member), Some(part)) => text(member).contains(part.as_str()),
            (None, Some(whole)) => found.get(name).and_then(Value::as_str) == Some(whole),
            _ => found.get(name) == Some(wanted),
        },
    }
}

/// What deviates, by name.
fn faults(found: &Value) -> Vec<String> {
    let faults = found.get("faults").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    faults.iter().filter_map(|fault| fault.get("field")?.as_str()).map(str::to_owned).collect()
}
