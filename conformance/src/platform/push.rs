//! What the platform sends to its clients: events and callbacks, whole or in parts.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::chat_message::ChatMessage;

/// How an event gets to the bot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Route {
    /// In frames on one of the app's connections.
    LongConnection,
    /// In a request to the app's webhook.
    Webhook,
}

/// An event or callback to be delivered, and how. Built from [`Push::text`], [`Push::event`], [`Push::raw`]
/// and what is built upon them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Push {
    pub(super) payload: Payload,
    #[serde(default)]
    pub(super) app_id: Option<String>,
    #[serde(default)]
    pub(super) event_id: Option<String>,
    #[serde(default)]
    pub(super) message_id: Option<String>,
    /// The webhook of the app, or else its connections, unless this says otherwise.
    #[serde(default)]
    pub(super) over: Option<Route>,
    /// Merged into the envelope.
    #[serde(default)]
    pub(super) patch: Option<Value>,
    #[serde(default = "one")]
    pub(super) parts: usize,
    #[serde(default)]
    pub(super) split_at: Option<Vec<usize>>,
    /// Milliseconds to wait before each frame.
    #[serde(default)]
    pub(super) gaps_ms: Vec<u64>,
    /// Instead of the platform's own, in every frame.
    #[serde(default)]
    pub(super) seq_id: Option<u64>,
    #[serde(default)]
    pub(super) log_id: Option<u64>,
    #[serde(default)]
    pub(super) service: Option<i32>,
    /// Cuts each frame into WebSocket fragments at these offsets.
    #[serde(default)]
    pub(super) ws_cut: Vec<usize>,
    #[serde(default)]
    pub(super) part_order: Option<Vec<usize>>,
    #[serde(default = "one")]
    pub(super) times: usize,
    /// Seconds after which more copies follow.
    #[serde(default)]
    pub(super) again_after_s: Vec<f64>,
    /// In the envelope of version 1.
    #[serde(default)]
    pub(super) v1: bool,
    /// Replaces or adds headers; with a position only in that frame.
    #[serde(default)]
    pub(super) headers: Vec<HeaderChange>,
    #[serde(default)]
    pub(super) payload_encoding: Option<String>,
    #[serde(default)]
    pub(super) payload_type: Option<String>,
    #[serde(default)]
    pub(super) log_id_new: Option<String>,
    #[serde(default, with = "super::base64_bytes")]
    pub(super) unknown_fields: Vec<u8>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Payload {
    Message(Box<ChatMessage>),
    Event {
        event_type: String,
        event: Value,
    },
    #[serde(with = "super::base64_bytes")]
    Raw(Vec<u8>),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HeaderChange {
    #[serde(default)]
    pub(super) position: Option<usize>,
    pub(super) key: String,
    /// `None` removes the header.
    pub(super) value: Option<String>,
}

fn one() -> usize {
    1
}

impl Push {
    /// A text message by a person: the event `im.message.receive_v1`. `chat_type` is `p2p` or `group`.
    pub fn message(
        chat_id: impl Into<String>,
        chat_type: impl Into<String>,
        sender_open_id: impl Into<String>,
        text: impl Into<String>,
    ) -> Self {
        Self::text(chat_id, sender_open_id, text).chat_type(chat_type)
    }

    /// Any other event or callback in the envelope of version 2.
    pub fn event(event_type: impl Into<String>, event: Value) -> Self {
        Self::new(Payload::Event { event_type: event_type.into(), event })
    }

    /// These bytes, whatever they are.
    pub fn raw(payload: impl Into<Vec<u8>>) -> Self {
        Self::new(Payload::Raw(payload.into()))
    }

    pub(super) fn new(payload: Payload) -> Self {
        Self {
            payload,
            app_id: None,
            event_id: None,
            message_id: None,
            over: None,
            patch: None,
            parts: 1,
            split_at: None,
            ws_cut: Vec::new(),
            gaps_ms: Vec::new(),
            seq_id: None,
            log_id: None,
            service: None,
            part_order: None,
            times: 1,
            again_after_s: Vec::new(),
            v1: false,
            headers: Vec::new(),
            payload_encoding: None,
            payload_type: None,
            log_id_new: None,
            unknown_fields: Vec::new(),
        }
    }

    /// To this app instead of the first one.
    #[must_use]
    pub fn app(mut self, app_id: impl Into<String>) -> Self {
        self.app_id = Some(app_id.into());
        self
    }

    /// With this `event_id` instead of a random one.
    #[must_use]
    pub fn event_id(mut self, event_id: impl Into<String>) -> Self {
        self.event_id = Some(event_id.into());
        self
    }

    /// With this chat message id instead of a random one.
    #[must_use]
    pub fn message_id(mut self, message_id: impl Into<String>) -> Self {
        self.message_id = Some(message_id.into());
        self
    }

    /// On this way, instead of over the webhook if the app has one. What concerns frames has no effect on a webhook.
    #[must_use]
    pub fn over(mut self, route: Route) -> Self {
        self.over = Some(route);
        self
    }

    /// With these changes to the envelope (RFC 7396: objects are merged, null removes a member).
    #[must_use]
    pub fn patch(mut self, patch: Value) -> Self {
        self.patch = Some(patch);
        self
    }

    /// In this many parts of equal size.
    #[must_use]
    pub fn parts(mut self, parts: usize) -> Self {
        self.parts = parts;
        self
    }

    /// In parts cut at these offsets; the same offset twice makes an empty part.
    #[must_use]
    pub fn split_at(mut self, offsets: impl Into<Vec<usize>>) -> Self {
        self.split_at = Some(offsets.into());
        self
    }

    /// Sends each frame in WebSocket fragments, cut at these offsets, with a WebSocket ping before each continuation.
    #[must_use]
    pub fn ws_cut(mut self, offsets: impl Into<Vec<usize>>) -> Self {
        self.ws_cut = offsets.into();
        self
    }

    /// Sends the parts in this order, where numbers may be missing, repeated, or beyond the last part.
    #[must_use]
    pub fn part_order(mut self, order: impl Into<Vec<usize>>) -> Self {
        self.part_order = Some(order.into());
        self
    }

    /// Delivers it this many times, with the same `event_id` and new frames.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// Delivers it once more after this time on the platform's clock, acknowledged or not, with the same payload and new
    /// frames: `again_after(20 min)`, `again_after(7 h)`.
    #[must_use]
    pub fn again_after(mut self, wait: Duration) -> Self {
        self.again_after_s.push(wait.as_secs_f64());
        self
    }

    /// In the envelope of version 1. A message becomes the event `message` of old apps.
    #[must_use]
    pub fn v1(mut self) -> Self {
        self.v1 = true;
        self
    }

    /// With this frame header `type` instead of `event`.
    #[must_use]
    pub fn frame_type(self, frame_type: impl Into<String>) -> Self {
        self.header("type", frame_type)
    }

    /// With this header in every frame: replaced where it exists, else added at the end.
    #[must_use]
    pub fn header(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push(HeaderChange { position: None, key: key.into(), value: Some(value.into()) });
        self
    }

    /// Like [`Push::header`], only in the frame sent as number `position`, from 0.
    #[must_use]
    pub fn header_at(mut self, position: usize, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push(HeaderChange { position: Some(position), key: key.into(), value: Some(value.into()) });
        self
    }

    /// Without this header.
    #[must_use]
    pub fn without_header(mut self, key: impl Into<String>) -> Self {
        self.headers.push(HeaderChange { position: None, key: key.into(), value: None });
        self
    }

    /// With field 6.
    #[must_use]
    pub fn payload_encoding(mut self, payload_encoding: impl Into<String>) -> Self {
        self.payload_encoding = Some(payload_encoding.into());
        self
    }

    /// With field 7.
    #[must_use]
    pub fn payload_type(mut self, payload_type: impl Into<String>) -> Self {
        self.payload_type = Some(payload_type.into());
        self
    }

    /// With field 9.
    #[must_use]
    pub fn log_id_new(mut self, log_id_new: impl Into<String>) -> Self {
        self.log_id_new = Some(log_id_new.into());
        self
    }

    /// With these bytes at the end of each frame, meant to be fields outside the schema.
    #[must_use]
    pub fn unknown_fields(mut self, unknown_fields: impl Into<Vec<u8>>) -> Self {
        self.unknown_fields = unknown_fields.into();
        self
    }
}
