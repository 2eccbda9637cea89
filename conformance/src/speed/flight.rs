//! The events that are under way: written, and not yet acked.

/// When each event was written, and what became of it.
#[derive(Debug)]
pub(super) struct Flight {
    /// Nanoseconds since the start, plus 1; 0 where there is none.
    sent: Vec<u64>,
    next: u64,
    open: usize,
    pub(super) counts: Counts,
}

/// What a client did with its events.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Counts {
    /// Events that were acked with code 200.
    pub(super) acked: u64,
    /// Acks with another code.
    pub(super) refused: u64,
    /// Acks of no event that is under way: repeated ones, and those of parts that complete nothing.
    pub(super) strange: u64,
    /// Events that were never acked while many later ones were.
    pub(super) lost: u64,
}

impl Flight {
    pub(super) fn new(window: usize) -> Self {
        let slots = window.saturating_mul(64).next_power_of_two().max(4096);
        Self { sent: vec![0; slots], next: 0, open: 0, counts: Counts::default() }
    }

    /// The number of the next event.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// How many are under way.
    pub(super) fn open(&self) -> usize {
        self.open
    }

    /// So many more are written now.
    pub(super) fn send(&mut self, events: usize, now_ns: u64) {
        for _ in 0..events {
            let at = self.slot(self.next);
            if std::mem::replace(&mut self.sent[at], now_ns + 1) == 0 {
                self.open += 1;
            } else {
                self.counts.lost += 1;
            }
            self.next += 1;
        }
    }

    /// An event was answered; when it was written, if it was answered well.
    pub(super) fn ack(&mut self, number: u64, well: bool) -> Option<u64> {
        let slots = u64::try_from(self.sent.len()).unwrap_or(u64::MAX);
        let is_near = number < self.next && self.next - number <= slots;
        let at = self.slot(number);
        let sent = if is_near { std::mem::take(&mut self.sent[at]) } else { 0 };
        let Some(sent) = sent.checked_sub(1) else {
            self.counts.strange += 1;
            return None;
        };
        self.open -= 1;
        if well {
            self.counts.acked += 1;
            return Some(sent);
        }
        self.counts.refused += 1;
        None
    }

    /// An answer that belongs to no event at all.
    pub(super) fn stray(&mut self) {
        self.counts.strange += 1;
    }

    fn slot(&self, number: u64) -> usize {
        number as usize & (self.sent.len() - 1)
    }
}
