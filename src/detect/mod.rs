//! From one record to its finding.

mod build;
pub mod element;
pub mod single;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use build::{Place, amended_id, conflicting_id, examine};
