//! Verification as two runs over the same sources: one reads digest files, the other hashes logs.
//!
//! Both are runs like a scan's, with its listing, its retries, its bounds on memory and its order, so that
//! the same input gives the same result. The sinks of both hand what was read to a [`Verifier`], and there
//! are no findings. A scan that verifies reads the digests first, and [`Verifying`] then asks the verifier
//! for a verdict on each log before its findings are written.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::{Observer, Run};
use crate::checkpoint::Checkpoint;
use crate::coverage::{Gap, GapKind};
use crate::error::{ErrorKind, Fatal, ObjectError, Stage};
use crate::filter::Keep;
use crate::finding::{Finding, Integrity};
use crate::key::Skip;
use crate::object::ObjectRef;
use crate::output::partial::Committed;
use crate::output::sink::{Sink, SinkError};
use crate::rules::TrustedNetworks;
use crate::scan::contents::Uncompressed;
use crate::scan::options::{Job, ScanOptions};
use crate::scan::report::{ObjectOutcome, Report};
use crate::source::{Metadata, Source};
use crate::summary::{IntegrityCounts, Summary};
use crate::verify::problems::{IntegrityProblem, Line};
use crate::verify::{DigestFile, LogObject, LogVerdict, Verification, Verifier};

/// Reads the digest files of all sources, whose scope is that of digests, and judges them.
///
/// The pass over logs lists the same places and reports what cannot be listed.
///
/// # Errors
///
/// Fails where a temporary file cannot be written.
pub fn read_digests(
    verifier: &mut Verifier,
    sources: Vec<Box<dyn Source>>,
    options: &ScanOptions,
    errors: &mut dyn Sink,
    observer: &mut dyn Observer,
) -> Result<Summary, Fatal> {
    let options =
        ScanOptions { job: Job::Digest, sha256: false, cancel: options.cancel.part(), ..options.clone() };
    // The driver alone judges as fast as one worker reads.
    let pool = (options.threads > 1).then(|| digest_threads(options.threads)).flatten();
    let mut pass = DigestPass { verifier, errors, pool, waiting: Vec::new(), bytes: 0 };
    let mut observer = NotOfListing(observer);
    let run = Run {
        sources,
        options: &options,
        checkpoint: None,
        trusted: &TrustedNetworks::default(),
        keep: &Nothing,
        sink: &mut pass,
        observer: &mut observer,
    };
    let summary = run.execute()?;
    if !summary.interrupted {
        pass.judge().and_then(|()| pass.verifier.digests_done()).map_err(temporary)?;
    }
    Ok(summary)
}

/// Returns the threads that judge digests. Without any, the driver does.
fn digest_threads(threads: usize) -> Option<ThreadPool> {
    ThreadPoolBuilder::new().num_threads(threads).thread_name(|n| format!("digest-{n}")).build().ok()
}

/// Hashes the logs of all sources and compares them with the digests. The checkpoint knows those that were verified:
/// they are not read again, and count as long as a sound digest names them.
///
/// # Errors
///
/// Fails where a temporary file cannot be written, or the checkpoint.
pub fn hash_logs(
    verifier: &mut Verifier,
    checkpoint: Option<&mut Checkpoint>,
    sources: Vec<Box<dyn Source>>,
    options: &ScanOptions,
    errors: &mut dyn Sink,
    observer: &mut dyn Observer,
) -> Result<Summary, Fatal> {
    let options =
        ScanOptions { job: Job::Hash, sha256: false, cancel: options.cancel.part(), ..options.clone() };
    let mut pass = LogPass { verifier, errors, verified: false };
    let trusted = &TrustedNetworks::default();
    let known = checkpoint.as_ref().map(|checkpoint| Arc::clone(checkpoint.history()));
    let run =
        Run { sources, options: &options, checkpoint, trusted, keep: &Nothing, sink: &mut pass, observer };
    let summary = run.execute()?;
    if let Some(known) = known {
        known.each_known(&mut |uri| pass.verifier.known_log(uri)).map_err(temporary)?;
    }
    Ok(summary)
}

/// The outputs of a scan whose findings carry the verdict of the digests on their log.
pub struct Verifying<'v> {
    /// The verifier, which has judged all digests.
    pub verifier: &'v mut Verifier,
    /// The receiver of findings.
    pub sink: &'v mut dyn Sink,
}

impl std::fmt::Debug for Verifying<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifying").field("verifier", &self.verifier).finish_non_exhaustive()
    }
}

impl Sink for Verifying<'_> {
    fn finding(&mut self, finding: Finding) -> Result<(), SinkError> {
        self.sink.finding(finding)
    }

    fn integrity(&mut self, report: &Report) -> Result<(Integrity, Option<[u8; 32]>), SinkError> {
        let verdict = judge(self.verifier, report).map_err(|error| SinkError::Failed(temporary(error)))?;
        let integrity = match verdict {
            Some(LogVerdict::Verified) => Integrity::Verified,
            Some(LogVerdict::Mismatch(_)) => Integrity::Mismatch,
            Some(LogVerdict::NotInDigest) => Integrity::NotInDigest,
            Some(LogVerdict::Unverified(_)) | None => Integrity::Unverified,
        };
        let sha256 = match report.uncompressed {
            Some(Uncompressed::Whole(member)) => Some(member.sha256),
            Some(Uncompressed::Damaged) | None => None,
        };
        Ok((integrity, sha256))
    }

    fn object(&mut self, report: &Report) -> Result<(), SinkError> {
        self.sink.object(report)
    }

    fn error(&mut self, error: &ObjectError) -> Result<(), SinkError> {
        self.sink.error(error)
    }

    fn commit(&mut self) -> Result<Vec<Committed>, SinkError> {
        self.sink.commit()
    }

    fn idle(&mut self) -> Result<(), SinkError> {
        self.sink.idle()
    }
}

/// Closes the books of a scan that verified: failures become error lines, missing logs become gaps.
///
/// A run does not see logs that an earlier run with the same checkpoint has read, so none count as missing
/// then.
///
/// # Errors
///
/// Fails where a temporary file or the error lines cannot be written.
pub fn close(
    verifier: &mut Verifier,
    summary: &mut Summary,
    errors: &mut dyn Sink,
    observer: &mut dyn Observer,
) -> Result<(), SinkError> {
    let known = summary.skipped_by.contains_key(&Skip::Known);
    let whole = !summary.interrupted && !summary.closed && !known && summary.unlisted == 0;
    let result = verifier.finish(whole).map_err(|error| SinkError::Failed(temporary(error)))?;
    let mut failed = Ok(());
    let read = result.problems.each(|line| {
        let Line { kind, uri, detail } = serde_json::from_str::<Line<IntegrityProblem>>(line)?;
        let kind = match kind {
            // The run has reported these already, or they are no failures.
            IntegrityProblem::DigestUnread
            | IntegrityProblem::LogUnread
            | IntegrityProblem::DigestUnverified => {
                return Ok(());
            }
            IntegrityProblem::LogMissing | IntegrityProblem::DigestMissing => ErrorKind::NotFound,
            _ => ErrorKind::Other,
        };
        let error = ObjectError::new(uri, Stage::Read, kind, detail);
        summary.errors += 1;
        observer.error(&error);
        if failed.is_ok() {
            failed = errors.error(&error);
        }
        Ok(())
    });
    read.map_err(|error| SinkError::Failed(temporary(error)))?;
    failed?;
    summary.integrity =
        Some(IntegrityCounts { digests: result.digests, logs: result.logs, failures: result.failures });
    summary.gaps.extend(missing(result));
    summary.gaps.sort();
    Ok(())
}

/// Returns a gap for each time and place in which logs are missing.
fn missing(result: &Verification) -> Vec<Gap> {
    let mut gaps: BTreeMap<(&str, &str, Timestamp), u64> = BTreeMap::new();
    for log in &result.missing {
        let (Some(key), Some(time)) = (&log.key, log.time) else { continue };
        *gaps.entry((&key.account, &key.region, time)).or_default() += 1;
    }
    gaps.into_iter()
        .map(|((account, region, time), logs)| Gap {
            account: account.to_owned(),
            region: region.to_owned(),
            start: time.to_string(),
            end: time.checked_add(SignedDuration::from_mins(5)).ok().map(|end| end.to_string()),
            kind: GapKind::MissingLogs,
            why: format!("a digest names {logs} that {} not there", if logs == 1 { "is" } else { "are" }),
        })
        .collect()
}

/// Judges one object of a run; `None` for an object that digests neither name nor should name.
pub(super) fn judge(verifier: &mut Verifier, report: &Report) -> io::Result<Option<LogVerdict>> {
    if matches!(report.outcome, ObjectOutcome::Skipped(skip) if skip != Skip::NotCloudtrail) {
        return Ok(None);
    }
    let uri = &report.object.uri;
    match report.uncompressed {
        Some(Uncompressed::Whole(member)) => {
            let log = LogObject {
                uri,
                key: report.object.key.as_ref(),
                hash: Some(member.sha256),
                trailing: member.trailing,
            };
            verifier.log(&log).map(Some)
        }
        Some(Uncompressed::Damaged) => {
            let log = LogObject { uri, key: report.object.key.as_ref(), hash: None, trailing: false };
            verifier.log(&log).map(Some)
        }
        None => {
            let why = report.errors.first().map_or_else(String::new, ObjectError::message);
            // A place that could not be listed is no log.
            if report.errors.iter().all(|error| error.stage != Stage::List) {
                verifier.unread_log(uri, why)?;
            }
            Ok(None)
        }
    }
}

/// Returns the error of a temporary file that cannot be written.
pub(super) fn temporary(source: io::Error) -> Fatal {
    Fatal::Output { path: "a temporary file for verification".into(), source }
}

/// Digests that are judged together at most.
const TOGETHER: usize = 256;
/// Bytes of digests that wait for others.
const WAITING: usize = 1 << 20;

struct DigestPass<'p> {
    verifier: &'p mut Verifier,
    errors: &'p mut dyn Sink,
    /// The threads that judge; `None`: the driver does.
    pool: Option<ThreadPool>,
    waiting: Vec<(Arc<ObjectRef>, Vec<u8>, Metadata)>,
    bytes: usize,
}

impl DigestPass<'_> {
    fn digest(&mut self, report: &Report) -> io::Result<()> {
        let uri = &report.object.uri;
        let Some(digest) = &report.digest else {
            let Some(error) = report.errors.first().filter(|error| error.stage != Stage::List) else {
                return Ok(());
            };
            // Those before it come first.
            self.judge()?;
            let damaged = matches!(error.kind, ErrorKind::CorruptGzip | ErrorKind::TooLarge);
            return self.verifier.unread_digest(uri, damaged, error.message());
        };
        let bytes = digest.bytes()?;
        if bytes.len() >= WAITING {
            self.judge()?;
            return self.verifier.digest(&file(uri, &bytes, &digest.metadata));
        }
        self.bytes += bytes.len();
        self.waiting.push((Arc::clone(&report.object), bytes.into_owned(), digest.metadata.clone()));
        if self.waiting.len() < TOGETHER && self.bytes < WAITING { Ok(()) } else { self.judge() }
    }

    /// Judges the digests that wait.
    fn judge(&mut self) -> io::Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        self.bytes = 0;
        let files: Vec<DigestFile<'_>> =
            waiting.iter().map(|(object, bytes, metadata)| file(&object.uri, bytes, metadata)).collect();
        self.verifier.digests(&files, self.pool.as_ref())
    }
}

fn file<'d>(uri: &'d str, contents: &'d [u8], metadata: &'d Metadata) -> DigestFile<'d> {
    let (signature, generated) = (metadata.signature.as_deref(), metadata.generated.as_deref());
    DigestFile { uri, contents, signature, generated }
}

impl Sink for DigestPass<'_> {
    fn finding(&mut self, _: Finding) -> Result<(), SinkError> {
        Ok(())
    }

    fn object(&mut self, report: &Report) -> Result<(), SinkError> {
        if matches!(report.outcome, ObjectOutcome::Skipped(_)) {
            return Ok(());
        }
        self.digest(report).map_err(|error| SinkError::Failed(temporary(error)))
    }

    fn error(&mut self, error: &ObjectError) -> Result<(), SinkError> {
        if error.stage == Stage::List { Ok(()) } else { self.errors.error(error) }
    }

    fn idle(&mut self) -> Result<(), SinkError> {
        self.errors.idle()
    }
}

struct LogPass<'p> {
    verifier: &'p mut Verifier,
    errors: &'p mut dyn Sink,
    /// Whether the last object was.
    verified: bool,
}

impl Sink for LogPass<'_> {
    fn finding(&mut self, _: Finding) -> Result<(), SinkError> {
        Ok(())
    }

    fn object(&mut self, report: &Report) -> Result<(), SinkError> {
        let verdict = judge(self.verifier, report).map_err(|error| SinkError::Failed(temporary(error)))?;
        self.verified = verdict == Some(LogVerdict::Verified);
        Ok(())
    }

    fn settles(&self, _: &Report) -> bool {
        self.verified
    }

    fn error(&mut self, error: &ObjectError) -> Result<(), SinkError> {
        self.errors.error(error)
    }

    fn idle(&mut self) -> Result<(), SinkError> {
        self.errors.idle()
    }
}

/// An observer that leaves out what could not be listed: the second pass reports it.
struct NotOfListing<'o>(&'o mut dyn Observer);

impl Observer for NotOfListing<'_> {
    fn progress(&mut self, summary: &Summary, listed: u64, all_listed: bool) {
        self.0.progress(summary, listed, all_listed);
    }

    fn error(&mut self, error: &ObjectError) {
        if error.stage != Stage::List {
            self.0.error(error);
        }
    }
}

/// A filter for runs without findings.
struct Nothing;

impl Keep for Nothing {
    fn keeps(&self, _: &Finding) -> bool {
        false
    }
}
