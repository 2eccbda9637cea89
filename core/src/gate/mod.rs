//! What may reach the application. So far: [`Seen`], the memory of ids that makes a redelivery a duplicate.

pub(crate) mod record;
mod seen;

pub use record::RestoreError;
pub use seen::{Seen, SeenEntry};
