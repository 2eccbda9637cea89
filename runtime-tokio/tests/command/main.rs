//! The `larkwire` command through its public doors: arguments, environment, files, stdin, stdout, stderr, signals, exit
//! codes, and what the platform sees of it.
//!
//! ```text
//! settings, bots, memory, help   what it is told before it starts
//! gate, events, texts            what comes out as lines
//! commands, calls, callbacks     what goes in as lines
//! reactions                      what it does by itself
//! network, ends                  what goes wrong, and how it ends
//! webhooks, webhook_ends         events that the platform posts
//! once, demo                     the other subcommands
//! ```
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests may panic")]

#[path = "../support/child.rs"]
mod child;
#[path = "../support/mod.rs"]
mod support;

mod bots;
mod callbacks;
mod calls;
mod commands;
mod demo;
mod directory;
mod doctor;
mod ends;
mod events;
mod gate;
mod help;
mod memory;
mod network;
mod once;
mod reactions;
mod settings;
mod texts;
mod webhook_ends;
mod webhooks;
