//! What will happen, in order of time; what happens at the same time happens in the order it was planned.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use larkwire_core::{Closed, DeliveryId, ResponseId};

use crate::faults::Fault;

#[derive(Debug)]
pub(crate) enum Happening {
    /// A dial succeeded.
    Opened {
        conn: u32,
    },
    /// Bytes reach the platform.
    Up {
        conn: u32,
        bytes: Vec<u8>,
    },
    /// Bytes reach the bot's machine.
    Down {
        conn: u32,
        bytes: Vec<u8>,
    },
    /// The platform learns that the bot hung up.
    EndUp {
        conn: u32,
    },
    /// The bot's machine learns that the stream ended, or never began.
    EndDown {
        conn: u32,
        why: Closed,
    },
    /// Nothing comes down any more, since nothing goes up.
    Starved {
        conn: u32,
    },
    /// An HTTP answer is ready.
    Answer {
        conn: u32,
        bytes: Vec<u8>,
        close: bool,
    },
    /// The platform closes a connection.
    Close {
        conn: u32,
    },
    /// Something happens in a chat.
    Event,
    /// Much happens in a chat.
    Burst,
    /// An event is pushed again.
    Redeliver {
        event: u32,
    },
    /// 3 s after a delivery.
    AckCheck {
        delivery: u32,
    },
    FaultBegins,
    FaultEnds(Fault),
    /// The program decides on an event.
    Verdict {
        id: DeliveryId,
        response: Option<ResponseId>,
        event: u32,
        delivery: u32,
    },
    /// The program answers a callback.
    Respond {
        response: ResponseId,
        delivery: u32,
    },
    /// The program says something.
    Speak,
    /// The machine wakes up; how long its clock stood still.
    Wake {
        still: u64,
    },
    /// The bot's process starts.
    Start,
    Inspect,
    /// The last fault is over.
    Calm,
    End,
}

struct Planned {
    at: u64,
    serial: u64,
    what: Happening,
}

impl PartialEq for Planned {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.serial) == (other.at, other.serial)
    }
}

impl Eq for Planned {}

impl PartialOrd for Planned {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Planned {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.serial).cmp(&(other.at, other.serial))
    }
}

#[derive(Default)]
pub(crate) struct Queue {
    heap: BinaryHeap<Reverse<Planned>>,
    serial: u64,
}

impl Queue {
    pub(crate) fn push(&mut self, at: u64, what: Happening) {
        self.serial += 1;
        self.heap.push(Reverse(Planned { at, serial: self.serial, what }));
    }

    pub(crate) fn next_at(&self) -> Option<u64> {
        self.heap.peek().map(|Reverse(planned)| planned.at)
    }

    pub(crate) fn pop(&mut self) -> Option<Happening> {
        self.heap.pop().map(|Reverse(planned)| planned.what)
    }
}
