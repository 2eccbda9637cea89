//! What may reach the application: [`Seen`] makes a redelivery a duplicate, the rest says who may speak.

mod loops;
mod mention;
mod policy;
pub(crate) mod record;
mod seen;
mod until;

pub use policy::GateRules;
pub use record::RestoreError;
pub use seen::{Seen, SeenEntry};

pub(crate) use mention::is_all as mentions_all;
pub(crate) use policy::{Gate, is_bot, is_sound};
