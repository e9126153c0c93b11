//! Times that digests prove, and those that they do not.
//!
//! Sound digests come in order, and spans that touch are joined. A span that does not touch the one before leaves a
//! break, with the reason that was noted in between. Logs that are wrong cut holes into what is proven. For a
//! question from one time to another the answer is what lies within the joined spans less the holes, and for all the
//! rest a reason.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

/// How exact the time in a log's name is.
const NAMED: SignedDuration = SignedDuration::from_mins(5);

/// A time, from the first moment inside to the first moment after.
pub type Span = (Timestamp, Timestamp);

/// A time that is not proven, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unproven {
    /// `None`: from an unknown time on.
    pub start: Option<Timestamp>,
    /// The first moment after.
    pub end: Timestamp,
    /// The reason, for people.
    pub why: String,
}

/// The times of one trail and region.
#[derive(Clone, Debug, Default)]
pub(super) struct Spans {
    /// The spans of sound digests, in order, neighbours joined.
    digests: Vec<Span>,
    /// What stands in between: the time at which each ends, and why.
    breaks: Vec<(Timestamp, String)>,
    /// The spans of digests one of whose logs was changed or is missing.
    holes: Vec<(Span, &'static str)>,
    /// Why the next digest does not follow the one before.
    broken: Option<String>,
    /// The accounts whose logs are named.
    pub(super) accounts: BTreeSet<String>,
}

impl Spans {
    /// Adds a sound digest. Digests come in order.
    pub(super) fn valid(&mut self, span: Span, begins: bool) {
        let broken = self.broken.take();
        if let Some((_, end)) = self.digests.last_mut()
            && *end == span.0
        {
            *end = span.1;
            return;
        }
        let why = broken.unwrap_or_else(|| {
            if begins && !self.digests.is_empty() {
                "a new chain begins behind it: the trail was off, or its digests are gone".to_owned()
            } else {
                "there is no digest of this time".to_owned()
            }
        });
        self.breaks.push((span.0, why));
        self.digests.push(span);
    }

    /// Notes that something is wrong in front of the next digest.
    pub(super) fn broken(&mut self, why: String) {
        self.broken = Some(why);
    }

    /// Notes that a log of the digest of this time is wrong.
    pub(super) fn hole(&mut self, span: Span, why: &'static str) {
        if self.holes.last().is_none_or(|(last, _)| *last != span) {
            self.holes.push((span, why));
        }
    }

    /// Adds what a second chain of the same trail proves.
    pub(super) fn join(&mut self, other: Self) {
        self.digests = union(self.digests.iter().copied().chain(other.digests));
        self.breaks.extend(other.breaks);
        self.holes.extend(other.holes);
        self.broken = self.broken.take().or(other.broken);
        self.accounts.extend(other.accounts);
    }

    /// Returns whether a log whose name has this time should be named by a digest.
    pub(super) fn cover(&self, time: Timestamp) -> bool {
        let Ok(last) = time.checked_add(NAMED) else { return false };
        self.digests.iter().any(|(start, end)| *start <= time && last < *end)
    }

    /// Returns what is proven between two times, and what is not.
    pub(super) fn judge(&self, from: Option<Timestamp>, to: Timestamp) -> (Vec<Span>, Vec<Unproven>) {
        let holes = union(self.holes.iter().map(|(span, _)| *span));
        let digests = union(self.digests.iter().copied());
        let end = digests.last().map_or(to, |(_, end)| (*end).max(to));
        let mut proven = Vec::new();
        for (start, end) in digests {
            let mut start = from.map_or(start, |from| from.max(start));
            for &(hole, behind) in &holes {
                if hole < end && behind > start {
                    if start < hole {
                        proven.push((start, hole));
                    }
                    start = behind;
                }
            }
            if start < end {
                proven.push((start, end));
            }
        }
        let mut unproven = Vec::new();
        let mut at = from;
        for (start, stop) in &proven {
            match at {
                Some(at) if at < *start => unproven.push(self.between(Some(at), *start)),
                None if self.broken_before(*start) => unproven.push(self.between(None, *start)),
                _ => {}
            }
            at = Some(*stop);
        }
        if at.is_none_or(|at| at < end) {
            unproven.push(self.between(at, end));
        }
        (proven, unproven)
    }

    /// Returns whether something in front of the first sound digest is known to be missing or wrong.
    fn broken_before(&self, start: Timestamp) -> bool {
        self.holes.iter().any(|((_, end), _)| *end <= start)
            || self.breaks.iter().any(|(at, why)| *at <= start && !why.starts_with("there is no"))
    }

    fn between(&self, start: Option<Timestamp>, end: Timestamp) -> Unproven {
        let hole = self
            .holes
            .iter()
            .find(|((from, to), _)| *from < end && start.is_none_or(|start| *to > start))
            .map(|(_, why)| (*why).to_owned());
        let why = hole
            .or_else(|| self.breaks.iter().find(|(at, _)| *at == end).map(|(_, why)| why.clone()))
            .or_else(|| self.broken.clone())
            .unwrap_or_else(|| "there is no later digest: it is not made yet, or it is gone".to_owned());
        Unproven { start, end, why }
    }
}

/// Returns the spans in order, those that touch joined.
fn union(spans: impl Iterator<Item = Span>) -> Vec<Span> {
    let mut all: Vec<Span> = spans.collect();
    all.sort_unstable();
    let mut joined: Vec<Span> = Vec::with_capacity(all.len());
    for (start, end) in all {
        match joined.last_mut() {
            Some((_, last)) if *last >= start => *last = (*last).max(end),
            _ => joined.push((start, end)),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(hour * 3600).unwrap()
    }

    fn hours(spans: &[Span]) -> Vec<(i64, i64)> {
        spans.iter().map(|(start, end)| (start.as_second() / 3600, end.as_second() / 3600)).collect()
    }

    fn open(unproven: &[Unproven]) -> Vec<(Option<i64>, i64)> {
        unproven
            .iter()
            .map(|one| (one.start.map(|start| start.as_second() / 3600), one.end.as_second() / 3600))
            .collect()
    }

    #[test]
    fn neighbours_join_and_gaps_stay_open_to_the_end() {
        let mut spans = Spans::default();
        spans.valid((at(2), at(3)), true);
        spans.valid((at(3), at(4)), false);
        spans.valid((at(6), at(7)), true);
        spans.broken("a digest is missing".into());
        spans.valid((at(8), at(9)), false);
        let (proven, unproven) = spans.judge(None, at(12));
        assert_eq!(hours(&proven), [(2, 4), (6, 7), (8, 9)]);
        assert_eq!(open(&unproven), [(Some(4), 6), (Some(7), 8), (Some(9), 12)]);
        assert!(unproven[0].why.contains("trail was off") && unproven[1].why.contains("digest is missing"));
        let (proven, unproven) = spans.judge(Some(at(0)), at(9));
        assert_eq!((hours(&proven)[0], open(&unproven)[0]), ((2, 4), (Some(0), 2)));
        let (proven, _) = spans.judge(Some(at(3)), at(9));
        assert_eq!(hours(&proven)[0], (3, 4));
    }

    #[test]
    fn a_wrong_log_takes_its_digest_out_and_a_backfill_fills_a_gap() {
        let mut spans = Spans::default();
        spans.valid((at(2), at(5)), true);
        spans.valid((at(6), at(7)), false);
        spans.hole((at(3), at(4)), "a log is missing");
        let mut backfill = Spans::default();
        backfill.valid((at(5), at(6)), true);
        spans.join(backfill);
        let (proven, unproven) = spans.judge(None, at(7));
        assert_eq!(hours(&proven), [(2, 3), (4, 7)]);
        assert_eq!((open(&unproven), unproven[0].why.as_str()), (vec![(Some(3), 4)], "a log is missing"));
        assert!(spans.cover(at(3)) && spans.cover(at(6)) && !spans.cover(at(7)) && !spans.cover(at(1)));
    }

    #[test]
    fn a_beginning_that_is_missing_is_open_from_an_unknown_time() {
        let mut spans = Spans::default();
        spans.broken("the digest before is missing".into());
        spans.valid((at(2), at(3)), false);
        assert_eq!(open(&spans.judge(None, at(3)).1), [(None, 2)]);
        assert_eq!(open(&Spans::default().judge(None, at(3)).1), [(None, 3)]);
    }
}
