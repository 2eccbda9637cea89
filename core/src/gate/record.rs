//! The memory of delivered ids as bytes, so that a restart does not reopen the window (protocol section 10.2).
//!
//! ```text
//! header, 32 bytes                                    then records of 16 bytes, oldest first
//! "lwseen1\n" | hash key, 16 | hash of the app id, 8   hash of an id, 8 | Unix time in ms, 8 (0: unknown)
//! ```
//! Numbers are little-endian. Records may be appended one by one; half a record at the end, as a crash leaves it, is
//! ignored. The ids themselves are not in it, and without the key in the header the hashes say nothing of them.

use core::fmt;

use crate::time::UnixMillis;
use crate::wire::writer::Writer;

const MAGIC: &[u8; 8] = b"lwseen1\n";
/// Bytes of the header.
pub(crate) const HEADER: usize = 32;
/// Bytes of a record.
pub(crate) const RECORD: usize = 16;

/// Why a stored memory was not taken. Nothing changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RestoreError {
    /// It is not such a memory. Next step: delete the file; deliveries of the last hours may come twice.
    Format,
    /// It belongs to another app. Next step: give every app a file of its own.
    OtherApp,
    /// Events were delivered already. Next step: restore right after construction.
    TooLate,
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Format => "this is no memory of delivered ids: delete it",
            Self::OtherApp => "this memory of delivered ids belongs to another app: give each app its own",
            Self::TooLate => "delivered ids are restored before the first event only",
        })
    }
}

impl core::error::Error for RestoreError {}

pub(crate) fn write_header(w: &mut Writer<'_>, hash_key: &[u8; 16], app: u64) {
    w.bytes(MAGIC);
    w.bytes(hash_key);
    w.bytes(&app.to_le_bytes());
}

pub(crate) fn write_record(w: &mut Writer<'_>, key: u64, at: Option<UnixMillis>) {
    w.bytes(&key.to_le_bytes());
    w.bytes(&at.map_or(0, |UnixMillis(ms)| ms).to_le_bytes());
}

/// A stored memory as it was read.
pub(crate) struct Stored<'a> {
    pub(crate) hash_key: [u8; 16],
    pub(crate) app: u64,
    records: &'a [u8],
}

impl Stored<'_> {
    pub(crate) fn records(&self) -> impl Iterator<Item = (u64, Option<UnixMillis>)> + '_ {
        self.records.chunks_exact(RECORD).filter_map(|record| {
            let (key, at) = record.split_first_chunk::<8>()?;
            let at = u64::from_le_bytes(at.try_into().ok()?);
            Some((u64::from_le_bytes(*key), (at > 0).then_some(UnixMillis(at))))
        })
    }
}

pub(crate) fn read(bytes: &[u8]) -> Option<Stored<'_>> {
    let (header, records) = bytes.split_first_chunk::<HEADER>()?;
    let (magic, rest) = header.split_first_chunk::<8>()?;
    let (hash_key, app) = rest.split_first_chunk::<16>()?;
    let app = u64::from_le_bytes(app.try_into().ok()?);
    (magic == MAGIC).then_some(Stored { hash_key: *hash_key, app, records })
}
