//! What may reach the application. So far: [`Seen`], the memory of ids that makes a redelivery a duplicate.

mod seen;

pub use seen::{Seen, SeenEntry};
