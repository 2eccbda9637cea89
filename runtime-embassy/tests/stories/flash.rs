//! NOR flash that loses power: bits only fall on a write, pages are erased to ones, and at a chosen word everything stops.

use std::cell::RefCell;
use std::rc::Rc;

use embedded_storage_async::nor_flash::{ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash};

pub(crate) const WORD: usize = 4;
pub(crate) const PAGE: usize = 4096;

/// How a flash leaves the word, or the page, that it was at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Tear {
    /// As if it had not begun.
    Before,
    /// Some bits fell; the front half of a page was erased.
    Front,
    /// Other bits fell; the back half of a page was erased.
    Back,
}

/// The cells, which outlive every start; copies are the same flash.
#[derive(Clone)]
pub(crate) struct Flash(Rc<RefCell<Cells>>);

struct Cells {
    bytes: Vec<u8>,
    /// Words and pages until the power goes.
    left: Option<usize>,
    tear: Tear,
    steps: usize,
    erased: usize,
    /// The first and the last step of each write and erasure.
    ops: Vec<(usize, usize)>,
}

/// The power is gone, or the flash refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Dead;

impl NorFlashError for Dead {
    fn kind(&self) -> NorFlashErrorKind {
        NorFlashErrorKind::Other
    }
}

impl Flash {
    pub(crate) fn new(pages: usize) -> Self {
        let bytes = vec![0xFF; pages * PAGE];
        Self(Rc::new(RefCell::new(Cells {
            bytes,
            left: None,
            tear: Tear::Before,
            steps: 0,
            erased: 0,
            ops: Vec::new(),
        })))
    }

    pub(crate) fn range(&self) -> core::ops::Range<u32> {
        0..u32::try_from(self.0.borrow().bytes.len()).unwrap()
    }

    /// The power goes at the `steps`th word or page from now on; `None`: never.
    pub(crate) fn cut_after(&self, steps: Option<usize>, tear: Tear) {
        let mut cells = self.0.borrow_mut();
        (cells.left, cells.tear) = (steps, tear);
    }

    /// Words written and pages erased so far.
    pub(crate) fn steps(&self) -> usize {
        self.0.borrow().steps
    }

    /// Pages erased so far.
    pub(crate) fn erased(&self) -> usize {
        self.0.borrow().erased
    }

    /// The first and the last step of each write and erasure so far.
    pub(crate) fn ops(&self) -> Vec<(usize, usize)> {
        self.0.borrow().ops.clone()
    }

    /// Spoils the flash from outside.
    pub(crate) fn spoil(&self, change: impl FnOnce(&mut Vec<u8>)) {
        change(&mut self.0.borrow_mut().bytes);
    }
}

impl Cells {
    /// Whether the next step is done whole.
    fn step(&mut self) -> Result<bool, Dead> {
        self.steps += 1;
        match &mut self.left {
            None => Ok(true),
            Some(0) => Err(Dead),
            Some(left) => {
                *left -= 1;
                Ok(*left > 0)
            }
        }
    }
}

impl ErrorType for Flash {
    type Error = Dead;
}

impl ReadNorFlash for Flash {
    const READ_SIZE: usize = 1;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Dead> {
        let cells = self.0.borrow();
        if cells.left == Some(0) {
            return Err(Dead);
        }
        let at = usize::try_from(offset).unwrap();
        bytes.copy_from_slice(&cells.bytes[at..at + bytes.len()]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.0.borrow().bytes.len()
    }
}

impl NorFlash for Flash {
    const ERASE_SIZE: usize = PAGE;
    const WRITE_SIZE: usize = WORD;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), Dead> {
        let mut cells = self.0.borrow_mut();
        let (from, to) = (usize::try_from(from).unwrap(), usize::try_from(to).unwrap());
        assert!(from % PAGE == 0 && to % PAGE == 0 && from <= to);
        let first = cells.steps + 1;
        cells.ops.push((first, first + (to - from) / PAGE - 1));
        for page in (from..to).step_by(PAGE) {
            let whole = cells.step()?;
            let part = match cells.tear {
                _ if whole => page..page + PAGE,
                Tear::Before => page..page,
                Tear::Front => page..page + PAGE / 2,
                Tear::Back => page + PAGE / 2..page + PAGE,
            };
            cells.bytes[part].fill(0xFF);
            cells.erased += 1;
            if !whole {
                return Err(Dead);
            }
        }
        Ok(())
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Dead> {
        let mut cells = self.0.borrow_mut();
        let at = usize::try_from(offset).unwrap();
        assert!(at % WORD == 0 && bytes.len().is_multiple_of(WORD), "a write of whole words");
        let first = cells.steps + 1;
        cells.ops.push((first, first + bytes.len() / WORD - 1));
        for (index, word) in bytes.chunks(WORD).enumerate() {
            let whole = cells.step()?;
            let kept = match cells.tear {
                _ if whole => 0,
                Tear::Before => 0xFF,
                Tear::Front => 0xF0,
                Tear::Back => 0x5A,
            };
            let place = at + index * WORD;
            for (cell, byte) in cells.bytes[place..place + WORD].iter_mut().zip(word) {
                assert!(!whole || *cell == 0xFF, "no word is written twice");
                *cell &= byte | kept;
            }
            if !whole {
                return Err(Dead);
            }
        }
        Ok(())
    }
}
