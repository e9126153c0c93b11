//! Silence that should not be: days and hours without a log between busy ones, an account-region that stops,
//! nothing after `StopLogging`.
//!
//! A quiet region delivers nothing, so silence alone proves little. Digests are delivered every hour while a
//! trail is on, logs or none; where there are digests, they decide. Where there are none, the neighbours of a
//! silence must be busy. The names of objects say when something was delivered, to five minutes. A call that
//! stops a trail explains the silence after it, and takes the place of any other gap over the same span.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::{Date, date};
use jiff::{SignedDuration, ToSpan as _};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Coverage, Slots, part};
use crate::key::KeyInfo;

/// Five-minute slots of a day.
const DAY: usize = 288;
/// Objects on a day, from which a region counts as busy.
const BUSY_DAY: u64 = 12;
/// Slots of an hour.
const HOUR: usize = 12;
/// Slots of an hour in which a busy hour has something delivered.
const BUSY_HOUR: usize = 6;
/// Delay up to which logs come late.
const DELIVERY: SignedDuration = SignedDuration::from_mins(20);
/// Silence after `StopLogging` that is worth a word, in slots.
const AFTER_STOP: usize = 6;

/// The kind of silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GapKind {
    /// Nothing after a call that stops a trail.
    Stopped,
    /// Days without an object between days with some.
    MissingDays,
    /// Hours without an object between busy ones.
    MissingHours,
    /// Nothing since some time, while others go on.
    Ends,
    /// Logs that a digest names are not there.
    MissingLogs,
}

/// Silence of an account and region.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gap {
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
    /// The start: a day for days, otherwise RFC 3339.
    pub start: String,
    /// The end; `None`: the end of what was listed.
    pub end: Option<String>,
    /// The kind of silence.
    pub kind: GapKind,
    /// The reason why this is more than a quiet time, for people.
    pub why: String,
}

/// A successful call that stops a trail.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stop {
    /// The time of the event.
    pub time: String,
    /// The account that owns the trail.
    pub account: String,
    /// The region of the call.
    pub region: String,
    /// `StopLogging`, `DeleteTrail`.
    pub name: String,
}

impl Gap {
    /// Returns an element of the summary.
    pub fn to_json(&self) -> Value {
        json!({
            "kind": self.kind,
            "account_id": part(&self.account),
            "region": part(&self.region),
            "start": self.start,
            "end": self.end,
            "why": self.why,
        })
    }
}

/// The deliveries of one account and region, day after day from the first to the last one.
struct Line<'c> {
    account: &'c str,
    region: &'c str,
    first: Date,
    days: Vec<Day>,
    /// Whether any digest was listed.
    digests: bool,
}

#[derive(Clone, Copy, Default)]
struct Day {
    logs: u64,
    delivered: Slots,
    digests: Slots,
}

/// Returns all gaps of a ledger, in order.
pub fn gaps(ledger: &BTreeMap<KeyInfo, Coverage>, stops: &[Stop]) -> Vec<Gap> {
    let lines = lines(ledger);
    let mut all = Vec::new();
    for line in &lines {
        let last = lines
            .iter()
            .filter(|other| other.account == line.account)
            .filter_map(|other| Some(other.day(other.last_log()?)))
            .max();
        line.missing_days(&mut all);
        line.missing_hours(&mut all);
        line.ends(last, &mut all);
        for stop in stops.iter().filter(|stop| stop.account == line.account && stop.region == line.region) {
            line.stopped(stop, &mut all);
        }
    }
    all.sort();
    all.dedup();
    // One silence is one gap, and that somebody asked for it says most.
    let stopped: Vec<Gap> = all.iter().filter(|gap| gap.kind == GapKind::Stopped).cloned().collect();
    all.retain(|gap| {
        gap.kind == GapKind::Stopped
            || !stopped.iter().any(|other| {
                (&other.account, &other.region, &other.start, &other.end)
                    == (&gap.account, &gap.region, &gap.start, &gap.end)
            })
    });
    all
}

fn lines(ledger: &BTreeMap<KeyInfo, Coverage>) -> Vec<Line<'_>> {
    let mut lines: Vec<Line<'_>> = Vec::new();
    for (KeyInfo { account, region, day }, coverage) in ledger {
        let Ok(day) = day.parse::<Date>() else { continue };
        let same = lines.last().is_some_and(|line| line.account == account && line.region == region);
        if !same {
            lines.push(Line { account, region, first: day, days: Vec::new(), digests: false });
        }
        let Some(line) = lines.last_mut() else { continue };
        let at = usize::try_from(day.duration_since(line.first).as_hours() / 24).unwrap_or(0);
        // A wrong date in one name must not make a line of a million days.
        if at > 40_000 {
            continue;
        }
        line.days.resize(line.days.len().max(at + 1), Day::default());
        let logs = coverage.objects() + coverage.known;
        line.days[at] = Day { logs, delivered: coverage.delivered, digests: coverage.digests };
        line.digests |= coverage.digests.any();
    }
    lines
}

impl Line<'_> {
    fn day(&self, at: usize) -> Date {
        i32::try_from(at)
            .ok()
            .and_then(|days| self.first.checked_add(days.days()).ok())
            .unwrap_or(date(1970, 1, 1))
    }

    fn moment(&self, slot: usize) -> String {
        format!("{}T{:02}:{:02}:00Z", self.day(slot / DAY), slot % DAY / 12, slot % 12 * 5)
    }

    fn last_log(&self) -> Option<usize> {
        self.days.iter().rposition(|day| day.logs > 0)
    }

    fn has(&self, slot: usize) -> bool {
        self.days.get(slot / DAY).is_some_and(|day| day.delivered.has(slot % DAY))
    }

    /// Returns whether a digest covers the hour: the digest is delivered after the hour's end, mostly within
    /// the next one.
    fn digested(&self, hour: usize) -> bool {
        (hour..hour + 3)
            .any(|hour| self.days.get(hour / 24).is_some_and(|day| day.digests.of_hour(hour % 24) > 0))
    }

    fn gap(&self, kind: GapKind, start: String, end: Option<String>, why: String) -> Gap {
        Gap { account: self.account.to_owned(), region: self.region.to_owned(), start, end, kind, why }
    }

    /// Adds runs of days without a log, with the days at both sides.
    fn missing_days(&self, all: &mut Vec<Gap>) {
        let mut before = None;
        for (at, day) in self.days.iter().enumerate().filter(|(_, day)| day.logs > 0) {
            if let Some(last) = before.replace(at).filter(|last| last + 1 < at) {
                let missing = last + 1..at;
                let digest_days = missing.clone().filter(|&day| self.days[day].digests.any()).count();
                let busy = self.days[last].logs.min(day.logs) >= BUSY_DAY;
                let why = if self.digests && digest_days < missing.len() {
                    format!("no digests either on {} of them", missing.len() - digest_days)
                } else if !self.digests && busy {
                    format!("{} and {} objects on the days around", self.days[last].logs, day.logs)
                } else {
                    continue;
                };
                let (start, end) = (self.day(last + 1).to_string(), self.day(at - 1).to_string());
                all.push(self.gap(GapKind::MissingDays, start, Some(end), why));
            }
        }
    }

    /// Adds silences of an hour or more, up to a day, between busy hours.
    fn missing_hours(&self, all: &mut Vec<Gap>) {
        let slots = self.days.len() * DAY;
        let mut slot = 0;
        while slot < slots {
            if self.has(slot) {
                slot += 1;
                continue;
            }
            let start = slot;
            while slot < slots && !self.has(slot) {
                slot += 1;
            }
            // Before the first log and after the last there are no neighbours.
            if start == 0 || slot == slots || !(HOUR..DAY).contains(&(slot - start)) {
                continue;
            }
            let many =
                |slots: std::ops::Range<usize>| slots.filter(|&slot| self.has(slot)).count() >= BUSY_HOUR;
            if !many(start.saturating_sub(HOUR)..start) || !many(slot..slot + HOUR) {
                continue;
            }
            let why = if !self.digests {
                "busy before and after"
            } else if (start / HOUR..slot.div_ceil(HOUR)).any(|hour| !self.digested(hour)) {
                "no digest either; busy before and after"
            } else {
                continue;
            };
            let (start, end) = (self.moment(start), self.moment(slot));
            all.push(self.gap(GapKind::MissingHours, start, Some(end), why.to_owned()));
        }
    }

    /// Adds the end of the line, where the account goes on elsewhere.
    fn ends(&self, account_last: Option<Date>, all: &mut Vec<Gap>) {
        let (Some(at), Some(account_last)) = (self.last_log(), account_last) else { return };
        let last = self.day(at);
        let silent = account_last.duration_since(last).as_hours() / 24;
        // One day may be the evening of a quiet region.
        if silent < 2 {
            return;
        }
        let digests_go_on =
            self.days.iter().rposition(|day| day.digests.any()).is_some_and(|day| day > at + 1);
        let busy = self.days[at.saturating_sub(1)].logs.max(self.days[at].logs) >= BUSY_DAY;
        let why = if self.digests && !digests_go_on {
            "no digests any more either"
        } else if !self.digests && busy {
            "it was busy, and the account has logs elsewhere"
        } else {
            return;
        };
        let text = format!("{why}, up to {account_last}");
        let start = self.day(at + 1).to_string();
        all.push(self.gap(GapKind::Ends, start, None, text));
    }

    /// Adds the silence after a call that stops a trail.
    fn stopped(&self, stop: &Stop, all: &mut Vec<Gap>) {
        let Ok(time) = stop.time.parse::<Timestamp>() else { return };
        let Ok(first) = self.first.to_zoned(jiff::tz::TimeZone::UTC) else { return };
        let minutes =
            |time: Timestamp| usize::try_from(time.duration_since(first.timestamp()).as_mins()).ok();
        let (Some(called), Some(delivered)) = (minutes(time), minutes(time + DELIVERY)) else { return };
        let slots = self.days.len() * DAY;
        // Events from before the call are still delivered.
        let last = (called / 5..=delivered / 5).rev().find(|&slot| self.has(slot));
        let start = last.map_or(called / 5, |slot| slot) + 1;
        let next = (start..slots).find(|&slot| self.has(slot));
        if next.is_some_and(|next| next - start < AFTER_STOP) {
            return;
        }
        let why = format!("{} at {}", stop.name, stop.time);
        all.push(self.gap(GapKind::Stopped, self.moment(start), next.map(|slot| self.moment(slot)), why));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(logs: u64, hours: std::ops::Range<usize>, digests: std::ops::Range<usize>) -> Coverage {
        let mut row = Coverage { read: logs, ..Coverage::default() };
        for hour in hours {
            (0..12).for_each(|part| row.delivered.mark(12 * hour + part));
        }
        digests.for_each(|hour| row.digests.mark(12 * hour));
        row
    }

    fn ledger(rows: Vec<(&str, &str, Coverage)>) -> BTreeMap<KeyInfo, Coverage> {
        let key = |region: &str, day: &str| KeyInfo {
            account: "111122223333".into(),
            region: region.into(),
            day: day.into(),
        };
        rows.into_iter().map(|(region, day, row)| (key(region, day), row)).collect()
    }

    fn found(rows: Vec<(&str, &str, Coverage)>, stops: &[Stop]) -> Vec<(GapKind, String, Option<String>)> {
        gaps(&ledger(rows), stops).into_iter().map(|gap| (gap.kind, gap.start, gap.end)).collect()
    }

    const NONE: std::ops::Range<usize> = 0..0;

    #[test]
    fn a_day_between_busy_ones_is_missing_and_one_between_quiet_ones_is_not() {
        let days = |logs| {
            vec![
                ("us-east-1", "2024-02-28", row(logs, 0..24, NONE)),
                ("us-east-1", "2024-03-02", row(logs, 0..24, NONE)),
            ]
        };
        let gap = (GapKind::MissingDays, "2024-02-29".into(), Some("2024-03-01".into()));
        assert_eq!(found(days(200), &[]), [gap]);
        assert_eq!(found(days(3), &[]), []);
    }

    #[test]
    fn digests_tell_a_quiet_day_from_one_that_is_gone() {
        let days = |digests: std::ops::Range<usize>| {
            vec![
                ("us-east-1", "2024-05-01", row(3, 0..24, 0..24)),
                ("us-east-1", "2024-05-02", row(0, NONE, digests)),
                ("us-east-1", "2024-05-03", row(300, 0..24, 0..24)),
            ]
        };
        assert_eq!(found(days(0..24), &[]), []);
        let gap = (GapKind::MissingDays, "2024-05-02".into(), Some("2024-05-02".into()));
        assert_eq!(found(days(NONE), &[]), [gap]);
    }

    #[test]
    fn hours_between_busy_ones_are_missing_unless_digests_cover_them() {
        let day = |digests: std::ops::Range<usize>| {
            let mut row = row(200, 0..9, digests);
            row.delivered.join(&self::row(0, 12..24, NONE).delivered);
            vec![("us-east-1", "2024-05-01", row)]
        };
        let gap = (GapKind::MissingHours, "2024-05-01T09:00:00Z".into(), Some("2024-05-01T12:00:00Z".into()));
        assert_eq!(found(day(NONE), &[]), std::slice::from_ref(&gap));
        assert_eq!(found(day(0..24), &[]), []);
        assert_eq!(found(day(0..9), &[]), [gap]);
        // A night: less and less, then nothing.
        let mut night = row(200, 0..9, NONE);
        for hour in 12..24 {
            night.delivered.mark(12 * hour);
        }
        assert_eq!(found(vec![("us-east-1", "2024-05-01", night)], &[]), []);
    }

    #[test]
    fn a_region_that_stops_while_the_account_goes_on() {
        let mut rows = vec![("eu-west-1", "2024-05-01", row(50, 0..24, NONE))];
        for day in ["2024-05-01", "2024-05-02", "2024-05-03", "2024-05-04"] {
            rows.push(("us-east-1", day, row(50, 0..24, NONE)));
        }
        assert_eq!(found(rows.clone(), &[]), [(GapKind::Ends, "2024-05-02".into(), None)]);
        rows.truncate(3);
        assert_eq!(found(rows, &[]), [], "one day proves nothing");
    }

    #[test]
    fn silence_after_stop_logging_is_named() {
        let stop = Stop {
            time: "2024-05-01T13:05:10Z".into(),
            account: "111122223333".into(),
            region: "us-east-1".into(),
            name: "StopLogging".into(),
        };
        let mut day = row(20, NONE, NONE);
        for slot in [3, 12 * 13, 12 * 13 + 1, 12 * 13 + 2, 12 * 15 + 8] {
            day.delivered.mark(slot);
        }
        let rows = |day| vec![("us-east-1", "2024-05-01", day)];
        let from = "2024-05-01T13:15:00Z".to_owned();
        let gap = |end: Option<&str>| [(GapKind::Stopped, from.clone(), end.map(str::to_owned))];
        assert_eq!(found(rows(day), std::slice::from_ref(&stop)), gap(Some("2024-05-01T15:40:00Z")));
        let mut ends = row(20, NONE, NONE);
        ends.delivered.mark(12 * 13 + 2);
        assert_eq!(found(rows(ends), std::slice::from_ref(&stop)), gap(None));
        let busy = row(20, 0..24, NONE);
        assert_eq!(found(rows(busy), &[stop]), []);
    }
}
