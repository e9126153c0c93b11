//! Organizations: which account is where, and which service control policies reach it.

mod directory;
mod files;
mod reach;

pub(super) use directory::Directory;
pub(super) use files::read;
pub use reach::{Scp, ScpVerdict};
