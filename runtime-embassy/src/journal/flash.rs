//! [`FlashJournal`]: two halves of NOR flash, of which one is added to until it is full. What is still wanted of it is
//! copied to the other half then, and a commit, written last, makes that one valid.

use core::fmt;
use core::ops::Range;

use embedded_storage_async::nor_flash::NorFlash;
use larkwire_core as core_api;

use super::bank::{Half, Halves};
use super::record::{self, COMMIT, Commit, IDS_ONLY, Kind};
use super::{Entry, ID, IDS_HEADER, Journal, JournalFault, Restored};
use crate::event::Event;

/// Ids that the smallest journal keeps, in records.
const LEAST: u32 = 8;

/// A [`Journal`] in NOR flash, external or the chip's own, without a heap: at most `OPEN` events that are not handled, in
/// records of at most `RECORD` bytes, as long as an event's JSON and 156 more.
///
/// | the flash | |
/// |---|---|
/// | needs | whole pages, an even number of them; [`JournalFault::Range`] says how many bytes. For 4 events of 2 KB in pages of 4 KB: 48 KB; 64 KB keep the ids of a hundred messages and more |
/// | is written | once for each message, and 20 bytes when it is done. In 64 KB a page is erased about once in 70 messages of 700 bytes: with 100 000 erasures the flash lasts for millions |
/// | when it is full | the oldest ids of handled events go first; events that are not handled never go |
/// | loses power | between any two words: what [`store`](Journal::store) has returned for is there, what it was at may be there. A record that cannot be read is passed over and counted |
///
/// Moving to the other half erases nothing as a rule: that is done behind [`handled`](Journal::handled). A `RECORD` that is
/// made smaller by an update may not fit what is there ([`JournalFault::Corrupt`]); with a smaller `OPEN` the oldest events
/// beyond it are given up and counted as corrupt.
pub struct FlashJournal<F, const OPEN: usize, const RECORD: usize> {
    halves: Halves<F>,
    /// How many records of ids are kept when it moves.
    keep: u32,
    /// Stored and not handled.
    open: [Option<Open>; OPEN],
    at: Option<At>,
    room: Room<RECORD>,
}

#[derive(Clone, Copy)]
struct Open {
    entry: Entry,
    key: Option<[u8; 8]>,
}

/// Where the journal is written.
struct At {
    half: Half,
    commit: Commit,
    /// The next record's number in this half.
    index: u32,
    /// The next event's.
    next: u32,
    is_other_blank: bool,
}

/// Flash is read and written by words.
#[repr(align(4))]
struct Room<const RECORD: usize>([u8; RECORD]);

impl<F: NorFlash, const OPEN: usize, const RECORD: usize> FlashJournal<F, OPEN, RECORD> {
    const WORD: usize = if F::WRITE_SIZE > F::READ_SIZE { F::WRITE_SIZE } else { F::READ_SIZE };
    /// Bytes of a page for records; its two ends are marks.
    const PAGE: usize = F::ERASE_SIZE.saturating_sub(2 * Self::WORD);

    /// Bytes of flash that a record takes.
    const fn taken(record: usize) -> usize {
        8_usize.next_multiple_of(Self::WORD).saturating_add(record.next_multiple_of(Self::WORD))
    }

    /// A journal in a part of the flash; nothing is read yet.
    ///
    /// # Errors
    /// [`JournalFault::Range`] for a part that is too small, or does not begin and end with a page.
    pub fn new(flash: F, range: Range<u32>) -> Result<Self, JournalFault> {
        const {
            assert!(OPEN > 0, "a journal keeps at least one event");
            assert!(RECORD.is_multiple_of(Self::WORD), "a record is as long as so many words");
            assert!(RECORD >= COMMIT.next_multiple_of(Self::WORD), "a record has room for ids");
            assert!(Self::taken(RECORD) <= Self::PAGE, "a record fits a page of the flash");
        }
        let small = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
        let (page, erase) = (small(Self::PAGE), small(F::ERASE_SIZE));
        let ids = small(Self::taken(IDS_ONLY));
        // Each event takes its own length, and may leave a page's end unused that is as long; one more has to fit beside
        // those that are open. An id may leave as much as its own length at the end of a page.
        let events = small(Self::taken(RECORD).saturating_mul(2).saturating_mul(OPEN.saturating_add(1)));
        let fixed = events.saturating_add(small(Self::taken(COMMIT)));
        let least = fixed.saturating_add(ids.saturating_mul(2 * LEAST));
        let needed = least.div_ceil(page.saturating_sub(ids).max(1)).saturating_mul(2).saturating_mul(erase);
        let len = range.end.saturating_sub(range.start);
        let pages = len / 2 / erase;
        let capacity = small(flash.capacity());
        if len < needed || !range.start.is_multiple_of(erase) || len != pages * 2 * erase || range.end > capacity {
            return Err(JournalFault::Range { needed });
        }
        let room = pages.saturating_mul(page.saturating_sub(ids)).saturating_sub(fixed);
        // Half of what is left: the other half is filled until it moves again.
        let keep = room / 2 / ids;
        let halves = Halves::new(flash, range.start, len / 2);
        Ok(Self { halves, keep, open: [None; OPEN], at: None, room: Room([0; RECORD]) })
    }

    /// Gives the flash back.
    pub fn into_flash(self) -> F {
        self.halves.into_flash()
    }

    fn place(&mut self, entry: Entry) -> Option<&mut Option<Open>> {
        self.open.iter_mut().find(|place| place.is_some_and(|open| open.entry == entry))
    }

    /// Adds the record that `write` makes; moves to the other half when this one is full.
    async fn append(
        &mut self,
        write: impl Fn(&mut [u8], u32) -> Result<usize, JournalFault>,
    ) -> Result<Entry, JournalFault> {
        match self.push(&write).await {
            Err(JournalFault::Full | JournalFault::Corrupt) => {
                self.move_over().await?;
                self.push(&write).await
            }
            done => done,
        }
    }

    async fn push(
        &mut self,
        write: &impl Fn(&mut [u8], u32) -> Result<usize, JournalFault>,
    ) -> Result<Entry, JournalFault> {
        let at = self.at.as_mut().ok_or(JournalFault::Unopened)?;
        let entry = at.next;
        let len = write(&mut self.room.0, entry)?;
        let bytes = self.room.0.get_mut(..len).unwrap_or_default();
        record::number(bytes, at.index);
        let pushed = self.halves.bank(at.half)?.push(bytes).await;
        if pushed != Err(JournalFault::Full) {
            // What the flash refused may stand there all the same.
            at.index = at.index.saturating_add(1);
            at.next = at.next.saturating_add(1);
        }
        pushed.map(|()| Entry(entry))
    }

    async fn move_over(&mut self) -> Result<(), JournalFault> {
        let Self { halves, keep, open, at, room } = self;
        let at = at.as_mut().ok_or(JournalFault::Unopened)?;
        let to = at.half.other();
        let mut target = halves.bank(to)?;
        if !at.is_other_blank {
            target.erase().await?;
        }
        at.is_other_blank = false;
        let is_open = |entry| open.iter().flatten().any(|open| open.entry == entry);
        let copied = halves.bank(at.half)?.copy_to(&mut target, &mut room.0, *keep, is_open).await?;
        let commit = Commit { generation: at.commit.generation.saturating_add(1), next: at.next, ..at.commit };
        let len = record::write_commit(&mut room.0, &commit).ok_or(JournalFault::TooLong)?;
        let bytes = room.0.get_mut(..len).unwrap_or_default();
        record::number(bytes, copied);
        target.push(bytes).await?;
        *at = At { half: to, commit, index: copied.saturating_add(1), next: at.next, is_other_blank: false };
        Ok(())
    }

    /// Reads the half that is valid: its open events; how many records have ids, and how many are missing.
    async fn scan(&mut self, half: Half, commit: Commit) -> Result<(At, u32, u32), JournalFault> {
        let Self { halves, open, room, .. } = self;
        let mut at = At { half, commit, index: 0, next: commit.next, is_other_blank: false };
        let (mut with_ids, mut missing) = (0_u32, 0_u32);
        let look = |record: &record::Record<'_>| {
            missing = missing.saturating_add(record.index.saturating_sub(at.index));
            at.index = record.index.saturating_add(1);
            at.next = at.next.max(record.entry.0.saturating_add(1));
            with_ids = with_ids.saturating_add(u32::from(!record.ids.is_empty()));
            match record.kind {
                Kind::Event => {
                    let new = Open { entry: record.entry, key: record.key() };
                    // One that the flash refused, and that came again.
                    let again =
                        open.iter().position(|open| open.is_some_and(|open| new.key.is_some() && open.key == new.key));
                    let place = again.or_else(|| open.iter().position(Option::is_none));
                    let oldest = || {
                        missing = missing.saturating_add(1);
                        let entries = open.iter().enumerate();
                        entries.min_by_key(|(_, open)| open.map(|open| open.entry)).map(|(index, _)| index)
                    };
                    if let Some(place) = place.or_else(oldest).and_then(|index| open.get_mut(index)) {
                        *place = Some(new);
                    }
                }
                Kind::Handled => {
                    for place in open.iter_mut().filter(|open| open.is_some_and(|open| open.entry == record.entry)) {
                        *place = None;
                    }
                }
                Kind::Commit | Kind::Ids => {}
            }
            false
        };
        halves.bank(half)?.each(&mut room.0, look).await?;
        Ok((at, with_ids, missing))
    }

    /// Puts the header and the newest ids into `out`; how many bytes that is.
    async fn write_ids(
        &mut self,
        half: Half,
        commit: &Commit,
        mut left: u32,
        out: &mut [u8],
    ) -> Result<usize, JournalFault> {
        let Some((head, mut rest)) = out.split_first_chunk_mut::<IDS_HEADER>() else { return Ok(0) };
        *head = commit.header;
        // Two ids for each record, so that what is passed over at the start is never too little.
        let fit = u32::try_from(rest.len() / (2 * ID)).unwrap_or(u32::MAX);
        let mut written = IDS_HEADER;
        let copy = |record: &record::Record<'_>| {
            if !record.ids.is_empty() {
                let is_new = left <= fit;
                left = left.saturating_sub(1);
                if let Some((place, behind)) =
                    core::mem::take(&mut rest).split_at_mut_checked(if is_new { record.ids.len() } else { 0 })
                {
                    place.copy_from_slice(record.ids.get(..place.len()).unwrap_or_default());
                    written = written.saturating_add(place.len());
                    rest = behind;
                }
            }
            false
        };
        self.halves.bank(half)?.each(&mut self.room.0, copy).await?;
        Ok(written)
    }
}

impl<F: NorFlash, const OPEN: usize, const RECORD: usize> Journal for FlashJournal<F, OPEN, RECORD> {
    async fn restore(&mut self, ids: &mut [u8]) -> Result<Restored, JournalFault> {
        self.at = None;
        self.open = [None; OPEN];
        let mut newest: Option<(Half, Commit)> = None;
        for half in [Half::First, Half::Second] {
            let commit = match self.halves.bank(half)?.commit(&mut self.room.0).await {
                // Records of a firmware with longer ones are there: they are not to be taken for nothing.
                Err(fault @ (JournalFault::Flash | JournalFault::TooLong)) => return Err(fault),
                // The other half may be whole.
                Err(_) => None,
                Ok(commit) => commit,
            };
            if let Some(commit) = commit
                && newest.is_none_or(|(_, than)| commit.generation > than.generation)
            {
                newest = Some((half, commit));
            }
        }
        let Some((half, commit)) = newest else { return Ok(Restored::default()) };
        let (mut at, with_ids, corrupt) = self.scan(half, commit).await?;
        at.is_other_blank = self.halves.bank(half.other())?.is_blank(&mut self.room.0).await?;
        let ids = self.write_ids(half, &commit, with_ids, ids).await?;
        self.at = Some(at);
        Ok(Restored { ids, unhandled: self.open.iter().flatten().count(), corrupt })
    }

    async fn begin(&mut self, header: &[u8; IDS_HEADER]) -> Result<(), JournalFault> {
        let (half, generation, next) = match &self.at {
            Some(at) => (at.half.other(), at.commit.generation.saturating_add(1), at.next),
            None => (Half::First, 1, 1),
        };
        if self.at.is_none() {
            // Nothing there has a say, or it cannot be read.
            self.halves.bank(Half::Second)?.erase().await?;
        }
        self.at = None;
        let mut bank = self.halves.bank(half)?;
        bank.erase().await?;
        let commit = Commit { generation, next, header: *header };
        let len = record::write_commit(&mut self.room.0, &commit).ok_or(JournalFault::TooLong)?;
        bank.push(self.room.0.get(..len).unwrap_or_default()).await?;
        self.open = [None; OPEN];
        self.at = Some(At { half, commit, index: 1, next, is_other_blank: false });
        Ok(())
    }

    fn room(&self) -> usize {
        if self.at.is_some() { self.open.iter().filter(|open| open.is_none()).count() } else { 0 }
    }

    async fn store(&mut self, ids: &[u8], event: &core_api::Event<'_>) -> Result<Entry, JournalFault> {
        if self.at.is_some() && self.room() == 0 {
            return Err(JournalFault::Full);
        }
        let entry = self.append(|room, entry| record::write_event(room, Entry(entry), ids, event)).await?;
        if let Some(place) = self.open.iter_mut().find(|open| open.is_none()) {
            *place = Some(Open { entry, key: ids.first_chunk().copied() });
        }
        Ok(entry)
    }

    async fn handled(&mut self, entry: Entry) -> Result<bool, JournalFault> {
        if self.place(entry).is_none() {
            return Ok(false);
        }
        self.append(|room, _| record::write_handled(room, entry).ok_or(JournalFault::TooLong)).await?;
        if let Some(place) = self.place(entry) {
            *place = None;
        }
        // Nobody waits for this one, but for the next event somebody does.
        if let Some(at) = self.at.as_mut().filter(|at| !at.is_other_blank) {
            // It is erased when it is needed otherwise.
            at.is_other_blank = self.halves.bank(at.half.other())?.erase().await.is_ok();
        }
        Ok(true)
    }

    async fn unhandled<const N: usize>(
        &mut self,
        after: Option<Entry>,
    ) -> Result<Option<(Entry, Option<Event<N>>)>, JournalFault> {
        let at = self.at.as_ref().ok_or(JournalFault::Unopened)?;
        let behind =
            self.open.iter().flatten().map(|open| open.entry).filter(|entry| after.is_none_or(|after| *entry > after));
        let Some(entry) = behind.min() else { return Ok(None) };
        let mut event = None;
        let look = |record: &record::Record<'_>| {
            let found = record.kind == Kind::Event && record.entry == entry;
            if found {
                event = record.event();
            }
            found
        };
        self.halves.bank(at.half)?.each(&mut self.room.0, look).await?;
        Ok(Some((entry, event)))
    }
}

impl<F, const OPEN: usize, const RECORD: usize> fmt::Debug for FlashJournal<F, OPEN, RECORD> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unhandled = self.open.iter().flatten().count();
        f.debug_struct("FlashJournal").field("unhandled", &unhandled).field("places", &OPEN).finish_non_exhaustive()
    }
}
