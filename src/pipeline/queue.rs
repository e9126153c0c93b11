//! The items that wait for a worker.
//!
//! The lister adds items in output order, and blocks while too many wait. Workers take items from the
//! [`Queue`]: most of them the largest first, so that no long one is left for last; at least one the item
//! that is written first, so that output goes on. Small items are handed over many at a time, since a lock
//! for each would cost as much as reading it. No worker gets further ahead of the output than a fixed
//! distance. Waits end by themselves now and then, to look at the stop flag.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::cancel::Cancel;
use crate::history::listing::History;
use crate::source::{Content, Feed, Item};

/// Items that may wait; a source is blocked beyond that.
const CAPACITY: usize = 8192;
/// Stored bytes from which an object is worth starting early, so that no long one is left for last.
const BIG: u64 = 256 << 10;

/// Small items that a worker takes at a time: handing over each by itself would cost as much as reading it.
const SEVERAL: usize = 512;
/// Stored bytes of the items that a worker takes at a time.
const TOGETHER: u64 = 8 << 20;

/// Fetched items that a worker takes at a time. An item that proves damaged is fetched again, which takes
/// long, and the items behind it wait.
const FETCHED: usize = 16;

/// Items that a worker may be ahead of the output. Only a very large object makes others come so far, and
/// their reports are held until it is done.
const AHEAD: u64 = 1 << 16;

/// The waiting item that a worker takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// The item that is written first. At least one worker takes these, so that output goes on.
    First,
    /// The largest item, while there are large ones.
    Biggest,
}

/// The items that wait, ordered by their place in the output.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    ready: Condvar,
    room: Condvar,
    head: AtomicU64,
    cancel: Cancel,
    memory: Option<Arc<History>>,
}

#[derive(Debug, Default)]
struct State {
    /// The place in `slots` of each item.
    items: BTreeMap<u64, usize>,
    slots: Slots,
    big: BTreeSet<(u64, u64)>,
    listed: u64,
    closed: bool,
    workers_waiting: usize,
    lister_waits: bool,
}

/// Items in places that are used again. With an allocation for each, made by the lister and freed by a
/// worker, both would wait for the allocator's lock.
#[derive(Debug, Default)]
struct Slots {
    places: Vec<Option<Item>>,
    free: Vec<usize>,
}

impl Slots {
    fn put(&mut self, item: Item) -> usize {
        let Some(at) = self.free.pop() else {
            self.places.push(Some(item));
            return self.places.len() - 1;
        };
        self.places[at] = Some(item);
        at
    }

    /// Returns the stored size, and whether the item was fetched.
    fn size(&self, at: usize) -> (u64, bool) {
        self.places[at]
            .as_ref()
            .map_or((0, false), |item| (item.object.size, matches!(item.content, Content::Body(_))))
    }

    fn take(&mut self, at: usize) -> Option<Item> {
        self.free.push(at);
        self.places[at].take()
    }
}

impl State {
    fn take(&mut self, order: Order, head: u64) -> Vec<Item> {
        if self.items.first_key_value().is_none_or(|(&first, _)| first > head + AHEAD) {
            return Vec::new();
        }
        let biggest = match order {
            Order::First => None,
            Order::Biggest => self.big.pop_last(),
        };
        if let Some((_, seq)) = biggest {
            return self.items.remove(&seq).and_then(|at| self.slots.take(at)).into_iter().collect();
        }
        let mut taken = Vec::new();
        let mut bytes = 0;
        // The worker takes a share of the waiting items, so that the others find some as well.
        let share = SEVERAL.min(self.items.len() / 8 + 1);
        while taken.len() < share
            && let Some(first) = self.items.first_entry()
        {
            let (size, fetched) = self.slots.size(*first.get());
            // An item of unknown size, or one too large to wait behind others, goes by itself.
            let alone = size == 0 || size >= BIG || bytes + size > TOGETHER;
            if !taken.is_empty() && (alone || fetched && taken.len() >= FETCHED) {
                break;
            }
            let (seq, at) = first.remove_entry();
            self.big.remove(&(size, seq));
            bytes += size;
            taken.extend(self.slots.take(at));
        }
        taken
    }
}

impl Queue {
    pub(super) fn new(cancel: Cancel, memory: Option<Arc<History>>) -> Self {
        Self {
            state: Mutex::default(),
            ready: Condvar::new(),
            room: Condvar::new(),
            head: AtomicU64::new(0),
            cancel,
            memory,
        }
    }

    /// Locks the state, which is true even if a thread panicked while it held the lock: no method leaves it
    /// half-done.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the next items for a worker, one large or several small, and waits for some. Returns none at
    /// the end.
    pub(super) fn pop(&self, order: Order) -> Vec<Item> {
        let mut state = self.lock();
        while !self.cancel.is_set() {
            let items = state.take(order, self.head());
            if !items.is_empty() {
                self.wake_lister(state);
                return items;
            }
            if state.closed && state.items.is_empty() {
                break;
            }
            state.workers_waiting += 1;
            state = self.wait(&self.ready, state);
            state.workers_waiting -= 1;
        }
        Vec::new()
    }

    /// Takes items as [`Queue::pop`] does, but does not wait for them.
    pub(super) fn pop_at_once(&self, order: Order) -> Vec<Item> {
        let mut state = self.lock();
        let items = if self.cancel.is_set() { Vec::new() } else { state.take(order, self.head()) };
        if !items.is_empty() {
            self.wake_lister(state);
        }
        items
    }

    /// Waking the lister for each place that falls free would cost more than the place is worth.
    fn wake_lister(&self, mut state: MutexGuard<'_, State>) {
        let wake = state.lister_waits && state.items.len() <= CAPACITY / 2;
        state.lister_waits &= !wake;
        drop(state);
        if wake {
            self.room.notify_all();
        }
    }

    /// Ends the listing: the queue gets no further items.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.ready.notify_all();
    }

    /// Returns the number of items listed so far, and whether that is all.
    pub(super) fn listed(&self) -> (u64, bool) {
        let state = self.lock();
        (state.listed, state.closed)
    }

    /// Notes that everything before `seq` has been written.
    pub(super) fn set_head(&self, seq: u64) {
        self.head.store(seq, Ordering::Release);
    }

    fn add<'a>(&'a self, mut state: MutexGuard<'a, State>, item: Item) {
        if item.object.size >= BIG {
            state.big.insert((item.object.size, item.seq));
        }
        state.listed += 1;
        let (seq, at) = (item.seq, state.slots.put(item));
        state.items.insert(seq, at);
        let wake = state.workers_waiting > 0;
        drop(state);
        if wake {
            self.ready.notify_one();
        }
    }

    /// Waits for a condition, but not for long, so that the caller looks at the stop flag.
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
            state.lister_waits = true;
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

    fn history(&self) -> Option<&History> {
        self.memory.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ObjectError;
    use crate::key::Skip;
    use crate::object::ObjectRef;
    use crate::source::Body;
    use std::thread;

    #[derive(Debug)]
    struct Empty;

    impl Body for Empty {
        fn bytes(&self) -> &[u8] {
            &[]
        }

        fn again(&mut self) -> Result<bool, ObjectError> {
            Ok(false)
        }

        fn get_ms(&self) -> u64 {
            0
        }
    }

    fn item(seq: u64, size: u64) -> Item {
        let object = ObjectRef { size, ..ObjectRef::default() };
        Item { seq, object, content: Content::Skipped(Skip::OtherName), lease: None }
    }

    fn seqs(items: &[Item]) -> Vec<u64> {
        items.iter().map(|item| item.seq).collect()
    }

    #[test]
    fn large_ones_come_first_to_one_and_all_in_order_to_the_other() {
        let queue = Queue::new(Cancel::default(), None);
        for (seq, size) in [(4, 9), (0, 9), (1, BIG), (3, 0), (2, BIG + 1)] {
            assert!(queue.push_now(item(seq, size)));
        }
        assert_eq!(seqs(&queue.pop(Order::Biggest)), [2]);
        assert_eq!(seqs(&queue.pop(Order::First)), [0]);
        assert!(queue.push(item(5, BIG)), "into the place of one that was taken");
        queue.close();
        let rest: Vec<_> = std::iter::repeat_with(|| seqs(&queue.pop(Order::First))).take(5).collect();
        assert_eq!(rest, [vec![1], vec![3], vec![4], vec![5], vec![]]);
        assert_eq!(queue.listed(), (6, true));
    }

    #[test]
    fn small_ones_are_taken_several_at_a_time() {
        let queue = Queue::new(Cancel::default(), None);
        for seq in 0..800 {
            assert!(queue.push(item(seq, TOGETHER / 50)));
        }
        assert_eq!(seqs(&queue.pop(Order::Biggest)), (0..50).collect::<Vec<_>>(), "as many bytes as may be");
        let mut next = 50;
        while next < 800 {
            let taken = seqs(&queue.pop(Order::First));
            assert!(!taken.is_empty() && taken.len() <= (800 - next) / 8 + 1, "others find some as well");
            assert_eq!(taken, (next as u64..).take(taken.len()).collect::<Vec<_>>());
            next += taken.len();
        }
    }

    #[test]
    fn few_wait_behind_one_that_may_be_fetched_again() {
        let queue = Queue::new(Cancel::default(), None);
        for seq in 0..800 {
            assert!(queue.push_now(Item { content: Content::Body(Box::new(Empty)), ..item(seq, 9) }));
        }
        assert_eq!(queue.pop(Order::First).len(), FETCHED);
    }

    #[test]
    fn nobody_runs_ahead_of_the_output_without_end() {
        let queue = Queue::new(Cancel::default(), None);
        assert!(queue.push(item(AHEAD + 1, 9)));
        queue.close();
        thread::scope(|scope| {
            let taken = scope.spawn(|| queue.pop(Order::First));
            // The worker has looked, and waits.
            while queue.lock().workers_waiting == 0 {
                thread::yield_now();
            }
            assert!(!taken.is_finished());
            queue.set_head(1);
            assert_eq!(seqs(&taken.join().unwrap()), [AHEAD + 1]);
        });
    }
}
