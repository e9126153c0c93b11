//! From an object's bytes to its judged records.

mod candidates;
pub mod contents;
mod events;
pub mod findings;
mod hashing;
mod interruptible;
pub mod options;
mod pairs;
pub mod report;
mod spill_file;
pub mod worker;

pub use events::{Events, EventsError, events_of};
