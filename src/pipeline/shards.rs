//! A scan in shards: one shard read into its part, and all parts made one result.
//!
//! [`PartRun`] reads the stretches of one shard with the threads of any run, and writes a part in place of outputs.
//! [`Collect`] takes the parts in the order of the shards and enters their findings and errors into the ledger of one
//! run, which drops copies, marks conflicts and filters as if it had read the objects itself. The counts of the parts
//! are added up, and the identities are checked of the whole. A stretch whose listing holds fewer objects than the plan
//! ([`Planned`]) is an item that failed: something was overwritten or deleted since.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::ledger::{Ledger, count, count_error};
use super::{Books, Driven, Observer, drive};
use crate::cancel::Cancel;
use crate::error::{ErrorKind, Fatal, ObjectError, Stage};
use crate::filter::Keep;
use crate::history::listing::History;
use crate::object::ObjectRef;
use crate::output::sink::{Sink, SinkError};
use crate::rules::TrustedNetworks;
use crate::scan::options::ScanOptions;
use crate::scan::report::Report;
use crate::shard::{PartEnd, PartLine, PartReader, PartWriter};
use crate::source::{Content, Feed, Item, Source};
use crate::summary::Summary;
use crate::summary::totals::Totals;

/// The scan of one shard.
pub struct PartRun<'r> {
    /// The stretches of sources, in output order.
    pub sources: Vec<Box<dyn Source>>,
    /// The options of reading.
    pub options: &'r ScanOptions,
    /// The part.
    pub part: &'r mut PartWriter,
    /// The observer of the run.
    pub observer: &'r mut dyn Observer,
}

impl fmt::Debug for PartRun<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartRun").field("sources", &self.sources).finish_non_exhaustive()
    }
}

impl PartRun<'_> {
    /// Reads everything. Of findings, the summary holds how many the part has.
    ///
    /// # Errors
    ///
    /// Fails where the part cannot be written, and where the account does not add up.
    pub fn execute(self) -> Result<Summary, Fatal> {
        let Self { sources, options, part, observer } = self;
        let mut books = PartBooks { part, summary: Summary::default() };
        let Driven { result, listed, elapsed, .. } = drive(sources, options, None, &mut books, observer);
        let PartBooks { mut summary, .. } = books;
        summary.objects.listed = listed;
        summary.elapsed = elapsed;
        match result {
            Ok(interrupted) => summary.interrupted = interrupted,
            Err(SinkError::Failed(fatal)) => return Err(fatal),
            Err(SinkError::Closed) => summary.closed = true,
        }
        summary.check()?;
        Ok(summary)
    }
}

/// Books that keep what the ledger of the whole needs.
struct PartBooks<'p> {
    part: &'p mut PartWriter,
    summary: Summary,
}

impl Books for PartBooks<'_> {
    fn summary(&self) -> &Summary {
        &self.summary
    }

    fn absorb(&mut self, mut report: Report, observer: &mut dyn Observer) -> Result<(), SinkError> {
        count(&mut self.summary, &report);
        self.part.object(&mut report)?;
        self.summary.findings.written = self.part.findings();
        for error in &report.errors {
            count_error(&mut self.summary, error);
            observer.error(error);
        }
        Ok(())
    }

    fn save_if_due(&mut self, _: std::time::Duration) -> Result<(), SinkError> {
        Ok(())
    }

    fn idle(&mut self, _: std::time::Duration) -> Result<(), SinkError> {
        Ok(())
    }
}

/// A stretch of a source, with what the plan has found in it.
#[derive(Debug)]
pub struct Planned {
    /// The source, narrowed to the stretch.
    pub source: Box<dyn Source>,
    /// The stretch, for messages.
    pub name: String,
    /// Objects that the plan counted.
    pub objects: u64,
}

impl Source for Planned {
    fn run(&mut self, first: u64, feed: &dyn Feed, cancel: &Cancel) -> u64 {
        let counting = Counting { feed, objects: AtomicU64::new(0), unlisted: AtomicU64::new(0) };
        let next = self.source.run(first, &counting, cancel);
        let found = counting.objects.into_inner();
        // What could not be listed has an error of its own.
        if cancel.is_set() || found >= self.objects || counting.unlisted.into_inner() > 0 {
            return next;
        }
        let text = format!(
            "of {} objects that the plan counted here, {found} are as they were: others were overwritten or deleted \
             since",
            self.objects
        );
        let object = ObjectRef { uri: self.name.clone(), ..ObjectRef::default() };
        // The listing is whole; what it named before cannot be had.
        let stage = if self.name.starts_with("s3://") { Stage::Get } else { Stage::Read };
        let error = ObjectError::new(self.name.clone(), stage, ErrorKind::NotFound, text);
        feed.push(Item { seq: next, object, content: Content::Failed(error), lease: None });
        next + 1
    }
}

/// A feed that counts the objects that pass.
struct Counting<'f> {
    feed: &'f dyn Feed,
    objects: AtomicU64,
    unlisted: AtomicU64,
}

impl Counting<'_> {
    fn count(&self, item: &Item) {
        let counter = match &item.content {
            Content::Failed(error) if error.stage == Stage::List => &self.unlisted,
            _ => &self.objects,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

impl Feed for Counting<'_> {
    fn push(&self, item: Item) -> bool {
        self.count(&item);
        self.feed.push(item)
    }

    fn push_now(&self, item: Item) -> bool {
        self.count(&item);
        self.feed.push_now(item)
    }

    fn head(&self) -> u64 {
        self.feed.head()
    }

    fn history(&self) -> Option<&History> {
        self.feed.history()
    }
}

/// What there is of a shard.
#[derive(Debug)]
pub enum ShardPiece {
    /// Its part.
    Part(Box<PartReader>),
    /// Nothing: an error for each stretch that was not read.
    Missing(Vec<ObjectError>),
}

/// All parts, made one result.
pub struct Collect<'c> {
    /// What there is of each shard, in their order.
    pub pieces: &'c mut dyn Iterator<Item = Result<ShardPiece, Fatal>>,
    /// Whether findings say the hashes of their objects, as far as the parts have them.
    pub hashes: bool,
    /// The networks that root is expected from.
    pub trusted: &'c TrustedNetworks,
    /// The filter of findings.
    pub keep: &'c dyn Keep,
    /// The receiver of findings and errors.
    pub sink: &'c mut dyn Sink,
    /// The observer of the run.
    pub observer: &'c mut dyn Observer,
    /// The flag that stops the run.
    pub cancel: &'c Cancel,
}

impl fmt::Debug for Collect<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collect").finish_non_exhaustive()
    }
}

impl Collect<'_> {
    /// Puts the parts together.
    ///
    /// # Errors
    ///
    /// Fails where a part cannot be used, where the sink fails, and where the account does not add up.
    pub fn execute(self) -> Result<Summary, Fatal> {
        let Self { pieces, hashes, trusted, keep, sink, observer, cancel } = self;
        let start = Instant::now();
        let mut ledger = Ledger::new(trusted, keep, sink, None)?;
        let mut listed = 0;
        let mut result = Ok(false);
        for piece in pieces {
            if cancel.is_set() {
                result = Ok(true);
            }
            let entered = match piece? {
                _ if !matches!(result, Ok(false)) => break,
                ShardPiece::Part(part) => enter(&mut ledger, *part, hashes, observer, cancel),
                ShardPiece::Missing(errors) => missing(&mut ledger, errors, observer),
            };
            match entered {
                Ok(Some(n)) => listed += n,
                Ok(None) => result = Ok(true),
                Err(error) => result = Err(error),
            }
            observer.progress(ledger.summary(), listed, false);
        }
        ledger.finish(result, listed, start.elapsed())
    }
}

/// Enters one part. Returns how many objects it has listed; `None`: a stop came.
fn enter(
    ledger: &mut Ledger<'_>,
    mut part: PartReader,
    hashes: bool,
    observer: &mut dyn Observer,
    cancel: &Cancel,
) -> Result<Option<u64>, SinkError> {
    let mut line = next(&mut part)?;
    loop {
        if cancel.is_set() {
            return Ok(None);
        }
        let object = match line {
            PartLine::Object(object) => object,
            PartLine::End(end) => return Ok(Some(close(ledger, &end))),
            PartLine::Error(_) | PartLine::Finding(_) => {
                let message = "a part has lines before the first object".to_owned();
                return Err(SinkError::Failed(Fatal::Start { message }));
            }
        };
        let mut report = object.report();
        report.sha256 = report.sha256.filter(|_| hashes);
        line = next(&mut part)?;
        while let PartLine::Error(error) = line {
            report.errors.push(error);
            line = next(&mut part)?;
        }
        let mut behind = Some(line);
        let findings = |to: &mut dyn FnMut(_) -> Result<(), SinkError>| {
            while let Some(PartLine::Finding(_)) = behind {
                if let Some(PartLine::Finding(judged)) = behind.take() {
                    to(*judged)?;
                }
                behind = Some(next(&mut part)?);
            }
            Ok(())
        };
        ledger.enter(&report, findings, observer)?;
        line = match behind {
            Some(line) => line,
            None => next(&mut part)?,
        };
    }
}

fn next(part: &mut PartReader) -> Result<PartLine, SinkError> {
    part.read_next().map_err(|error| SinkError::Failed(Fatal::Start { message: error.to_string() }))
}

fn close(ledger: &mut Ledger<'_>, end: &PartEnd) -> u64 {
    // The error lines have been counted one by one.
    ledger.add(&end.totals);
    end.totals.listed
}

fn missing(
    ledger: &mut Ledger<'_>,
    errors: Vec<ObjectError>,
    observer: &mut dyn Observer,
) -> Result<Option<u64>, SinkError> {
    let n = errors.len() as u64;
    for error in errors {
        let object = ObjectRef { uri: error.uri.clone(), ..ObjectRef::default() };
        let mut totals = Summary::default();
        (totals.objects.listed, totals.objects.failed) = (1, 1);
        ledger.add(&Totals::of(&totals));
        ledger.enter(&Report::failed(&object.into(), error), |_| Ok(()), observer)?;
    }
    Ok(Some(n))
}
