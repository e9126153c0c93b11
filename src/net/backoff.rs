//! How long to wait before the next try: full jitter, so that many waiting requests do not come back at once.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// The longest wait between two tries.
const CAP: Duration = Duration::from_secs(20);

/// A random wait between nothing and `base` doubled `failures - 1` times, at most 20 s.
pub(crate) fn backoff(base: Duration, failures: u32) -> Duration {
    let ceiling = base.saturating_mul(1 << failures.saturating_sub(1).min(20)).min(CAP);
    let nanos = u64::try_from(ceiling.as_nanos()).unwrap_or(u64::MAX);
    Duration::from_nanos(random() % nanos.max(1))
}

/// The standard library seeds a hasher's keys from the system; good enough for spreading waits.
fn random() -> u64 {
    RandomState::new().hash_one(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_but_stay_below_the_cap() {
        let base = Duration::from_millis(50);
        for failures in 1..100 {
            assert!(backoff(base, failures) <= CAP);
        }
        assert!((0..100).all(|_| backoff(base, 1) < base));
        assert!((0..200).any(|_| backoff(base, 10) > base * 4));
    }
}
