//! From an object's bytes to its judged records.

mod batch;
mod block;
pub mod boundary;
mod breaks;
mod chunks;
pub mod cursor;
pub mod document;
mod events;
pub mod examine;
mod inner;
pub mod kernel;
pub mod object;
mod pass;
pub mod report;
mod shape;
pub mod spill;
mod spool;
mod time;
mod waiting;

pub use events::{Unreadable, events_of};
