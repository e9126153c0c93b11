//! The threads between the queue and the hand, and the waits for a queue that does not answer.
//!
//! Threads `receiver-N` ask for messages while there is room for them; where the queue is empty, only the first goes on
//! to ask. The thread `leases` extends what is in hand. The thread `backlog` asks now and then how much there is. A
//! queue that is busy or out of reach is asked again, without end, with pauses of up to a minute; that is said once,
//! and once when it is over. A refusal is fatal only where SQS has never done what it refuses: later it is waited out as
//! well. Taking, deleting and giving back are judged each by itself, as a policy may allow one and not another.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::LOOK;
use super::hand::{Hand, Held};
use crate::cancel::Cancel;
use crate::error::{Fatal, start};
use crate::net::backoff::backoff;
use crate::source::s3::{Queue, QueueError, QueueLength};

/// Threads that ask for messages.
pub(super) const RECEIVERS: usize = 4;
/// How long a question waits for messages: no longer than a stop may take to be seen.
const WAIT: Duration = Duration::from_secs(2);
/// The first pause after a failure.
const FIRST: Duration = Duration::from_millis(250);
/// Failures in a row before somebody is told.
const SOON: u32 = 3;
/// Entries of a batch at most.
const BATCH: usize = 10;
/// Time between two looks at the backlog.
const BACKLOG: Duration = Duration::from_secs(10);

/// What the threads share.
pub(super) struct Intake<'i> {
    pub(super) queue: &'i Queue,
    pub(super) hand: &'i Hand,
    pub(super) visibility: Duration,
    /// No message is taken any more.
    pub(super) stop: &'i Cancel,
    /// Nothing is waited for any more.
    pub(super) over: &'i Cancel,
    /// Says what happens, from any thread.
    pub(super) tell: &'i (dyn Fn(&str) + Send + Sync),
    /// Receivers that may still take a message.
    receiving: AtomicUsize,
    takes: Asked,
    deletes: Asked,
    gives_back: Asked,
    /// Whether the latest question brought nothing.
    idle: AtomicBool,
    length: Mutex<Option<QueueLength>>,
}

/// What is known of one action.
#[derive(Default)]
struct Asked {
    /// Whether SQS has done it.
    answered: AtomicBool,
    /// Failures in a row, of all threads.
    outage: AtomicU32,
}

impl<'i> Intake<'i> {
    pub(super) fn new(
        queue: &'i Queue,
        hand: &'i Hand,
        visibility: Duration,
        [stop, over]: [&'i Cancel; 2],
        tell: &'i (dyn Fn(&str) + Send + Sync),
    ) -> Self {
        Self {
            queue,
            hand,
            visibility,
            stop,
            over,
            tell,
            receiving: AtomicUsize::new(RECEIVERS),
            takes: Asked::default(),
            deletes: Asked::default(),
            gives_back: Asked::default(),
            idle: AtomicBool::new(false),
            length: Mutex::default(),
        }
    }

    /// Asks until there is an answer; `None`: the run is over before that.
    fn patiently<T>(
        &self,
        end: &Cancel,
        asked: &Asked,
        mut ask: impl FnMut() -> Result<T, QueueError>,
    ) -> Option<Result<T, Fatal>> {
        let mut failures = 0;
        loop {
            let error = match ask() {
                Ok(answer) => {
                    asked.answered.store(true, Ordering::Relaxed);
                    if asked.outage.swap(0, Ordering::Relaxed) >= SOON {
                        (self.tell)("the queue answers again");
                    }
                    return Some(Ok(answer));
                }
                Err(error) => error,
            };
            let lasting = !matches!(error, QueueError::Busy(_));
            let missing = matches!(error, QueueError::Missing(_));
            if missing || (lasting && !asked.answered.load(Ordering::Relaxed)) {
                return Some(Err(start(format!("{}: {error}", self.queue.url()))));
            }
            if asked.outage.fetch_add(1, Ordering::Relaxed) + 1 == SOON {
                (self.tell)(&format!("the queue does not answer: {error}; waiting until it does"));
            }
            failures += 1;
            // Full jitter up to twenty seconds, and what is missing to a minute where that lasts.
            let pause = backoff(FIRST, failures)
                + if failures > 10 { Duration::from_secs(40) } else { Duration::ZERO };
            if !sleep(pause, end) {
                return None;
            }
        }
    }

    /// Takes messages until the stop.
    pub(super) fn receive(&self, thread: usize) {
        self.receive_until_stop(thread);
        self.receiving.fetch_sub(1, Ordering::SeqCst);
    }

    /// Returns whether a message may still be taken.
    pub(super) fn is_receiving(&self) -> bool {
        self.receiving.load(Ordering::SeqCst) > 0
    }

    fn receive_until_stop(&self, thread: usize) {
        while !self.stop.is_set() {
            if thread > 0 && self.idle.load(Ordering::Relaxed) {
                sleep(LOOK, self.stop);
                continue;
            }
            if !self.hand.reserve(LOOK) {
                continue;
            }
            match self.patiently(self.stop, &self.takes, || self.queue.receive(WAIT, self.visibility)) {
                Some(Ok(messages)) => {
                    self.idle.store(messages.is_empty(), Ordering::Relaxed);
                    self.hand.add(messages);
                }
                Some(Err(fatal)) => {
                    self.hand.unreserve();
                    self.hand.fail(fatal);
                    return;
                }
                None => self.hand.unreserve(),
            }
        }
    }

    /// Extends leases until everything is settled.
    pub(super) fn extend(&self, done: &Cancel) {
        let mut refused = false;
        let third = self.visibility / 3;
        while sleep((third / 8).clamp(Duration::from_millis(20), Duration::from_secs(1)), done) {
            let due = self.hand.run_for(third);
            for several in due.chunks(BATCH) {
                let _extending = self.hand.extending.lock().unwrap_or_else(PoisonError::into_inner);
                // What was settled in the meantime is left alone.
                let known = self.hand.run_for(third);
                let several: Vec<_> = several.iter().filter(|one| known.contains(one)).collect();
                let receipts: Vec<_> =
                    several.iter().map(|(_, receipt)| (receipt.as_str(), self.visibility)).collect();
                match self.queue.hold(&receipts) {
                    Ok(again) => {
                        let held = several.iter().enumerate().filter(|(at, _)| !again.contains(at));
                        self.hand.renewed(held.map(|(_, (number, _))| *number));
                    }
                    // The others say so; the lease has two thirds of its time left.
                    Err(QueueError::Busy(_)) => {}
                    Err(error) if !refused => {
                        refused = true;
                        (self.tell)(&format!(
                            "warning: leases cannot be extended ({error}): what takes long comes again meanwhile"
                        ));
                    }
                    Err(_) => {}
                }
                if done.is_set() {
                    return;
                }
            }
        }
    }

    /// Looks at the backlog until everything is settled.
    pub(super) fn look(&self, done: &Cancel) {
        loop {
            let begun = Instant::now();
            match self.queue.length() {
                Ok(length) => self.see(length),
                Err(QueueError::Denied(why)) => {
                    (self.tell)(&format!("the backlog stays unknown: {why}"));
                    return;
                }
                // The receivers say that the queue does not answer.
                Err(_) => {}
            }
            while begun.elapsed() < BACKLOG {
                if !sleep(LOOK, done) {
                    return;
                }
            }
        }
    }

    fn see(&self, length: QueueLength) {
        let mut last = self.length.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_none() && !length.redrive {
            (self.tell)(
                "warning: the queue has no dead-letter queue (RedrivePolicy): what cannot be read comes back again \
                 and again",
            );
        }
        *last = Some(length);
    }

    /// Returns what the last look at the queue saw.
    pub(super) fn length(&self) -> Option<QueueLength> {
        *self.length.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether the queue is empty, as far as anybody can say: nothing is in hand, two questions brought nothing,
    /// and by the queue's own account nothing is in other hands. Without a dead-letter queue what was given back does
    /// not count: it would come back without end. Where the account is denied, what a process that was killed had in hand
    /// is back once a lease is over.
    pub(super) fn is_empty(&self) -> bool {
        let (held, empty, back) = self.hand.counts();
        if held > 0 || empty < 2 {
            return false;
        }
        match self.queue.length() {
            Ok(length) => {
                self.see(length);
                length.waiting == 0 && length.held <= if length.redrive { 0 } else { back }
            }
            Err(QueueError::Denied(_)) => empty >= 4 && self.hand.quiet() > self.visibility,
            Err(_) => false,
        }
    }

    /// Deletes messages. Returns whether all are deleted: the run may be over before.
    pub(super) fn delete(&self, messages: &[Held]) -> Result<bool, Fatal> {
        self.change(messages, false, |several| {
            let receipts: Vec<&str> = several.iter().map(|held| held.message.receipt.as_str()).collect();
            self.queue.delete(&receipts)
        })
    }

    /// Gives messages back, each to be seen again after a time. Returns whether all are given back.
    pub(super) fn give_back(
        &self,
        messages: &[Held],
        after: impl Fn(&Held) -> Duration,
    ) -> Result<bool, Fatal> {
        let _not_extended = self.hand.extending.lock().unwrap_or_else(PoisonError::into_inner);
        self.change(messages, true, |several| {
            let receipts: Vec<_> =
                several.iter().map(|held| (held.message.receipt.as_str(), after(held))).collect();
            self.queue.hold(&receipts)
        })
    }

    fn change(
        &self,
        messages: &[Held],
        back: bool,
        ask: impl Fn(&[&Held]) -> Result<Vec<usize>, QueueError>,
    ) -> Result<bool, Fatal> {
        let asked = if back { &self.gives_back } else { &self.deletes };
        let mut left: Vec<&Held> = messages.iter().collect();
        let mut failures = 0;
        while !left.is_empty() {
            let mut again = Vec::new();
            for several in left.chunks(BATCH) {
                let failed = match self.patiently(self.over, asked, || ask(several)) {
                    Some(answer) => answer?,
                    None => return Ok(false),
                };
                let (kept, done): (Vec<_>, Vec<_>) =
                    several.iter().enumerate().partition(|(at, _)| failed.contains(at));
                self.hand.settle(done.into_iter().map(|(_, held)| *held), back);
                again.extend(kept.into_iter().map(|(_, held)| *held));
            }
            left = again;
            if !left.is_empty() {
                failures += 1;
                if !sleep(backoff(FIRST, failures), self.over) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}

/// Sleeps, unless the end comes before. Returns whether it has not come.
pub(super) fn sleep(time: Duration, end: &Cancel) -> bool {
    let begun = Instant::now();
    while !end.is_set() {
        let left = time.saturating_sub(begun.elapsed());
        if left.is_zero() {
            return true;
        }
        thread::sleep(left.min(LOOK));
    }
    false
}
