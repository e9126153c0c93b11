//! Candidates of one object, collected and judged many at a time.
//!
//! [`Judging`] receives the elements of an object from the walk. An element that cannot concern root is only
//! counted. A candidate is copied into the [`Batch`]; a full batch is judged, on all cores where it holds
//! enough candidates, and the results are taken in the order of the records. A large candidate is judged at
//! once, without a copy. The threads are shared by all workers and start when an object first holds many
//! candidates.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::{LazyLock, OnceLock};

use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::options::ScanOptions;
use super::report::Report;
use super::spill_file::SpillFile;
use crate::detect::Place;
use crate::detect::element::{ElementScratch, Examined, Malformed, examine};
use crate::error::{ErrorKind, ObjectError, Stage};
use crate::json::minify::Repairs;
use crate::object::ObjectRef;
use crate::records::document::{Element, Elements};
use crate::records::event_time::is_time;
use crate::records::large::{LARGE, Turn};
use crate::records::suspicion::NOT_READ;

/// Candidates judged at a time.
const BATCH: usize = 512;
/// Candidate bytes held at a time.
const BATCH_BYTES: usize = 4 << 20;
/// Candidates from which it pays to wake other threads.
const PARALLEL: usize = 64;
/// Error lines for single records of one object; the others are counted.
const MALFORMED_LINES: u64 = 1000;

/// The texts of candidates that wait to be judged.
#[derive(Debug, Default)]
pub(super) struct Batch {
    texts: Vec<u8>,
    waiting: Vec<Waiting>,
    /// The file for findings that are too many for the memory.
    pub(super) spill_file: SpillFile,
}

#[derive(Clone, Debug)]
struct Waiting {
    index: u64,
    repairs: Repairs,
    doubtful: bool,
    twice: bool,
    text: Range<usize>,
}

impl Batch {
    /// Begins an object.
    pub(super) fn start<'b>(&'b mut self, report: &'b mut Report, options: &'b ScanOptions) -> Judging<'b> {
        self.texts.clear();
        self.waiting.clear();
        Judging { batch: self, report, options }
    }
}

/// The elements of one object: counts them and judges the candidates. Dropping it judges the candidates that
/// still wait.
pub(super) struct Judging<'b> {
    batch: &'b mut Batch,
    report: &'b mut Report,
    options: &'b ScanOptions,
}

impl Elements for Judging<'_> {
    #[inline]
    fn element(&mut self, element: Element<'_>) {
        self.report.records.scanned += 1;
        if let Some(time) = element.time {
            self.report.see_time(time);
        }
        if element.candidate && element.text.len() > LARGE {
            // A large candidate is judged without a copy, so those before it are judged first.
            self.judge();
            let object = &self.report.object;
            let Element { index, text, repairs, doubtful, twice, .. } = element;
            let waiting = Waiting { index, repairs, doubtful, twice, text: 0..text.len() };
            let examined = examine_at(object, text, &waiting);
            self.judged(index, examined);
        } else if element.candidate {
            let start = self.batch.texts.len();
            self.batch.texts.extend_from_slice(element.text);
            let text = start..self.batch.texts.len();
            let Element { index, repairs, doubtful, twice, .. } = element;
            self.batch.waiting.push(Waiting { index, repairs, doubtful, twice, text });
            if self.batch.waiting.len() >= BATCH || self.batch.texts.len() >= BATCH_BYTES {
                self.judge();
            }
        }
    }

    fn malformed(&mut self, index: u64, what: &'static str) {
        self.judge();
        self.refuse(index, Malformed::Shape(what));
    }
}

impl Judging<'_> {
    fn judge(&mut self) {
        let waiting = std::mem::take(&mut self.batch.waiting);
        let examined: Vec<_> = {
            let object = &self.report.object;
            let texts = &self.batch.texts;
            let one = |waiting: &Waiting| examine_at(object, &texts[waiting.text.clone()], waiting);
            if self.options.threads > 1 && waiting.len() >= PARALLEL {
                match pool(self.options.threads) {
                    Some(pool) => pool.install(|| waiting.par_iter().map(one).collect()),
                    None => waiting.iter().map(one).collect(),
                }
            } else {
                waiting.iter().map(one).collect()
            }
        };
        for (waiting, examined) in waiting.iter().zip(examined) {
            self.judged(waiting.index, examined);
        }
        self.batch.waiting = waiting;
        self.batch.waiting.clear();
        self.batch.texts.clear();
    }

    fn judged(&mut self, index: u64, examined: Result<Examined, Malformed>) {
        match examined {
            Ok(examined) => self.take(index, examined),
            Err(malformed) => {
                self.report.records.scanned -= 1;
                self.refuse(index, malformed);
            }
        }
    }

    fn take(&mut self, index: u64, examined: Examined) {
        if let Some(time) = examined.time.as_deref().map(str::as_bytes).filter(|time| is_time(time))
            && let Some(time) = time.first_chunk()
        {
            self.report.see_time(time);
        }
        if examined.repairs.any() {
            let what = if examined.repairs.invalid_utf8 {
                "bytes that are not UTF-8; judged with U+FFFD in their place"
            } else {
                "raw control characters in a string; judged with escapes in their place"
            };
            self.error(index, what.into());
        }
        if let Some(judged) = examined.judged {
            self.report.records.matched += 1;
            if let Err(error) = self.report.findings.push(judged, &self.batch.spill_file) {
                self.report.note_spill(&error);
            }
        }
    }

    fn refuse(&mut self, index: u64, malformed: Malformed) {
        self.report.records.malformed += 1;
        let n = self.report.records.malformed;
        if n <= MALFORMED_LINES {
            self.error(index, malformed.into());
        } else if n == MALFORMED_LINES + 1 {
            let text = format!("more than {MALFORMED_LINES} malformed elements; the others are only counted");
            self.error(index, text.into());
        }
    }

    fn error(&mut self, index: u64, cause: Box<dyn std::error::Error + Send + Sync>) {
        let uri = self.report.object.uri.clone();
        let error = ObjectError::new(uri, Stage::Parse, ErrorKind::MalformedRecord, cause);
        self.report.errors.push(error.at_record(index));
    }
}

/// Judges one element. A large element waits for its turn, and is judged on a thread for large ones: what the
/// allocator keeps of such a thread's memory is not kept once for each worker.
fn examine_at(object: &ObjectRef, text: &[u8], waiting: &Waiting) -> Result<Examined, Malformed> {
    match (Turn::for_size(text.len()), &*LARGE_ONES) {
        (Some(_turn), Some(pool)) => pool.install(|| examine_here(object, text, waiting)),
        _ => examine_here(object, text, waiting),
    }
}

/// Judges one element with buffers of the thread's own.
fn examine_here(object: &ObjectRef, text: &[u8], waiting: &Waiting) -> Result<Examined, Malformed> {
    let Waiting { index, repairs, doubtful, twice, .. } = *waiting;
    thread_local! {
        static SCRATCH: RefCell<ElementScratch> = RefCell::default();
    }
    let place = Place { object, record_index: index };
    SCRATCH.with_borrow_mut(|scratch| {
        let examined = examine(text, repairs, &place, scratch);
        if text.len() > LARGE {
            *scratch = ElementScratch::default();
        }
        let mut examined = examined?;
        if let Some(judged) = examined.judged.as_mut().filter(|_| twice) {
            judged.is_one_of_several();
        }
        match doubtful && examined.judged.is_none() {
            true => Err(Malformed::Shape(NOT_READ)),
            false => Ok(examined),
        }
    })
}

impl Drop for Judging<'_> {
    fn drop(&mut self) {
        // A second panic during an unwinding one would abort the process.
        if !std::thread::panicking() {
            self.judge();
        }
    }
}

/// Returns the threads that judge, started when an object first holds many candidates.
fn pool(threads: usize) -> Option<&'static ThreadPool> {
    static POOL: OnceLock<Option<ThreadPool>> = OnceLock::new();
    POOL.get_or_init(|| start(threads, "judge")).as_ref()
}

/// The thread that judges large elements, which starts with the first one.
static LARGE_ONES: LazyLock<Option<ThreadPool>> = LazyLock::new(|| start(1, "large"));

/// Starts threads; `None` where the system has none to spare.
fn start(threads: usize, name: &'static str) -> Option<ThreadPool> {
    ThreadPoolBuilder::new().num_threads(threads).thread_name(move |n| format!("{name}-{n}")).build().ok()
}
