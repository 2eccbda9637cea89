//! The `larkwire` command through its public doors: arguments, environment, files, stdin, stdout, stderr, signals, exit
//! codes, and what the platform sees of it.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests may panic")]

#[path = "../support/child.rs"]
mod child;
#[path = "../support/mod.rs"]
mod support;

mod commands;
mod demo;
mod doctor;
mod ends;
mod events;
mod network;
mod settings;
