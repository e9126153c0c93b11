//! How many GETs may be in flight: more while more of them bring more, fewer when S3 asks to slow down.

use std::time::Duration;

/// GETs in flight at the start, where the user names no number.
const START: f64 = 32.0;
/// The most GETs at once: past this a single process gains nothing, and S3 throttles.
const MOST: f64 = 256.0;
/// However often S3 says slow down.
const LEAST: f64 = 4.0;
/// Rates are compared over windows of at least this.
const WINDOW: Duration = Duration::from_millis(250);
/// A higher limit stays where the rate gains this share of what the limit gained.
const SHARE: f64 = 0.2;
/// Windows between two attempts at more.
const REST: u32 = 20;

/// A limit that follows what is measured. Results never depend on it.
#[derive(Debug)]
pub(super) struct Limit {
    now: f64,
    most: f64,
    /// What it was before the last raise, and the rate then.
    before: Option<(f64, f64)>,
    rest: u32,
    window: Window,
}

#[derive(Debug, Default)]
struct Window {
    since: Duration,
    done: u64,
    slow_downs: u64,
    /// The limit, and not the scan, held fetching back.
    reached: bool,
}

impl Limit {
    /// Returns a limit. `fixed` is the user's number, never exceeded.
    pub(super) fn new(fixed: Option<usize>) -> Self {
        // Nobody asks for more GETs than a float can count.
        let most = fixed.map_or(MOST, |fixed| fixed.clamp(1, 1 << 20) as f64);
        let now = if fixed.is_some() { most } else { START };
        Self { now, most, before: None, rest: 0, window: Window::default() }
    }

    /// Returns how many GETs may be in flight now.
    pub(super) fn get(&self) -> usize {
        // Between 1 and 2^20.
        self.now as usize
    }

    /// Notes that only the limit kept another GET from its start.
    pub(super) fn reached(&mut self) {
        self.window.reached = true;
    }

    pub(super) fn done(&mut self) {
        self.window.done += 1;
    }

    /// Looks at the time since the start of the run, and at all requests to slow down so far.
    pub(super) fn adapt(&mut self, time: Duration, slow_downs: u64) {
        let span = time.saturating_sub(self.window.since);
        if span < WINDOW {
            return;
        }
        let rate = self.window.done as f64 / span.as_secs_f64();
        let asked_to_slow = slow_downs > self.window.slow_downs;
        let reached = self.window.reached;
        self.window = Window { since: time, slow_downs, ..Window::default() };
        if asked_to_slow {
            self.now = (self.now * 0.7).max(LEAST.min(self.most));
            (self.before, self.rest) = (None, REST);
            return;
        }
        if self.rest > 0 {
            self.rest -= 1;
        }
        if !reached {
            self.before = None;
            return;
        }
        match self.before.take() {
            // The higher limit brought nothing: go back, and leave the limit for a while.
            Some((limit, earlier)) if rate < earlier * (1.0 + SHARE * (self.now / limit - 1.0)) => {
                (self.now, self.rest) = (limit, REST);
            }
            _ if self.rest == 0 && self.now < self.most => {
                self.before = Some((self.now, rate));
                self.now = (self.now * 1.5).min(self.most);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs against a server whose rate is `rate(limit)`, for `windows` windows.
    fn run(limit: &mut Limit, windows: u64, rate: impl Fn(usize) -> u64) {
        let start = limit.window.since;
        for n in 1..=windows {
            limit.window.done = rate(limit.get());
            limit.reached();
            limit.adapt(start + WINDOW * u32::try_from(n).unwrap(), limit.window.slow_downs);
        }
    }

    #[test]
    fn it_grows_while_that_helps() {
        let mut far_away = Limit::new(None);
        run(&mut far_away, 40, |limit| limit as u64 * 10);
        assert_eq!(far_away.get(), 256);
        let mut local = Limit::new(None);
        run(&mut local, 200, |_| 1000);
        assert!(local.get() <= 48, "{}", local.get());
        let mut between = Limit::new(None);
        run(&mut between, 200, |limit| limit.min(100) as u64 * 10);
        assert!((72..=162).contains(&between.get()), "{}", between.get());
    }

    #[test]
    fn it_shrinks_when_asked_to_slow_down_and_recovers() {
        let mut limit = Limit::new(Some(64));
        assert_eq!(limit.get(), 64);
        for n in 1..=3 {
            limit.adapt(WINDOW * n, u64::from(n));
        }
        assert_eq!(limit.get(), 21);
        limit.adapt(WINDOW * 3, 99);
        assert_eq!(limit.get(), 21, "a window is not over");
        run(&mut limit, 200, |limit| limit as u64 * 10);
        assert_eq!(limit.get(), 64);
        for n in 1..100 {
            limit.adapt(Duration::from_secs(1000) + WINDOW * n, 100 + u64::from(n));
        }
        assert_eq!(limit.get(), 4);
        assert_eq!(Limit::new(Some(1)).get(), 1);
    }
}
