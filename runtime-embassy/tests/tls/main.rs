//! TLS of a board: which servers it speaks to, and which it does not.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "tests may panic"
)]

mod bot;
mod chains;
mod handshakes;
mod hostile;
mod pki;
mod server;
#[allow(dead_code, unused_imports, reason = "the stories use the rest")]
#[path = "../stories/support/mod.rs"]
mod support;
