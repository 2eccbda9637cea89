//! The platform's memory of what happened, and how to wait for it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex};

use serde::Serialize;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;

use super::lock;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Record {
    /// Counts up from 1 without gaps.
    pub number: u64,
    /// Milliseconds since the platform started.
    pub at_ms: u64,
    /// The app it happened to, where that is known.
    pub app_id: Option<String>,
    /// What happened.
    #[serde(flatten)]
    pub kind: Kind,
}

/// One [`Push`](super::Push), with all its copies and redeliveries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct PushId(pub(super) u64);

/// One WebSocket connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ConnectionId(pub(super) u64);

/// What a [`Record`] tells. In JSON the name of the variant is the member `kind`, in snake case.
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
    },
    /// The client did something the protocol does not allow.
    ClientFault {
        /// Where; `None` for a fault in an HTTP request.
        connection: Option<ConnectionId>,
        /// The fault, for people.
        what: String,
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
    /// The client's app-level ping.
    Pinged {
        /// Where.
        connection: ConnectionId,
        /// It is the first one on this connection.
        first: bool,
    },
    /// An event was delivered for the first time; once for each of the push's `times`.
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
        /// The reply opens or continues a topic.
        in_thread: bool,
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
    },
}

/// A deviation of an acknowledgement from the frame it answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AckFault {
    /// What deviates: a field of the frame, `headers[2]`, `biz_rt`, `payload`, `data`, `connection`, `part`, `time`.
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

/// All records, numbered, and a bell for those who wait for the next.
#[derive(Debug)]
pub(super) struct Log {
    started: Instant,
    limit: usize,
    kept: Mutex<VecDeque<Record>>,
    head: watch::Sender<Head>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Head {
    number: u64,
    closed: bool,
}

impl Log {
    pub(super) fn new(limit: usize) -> Self {
        let (head, _) = watch::channel(Head::default());
        Self { started: Instant::now(), limit: limit.max(1), kept: Mutex::default(), head }
    }

    pub(super) fn add(&self, app_id: Option<&str>, kind: Kind) {
        let mut kept = lock(&self.kept);
        let number = self.head.borrow().number + 1;
        let at_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        kept.push_back(Record { number, at_ms, app_id: app_id.map(str::to_owned), kind });
        if kept.len() > self.limit {
            kept.pop_front();
        }
        self.head.send_modify(|head| head.number = number);
    }

    /// The records after this number that are still kept.
    pub(super) fn since(&self, number: u64) -> Vec<Record> {
        let kept = lock(&self.kept);
        let from = kept.partition_point(|record| record.number <= number);
        kept.range(from..).cloned().collect()
    }

    /// Ends every subscription once it has read what is there.
    pub(super) fn close(&self) {
        self.head.send_modify(|head| head.closed = true);
    }
}

/// Reads records one by one, in order, as they are made.
#[derive(Debug)]
pub struct Subscription {
    log: Arc<Log>,
    head: watch::Receiver<Head>,
    read: u64,
    ready: VecDeque<Record>,
}

impl Subscription {
    /// Starts with the record after this number.
    pub(super) fn new(log: Arc<Log>, read: u64) -> Self {
        let head = log.head.subscribe();
        Self { log, head, read, ready: VecDeque::new() }
    }

    /// Starts with the next record to be made.
    pub(super) fn from_now(log: Arc<Log>) -> Self {
        let read = log.head.borrow().number;
        Self::new(log, read)
    }

    /// The next record; `None` once the platform has stopped. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Record> {
        loop {
            if let Some(record) = self.ready.pop_front() {
                self.read = record.number;
                return Some(record);
            }
            let head = *self.head.borrow_and_update();
            if head.number > self.read {
                self.ready = self.log.since(self.read).into();
            } else if head.closed || self.head.changed().await.is_err() {
                return None;
            }
        }
    }
}
