//! What larkwire, and every other client of the Lark/Feishu event channel, is held against.
//!
//! [`platform`] is a Lark/Feishu platform for tests and demos: it runs inside the process, listens on loopback,
//! and writes down everything its clients do. It is written from the protocol alone and shares no code with the
//! engine it judges, so that the two can disagree.

#[cfg(feature = "platform")]
pub mod platform;
#[cfg(all(target_os = "linux", feature = "speed"))]
pub mod speed;
#[cfg(feature = "suite")]
pub mod suite;
