//! The tokio runtime as its user would tell it, over real sockets and against the fake platform.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests may panic")]

#[path = "../support/clock.rs"]
mod clock;
#[path = "../support/directory.rs"]
mod directory;
#[path = "../support/door.rs"]
mod door;
#[cfg(feature = "webhook")]
#[path = "../support/hook.rs"]
mod hook;
#[path = "../support/log.rs"]
mod log;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/traffic.rs"]
mod traffic;

mod allowed;
mod callbacks;
mod calls;
#[cfg(feature = "config")]
mod configured;
mod contents;
mod delivery;
mod duplicates;
mod every_call;
mod faults;
mod groups;
mod inboxes;
mod lifecycle;
mod long_texts;
mod order;
mod reactions;
mod remembered;
mod secrets;
mod tls;
mod tokens;
#[cfg(feature = "webhook")]
mod webhook_heads;
#[cfg(feature = "webhook")]
mod webhooks;
