//! Stories of a bot on a board, against a scripted platform: two embassy-net stacks back to back in this process.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests may panic"
)]

mod calls;
mod echo;
mod events;
#[cfg(feature = "journal")]
mod flash;
#[cfg(feature = "journal")]
mod journal;
#[cfg(feature = "webhook")]
mod posts;
#[cfg(feature = "journal")]
mod power;
mod restart;
#[cfg(feature = "sntp")]
mod sntp;
mod support;
mod turns;
