//! Memory of delivered ids (protocol section 10.2): a ring in order of arrival, indexed by hash chains that live in the
//! same entries. Looking up and inserting cost the same however many ids are held; the oldest leave first.

#[cfg(not(target_pointer_width = "64"))]
use super::until::InSteps as Until;
#[cfg(target_pointer_width = "64")]
use super::until::ToTheMs as Until;
use crate::storage::Slots;
use crate::time::Instant;

/// Where an entry is: half as long on boards, whose tables are small.
#[cfg(target_pointer_width = "64")]
type Place = u32;
#[cfg(not(target_pointer_width = "64"))]
type Place = u16;

/// No entry: places are counted from 1, so that an unused table is all zero and costs a board no flash.
const NONE: Place = 0;
/// A table on the heap starts with this many entries.
const FIRST_SIZE: usize = 64;
const MAX_SIZE: usize = Place::MAX as usize;

/// One remembered id: 24 bytes, and 16 on boards.
#[derive(Clone, Copy, Debug)]
pub struct SeenEntry {
    key: u64,
    /// The end of its window. Not its beginning: that may lie before the start of the clock.
    until: Until,
    /// The place of the next entry whose key falls into the same bucket.
    next: Place,
    /// The place of the first entry of the bucket that has this entry's number.
    head: Place,
}

impl SeenEntry {
    /// An unused entry.
    pub const EMPTY: Self = Self { key: 0, until: Until::ZERO, next: NONE, head: NONE };
}

#[cfg(not(target_pointer_width = "64"))]
const _: () = assert!(size_of::<SeenEntry>() == 16);

impl Default for SeenEntry {
    fn default() -> Self {
        Self::EMPTY
    }
}

/// The ids seen within a window, as keyed 64-bit hashes. Two ids are taken for one with a chance of 2^-64 each.
#[derive(Debug)]
pub struct Seen<'s> {
    slots: Slots<'s, SeenEntry>,
    window_ms: u64,
    size: usize,
    /// Where the next entry goes; the oldest stands there when the ring is full.
    at: usize,
    len: usize,
    /// Ids inserted since construction.
    inserted: u64,
}

impl<'s> Seen<'s> {
    /// An empty memory that forgets after `window_ms`, or earlier when the table is full.
    ///
    /// Where addresses have 32 bits, it has at most 65 535 entries, forgets up to 255 ms later, and remembers for eight
    /// years at most.
    pub fn new(slots: Slots<'s, SeenEntry>, window_ms: u64) -> Self {
        let window_ms = Until::window(window_ms);
        let mut seen = Self { slots, window_ms, size: 0, at: 0, len: 0, inserted: 0 };
        seen.size = seen.slots.as_slice().len().min(MAX_SIZE);
        for entry in seen.slots.as_mut_slice() {
            *entry = SeenEntry::default();
        }
        seen
    }

    /// Whether `key` was inserted within the window before `now`.
    pub fn contains(&self, now: Instant, key: u64) -> bool {
        let mut next = self.bucket(key).and_then(|bucket| self.slots.get(bucket)).map_or(NONE, |entry| entry.head);
        while let Some(entry) = self.entry(next) {
            if entry.key == key {
                return !entry.until.is_over(now);
            }
            next = entry.next;
        }
        false
    }

    /// Milliseconds that an id is remembered.
    pub fn window_ms(&self) -> u64 {
        self.window_ms
    }

    /// Ids that come from now on are remembered for at least `window_ms`.
    #[cfg(feature = "webhook")]
    pub(crate) fn remember_for(&mut self, window_ms: u64) {
        self.window_ms = self.window_ms.max(Until::window(window_ms));
    }

    /// How many ids were inserted since construction.
    pub fn inserted(&self) -> u64 {
        self.inserted
    }

    /// The ids inserted after the first `from`, as far as they are still held, oldest first: each with its age in
    /// milliseconds.
    pub fn since(&self, now: Instant, from: u64) -> impl Iterator<Item = (u64, u64)> + '_ {
        let new = usize::try_from(self.inserted.saturating_sub(from)).unwrap_or(usize::MAX).min(self.len);
        // The ring's newest entry stands before `at`.
        let first = self.at.saturating_add(self.size).saturating_sub(new);
        (0..new).filter_map(move |offset| {
            let entry = self.slots.get(first.saturating_add(offset).checked_rem(self.size)?)?;
            Some((entry.key, entry.until.age(now, self.window_ms)))
        })
    }

    /// Remembers `key`; tells whether an id still inside its window had to go for it.
    pub fn insert(&mut self, now: Instant, key: u64) -> bool {
        self.insert_aged(now, 0, key)
    }

    /// As [`insert`](Self::insert), for an id that was seen `age` milliseconds ago.
    pub fn insert_aged(&mut self, now: Instant, age: u64, key: u64) -> bool {
        if self.len == self.size {
            self.grow();
        }
        let Some(bucket) = self.bucket(key) else {
            return true;
        };
        self.inserted = self.inserted.saturating_add(1);
        let mut evicted = false;
        if self.len == self.size {
            evicted = self.unlink(self.at).is_some_and(|old| !old.until.is_over(now));
        } else {
            self.len = self.len.saturating_add(1);
        }
        let index = self.at;
        let head = self.slots.get(bucket).map_or(NONE, |entry| entry.head);
        if let Some(entry) = self.slots.get_mut(index) {
            entry.key = key;
            entry.until = Until::new(now.after(self.window_ms.saturating_sub(age)));
            entry.next = head;
        }
        if let Some(entry) = self.slots.get_mut(bucket) {
            entry.head = place(index);
        }
        self.at = self.at.saturating_add(1).checked_rem(self.size).unwrap_or_default();
        evicted
    }

    fn entry(&self, place: Place) -> Option<&SeenEntry> {
        self.slots.get(index(place)?)
    }

    /// The bucket of a key, by its upper half: a hash has as much in it as in all, and a product costs less than a
    /// remainder.
    fn bucket(&self, key: u64) -> Option<usize> {
        let size = u64::try_from(self.size).ok().filter(|size| *size > 0)?;
        usize::try_from((key >> 32).wrapping_mul(size) >> 32).ok()
    }

    /// Takes entry `at` out of its chain.
    fn unlink(&mut self, at: usize) -> Option<SeenEntry> {
        let old = *self.slots.get(at)?;
        let bucket = self.bucket(old.key)?;
        let wanted = place(at);
        let head = self.slots.get_mut(bucket)?;
        if head.head == wanted {
            head.head = old.next;
            return Some(old);
        }
        let mut next = head.head;
        while let Some(entry) = self.slots.get_mut(index(next)?) {
            if entry.next == wanted {
                entry.next = old.next;
                return Some(old);
            }
            next = entry.next;
        }
        None
    }

    fn grow(&mut self) {
        let wanted = self.size.saturating_mul(2).max(FIRST_SIZE).min(self.slots.cap()).min(MAX_SIZE);
        if wanted <= self.size || !self.slots.ensure(wanted) {
            return;
        }
        // Oldest first, so that the ring goes on behind the newest.
        if let Some(ring) = self.slots.as_mut_slice().get_mut(..self.size) {
            ring.rotate_left(self.at.min(ring.len()));
        }
        self.at = self.size;
        self.size = wanted;
        for entry in self.slots.as_mut_slice() {
            entry.head = NONE;
            entry.next = NONE;
        }
        for index in 0..self.len {
            let Some(bucket) = self.slots.get(index).and_then(|entry| self.bucket(entry.key)) else { continue };
            let head = self.slots.get(bucket).map_or(NONE, |entry| entry.head);
            if let Some(entry) = self.slots.get_mut(index) {
                entry.next = head;
            }
            if let Some(entry) = self.slots.get_mut(bucket) {
                entry.head = place(index);
            }
        }
    }
}

/// Where the entry at `index` is found; `NONE` beyond what a table can have.
fn place(index: usize) -> Place {
    Place::try_from(index).ok().and_then(|index| index.checked_add(1)).unwrap_or(NONE)
}

fn index(place: Place) -> Option<usize> {
    Some(place.checked_sub(1)? as usize)
}

#[cfg(test)]
mod tests {
    use super::{Seen, SeenEntry};
    use crate::storage::Slots;
    use crate::time::Instant;

    /// How exact windows and ages are, in milliseconds.
    const STEP: u64 = if cfg!(target_pointer_width = "64") { 1 } else { 256 };

    fn key(n: u64) -> u64 {
        n.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn at(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    #[test]
    fn a_redelivery_within_the_window_is_a_duplicate_and_after_it_is_not() {
        let mut entries = [SeenEntry::default(); 8];
        let window = 1000 * STEP;
        let mut seen = Seen::new(Slots::fixed(&mut entries), window);
        for start in [0, 5000 * STEP, 1 << 32, 1 << 37] {
            assert!(!seen.contains(at(start), 5));
            assert!(!seen.insert(at(start), 5));
            assert!(seen.contains(at(start + window), 5));
            assert!(!seen.contains(at(start + window + 1), 5));
        }
    }

    #[test]
    fn an_id_is_never_forgotten_before_its_window_ends_nor_long_after() {
        let mut entries = [SeenEntry::default(); 8];
        for start in (0..600).chain(u64::MAX - 8000..u64::MAX - 7400) {
            let mut seen = Seen::new(Slots::fixed(&mut entries), 1000);
            seen.insert(at(start), 5);
            assert!(seen.contains(at(start + 1000), 5), "{start}");
            assert!(!seen.contains(at(start + 1000 + STEP), 5), "{start}");
            for age in [0, 1, 255, 256, 257, 1000, 1001, 4000] {
                let told = seen.since(at(start + age), 0).next().unwrap().1;
                assert!(told <= age && age < told + STEP, "{age} is told as {told}");
            }
        }
    }

    #[test]
    fn a_full_table_forgets_the_oldest_and_says_so() {
        let mut entries = [SeenEntry::default(); 16];
        let mut seen = Seen::new(Slots::fixed(&mut entries), 1000);
        for n in 0..1000 {
            assert_eq!(seen.insert(at(n), key(n)), n >= 16, "{n}");
            for old in 0..=n {
                assert_eq!(seen.contains(at(n), key(old)), n < old + 16, "{old} after {n}");
            }
        }
    }

    #[test]
    fn ids_that_fall_into_one_bucket_are_all_remembered() {
        let mut entries = [SeenEntry::default(); 8];
        let mut seen = Seen::new(Slots::fixed(&mut entries), 1000);
        for n in 0..100 {
            seen.insert(at(n), n);
            assert!((n.saturating_sub(7)..=n).all(|old| seen.contains(at(n), old)));
        }
    }

    #[cfg(feature = "alloc")]
    #[test]
    fn a_growing_table_loses_nothing_while_it_grows() {
        let mut seen = Seen::new(Slots::growable(1000), 100_000);
        for n in 0..1500 {
            assert_eq!(seen.insert(at(n), key(n)), n >= 1000, "{n}");
            let first = (n + 1).saturating_sub(1000);
            assert!((first..=n).step_by(7).all(|old| seen.contains(at(n), key(old))), "{n}");
        }
    }

    #[test]
    fn what_came_since_is_told_oldest_first_also_around_the_end_of_the_ring() {
        let mut entries = [SeenEntry::default(); 4];
        let mut seen = Seen::new(Slots::fixed(&mut entries), 1000 * STEP);
        for n in 0..6 {
            seen.insert(at(n * STEP), key(n));
        }
        let since = |from| seen.since(at(5 * STEP), from).collect::<std::vec::Vec<_>>();
        assert_eq!(since(4), [(key(4), STEP), (key(5), 0)]);
        assert_eq!(since(0), [(key(2), 3 * STEP), (key(3), 2 * STEP), (key(4), STEP), (key(5), 0)]);
        assert_eq!(since(6), []);
        assert_eq!(since(99), []);
    }

    #[test]
    fn what_was_seen_before_the_clock_began_is_as_old_as_it_is() {
        let mut entries = [SeenEntry::default(); 4];
        let mut seen = Seen::new(Slots::fixed(&mut entries), 1000 * STEP);
        seen.insert_aged(at(0), 900 * STEP, 5);
        assert!(seen.contains(at(100 * STEP), 5));
        assert!(!seen.contains(at(100 * STEP + 1), 5));
        assert_eq!(seen.since(at(0), 0).collect::<std::vec::Vec<_>>(), [(5, 900 * STEP)]);
    }

    #[test]
    fn what_is_remembered_for_ever_is_as_old_as_it_is() {
        let mut entries = [SeenEntry::default(); 4];
        let mut seen = Seen::new(Slots::fixed(&mut entries), u64::MAX);
        seen.insert(at(40 * STEP), 5);
        assert!(seen.contains(at(41 * STEP), 5));
        // Where the end of the window lies beyond the end of the clock, the age is not known, and it is as good as new.
        let told = seen.since(at(41 * STEP), 0).next().unwrap().1;
        assert!(told <= STEP, "{told}");
    }

    #[test]
    fn no_table_at_all_remembers_nothing_and_breaks_nothing() {
        let mut seen = Seen::new(Slots::fixed(&mut []), 1000);
        assert!(seen.insert(at(0), 1));
        assert!(!seen.contains(at(0), 1));
    }
}
