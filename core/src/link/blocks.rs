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

    /// Bytes of memory that are held.
    #[cfg(all(test, feature = "alloc"))]
    pub(super) fn held(&self) -> usize {
        self.region.bytes().len()
    }

    pub(super) fn wipe(&mut self) {
        self.clear();
        self.region.wipe_all();
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

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::{BLOCK, Blocks, Chain, Cursor, LINK};
    use crate::storage::Region;

    fn read(blocks: &Blocks<'_>, chain: &Chain, len: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        let copied = Cursor::new(chain).copy(blocks, len, |at, piece| {
            assert_eq!(at, bytes.len());
            bytes.extend_from_slice(piece);
        });
        assert_eq!(copied, bytes.len());
        bytes
    }

    #[test]
    fn chains_that_grow_by_turns_keep_their_bytes_apart() {
        let mut room = [0xff; 6 * BLOCK];
        let mut blocks = Blocks::new(Region::fixed(&mut room));
        let (mut odd, mut even) = (Chain::EMPTY, Chain::EMPTY);
        let (mut odd_bytes, mut even_bytes) = (Vec::new(), Vec::new());
        for n in 0..50_u8 {
            let (chain, bytes) = if n % 2 == 1 { (&mut odd, &mut odd_bytes) } else { (&mut even, &mut even_bytes) };
            let piece = [n; 29];
            assert!(blocks.append(chain, &piece), "{n}");
            bytes.extend_from_slice(&piece);
        }
        assert_eq!((odd.blocks(), even.blocks()), (3, 3));
        assert_eq!(read(&blocks, &odd, odd_bytes.len()), odd_bytes);
        assert_eq!(read(&blocks, &even, even_bytes.len()), even_bytes);
    }

    #[test]
    fn what_does_not_fit_the_blocks_leaves_a_chain_to_give_back() {
        let mut room = [0; 2 * BLOCK + 100];
        let mut blocks = Blocks::new(Region::fixed(&mut room));
        assert_eq!(blocks.total(), 2);
        let (mut chain, most) = (Chain::EMPTY, 2 * (BLOCK - LINK));
        assert_eq!(
            (chain.blocks_for(0), chain.blocks_for(1), chain.blocks_for(most), chain.blocks_for(most + 1)),
            (0, 1, 2, 3)
        );
        assert!(
            blocks.append(&mut chain, &[7; 2 * (BLOCK - LINK)]) && chain.blocks_for(0) == 0 && chain.blocks_for(1) == 1
        );
        assert!(!blocks.append(&mut chain, &[8]), "one byte too many");
        blocks.release(chain);
        // A chain without blocks gives none.
        blocks.release(Chain::EMPTY);
        let mut chain = Chain::EMPTY;
        assert!(blocks.append(&mut chain, &[9; 2 * (BLOCK - LINK)]));
        assert_eq!(read(&blocks, &chain, most), [9; 2 * (BLOCK - LINK)]);
    }

    #[test]
    fn a_chain_is_read_to_its_last_block_and_no_further() {
        let mut room = [0; 2 * BLOCK];
        let mut blocks = Blocks::new(Region::fixed(&mut room));
        let mut chain = Chain::EMPTY;
        assert!(read(&blocks, &chain, 1).is_empty());
        assert_eq!(Cursor::new(&chain).take::<1>(&blocks), None);
        assert!(blocks.append(&mut chain, b"abc"));
        assert_eq!(Cursor::new(&chain).take::<3>(&blocks), Some(*b"abc"));
        assert_eq!(read(&blocks, &chain, 10 * BLOCK).len(), BLOCK - LINK);
    }
}
