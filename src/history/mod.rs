//! Which objects earlier runs have read, and what a listing makes of that.

pub mod listing;
mod names;
pub(crate) mod objects;
pub(crate) mod pack;
pub mod sieve;
