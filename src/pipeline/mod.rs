//! A whole run: the threads, the order of output, and the closing account.
//!
//! One thread lists, `threads` workers read objects, and the calling thread drives: it puts reports back into
//! input order and hands them to the ledger. No worker waits for another unless it is very far ahead, so no
//! object can hold up those before it. The findings that wait for their turn are bounded in memory and
//! spilled to a file beyond that.

#[cfg(all(feature = "s3", feature = "ship"))]
pub(crate) mod batch;
pub(crate) mod builder;
mod ledger;
mod queue;
mod reorder;
pub mod shards;
pub mod verify;

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};

use crate::cancel::Cancel;
use crate::checkpoint::Checkpoint;
use crate::error::{Fatal, ObjectError};
use crate::filter::Keep;
use crate::history::listing::History;
use crate::output::patient::was_stopped;
use crate::output::sink::{Sink, SinkError};
use crate::rules::TrustedNetworks;
use crate::scan::options::ScanOptions;
use crate::scan::report::Report;
use crate::scan::worker::Worker;
use crate::source::{Feed as _, Source};
use crate::summary::Summary;
use ledger::Ledger;
use queue::{Order, Queue};
use reorder::Reorder;

/// Findings that may wait in memory for objects before them, in bytes, all objects together.
const WAITING: usize = 16 << 20;
/// Time between two looks of the driver while no report comes.
const TICK: Duration = Duration::from_millis(100);

/// Time for which a worker may keep finished reports to itself, where objects are slow to read.
const LATE: Duration = Duration::from_millis(50);

/// An observer of a run's progress.
pub trait Observer {
    /// Notes that an object is done.
    fn progress(&mut self, summary: &Summary, listed: u64, all_listed: bool);

    /// Notes something that could not be read.
    fn error(&mut self, error: &ObjectError);
}

/// The observer of a run that nobody follows.
impl Observer for () {
    fn progress(&mut self, _: &Summary, _: u64, _: bool) {}

    fn error(&mut self, _: &ObjectError) {}
}

/// A run over all sources, one after another, into a sink.
pub struct Run<'r> {
    /// The sources of objects, in output order.
    pub sources: Vec<Box<dyn Source>>,
    /// The options of reading.
    pub options: &'r ScanOptions,
    /// What was read before. The checkpoint is saved from time to time; where the run ends by itself, the
    /// caller finishes the checkpoint once the outputs are in place.
    pub checkpoint: Option<&'r mut Checkpoint>,
    /// The networks that root is expected from: a success from elsewhere raises a rule, which filters then
    /// see.
    pub trusted: &'r TrustedNetworks,
    /// The filter of findings.
    pub keep: &'r dyn Keep,
    /// The receiver of findings and errors.
    pub sink: &'r mut dyn Sink,
    /// The observer of the run.
    pub observer: &'r mut dyn Observer,
}

impl fmt::Debug for Run<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("sources", &self.sources).finish_non_exhaustive()
    }
}

/// Starts a thread of the run under a name that `top -H` and profiles show.
fn start_thread<'s>(
    scope: &'s Scope<'s, '_>,
    name: String,
    work: impl FnOnce() + Send + 's,
) -> io::Result<()> {
    thread::Builder::new().name(name).spawn_scoped(scope, work).map(drop)
}

impl Run<'_> {
    /// Reads everything, until the options' flag stops the run; the end of the run leaves the flag as it is.
    /// A sink whose reader has gone ([`SinkError::Closed`]) ends the run quietly.
    ///
    /// # Errors
    ///
    /// Fails only where the sink or the checkpoint does, or where the account does not add up; all else is in
    /// the summary.
    pub fn execute(self) -> Result<Summary, Fatal> {
        let Self { sources, options, checkpoint, trusted, keep, sink, observer } = self;
        let memory = checkpoint.as_ref().map(|checkpoint| Arc::clone(checkpoint.history()));
        let mut ledger = Ledger::new(trusted, keep, sink, checkpoint)?;
        let Driven { result, listed, empty, elapsed } =
            drive(sources, options, memory, &mut ledger, observer);
        let mut summary = ledger.finish(result, listed, elapsed)?;
        summary.empty_sources = empty;
        Ok(summary)
    }
}

/// What takes the reports of a run, in output order.
trait Books {
    fn summary(&self) -> &Summary;

    /// Takes the next object in output order.
    fn absorb(&mut self, report: Report, observer: &mut dyn Observer) -> Result<(), SinkError>;

    /// Is called behind each object.
    fn save_if_due(&mut self, elapsed: Duration) -> Result<(), SinkError>;

    /// Is called while no report comes.
    fn idle(&mut self, elapsed: Duration) -> Result<(), SinkError>;
}

/// How a run ended.
struct Driven {
    /// Whether the run was interrupted.
    result: Result<bool, SinkError>,
    listed: u64,
    /// The sources that named nothing, by their places.
    empty: Vec<u32>,
    elapsed: Duration,
}

/// Reads everything, until the options' flag stops the run.
fn drive(
    sources: Vec<Box<dyn Source>>,
    options: &ScanOptions,
    memory: Option<Arc<History>>,
    books: &mut dyn Books,
    observer: &mut dyn Observer,
) -> Driven {
    let start = Instant::now();
    let asked = &options.cancel;
    let cancel = &asked.part();
    let options = &ScanOptions { cancel: cancel.clone(), ..options.clone() };
    let queue = Queue::new(cancel.clone(), memory);
    let waiting = AtomicUsize::new(0);
    let empty = Mutex::new(Vec::new());
    let result = thread::scope(|scope| {
        let (sender, reports) = bounded(2 * options.threads);
        let started = (|| {
            start_thread(scope, "lister".to_owned(), || list(sources, &queue, cancel, &empty))?;
            for n in 0..options.threads {
                let (sender, queue, waiting) = (sender.clone(), &queue, &waiting);
                let order = if n == 0 { Order::First } else { Order::Biggest };
                let work = move || work(order, queue, options, waiting, &sender);
                match start_thread(scope, format!("worker-{n}"), work) {
                    // Where the system has no further threads, those that there are do all the work.
                    Err(_) if n > 0 => break,
                    started => started?,
                }
            }
            Ok::<_, io::Error>(())
        })();
        drop(sender);
        if let Err(error) = started {
            // The threads that were started stop at their next look.
            cancel.set();
            return Err(SinkError::Failed(Fatal::Start {
                message: format!("cannot start a thread: {error}"),
            }));
        }

        let mut reorder = Reorder::default();
        let result = loop {
            match reports.recv_timeout(TICK) {
                Ok(several) => reorder.add(several),
                Err(RecvTimeoutError::Timeout) => {
                    if let Err(error) = books.idle(start.elapsed()) {
                        break Err(error);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => break Ok(()),
            }
            let mut result = Ok(());
            // A report that was cut short by the stop itself must not be counted.
            while !cancel.is_set()
                && result.is_ok()
                && let Some(report) = reorder.next()
            {
                waiting.fetch_sub(report.held_bytes(), Ordering::Relaxed);
                queue.set_head(reorder.head());
                result = books.absorb(report, observer).and_then(|()| books.save_if_due(start.elapsed()));
            }
            if result.is_err() || cancel.is_set() {
                break result;
            }
            let (listed, all) = queue.listed();
            observer.progress(books.summary(), listed, all);
        };
        let interrupted = asked.is_set();
        // Threads that still run stop at their next look; what they have read is not written.
        cancel.set();
        match result {
            // A reader who did not read kept the driver waiting until the stop.
            Err(SinkError::Failed(Fatal::Output { source, .. })) if interrupted && was_stopped(&source) => {
                Ok(true)
            }
            result => result.map(|()| interrupted),
        }
    });
    let (listed, _) = queue.listed();
    let empty = empty.into_inner().unwrap_or_else(PoisonError::into_inner);
    Driven { result, listed, empty, elapsed: start.elapsed() }
}

/// Closes the queue even in a panic: the workers would wait for ever, and the panic shows only when they are
/// done.
struct Closing<'q>(&'q Queue);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

fn list(sources: Vec<Box<dyn Source>>, queue: &Queue, cancel: &Cancel, empty: &Mutex<Vec<u32>>) {
    let _closing = Closing(queue);
    let mut next = 0;
    for (place, mut source) in (0..).zip(sources) {
        if let Some(memory) = queue.history() {
            memory.set_source(place);
        }
        let first = next;
        next = source.run(first, queue, cancel);
        // An object that an earlier run has read takes no number.
        if next == first && queue.history().is_none() && !cancel.is_set() {
            empty.lock().unwrap_or_else(PoisonError::into_inner).push(place);
        }
    }
}

/// Stops the run where a worker panics outside an object: its number never comes, and the others would wait for it.
struct StopOnPanic<'c>(&'c Cancel);

impl Drop for StopOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.set();
        }
    }
}

fn work(order: Order, queue: &Queue, options: &ScanOptions, waiting: &AtomicUsize, to: &Sender<Vec<Report>>) {
    let _stop = StopOnPanic(&options.cancel);
    let mut worker = Worker::default();
    loop {
        // A report that waits for the next object waits only where there is one.
        let items = if worker.has_waiting() { queue.pop_at_once(order) } else { queue.pop(order) };
        let mut reports = Vec::with_capacity(items.len());
        if items.is_empty() {
            if !worker.has_waiting() || options.cancel.is_set() {
                return;
            }
            worker.settle(&mut reports);
        }
        let mut since = Instant::now();
        for item in items {
            if options.cancel.is_set() {
                return;
            }
            let (mut report, unhashed) = worker.read(item, options);
            let held = report.held_bytes();
            if held > 0 && report.seq != queue.head() && waiting.load(Ordering::Relaxed) + held > WAITING {
                worker.spill(&mut report);
            }
            waiting.fetch_add(report.held_bytes(), Ordering::Relaxed);
            worker.hash(report, unhashed, &mut reports);
            if since.elapsed() >= LATE && !reports.is_empty() {
                if to.send(in_order(std::mem::take(&mut reports))).is_err() {
                    return;
                }
                since = Instant::now();
            }
        }
        // The driver is gone only when the run is over.
        if !reports.is_empty() && to.send(in_order(reports)).is_err() {
            return;
        }
    }
}

/// Returns reports in rising order: one that waited may come behind a later one.
fn in_order(mut reports: Vec<Report>) -> Vec<Report> {
    reports.sort_by_key(|report| report.seq);
    reports
}
