//! The tokio runtime as its user would tell it, over real sockets and against the fake platform.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests may panic")]

#[path = "../support/door.rs"]
mod door;
#[path = "../support/log.rs"]
mod log;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/traffic.rs"]
mod traffic;

mod calls;
mod delivery;
mod faults;
mod inboxes;
mod lifecycle;
mod secrets;
mod tls;
