//! From an object's inflated bytes to its records, one by one.

mod block;
pub mod boundary;
mod chunks;
mod containers;
pub mod cursor;
pub mod document;
mod elements;
pub mod event_time;
mod fault;
pub(crate) mod foreign;
pub mod kernel;
mod keys;
pub mod large;
mod members;
mod nested;
mod opening;
mod pass;
mod recover;
pub(crate) mod suspicion;
mod walker;
