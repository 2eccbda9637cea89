//! The webhook against its rules (protocol section 17). Each case of the list of attacks and accidents is one test, named
//! by its number (`s…`) and by what a user would notice; `vulnerabilities` does the same for faults that other bots had.
//!
//! ```text
//! support::sender (signs, encrypts) ─► Post ─┬─► Webhook::check     set_up, signatures, challenges, encryption, random
//!                                            └─► World::post (Bot)  gate, bot, callbacks, memory, ending, secrets
//! ```
//! S30, S31, S33 and the path of S32 are the server's, which is tested where it lives. S5's "nothing was parsed" and S28
//! stand beside the code (`webhook::order`, `webhook::seal`). S44: `content::kinds::s44_…`.
//! S46: `stories::discovery::s46_a_socket_url_that_must_not_be_used_is_a_retry`, `v19_plaintext_to_another_machine_…`, and
//! `wire_http::redirects_are_an_ordinary_answer_with_a_status`.
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

mod allocations;
mod bot;
mod callbacks;
mod challenges;
mod encryption;
mod ending;
mod gate;
mod memory;
mod random;
mod secrets;
mod set_up;
mod signatures;
mod vulnerabilities;
