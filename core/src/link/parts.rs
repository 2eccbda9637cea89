//! Split messages put together again (protocol sections 7.2, 7.3).
//!
//! ```text
//! storage   |block 0|block 1|block 2|…   each: number of the next block, then bytes
//! set       first block ─► … ─► last     records in order of arrival: seq, length, bytes
//! complete  records copied in order of seq into `assembled`, blocks free again
//! ```
//! Memory comes in blocks of equal size, so nothing is ever moved to make room and the work is linear in the bytes
//! received, whatever order, number and size the peer chooses. `sum` sizes nothing.

use super::blocks::{Blocks, Chain, Cursor};
use crate::notice::count;
use crate::storage::{Region, Slots};
use crate::time::{Earliest, Instant, Why};

/// Most parts a message may have.
pub const MAX_PARTS: u32 = 64;
/// A set that no part came for, not even one again, for this long is dropped.
const SLIDING_MS: u64 = 10_000;
/// A set older than this is dropped.
const HARD_MS: u64 = 60_000;
/// How long a finished id is remembered.
const REMEMBER_MS: u64 = 60_000;
/// Bytes a host keeps for the next assembled message.
const RETAINED: usize = 16 * 1024;
/// `seq` and the length before the bytes of a part.
const RECORD: usize = 5;

/// A split message under assembly: about 320 bytes.
#[derive(Clone, Copy, Debug)]
pub struct PartSet {
    used: bool,
    id: u64,
    sum: u8,
    present: u64,
    /// One 32-bit digest a part, to tell a repetition from a contradiction.
    digests: [u32; MAX_PARTS as usize],
    chain: Chain,
    /// Bytes of all parts.
    len: usize,
    born: Instant,
    touched: Instant,
}

impl Default for PartSet {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl PartSet {
    /// An unused place.
    pub const EMPTY: Self = Self {
        used: false,
        id: 0,
        sum: 0,
        present: 0,
        digests: [0; MAX_PARTS as usize],
        chain: Chain::EMPTY,
        len: 0,
        born: Instant::ZERO,
        touched: Instant::ZERO,
    };

    fn ends(&self) -> Instant {
        self.touched.after(SLIDING_MS).min(self.born.after(HARD_MS))
    }
}

/// The id of a split message that is finished: 16 bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct FinishedId {
    id: u64,
    until: Instant,
}

impl FinishedId {
    /// An unused entry.
    pub const EMPTY: Self = Self { id: 0, until: Instant::ZERO };
}

/// What became of a part.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Insert {
    /// It was the last one: [`Parts::assembled`] holds the message.
    Complete,
    /// More are needed.
    Kept,
    /// It contradicts its set and was left out.
    Rejected,
    /// The part was here already.
    Repeated {
        /// With other bytes.
        differs: bool,
    },
    /// The message cannot fit the storage, even alone; its set is gone.
    TooBig,
}

/// One part as its frame describes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part<'a> {
    /// Keyed hash of the frame's `message_id`.
    pub(crate) id: u64,
    pub(crate) sum: u32,
    pub(crate) seq: i64,
    /// Keyed hash of the bytes.
    pub(crate) digest: u32,
    pub(crate) bytes: &'a [u8],
}

#[derive(Debug)]
pub(crate) struct Parts<'s> {
    blocks: Blocks<'s>,
    assembled: Region<'s>,
    assembled_len: usize,
    sets: Slots<'s, PartSet>,
    finished: Slots<'s, FinishedId>,
    finished_at: usize,
    /// Sets that ended incomplete since they were last asked for.
    lost: u64,
}

impl<'s> Parts<'s> {
    pub(crate) fn new(
        blocks: Region<'s>,
        assembled: Region<'s>,
        sets: Slots<'s, PartSet>,
        finished: Slots<'s, FinishedId>,
    ) -> Self {
        let blocks = Blocks::new(blocks);
        let mut parts = Self { blocks, assembled, assembled_len: 0, sets, finished, finished_at: 0, lost: 0 };
        parts.drop_all();
        parts.lost = 0;
        for id in parts.finished.as_mut_slice() {
            *id = FinishedId::default();
        }
        parts
    }

    /// Overwrites what came; for the end.
    pub(crate) fn wipe(&mut self) {
        self.assembled.wipe_all();
        self.blocks.wipe();
    }

    /// The message that the last [`Insert::Complete`] finished.
    pub(crate) fn assembled(&self) -> &[u8] {
        self.assembled.slice(0, self.assembled_len)
    }

    /// The assembled message is not needed any more.
    pub(crate) fn release(&mut self) {
        self.assembled_len = 0;
        self.assembled.relax(RETAINED);
    }

    /// Sets that ended incomplete since the last time.
    pub(crate) fn take_lost(&mut self) -> u64 {
        core::mem::take(&mut self.lost)
    }

    /// The connection is gone: the platform sends everything again.
    pub(crate) fn drop_all(&mut self) {
        for set in self.sets.as_mut_slice() {
            if set.used {
                count(&mut self.lost);
            }
            *set = PartSet::default();
        }
        self.blocks.clear();
    }

    pub(crate) fn deadlines(&self, earliest: &mut Earliest) {
        for set in self.sets.as_slice().iter().filter(|set| set.used) {
            earliest.add(set.ends(), Why::Parts);
        }
    }

    /// Drops what has waited too long.
    pub(crate) fn expire(&mut self, now: Instant) {
        for index in 0..self.sets.as_slice().len() {
            if self.sets.get(index).is_some_and(|set| set.used && set.ends() <= now) {
                self.drop_set(index);
                count(&mut self.lost);
            }
        }
    }

    /// Whether the message `id` was finished within the last minute.
    pub(crate) fn is_finished(&self, now: Instant, id: u64) -> bool {
        self.finished.as_slice().iter().any(|old| old.id == id && now < old.until)
    }

    /// Remembers that the message `id` was accepted or discarded.
    pub(crate) fn finish(&mut self, now: Instant, id: u64) {
        let cap = self.finished.cap();
        if !self.finished.ensure(cap) {
            return;
        }
        if let Some(place) = self.finished.get_mut(self.finished_at) {
            *place = FinishedId { id, until: now.after(REMEMBER_MS) };
        }
        self.finished_at = self.finished_at.saturating_add(1).checked_rem(cap).unwrap_or_default();
    }

    /// Forgets the set `id`, if there is one.
    pub(crate) fn forget(&mut self, id: u64) {
        if let Some(index) = self.sets.as_slice().iter().position(|set| set.used && set.id == id) {
            self.drop_set(index);
        }
    }

    pub(crate) fn insert(&mut self, now: Instant, part: Part<'_>) -> Insert {
        // A part may be told before the clock is.
        self.expire(now);
        if part.sum > MAX_PARTS {
            let known = self.sets.as_slice().iter().any(|set| set.used && set.id == part.id);
            return if known { Insert::Rejected } else { Insert::TooBig };
        }
        let (Ok(sum), Ok(seq)) = (u8::try_from(part.sum), u8::try_from(part.seq)) else {
            return Insert::Rejected;
        };
        if seq >= sum {
            return Insert::Rejected;
        }
        let Some(index) = self.set_for(now, part.id, sum, part.bytes.len()) else {
            return Insert::TooBig;
        };
        let bit = 1_u64.checked_shl(u32::from(seq)).unwrap_or_default();
        let assembled_cap = self.assembled.cap();
        {
            let Some(set) = self.sets.get_mut(index) else { return Insert::TooBig };
            if set.sum != sum {
                return Insert::Rejected;
            }
            set.touched = now;
            if set.present & bit != 0 {
                let differs = set.digests.get(usize::from(seq)) != Some(&part.digest);
                return Insert::Repeated { differs };
            }
            if set.len.saturating_add(part.bytes.len()) > assembled_cap {
                self.drop_set(index);
                return Insert::TooBig;
            }
        }
        let mut head = [seq, 0, 0, 0, 0];
        // Lengths are below 2^32: a longer part fits no storage on a machine that has one.
        head[1..].copy_from_slice(&u32::try_from(part.bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
        if !self.make_room(index, RECORD.saturating_add(part.bytes.len()))
            || !self.sets.get_mut(index).is_some_and(|set| {
                self.blocks.append(&mut set.chain, &head) && self.blocks.append(&mut set.chain, part.bytes)
            })
        {
            self.drop_set(index);
            return Insert::TooBig;
        }
        let Some(set) = self.sets.get_mut(index) else { return Insert::TooBig };
        set.present |= bit;
        set.len = set.len.saturating_add(part.bytes.len());
        if let Some(digest) = set.digests.get_mut(usize::from(seq)) {
            *digest = part.digest;
        }
        if set.present.count_ones() < u32::from(sum) {
            return Insert::Kept;
        }
        let complete = self.gather(index);
        self.drop_set(index);
        if complete { Insert::Complete } else { Insert::TooBig }
    }

    /// The set of `id`, a new one if need be; the oldest set makes way when all places are taken. `None` when its first
    /// part, of `len` bytes, can never be kept: that costs no other set its place.
    fn set_for(&mut self, now: Instant, id: u64, sum: u8, len: usize) -> Option<usize> {
        if let Some(index) = self.sets.as_slice().iter().position(|set| set.used && set.id == id) {
            return Some(index);
        }
        let blocks = Chain::EMPTY.blocks_for(RECORD.saturating_add(len));
        if len > self.assembled.cap() || blocks > self.blocks.total() {
            return None;
        }
        let index = match self.sets.find_free(|set| !set.used) {
            Some(index) => index,
            None => {
                let oldest = self.oldest(None)?;
                self.drop_set(oldest);
                count(&mut self.lost);
                oldest
            }
        };
        *self.sets.get_mut(index)? = PartSet { used: true, id, sum, born: now, touched: now, ..PartSet::default() };
        Some(index)
    }

    fn oldest(&self, but: Option<usize>) -> Option<usize> {
        let used = self.sets.as_slice().iter().enumerate().filter(|(index, set)| set.used && Some(*index) != but);
        used.min_by_key(|(_, set)| set.born).map(|(index, _)| index)
    }

    /// Makes sure that `len` more bytes fit set `index`, at the cost of older sets.
    fn make_room(&mut self, index: usize, len: usize) -> bool {
        let Some(chain) = self.sets.get(index).map(|set| set.chain) else { return false };
        let needed = chain.blocks_for(len);
        if chain.blocks().saturating_add(needed) > self.blocks.total() {
            return false;
        }
        while self.blocks.total().saturating_sub(self.used_blocks()) < needed {
            let Some(oldest) = self.oldest(Some(index)) else { return false };
            self.drop_set(oldest);
            count(&mut self.lost);
        }
        true
    }

    fn used_blocks(&self) -> usize {
        self.sets.as_slice().iter().fold(0, |sum, set| sum.saturating_add(set.chain.blocks()))
    }

    fn drop_set(&mut self, index: usize) {
        let Some(set) = self.sets.get_mut(index) else { return };
        self.blocks.release(set.chain);
        *set = PartSet::default();
        if self.sets.as_slice().iter().all(|set| !set.used) {
            self.blocks.clear();
        }
    }

    /// Copies the parts of set `index` in order into `assembled`.
    fn gather(&mut self, index: usize) -> bool {
        let Some(set) = self.sets.get(index).copied() else { return false };
        if !self.assembled.ensure(set.len) {
            return false;
        }
        // First pass: how long each part is, so that each one's place is known. Second pass: copy.
        let mut places = [0_usize; MAX_PARTS as usize];
        let mut cursor = Cursor::new(&set.chain);
        for _ in 0..set.sum {
            let Some((seq, len)) = record(&mut cursor, &self.blocks) else { return false };
            if let Some(place) = places.get_mut(seq) {
                *place = len;
            }
            cursor.copy(&self.blocks, len, |_, _| {});
        }
        let mut start = 0_usize;
        for place in &mut places {
            let len = *place;
            *place = start;
            start = start.saturating_add(len);
        }
        let out = self.assembled.bytes_mut();
        let mut cursor = Cursor::new(&set.chain);
        for _ in 0..set.sum {
            let Some((seq, len)) = record(&mut cursor, &self.blocks) else { return false };
            let place = places.get(seq).copied().unwrap_or_default();
            cursor.copy(&self.blocks, len, |offset, piece| {
                let at = place.saturating_add(offset);
                if let Some(room) = out.get_mut(at..at.saturating_add(piece.len())) {
                    room.copy_from_slice(piece);
                }
            });
        }
        self.assembled_len = set.len;
        true
    }
}

/// The `seq` and the length of the next part.
fn record(cursor: &mut Cursor, blocks: &Blocks<'_>) -> Option<(usize, usize)> {
    let [seq, len @ ..] = cursor.take::<RECORD>(blocks)?;
    Some((usize::from(seq), u32::from_le_bytes(len) as usize))
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::{Insert, Part, PartSet, Parts};
    use crate::storage::{Region, Slots};
    use crate::time::Instant;

    /// Puts a message of `len` bytes in, cut at `cuts`, its parts in the order `order`.
    fn assembled(len: usize, cuts: &[usize], order: &[usize]) -> (Vec<u8>, Vec<u8>) {
        let whole: Vec<u8> = (0..len).map(|at| (at * 7 % 251) as u8).collect();
        let mut ends = cuts.to_vec();
        ends.push(len);
        let (mut blocks, mut room) = ([0; 4096], [0; 2048]);
        let mut sets = [PartSet::default(); 2];
        let mut parts = Parts::new(
            Region::fixed(&mut blocks),
            Region::fixed(&mut room),
            Slots::fixed(&mut sets),
            Slots::fixed(&mut []),
        );
        let sum = ends.len() as u32;
        for (nth, seq) in order.iter().enumerate() {
            let start = if *seq == 0 { 0 } else { ends[seq - 1] };
            let bytes = &whole[start..ends[*seq]];
            let part = Part { id: 1, sum, seq: *seq as i64, digest: *seq as u32, bytes };
            let expected = if nth + 1 == order.len() { Insert::Complete } else { Insert::Kept };
            assert_eq!(parts.insert(Instant::ZERO, part), expected);
        }
        (whole, parts.assembled().to_vec())
    }

    #[test]
    fn a_message_is_the_same_however_it_was_cut_and_shuffled() {
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            for len in [0, 1, 5, 247, 252, 253, 504, 547, 1000] {
                for first in (0..=len).step_by(13) {
                    let second = first + (len - first) / 2;
                    let (whole, assembled) = assembled(len, &[first, second], &order);
                    assert!(whole == assembled, "{len} bytes cut at {first} and {second}, order {order:?}");
                }
            }
        }
    }

    fn part(id: u64, bytes: &[u8]) -> Part<'_> {
        Part { id, sum: 2, seq: 0, digest: 0, bytes }
    }

    #[test]
    fn a_message_that_is_forgotten_makes_room_for_the_next() {
        let (mut blocks, mut room, mut sets) = ([0; 4096], [0; 4096], [PartSet::default(); 2]);
        let slots = (Slots::fixed(&mut sets), Slots::fixed(&mut []));
        let mut parts = Parts::new(Region::fixed(&mut blocks), Region::fixed(&mut room), slots.0, slots.1);
        for id in 1..10 {
            assert_eq!(parts.insert(Instant::ZERO, part(id, &[7; 3000])), Insert::Kept);
            parts.forget(id + 1);
            assert!(parts.used_blocks() > 0, "another one is no reason");
            parts.forget(id);
            assert_eq!(parts.used_blocks(), 0);
        }
        assert_eq!(parts.lost, 0, "nothing was pushed out");
    }

    #[cfg(feature = "alloc")]
    #[test]
    fn the_memory_of_a_long_message_is_given_back_when_the_last_is_gone() {
        let region = || Region::growable(1 << 20);
        let slots = (Slots::growable(4), Slots::growable(4));
        let mut parts = Parts::new(region(), region(), slots.0, slots.1);
        let long = [7; 100 * 1024];
        parts.insert(Instant::ZERO, part(1, &long));
        parts.insert(Instant::ZERO, part(2, b"short"));
        parts.forget(1);
        assert!(parts.blocks.held() >= long.len(), "the other one lies in it");
        parts.forget(2);
        assert!(parts.blocks.held() <= super::RETAINED, "{} bytes are kept", parts.blocks.held());
    }
}
