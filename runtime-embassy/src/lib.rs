#![no_std]
#![doc = include_str!("lib.md")]
#![deny(clippy::indexing_slicing)] // a board that panics is a board that is gone

#[cfg(test)]
extern crate std;

mod calls;
mod client;
mod clock;
mod connect;
mod event;
mod inbox;
#[cfg(feature = "journal")]
pub mod journal;
mod loops;
mod monitor;
mod pieces;
#[cfg(feature = "sntp")]
mod sntp;
#[cfg(feature = "tls")]
pub mod tls;
#[cfg(feature = "webhook")]
pub mod webhook;

pub use calls::{CallAnswer, CallData, CallResult};
pub use client::{Client, LanesError, Resources, Runner};
pub use clock::{Clock, Entropy, EntropyFailed, WallClock};
pub use connect::{Connect, Destination, Stream, TcpConnect, TcpStream, TcpWriter};
pub use event::Event;
pub use inbox::{Channel, ChannelInbox, Events, Inbox, Offer, Received};
pub use larkwire_core as core;
pub use larkwire_core::fault::CallError;
pub use larkwire_core::{Buffers, End, Notice, State, Stats};
#[cfg(feature = "sntp")]
pub use sntp::{Sntp, SntpFault, SntpPace};
#[cfg(feature = "tls")]
pub use tls::{TlsBroken, TlsBuffers, TlsConnect, TlsFault, TlsReader, TlsStream, TlsWriter, Trust};
