//! Events: the envelope read once on arrival into spans, and the borrowed views on it (protocol section 11).
//!
//! ```text
//! payload ── envelope::parse ─► Layout (where each field lies) ─► Event<'_> ──► Message<'_>, Sender<'_>
//!                                                                     ├───────► typed: a view per event type, actor()
//!                                                                     └───────► decode: serde, into a type of yours
//! ```

#[cfg(feature = "serde")]
pub mod decode;
mod envelope;
mod members;
mod reading;
pub mod typed;

pub use envelope::Layout;
#[cfg(feature = "webhook")]
pub(crate) use envelope::Outline;
pub(crate) use envelope::{Malformed, parse, text};
pub(crate) use members::Field;
#[cfg(feature = "webhook")]
pub(crate) use members::read;
#[cfg(feature = "webhook")]
pub(crate) use typed::Typed;

use crate::text::Short;
use crate::time::UnixMillis;
use crate::wire::json::{Reader, Str};

/// Which of the platform's envelopes an event came in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Envelope {
    /// The old card callback: `action` and `open_message_id` at the top level (protocol section 17.6).
    Card,
    /// `uuid` at the top level, the type inside `event`.
    V1,
    /// A `schema` of any value, or a `header` with an `event_type`.
    V2,
}

/// Names one delivery: what [`handle_delivered`](crate::Bot::handle_delivered) takes. It carries the hashes of the
/// event's ids, so that even a late `Accepted` keeps a redelivery from being handed over again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DeliveryId {
    pub(crate) serial: u64,
    pub(crate) event_key: Option<u64>,
    pub(crate) message_key: Option<u64>,
}

impl DeliveryId {
    /// Names none: for the [`view`](Event::view) of an event that was stored before a restart. A verdict on it does
    /// nothing, and a callback that it names cannot be answered any more.
    pub const NONE: Self = Self { serial: 0, event_key: None, message_key: None };

    /// Whether both are deliveries of one event.
    #[cfg(feature = "webhook")]
    pub(crate) fn is_copy(self, of: Self) -> bool {
        let is_same = |one: Option<u64>, other: Option<u64>| one.is_some() && one == other;
        is_same(self.event_key, of.event_key) || is_same(self.message_key, of.message_key)
    }
}

/// Names a callback that waits for its answer: what [`respond`](crate::Bot::respond) takes.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ResponseId(pub(crate) u64);

impl ResponseId {
    /// As a number, to send it through a pipe; [`from_u64`](Self::from_u64) is the way back.
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// The id that [`as_u64`](Self::as_u64) gave; another number answers nothing.
    pub const fn from_u64(serial: u64) -> Self {
        Self(serial)
    }
}

/// What the application made of a delivery.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It is safely in the application's inbox: acked at once, never delivered again.
    Accepted,
    /// It will never fit the application's inbox: acked, counted, reported.
    Discarded,
    /// Accepted, and a callback's answer follows with [`respond`](crate::Bot::respond); without one it is answered `{}`
    /// 2.5 s after it came in. For other events the same as `Accepted`.
    Later,
    /// There is no room: not acked, so that the platform sends it again. A callback is answered `{}` and is lost.
    Refused,
}

/// The event at the head of the line, borrowed from the bot.
#[derive(Clone, Copy)]
pub struct Event<'a> {
    pub(crate) id: DeliveryId,
    pub(crate) json: &'a str,
    pub(crate) spans: &'a Layout,
    pub(crate) trace_id: &'a [u8],
    /// The bot's own `open_id`, empty while unknown.
    pub(crate) own: &'a [u8],
}

impl<'a> Event<'a> {
    /// A view on an event that was copied: its [`json`](Self::json), [`layout`](Self::layout) and
    /// [`trace_id`](Self::trace_id). A layout that belongs to another text gives wrong or unknown fields, no panic.
    pub fn view(id: DeliveryId, json: &'a str, layout: &'a Layout, trace_id: &'a str) -> Self {
        Self { id, json, spans: layout, trace_id: trace_id.as_bytes(), own: b"" }
    }

    /// Where the fields lie in [`json`](Self::json): what is worth copying with it.
    pub fn layout(&self) -> &'a Layout {
        self.spans
    }

    /// What to answer with.
    pub fn id(&self) -> DeliveryId {
        self.id
    }

    /// Which envelope it came in.
    pub fn envelope(&self) -> Envelope {
        self.spans.envelope
    }

    /// The whole envelope as JSON text, as received.
    pub fn json(&self) -> &'a str {
        self.json
    }

    /// The `event` object as JSON text; the whole envelope for an old card callback. Empty when there is none.
    pub fn body(&self) -> &'a str {
        match self.spans.envelope {
            Envelope::Card => self.json,
            _ => self.spans.text(Field::Event, self.json),
        }
    }

    /// `header.event_type` (v2) or `event.type` (v1), such as `im.message.receive_v1`.
    pub fn event_type(&self) -> Option<Str<'a>> {
        self.spans.str(Field::EventType, self.json)
    }

    /// `header.event_id` (v2) or `uuid` (v1): the same in every redelivery.
    pub fn event_id(&self) -> Option<Str<'a>> {
        self.spans.str(Field::EventId, self.json)
    }

    /// The customer organisation the event belongs to.
    pub fn tenant_key(&self) -> Option<Str<'a>> {
        self.spans.str(Field::TenantKey, self.json)
    }

    /// When the event arose; `None` when that is unknown.
    pub fn create_time(&self) -> Option<UnixMillis> {
        self.spans.event_time(self.json)
    }

    /// The platform's `trace_id` of this delivery, cut to 48 bytes.
    pub fn trace_id(&self) -> Short<48> {
        Short::from_bytes(self.trace_id)
    }

    /// Whether the platform waits for an answer (`card.action.trigger`, `url.preview.get`, old card callbacks).
    pub fn is_callback(&self) -> bool {
        self.spans.callback
    }

    /// What to answer a callback with, after [`Verdict::Later`]; `None` for other events.
    pub fn response_id(&self) -> Option<ResponseId> {
        self.spans.callback.then_some(ResponseId(self.id.serial))
    }

    /// The chat message, for `im.message.receive_v1` and the `message` of envelope v1.
    pub fn message(&self) -> Option<Message<'a>> {
        self.spans.is_message.then_some(Message { json: self.json, spans: self.spans, own: self.own })
    }

    /// A reader on [`body`](Self::body), for fields that have no name here.
    pub fn reader(&self) -> Reader<'a> {
        Reader::new(self.body())
    }
}

impl core::fmt::Debug for Event<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // What people write is not for logs.
        f.debug_struct("Event")
            .field("type", &self.event_type().map(|text| text.raw()))
            .field("id", &self.event_id().map(|text| text.raw()))
            .field("bytes", &self.json.len())
            .finish()
    }
}

/// A chat message, borrowed. Every id may be unknown (`None`): absent, `null` and `""` mean the same.
#[derive(Clone, Copy)]
pub struct Message<'a> {
    json: &'a str,
    spans: &'a Layout,
    own: &'a [u8],
}

macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident = $field:ident;)*) => {
        $($(#[$doc])*
        pub fn $name(&self) -> Option<Str<'a>> {
            self.spans.str(Field::$field, self.json)
        })*
    };
}

impl<'a> Message<'a> {
    fields! {
        /// `oc_…`
        chat_id = ChatId;
        /// `p2p` (`private` in envelope v1), `group`, `topic_group` or a value of the future: see
        /// [`is_p2p`](Self::is_p2p).
        chat_type = ChatType;
        /// `om_…`
        message_id = MessageId;
        /// `text`, `post`, `image`, …
        message_type = MessageType;
        /// The message this one replies to.
        parent_id = ParentId;
        /// The first message of the reply chain; not a topic id.
        root_id = RootId;
        /// `omt_…`, the topic.
        thread_id = ThreadId;
    }

    /// JSON inside this JSON string: unescape it, then read it again. `None` for messages of envelope v1.
    pub fn content(&self) -> Option<Str<'a>> {
        if self.is_legacy() { None } else { self.spans.str(Field::Content, self.json) }
    }

    /// When it was written; `None` when that is unknown.
    pub fn create_time(&self) -> Option<UnixMillis> {
        self.spans.message_time(self.json)
    }

    /// The `mentions` array as JSON text, empty when there is none.
    pub fn mentions(&self) -> &'a str {
        if self.is_legacy() { "" } else { self.spans.text(Field::Mentions, self.json) }
    }

    /// Who wrote it.
    pub fn sender(&self) -> Sender<'a> {
        Sender { json: self.json, spans: self.spans }
    }
}

/// Who wrote a message.
#[derive(Clone, Copy)]
pub struct Sender<'a> {
    json: &'a str,
    spans: &'a Layout,
}

impl<'a> Sender<'a> {
    fields! {
        /// `ou_…`, one per person and app.
        open_id = OpenId;
        /// `user`, `app` or a value of the future.
        sender_type = SenderType;
        /// The sender's organisation.
        tenant_key = SenderTenantKey;
        /// `on_…`, one per person and developer.
        union_id = UnionId;
        /// One per person and organisation; needs a scope.
        user_id = UserId;
    }
}
