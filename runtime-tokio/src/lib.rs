#![doc = include_str!("lib.md")]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests may panic"))]

mod calls;
mod client;
#[cfg(feature = "config")]
pub mod config;
pub mod connect;
mod event;
mod inbox;
mod loops;
mod memory;
mod monitor;
mod order;
mod report;
mod scratch;
mod secret;
mod settings;
mod stream;
#[cfg(feature = "webhook")]
pub mod webhook;

pub use client::{CallAnswer, CallResult, Client, Submitted};
pub use event::{Event, Media};
pub use inbox::{Events, Inbox, Offer};
pub use larkwire_core as core;
pub use larkwire_core::fault::CallError;
pub use larkwire_core::{End, State, Stats};
pub use secret::Secret;
pub use settings::{Settings, SettingsError};
