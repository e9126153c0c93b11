//! A pipeline in miniature: takes items out of order, "scans" them in order on a worker, and keeps the results.

use roottrail::cancel::Cancel;
use roottrail::error::{ErrorKind, ObjectError, Stage};
use roottrail::key::Skip;
use roottrail::source::{Content, Feed, Item, Source};
use std::collections::BTreeMap;
use std::io::Read;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::Duration;

/// What became of one entry.
#[derive(Debug)]
pub(crate) enum Outcome {
    Bytes(Vec<u8>),
    Skipped(Skip),
    /// Stage, kind, message, and what was there of the body.
    Failed {
        stage: Stage,
        kind: ErrorKind,
        message: String,
        salvaged: Vec<u8>,
    },
}

/// One entry as it came out.
#[derive(Debug)]
pub(crate) struct Scanned {
    pub(crate) uri: String,
    pub(crate) outcome: Outcome,
}

#[derive(Default)]
pub(crate) struct TestFeed {
    waiting: Mutex<BTreeMap<u64, Item>>,
    arrived: Condvar,
    head: AtomicU64,
    over: AtomicBool,
    /// The most items that waited at once.
    pub(crate) most_waiting: AtomicU64,
    slowness: Duration,
}

impl Feed for TestFeed {
    fn push(&self, item: Item) -> bool {
        self.push_now(item)
    }

    fn push_now(&self, item: Item) -> bool {
        let mut waiting = self.waiting.lock().unwrap();
        assert!(item.seq >= self.head.load(Ordering::SeqCst), "entry {} came twice", item.seq);
        let seq = item.seq;
        assert!(waiting.insert(seq, item).is_none(), "entry {seq} came twice");
        self.most_waiting.fetch_max(waiting.len() as u64, Ordering::Relaxed);
        self.arrived.notify_all();
        !self.over.load(Ordering::SeqCst)
    }

    fn head(&self) -> u64 {
        self.head.load(Ordering::SeqCst)
    }
}

impl TestFeed {
    /// Every entry takes this long to "scan".
    pub(crate) fn slow(slowness: Duration) -> Self {
        Self { slowness, ..Self::default() }
    }

    /// Ends the run: `push` says so.
    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
        self.arrived.notify_all();
    }

    /// Takes items in order until `last` says how many there are.
    fn scan(&self, last: &Mutex<Option<u64>>) -> Vec<Scanned> {
        let mut scanned = Vec::new();
        loop {
            let seq = self.head();
            let item = {
                let mut waiting = self.waiting.lock().unwrap();
                loop {
                    if *last.lock().unwrap() == Some(seq) || self.over.load(Ordering::SeqCst) {
                        return scanned;
                    }
                    match waiting.remove(&seq) {
                        Some(item) => break item,
                        None => {
                            waiting = self.arrived.wait_timeout(waiting, Duration::from_millis(5)).unwrap().0
                        }
                    }
                }
            };
            let Item { object, content, lease, .. } = item;
            let outcome = read(content, object.uri.as_str());
            std::thread::sleep(self.slowness);
            scanned.push(Scanned { uri: object.uri, outcome });
            self.head.store(seq + 1, Ordering::SeqCst);
            drop(lease);
        }
    }
}

/// What a worker does: inflate, fetch again what is damaged, give up in the end.
fn read(content: Content, uri: &str) -> Outcome {
    let mut body = match content {
        Content::Skipped(skip) => return Outcome::Skipped(skip),
        Content::Failed(error) => return failed(&error, Vec::new()),
        Content::Body(body) => body,
        Content::File(_) | Content::Pipe(_) | Content::Stdin => panic!("S3 has no files"),
    };
    if let Some(error) = body.cut_short() {
        return failed(&error, inflate(body.bytes()).unwrap_or_else(|partial| partial));
    }
    loop {
        match inflate(body.bytes()) {
            Ok(bytes) => return Outcome::Bytes(bytes),
            Err(partial) => match body.again() {
                Ok(true) => {}
                Ok(false) => {
                    let error = ObjectError::new(uri, Stage::Inflate, ErrorKind::CorruptGzip, "damaged");
                    return failed(&error, partial);
                }
                Err(error) => return failed(&error, partial),
            },
        }
    }
}

fn failed(error: &ObjectError, salvaged: Vec<u8>) -> Outcome {
    Outcome::Failed { stage: error.stage, kind: error.kind, message: error.message(), salvaged }
}

/// Plain bytes pass as they are; of a damaged stream, what came before the damage.
pub(crate) fn inflate(bytes: &[u8]) -> Result<Vec<u8>, Vec<u8>> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes.to_vec());
    }
    let mut out = Vec::new();
    match flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut out) {
        Ok(_) => Ok(out),
        Err(_) => Err(out),
    }
}

/// Runs a source to its end.
pub(crate) fn run(source: &mut dyn Source) -> Vec<Scanned> {
    run_with(source, &TestFeed::default(), &Cancel::new())
}

/// Runs a source with a feed and a stop flag of the test's own.
pub(crate) fn run_with(source: &mut dyn Source, feed: &TestFeed, cancel: &Cancel) -> Vec<Scanned> {
    let last = Mutex::new(None);
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| feed.scan(&last));
        let end = source.run(0, feed, cancel);
        *last.lock().unwrap() = Some(end);
        if cancel.is_set() {
            feed.end();
        }
        worker.join().unwrap()
    })
}
