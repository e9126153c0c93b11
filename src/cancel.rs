//! The stop flag that Ctrl-C, a closed pipe or a failing output sets and every loop looks at.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A flag shared by all threads of a run. Once set it stays set.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<Flag>);

#[derive(Debug, Default)]
struct Flag {
    set: AtomicBool,
    whole: Option<Cancel>,
}

impl Cancel {
    /// Returns a flag that is not set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns a flag for a part of the run, which is set by itself or with the whole run.
    #[must_use]
    pub fn part(&self) -> Self {
        Self(Arc::new(Flag { set: AtomicBool::new(false), whole: Some(self.clone()) }))
    }

    /// Asks every thread of the run to stop at its next look.
    pub fn set(&self) {
        self.0.set.store(true, Ordering::Relaxed);
    }

    /// Returns whether the run has been asked to stop.
    pub fn is_set(&self) -> bool {
        let mut flag = &*self.0;
        loop {
            if flag.set.load(Ordering::Relaxed) {
                return true;
            }
            match &flag.whole {
                Some(whole) => flag = &whole.0,
                None => return false,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_stops_by_itself_or_with_the_whole() {
        let user = Cancel::new();
        let run = user.part();
        let part = run.part();
        run.set();
        assert_eq!([&user, &run, &part].map(Cancel::is_set), [false, true, true]);
        let other = user.part().part();
        user.set();
        assert!(other.is_set());
    }
}
