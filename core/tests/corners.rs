//! What seldom happens: odd answers, memory of which there is none, readers at the end of their input. Found by looking
//! at the branches that no other test takes.
#![cfg(feature = "alloc")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "tests may panic"
)]

mod support;

#[path = "corners/answers.rs"]
mod answers;
#[path = "corners/codecs.rs"]
mod codecs;
#[path = "corners/memory.rs"]
mod memory;
#[path = "corners/reading.rs"]
mod reading;
#[path = "corners/set_up.rs"]
mod set_up;
#[cfg(feature = "webhook")]
#[path = "corners/webhook.rs"]
mod webhook;
