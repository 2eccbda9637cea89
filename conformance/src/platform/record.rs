//! The platform's memory of what happened, and how to wait for it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use serde::Serialize;
use tokio::sync::watch;
use tokio::time::Instant;

use super::clock::Clock;
use super::kind::Kind;
use super::lock;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Record {
    /// Counts up from 1 without gaps.
    pub number: u64,
    /// Milliseconds since the platform started, on its clock: [`Platform::advance`](super::Platform::advance) moves it.
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

impl PushId {
    /// As it stands in records.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0
    }
}

/// One WebSocket connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ConnectionId(pub(super) u64);

/// All records, numbered, and a bell for those who wait for the next.
#[derive(Debug)]
pub(super) struct Log {
    clock: Arc<Clock>,
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
    pub(super) fn new(limit: usize, clock: Arc<Clock>) -> Self {
        let (head, _) = watch::channel(Head::default());
        Self { started: clock.now(), clock, limit: limit.max(1), kept: Mutex::default(), head }
    }

    /// Milliseconds since the platform started.
    pub(super) fn at_ms(&self) -> u64 {
        u64::try_from(self.clock.now().saturating_duration_since(self.started).as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) fn add(&self, app_id: Option<&str>, kind: Kind) {
        let mut kept = lock(&self.kept);
        let number = self.head.borrow().number + 1;
        let at_ms = self.at_ms();
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

    /// The next record, if it is there already.
    pub fn try_next(&mut self) -> Option<Record> {
        if self.ready.is_empty() && self.head.borrow_and_update().number > self.read {
            self.ready = self.log.since(self.read).into();
        }
        let record = self.ready.pop_front()?;
        self.read = record.number;
        Some(record)
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
