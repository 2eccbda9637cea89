//! A world around one bot: a virtual clock, a scripted platform that shares no codec with the engine, and a list of what
//! a bystander would have seen. After every fact the invariants of the contract are checked.

#![allow(dead_code, reason = "each test binary uses a part of it")]

pub(crate) mod pb;
pub(crate) mod platform;
#[cfg(feature = "webhook")]
pub(crate) mod sender;
pub(crate) mod world;

pub(crate) use pb::*;
pub(crate) use platform::*;
#[cfg(feature = "webhook")]
pub(crate) use sender::*;
pub(crate) use world::*;
