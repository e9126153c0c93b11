//! From an object's inflated bytes to its records, one by one.

mod block;
pub mod boundary;
mod chunks;
pub mod cursor;
pub mod document;
pub(crate) mod event_time;
pub mod kernel;
mod nested;
mod opening;
mod pass;
mod recover;
pub(crate) mod shape;
