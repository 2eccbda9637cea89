//! The lines of the shim protocol; `PROTOCOL.md` says what they mean.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version of the protocol.
pub const VERSION: u32 = 1;
/// Exit code of a shim that cannot do what it was asked for.
pub const UNIMPLEMENTED: i32 = 89;

/// What the suite says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Command {
    /// A request to the open platform.
    Call(Call),
    /// What handlers do from now on.
    Handle(Handle),
    /// Always the first line.
    Start(Start),
    /// End well.
    Stop,
}

/// Where the platform is, who the bot is, and what is different from a bot that answers everybody.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// Version of the protocol.
    pub conform: u32,
    /// `http://127.0.0.1:PORT`
    pub base_url: String,
    /// `cli_…`
    pub app_id: String,
    /// Its secret.
    pub app_secret: String,
    /// The wishes of the scenario.
    pub settings: Settings,
}

/// What a scenario wants of a bot; what is left out is up to the client.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Ids of people that may speak to the bot; everybody, if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_users: Option<Vec<String>>,
    /// In groups only messages that mention the bot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mention_only: Option<bool>,
    /// … or everybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub respond_to_mention_all: Option<bool>,
    /// Messages of other bots, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_bots: Option<bool>,
    /// `off`, `auto` or a locale.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ack_reactions: Option<String>,
    /// Events that are kept for a program that does not take them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inbox: Option<usize>,
    /// Seconds that ids of events are remembered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dedup_window_s: Option<u64>,
    /// Seconds after which a message is too old.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale_after_s: Option<u64>,
    /// Milliseconds within which something must come in after a ping.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pong_timeout_ms: Option<u32>,
    /// Failed attempts in a row after which the client ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_attempts: Option<u32>,
    /// The platform's ReconnectCount is such a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub follow_reconnect_count: Option<bool>,
    /// Refusals that are final are retried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_fatal: Option<bool>,
    /// Whether ids of events are to outlive the process: the runner makes a folder of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_dir: Option<String>,
    /// Events come by webhook instead of over the long connection: the runner makes it of `given.webhook`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<WebhookSettings>,
}

/// A webhook as its client needs to know it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WebhookSettings {
    /// Signs and encrypts; empty: the app has none.
    pub encrypt_key: String,
    /// Stands in every event.
    pub verification_token: String,
    /// The rest.
    #[serde(flatten)]
    pub options: WebhookOptions,
}

impl std::fmt::Debug for WebhookSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebhookSettings").field("keys", &"[redacted]").field("options", &self.options).finish()
    }
}

/// What a scenario wants of a client's webhook; what is left out is up to the client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookOptions {
    /// Rightly signed events without a Verification Token are taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_missing_token: Option<bool>,
    /// Seconds that a timestamp may lie from now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age_secs: Option<u32>,
    /// Bytes of the longest body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_body: Option<usize>,
    /// Old card callbacks are taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_cards: Option<bool>,
}

/// What handlers do from now on; what is left out stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Handle {
    /// With events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<Mode>,
    /// What callbacks are answered with; JSON null: never.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub callback_answer: Option<Value>,
    /// After how long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callback_after_ms: Option<u64>,
}

fn given<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// What becomes of events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The handler reports and fails.
    Fail,
    /// Nothing is taken.
    Hold,
    /// The handler reports and returns.
    #[default]
    Take,
}

/// A request to the open platform. Members that a call does not have are left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Call {
    /// Comes back in the result.
    pub id: u64,
    /// Which one: `reply`, `send` …
    pub call: String,
    /// `om_…`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// What to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// … or a card.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub card: Option<Value>,
    /// As a topic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_thread: Option<bool>,
    /// Whom to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receive_id: Option<String>,
    /// What kind of id that is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receive_id_type: Option<String>,
    /// `THUMBSUP` …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub emoji_type: Option<String>,
    /// Of a reaction of the bot's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reaction_id: Option<String>,
    /// Of a callback.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// `oc_…`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chat_id: Option<String>,
}

/// What a shim says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Report {
    /// The client has ended.
    Ended {
        /// `stopped` or `fatal`.
        how: String,
        /// Of the platform.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<i64>,
        /// For people.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
    /// A handler was called.
    Event(Box<Event>),
    /// For people.
    Note {
        /// Anything.
        text: String,
    },
    /// Always the first line.
    Ready {
        /// Version of the protocol.
        conform: u32,
        /// Name of the client.
        client: String,
        /// Its version.
        version: String,
        /// Where it takes the platform's posts, if it was told that events come so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        webhook_url: Option<String>,
    },
    /// A call is over.
    Result(Box<CallResult>),
    /// The client cannot do it.
    Unimplemented {
        /// What.
        what: String,
    },
}

/// An event as a handler got it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// `im.message.receive_v1` …
    pub event_type: String,
    /// `header.event_id` or `uuid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// Of a chat message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// Of a chat message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat_id: Option<String>,
    /// Of a chat message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat_type: Option<String>,
    /// A chat message as programs get it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The event as it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<String>,
}

/// How a call went.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CallResult {
    /// Of the call.
    pub id: u64,
    /// It did what it should.
    pub ok: bool,
    /// The platform's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<i64>,
    /// Of the new message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// Of the new reaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reaction_id: Option<String>,
    /// The bot's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_id: Option<String>,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}
