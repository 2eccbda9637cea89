//! A byte queue over given storage: push whole or not at all, peek, discard.

use crate::storage::Region;
use crate::wire::writer::Writer;

/// Memory a host keeps also over quiet times, so that an ordinary ack or request allocates nothing.
const RETAINED: usize = 4096;

/// Bytes on their way out of one lane, always in one piece.
#[derive(Debug)]
pub(crate) struct Pipe<'s> {
    region: Region<'s>,
    start: usize,
    end: usize,
}

impl<'s> Pipe<'s> {
    pub(crate) fn new(region: Region<'s>) -> Self {
        Self { region, start: 0, end: 0 }
    }

    pub(crate) fn cap(&self) -> usize {
        self.region.cap()
    }

    pub(crate) fn len(&self) -> usize {
        self.end.saturating_sub(self.start)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn free(&self) -> usize {
        self.cap().saturating_sub(self.len())
    }

    /// The bytes to write next.
    pub(crate) fn peek(&self) -> &[u8] {
        self.region.slice(self.start, self.end)
    }

    /// Forgets the first `n` bytes.
    pub(crate) fn discard(&mut self, n: usize) {
        self.start = self.start.saturating_add(n).min(self.end);
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Empties the pipe and overwrites what it held (a request body may carry the app secret).
    pub(crate) fn clear(&mut self) {
        let dirty = self.end;
        if let Some(bytes) = self.region.bytes_mut().get_mut(..dirty) {
            bytes.fill(0);
        }
        self.start = 0;
        self.end = 0;
    }

    /// Gives memory back that nothing queued needs; hosts only.
    pub(crate) fn relax(&mut self) {
        if self.is_empty() {
            self.region.relax(RETAINED);
        }
    }

    /// Appends what `write` writes, if it is at most `len` bytes and fits; then lets `finish` change those bytes in
    /// place (a mask). `false`: nothing was appended.
    pub(crate) fn push_with(
        &mut self,
        len: usize,
        write: impl FnOnce(&mut Writer<'_>),
        finish: impl FnOnce(&mut [u8]),
    ) -> bool {
        if len > self.free() {
            return false;
        }
        if self.end.saturating_add(len) > self.cap() {
            self.region.move_down(self.start, self.end, 0);
            self.end = self.len();
            self.start = 0;
        }
        let end = self.end.saturating_add(len);
        if !self.region.ensure(end) {
            return false;
        }
        let Some(room) = self.region.bytes_mut().get_mut(self.end..end) else {
            return false;
        };
        let mut writer = Writer::new(room);
        write(&mut writer);
        let Ok(written) = writer.finish() else {
            return false;
        };
        if let Some(bytes) = room.get_mut(..written) {
            finish(bytes);
        }
        self.end = self.end.saturating_add(written);
        true
    }
}
