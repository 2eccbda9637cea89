//! A byte queue over given storage: push whole or not at all, peek, discard.

use crate::storage::{Region, SecretRegion};
use crate::wire::writer::Writer;

/// Memory a host keeps also over quiet times, so that an ordinary ack or request allocates nothing.
const RETAINED: usize = 4096;

/// Bytes on their way out of one lane, always in one piece.
#[derive(Debug)]
pub(crate) struct Pipe<'s> {
    region: SecretRegion<'s>,
    start: usize,
    end: usize,
}

impl<'s> Pipe<'s> {
    pub(crate) fn new(region: Region<'s>) -> Self {
        Self { region: SecretRegion::new(region), start: 0, end: 0 }
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

    /// Empties the pipe and overwrites what it has held (a request may carry the app secret, or a ticket).
    pub(crate) fn clear(&mut self) {
        self.start = 0;
        self.end = 0;
        self.wipe_sent();
    }

    /// Overwrites what was sent, unless there is more to send.
    pub(crate) fn wipe_sent(&mut self) {
        if self.is_empty() {
            self.region.wipe();
        }
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

#[cfg(test)]
mod tests {
    use super::Pipe;
    use crate::storage::Region;

    fn say(pipe: &mut Pipe<'_>, text: &str) -> bool {
        pipe.push_with(text.len(), |w| w.bytes(text.as_bytes()), |_| {})
    }

    #[test]
    fn what_was_sent_can_be_wiped() {
        let mut room = [0; 32];
        let mut pipe = Pipe::new(Region::fixed(&mut room));
        assert!(say(&mut pipe, "a secret") && say(&mut pipe, " and more"));
        pipe.discard(3);
        pipe.wipe_sent();
        assert_eq!(pipe.peek(), b"ecret and more", "there is more to send");
        pipe.discard(14);
        assert_eq!(pipe.region.slice(2, 8), b"secret", "nobody has asked yet");
        assert!(say(&mut pipe, "short"));
        pipe.discard(5);
        pipe.wipe_sent();
        assert_eq!(pipe.region.bytes(), [0; 32], "behind the last request lay the longer one before it");
        assert!(say(&mut pipe, "a secret"));
        pipe.clear();
        assert_eq!(pipe.region.bytes(), [0; 32]);
    }

    fn push(pipe: &mut Pipe<'_>, len: usize, bytes: &[u8]) -> bool {
        pipe.push_with(len, |w| w.bytes(bytes), |bytes| bytes.make_ascii_uppercase())
    }

    #[test]
    fn what_does_not_fit_whole_is_not_there_at_all() {
        let mut room = [0; 8];
        let mut pipe = Pipe::new(Region::fixed(&mut room));
        assert!(!push(&mut pipe, 9, b"ninebytes") && pipe.is_empty());
        assert!(push(&mut pipe, 5, b"five.") && pipe.free() == 3);
        assert!(!push(&mut pipe, 4, b"four"));
        // Longer than was said.
        assert!(!push(&mut pipe, 2, b"abc"));
        assert_eq!((pipe.peek(), pipe.len()), (b"FIVE.".as_slice(), 5));
        // Shorter than was said.
        assert!(push(&mut pipe, 3, b"ab"));
        assert_eq!((pipe.peek(), pipe.free()), (b"FIVE.AB".as_slice(), 1));
    }

    #[test]
    fn bytes_stay_in_one_piece_when_the_end_is_reached() {
        let mut room = [0; 8];
        let mut pipe = Pipe::new(Region::fixed(&mut room));
        assert!(push(&mut pipe, 6, b"abcdef"));
        pipe.discard(4);
        assert!(push(&mut pipe, 6, b"ghijkl"));
        assert_eq!(pipe.peek(), b"EFGHIJKL");
        pipe.discard(usize::MAX);
        assert!(pipe.is_empty() && pipe.free() == 8);
    }

    #[test]
    fn what_was_cleared_is_overwritten() {
        let mut room = *b"........";
        let mut pipe = Pipe::new(Region::fixed(&mut room));
        assert!(push(&mut pipe, 6, b"secret"));
        pipe.discard(3);
        pipe.clear();
        assert!(pipe.is_empty());
        assert_eq!(&room, b"\0\0\0\0\0\0..");
    }
}
