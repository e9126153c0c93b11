//! Items that wait for a worker.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::cancel::Cancel;
use crate::source::{Feed, Item};

/// Items that may wait; a source that blocks is held back beyond that.
const CAPACITY: usize = 4096;
/// Stored bytes from which an object is worth starting early, so that no long one is left for last.
const BIG: u64 = 256 << 10;

/// Which waiting item a worker takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// The one that is written first. At least one worker takes these, so that output goes on.
    First,
    /// The largest, while there are large ones.
    Biggest,
}

/// Items that wait, ordered by their place in the output.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    ready: Condvar,
    room: Condvar,
    head: AtomicU64,
    cancel: Cancel,
}

#[derive(Debug, Default)]
struct State {
    items: BTreeMap<u64, Item>,
    big: BTreeSet<(u64, u64)>,
    listed: u64,
    closed: bool,
}

impl Queue {
    pub(super) fn new(cancel: Cancel) -> Self {
        Self {
            state: Mutex::default(),
            ready: Condvar::new(),
            room: Condvar::new(),
            head: AtomicU64::new(0),
            cancel,
        }
    }

    /// The state stays true even if a thread panicked while it held the lock: no method leaves it half-done.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next item for a worker; waits for one. `None`: there will be none.
    pub(super) fn pop(&self, order: Order) -> Option<Item> {
        let mut state = self.lock();
        loop {
            if self.cancel.is_set() {
                return None;
            }
            let seq = match order {
                Order::First => None,
                Order::Biggest => state.big.last().map(|&(_, seq)| seq),
            };
            if let Some(seq) = seq.or_else(|| state.items.first_key_value().map(|(&seq, _)| seq)) {
                let item = state.items.remove(&seq)?;
                state.big.remove(&(item.object.size, seq));
                drop(state);
                self.room.notify_one();
                return Some(item);
            }
            if state.closed {
                return None;
            }
            state = self.wait(&self.ready, state);
        }
    }

    /// No more items will come.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.ready.notify_all();
    }

    /// Items listed so far, and whether that is all.
    pub(super) fn listed(&self) -> (u64, bool) {
        let state = self.lock();
        (state.listed, state.closed)
    }

    /// Everything before `seq` has been written.
    pub(super) fn set_head(&self, seq: u64) {
        self.head.store(seq, Ordering::Release);
    }

    fn add<'a>(&'a self, mut state: MutexGuard<'a, State>, item: Item) {
        if item.object.size >= BIG {
            state.big.insert((item.object.size, item.seq));
        }
        state.listed += 1;
        state.items.insert(item.seq, item);
        drop(state);
        self.ready.notify_one();
    }

    /// Wakes up at times without being told, to see whether the run is to stop.
    fn wait<'a>(&self, condition: &Condvar, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        condition.wait_timeout(state, Duration::from_millis(50)).unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Feed for Queue {
    fn push(&self, item: Item) -> bool {
        let mut state = self.lock();
        while state.items.len() >= CAPACITY {
            if self.cancel.is_set() {
                return false;
            }
            state = self.wait(&self.room, state);
        }
        self.add(state, item);
        !self.cancel.is_set()
    }

    fn push_now(&self, item: Item) -> bool {
        self.add(self.lock(), item);
        !self.cancel.is_set()
    }

    fn head(&self) -> u64 {
        self.head.load(Ordering::Acquire)
    }
}
