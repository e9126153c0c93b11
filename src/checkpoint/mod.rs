//! The checkpoint: what a run has read, found and written, so that another process can go on where it
//! stopped, and so that a later run reads only what is new.
//!
//! A checkpoint never runs ahead of the outputs that it vouches for. The outputs are flushed and synced
//! first, at a moment when every object up to some place in the listing has been absorbed whole and none
//! after it. A marker for that place would lose objects that are delivered late under earlier names, so the
//! checkpoint knows the objects themselves ([`crate::history`]).
//!
//! Two sets of objects are kept apart until a run is finished: those of earlier runs, and those of this run,
//! which its counters and outputs already hold.

mod completion;
mod description;
mod error;
mod file;
mod saved;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use crate::dedupe::Dedupe;
use crate::error::Fatal;
use crate::history::listing::History;
use crate::history::objects::{Closed, ReadObjects, SeriesTable, first_open_day};
use crate::history::pack;
use crate::key::Skip;
use crate::key::selection::KeySelection;
use crate::object::{Mark, ObjectRef, Part};
use crate::output::partial::Committed;
use crate::random::random;
use crate::scan::report::ObjectOutcome;
use crate::summary::Summary;
use completion::still_there;
pub use description::{Continuation, Description};
use description::{compare, outputs_of};
pub use error::CheckpointError;
use file::{Lock, Saved, SavedOutput};
use saved::{SavedFindings, SavedSummary};

/// The least time between two saves.
const OFTEN: Duration = Duration::from_millis(500);
/// The share of time that saving may take: one part in this many.
const SHARE: u32 = 100;

/// A locked checkpoint, with the objects, counters and findings of its run.
#[derive(Debug)]
pub struct Checkpoint {
    path: PathBuf,
    loaded: Saved,
    exists: bool,
    memory: Arc<History>,
    before: ReadObjects,
    run: ReadObjects,
    /// Objects of each part that earlier parts of the run have read.
    earlier: BTreeMap<Part, usize>,
    run_failed: Vec<u64>,
    part: Option<Part>,
    first_open: i32,
    late_window: SignedDuration,
    dedupe: Dedupe,
    saved: Instant,
    pause: Duration,
    keys: Arc<KeySelection>,
    look_only: bool,
    /// Whether something was absorbed since the last save.
    dirty: bool,
    _lock: Lock,
}

impl Checkpoint {
    /// Locks and reads a checkpoint.
    ///
    /// # Errors
    ///
    /// Fails where another process has the lock, where the file cannot be read or is damaged, and where there
    /// is one already but neither `resume` nor `force` is set.
    pub fn open(path: &Path, resume: bool, force: bool) -> Result<Self, CheckpointError> {
        let lock = Lock::take(path)?;
        let loaded = if force && !resume { None } else { file::read(path)? };
        if loaded.is_some() && !resume {
            return Err(CheckpointError::Exists { path: path.display().to_string() });
        }
        // Times like `7d` would count back from another day.
        if let Some(Err(why)) = loaded.as_ref().map(|saved| saved.started.parse::<Timestamp>()) {
            let why = format!("{:?} is no time: {why}", loaded.unwrap_or_default().started);
            return Err(CheckpointError::Damaged { path: path.display().to_string(), why });
        }
        let exists = loaded.is_some();
        Ok(Self {
            path: path.to_owned(),
            loaded: loaded.unwrap_or_default(),
            exists,
            memory: Arc::default(),
            before: ReadObjects::default(),
            run: ReadObjects::default(),
            earlier: BTreeMap::new(),
            run_failed: Vec::new(),
            part: None,
            first_open: i32::MIN,
            late_window: SignedDuration::ZERO,
            dedupe: Dedupe::default(),
            saved: Instant::now(),
            pause: OFTEN,
            keys: Arc::default(),
            look_only: false,
            dirty: false,
            _lock: lock,
        })
    }

    /// Returns the start of the run that is to go on; times like `7d` count back from there.
    pub fn started(&self) -> Option<Timestamp> {
        if self.exists && !self.loaded.finished { self.loaded.started.parse().ok() } else { None }
    }

    /// Returns the command line of the process that began the run.
    pub fn arguments(&self) -> &[String] {
        &self.loaded.arguments
    }

    /// Compares the run with the one in the checkpoint, and decides how it continues.
    ///
    /// # Errors
    ///
    /// Fails where the checkpoint belongs to another run, and where its state is damaged.
    pub fn begin(&mut self, run: &Description, now: Timestamp) -> Result<Continuation, CheckpointError> {
        let outputs = outputs_of(run);
        let plan = self.plan(run, &outputs)?;
        let saved = &mut self.loaded;
        if !matches!(plan, Continuation::Resume(_)) {
            saved.started = now.to_string();
            saved.arguments.clone_from(&run.arguments);
            saved.summary = SavedSummary::default();
        }
        if run.verifies {
            saved.summary = SavedSummary::default();
        }
        saved.version = env!("CARGO_PKG_VERSION").to_owned();
        saved.sources.clone_from(&run.sources);
        saved.scope.clone_from(&run.scope);
        saved.writing.clone_from(&run.writing);
        saved.outputs = outputs;
        if !self.exists {
            saved.salt = format!("{:016x}", random());
        }
        let mut series = SeriesTable::default();
        let parts = (|| {
            Ok::<_, pack::BadPack>((
                ReadObjects::load(std::mem::take(&mut saved.objects), &mut series)?,
                ReadObjects::load(std::mem::take(&mut saved.run), &mut series)?,
                pack::numbers_from_text(&saved.failed)?,
                pack::numbers_from_text(&saved.run_failed)?,
                saved.findings.restore()?,
                u64::from_str_radix(&saved.salt, 16).map_err(pack::unreadable)?,
            ))
        })();
        let (before, earlier, failed, run_failed, dedupe, salt) = parts.map_err(|why| {
            CheckpointError::Damaged { path: self.path.display().to_string(), why: why.to_string() }
        })?;
        self.look_only = matches!(plan, Continuation::LookOnly { .. });
        self.memory = Arc::new(History::new(
            series,
            [&before, &earlier],
            [&failed, &run_failed],
            salt,
            self.look_only,
            run.verifies,
        ));
        self.before = before;
        self.earlier = earlier.open.iter().map(|(&part, read)| (part, read.len())).collect();
        self.run = earlier;
        self.run_failed = run_failed;
        self.dedupe = dedupe;
        self.keys = Arc::clone(&run.keys);
        self.late_window = run.late_window;
        self.first_open = first_open_day(now, run.late_window);
        self.saved = Instant::now();
        Ok(plan)
    }

    /// Closes days by the time of an earlier listing, such as an inventory, instead of today. Must be called
    /// after [`Checkpoint::begin`], once for each such listing.
    pub fn listed_as_of(&mut self, time: Timestamp) {
        self.first_open = self.first_open.min(first_open_day(time, self.late_window));
    }

    fn plan(&self, run: &Description, outputs: &[SavedOutput]) -> Result<Continuation, CheckpointError> {
        if !self.exists {
            return Ok(Continuation::Start);
        }
        let saved = &self.loaded;
        let mut changes = Vec::new();
        if saved.sources != run.sources {
            changes.push("the sources".to_owned());
        }
        compare(&saved.scope, &run.scope, &mut changes);
        if !saved.finished {
            compare(&saved.writing, &run.writing, &mut changes);
            let names = |outputs: &[SavedOutput]| -> BTreeMap<String, String> {
                outputs.iter().map(|output| (output.option.clone(), output.path.clone())).collect()
            };
            compare(&names(&saved.outputs), &names(outputs), &mut changes);
        }
        if !changes.is_empty() {
            return Err(CheckpointError::Changed { path: self.path.display().to_string(), changes });
        }
        if !saved.finished {
            return Ok(Continuation::Resume(saved.outputs.iter().map(|output| output.committed).collect()));
        }
        let last = saved.started.clone();
        let same_output =
            saved.outputs.first().map(|output| &output.path) == outputs.first().map(|output| &output.path);
        let there = run.outputs.first().is_some_and(|(_, path)| path.exists());
        Ok(if same_output && there {
            Continuation::LookOnly { last }
        } else {
            Continuation::ReadNew { last }
        })
    }

    /// Returns the counters and findings so far.
    pub(crate) fn restore(&mut self) -> Result<(Summary, Dedupe), Fatal> {
        let summary = self.loaded.summary.restore().map_err(|why| self.damaged(&why))?;
        Ok((summary, std::mem::take(&mut self.dedupe)))
    }

    /// Returns the history that listings are compared with.
    pub fn history(&self) -> &Arc<History> {
        &self.memory
    }

    /// Notes an object that has been absorbed.
    pub(crate) fn note(&mut self, object: &ObjectRef, outcome: ObjectOutcome) {
        self.dirty = true;
        let Some(Mark { identity, part }) = object.mark else { return };
        if outcome == ObjectOutcome::Failed {
            self.run_failed.push(identity);
        }
        let Some(part) = part else { return };
        if let Some(left) = self.part.replace(part).filter(|&left| left != part) {
            self.fold(left);
        }
        self.run.open.entry(part).or_default().push(identity);
    }

    /// Folds a day of the run into its fingerprint, where the listing has passed the day and all of its
    /// objects are this run's.
    fn fold(&mut self, part: Part) {
        if part.day.is_none_or(|day| day >= self.first_open) {
            return;
        }
        let listing = self.memory.listing();
        let Some(seen) = listing.seen.get(&part) else { return };
        if !seen.unchanged && seen.known.is_empty() {
            let identities = still_there(&mut self.run, &self.earlier, part, seen);
            self.run.closed.insert(part, Closed::of(identities));
        }
    }

    /// Returns whether it is time to save.
    pub(crate) fn due(&self) -> bool {
        self.dirty && !self.look_only && self.saved.elapsed() >= self.pause
    }

    /// Saves an unfinished run whose outputs are durable up to `committed`.
    pub(crate) fn save(
        &mut self,
        summary: &Summary,
        dedupe: &Dedupe,
        committed: Vec<Committed>,
    ) -> Result<(), Fatal> {
        if self.look_only {
            return Ok(());
        }
        let begun = Instant::now();
        self.loaded.finished = false;
        self.commit(committed);
        self.loaded.summary = SavedSummary::of(summary).map_err(|why| self.damaged(&why))?;
        self.loaded.findings = SavedFindings::of(dedupe).map_err(|why| self.damaged(&why))?;
        self.write()?;
        self.dirty = false;
        self.saved = Instant::now();
        self.pause = OFTEN.max(begun.elapsed() * SHARE);
        Ok(())
    }

    fn commit(&mut self, committed: Vec<Committed>) {
        for (output, committed) in self.loaded.outputs.iter_mut().zip(committed) {
            output.committed = committed;
        }
    }

    fn write(&mut self) -> Result<(), Fatal> {
        let saved = &mut self.loaded;
        saved.saved = Timestamp::now().to_string();
        {
            let listing = self.memory.listing();
            saved.objects = self.before.save(&listing.series);
            saved.run = self.run.save(&listing.series);
        }
        saved.run_failed = pack::numbers_to_text(&self.run_failed);
        file::write(&self.path, saved)
            .map_err(|source| Fatal::Output { path: self.path.display().to_string(), source })
    }

    fn damaged(&self, why: &pack::BadPack) -> Fatal {
        Fatal::Output {
            path: self.path.display().to_string(),
            source: std::io::Error::other(why.to_string()),
        }
    }

    /// Adds to a summary what earlier runs read.
    pub(crate) fn count_known(&self, summary: &mut Summary) {
        let listing = self.memory.listing();
        let mut all = 0;
        for (key, (known, delivered)) in &listing.known {
            all += known;
            let row = summary.coverage.entry(key.clone()).or_default();
            row.known += known;
            row.delivered.join(delivered);
        }
        summary.objects.listed += all;
        summary.objects.skipped += all;
        if all > 0 {
            summary.skipped_by.insert(Skip::Known, all);
        }
    }

    /// Finishes the run, when all outputs are in place: the next run with this checkpoint reads only what is
    /// new.
    ///
    /// # Errors
    ///
    /// Fails where the checkpoint cannot be written.
    pub fn finish(mut self) -> Result<(), Fatal> {
        if self.look_only {
            return Ok(());
        }
        self.loaded.finished = true;
        self.loaded.summary = SavedSummary::default();
        self.write()
    }
}
