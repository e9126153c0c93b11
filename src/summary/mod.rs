//! The account of a run, schema `roottrail.summary/1`, and the identities that it must satisfy.
//!
//! [`Summary`] is one struct of counters, filled by the driver as reports come in. Some counters overlap on
//! purpose: the sum of skipped, scanned and failed objects must be the number listed, and the sum of written,
//! duplicate and filtered findings must be the number of matched records. [`Summary::check`] compares them at
//! the end, so that a defect that loses an object or a finding ends the run with an error. The summary file,
//! the coverage file and the closing text are written from this struct.

mod highlights;
mod other_names;
pub mod totals;

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::coverage::{Coverage, Gap, Stop};
use crate::error::Fatal;
use crate::finding::{CredentialType, Finding, IdentityKind, MfaStatus, Severity};
use crate::history::listing::Change;
use crate::key::{KeyInfo, Skip};
use crate::scan::report::{RecordCounts, Times};
use crate::verify::{DigestCounts, LogCounts};

pub use highlights::{DISTINCT, Group, Groups, Headline, Highlights, NAMED};
pub use other_names::OtherNames;

/// The name of the schema.
pub const SCHEMA: &str = "roottrail.summary/1";

/// Everything that a run counted.
#[derive(Debug, Default)]
pub struct Summary {
    /// Objects.
    pub objects: Objects,
    /// Records.
    pub records: RecordCounts,
    /// Findings.
    pub findings: FindingCounts,
    /// Bytes read.
    pub bytes: Bytes,
    /// Error lines.
    pub errors: u64,
    /// Error lines that say that something could not be listed.
    pub unlisted: u64,
    /// Objects skipped, by reason.
    pub skipped_by: BTreeMap<Skip, u64>,
    /// Names that are no log's.
    pub other_names: OtherNames,
    /// Names that are no log's, where the first bytes were looked at, so that a checkpoint knows them as
    /// read.
    pub looked_at: OtherNames,
    /// Root findings written, by credential and MFA.
    pub by_credential: BTreeMap<(CredentialType, MfaStatus), u64>,
    /// Findings of `AssumeRoot` callers written.
    pub assume_root_callers: u64,
    /// Findings written, by severity.
    pub by_severity: BTreeMap<Severity, u64>,
    /// Who, when and from where, of the findings written.
    pub highlights: Highlights,
    /// The coverage of each account, region and day.
    pub coverage: BTreeMap<KeyInfo, Coverage>,
    /// Durations of objects.
    pub latency: Latency,
    /// Wall time.
    pub elapsed: Duration,
    /// Calls that stopped a trail.
    pub stops: Vec<Stop>,
    /// Silence that should not be; known at the end.
    pub gaps: Vec<Gap>,
    /// The verdicts of digests; `None` where no digests were read.
    pub integrity: Option<IntegrityCounts>,
    /// Closed days whose objects are not those that an earlier run with the same checkpoint read.
    pub changed: Vec<Change>,
    /// The places of sources, from 0, that named no object at all; left empty in a run with a checkpoint.
    pub empty_sources: Vec<u32>,
    /// Whether the run was stopped before its end.
    pub interrupted: bool,
    /// Whether the reader of the output went away.
    pub closed: bool,
}

/// The verdicts of digests on the logs of a scan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct IntegrityCounts {
    /// Digests.
    pub digests: DigestCounts,
    /// Logs.
    pub logs: LogCounts,
    /// Failures of integrity.
    pub failures: u64,
}

/// Objects by outcome.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Objects {
    /// Objects that the sources named.
    pub listed: u64,
    /// Objects that were not read.
    pub skipped: u64,
    /// Objects read whole.
    pub scanned: u64,
    /// Objects not read, or not whole.
    pub failed: u64,
}

/// Findings by what became of them.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct FindingCounts {
    /// Findings in the output.
    pub written: u64,
    /// Copies of events already written.
    pub duplicates: u64,
    /// Findings left out by a filter.
    pub filtered: u64,
}

/// Bytes read.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Bytes {
    /// Stored bytes.
    pub compressed: u64,
    /// Inflated bytes.
    pub uncompressed: u64,
}

/// Something of each step that an object takes time for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Steps<T> {
    /// Fetching.
    pub get: T,
    /// Decompressing.
    pub inflate: T,
    /// Finding, parsing and judging records.
    pub scan: T,
}

/// Durations of objects, in microseconds.
#[derive(Debug)]
pub struct Latency {
    get: Histogram<u64>,
    inflate: Histogram<u64>,
    scan: Histogram<u64>,
}

impl Default for Latency {
    fn default() -> Self {
        // Two significant digits, up to an hour.
        let new = || {
            Histogram::new_with_bounds(1, 3_600_000_000, 2)
                .expect("the bounds are constants that hdrhistogram accepts")
        };
        Self { get: new(), inflate: new(), scan: new() }
    }
}

impl Latency {
    /// Adds one object.
    pub fn record(&mut self, times: &Times) {
        for (histogram, time) in
            [(&mut self.get, times.get), (&mut self.inflate, times.inflate), (&mut self.scan, times.scan)]
        {
            if let Some(time) = time {
                histogram.saturating_record(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
            }
        }
    }

    /// Returns for each step how many objects took so many microseconds, as exactly as is known.
    pub fn recorded(&self) -> Steps<Vec<(u64, u64)>> {
        let of = |histogram: &Histogram<u64>| {
            let steps = histogram.iter_recorded();
            steps.map(|step| (step.value_iterated_to(), step.count_since_last_iteration())).collect()
        };
        Steps { get: of(&self.get), inflate: of(&self.inflate), scan: of(&self.scan) }
    }

    /// Adds what [`Latency::recorded`] returned.
    pub fn add(&mut self, recorded: &Steps<Vec<(u64, u64)>>) {
        let Steps { get, inflate, scan } = recorded;
        for (histogram, steps) in [(&mut self.get, get), (&mut self.inflate, inflate), (&mut self.scan, scan)]
        {
            for &(value, count) in steps {
                histogram.saturating_record_n(value, count);
            }
        }
    }

    fn json(&self) -> Value {
        let one = |histogram: &Histogram<u64>| {
            let ms = |micros: u64| json!(micros as f64 / 1000.0);
            if histogram.is_empty() {
                return json!({"p50": null, "p90": null, "p99": null, "max": null});
            }
            json!({
                "p50": ms(histogram.value_at_quantile(0.5)),
                "p90": ms(histogram.value_at_quantile(0.9)),
                "p99": ms(histogram.value_at_quantile(0.99)),
                "max": ms(histogram.max()),
            })
        };
        json!({"get": one(&self.get), "inflate": one(&self.inflate), "scan": one(&self.scan)})
    }

    /// Returns milliseconds at the median and at the 99th percentile of fetching, inflating and scanning.
    pub fn percentiles(&self) -> [(&'static str, f64, f64); 3] {
        [("get", &self.get), ("inflate", &self.inflate), ("scan", &self.scan)].map(|(name, histogram)| {
            let ms = |quantile| histogram.value_at_quantile(quantile) as f64 / 1000.0;
            (name, ms(0.5), ms(0.99))
        })
    }
}

impl RecordCounts {
    pub(crate) fn add(&mut self, other: RecordCounts) {
        self.scanned += other.scanned;
        self.matched += other.matched;
        self.malformed += other.malformed;
    }
}

impl Summary {
    /// Notes a call that stops a trail: silence after it is no accident.
    pub fn note_stop(&mut self, finding: &Finding) {
        let Finding { event, attempt, time, .. } = finding;
        let stops = matches!(event.name.as_deref(), Some("StopLogging" | "DeleteTrail"))
            && event.source.as_deref() == Some("cloudtrail.amazonaws.com");
        // An attacker who writes logs could write a million of them.
        if !stops || *attempt || self.stops.len() >= 1000 {
            return;
        }
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        self.stops.push(Stop {
            time: text(time),
            account: text(&finding.recipient_account_id),
            region: text(&finding.region),
            name: text(&event.name),
        });
    }

    /// Counts a written finding for the closing tables.
    pub fn tally(&mut self, finding: &Finding) {
        self.highlights.note(finding);
        *self.by_severity.entry(finding.severity).or_default() += 1;
        match (finding.identity.kind, finding.credential.kind, finding.mfa.status) {
            (IdentityKind::AssumeRootCaller, _, _) => self.assume_root_callers += 1,
            (_, Some(credential), Some(mfa)) => {
                *self.by_credential.entry((credential, mfa)).or_default() += 1;
            }
            _ => {}
        }
    }

    /// Returns whether everything in scope was read.
    pub fn complete(&self) -> bool {
        self.errors == 0 && self.objects.failed == 0 && !self.interrupted && !self.closed
    }

    /// Returns whether the sources named nothing that could be read.
    pub fn nothing_matched(&self) -> bool {
        let known = self.skipped_by.contains_key(&Skip::Known);
        self.objects.scanned == 0 && self.objects.failed == 0 && self.errors == 0 && !known
    }

    /// Checks the identities: no object, record or finding is counted twice or not at all.
    ///
    /// # Errors
    ///
    /// Fails where an identity does not hold, which is a defect of roottrail.
    pub fn check(&self) -> Result<(), Fatal> {
        let Summary { objects, records, findings, .. } = self;
        let sum = objects.skipped + objects.scanned + objects.failed;
        if !self.interrupted && !self.closed && objects.listed != sum {
            return Err(Fatal::Unbalanced(format!(
                "{} objects listed, {} skipped + {} scanned + {} failed",
                objects.listed, objects.skipped, objects.scanned, objects.failed
            )));
        }
        let sum = findings.written + findings.duplicates + findings.filtered;
        // A run that is stopped while nobody reads its output ends between two findings of an object.
        let holds = if self.interrupted { records.matched >= sum } else { records.matched == sum };
        if !self.closed && !holds {
            return Err(Fatal::Unbalanced(format!(
                "{} records matched, {} findings written + {} duplicates + {} filtered",
                records.matched, findings.written, findings.duplicates, findings.filtered
            )));
        }
        Ok(())
    }

    /// Returns the coverage file, schema `roottrail.coverage/1`.
    pub fn coverage_json(&self, exit_code: u8, arguments: &[String]) -> Value {
        let rows: Vec<Value> = self.coverage.iter().map(|(key, row)| row.to_json_with_hours(key)).collect();
        json!({
            "schema": crate::coverage::SCHEMA,
            "version": env!("CARGO_PKG_VERSION"),
            "arguments": arguments,
            "objects": self.objects,
            "coverage": rows,
            "gaps": self.gaps.iter().map(Gap::to_json).collect::<Vec<Value>>(),
            "changed_days": self.changed.iter().map(Change::to_json).collect::<Vec<Value>>(),
            "complete": self.complete(),
            "exit_code": exit_code,
        })
    }

    /// Returns the summary file.
    pub fn to_json(&self, exit_code: u8, arguments: &[String]) -> Value {
        let coverage: Vec<Value> =
            self.coverage.iter().map(|(key, coverage)| coverage.to_json(key)).collect();
        let mut summary = json!({
            "schema": SCHEMA,
            "version": env!("CARGO_PKG_VERSION"),
            "arguments": arguments,
            "objects": self.objects,
            "skipped_by": self.skipped_by.iter().map(|(skip, n)| (skip.label().replace(' ', "_"), json!(n))).collect::<serde_json::Map<_, _>>(),
            "other_names": self.other_names.iter().map(|(name, n, _)| (name.to_owned(), json!(n))).collect::<serde_json::Map<_, _>>(),
            "records": {
                "scanned": self.records.scanned,
                "matched": self.records.matched,
                "malformed": self.records.malformed,
            },
            "findings": self.findings,
            "highlights": self.highlights.to_json(),
            "bytes": self.bytes,
            "elapsed_seconds": self.elapsed.as_secs_f64(),
            "latency_ms": self.latency.json(),
            "coverage": coverage,
            "gaps": self.gaps.iter().map(Gap::to_json).collect::<Vec<Value>>(),
            "changed_days": self.changed.iter().map(Change::to_json).collect::<Vec<Value>>(),
            "complete": self.complete(),
            "exit_code": exit_code,
        });
        if let (Some(integrity), Value::Object(fields)) = (&self.integrity, &mut summary) {
            fields.insert("integrity".into(), json!(integrity));
        }
        summary
    }
}
