//! Many lists at once, one order out. The prefix is a row of nodes in key order: folders to look into and
//! ranges to list. The first unfinished ones work at the same time, each into a short queue of its own, and
//! the row is emptied from its head. A node may put others behind itself; none is ever put elsewhere.

use super::node::work_on;
use super::range::{ListScope, Range};
use super::work::{Piece, Shared, Split, Work};
use crate::error::ErrorKind;
use crate::source::s3::bucket::Bucket;
use crate::source::s3::entry::Listed;
use crate::source::s3::errors::{Remedy, RequestError};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::Poll;
use tokio::sync::mpsc::{self, Receiver, Sender, UnboundedReceiver};
use tokio::task::JoinSet;

/// Pages that a node may have waiting.
const PAGES: usize = 2;
/// Listed keys that may wait in all queues before no further node but the head's is started.
const KEYS_WAITING: u64 = 64_000;

#[derive(Debug)]
enum State {
    Waiting(Work),
    Working {
        /// For messages.
        prefix: String,
        queue: Receiver<Piece>,
    },
}

#[derive(Debug)]
struct Node {
    id: u64,
    state: State,
}

/// Lists what of the bucket's prefix is in scope, in key order, into `out`. Ends early when nobody listens.
pub(crate) async fn list_tree(bucket: Bucket, scope: Arc<ListScope>, out: Sender<Listed>) {
    let (splits, arriving) = mpsc::unbounded_channel();
    let most = bucket.session.options().list_concurrency.max(1);
    let prefix = bucket.uri.prefix.clone();
    let today = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
    let shared = Arc::new(Shared {
        bucket,
        scope,
        splits,
        waiting: AtomicU64::new(0),
        idle: AtomicUsize::new(0),
        looks: AtomicU64::new(0),
        today,
    });
    let mut row = Row {
        nodes: VecDeque::new(),
        next_id: 0,
        tasks: JoinSet::new(),
        arriving,
        most,
        shared: shared.clone(),
    };
    row.put(0, shared.enter(&prefix));
    row.empty(&out).await;
}

struct Row {
    nodes: VecDeque<Node>,
    next_id: u64,
    tasks: JoinSet<()>,
    arriving: UnboundedReceiver<Split>,
    most: usize,
    shared: Arc<Shared>,
}

impl Row {
    fn put(&mut self, at: usize, works: impl IntoIterator<Item = Work>) {
        let tail = self.nodes.split_off(at);
        for work in works {
            self.nodes.push_back(Node { id: self.next_id, state: State::Waiting(work) });
            self.next_id += 1;
        }
        self.nodes.extend(tail);
    }

    /// Takes the splits that nodes sent. A node sends its splits before its last piece, so the node is still in the
    /// row.
    fn take_splits(&mut self) {
        while let Ok(Split { id, works }) = self.arriving.try_recv() {
            if let Some(at) = self.nodes.iter().position(|node| node.id == id) {
                self.put(at + 1, works);
            }
        }
    }

    /// Sets the first waiting nodes to work.
    fn start(&mut self) {
        while self.tasks.try_join_next().is_some() {}
        let mut all = true;
        for (at, node) in self.nodes.iter_mut().enumerate() {
            let State::Waiting(work) = &mut node.state else { continue };
            let prefix = match work {
                Work::Ready(_) => continue,
                Work::Folder { prefix, .. } | Work::Range(Range { prefix, .. }) => prefix.clone(),
            };
            let crowded = self.shared.waiting.load(Ordering::Relaxed) >= KEYS_WAITING;
            // The head works whatever waits behind it.
            if at > 0 && (crowded || self.tasks.len() >= self.most) {
                all = false;
                break;
            }
            let work = std::mem::replace(work, Work::Ready(Vec::new()));
            let (pieces, queue) = mpsc::channel(PAGES);
            self.tasks.spawn(work_on(self.shared.clone(), node.id, work, pieces));
            node.state = State::Working { prefix, queue };
        }
        let idle = if all { self.most.saturating_sub(self.tasks.len()) } else { 0 };
        self.shared.idle.store(idle, Ordering::Relaxed);
    }

    async fn empty(&mut self, out: &Sender<Listed>) {
        loop {
            self.take_splits();
            self.start();
            let Some(head) = self.nodes.front_mut() else { return };
            let listed = match &mut head.state {
                State::Waiting(Work::Ready(keys)) => {
                    let keys = std::mem::take(keys);
                    self.nodes.pop_front();
                    Listed::Page(keys)
                }
                // `start` has just set the head to work.
                State::Waiting(_) => continue,
                State::Working { prefix, queue } => {
                    let (arriving, tasks) = (&mut self.arriving, &mut self.tasks);
                    let woke = poll_fn(|cx| {
                        if let Poll::Ready(piece) = queue.poll_recv(cx) {
                            return Poll::Ready(Woke::Head(piece));
                        }
                        if let Poll::Ready(Some(split)) = arriving.poll_recv(cx) {
                            return Poll::Ready(Woke::Split(split));
                        }
                        match tasks.poll_join_next(cx) {
                            Poll::Ready(Some(_)) => Poll::Ready(Woke::Room),
                            _ => Poll::Pending,
                        }
                    });
                    match woke.await {
                        Woke::Head(Some(Piece::Listed(listed))) => listed,
                        Woke::Head(Some(Piece::End)) => {
                            self.take_splits();
                            self.nodes.pop_front();
                            continue;
                        }
                        Woke::Head(None) => {
                            let prefix = std::mem::take(prefix);
                            self.take_splits();
                            self.nodes.pop_front();
                            let text = "a defect of roottrail ended the listing";
                            let failure = RequestError::new(ErrorKind::Other, Remedy::Final, text);
                            let uri = self.shared.bucket.uri.with_prefix(prefix);
                            Listed::Failed { uri, failure }
                        }
                        Woke::Split(Split { id, works }) => {
                            if let Some(at) = self.nodes.iter().position(|node| node.id == id) {
                                self.put(at + 1, works);
                            }
                            continue;
                        }
                        Woke::Room => continue,
                    }
                }
            };
            if let Listed::Page(keys) = &listed {
                if keys.is_empty() {
                    continue;
                }
                self.shared.waiting.fetch_sub(keys.len() as u64, Ordering::Relaxed);
            }
            if out.send(listed).await.is_err() {
                return;
            }
        }
    }
}

/// What the row woke up for.
enum Woke {
    Head(Option<Piece>),
    Split(Split),
    /// A list has ended: there is room for another.
    Room,
}
