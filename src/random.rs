//! Numbers that nobody can foretell.

use std::hash::{BuildHasher as _, RandomState};

/// Returns a random number: the standard library seeds a hasher's keys from the system. The number is good
/// enough for spreading waits and for names that must differ, not for cryptography.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(0)
}
