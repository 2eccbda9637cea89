//! When the bytes that wait behind an undecided event came in: what they hold counts from then, not from when it is read
//! (protocol section 8.3).

use crate::time::Instant;

/// Times kept apart; beyond that the newest bytes count as a little older than they are.
const MARKS: usize = 8;

#[derive(Clone, Copy, Debug)]
struct Mark {
    /// All bytes received by then.
    end: u64,
    at: Instant,
}

#[derive(Debug)]
pub(super) struct Arrivals {
    marks: [Mark; MARKS],
    len: usize,
    total: u64,
}

impl Arrivals {
    pub(super) const NONE: Self = Self { marks: [Mark { end: 0, at: Instant::ZERO }; MARKS], len: 0, total: 0 };

    pub(super) fn received(&mut self, now: Instant, bytes: usize) {
        self.total = self.total.saturating_add(bytes as u64);
        let last = self.len.checked_sub(1).and_then(|last| self.marks.get_mut(last));
        match last {
            Some(last) if last.at == now || self.len == MARKS => last.end = self.total,
            _ => {
                if let Some(place) = self.marks.get_mut(self.len) {
                    *place = Mark { end: self.total, at: now };
                    self.len = self.len.saturating_add(1);
                }
            }
        }
    }

    /// All that came in was looked at: what is not complete counts from when it will be.
    pub(super) fn looked_at(&mut self) {
        self.len = 0;
    }

    /// When the last byte came in of what ends `unread` bytes before the newest one.
    pub(super) fn of(&mut self, unread: usize) -> Option<Instant> {
        let end = self.total.saturating_sub(unread as u64);
        // Nobody asks for what was read before.
        let passed = self.marks.iter().take(self.len).take_while(|mark| mark.end < end).count();
        self.marks.rotate_left(passed.min(MARKS));
        self.len = self.len.saturating_sub(passed);
        self.marks.first().filter(|_| self.len > 0).map(|mark| mark.at)
    }
}

#[cfg(test)]
mod tests {
    use super::{Arrivals, MARKS};
    use crate::time::Instant;

    #[test]
    fn each_message_counts_from_the_read_that_completed_it() {
        let at = Instant::from_millis;
        let mut arrivals = Arrivals::NONE;
        arrivals.received(at(1), 10);
        arrivals.received(at(5), 10);
        arrivals.received(at(5), 10);
        assert_eq!(arrivals.of(25), Some(at(1)));
        assert_eq!(arrivals.of(20), Some(at(1)));
        assert_eq!(arrivals.of(19), Some(at(5)));
        assert_eq!(arrivals.of(0), Some(at(5)));
    }

    #[test]
    fn what_was_looked_at_makes_nothing_older() {
        let mut arrivals = Arrivals::NONE;
        // Pings, for a minute.
        (1..=60).for_each(|n| {
            arrivals.received(Instant::from_millis(n * 1000), 2);
            arrivals.looked_at();
        });
        arrivals.received(Instant::from_millis(61_000), 10);
        assert_eq!(arrivals.of(0), Some(Instant::from_millis(61_000)));
    }

    #[test]
    fn more_reads_than_places_make_the_newest_bytes_older_never_newer() {
        let mut arrivals = Arrivals::NONE;
        (1..=20).for_each(|n| arrivals.received(Instant::from_millis(n), 1));
        assert_eq!(arrivals.of(0), Some(Instant::from_millis(MARKS as u64)));
    }
}
