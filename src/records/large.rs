//! Large values take turns.
//!
//! CloudTrail writes no event longer than a megabyte, but an object may hold one of 64 MiB, or inflate to
//! one. Reading and judging such a value takes some copies of it. Only one thread at a time has a turn at a
//! large value, so that the memory of a run does not depend on how many threads meet one at the same time;
//! the others wait until that thread is done with its object. A thread that has the turn never waits for
//! another one that may want it.

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::{Condvar, Mutex, PoisonError};

/// Values up to this size, as long as the longest event of CloudTrail, are read by all threads at the same time.
pub const LARGE: usize = 1 << 20;

static TAKEN: Mutex<bool> = Mutex::new(false);
static FREE: Condvar = Condvar::new();

thread_local! {
    /// Turns that this thread holds, of which the first one counts.
    static HELD: Cell<usize> = const { Cell::new(0) };
}

/// The turn of this thread, until it is dropped.
#[derive(Debug)]
pub struct Turn(PhantomData<*const ()>);

impl Turn {
    /// Waits for the turn. A thread that has the turn gets it once more at once.
    pub fn take() -> Self {
        HELD.with(|held| {
            if held.get() == 0 {
                // A thread that panicked has given its turn back as well.
                let taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
                *FREE.wait_while(taken, |taken| *taken).unwrap_or_else(PoisonError::into_inner) = true;
            }
            held.set(held.get() + 1);
        });
        Self(PhantomData)
    }

    /// Takes the turn for a value that is large; `None` for any other.
    pub fn for_size(size: usize) -> Option<Self> {
        (size > LARGE).then(Self::take)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        HELD.with(|held| {
            held.set(held.get() - 1);
            if held.get() == 0 {
                *TAKEN.lock().unwrap_or_else(PoisonError::into_inner) = false;
                FREE.notify_one();
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    #[test]
    fn one_thread_at_a_time_has_its_turn() {
        let (inside, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let _turn = Turn::take();
                        let _again = Turn::for_size(LARGE + 1);
                        most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(most.into_inner(), 1);
        assert!(Turn::for_size(LARGE).is_none());
    }
}
