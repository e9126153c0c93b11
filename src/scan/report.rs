//! What a worker tells of one object.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::contents::{DigestContents, Uncompressed};
use super::findings::ObjectFindings;
use crate::error::{ErrorKind, ObjectError, Stage};
use crate::key::Skip;
use crate::object::ObjectRef;
use crate::source::Lease;

/// What became of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectOutcome {
    /// Counted, not read, or read and found to hold no events.
    Skipped(Skip),
    /// Read whole.
    Scanned,
    /// Not read, or not whole.
    Failed,
}

/// Records of one object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordCounts {
    /// Elements that are records.
    pub scanned: u64,
    /// Of these, the ones that concern root.
    pub matched: u64,
    /// Elements that are not readable records.
    pub malformed: u64,
}

/// How long the steps took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Times {
    /// Fetching; network sources only.
    pub get: Option<Duration>,
    /// Decompressing.
    pub inflate: Option<Duration>,
    /// Finding, parsing and judging records.
    pub scan: Option<Duration>,
}

/// One object, done.
#[derive(Debug)]
pub struct Report {
    /// The object's place in the output.
    pub seq: u64,
    /// What it is called.
    pub object: Arc<ObjectRef>,
    /// What became of it.
    pub outcome: ObjectOutcome,
    /// Its findings, by record.
    pub findings: ObjectFindings,
    /// Its records.
    pub records: RecordCounts,
    /// Stored bytes read.
    pub bytes_compressed: u64,
    /// Inflated bytes read.
    pub bytes_uncompressed: u64,
    /// Of the stored bytes, where it was asked for and all of them were read.
    pub sha256: Option<[u8; 32]>,
    /// Of the inflated bytes, where it was asked for and they are there.
    pub uncompressed: Option<Uncompressed>,
    /// The digest file, where it was asked for.
    pub digest: Option<DigestContents>,
    /// The earliest and latest `eventTime`, by text.
    pub span: Option<([u8; 20], [u8; 20])>,
    /// Everything that could not be read.
    pub errors: Vec<ObjectError>,
    /// Whether the object broke: its findings say so.
    pub damaged: bool,
    /// How long it took.
    pub times: Times,
    /// Frees the object's place in its source's window.
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

    /// Bytes held in memory beside the report itself, about.
    pub(crate) fn held_bytes(&self) -> usize {
        self.findings.held_bytes() + self.digest.as_ref().map_or(0, DigestContents::held_bytes)
    }

    /// Takes back what records there were: the bytes they were read from are damaged.
    pub(crate) fn forget(&mut self) {
        self.records = RecordCounts::default();
        self.findings = ObjectFindings::default();
        self.errors.clear();
        self.span = None;
    }

    /// Notes that findings could not be moved to the temporary file. They are still held: nothing is lost, and
    /// only memory is not bounded any more.
    pub(super) fn note_spill(&mut self, error: &io::Error) {
        let uri = self.object.uri.clone();
        let text = format!("findings stay in memory, for the temporary file cannot be written: {error}");
        self.errors.push(ObjectError::new(uri, Stage::Parse, ErrorKind::Io, text));
    }

    /// Only the beginning of the object was there to read, whatever that looked like.
    pub(crate) fn cut_short(&mut self, mut error: ObjectError) {
        // How the beginning ends is no news: the reason why it ends is.
        self.errors.retain(|error| !error.may_be_the_network());
        error.findings_salvaged = self.findings.len();
        self.errors.push(error);
        self.damaged = true;
        self.outcome = ObjectOutcome::Failed;
    }

    /// Whether the bytes may have been hurt on their way, so that fetching them again may help.
    pub(crate) fn damaged_in_transit(&self) -> bool {
        self.outcome == ObjectOutcome::Failed && self.errors.iter().any(ObjectError::may_be_the_network)
    }

    /// Widens the span of times by one `eventTime`.
    #[inline]
    pub(crate) fn see_time(&mut self, time: &[u8; 20]) {
        // Two comparisons of whole words instead of a call for twenty bytes: this runs for every record.
        let key = |time: &[u8; 20]| {
            let (mut start, mut end) = ([0; 16], [0; 4]);
            start.copy_from_slice(&time[..16]);
            end.copy_from_slice(&time[16..]);
            (u128::from_be_bytes(start), u32::from_be_bytes(end))
        };
        match &mut self.span {
            Some((first, last)) => {
                if key(time) < key(first) {
                    *first = *time;
                }
                if key(time) > key(last) {
                    *last = *time;
                }
            }
            none => *none = Some((*time, *time)),
        }
    }
}
