//! Verification as two runs over the same sources: one reads digest files, the other hashes logs.
//!
//! Both are runs like a scan's, with its listing, its retries, its bounds on memory and its order, so that the
//! same input gives the same result. What they read goes to a [`Verifier`] in place of findings.

use std::io;

use super::{Observer, Run};
use crate::checkpoint::Checkpoint;
use crate::error::{ErrorKind, Fatal, ObjectError, Stage};
use crate::filter::Keep;
use crate::finding::Finding;
use crate::output::sink::{Sink, SinkError};
use crate::rules::TrustedNetworks;
use crate::scan::contents::Uncompressed;
use crate::scan::options::{Job, ScanOptions};
use crate::scan::report::{ObjectOutcome, Report};
use crate::source::Source;
use crate::summary::Summary;
use crate::verify::{DigestFile, LogObject, LogVerdict, Verifier};

/// Reads the digest files of all sources, whose scope is that of digests, and judges them.
///
/// What cannot be listed is left to the pass over logs, which comes by the same places.
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
    let mut pass = DigestPass { verifier, errors };
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
        verifier.digests_done().map_err(temporary)?;
    }
    Ok(summary)
}

/// Hashes the logs of all sources and holds them against the digests.
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
    let mut pass = LogPass { verifier, errors };
    let trusted = &TrustedNetworks::default();
    Run { sources, options: &options, checkpoint, trusted, keep: &Nothing, sink: &mut pass, observer }
        .execute()
}

/// Judges one object of a run; `None` where it is none that digests name or should.
pub(super) fn judge(verifier: &mut Verifier, report: &Report) -> io::Result<Option<LogVerdict>> {
    if matches!(report.outcome, ObjectOutcome::Skipped(skip) if skip != crate::key::Skip::NotCloudtrail) {
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

/// A temporary file that cannot be written.
pub(super) fn temporary(source: io::Error) -> Fatal {
    Fatal::Output { path: "a temporary file for verification".into(), source }
}

struct DigestPass<'p> {
    verifier: &'p mut Verifier,
    errors: &'p mut dyn Sink,
}

impl DigestPass<'_> {
    fn digest(&mut self, report: &Report) -> io::Result<()> {
        let uri = &report.object.uri;
        let Some(digest) = &report.digest else {
            let Some(error) = report.errors.first().filter(|error| error.stage != Stage::List) else {
                return Ok(());
            };
            let damaged = matches!(error.kind, ErrorKind::CorruptGzip | ErrorKind::TooLarge);
            return self.verifier.unread_digest(uri, damaged, error.message());
        };
        self.verifier.digest(&DigestFile {
            uri,
            contents: &digest.bytes()?,
            signature: digest.metadata.signature.as_deref(),
            generated: digest.metadata.generated.as_deref(),
        })
    }
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
}

impl Sink for LogPass<'_> {
    fn finding(&mut self, _: Finding) -> Result<(), SinkError> {
        Ok(())
    }

    fn object(&mut self, report: &Report) -> Result<(), SinkError> {
        judge(self.verifier, report).map_err(|error| SinkError::Failed(temporary(error)))?;
        Ok(())
    }

    fn error(&mut self, error: &ObjectError) -> Result<(), SinkError> {
        self.errors.error(error)
    }

    fn idle(&mut self) -> Result<(), SinkError> {
        self.errors.idle()
    }
}

/// What could not be listed is told once, by the second pass.
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

/// There are no findings.
struct Nothing;

impl Keep for Nothing {
    fn keeps(&self, _: &Finding) -> bool {
        false
    }
}
