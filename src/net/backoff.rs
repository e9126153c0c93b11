//! How long to wait before the next try: exponential pauses with full jitter, so that many that failed together
//! do not come back together.

use std::time::Duration;

use crate::random::random;

/// The longest wait between two tries for an object.
#[cfg(feature = "s3")]
const CAP: Duration = Duration::from_secs(20);

/// The pauses after failures in a row.
#[derive(Debug)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
}

impl Backoff {
    #[cfg(feature = "ship")]
    pub(crate) fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, failures: 0 }
    }

    /// Makes the next pause a short one again, after a success.
    #[cfg(feature = "ship")]
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    /// Returns the next pause. `asked` is the server's `Retry-After`, a minimum.
    #[cfg(feature = "ship")]
    pub(crate) fn next(&mut self, asked: Option<Duration>) -> Duration {
        let ceiling = self.ceiling();
        self.failures += 1;
        asked.unwrap_or_default() + below(ceiling)
    }

    fn ceiling(&self) -> Duration {
        let doublings = self.failures.min(30);
        self.first.saturating_mul(1 << doublings).min(self.longest)
    }
}

/// Returns a random wait between nothing and `base` doubled `failures - 1` times, at most 20 s.
#[cfg(feature = "s3")]
pub(crate) fn backoff(base: Duration, failures: u32) -> Duration {
    below(Backoff { first: base, longest: CAP, failures: failures.saturating_sub(1) }.ceiling())
}

fn below(ceiling: Duration) -> Duration {
    let nanos = u64::try_from(ceiling.as_nanos()).unwrap_or(u64::MAX);
    Duration::from_nanos(random() % nanos.max(1))
}

#[cfg(all(test, feature = "s3", feature = "ship"))]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_longest_and_start_over() {
        let (first, longest) = (Duration::from_secs(1), Duration::from_secs(60));
        let mut backoff = Backoff::new(first, longest);
        let mut ceilings = Vec::new();
        for _ in 0..50 {
            ceilings.push(backoff.ceiling().as_secs());
            assert!(backoff.next(None) <= longest);
        }
        assert_eq!(ceilings[..8], [1, 2, 4, 8, 16, 32, 60, 60]);
        assert!(backoff.next(Some(longest)) >= longest);
        backoff.reset();
        assert!(backoff.next(None) <= first);
    }

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
