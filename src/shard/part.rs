//! The part of one shard: gzipped NDJSON, `parts/part-00042.ndjson.gz`.
//!
//! For each object with findings or errors, and for every object that was read where a manifest is to be written,
//! there is one line on the object (`roottrail.part-object/1`), followed by its error lines (`roottrail.error/1`) and
//! its findings (`roottrail.finding/1`, with the fingerprint by which copies are compared in front). Nothing is left
//! out for being a copy or by a filter: that is decided where all parts come together. The last line
//! (`roottrail.part/1`) closes the account, with the SHA-256 of the plan and of all that stands before.

use std::fs::File;
use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::detect::element::Judged;
use crate::error::ObjectError;
use crate::hex::{hex, unhex};
use crate::key::{KeyInfo, Skip};
use crate::object::ObjectRef;
use crate::output::error_line;
use crate::scan::report::{ObjectOutcome, Report};
use crate::summary::totals::Totals;

/// The name of the schema of the last line.
pub const PART_SCHEMA: &str = "roottrail.part/1";
/// How the last line begins.
pub(super) const LAST: &[u8] = br#"{"schema":"roottrail.part/1","#;
/// How a line on an object begins.
pub(super) const OBJECT: &[u8] = br#"{"schema":"roottrail.part-object/1","#;
/// How an error line begins.
pub(super) const ERROR: &[u8] = br#"{"schema":"roottrail.error/1","#;
/// How a finding begins; the fingerprint's 32 digits follow.
pub(super) const FINDING: &[u8] = br#"{"fingerprint":""#;

/// Returns the name of a shard's part.
pub fn part_name(shard: usize) -> String {
    format!("parts/part-{shard:05}.ndjson.gz")
}

/// A line on an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartObject {
    schema: String,
    /// As findings name it.
    pub uri: String,
    /// Stored bytes, as listed.
    pub size: u64,
    etag: Option<String>,
    version_id: Option<String>,
    account_id: Option<String>,
    region: Option<String>,
    day: Option<String>,
    /// `read`, `failed` or `skipped`.
    outcome: Outcome,
    skip: Option<Skip>,
    /// Stored bytes that were read.
    bytes: u64,
    sha256: Option<String>,
    damaged: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Read,
    Failed,
    Skipped,
}

impl PartObject {
    fn of(report: &Report) -> Self {
        let (outcome, skip) = match report.outcome {
            ObjectOutcome::Scanned => (Outcome::Read, None),
            ObjectOutcome::Failed => (Outcome::Failed, None),
            ObjectOutcome::Skipped(skip) => (Outcome::Skipped, Some(skip)),
        };
        let ObjectRef { uri, size, etag, version_id, key, .. } = &*report.object;
        let key = key.as_deref();
        Self {
            schema: "roottrail.part-object/1".into(),
            uri: uri.clone(),
            size: *size,
            etag: etag.clone(),
            version_id: version_id.clone(),
            account_id: key.map(|key| key.account.clone()),
            region: key.map(|key| key.region.clone()),
            day: key.map(|key| key.day.clone()),
            outcome,
            skip,
            bytes: report.bytes_compressed,
            sha256: report.sha256.map(|hash| hex(&hash)),
            damaged: report.damaged,
        }
    }

    /// Returns the report that the line was written of, without its findings, counts and errors.
    pub fn report(&self) -> Report {
        let key = match (&self.account_id, &self.region, &self.day) {
            (Some(account), Some(region), Some(day)) => {
                Some(KeyInfo { account: account.clone(), region: region.clone(), day: day.clone() }.into())
            }
            _ => None,
        };
        let object = ObjectRef {
            uri: self.uri.clone(),
            size: self.size,
            etag: self.etag.clone(),
            version_id: self.version_id.clone(),
            key,
            ..ObjectRef::default()
        };
        let outcome = match (self.outcome, self.skip) {
            (Outcome::Read, _) => ObjectOutcome::Scanned,
            (Outcome::Failed, _) => ObjectOutcome::Failed,
            (Outcome::Skipped, skip) => ObjectOutcome::Skipped(skip.unwrap_or(Skip::OtherName)),
        };
        let sha256 = self.sha256.as_deref().and_then(unhex).and_then(|hash| hash.try_into().ok());
        Report {
            outcome,
            bytes_compressed: self.bytes,
            sha256,
            damaged: self.damaged,
            ..Report::new(&object.into())
        }
    }
}

/// The last line.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PartEnd {
    /// `roottrail.part/1`.
    pub schema: String,
    /// The shard, from 0.
    pub shard: usize,
    /// SHA-256 of the plan's text.
    pub plan_sha256: String,
    /// SHA-256 of all lines before this one.
    pub sha256: String,
    /// The version of roottrail.
    pub version: String,
    /// Lines of findings.
    pub findings: u64,
    /// What was counted.
    pub totals: Totals,
    /// Wall time.
    pub elapsed_seconds: f64,
}

/// A writer that hashes what passes.
#[derive(Debug)]
struct Hashing {
    gzip: GzEncoder<io::BufWriter<File>>,
    hash: Sha256,
}

impl Hashing {
    fn line(&mut self, line: &[u8]) -> io::Result<()> {
        self.hash.update(line);
        self.gzip.write_all(line)
    }
}

/// Writes a part to an unnamed file.
#[derive(Debug)]
pub struct PartWriter {
    out: Hashing,
    line: Vec<u8>,
    every_object: bool,
    findings: u64,
}

/// Bytes of the buffer that are kept for the next line: longer lines are few.
const LONG_LINE: usize = 4 << 20;

impl PartWriter {
    /// Begins a part. `every_object`: objects without findings and errors have a line too.
    ///
    /// # Errors
    ///
    /// Fails where the temporary file cannot be made.
    pub fn new(every_object: bool) -> io::Result<Self> {
        let file = io::BufWriter::with_capacity(1 << 18, tempfile::tempfile()?);
        let out = Hashing { gzip: GzEncoder::new(file, Compression::fast()), hash: Sha256::new() };
        Ok(Self { out, line: Vec::new(), every_object, findings: 0 })
    }

    /// Writes what there is to say of an object. The findings are those of `report`, which they leave.
    ///
    /// # Errors
    ///
    /// Fails where the part cannot be written, and where spilled findings cannot be read back.
    pub fn object(&mut self, report: &mut Report) -> io::Result<()> {
        let findings = std::mem::take(&mut report.findings);
        let read = !matches!(report.outcome, ObjectOutcome::Skipped(skip) if skip != Skip::NotCloudtrail);
        if findings.is_empty() && report.errors.is_empty() && !(self.every_object && read) {
            return Ok(());
        }
        self.begin();
        serde_json::to_writer(&mut self.line, &PartObject::of(report))?;
        self.end()?;
        for error in &report.errors {
            self.error(error)?;
        }
        let damaged = report.damaged;
        findings.drain(|mut judged| {
            judged.finding.evidence.damaged = damaged;
            self.finding(&judged)
        })
    }

    fn error(&mut self, error: &ObjectError) -> io::Result<()> {
        self.begin();
        error_line::write(error, &mut self.line);
        self.out.line(&self.line)
    }

    fn finding(&mut self, judged: &Judged) -> io::Result<()> {
        self.begin();
        self.line.extend_from_slice(FINDING);
        write!(self.line, "{:032x}\",", judged.fingerprint.0)?;
        let at = self.line.len();
        serde_json::to_writer(&mut self.line, &judged.finding)?;
        // The finding's own brace.
        self.line.remove(at);
        self.findings += 1;
        self.end()
    }

    fn begin(&mut self) {
        if self.line.capacity() > LONG_LINE {
            self.line = Vec::new();
        }
        self.line.clear();
    }

    fn end(&mut self) -> io::Result<()> {
        self.line.push(b'\n');
        self.out.line(&self.line)
    }

    /// Returns how many findings were written.
    pub fn findings(&self) -> u64 {
        self.findings
    }

    /// Closes the account, and returns the file.
    ///
    /// # Errors
    ///
    /// Fails where the part cannot be written.
    pub fn finish(self, end: PartEnd) -> io::Result<File> {
        let Self { mut out, findings, .. } = self;
        let sha256 = hex(&out.hash.finalize());
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let end = PartEnd { schema: PART_SCHEMA.into(), sha256, version, findings, ..end };
        let mut line = serde_json::to_vec(&end)?;
        line.push(b'\n');
        out.gzip.write_all(&line)?;
        out.gzip.finish()?.into_inner().map_err(io::IntoInnerError::into_error)
    }
}
