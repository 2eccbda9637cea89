//! What clients of the long connection cost, measured side by side on loopback.
//!
//! ```text
//!  conformance/speed/NAME.toml ─► subject ─► process (the client) ◄──── discovery, upgrade: http, server
//!                                               ▲    │ acks                    │ link
//!                                   frames: ring │    ▼                        ▼
//!                          (event, patched ids)  └── pump: window, flight, histogram ─► Sample
//!                                                     │ begin, end                        │ rounds, medians
//!                                                     └► probe: CPU, system calls …       └► Table
//! ```
//!
//! It shares no codec with the engine it measures.

mod acks;
mod event;
mod flight;
mod histogram;
mod http;
mod plan;
mod probe;
mod process;
mod pump;
mod ring;
mod round;
mod server;
mod stream;
mod subject;
mod syscalls;
mod table;
#[cfg(test)]
mod tests;

pub use self::event::{Shape, ShapeError};
pub use self::plan::{Plan, run};
pub use self::pump::{Load, Stretch};
pub use self::round::Sample;
pub use self::subject::SpeedSubject;
pub use self::table::{Row, Table};
