//! What a scan would read, from listings alone: objects and bytes by account, region and day, what would be
//! skipped or fail, and what the requests cost.
//!
//! A [`Plan`] counts one entry after another and keeps rows by account, region and day, never single objects.
//! An entry is counted as readable, skipped, archived or unreadable, as a scan would treat it. The costs come
//! from [`prices`] and the storage classes that the listing names. The duration comes from a sample of
//! objects that were read, or from assumed rates where nothing was read.

pub mod prices;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use crate::error::{ErrorKind, ObjectError, Stage};
use crate::key::Skip;
use crate::object::ObjectRef;
use crate::source::{ListedOnly, ReadClass};

/// The name and version of the JSON that [`Plan::to_json`] writes.
pub const SCHEMA: &str = "roottrail.plan/1";

/// Objects and their stored bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Amount {
    /// The number of objects.
    pub objects: u64,
    /// Stored (compressed) bytes.
    pub bytes: u64,
}

impl Amount {
    fn add(&mut self, bytes: u64) {
        self.objects += 1;
        self.bytes += bytes;
    }
}

/// One account in one region.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Objects that a scan would read.
    pub readable: Amount,
    /// Objects that must be restored first.
    pub archived: Amount,
    /// The first and the last delivery day.
    pub days: Option<(String, String)>,
}

/// The measurements of a few objects that were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Objects read whole.
    pub read: Amount,
    /// Records in these objects.
    pub records: u64,
    /// Bytes that these objects inflate to.
    pub inflated: u64,
    /// Time from the first request to the last record.
    pub elapsed: Duration,
}

/// The estimate of a whole scan.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Records, by a sample; `None` without one.
    pub records: Option<u64>,
    /// Inflated bytes, by a sample; `None` without one.
    pub inflated: Option<u64>,
    /// Seconds beside the listing, which the plan itself has just done.
    pub seconds: f64,
}

/// The objects that a scan would read. A plan grows with accounts × days, not with objects.
#[derive(Debug, Default)]
pub struct Plan {
    /// Objects by account and region.
    pub rows: BTreeMap<(String, String), Row>,
    /// Readable objects, by account and day.
    pub days: BTreeMap<(String, String), Amount>,
    /// Readable objects whose names say neither account nor day.
    pub elsewhere: Amount,
    /// All readable objects.
    pub readable: Amount,
    /// Readable objects in S3, each of which costs a GET.
    pub fetched: Amount,
    /// Readable objects in S3, by what S3 asks for reading them.
    pub by_class: BTreeMap<ReadClass, Amount>,
    /// Objects counted, not read.
    pub skipped: BTreeMap<Skip, Amount>,
    /// Objects in an archive storage class.
    pub archived: Amount,
    /// Prefixes that could not be listed, and all else that would fail, but for archives.
    pub failures: Vec<Unreadable>,
    /// Entries seen.
    pub listed: u64,
    /// LIST requests that the plan made; a scan makes as many.
    pub list_requests: u64,
    /// The duration of the listing.
    pub listing: Duration,
    /// The sample that was read to estimate the rest.
    pub sample: Option<Sample>,
}

/// An error that a scan would report.
#[derive(Debug, Serialize)]
pub struct Unreadable {
    /// The object or prefix.
    pub uri: String,
    /// The step that failed.
    pub stage: Stage,
    /// The class of the error.
    pub kind: ErrorKind,
    /// The error in words.
    pub message: String,
}

impl Plan {
    /// Counts one entry.
    pub fn add(&mut self, object: &ObjectRef, what: &ListedOnly) {
        self.listed += 1;
        match what {
            ListedOnly::Skipped(skip) => self.skipped.entry(*skip).or_default().add(object.size),
            ListedOnly::Failed(error) if error.kind == ErrorKind::Archived => {
                self.archived.add(object.size);
                if let Some(row) = self.row(object) {
                    row.archived.add(object.size);
                }
            }
            ListedOnly::Failed(error) => self.failures.push(Unreadable::of(error)),
            ListedOnly::Readable(class) => {
                self.readable.add(object.size);
                if object.uri.starts_with("s3://") {
                    self.fetched.add(object.size);
                    self.by_class.entry(*class).or_default().add(object.size);
                }
                let Some(row) = self.row(object) else {
                    self.elsewhere.add(object.size);
                    return;
                };
                row.readable.add(object.size);
                if let Some(key) = &object.key {
                    let day = (key.account.clone(), key.day.clone());
                    self.days.entry(day).or_default().add(object.size);
                }
            }
        }
    }

    fn row(&mut self, object: &ObjectRef) -> Option<&mut Row> {
        let key = object.key.as_ref()?;
        let row = self.rows.entry((key.account.clone(), key.region.clone())).or_default();
        match &mut row.days {
            Some((first, last)) => {
                if key.day < *first {
                    first.clone_from(&key.day);
                }
                if key.day > *last {
                    last.clone_from(&key.day);
                }
            }
            None => row.days = Some((key.day.clone(), key.day.clone())),
        }
        Some(row)
    }

    /// Returns whether everything in scope could be listed and would be read.
    pub fn complete(&self) -> bool {
        self.failures.is_empty() && self.archived.objects == 0
    }

    /// Returns the cost of LIST and GET requests, in US dollars.
    pub fn requests_cost(&self) -> f64 {
        let gets = self
            .by_class
            .iter()
            .map(|(class, amount)| amount.objects as f64 / 1000.0 * prices::get_per_thousand(*class));
        self.list_requests as f64 / 1000.0 * prices::LIST_PER_THOUSAND + gets.sum::<f64>()
    }

    /// Returns the cost of bytes from storage classes that ask for them, in US dollars.
    pub fn retrieval_cost(&self) -> f64 {
        self.by_class
            .iter()
            .map(|(class, amount)| amount.bytes as f64 / 1e9 * prices::retrieval_per_gb(*class))
            .sum()
    }

    /// Returns the cost of sending all bytes to a place outside of AWS, in US dollars.
    pub fn transfer_cost(&self) -> f64 {
        self.fetched.bytes as f64 / 1e9 * prices::OUT_PER_GB
    }

    /// Returns the duration and size of a scan, by the sample or by assumed rates.
    pub fn estimate(&self) -> Estimate {
        let objects = self.readable.objects as f64;
        let Some(sample) = self.sample.filter(|sample| sample.read.objects > 0) else {
            let seconds = (self.fetched.objects as f64 / prices::ASSUMED_GETS_PER_SECOND)
                .max(self.readable.bytes as f64 / prices::ASSUMED_BYTES_PER_SECOND);
            return Estimate { records: None, inflated: None, seconds };
        };
        // The number of records follows bytes rather than objects, which differ in size.
        let by_bytes = self.readable.bytes as f64 / (sample.read.bytes.max(1)) as f64;
        let scaled = |measured: u64| (measured as f64 * by_bytes).round() as u64;
        let by_objects = objects / sample.read.objects as f64;
        let seconds = sample.elapsed.as_secs_f64() * by_objects.max(by_bytes);
        let least = self.fetched.objects as f64 / prices::GETS_PER_SECOND_AND_PREFIX / self.prefixes();
        Estimate {
            records: Some(scaled(sample.records)),
            inflated: Some(scaled(sample.inflated)),
            seconds: seconds.max(least),
        }
    }

    /// Returns the least number of prefixes, by which S3 scales: one for each account and region.
    fn prefixes(&self) -> f64 {
        self.rows.len().max(1) as f64
    }

    /// Returns the plan for machines.
    pub fn to_json(&self, exit_code: u8) -> Value {
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|((account, region), row)| {
                let (first, last) = row.days.clone().unzip();
                json!({"account_id": account, "region": region, "first_day": first, "last_day": last,
                    "objects": row.readable.objects, "bytes": row.readable.bytes,
                    "archived_objects": row.archived.objects, "archived_bytes": row.archived.bytes})
            })
            .collect();
        let days: Vec<Value> = self
            .days
            .iter()
            .map(|((account, day), amount)| {
                json!({"account_id": account, "day": day, "objects": amount.objects, "bytes": amount.bytes})
            })
            .collect();
        let skipped: BTreeMap<&str, Amount> =
            self.skipped.iter().map(|(skip, amount)| (skip.label(), *amount)).collect();
        let estimate = self.estimate();
        let sample = self.sample.map(|sample| {
            json!({"objects": sample.read.objects, "bytes": sample.read.bytes, "records": sample.records,
                "seconds": sample.elapsed.as_secs_f64()})
        });
        json!({
            "schema": SCHEMA,
            "listed": self.listed,
            "readable": self.readable,
            "archived": self.archived,
            "skipped": skipped,
            "elsewhere": self.elsewhere,
            "requests": {"list": self.list_requests, "get": self.fetched.objects},
            "cost_usd": {"requests": self.requests_cost(), "retrieval": self.retrieval_cost(), "transfer_out": self.transfer_cost(),
                "prices_as_of": prices::AS_OF},
            "estimate": {"seconds": estimate.seconds, "records": estimate.records,
                "bytes_inflated": estimate.inflated, "basis": if self.sample.is_some() { "sample" } else { "assumed rates" }},
            "sample": sample,
            "accounts": rows,
            "days": days,
            "failures": self.failures,
            "listing_seconds": self.listing.as_secs_f64(),
            "complete": self.complete(),
            "exit_code": exit_code,
            "version": env!("CARGO_PKG_VERSION"),
        })
    }
}

impl Unreadable {
    fn of(error: &ObjectError) -> Self {
        Self { uri: error.uri.clone(), stage: error.stage, kind: error.kind, message: error.message() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::key_info;

    fn object(uri: &str, size: u64) -> ObjectRef {
        ObjectRef { uri: uri.into(), size, key: key_info(uri), ..ObjectRef::default() }
    }

    fn plan() -> Plan {
        let mut plan = Plan::default();
        let folder = "s3://b/AWSLogs/111122223333/CloudTrail/us-east-1/2024";
        plan.add(
            &object(&format!("{folder}/05/02/a.json.gz"), 1000),
            &ListedOnly::Readable(ReadClass::Standard),
        );
        plan.add(
            &object(&format!("{folder}/05/01/b.json.gz"), 3000),
            &ListedOnly::Readable(ReadClass::Standard),
        );
        plan.add(&object("s3://b/export.json", 500), &ListedOnly::Readable(ReadClass::Standard));
        plan.add(&object("s3://b/readme.txt", 7), &ListedOnly::Skipped(Skip::OtherName));
        let uri = format!("{folder}/04/01/c.json.gz");
        let error = ObjectError::new(uri.clone(), Stage::Get, ErrorKind::Archived, "GLACIER");
        plan.add(&object(&uri, 50), &ListedOnly::Failed(error));
        plan
    }

    #[test]
    fn entries_are_counted_where_they_belong() {
        let plan = plan();
        assert_eq!(plan.listed, 5);
        assert_eq!(plan.readable, Amount { objects: 3, bytes: 4500 });
        assert_eq!(plan.elsewhere, Amount { objects: 1, bytes: 500 });
        let row = &plan.rows[&("111122223333".to_owned(), "us-east-1".to_owned())];
        assert_eq!(row.days, Some(("2024-04-01".into(), "2024-05-02".into())));
        assert_eq!(row.archived.objects, 1);
        assert_eq!(plan.days.len(), 2);
        assert!(!plan.complete());
    }

    #[test]
    fn costs_and_durations_follow_from_the_counts() {
        let mut plan = plan();
        (plan.list_requests, plan.fetched.objects) = (100_000, 100_000_000);
        let amount = |objects| Amount { objects, bytes: objects * 2000 };
        plan.by_class = [(ReadClass::Standard, amount(100_000_000))].into();
        assert!((plan.requests_cost() - 40.5).abs() < 1e-9);
        assert_eq!(plan.retrieval_cost(), 0.0);
        plan.by_class = [
            (ReadClass::InfrequentAccess, amount(50_000_000)),
            (ReadClass::InstantRetrieval, amount(50_000_000)),
        ]
        .into();
        assert!((plan.requests_cost() - 550.5).abs() < 1e-9);
        assert!((plan.retrieval_cost() - 4.0).abs() < 1e-9);
        assert!((plan.estimate().seconds - 40_000.0).abs() < 1e-6);
        let sample = Sample {
            read: Amount { objects: 1, bytes: 450 },
            records: 12,
            inflated: 9000,
            elapsed: Duration::from_secs(2),
        };
        plan.sample = Some(sample);
        let estimate = plan.estimate();
        assert_eq!((estimate.records, estimate.inflated), (Some(120), Some(90_000)));
    }
}
