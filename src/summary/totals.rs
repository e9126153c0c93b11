//! The counts of a part of a run, as they are stored and added up.
//!
//! [`Totals`] hold what a run counted of objects, records, bytes and times, and nothing that depends on other parts:
//! copies, filters and everything that is counted by finding are decided where the parts come together. Adding the
//! totals of all parts gives the counts of one run over all of their objects, in any order.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Bytes, OtherNames, Steps, Summary};
use crate::coverage::{Coverage, Slots};
use crate::key::{KeyInfo, Skip};
use crate::scan::report::RecordCounts;

/// The counts of a part.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Objects that the part's sources named.
    pub listed: u64,
    /// Objects read whole.
    pub scanned: u64,
    /// Objects not read, or not whole.
    pub failed: u64,
    /// Objects skipped, by reason.
    pub skipped_by: BTreeMap<Skip, u64>,
    other_names: OtherNames,
    looked_at: OtherNames,
    /// Elements that are records.
    pub records: u64,
    /// Records that concern root: findings before copies and filters.
    pub matched: u64,
    /// Elements that are not readable records.
    pub malformed: u64,
    /// Error lines.
    pub errors: u64,
    /// Stored bytes read.
    pub bytes: u64,
    /// Inflated bytes read.
    pub inflated_bytes: u64,
    coverage: Vec<Day>,
    /// For each step how many objects took so many microseconds.
    latency_us: Steps<Vec<(u64, u64)>>,
}

/// A row of the coverage ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Day {
    account_id: String,
    region: String,
    day: String,
    read: u64,
    failed: u64,
    without_events: u64,
    skipped: u64,
    bytes: u64,
    records: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first_event_time: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_event_time: Option<String>,
    delivered: Slots,
    digests: Slots,
}

impl Totals {
    /// Returns the counts of a run.
    pub fn of(summary: &Summary) -> Self {
        let text = |time: [u8; 20]| String::from_utf8_lossy(&time).into_owned();
        let day = |(key, row): (&KeyInfo, &Coverage)| Day {
            account_id: key.account.clone(),
            region: key.region.clone(),
            day: key.day.clone(),
            read: row.read,
            failed: row.failed,
            without_events: row.without_events,
            skipped: row.skipped,
            bytes: row.bytes,
            records: row.records,
            first_event_time: row.span.map(|(first, _)| text(first)),
            last_event_time: row.span.map(|(_, last)| text(last)),
            delivered: row.delivered,
            digests: row.digests,
        };
        Self {
            listed: summary.objects.listed,
            scanned: summary.objects.scanned,
            failed: summary.objects.failed,
            skipped_by: summary.skipped_by.clone(),
            other_names: summary.other_names.clone(),
            looked_at: summary.looked_at.clone(),
            records: summary.records.scanned,
            matched: summary.records.matched,
            malformed: summary.records.malformed,
            errors: summary.errors,
            bytes: summary.bytes.compressed,
            inflated_bytes: summary.bytes.uncompressed,
            coverage: summary.coverage.iter().map(day).collect(),
            latency_us: summary.latency.recorded(),
        }
    }

    /// Returns the objects that were not read.
    pub fn skipped(&self) -> u64 {
        self.skipped_by.values().sum()
    }

    /// Returns whether every object that was listed has an outcome.
    pub fn balance(&self) -> bool {
        self.listed == self.skipped() + self.scanned + self.failed
    }

    /// Adds the counts to those of a run, but for the error lines: who adds takes them one by one.
    pub fn add_to(&self, summary: &mut Summary) {
        summary.objects.listed += self.listed;
        summary.objects.scanned += self.scanned;
        summary.objects.failed += self.failed;
        summary.objects.skipped += self.skipped();
        for (&skip, n) in &self.skipped_by {
            *summary.skipped_by.entry(skip).or_default() += n;
        }
        summary.other_names.join(&self.other_names);
        summary.looked_at.join(&self.looked_at);
        summary.records.add(RecordCounts {
            scanned: self.records,
            matched: self.matched,
            malformed: self.malformed,
        });
        let Bytes { compressed, uncompressed } = &mut summary.bytes;
        *compressed += self.bytes;
        *uncompressed += self.inflated_bytes;
        for day in &self.coverage {
            day.add_to(summary);
        }
        summary.latency.add(&self.latency_us);
    }
}

impl Day {
    fn add_to(&self, summary: &mut Summary) {
        let key =
            KeyInfo { account: self.account_id.clone(), region: self.region.clone(), day: self.day.clone() };
        let row = summary.coverage.entry(key).or_default();
        row.read += self.read;
        row.failed += self.failed;
        row.without_events += self.without_events;
        row.skipped += self.skipped;
        row.bytes += self.bytes;
        row.records += self.records;
        let time = |text: &Option<String>| -> Option<[u8; 20]> { text.as_ref()?.as_bytes().try_into().ok() };
        if let (Some(first), Some(last)) = (time(&self.first_event_time), time(&self.last_event_time)) {
            row.see(first, last);
        }
        row.delivered.join(&self.delivered);
        row.digests.join(&self.digests);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::scan::report::Times;

    /// Something of everything that is counted, the more the larger `n` is.
    fn count(summary: &mut Summary, n: u64) {
        summary.objects.listed += 3;
        summary.objects.scanned += 1;
        summary.objects.failed += 1;
        summary.objects.skipped += 1;
        *summary.skipped_by.entry(Skip::OtherName).or_default() += 1;
        summary.other_names.note(&format!("s3://b/{}.x{}", n % 7, n % 90));
        summary.looked_at.note(&format!("s3://b/{}.y{}", n % 5, n % 3));
        summary.records.add(RecordCounts { scanned: n, matched: n % 3, malformed: n % 2 });
        summary.bytes.compressed += n;
        summary.bytes.uncompressed += 10 * n;
        summary.latency.record(&Times {
            get: Some(Duration::from_micros(n * n * 37)),
            inflate: Some(Duration::from_micros(n)),
            scan: None,
        });
        let day = format!("2026-01-{:02}", n % 4 + 1);
        let key = KeyInfo { account: "1".into(), region: "r".into(), day };
        let row = summary.coverage.entry(key).or_default();
        (row.read, row.skipped, row.bytes) = (row.read + 1, row.skipped + 2, row.bytes + n);
        row.delivered.mark(usize::try_from(n).unwrap() % 288);
        row.digests.mark(usize::try_from(n).unwrap() * 7 % 288);
        let time = |n: u64| -> [u8; 20] {
            format!("2026-01-01T00:00:{:02}Z", n % 60).as_bytes().try_into().unwrap()
        };
        row.see(time(n), time(n + 3));
    }

    #[test]
    fn totals_of_parts_add_up_to_those_of_the_whole() {
        let mut whole = Summary::default();
        (0..300).for_each(|n| count(&mut whole, n));
        let mut sum = Summary::default();
        for part in [0..7, 7..8, 8..8, 8..250, 250..300] {
            let mut summary = Summary::default();
            part.for_each(|n| count(&mut summary, n));
            let totals = Totals::of(&summary);
            assert!(totals.balance());
            let text = serde_json::to_string(&totals).unwrap();
            let read: Totals = serde_json::from_str(&text).unwrap();
            assert_eq!(read, totals);
            read.add_to(&mut sum);
        }
        assert_eq!(Totals::of(&sum), Totals::of(&whole));
        assert_eq!(sum.latency.percentiles(), whole.latency.percentiles());
        assert!(sum.coverage.values().all(|row| row.span.is_some()));
    }

    #[test]
    fn an_object_without_an_outcome_shows() {
        let mut summary = Summary::default();
        count(&mut summary, 1);
        summary.objects.listed += 1;
        assert!(!Totals::of(&summary).balance());
    }
}
