//! A journal over flash with nothing in it, so that the journal is linked, too.

use core::hint::black_box;

use embedded_storage_async::nor_flash::{ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash};
use larkwire_embassy::journal::{FlashJournal, Journal, JournalFault};

use crate::say;

/// Flash as the linker knows it: it cannot see that nothing is kept.
struct NoFlash;

#[derive(Debug)]
struct Refused;

impl NorFlashError for Refused {
    fn kind(&self) -> NorFlashErrorKind {
        NorFlashErrorKind::Other
    }
}

impl ErrorType for NoFlash {
    type Error = Refused;
}

impl ReadNorFlash for NoFlash {
    const READ_SIZE: usize = 4;

    async fn read(&mut self, _: u32, bytes: &mut [u8]) -> Result<(), Refused> {
        bytes.fill(black_box(0xFF));
        black_box(Ok(()))
    }

    fn capacity(&self) -> usize {
        0x1_0000
    }
}

impl NorFlash for NoFlash {
    const ERASE_SIZE: usize = 4096;
    const WRITE_SIZE: usize = 4;

    async fn erase(&mut self, _: u32, _: u32) -> Result<(), Refused> {
        black_box(Ok(()))
    }

    async fn write(&mut self, _: u32, bytes: &[u8]) -> Result<(), Refused> {
        black_box(bytes);
        black_box(Ok(()))
    }
}

/// Everything that a journal does, once.
#[embassy_executor::task]
pub(crate) async fn journal() {
    if let Err(fault) = all().await {
        say(format_args!("{fault}"));
    }
}

async fn all() -> Result<(), JournalFault> {
    let mut journal = FlashJournal::<_, 4, { 2048 + 156 }>::new(NoFlash, 0..0x1_0000)?;
    let mut ids = [0; 32 + 16 * 256];
    if journal.restore(&mut ids).await?.ids == 0 {
        journal.begin(&black_box([0; 32])).await?;
    }
    let mut after = None;
    while let Some((entry, event)) = journal.unhandled::<2048>(after).await? {
        after = Some(entry);
        if let Some(event) = event {
            journal.store(black_box(&[0; 32]), &event.view()).await?;
        }
        journal.handled(entry).await?;
    }
    Ok(())
}
