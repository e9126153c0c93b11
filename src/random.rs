//! Numbers that nobody can foretell.

use std::hash::{BuildHasher as _, RandomState};

/// A random number. The standard library seeds a hasher's keys from the system; for cryptography that is not
/// enough, for spreading waits and telling names apart it is.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(0)
}
