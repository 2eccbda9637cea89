#![no_std]
#![doc = include_str!("lib.md")]
#![deny(
    clippy::arithmetic_side_effects, // sums of peer numbers saturate or are checked, also on 32 bits
    clippy::indexing_slicing,        // a position that comes from a peer is asked for, never trusted
)]
#![allow(clippy::result_large_err, reason = "there is no heap to put an error on")]
#![cfg_attr(
    test,
    allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::unwrap_used, reason = "tests may panic")
)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(test)]
extern crate std;

mod api;
mod bot;
mod buffers;
pub mod config;
pub mod content;
#[cfg(feature = "serde")]
pub mod encode;
mod event;
pub mod fault;
mod gate;
mod hints;
mod lane;
pub mod link;
pub mod locale;
mod notice;
pub mod outgoing;
mod pipe;
mod rng;
mod secret;
mod shared;
mod storage;
mod text;
mod time;
#[cfg(feature = "webhook")]
pub mod webhook;
pub mod wire;

pub use api::{
    AckReaction, Body, Call, CallAnswer, CallId, CallSlot, Completion, HttpLane, Identity, OwnOpenId, ReceiveIdType,
};
pub use bot::{Bot, State};
pub use buffers::{Buffers, Tables};
pub use config::{AckReactions, Config, Domain, LinkMode, OnFatal, Storage};
#[cfg(feature = "serde")]
pub use event::decode;
pub use event::typed::{self, Actor, ActorKind, Ids, Typed};
pub use event::{DeliveryId, Envelope, Event, Layout, Message, ResponseId, Sender, Verdict};
pub use fault::End;
pub use gate::{GateRules, RestoreError, Seen, SeenEntry};
pub use hints::ChatLocale;
pub use lane::{Attempt, Closed, Lane, Target, Wish};
pub use locale::Locale;
pub use notice::{Notice, Report, Stats};
pub use rng::Seed;
pub use secret::Secret;
pub use storage::{Region, Slots};
pub use text::Short;
pub use time::{Deadline, Instant, UnixMillis, Why};
