//! Ctrl-C and other signals that end a run.

use anyhow::Context as _;

use super::code;
use roottrail::cancel::Cancel;

/// Sets the flag at the first signal, so that the run ends in order; a second signal ends the program. No
/// other code may set this flag.
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
