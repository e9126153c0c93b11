//! From an object's bytes to its judged records.

mod block;
pub mod boundary;
pub mod kernel;
