//! The vocabulary of records.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::endpoint::Endpoint;
use super::record::{ConnectionId, PushId};
use super::webhook::{ChallengeVerdict, HostileAnswer, WebhookFailure};

/// What a [`Record`](super::Record) tells. In JSON the name of the variant is the member `kind`, in snake case.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// A delivery was acknowledged.
    Acked {
        /// The push it belongs to.
        push: PushId,
        /// Identity of the event.
        event_id: String,
        /// Where the acknowledgement came from.
        connection: ConnectionId,
        /// `code` of the acknowledgement.
        code: Option<i64>,
        /// `data` of the acknowledgement, decoded from base64 and JSON.
        data: Option<Value>,
        /// Header `biz_rt`, as written.
        biz_rt: Option<String>,
        /// Time from this delivery to its acknowledgement, in ms.
        latency_ms: u64,
        /// The delivery is settled: code 200, in time, on its own connection.
        settled: bool,
        /// Deviations from a faithful echo.
        faults: Vec<AckFault>,
        /// The payload, as written.
        payload: String,
    },
    /// A callback was answered; the acknowledgement that carried the answer is in [`Kind::Acked`].
    CallbackAnswered {
        /// The push.
        push: PushId,
        /// Identity of the callback.
        event_id: String,
        /// `card.action.trigger` or `url.preview.get`.
        event_type: String,
        /// The answer, decoded; `None` if there was none.
        data: Option<Value>,
        /// Time from the question to its answer, in ms.
        latency_ms: u64,
        /// It came within the 3 s (or what the configuration says) that a callback waits.
        in_time: bool,
        /// Where the answer has not the shape it must have.
        faults: Vec<AckFault>,
    },
    /// The card of a message was replaced by the bot (`PATCH`).
    CardPatched {
        /// The message.
        message_id: String,
        /// JSON text of the new card.
        content: String,
    },
    /// A card was updated after its callback had been answered.
    CardUpdated {
        /// The message that holds the card.
        message_id: String,
        /// The new card.
        card: Value,
        /// How often the token of the callback has been used: 1 or 2.
        uses: u32,
    },
    /// A webhook was asked whether it is the bot's.
    Challenged {
        /// It said so.
        passed: bool,
        /// What it said.
        #[serde(flatten)]
        verdict: ChallengeVerdict,
    },
    /// The client did something the protocol does not allow.
    ClientFault {
        /// Where; `None` for a fault in an HTTP request.
        connection: Option<ConnectionId>,
        /// The fault, for people.
        what: String,
    },
    /// The client answered a Close frame of the platform.
    CloseAnswered {
        /// Where.
        connection: ConnectionId,
        /// Code of the answer.
        code: Option<u16>,
    },
    /// A connection is over.
    ConnectionClosed {
        /// Which one.
        connection: ConnectionId,
        /// Who ended it.
        by: ClosedBy,
        /// Code of the first WebSocket Close frame.
        code: Option<u16>,
        /// Reason of that frame, or what went wrong.
        reason: String,
    },
    /// Discovery gave out a URL.
    Discovered {
        /// `device_id` in the URL.
        device_id: String,
        /// `service_id` in the URL.
        service_id: i32,
        /// Header `locale` of the request.
        locale: Option<String>,
        /// Header `User-Agent` of the request.
        user_agent: Option<String>,
    },
    /// A message of the bot was edited (`PUT`).
    Edited {
        /// The message.
        message_id: String,
        /// `text` or `post`.
        msg_type: String,
        /// JSON text.
        content: String,
        /// How often it has been edited, at most 20 times.
        edits: u32,
    },
    /// A push will not be tried again.
    GaveUp {
        /// The push.
        push: PushId,
        /// Identity of the event.
        event_id: String,
        /// Why.
        reason: String,
    },
    /// A hostile request was sent to a webhook.
    HostileSent(HostileAnswer),
    /// The client's app-level ping.
    Pinged {
        /// Where.
        connection: ConnectionId,
        /// It is the first one on this connection.
        first: bool,
    },
    /// An event was delivered for the first time; once for each of the push's `times` and `again_after`.
    Pushed {
        /// The push.
        push: PushId,
        /// Identity of the event.
        event_id: String,
        /// Type of the event.
        event_type: String,
        /// The chat message's id, if the event is a message.
        message_id: Option<String>,
        /// Where to.
        connection: ConnectionId,
        /// Frame header `message_id`.
        frame_message_id: String,
        /// Frames sent.
        frames: usize,
    },
    /// A push waits for a connection.
    Queued {
        /// The push.
        push: PushId,
        /// Identity of the event.
        event_id: String,
    },
    /// A reaction was added.
    Reacted {
        /// To this message.
        message_id: String,
        /// Identity of the reaction.
        reaction_id: String,
        /// Which emoji.
        emoji_type: String,
    },
    /// Something was looked up: bot info, a chat, a message, its reactions. These calls count against quotas.
    Read {
        /// Which call.
        call: Endpoint,
        /// Of what, unless it is the bot itself.
        id: Option<String>,
    },
    /// A message was recalled by the bot (`DELETE`).
    Recalled {
        /// The message.
        message_id: String,
    },
    /// An event was delivered again.
    Redelivered {
        /// The push.
        push: PushId,
        /// Identity of the event, the same as before.
        event_id: String,
        /// Where to.
        connection: ConnectionId,
        /// Frame header `message_id`, a new one.
        frame_message_id: String,
        /// 1 for the first redelivery.
        attempt: usize,
    },
    /// A request was refused.
    Refused {
        /// `discovery`, `upgrade` or the path of a call.
        what: String,
        /// HTTP status.
        status: u16,
        /// `code` of the answer, where it has one; of an upgrade: `Handshake-Status`.
        code: Option<i64>,
        /// For people.
        msg: String,
    },
    /// A reply was sent.
    Replied {
        /// Its id.
        message_id: String,
        /// The message it answers.
        parent_id: String,
        /// The chat of that message.
        chat_id: String,
        /// Type of the reply.
        msg_type: String,
        /// JSON text.
        content: String,
        /// The client's idempotency key.
        uuid: Option<String>,
        /// The client asked for a reply in a topic (`reply_in_thread`).
        in_thread: bool,
        /// The topic it went to: a new one, or that of the message it answers.
        thread_id: Option<String>,
        /// This `uuid` was sent before; nothing new was sent.
        repeated: bool,
    },
    /// A message was sent.
    Sent {
        /// Its id.
        message_id: String,
        /// Kind of `receive_id`.
        receive_id_type: String,
        /// Whom to.
        receive_id: String,
        /// Type of the message.
        msg_type: String,
        /// JSON text.
        content: String,
        /// The client's idempotency key.
        uuid: Option<String>,
        /// This `uuid` was sent before; nothing new was sent.
        repeated: bool,
    },
    /// A data frame that belongs to no push: the answer to an injected frame, or an invention of the client.
    StrayAck {
        /// Where.
        connection: ConnectionId,
        /// Frame header `message_id`.
        frame_message_id: Option<String>,
        /// `code` of the payload.
        code: Option<i64>,
        /// The whole frame, in hex.
        hex: String,
    },
    /// A token was given out.
    TokenIssued {
        /// `tenant` or `app`.
        token: String,
        /// The one given out before.
        reused: bool,
        /// Seconds left.
        expire: u64,
    },
    /// No acknowledgement came in time.
    Unacked {
        /// The push.
        push: PushId,
        /// Identity of the event.
        event_id: String,
        /// Where it was sent.
        connection: ConnectionId,
    },
    /// A call came with a missing, wrong or expired token.
    Unauthorized {
        /// The path of the call.
        what: String,
        /// `code` of the answer.
        code: i64,
    },
    /// A reaction was removed.
    Unreacted {
        /// From this message.
        message_id: String,
        /// Identity of the reaction.
        reaction_id: String,
    },
    /// A long connection is open.
    Upgraded {
        /// Which one.
        connection: ConnectionId,
        /// `device_id` of its URL.
        device_id: String,
        /// Sec-WebSocket-Key.
        key: String,
        /// Sec-WebSocket-Extensions.
        extensions: Option<String>,
        /// Sec-WebSocket-Protocol.
        protocol: Option<String>,
        /// Whether there was an Authorization header.
        authorization: bool,
    },
    /// A webhook answered.
    WebhookAnswered {
        /// The push.
        push: PushId,
        /// Identity of the event.
        event_id: String,
        /// 0 for the first delivery.
        attempt: usize,
        /// HTTP status.
        status: u16,
        /// The answer, as text.
        body: String,
        /// Time from the first byte of the request, in ms.
        after_ms: u64,
        /// The delivery is settled: status 200.
        settled: bool,
        /// Where the answer to a callback has not the shape it must have.
        faults: Vec<AckFault>,
    },
    /// A webhook did not answer, or not so that it helps.
    WebhookFailed {
        /// The push.
        push: PushId,
        /// Identity of the event.
        event_id: String,
        /// 0 for the first delivery.
        attempt: usize,
        /// What kind of failure.
        cause: WebhookFailure,
        /// The failure, for people.
        reason: String,
        /// Time until it failed, in ms.
        after_ms: u64,
    },
    /// An event or callback is being sent to a webhook.
    WebhookPosted {
        /// The push.
        push: PushId,
        /// Identity of the event, the same in every delivery.
        event_id: String,
        /// Type of the event.
        event_type: String,
        /// The chat message's id, if the event is a message.
        message_id: Option<String>,
        /// 0 for the first delivery, 1 for the first redelivery.
        attempt: usize,
        /// Names of the headers, apart from those that every request has.
        headers: Vec<String>,
        /// Length of the body.
        bytes: usize,
    },
    /// A WebSocket pong.
    WsPong {
        /// Where.
        connection: ConnectionId,
        /// What it carries.
        payload: String,
    },
}

/// A deviation of an acknowledgement from the frame it answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AckFault {
    /// What deviates: a field of the frame, `headers[2]`, `biz_rt`, `payload`, `data` and
    /// what is in it (`data.toast.type`), `connection`, `part`, `time`.
    pub field: String,
    /// What belongs there.
    pub expected: String,
    /// What came.
    pub found: String,
}

impl fmt::Display for AckFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, found {}", self.field, self.expected, self.found)
    }
}

/// Who ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClosedBy {
    /// The client, by a Close frame.
    Client,
    /// Nobody said so: the stream ended or failed.
    Network,
    /// The platform, as it was told to.
    Platform,
}
