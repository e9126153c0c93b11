//! The loop between listing, GETs and the feed. It runs on the source's own thread and is the only one that
//! numbers entries and hands them over.
//!
//! Entries are admitted in output order and each holds its bytes of the budget until it has been scanned and
//! written. All that hold some are therefore before the next to be admitted, so the object next in output
//! order always gets in: bodies behind it cannot starve it.

use super::body::S3Body;
use super::bucket::Bucket;
use super::entry::{Entry, Listed, unread};
use super::errors::RequestError;
use super::fetch::{Fetched, fetch};
use super::limit::Limit;
use super::list::range::ListScope;
use super::listing::Listing;
use crate::cancel::Cancel;
use crate::error::{ErrorKind, ObjectError, Stage};
use crate::history::sieve::Sieve;
use crate::key::Skip;
use crate::key::selection::KeySelection;
use crate::object::ObjectRef;
use crate::source::{Content, Feed, Item, Lease};
use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, mpsc};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::MissedTickBehavior;

/// Listed pages that may wait.
const PAGES_AHEAD: usize = 4;
/// How soon a stop is seen.
const LOOK: Duration = Duration::from_millis(50);
/// How soon a window that moved without a word is seen.
const POLL: Duration = Duration::from_millis(2);
/// What an object under way costs beside its bytes.
const OVERHEAD: u64 = 4096;

/// The bytes that bodies may take, and who to tell when some are freed.
#[derive(Debug)]
struct Budget {
    held: AtomicU64,
    freed: Notify,
}

/// A share of the budget; freed when dropped.
#[derive(Debug)]
struct Share {
    bytes: u64,
    budget: Arc<Budget>,
}

impl Share {
    fn take(budget: &Arc<Budget>, bytes: u64) -> Self {
        budget.held.fetch_add(bytes, Ordering::Relaxed);
        Self { bytes, budget: budget.clone() }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.held.fetch_sub(self.bytes, Ordering::Relaxed);
        self.budget.freed.notify_one();
    }
}

/// An entry whose GET is under way.
#[derive(Debug)]
struct Pending {
    seq: u64,
    object: ObjectRef,
    share: Share,
}

/// What a GET's task comes back with.
struct Done {
    entry: Entry,
    outcome: Result<Fetched, RequestError>,
    tries: u32,
    spent: Duration,
}

/// What the loop woke up for.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one at a time, and a box for each would be an allocation for each GET"
)]
enum Event {
    Done(Result<(Id, Done), JoinError>),
    /// `None`: everything is listed.
    Listed(Option<Listed>),
    Look,
}

/// The run is over: stopped, or nobody takes items any more.
struct Over;

struct Drive<'a> {
    bucket: Arc<Bucket>,
    keys: Arc<KeySelection>,
    feed: &'a dyn Feed,
    cancel: &'a Cancel,
    next: u64,
    waiting: VecDeque<(ObjectRef, Entry)>,
    sieve: Sieve<'a, Entry>,
    gets: JoinSet<Done>,
    pending: HashMap<Id, Pending>,
    budget: Arc<Budget>,
    limit: Limit,
}

/// Lists and fetches everything below the bucket's prefix. Returns the next free number.
pub(super) fn drive(
    bucket: &Bucket,
    scope: &Arc<ListScope>,
    listing: &Listing,
    first: u64,
    feed: &dyn Feed,
    cancel: &Cancel,
) -> u64 {
    let handle = bucket.session.handle().clone();
    let mut drive = Drive {
        bucket: Arc::new(bucket.clone()),
        keys: Arc::clone(&scope.0),
        feed,
        cancel,
        next: first,
        waiting: VecDeque::new(),
        sieve: Sieve::new(feed.history()),
        gets: JoinSet::new(),
        pending: HashMap::new(),
        budget: Arc::new(Budget { held: AtomicU64::new(0), freed: Notify::new() }),
        limit: Limit::new(bucket.session.options().concurrency),
    };
    handle.block_on(async {
        let (out, pages) = mpsc::channel(PAGES_AHEAD);
        let mut lister = JoinSet::new();
        listing.start(bucket, scope, &mut lister, out);
        if drive.run(pages).await.is_err() {
            return;
        }
        if let Some(Err(error)) = lister.join_next().await {
            let uri = drive.bucket.uri.to_string();
            // The run is over either way.
            let _ = drive.give_up(uri, Stage::List, &error);
        }
    });
    drive.next
}

impl Drive<'_> {
    async fn run(&mut self, mut pages: mpsc::Receiver<Listed>) -> Result<(), Over> {
        let mut look = tokio::time::interval(LOOK);
        let mut poll = tokio::time::interval(POLL);
        // Ticks that nobody waited for are not made up for.
        look.set_missed_tick_behavior(MissedTickBehavior::Skip);
        poll.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let budget = self.budget.clone();
        let counters = self.bucket.session.counters().clone();
        let started = Instant::now();
        let mut listed_all = false;
        loop {
            if self.cancel.is_set() {
                return Err(Over);
            }
            self.limit.adapt(started.elapsed(), counters.slow_downs.load(Ordering::Relaxed));
            self.admit()?;
            if listed_all && self.waiting.is_empty() && self.gets.is_empty() {
                return Ok(());
            }
            let behind = !self.waiting.is_empty();
            let gets = &mut self.gets;
            let mut freed = pin!(budget.freed.notified());
            let event = poll_fn(|cx| {
                if let Poll::Ready(Some(done)) = gets.poll_join_next_with_id(cx) {
                    return Poll::Ready(Event::Done(done));
                }
                if behind {
                    if freed.as_mut().poll(cx).is_ready() || poll.poll_tick(cx).is_ready() {
                        return Poll::Ready(Event::Look);
                    }
                } else if !listed_all && let Poll::Ready(listed) = pages.poll_recv(cx) {
                    return Poll::Ready(Event::Listed(listed));
                }
                look.poll_tick(cx).map(|_| Event::Look)
            });
            match event.await {
                Event::Done(done) => self.deliver(done)?,
                Event::Listed(Some(Listed::Page(entries))) => self.sift(entries),
                Event::Listed(Some(Listed::Failed { uri, failure })) => {
                    let error = failure.into_error(uri.clone(), Stage::List);
                    self.number(uri, error)?;
                }
                Event::Listed(None) => {
                    listed_all = true;
                    let Self { sieve, waiting, .. } = self;
                    sieve.end(&mut |object, entry| wait(waiting, object, entry));
                }
                Event::Look => {}
            }
        }
    }

    /// Leaves out what earlier runs have read.
    fn sift(&mut self, entries: Vec<Entry>) {
        let Self { bucket, sieve, waiting, keys, .. } = self;
        for entry in entries {
            let scope = keys.choose(&entry.key, entry.scope(&bucket.uri));
            let Some(scope) = scope else { continue };
            let object = entry.object(&bucket.uri, &scope);
            match scope {
                Ok(_) | Err(Skip::Unsure) => {
                    sieve.offer(object, None, entry, &mut |object, entry| wait(waiting, object, entry))
                }
                Err(_) => wait(waiting, object, entry),
            };
        }
    }

    /// Passes on what needs no GET and starts as many GETs as there is room for, in output order.
    fn admit(&mut self) -> Result<(), Over> {
        let options = self.bucket.session.options();
        let (memory, window) = (options.max_memory, options.window);
        let mut end = self.feed.head().saturating_add(window.max(1));
        while let Some((_, entry)) = self.waiting.front() {
            if self.next >= end {
                end = self.feed.head().saturating_add(window.max(1));
                if self.next >= end {
                    return Ok(());
                }
            }
            let scope = self.keys.choose(&entry.key, entry.scope(&self.bucket.uri)).unwrap_or(Ok(None));
            let fetched = matches!(scope, Ok(_) | Err(Skip::Unsure))
                && entry.archived.is_none()
                && !entry.unreadable_key;
            let cost = if fetched { entry.size.saturating_add(OVERHEAD) } else { 0 };
            let held = self.budget.held.load(Ordering::Relaxed);
            if fetched && self.gets.len() >= self.limit.get() {
                self.limit.reached();
                return Ok(());
            }
            if fetched && held > 0 && held.saturating_add(cost) > memory {
                return Ok(());
            }
            let Some((object, entry)) = self.waiting.pop_front() else { return Ok(()) };
            let share = Share::take(&self.budget, cost);
            let seq = self.next;
            self.next += 1;
            match unread(&entry, &object, scope.err()) {
                Some(content) => self.push(seq, object, content, share)?,
                None => {
                    let (bucket, unsure) = (self.bucket.clone(), object.unsure);
                    let task = self.gets.spawn_on(get(bucket, entry, unsure), self.bucket.session.handle());
                    self.pending.insert(task.id(), Pending { seq, object, share });
                }
            }
        }
        Ok(())
    }

    fn push(&self, seq: u64, object: ObjectRef, content: Content, share: Share) -> Result<(), Over> {
        let item = Item { seq, object, content, lease: Some(Lease::new(share)) };
        if self.feed.push_now(item) { Ok(()) } else { Err(Over) }
    }

    fn deliver(&mut self, done: Result<(Id, Done), JoinError>) -> Result<(), Over> {
        self.limit.done();
        let id = match &done {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        // Only `admit` starts tasks, and it notes each.
        let Some(Pending { seq, object, share }) = self.pending.remove(&id) else { return Ok(()) };
        match done {
            Ok((_, Done { entry, outcome: Ok(fetched), tries, spent })) => {
                let body =
                    S3Body::new(self.bucket.clone(), entry, fetched, tries, spent, self.cancel.clone());
                self.push(seq, object, Content::Body(Box::new(body)), share)
            }
            Ok((_, Done { outcome: Err(failure), .. })) => {
                let error = failure.into_error(object.uri.clone(), Stage::Get);
                self.push(seq, object, Content::Failed(error), self.no_bytes(share))
            }
            Err(error) => {
                let cause = format!("a defect of roottrail ended the fetch: {error}");
                let error = ObjectError::new(object.uri.clone(), Stage::Get, ErrorKind::Other, cause);
                self.push(seq, object, Content::Failed(error), self.no_bytes(share))
            }
        }
    }

    /// Returns the share of a failed object, which holds no bytes: its item still says when the object is done with.
    fn no_bytes(&self, share: Share) -> Share {
        drop(share);
        Share::take(&self.budget, 0)
    }

    fn give_up(&mut self, uri: String, stage: Stage, error: &JoinError) -> Result<(), Over> {
        let cause = format!("a defect of roottrail ended the listing: {error}");
        self.number(uri.clone(), ObjectError::new(uri, stage, ErrorKind::Other, cause))
    }

    /// Makes what could not be listed an item like any other.
    fn number(&mut self, uri: String, error: ObjectError) -> Result<(), Over> {
        let mut object = ObjectRef { uri, ..ObjectRef::default() };
        if self.feed.history().is_some_and(|memory| memory.reported(&mut object, error.stage)) {
            return Ok(());
        }
        let seq = self.next;
        self.next += 1;
        self.push(seq, object, Content::Failed(error), Share::take(&self.budget, 0))
    }
}

fn wait(waiting: &mut VecDeque<(ObjectRef, Entry)>, object: ObjectRef, entry: Entry) -> bool {
    waiting.push_back((object, entry));
    true
}

async fn get(bucket: Arc<Bucket>, entry: Entry, unsure: bool) -> Done {
    let started = Instant::now();
    let mut tries = 0;
    let outcome = fetch(&bucket, &entry, unsure, &mut tries).await;
    Done { entry, outcome, tries, spent: started.elapsed() }
}
