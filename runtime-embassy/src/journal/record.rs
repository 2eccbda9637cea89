//! A record's bytes. Numbers are little-endian; the flash below has a checksum for each record.
//!
//! ```text
//! kind, 1 | ids, 1 | len of trace_id, 1 | len of own open_id, 1 | entry, 4 | index in its bank, 4     12 bytes, then
//! Commit   the generation, 4; the next entry, 4; the header of the ids, 32
//! Event    its ids, 16 each; its trace_id; the bot's open_id; its JSON
//! Handled  nothing: `entry` says which
//! Ids      those of an event that was handled, 16 each
//! ```

use larkwire_core as core_api;

use super::{Entry, ID, IDS_HEADER, JournalFault};
use crate::event::Event;

/// Bytes in front of every record.
pub(super) const HEAD: usize = 12;
/// Bytes of a whole commit.
pub(super) const COMMIT: usize = HEAD + 8 + IDS_HEADER;
/// Ids of one event at most.
const IDS: usize = 2;
/// Bytes of a record with ids only.
pub(super) const IDS_ONLY: usize = HEAD + IDS * ID;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Commit,
    Event,
    Handled,
    Ids,
}

impl Kind {
    fn byte(self) -> u8 {
        match self {
            Self::Commit => 1,
            Self::Event => 2,
            Self::Handled => 3,
            Self::Ids => 4,
        }
    }
}

/// A record as it is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'a> {
    pub(super) kind: Kind,
    pub(super) entry: Entry,
    pub(super) index: u32,
    pub(super) ids: &'a [u8],
    trace_id: &'a str,
    own_open_id: &'a str,
    rest: &'a [u8],
}

/// What a commit says of its bank.
#[derive(Clone, Copy, Debug)]
pub(super) struct Commit {
    pub(super) generation: u32,
    pub(super) next: u32,
    pub(super) header: [u8; IDS_HEADER],
}

impl<'a> Record<'a> {
    /// `None` for what no version has written.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let (&[kind, ids, trace_id, own_open_id], rest) = bytes.split_first_chunk()?;
        let (entry, rest) = rest.split_first_chunk()?;
        let (index, rest) = rest.split_first_chunk()?;
        let kind = [Kind::Commit, Kind::Event, Kind::Handled, Kind::Ids].into_iter().find(|of| of.byte() == kind)?;
        let (ids, rest) = rest.split_at_checked(usize::from(ids).checked_mul(ID)?)?;
        let (trace_id, rest) = rest.split_at_checked(trace_id.into())?;
        let (own_open_id, rest) = rest.split_at_checked(own_open_id.into())?;
        Some(Self {
            kind,
            entry: Entry(u32::from_le_bytes(*entry)),
            index: u32::from_le_bytes(*index),
            ids,
            trace_id: core::str::from_utf8(trace_id).ok()?,
            own_open_id: core::str::from_utf8(own_open_id).ok()?,
            rest,
        })
    }

    pub(super) fn commit(&self) -> Option<Commit> {
        let (generation, rest) = self.rest.split_first_chunk()?;
        let (next, rest) = rest.split_first_chunk()?;
        let header = rest.first_chunk()?;
        let (generation, next) = (u32::from_le_bytes(*generation), u32::from_le_bytes(*next));
        (self.kind == Kind::Commit).then_some(Commit { generation, next, header: *header })
    }

    /// The first id: what tells that two records are of one event.
    pub(super) fn key(&self) -> Option<[u8; 8]> {
        self.ids.first_chunk().copied()
    }

    pub(super) fn event<const N: usize>(&self) -> Option<Event<N>> {
        let json = core::str::from_utf8(self.rest).ok()?;
        Event::restored(self.entry, json, self.trace_id, self.own_open_id)
    }
}

/// Writes what is in front of every record.
fn head(out: &mut [u8], kind: Kind, entry: Entry, lens: [usize; 3]) -> Option<()> {
    let [ids, trace_id, own_open_id] = lens;
    let lens = [u8::try_from(ids).ok()?, u8::try_from(trace_id).ok()?, u8::try_from(own_open_id).ok()?];
    let place = out.first_chunk_mut::<HEAD>()?;
    let parts = [&[kind.byte()][..], &lens, &entry.0.to_le_bytes(), &[0; 4]];
    for (to, from) in place.iter_mut().zip(parts.into_iter().flatten()) {
        *to = *from;
    }
    Some(())
}

/// Puts `parts` behind the head; how long the record is.
fn body(out: &mut [u8], parts: &[&[u8]]) -> Option<usize> {
    let mut at = HEAD;
    for part in parts {
        let end = at.checked_add(part.len())?;
        out.get_mut(at..end)?.copy_from_slice(part);
        at = end;
    }
    Some(at)
}

pub(super) fn write_commit(out: &mut [u8], commit: &Commit) -> Option<usize> {
    head(out, Kind::Commit, Entry(0), [0; 3])?;
    body(out, &[&commit.generation.to_le_bytes(), &commit.next.to_le_bytes(), &commit.header])
}

pub(super) fn write_handled(out: &mut [u8], entry: Entry) -> Option<usize> {
    head(out, Kind::Handled, entry, [0; 3])?;
    body(out, &[])
}

pub(super) fn write_event(
    out: &mut [u8],
    entry: Entry,
    ids: &[u8],
    event: &core_api::Event<'_>,
) -> Result<usize, JournalFault> {
    let ids = ids.get(..ids.len().min(IDS * ID)).unwrap_or_default();
    let (trace_id, own_open_id) = (event.trace_id(), event.own_open_id().unwrap_or_default());
    let lens = [ids.len() / ID, trace_id.as_str().len(), own_open_id.len()];
    let parts = [ids, trace_id.as_str().as_bytes(), own_open_id.as_bytes(), event.json().as_bytes()];
    let written = head(out, Kind::Event, entry, lens).and_then(|()| body(out, &parts));
    written.ok_or(JournalFault::TooLong)
}

/// Makes a record of an event one of its ids; how long that is.
pub(super) fn shorten_to_ids(bytes: &mut [u8]) -> usize {
    if let Some([kind, ids, trace_id, own_open_id, ..]) = bytes.first_chunk_mut::<HEAD>() {
        (*kind, *trace_id, *own_open_id) = (Kind::Ids.byte(), 0, 0);
        return HEAD.saturating_add(usize::from(*ids).saturating_mul(ID)).min(bytes.len());
    }
    0
}

/// Says which record of its bank it is.
pub(super) fn number(bytes: &mut [u8], index: u32) {
    if let Some([.., a, b, c, d]) = bytes.first_chunk_mut::<HEAD>() {
        [*a, *b, *c, *d] = index.to_le_bytes();
    }
}
