//! The bot's life as its user would tell it, on a virtual clock (`support::World`).
#![cfg(feature = "alloc")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    missing_docs,
    reason = "tests may panic, and print figures"
)]

#[path = "../support/mod.rs"]
mod support;

mod acknowledgements;
mod acks;
mod bad_input;
mod calls;
mod gate;

mod callbacks;
mod defects;
mod discovery;
mod documents;
mod identity;
mod inbox;
mod liveness;
mod long_runs;
mod parts;
mod redial;
mod requests;
mod restart;
mod resting;
mod shutdown;
mod socket;
mod tokens;
mod turns;
mod upgrade;
