//! The ledger of a run: every object, every record, every finding is counted exactly once.
//!
//! [`Ledger::absorb`] takes one report after another, in output order. The ledger counts the object, asks for
//! the verdict of the digests, marks copies with [`Dedupe`], applies the filter, and hands findings and
//! errors to the sink. After each object that was absorbed whole it may save the checkpoint, once the sink
//! has made its outputs durable. [`Ledger::finish`] closes the account and compares the counts.

use std::time::Duration;

use super::Observer;
use crate::checkpoint::Checkpoint;
use crate::coverage::{Coverage, gaps};
use crate::dedupe::{Dedupe, Sighting};
use crate::detect::element::Judged;
use crate::error::{Fatal, Stage};
use crate::filter::Keep;
use crate::finding::Integrity;
use crate::hex::hex;
use crate::key::{KeyInfo, Skip, delivery_slot};
use crate::output::sink::{Sink, SinkError};
use crate::rules::{self, LOG_TAMPERED, TrustedNetworks};
use crate::scan::report::{ObjectOutcome, Report};
use crate::summary::Summary;

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

    pub(super) fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Saves the checkpoint from time to time, when every object has been absorbed whole.
    pub(super) fn save_if_due(&mut self, elapsed: Duration) -> Result<(), SinkError> {
        match &self.checkpoint {
            Some(checkpoint) if checkpoint.due() => self.save(elapsed),
            _ => Ok(()),
        }
    }

    fn save(&mut self, elapsed: Duration) -> Result<(), SinkError> {
        let Some(checkpoint) = &mut self.checkpoint else { return Ok(()) };
        self.summary.elapsed = self.elapsed_before + elapsed;
        let committed = self.sink.commit()?;
        checkpoint.save(&self.summary, &self.dedupe, committed).map_err(SinkError::Failed)
    }

    pub(super) fn idle(&mut self, elapsed: Duration) -> Result<(), SinkError> {
        self.sink.idle()?;
        self.save_if_due(elapsed)
    }

    /// Takes the next object in output order.
    pub(super) fn absorb(
        &mut self,
        mut report: Report,
        observer: &mut dyn Observer,
    ) -> Result<(), SinkError> {
        self.whole = false;
        let objects = &mut self.summary.objects;
        match report.outcome {
            ObjectOutcome::Skipped(skip) => {
                objects.skipped += 1;
                *self.summary.skipped_by.entry(skip).or_default() += 1;
                if skip == Skip::OtherName {
                    self.summary.other_names.note(&report.object.uri);
                    if report.object.unsure {
                        self.summary.looked_at.note(&report.object.uri);
                    }
                }
            }
            ObjectOutcome::Scanned => objects.scanned += 1,
            ObjectOutcome::Failed => objects.failed += 1,
        }
        // An object without events has no records either.
        if !matches!(report.outcome, ObjectOutcome::Skipped(_)) {
            self.summary.records.add(report.records);
        }
        self.summary.bytes.compressed += report.bytes_compressed;
        self.summary.bytes.uncompressed += report.bytes_uncompressed;
        self.summary.latency.record(&report.times);

        let findings = std::mem::take(&mut report.findings);
        let written_before = self.summary.findings.written;
        let (integrity, sha256) = self.sink.integrity(&report)?;
        let sha256 = sha256.map(|hash| hex(&hash));
        findings.drain(|mut judged| {
            judged.finding.evidence.sha256.clone_from(&sha256);
            judged.finding.evidence.integrity = integrity;
            if matches!(integrity, Integrity::Mismatch | Integrity::NotInDigest) {
                rules::add(&mut judged.finding, LOG_TAMPERED);
            }
            self.judged(judged, report.damaged)
        })?;
        self.sink.object(&report)?;
        self.cover(&report, self.summary.findings.written - written_before);
        for error in &report.errors {
            self.summary.errors += 1;
            self.summary.unlisted += u64::from(error.stage == Stage::List);
            observer.error(error);
            self.sink.error(error)?;
        }
        if let Some(checkpoint) = &mut self.checkpoint
            && self.sink.settles(&report)
        {
            checkpoint.note(&report.object, report.outcome);
        }
        self.whole = true;
        Ok(())
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
            Sighting::New => self.summary.findings.filtered += 1,
        }
        Ok(())
    }

    fn cover(&mut self, report: &Report, findings: u64) {
        let none = KeyInfo { account: String::new(), region: String::new(), day: String::new() };
        let key = report.object.key.as_deref().unwrap_or(&none);
        let days = &mut self.summary.coverage;
        // Listings go from day to day in the order of the map.
        if let Some(mut last) = days.last_entry()
            && last.key() == key
        {
            return cover(last.get_mut(), report, findings);
        }
        match days.get_mut(key) {
            Some(day) => cover(day, report, findings),
            None => cover(days.entry(key.clone()).or_default(), report, findings),
        }
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

/// Counts the outcome of an object for its account, region and day.
fn cover(coverage: &mut Coverage, report: &Report, findings: u64) {
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
    coverage.findings += findings;
    if report.outcome != ObjectOutcome::Skipped(Skip::NotCloudtrail) {
        coverage.records += report.records.scanned;
        if let Some(span) = report.span {
            coverage.see(span.first(), span.last());
        }
    }
}

#[cfg(test)]
mod tests;
