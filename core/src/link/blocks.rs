//! Memory in blocks of equal size, chained: nothing is ever moved to make room.

use crate::storage::Region;

/// Bytes of one block, its link included.
const BLOCK: usize = 256;
const LINK: usize = 4;
/// No block: they are counted from 1, so that an unused chain is all zero and costs a board no flash.
const NONE: u32 = 0;
/// Bytes a host keeps when no chain is left, so that ordinary split messages allocate nothing.
const RETAINED: usize = 16 * 1024;

/// Bytes appended to one chain of blocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chain {
    first: u32,
    last: u32,
    /// Bytes used in the last block, its link included.
    filled: usize,
    blocks: usize,
}

impl Chain {
    pub(super) const EMPTY: Self = Self { first: NONE, last: NONE, filled: 0, blocks: 0 };

    /// How many blocks the chain has.
    pub(super) fn blocks(&self) -> usize {
        self.blocks
    }

    /// How many more blocks `len` more bytes take.
    pub(super) fn blocks_for(&self, len: usize) -> usize {
        let in_last = if self.last == NONE { 0 } else { BLOCK.saturating_sub(self.filled) };
        len.saturating_sub(in_last).div_ceil(BLOCK.saturating_sub(LINK))
    }
}

/// The blocks of a region and the list of free ones.
#[derive(Debug)]
pub(super) struct Blocks<'s> {
    region: Region<'s>,
    /// First block of the list of free ones.
    free: u32,
    /// Blocks from this one on were never used.
    fresh: u32,
}

impl<'s> Blocks<'s> {
    pub(super) fn new(region: Region<'s>) -> Self {
        Self { region, free: NONE, fresh: 1 }
    }

    /// How many blocks there can be.
    pub(super) fn total(&self) -> usize {
        self.region.cap().checked_div(BLOCK).unwrap_or_default()
    }

    /// Forgets all chains.
    pub(super) fn clear(&mut self) {
        self.free = NONE;
        self.fresh = 1;
        self.region.relax(RETAINED);
    }

    /// Appends to a chain; `false` when the blocks ran out, and then the chain is only good for [`Blocks::release`].
    pub(super) fn append(&mut self, chain: &mut Chain, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            if chain.last == NONE || chain.filled >= BLOCK {
                let Some(block) = self.take() else { return false };
                if chain.last == NONE {
                    chain.first = block;
                } else {
                    self.set_link(chain.last, block);
                }
                chain.last = block;
                chain.filled = LINK;
                chain.blocks = chain.blocks.saturating_add(1);
            }
            let n = bytes.len().min(BLOCK.saturating_sub(chain.filled));
            let at = start_of(chain.last).saturating_add(chain.filled);
            let (Some(room), Some((piece, rest))) =
                (self.region.bytes_mut().get_mut(at..at.saturating_add(n)), bytes.split_at_checked(n))
            else {
                return false;
            };
            room.copy_from_slice(piece);
            bytes = rest;
            chain.filled = chain.filled.saturating_add(n);
        }
        true
    }

    /// Gives a chain's blocks back.
    pub(super) fn release(&mut self, chain: Chain) {
        if chain.first != NONE {
            self.set_link(chain.last, self.free);
            self.free = chain.first;
        }
    }

    fn take(&mut self) -> Option<u32> {
        let block = if self.free == NONE {
            let block = self.fresh;
            if !self.region.ensure(start_of(block).saturating_add(BLOCK)) {
                return None;
            }
            self.fresh = self.fresh.saturating_add(1);
            block
        } else {
            let block = self.free;
            self.free = self.link(block);
            block
        };
        self.set_link(block, NONE);
        Some(block)
    }

    fn link(&self, block: u32) -> u32 {
        let at = start_of(block);
        self.region.slice(at, at.saturating_add(LINK)).try_into().map_or(NONE, u32::from_le_bytes)
    }

    fn set_link(&mut self, block: u32, next: u32) {
        let at = start_of(block);
        if let Some(bytes) = self.region.bytes_mut().get_mut(at..at.saturating_add(LINK)) {
            bytes.copy_from_slice(&next.to_le_bytes());
        }
    }
}

/// Reads a chain from its start. It does not know where the chain's bytes end: the caller counts.
pub(super) struct Cursor {
    block: u32,
    at: usize,
}

impl Cursor {
    pub(super) fn new(chain: &Chain) -> Self {
        Self { block: chain.first, at: LINK }
    }

    /// The next `N` bytes.
    pub(super) fn take<const N: usize>(&mut self, blocks: &Blocks<'_>) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        let copied = self.copy(blocks, N, |offset, piece| {
            if let Some(room) = bytes.get_mut(offset..offset.saturating_add(piece.len())) {
                room.copy_from_slice(piece);
            }
        });
        (copied == N).then_some(bytes)
    }

    /// Hands `len` bytes on, piece by piece; how many there were.
    pub(super) fn copy(&mut self, blocks: &Blocks<'_>, len: usize, mut sink: impl FnMut(usize, &[u8])) -> usize {
        let mut done = 0_usize;
        while done < len && self.block != NONE {
            if self.at >= BLOCK {
                self.block = blocks.link(self.block);
                self.at = LINK;
                continue;
            }
            let n = len.saturating_sub(done).min(BLOCK.saturating_sub(self.at));
            let from = start_of(self.block).saturating_add(self.at);
            sink(done, blocks.region.slice(from, from.saturating_add(n)));
            done = done.saturating_add(n);
            self.at = self.at.saturating_add(n);
        }
        done
    }
}

fn start_of(block: u32) -> usize {
    (block as usize).saturating_sub(1).saturating_mul(BLOCK)
}
