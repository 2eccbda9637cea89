//! What outlives the process: the ids of delivered events, written out and taken back (protocol section 10.2).

use super::session::{Session, hash};
use crate::event::DeliveryId;
use crate::gate::{RestoreError, record};
use crate::time::{Instant, UnixMillis};
use crate::wire::writer::Writer;

impl Session<'_> {
    /// How many ids were remembered since construction: what [`write_seen`](Self::write_seen) goes on from.
    pub fn seen_count(&self) -> u64 {
        self.seen.inserted()
    }

    /// Writes the records of the ids remembered after the first `from`; all of them, behind the header, for `None`. The
    /// time of day now is `unix`.
    pub fn write_seen(&self, now: Instant, unix: Option<UnixMillis>, from: Option<u64>, w: &mut Writer<'_>) {
        if from.is_none() {
            record::write_header(w, &self.hash_key, self.app);
        }
        for (key, age) in self.seen.since(now, from.unwrap_or_default()) {
            let at = unix.map(|UnixMillis(unix)| UnixMillis(unix.saturating_sub(age)));
            record::write_record(w, key, at);
        }
    }

    /// Writes the records of one delivery's ids, as [`write_seen`](Self::write_seen) does once it was accepted: 16 bytes
    /// each, none to two. The time of day now is `unix`.
    pub fn write_seen_of(&self, unix: Option<UnixMillis>, id: DeliveryId, w: &mut Writer<'_>) {
        for key in [id.event_key, id.message_key].into_iter().flatten() {
            record::write_record(w, key, unix);
        }
    }

    /// Takes back what [`write_seen`](Self::write_seen) wrote, before the first event. Without a time of day every
    /// record counts as new, which forgets too late rather than too early.
    ///
    /// # Errors
    /// [`RestoreError`]; nothing changed then.
    pub fn restore_seen(
        &mut self,
        now: Instant,
        unix: Option<UnixMillis>,
        app_id: &str,
        bytes: &[u8],
    ) -> Result<usize, RestoreError> {
        if self.serial > 0 || self.seen.inserted() > 0 {
            return Err(RestoreError::TooLate);
        }
        let stored = record::read(bytes).ok_or(RestoreError::Format)?;
        if hash(&stored.hash_key, b'a', app_id.as_bytes()) != stored.app {
            return Err(RestoreError::OtherApp);
        }
        self.hash_key = stored.hash_key;
        self.app = stored.app;
        let mut restored = 0_usize;
        for (key, at) in stored.records() {
            let age = match (unix, at) {
                (Some(UnixMillis(unix)), Some(UnixMillis(at))) => unix.saturating_sub(at),
                _ => 0,
            };
            if age <= self.seen.window_ms() && !self.seen.contains(now, key) {
                self.seen.insert_aged(now, age, key);
                restored = restored.saturating_add(1);
            }
        }
        Ok(restored)
    }
}
