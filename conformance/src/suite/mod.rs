//! The conformance suite: scenarios, what they prove, the clients they are held against, and what came of it.
//!
//! ```text
//!  scenarios/AREA/NAME.toml ─► load ─► scenario (steps, expected)       requirements.toml ─► requirements ─► check
//!                                         │
//!                    platform ◄──── engine ────► subject ─┬─ core: the engine itself, in virtual time, chopped
//!                   (in memory,       │ log              └─ process: a shim (PROTOCOL.md), in real time
//!                    or on loopback)  ▼
//!                                  outcome ─► report (terminal, HTML, Markdown, JUnit, JSON)
//! ```

mod check;
mod engine;
mod expected;
mod house;
mod known;
mod lab;
mod load;
mod log;
mod mutants;
mod outcome;
pub mod report;
mod requirements;
mod results;
mod runner;
mod scenario;
mod shim;
mod steps;
pub mod subject;

pub use self::check::{Case, Cases, Suite};
pub use self::engine::{Run, Settings as RunSettings};
pub use self::expected::Expected;
pub use self::known::Known;
pub use self::load::{AREAS, Problem, load_all, parse};
pub use self::mutants::{Bite, bite_all};
pub use self::outcome::{Evidence, Outcome, Verdict};
pub use self::report::today;
pub use self::requirements::{Level, Requirement, Requirements};
pub use self::results::{Judged, Results, Status, judge};
pub use self::runner::{run_all, run_one};
pub use self::scenario::{Body, Clock, Given, Rule, Scenario};
pub use self::shim::{Call, CallResult, Command, Event, Handle, Mode, Report, Settings, Start, UNIMPLEMENTED, VERSION};
