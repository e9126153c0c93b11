//! What a verification found: counts, times, problems and notes, and the exit code that follows from them.
//!
//! Numbers and trails are held in memory, problems and notes in a temporary file, since there may be one for each
//! log. The JSON is written member by member, so that the problems pass from their file to the output without being
//! held. `complete` says whether everything that was asked for is proven.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::problems::Lines;
use super::spans::{Span, Unproven};
use crate::key::KeyInfo;

/// The name of the schema.
pub const SCHEMA: &str = "roottrail.verify/1";

/// Digests by what they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DigestCounts {
    /// CloudTrail's.
    pub valid: u64,
    /// Not CloudTrail's, or changed since.
    pub invalid: u64,
    /// Named by another digest, and not there.
    pub missing: u64,
    /// Without a signature or a key to tell by, or not readable.
    pub unverified: u64,
}

/// Logs by what they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LogCounts {
    /// As CloudTrail delivered them.
    pub valid: u64,
    /// Changed since.
    pub mismatch: u64,
    /// Named by a digest, and not there.
    pub missing: u64,
    /// In no digest, though digests prove their time.
    pub not_in_digest: u64,
    /// Logs of a time that is not proven, or not readable.
    pub unverified: u64,
}

/// The times of one trail, in one account and region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trail {
    /// The account of the digests.
    pub account_id: String,
    /// The region of the logs.
    pub region: String,
    /// The trail's name.
    pub trail: String,
    /// Times of which every log is there as it was delivered.
    pub proven: Vec<Span>,
    /// The other times.
    pub unproven: Vec<Unproven>,
}

/// Logs of one account and region that nothing proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// How many.
    pub logs: u64,
    /// The earliest and the latest time in their names.
    pub times: Option<(Timestamp, Timestamp)>,
}

/// A log that a digest names and that is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingLog {
    /// Where it should be.
    pub uri: String,
    /// What its name tells.
    pub key: Option<KeyInfo>,
    /// The time in its name.
    pub time: Option<Timestamp>,
}

/// Everything that was found.
#[derive(Debug, Default)]
pub struct Verification {
    /// Digests of the time asked for.
    pub digests: DigestCounts,
    /// Logs of that time.
    pub logs: LogCounts,
    /// Valid logs that an earlier run with the same checkpoint verified.
    pub known: u64,
    /// Problems that are failures of integrity.
    pub failures: u64,
    /// Digests and logs that could not be read, or for which there was no key.
    pub unread: u64,
    /// Trails with digests, in order.
    pub trails: Vec<Trail>,
    /// Logs that nothing proves, by account and region.
    pub unknown: BTreeMap<(String, String), Unknown>,
    /// Problems, in the order in which they were found.
    pub problems: Lines,
    /// What is worth a word.
    pub notes: Lines,
    /// Buckets that logs are named in and that were not read.
    pub other_buckets: BTreeSet<String>,
    /// The first logs that are missing: a scan shows them as gaps.
    pub missing: Vec<MissingLog>,
}

/// Missing logs that are kept by name beside their problem lines.
const MISSING: usize = 10_000;

impl Verification {
    /// Returns whether everything that was asked for is proven.
    pub fn complete(&self) -> bool {
        self.failures == 0
            && self.unread == 0
            && self.digests.unverified == 0
            && self.logs.unverified == 0
            && self.trails.iter().all(|trail| trail.unproven.is_empty())
    }

    pub(super) fn unknown(&mut self, key: Option<&KeyInfo>, time: Option<Timestamp>) {
        let place = key.map_or_else(Default::default, |key| (key.account.clone(), key.region.clone()));
        let unknown = self.unknown.entry(place).or_insert(Unknown { logs: 0, times: None });
        unknown.logs += 1;
        if let Some(time) = time {
            let (first, last) = unknown.times.unwrap_or((time, time));
            unknown.times = Some((first.min(time), last.max(time)));
        }
    }

    pub(super) fn missing_log(&mut self, uri: &str, key: Option<&KeyInfo>, time: Option<Timestamp>) {
        if self.missing.len() < MISSING {
            self.missing.push(MissingLog { uri: uri.to_owned(), key: key.cloned(), time });
        }
    }
}

/// What a result says of the run that found it.
#[derive(Clone, Debug, Default)]
pub struct RunFacts {
    /// The time asked for.
    pub start: Option<Timestamp>,
    /// The first moment after it.
    pub end: Option<Timestamp>,
    /// The command line.
    pub arguments: Vec<String>,
    /// Wall time.
    pub elapsed_seconds: f64,
    /// Stored and inflated bytes of logs.
    pub bytes: (u64, u64),
    /// The exit code.
    pub exit_code: u8,
    /// Whether everything was read.
    pub read_whole: bool,
}

impl Verification {
    /// Writes the result, schema `roottrail.verify/1`: one JSON document, a problem a line.
    ///
    /// # Errors
    ///
    /// Fails where `out` does, or where the temporary file of the problems cannot be read back.
    pub fn write_json(&mut self, run: &RunFacts, out: &mut dyn Write) -> io::Result<()> {
        let time = |time: Option<Timestamp>| json!(time.map(|time| time.to_string()));
        let head = json!({
            "schema": SCHEMA,
            "version": env!("CARGO_PKG_VERSION"),
            "arguments": run.arguments,
            "start": time(run.start),
            "end": time(run.end),
            "digests": self.digests,
            "logs": self.logs,
            "known_logs": self.known,
        });
        let mut proven = Vec::new();
        let mut unproven = Vec::new();
        for Trail { account_id, region, trail, proven: spans, unproven: open } in &self.trails {
            let place = || json!({"account_id": account_id, "region": region, "trail": trail});
            for (start, end) in spans {
                proven.push(with(place(), json!({"start": start.to_string(), "end": end.to_string()})));
            }
            for Unproven { start, end, why } in open {
                unproven
                    .push(with(place(), json!({"start": time(*start), "end": end.to_string(), "why": why})));
            }
        }
        let unverified: Vec<Value> = self
            .unknown
            .iter()
            .map(|((account, region), unknown)| {
                let (first, last) = unknown.times.unzip();
                let text = |text: &str| if text.is_empty() { Value::Null } else { text.into() };
                json!({
                    "account_id": text(account),
                    "region": text(region),
                    "logs": unknown.logs,
                    "first": time(first),
                    "last": time(last),
                })
            })
            .collect();
        let tail = json!({
            "proven": proven,
            "unproven": unproven,
            "unverified_logs": unverified,
            "other_buckets": self.other_buckets,
            "bytes": {"compressed": run.bytes.0, "uncompressed": run.bytes.1},
            "elapsed_seconds": run.elapsed_seconds,
            "complete": self.complete() && run.read_whole,
            "exit_code": run.exit_code,
        });
        // Problems may be more than fit into memory: head and tail are documents of their own, joined here.
        let (head, tail) = (head.to_string(), tail.to_string());
        write!(out, "{},\"problems\":[", head.strip_suffix('}').unwrap_or(&head))?;
        list(&mut self.problems, out)?;
        write!(out, "],\"notes\":[")?;
        list(&mut self.notes, out)?;
        writeln!(out, "],{}", tail.strip_prefix('{').unwrap_or(&tail))
    }
}

fn list(lines: &mut Lines, out: &mut dyn Write) -> io::Result<()> {
    let mut first = true;
    lines.each(|line| {
        let comma = if std::mem::take(&mut first) { "" } else { "," };
        write!(out, "{comma}\n{line}")
    })
}

fn with(mut to: Value, more: Value) -> Value {
    if let (Value::Object(to), Value::Object(more)) = (&mut to, more) {
        to.extend(more);
    }
    to
}
