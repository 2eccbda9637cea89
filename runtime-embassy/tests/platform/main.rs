//! Stories of a bot on a board, against the fake platform itself, all in this process.
//!
//! ```text
//!  story ── World ── bot ── stack ══ cable ══ stack ── bridge ── loopback ── Platform
//!    │      world.rs        boards: the harness of the stories     ../cable     │
//!    └── watch.rs: what the platform is told, and what it saw ──────────────────┘
//! ```
//!
//! Bot and bridge are one task of an embassy executor, the stacks another one; the platform and its sockets are driven by
//! a tokio runtime in a thread beside it. Nothing waits for a time: everything is a record of the platform or a frame on the cable.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "tests may panic"
)]

#[allow(dead_code, unused_imports, reason = "the stories use the rest")]
#[path = "../stories/support/mod.rs"]
mod boards;
mod talk;
mod trouble;
mod turns;
mod watch;
mod world;
