//! A NOR flash in a file: what outlives the process.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use embedded_storage_async::nor_flash::{ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash};

/// A block of 64 KiB is what most flashes erase fastest.
const BLOCK: usize = 64 * 1024;
const WORD: usize = 4;
pub(crate) const CAPACITY: u32 = 64 * 64 * 1024;

pub(crate) struct FileFlash(File);

impl FileFlash {
    /// Opens it; a new one is erased.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut flash = Self(file);
        if flash.0.metadata()?.len() != u64::from(CAPACITY) {
            flash.fill(0, CAPACITY)?;
        }
        Ok(flash)
    }

    fn fill(&mut self, from: u32, to: u32) -> io::Result<()> {
        let len = usize::try_from(to.saturating_sub(from)).unwrap_or_default();
        self.0.write_all_at(&vec![0xFF; len], from.into())
    }
}

/// The file's error.
#[derive(Debug)]
pub(crate) struct Failed(#[allow(dead_code, reason = "for whoever prints it")] io::Error);

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self(error)
    }
}

impl NorFlashError for Failed {
    fn kind(&self) -> NorFlashErrorKind {
        NorFlashErrorKind::Other
    }
}

impl ErrorType for FileFlash {
    type Error = Failed;
}

impl ReadNorFlash for FileFlash {
    const READ_SIZE: usize = 1;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Failed> {
        Ok(self.0.read_exact_at(bytes, offset.into())?)
    }

    fn capacity(&self) -> usize {
        usize::try_from(CAPACITY).unwrap_or_default()
    }
}

impl NorFlash for FileFlash {
    const ERASE_SIZE: usize = BLOCK;
    const WRITE_SIZE: usize = WORD;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), Failed> {
        Ok(self.fill(from, to)?)
    }

    /// Bits only fall.
    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Failed> {
        let mut cells = vec![0; bytes.len()];
        self.0.read_exact_at(&mut cells, offset.into())?;
        cells.iter_mut().zip(bytes).for_each(|(cell, byte)| *cell &= byte);
        Ok(self.0.write_all_at(&cells, offset.into())?)
    }
}
