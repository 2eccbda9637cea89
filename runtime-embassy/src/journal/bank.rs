//! One half of the journal's flash: a queue of records to which only is added, until it is full.

use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::mutex::Mutex;
use embedded_storage_async::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use sequential_storage::Error;
use sequential_storage::cache::{Cache, Uncached};
use sequential_storage::queue::{QueueConfig, QueueStorage};

use super::record::{self, Commit, Kind, Record};
use super::{Entry, JournalFault};

/// Both halves of the flash.
pub(super) struct Halves<F> {
    flash: Mutex<NoopRawMutex, F>,
    capacity: usize,
    start: u32,
    /// Bytes of one half.
    len: u32,
}

/// Which half.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Half {
    First,
    Second,
}

impl Half {
    pub(super) fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }
}

impl<F: NorFlash> Halves<F> {
    pub(super) fn new(flash: F, start: u32, len: u32) -> Self {
        let capacity = flash.capacity();
        Self { flash: Mutex::new(flash), capacity, start, len }
    }

    pub(super) fn bank(&self, half: Half) -> Result<Bank<'_, F>, JournalFault> {
        let start = match half {
            Half::First => self.start,
            Half::Second => self.start.saturating_add(self.len),
        };
        let range = start..start.saturating_add(self.len);
        let config = QueueConfig::try_new(range.clone()).map_err(|_| JournalFault::Range { needed: 0 })?;
        let shared = Shared { flash: &self.flash, capacity: self.capacity };
        Ok(Bank { queue: QueueStorage::new(shared, config, Cache::new_uncached()), range })
    }

    pub(super) fn into_flash(self) -> F {
        self.flash.into_inner()
    }
}

/// The flash as one of two queues sees it: what is read from one is written to the other.
pub(super) struct Shared<'a, F> {
    flash: &'a Mutex<NoopRawMutex, F>,
    capacity: usize,
}

impl<F: ErrorType> ErrorType for Shared<'_, F> {
    type Error = F::Error;
}

impl<F: ReadNorFlash> ReadNorFlash for Shared<'_, F> {
    const READ_SIZE: usize = F::READ_SIZE;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), F::Error> {
        self.flash.lock().await.read(offset, bytes).await
    }

    fn capacity(&self) -> usize {
        self.capacity
    }
}

impl<F: NorFlash> NorFlash for Shared<'_, F> {
    const ERASE_SIZE: usize = F::ERASE_SIZE;
    const WRITE_SIZE: usize = F::WRITE_SIZE;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), F::Error> {
        self.flash.lock().await.erase(from, to).await
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), F::Error> {
        self.flash.lock().await.write(offset, bytes).await
    }
}

type Queue<'a, F> = QueueStorage<Shared<'a, F>, Cache<Uncached, Uncached, Uncached>>;

pub(super) struct Bank<'a, F: NorFlash> {
    queue: Queue<'a, F>,
    range: core::ops::Range<u32>,
}

impl<F: NorFlash> Bank<'_, F> {
    /// Adds a record; [`JournalFault::Full`] when there is no room for it, and then nothing was written.
    pub(super) async fn push(&mut self, record: &[u8]) -> Result<(), JournalFault> {
        self.queue.push(record, false).await.map_err(fault)
    }

    pub(super) async fn erase(&mut self) -> Result<(), JournalFault> {
        self.queue.erase_all().await.map_err(fault)
    }

    /// Whether every byte is as erased.
    pub(super) async fn is_blank(&mut self, room: &mut [u8]) -> Result<bool, JournalFault> {
        let end = self.range.end;
        let mut at = self.range.start;
        while at < end {
            // Pages are as long as powers of two, so this ends with the range.
            let left = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX);
            let len = room.len().min(left);
            let chunk = room.get_mut(..len).unwrap_or_default();
            self.queue.flash().read(at, chunk).await.map_err(|_| JournalFault::Flash)?;
            if chunk.iter().any(|byte| *byte != 0xFF) {
                return Ok(false);
            }
            at = at.saturating_add(u32::try_from(len).unwrap_or(u32::MAX));
        }
        Ok(true)
    }

    /// Shows every record that can be read, oldest first, until `look` says that it has seen enough.
    pub(super) async fn each(
        &mut self,
        room: &mut [u8],
        mut look: impl FnMut(&Record<'_>) -> bool,
    ) -> Result<(), JournalFault> {
        let mut records = self.queue.iter().await.map_err(fault)?;
        while let Some(bytes) = records.next(room).await.map_err(fault)? {
            if Record::read(&bytes).is_some_and(|record| look(&record)) {
                break;
            }
        }
        Ok(())
    }

    /// The commit that makes this half valid, if it has one.
    pub(super) async fn commit(&mut self, room: &mut [u8]) -> Result<Option<Commit>, JournalFault> {
        let mut commit = None;
        self.each(room, |record| {
            commit = record.commit();
            commit.is_some()
        })
        .await?;
        Ok(commit)
    }

    /// Copies to an erased half what is still wanted: the events that are `open`, and of the ids the newest `keep`. How
    /// many records that half has then.
    pub(super) async fn copy_to(
        mut self,
        target: &mut Bank<'_, F>,
        room: &mut [u8],
        keep: u32,
        open: impl Fn(Entry) -> bool,
    ) -> Result<u32, JournalFault> {
        let mut passed = 0_u32;
        self.each(room, |record| {
            passed = passed.saturating_add(u32::from(!record.ids.is_empty()));
            false
        })
        .await?;
        let mut copied = 0_u32;
        let mut records = self.queue.iter().await.map_err(fault)?;
        while let Some(mut bytes) = records.next(room).await.map_err(fault)? {
            let Some(Record { kind, entry, ids, .. }) = Record::read(&bytes) else { continue };
            let has_ids = !ids.is_empty();
            let is_new = has_ids && passed <= keep;
            passed = passed.saturating_sub(u32::from(has_ids));
            let len = match kind {
                Kind::Event if open(entry) => bytes.len(),
                Kind::Event | Kind::Ids if is_new => record::shorten_to_ids(&mut bytes),
                _ => continue,
            };
            record::number(&mut bytes, copied);
            target.push(bytes.get(..len).unwrap_or_default()).await?;
            copied = copied.saturating_add(1);
        }
        Ok(copied)
    }
}

fn fault<E>(error: Error<E>) -> JournalFault {
    match error {
        Error::Storage { .. } => JournalFault::Flash,
        Error::FullStorage => JournalFault::Full,
        Error::BufferTooSmall(_) | Error::ItemTooBig => JournalFault::TooLong,
        _ => JournalFault::Corrupt,
    }
}
