//! The report of a worker on one object.
//!
//! A [`Report`] carries everything that the driver needs: what became of the object, its findings, its
//! counts, the times of the steps, and every error. A worker builds one report per object and shares no state
//! with others. The report also holds the lease of the object's place in its source, which is freed with the
//! report. Bytes that prove damaged after they were read make the worker forget what it noted.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::contents::{DigestContents, Uncompressed};
use super::findings::ObjectFindings;
use crate::error::{ErrorKind, ObjectError, Stage};
use crate::key::Skip;
use crate::object::ObjectRef;
use crate::records::event_time::EventSpan;
use crate::source::Lease;

/// The outcome of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectOutcome {
    /// The object was counted and not read, or read and found to hold no events.
    Skipped(Skip),
    /// The object was read whole.
    Scanned,
    /// The object was not read, or not whole.
    Failed,
}

/// Counts of the records of one object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordCounts {
    /// Elements that are records.
    pub scanned: u64,
    /// Records that concern root.
    pub matched: u64,
    /// Elements that are not readable records.
    pub malformed: u64,
}

/// Durations of the steps.
#[derive(Clone, Copy, Debug, Default)]
pub struct Times {
    /// Fetching; network sources only.
    pub get: Option<Duration>,
    /// Decompressing.
    pub inflate: Option<Duration>,
    /// Finding, parsing and judging records.
    pub scan: Option<Duration>,
}

/// The report on one object.
#[derive(Debug)]
pub struct Report {
    /// The object's place in the output.
    pub seq: u64,
    /// The name of the object.
    pub object: Arc<ObjectRef>,
    /// The outcome.
    pub outcome: ObjectOutcome,
    /// The findings, by record.
    pub findings: ObjectFindings,
    /// Counts of the records.
    pub records: RecordCounts,
    /// Stored bytes read.
    pub bytes_compressed: u64,
    /// Inflated bytes read.
    pub bytes_uncompressed: u64,
    /// SHA-256 of the stored bytes, where it was asked for and all of them were read.
    pub sha256: Option<[u8; 32]>,
    /// SHA-256 of the inflated bytes, where it was asked for and there are any.
    pub uncompressed: Option<Uncompressed>,
    /// The digest file, where it was asked for.
    pub digest: Option<DigestContents>,
    /// The earliest and latest `eventTime`.
    pub span: Option<EventSpan>,
    /// Everything that could not be read.
    pub errors: Vec<ObjectError>,
    /// Whether the object broke; its findings say so too.
    pub damaged: bool,
    /// Durations of the steps.
    pub times: Times,
    /// The object's place in its source's window, freed with the report.
    pub lease: Option<Lease>,
}

impl Report {
    pub(crate) fn new(object: &Arc<ObjectRef>) -> Self {
        Self {
            seq: 0,
            object: Arc::clone(object),
            outcome: ObjectOutcome::Scanned,
            findings: ObjectFindings::default(),
            records: RecordCounts::default(),
            bytes_compressed: 0,
            bytes_uncompressed: 0,
            sha256: None,
            uncompressed: None,
            digest: None,
            span: None,
            errors: Vec::new(),
            damaged: false,
            times: Times::default(),
            lease: None,
        }
    }

    pub(crate) fn skipped(object: &Arc<ObjectRef>, skip: Skip) -> Self {
        Self { outcome: ObjectOutcome::Skipped(skip), ..Self::new(object) }
    }

    pub(crate) fn failed(object: &Arc<ObjectRef>, error: ObjectError) -> Self {
        Self { outcome: ObjectOutcome::Failed, errors: vec![error], ..Self::new(object) }
    }

    /// Returns the bytes held in memory beside the report itself, about.
    pub(crate) fn held_bytes(&self) -> usize {
        self.findings.held_bytes() + self.digest.as_ref().map_or(0, DigestContents::held_bytes)
    }

    /// Removes the records that were read: their bytes proved damaged.
    pub(crate) fn forget(&mut self) {
        self.records = RecordCounts::default();
        self.findings = ObjectFindings::default();
        self.errors.clear();
        self.span = None;
    }

    /// Notes that findings could not be moved to the temporary file. The findings are still held: nothing is
    /// lost, but the memory is without a bound.
    pub(super) fn note_spill(&mut self, error: &io::Error) {
        let uri = self.object.uri.clone();
        let text = format!("findings stay in memory, for the temporary file cannot be written: {error}");
        self.errors.push(ObjectError::new(uri, Stage::Parse, ErrorKind::Io, text));
    }

    /// Notes that only the beginning of the object could be read, whatever that looked like.
    pub(crate) fn cut_short(&mut self, mut error: ObjectError) {
        // The reason why the beginning ends replaces how the end looks.
        self.errors.retain(|error| !error.may_be_the_network());
        error.findings_salvaged = self.findings.len();
        self.errors.push(error);
        self.damaged = true;
        self.outcome = ObjectOutcome::Failed;
    }

    /// Returns whether the bytes may have been damaged on their way, so that fetching the object again may
    /// help.
    pub(crate) fn damaged_in_transit(&self) -> bool {
        self.outcome == ObjectOutcome::Failed && self.errors.iter().any(ObjectError::may_be_the_network)
    }

    /// Widens the span of times by one `eventTime`.
    #[inline]
    pub(crate) fn see_time(&mut self, time: &[u8; 20]) {
        match &mut self.span {
            Some(span) => span.see(time),
            none => *none = Some(EventSpan::of(time)),
        }
    }
}
