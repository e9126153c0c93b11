//! Ctrl-C and its kin.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;

use super::code;
use roottrail::cancel::Cancel;

/// The first signal ends the run in order; a second one ends the program.
pub(super) fn stop_on_signals(cancel: &Cancel) -> anyhow::Result<()> {
    let cancel = cancel.clone();
    // Not the flag: a run sets that itself when it ends, and a first signal must not cut that short.
    let told = AtomicBool::new(false);
    ctrlc::set_handler(move || {
        if told.swap(true, Ordering::Relaxed) {
            #[expect(
                clippy::disallowed_methods,
                reason = "the user asked twice: nothing is to be put in place"
            )]
            std::process::exit(code::INTERRUPTED.into());
        }
        cancel.set();
    })
    .context("cannot handle signals")
}
