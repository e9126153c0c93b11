//! Ctrl-C and its kin.

use anyhow::Context as _;

use super::code;
use roottrail::cancel::Cancel;

/// The first signal sets the flag, and so ends the run in order; a second one ends the program. Nothing else may
/// set this flag.
pub(super) fn stop_on_signals(cancel: &Cancel) -> anyhow::Result<()> {
    let cancel = cancel.clone();
    ctrlc::set_handler(move || {
        if cancel.is_set() {
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
