//! Waiting for events. No test waits for a while and hopes that something has happened by then.

use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

/// How long an event may take before a test calls it a hang. A dozen busy processes on the same core do not make
/// anything here take as long.
pub(crate) const LAST_RESORT: Duration = Duration::from_secs(600);

/// Between two looks at what is waited for.
const LOOK: Duration = Duration::from_millis(5);

/// Waits until something holds.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < LAST_RESORT, "{what}: not within {LAST_RESORT:?}");
        thread::sleep(LOOK);
    }
}

/// Waits until something holds, while the program runs. Where it ends before that, the event never comes.
pub(crate) fn until_running(child: &mut Child, what: &str, mut holds: impl FnMut() -> bool) {
    until(what, || {
        let ended = child.try_wait().unwrap();
        let held = holds();
        assert!(held || ended.is_none(), "it ended before {what}: {ended:?}");
        held
    });
}

/// Waits for the program's end, or kills it and fails. What it writes must fit into its pipes.
pub(crate) fn ended(child: &mut Child) -> Option<i32> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if begun.elapsed() > LAST_RESORT {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("it did not end within {LAST_RESORT:?}");
        }
        thread::sleep(LOOK);
    }
}
