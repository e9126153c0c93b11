//! The messages in hand: taken from the queue and neither deleted nor given back.
//!
//! Receivers add messages, bounded in number and bytes; the loop takes those that wait, one batch after another. Each
//! message has a number and a lease here, whoever works on it, until it is settled: a thread extends the leases that
//! have run for a third of their time, whatever the batch is busy with. A message whose objects could not be read for
//! the moment waits here for another try, with its lease.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::error::Fatal;
use crate::notification::{Notification, NotificationError, parse};
use crate::source::s3::QueueMessage;

/// Messages in hand at most.
const MOST: usize = 1000;
/// Bytes of their texts at most, and of what was read of these. What is on its way is still taken: ten messages for each
/// receiver, of a megabyte at most.
const MOST_BYTES: usize = 32 << 20;
/// Bytes of an object that a message names, about, beside its key.
const OBJECT: usize = 512;
/// Messages that one question may bring.
const RECEIVE: usize = 10;

/// A message in hand, read.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) number: u64,
    pub(super) message: QueueMessage,
    pub(super) notification: Result<Notification, NotificationError>,
    /// Tries here that failed for the moment.
    pub(super) tries: u32,
    /// For how many objects of its buckets S3 had answered before it was tried.
    pub(super) answered_before: u64,
}

/// How long SQS keeps a message from others.
#[derive(Debug)]
struct Lease {
    receipt: String,
    renewed: Instant,
    bytes: usize,
    /// When what the message announces happened, in milliseconds since 1970.
    event: Option<i64>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    /// Messages that are on their way here at most.
    expected: usize,
    bytes: usize,
    waiting: VecDeque<Held>,
    later: Vec<(Instant, Held)>,
    leases: BTreeMap<u64, Lease>,
    /// Messages that were given back and not seen since.
    back: HashSet<String>,
    /// Questions in a row that brought nothing while nothing was in hand.
    empty: u32,
    /// Since when.
    quiet: Option<Instant>,
    fatal: Option<Fatal>,
}

/// All messages in hand.
#[derive(Debug, Default)]
pub(super) struct Hand {
    state: Mutex<State>,
    changed: Condvar,
    /// Held while leases are extended, so that a message is not extended once it has been given back.
    pub(super) extending: Mutex<()>,
    /// Whether messages that were given back are remembered.
    ends: bool,
}

impl Hand {
    /// Returns an empty hand. Only a run that `ends` with the queue asks what was given back: another one would remember
    /// each dead letter for as long as it lives.
    pub(super) fn new(ends: bool) -> Self {
        Self { ends, ..Self::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether there is room for what one question may bring, and reserves it. Waits for a while.
    pub(super) fn reserve(&self, patience: Duration) -> bool {
        let full = |state: &mut State| {
            state.leases.len() + state.expected + RECEIVE > MOST || state.bytes > MOST_BYTES
        };
        let waited = self.changed.wait_timeout_while(self.lock(), patience, full);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let room = !full(&mut state);
        if room {
            state.expected += RECEIVE;
        }
        room
    }

    /// Takes what a question brought, whose room was reserved.
    pub(super) fn add(&self, messages: Vec<QueueMessage>) {
        // Reading takes time that nobody should wait for.
        let read: Vec<_> = messages.into_iter().map(|message| (parse(&message.body), message)).collect();
        let mut state = self.lock();
        state.expected -= RECEIVE;
        if !read.is_empty() {
            (state.empty, state.quiet) = (0, None);
        } else if state.leases.is_empty() {
            state.empty += 1;
            state.quiet.get_or_insert_with(Instant::now);
        }
        for (notification, message) in read {
            let number = state.next;
            state.next += 1;
            state.back.remove(&message.id);
            let bytes = message.body.len() + bytes_of(&notification);
            state.bytes += bytes;
            let lease = Lease {
                receipt: message.receipt.clone(),
                renewed: Instant::now(),
                bytes,
                event: event_time(&notification).or(message.sent),
            };
            state.leases.insert(number, lease);
            state.waiting.push_back(Held { number, message, notification, tries: 0, answered_before: 0 });
        }
        self.changed.notify_all();
    }

    /// Gives up the room that was reserved: the question failed.
    pub(super) fn unreserve(&self) {
        self.lock().expected -= RECEIVE;
        self.changed.notify_all();
    }

    /// Takes messages to work on, waiting for the first.
    pub(super) fn take(&self, most: usize, patience: Duration) -> Vec<Held> {
        let nothing = |state: &mut State| {
            let now = Instant::now();
            state.fatal.is_none()
                && state.waiting.is_empty()
                && !state.later.iter().any(|(due, _)| *due <= now)
        };
        let waited = self.changed.wait_timeout_while(self.lock(), patience, nothing);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let (due, later): (Vec<_>, _) =
            std::mem::take(&mut state.later).into_iter().partition(|(due, _)| *due <= now);
        state.later = later;
        let mut taken: Vec<Held> = due.into_iter().map(|(_, held)| held).collect();
        let n = most.saturating_sub(taken.len()).min(state.waiting.len());
        taken.extend(state.waiting.drain(..n));
        taken
    }

    /// Takes everything that nobody works on.
    pub(super) fn take_all(&self) -> Vec<Held> {
        let mut state = self.lock();
        let later = std::mem::take(&mut state.later).into_iter().map(|(_, held)| held);
        later.chain(std::mem::take(&mut state.waiting)).collect()
    }

    /// Keeps a message for another try.
    pub(super) fn keep(&self, held: Held, pause: Duration) {
        self.lock().later.push((Instant::now() + pause, held));
    }

    /// Forgets messages: they are deleted, or given back.
    pub(super) fn settle<'h>(&self, settled: impl IntoIterator<Item = &'h Held>, back: bool) {
        let mut state = self.lock();
        for held in settled {
            if let Some(lease) = state.leases.remove(&held.number) {
                state.bytes -= lease.bytes;
            }
            if back && self.ends {
                state.back.insert(held.message.id.clone());
            }
        }
        self.changed.notify_all();
    }

    /// Returns leases that have run for so long, each with the number of its message.
    pub(super) fn run_for(&self, time: Duration) -> Vec<(u64, String)> {
        let state = self.lock();
        let due = state.leases.iter().filter(|(_, lease)| lease.renewed.elapsed() >= time);
        due.map(|(number, lease)| (*number, lease.receipt.clone())).collect()
    }

    /// Notes that leases were extended.
    pub(super) fn renewed(&self, numbers: impl IntoIterator<Item = u64>) {
        let mut state = self.lock();
        for number in numbers {
            if let Some(lease) = state.leases.get_mut(&number) {
                lease.renewed = Instant::now();
            }
        }
    }

    /// Ends the run with an error.
    pub(super) fn fail(&self, fatal: Fatal) {
        self.lock().fatal.get_or_insert(fatal);
        self.changed.notify_all();
    }

    pub(super) fn take_fatal(&self) -> Option<Fatal> {
        self.lock().fatal.take()
    }

    /// Returns how many messages are in hand, how many questions in a row brought nothing, and how many messages were
    /// given back and not seen since, in a run that ends with the queue.
    pub(super) fn counts(&self) -> (usize, u32, u64) {
        let state = self.lock();
        (state.leases.len(), state.empty, state.back.len() as u64)
    }

    /// Returns for how long questions have brought nothing.
    pub(super) fn quiet(&self) -> Duration {
        self.lock().quiet.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Returns the time of the oldest event in hand.
    pub(super) fn oldest(&self) -> Option<i64> {
        self.lock().leases.values().filter_map(|lease| lease.event).min()
    }
}

/// Returns what a message takes once it is read, about.
fn bytes_of(notification: &Result<Notification, NotificationError>) -> usize {
    let Ok(Notification::Objects(objects)) = notification else { return 0 };
    objects.iter().map(|object| OBJECT + object.key.len()).sum()
}

/// Returns the earliest time that a message names.
fn event_time(notification: &Result<Notification, NotificationError>) -> Option<i64> {
    let Ok(Notification::Objects(objects)) = notification else { return None };
    let times = objects.iter().filter_map(|object| object.time.as_deref()?.parse::<Timestamp>().ok());
    times.map(Timestamp::as_millisecond).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_back_is_remembered_only_where_the_run_ends_with_the_queue() {
        for (ends, remembered) in [(true, 1), (false, 0)] {
            let hand = Hand::new(ends);
            assert!(hand.reserve(Duration::ZERO));
            let text = |text: &str| text.to_owned();
            let (id, receipt, body) = (text("id"), text("receipt"), text("no notification"));
            hand.add(vec![QueueMessage { id, receipt, body, received: 1, sent: None }]);
            let taken = hand.take(1, Duration::ZERO);
            assert_eq!(taken.len(), 1);
            hand.settle(&taken, true);
            let (in_hand, _, back) = hand.counts();
            assert_eq!((in_hand, back), (0, remembered), "{ends}");
        }
    }
}
