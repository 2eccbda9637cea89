//! What an event costs, from received bytes to the ack.
//!
//! `input` makes the bytes, `ours` and the peers deal with them, `benches/` measures: `instructions` counts under
//! callgrind, which gives the same figure whatever else the machine does.

pub mod input;
pub mod ours;

use std::hint::black_box;

/// Begins and ends what is counted: callgrind writes a profile whenever this is entered.
#[inline(never)]
pub fn lap_mark(n: usize) -> usize {
    black_box(n)
}
