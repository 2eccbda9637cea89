//! The webhook against its rules (protocol section 17). Each case of the list of attacks and accidents is one test, named
//! by its number (`s…`) and by what a user would notice; `vulnerabilities` does the same for faults that other bots had.
//!
//! ```text
//! support::sender (signs, encrypts) ─► Post ─┬─► Webhook::check     set_up, signatures, challenges, encryption, random
//!                                            └─► World::post (Bot)  gate, bot, callbacks, memory, ending, secrets
//! ```
//! S30, S31, S33 and the path of S32 are the server's, which is tested where it lives.
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

mod challenges;
mod encryption;
mod set_up;
mod signatures;
