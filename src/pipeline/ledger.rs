//! The ledger of a run: every object, every record, every finding is counted exactly once.
//!
//! [`Ledger::absorb`] takes one report after another, in output order. The ledger counts the object ([`count`]),
//! asks for the verdict of the digests, marks copies with [`Dedupe`], applies the filter, and hands findings and
//! errors to the sink ([`Ledger::enter`]). Where the parts of a run come together, the objects have been counted
//! before, and their counts are added up ([`Ledger::add`]). After each object that was absorbed whole it may save the checkpoint, once the sink
//! has made its outputs durable. [`Ledger::finish`] closes the account and compares the counts.

use std::time::Duration;

use super::{Books, Observer};
use crate::checkpoint::Checkpoint;
use crate::coverage::{Coverage, gaps};
use crate::dedupe::{Dedupe, Sighting};
use crate::detect::element::Judged;
use crate::error::{Fatal, ObjectError, Stage};
use crate::filter::Keep;
use crate::finding::Integrity;
use crate::hex::hex;
use crate::key::{KeyInfo, Skip, delivery_slot};
use crate::output::sink::{Sink, SinkError};
use crate::rules::{self, LOG_TAMPERED, TrustedNetworks};
use crate::scan::report::{ObjectOutcome, Report};
use crate::summary::Summary;
use crate::summary::totals::Totals;

pub(super) struct Ledger<'l> {
    trusted: &'l TrustedNetworks,
    keep: &'l dyn Keep,
    sink: &'l mut dyn Sink,
    checkpoint: Option<&'l mut Checkpoint>,
    dedupe: Dedupe,
    summary: Summary,
    /// Whether no object has been absorbed only in part.
    whole: bool,
    /// Objects and time of earlier parts of the run.
    listed_before: u64,
    elapsed_before: Duration,
}

impl<'l> Ledger<'l> {
    pub(super) fn new(
        trusted: &'l TrustedNetworks,
        keep: &'l dyn Keep,
        sink: &'l mut dyn Sink,
        mut checkpoint: Option<&'l mut Checkpoint>,
    ) -> Result<Self, Fatal> {
        let (summary, dedupe) = match &mut checkpoint {
            Some(checkpoint) => checkpoint.restore()?,
            None => Default::default(),
        };
        let objects = summary.objects;
        Ok(Self {
            trusted,
            keep,
            sink,
            checkpoint,
            dedupe,
            listed_before: objects.skipped + objects.scanned + objects.failed,
            elapsed_before: summary.elapsed,
            summary,
            whole: true,
        })
    }

    /// Returns the ledger with the copies that earlier runs have written.
    #[cfg(all(feature = "s3", feature = "ship"))]
    pub(super) fn knowing(self, dedupe: Dedupe) -> Self {
        Self { dedupe, ..self }
    }

    /// Takes the copies that this run and those before it have written.
    #[cfg(all(feature = "s3", feature = "ship"))]
    pub(super) fn take_known(&mut self) -> Dedupe {
        std::mem::take(&mut self.dedupe)
    }

    fn save(&mut self, elapsed: Duration) -> Result<(), SinkError> {
        let Some(checkpoint) = &mut self.checkpoint else { return Ok(()) };
        self.summary.elapsed = self.elapsed_before + elapsed;
        let committed = self.sink.commit()?;
        checkpoint.save(&self.summary, &self.dedupe, committed).map_err(SinkError::Failed)
    }

    /// Takes the findings and errors of an object that has been counted. `findings` hands over one finding after
    /// another.
    pub(super) fn enter(
        &mut self,
        report: &Report,
        findings: impl FnOnce(&mut dyn FnMut(Judged) -> Result<(), SinkError>) -> Result<(), SinkError>,
        observer: &mut dyn Observer,
    ) -> Result<(), SinkError> {
        let written_before = self.summary.findings.written;
        let (integrity, sha256) = self.sink.integrity(report)?;
        let sha256 = sha256.map(|hash| hex(&hash));
        findings(&mut |mut judged| {
            judged.finding.evidence.sha256.clone_from(&sha256);
            judged.finding.evidence.integrity = integrity;
            if matches!(integrity, Integrity::Mismatch | Integrity::NotInDigest) {
                rules::add(&mut judged.finding, LOG_TAMPERED);
            }
            self.judged(judged, report.damaged)
        })?;
        self.sink.object(report)?;
        let written = self.summary.findings.written - written_before;
        if written > 0 {
            row(&mut self.summary, report, |day| day.findings += written);
        }
        for error in &report.errors {
            count_error(&mut self.summary, error);
            observer.error(error);
            self.sink.error(error)?;
        }
        Ok(())
    }

    /// Adds the counts of a part of the run.
    pub(super) fn add(&mut self, totals: &Totals) {
        totals.add_to(&mut self.summary);
    }

    fn judged(&mut self, mut judged: Judged, damaged: bool) -> Result<(), SinkError> {
        judged.finding.evidence.damaged = damaged;
        let copy = self.dedupe.see(&mut judged);
        let mut finding = judged.finding;
        if copy == Sighting::New {
            self.summary.note_stop(&finding);
            // The rule is added before the filter, which may ask for it.
            self.trusted.apply(&mut finding);
        }
        match copy {
            Sighting::Duplicate => self.summary.findings.duplicates += 1,
            Sighting::New if self.keep.keeps(&finding) => {
                self.summary.findings.written += 1;
                self.summary.tally(&finding);
                self.sink.finding(finding)?;
            }
            Sighting::New => {
                self.dedupe.unwritten();
                self.summary.findings.filtered += 1;
            }
        }
        Ok(())
    }

    /// Closes the account. `result` says whether the run was interrupted.
    pub(super) fn finish(
        mut self,
        result: Result<bool, SinkError>,
        listed: u64,
        elapsed: Duration,
    ) -> Result<Summary, Fatal> {
        let result = match result {
            // A save here spares the next run the objects that were absorbed whole.
            Ok(true) if self.whole => self.save(elapsed).map(|()| true),
            result => result,
        };
        self.summary.elapsed = self.elapsed_before + elapsed;
        self.summary.objects.listed = self.listed_before + listed;
        if let Some(checkpoint) = &mut self.checkpoint {
            checkpoint.count_known(&mut self.summary);
        }
        match result {
            Ok(interrupted) => {
                self.summary.interrupted = interrupted;
                if !interrupted && let Some(checkpoint) = &mut self.checkpoint {
                    let committed = match self.sink.commit() {
                        Ok(committed) => committed,
                        Err(SinkError::Failed(fatal)) => return Err(fatal),
                        Err(SinkError::Closed) => Vec::new(),
                    };
                    checkpoint.complete(&mut self.summary, &self.dedupe, committed)?;
                }
            }
            Err(SinkError::Closed) => self.summary.closed = true,
            Err(SinkError::Failed(fatal)) => return Err(fatal),
        }
        self.summary.gaps = gaps(&self.summary.coverage, &self.summary.stops);
        self.summary.check()?;
        Ok(self.summary)
    }
}

impl Books for Ledger<'_> {
    fn summary(&self) -> &Summary {
        &self.summary
    }

    fn absorb(&mut self, mut report: Report, observer: &mut dyn Observer) -> Result<(), SinkError> {
        self.whole = false;
        count(&mut self.summary, &report);
        let findings = std::mem::take(&mut report.findings);
        self.enter(&report, |judged| findings.drain(judged), observer)?;
        if let Some(checkpoint) = &mut self.checkpoint
            && self.sink.settles(&report)
        {
            checkpoint.note(&report.object, report.outcome);
        }
        self.whole = true;
        Ok(())
    }

    /// Saves the checkpoint from time to time, when every object has been absorbed whole.
    fn save_if_due(&mut self, elapsed: Duration) -> Result<(), SinkError> {
        match &self.checkpoint {
            Some(checkpoint) if checkpoint.due() => self.save(elapsed),
            _ => Ok(()),
        }
    }

    fn idle(&mut self, elapsed: Duration) -> Result<(), SinkError> {
        self.sink.idle()?;
        self.save_if_due(elapsed)
    }
}

/// Counts an object, without its findings and errors.
pub(super) fn count(summary: &mut Summary, report: &Report) {
    let objects = &mut summary.objects;
    match report.outcome {
        ObjectOutcome::Skipped(skip) => {
            objects.skipped += 1;
            *summary.skipped_by.entry(skip).or_default() += 1;
            if skip == Skip::OtherName {
                summary.other_names.note(&report.object.uri);
                if report.object.unsure {
                    summary.looked_at.note(&report.object.uri);
                }
            }
        }
        ObjectOutcome::Scanned => objects.scanned += 1,
        ObjectOutcome::Failed => objects.failed += 1,
    }
    // An object without events has no records either.
    if !matches!(report.outcome, ObjectOutcome::Skipped(_)) {
        summary.records.add(report.records);
    }
    summary.bytes.compressed += report.bytes_compressed;
    summary.bytes.uncompressed += report.bytes_uncompressed;
    summary.latency.record(&report.times);
    row(summary, report, |day| cover(day, report));
}

/// Counts an error line.
pub(super) fn count_error(summary: &mut Summary, error: &ObjectError) {
    summary.errors += 1;
    summary.unlisted += u64::from(error.stage == Stage::List);
}

/// Changes the row of an object's account, region and day.
fn row(summary: &mut Summary, report: &Report, change: impl FnOnce(&mut Coverage)) {
    let none = KeyInfo { account: String::new(), region: String::new(), day: String::new() };
    let key = report.object.key.as_deref().unwrap_or(&none);
    let days = &mut summary.coverage;
    // Listings go from day to day in the order of the map.
    if let Some(mut last) = days.last_entry()
        && last.key() == key
    {
        return change(last.get_mut());
    }
    match days.get_mut(key) {
        Some(day) => change(day),
        None => change(days.entry(key.clone()).or_default()),
    }
}

/// Counts the outcome of an object for its account, region and day.
fn cover(coverage: &mut Coverage, report: &Report) {
    match report.outcome {
        ObjectOutcome::Scanned => coverage.read += 1,
        ObjectOutcome::Failed => coverage.failed += 1,
        ObjectOutcome::Skipped(Skip::NotCloudtrail) => coverage.without_events += 1,
        ObjectOutcome::Skipped(Skip::OtherName) if report.object.unsure => {
            coverage.without_events += 1;
            return;
        }
        ObjectOutcome::Skipped(skip) => {
            coverage.skipped += 1;
            if skip == Skip::Digest
                && let Some(slot) = delivery_slot(&report.object.uri)
            {
                coverage.digests.mark(slot);
            }
            return;
        }
    }
    if let Some(slot) = delivery_slot(&report.object.uri) {
        coverage.delivered.mark(slot);
    }
    coverage.bytes += report.bytes_compressed;
    if report.outcome != ObjectOutcome::Skipped(Skip::NotCloudtrail) {
        coverage.records += report.records.scanned;
        if let Some(span) = report.span {
            coverage.see(span.first(), span.last());
        }
    }
}

#[cfg(test)]
mod tests;
