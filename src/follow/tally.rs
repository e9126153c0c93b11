//! What a run has done so far, and how fast it goes.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::summary::Summary;

/// The time over which rates are taken.
const MINUTE: Duration = Duration::from_secs(60);

/// What a run has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FollowTally {
    /// Messages that were taken up.
    pub messages: u64,
    /// Messages that were given back, for something could not be read.
    pub sent_back: u64,
    /// Messages of these that were not read later.
    pub unread: u64,
    /// Objects that were read whole.
    pub objects: u64,
    /// Objects that were skipped by name, or were out of scope.
    pub skipped: u64,
    /// Objects that could not be read, each time.
    pub failed: u64,
    /// Logs that somebody removed.
    pub removed: u64,
    /// Events of other kinds.
    pub others: u64,
    /// Findings that were written.
    pub findings: u64,
    /// Copies of findings that were dropped.
    pub duplicates: u64,
    /// Findings that the filter left out.
    pub filtered: u64,
    /// Findings that the server refused for good.
    pub refused: u64,
    /// Messages in the queue, about; `None`: that is not known.
    pub backlog: Option<u64>,
    /// Messages in hand.
    pub in_hand: u64,
    /// How long ago the oldest event in hand happened, in seconds.
    pub oldest_seconds: Option<u64>,
    /// Objects a minute, over the last one.
    pub objects_a_minute: u64,
    /// Findings a minute, over the last one.
    pub findings_a_minute: u64,
}

impl FollowTally {
    /// Adds the account of a batch.
    pub(super) fn add(&mut self, summary: &Summary) {
        self.objects += summary.objects.scanned;
        self.skipped += summary.objects.skipped;
        self.failed += summary.objects.failed;
        self.findings += summary.findings.written;
        self.duplicates += summary.findings.duplicates;
        self.filtered += summary.findings.filtered;
    }
}

/// What there was at some moments of the last minute.
#[derive(Debug, Default)]
pub(super) struct Rates(VecDeque<(Instant, u64, u64)>);

impl Rates {
    /// Sets the rates of a tally.
    pub(super) fn apply(&mut self, now: Instant, tally: &mut FollowTally) {
        let second = Duration::from_secs(1);
        if self.0.back().is_none_or(|(at, ..)| now.duration_since(*at) >= second) {
            self.0.push_back((now, tally.objects, tally.findings));
        }
        // One moment from before the minute stays: the rate is over a minute at least.
        while self.0.get(1).is_some_and(|(at, ..)| now.duration_since(*at) > MINUTE) {
            self.0.pop_front();
        }
        let Some((at, objects, findings)) = self.0.front() else { return };
        // Before a minute is over, the rate is that of the time so far.
        let share = MINUTE.as_secs_f64() / now.duration_since(*at).as_secs_f64().max(1.0);
        let rate = |now: u64, then: u64| (now.saturating_sub(then) as f64 * share).round() as u64;
        tally.objects_a_minute = rate(tally.objects, *objects);
        tally.findings_a_minute = rate(tally.findings, *findings);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_those_of_the_last_minute() {
        let (mut rates, begun) = (Rates::default(), Instant::now());
        let mut tally = FollowTally::default();
        rates.apply(begun, &mut tally);
        for (second, objects, a_minute) in [(30, 100, 200), (60, 200, 200), (120, 200, 67), (150, 400, 133)] {
            tally.objects = objects;
            rates.apply(begun + Duration::from_secs(second), &mut tally);
            assert_eq!(tally.objects_a_minute, a_minute, "after {second} s");
        }
    }
}
