//! Prebuilt events, side by side, so that many of them leave in one write.

use std::ops::Range;

use super::event::{Shape, ShapeError, Template};

/// What is written at once at most. Larger writes are no faster, and what is written again and again stays in the cache.
const MOST_BYTES: usize = 256 * 1024;

/// Copies of one template. Those that are filled are on their way out; the others are free.
#[derive(Debug)]
pub(super) struct Ring {
    template: Template,
    bytes: Vec<u8>,
    places: usize,
    waiting: Range<usize>,
}

impl Ring {
    pub(super) fn new(shape: Shape, window: usize) -> Result<Self, ShapeError> {
        let template = Template::new(shape)?;
        let places = (MOST_BYTES / template.len()).clamp(1, window.max(1));
        Ok(Self { bytes: template.bytes.repeat(places), places, waiting: 0..0, template })
    }

    /// Makes events from `first` on ready to be written, as many as there are places and `most` allows; how many.
    /// What was filled before must have been taken.
    pub(super) fn fill(&mut self, first: u64, most: usize) -> usize {
        let events = most.min(self.places);
        for (place, number) in self.bytes.chunks_exact_mut(self.template.len()).take(events).zip(first..) {
            self.template.patch(place, number);
        }
        self.waiting = 0..events * self.template.len();
        events
    }

    /// How many events go at once.
    pub(super) fn places(&self) -> usize {
        self.places
    }

    /// What has to be written.
    pub(super) fn waiting(&self) -> &[u8] {
        self.bytes.get(self.waiting.clone()).unwrap_or_default()
    }

    /// So many bytes of it are written.
    pub(super) fn taken(&mut self, bytes: usize) {
        self.waiting.start = (self.waiting.start + bytes).min(self.waiting.end);
    }

    /// The event that is acked with this SeqID.
    pub(super) fn number_of(&self, seq_id: u64) -> Option<u64> {
        self.template.number_of(seq_id)
    }
}
