//! The file that keeps the ids of delivered events over restarts, so that a restart does not reopen the window.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use larkwire_core::wire::writer::Writer;
use larkwire_core::{Bot, Instant};

use crate::settings::SettingsError;

/// Some 250 000 ids; a longer file is written anew with what is still remembered.
const LONGEST: u64 = 4 * 1024 * 1024;
/// No memory of ours is this long.
const ABSURD: u64 = 64 * 1024 * 1024;

/// Ids are appended before their acks can be written: a crash forgets nothing that was acknowledged.
#[derive(Debug)]
pub(crate) struct SeenFile {
    file: File,
    path: PathBuf,
    len: u64,
    /// How many ids of the bot are in the file.
    written: u64,
    failed: bool,
}

impl SeenFile {
    /// Opens or creates the file, gives the bot what is in it, and keeps the file for this process alone.
    pub(crate) fn open(path: &Path, bot: &mut Bot<'_>, now: Instant) -> Result<Self, SettingsError> {
        let wrong = |error: &dyn std::fmt::Display| {
            SettingsError::new("dedup_file", format_args!("{}: {error}", path.display()))
        };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(|error| wrong(&error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(wrong(&"another process uses it: does this bot run twice?"));
            }
            Err(TryLockError::Error(error)) => return Err(wrong(&error)),
        }
        let mut bytes = Vec::new();
        (&file).take(ABSURD).read_to_end(&mut bytes).map_err(|error| wrong(&error))?;
        if !bytes.is_empty() {
            let restored = bot.restore_seen(now, &bytes).map_err(|error| wrong(&error))?;
            tracing::info!(restored, "ids of delivered events are remembered from {}", path.display());
        }
        let mut memory = Self { file, path: path.to_owned(), len: 0, written: 0, failed: false };
        memory.rewrite(bot).map_err(|error| wrong(&error))?;
        Ok(memory)
    }

    /// Appends what the bot has remembered since the last time.
    pub(crate) fn keep(&mut self, bot: &Bot<'_>) {
        if bot.seen_count() == self.written {
            return;
        }
        let kept = if self.len > LONGEST { self.rewrite(bot) } else { self.append(bot) };
        match kept {
            Ok(()) => self.failed = false,
            // Once a disk is full it stays so for a while, and every event comes by here.
            Err(error) if !self.failed => {
                self.failed = true;
                tracing::warn!(
                    "{}: {error}; after a restart events of the last hours may come twice",
                    self.path.display()
                );
            }
            Err(_) => {}
        }
    }

    fn append(&mut self, bot: &Bot<'_>) -> io::Result<()> {
        let bytes = written(bot, Some(self.written));
        self.file.seek(io::SeekFrom::Start(self.len))?;
        self.file.write_all(&bytes)?;
        self.len += bytes.len() as u64;
        self.written = bot.seen_count();
        Ok(())
    }

    /// Writes the file anew in place: its lock stays with it.
    fn rewrite(&mut self, bot: &Bot<'_>) -> io::Result<()> {
        let bytes = written(bot, None);
        self.file.seek(io::SeekFrom::Start(0))?;
        self.file.write_all(&bytes)?;
        self.len = bytes.len() as u64;
        self.file.set_len(self.len)?;
        self.written = bot.seen_count();
        Ok(())
    }
}

fn written(bot: &Bot<'_>, from: Option<u64>) -> Vec<u8> {
    let mut counting = Writer::counting();
    bot.write_seen(from, &mut counting);
    let mut bytes = vec![0; counting.len()];
    bot.write_seen(from, &mut Writer::new(&mut bytes));
    bytes
}
