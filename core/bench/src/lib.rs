//! What an event costs, from received bytes to the ack, beside other ways to do the same.
//!
//! ```text
//! input ─► bytes ─┬─► ours, messages ─┐
//!                 └─► peers ──────────┴─► cases ─► benches/instructions, benches/time ─► table
//!                                                  benches/growth ─► plot
//! ```
//! `callgrind` counts instructions, which are the same whatever else the machine does.

pub mod callgrind;
pub mod cases;
pub mod input;
pub mod messages;
pub mod ours;
#[cfg(feature = "peers")]
pub mod peers;
pub mod plot;
pub mod table;

use std::hint::black_box;

/// Begins and ends what is counted: callgrind writes a profile whenever this is entered.
#[inline(never)]
pub fn lap_mark(n: usize) -> usize {
    black_box(n)
}
