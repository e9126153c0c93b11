//! Exponential pauses with full jitter: many shippers that failed together do not come back together.

use std::time::Duration;

/// The pauses after failures in a row.
#[derive(Debug)]
pub(super) struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
}

impl Backoff {
    pub(super) fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, failures: 0 }
    }

    /// Something went well: the next pause is a short one again.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    /// The next pause. `asked` is the server's `Retry-After`, a minimum.
    pub(super) fn next(&mut self, asked: Option<Duration>) -> Duration {
        let ceiling = self.ceiling();
        self.failures += 1;
        asked.unwrap_or_default() + ceiling.mul_f64(fastrand::f64())
    }

    fn ceiling(&self) -> Duration {
        let doublings = self.failures.min(30);
        self.first.saturating_mul(1 << doublings).min(self.longest)
    }
}

#[cfg(test)]
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
}
