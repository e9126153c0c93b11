//! `verify --checkpoint`: what was verified need not be read again.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::checkpoint::{arguments, refusal, source_name};
use super::{UsageError, terminal};
use roottrail::checkpoint::{Checkpoint, Description};
use roottrail::key::selection::KeySelection;

/// No day is ever closed: a day that holds one log that was changed is never known as a whole.
const ALL_OPEN: SignedDuration = SignedDuration::from_hours(400 * 365 * 24);

/// Options of verifications that outlive their process.
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Durable runs")]
pub(super) struct Args {
    /// Note in a file which logs were verified, so that --resume does not read them again
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,

    /// Go on with the checkpoint; without one yet, start
    #[arg(long, requires = "checkpoint")]
    resume: bool,
}

impl Args {
    /// Locks and reads the checkpoint, if one is asked for.
    pub(super) fn begin(
        &self,
        names: &[OsString],
        keys: &Arc<KeySelection>,
        force: bool,
        now: Timestamp,
    ) -> anyhow::Result<Option<Checkpoint>> {
        let Some(path) = &self.checkpoint else { return Ok(None) };
        if path.as_os_str() == "-" {
            return Err(UsageError("--checkpoint needs a file, not standard output".into()).into());
        }
        let mut checkpoint = Checkpoint::open(path, self.resume, force).map_err(refusal)?;
        let run = Description {
            arguments: arguments(),
            sources: names.iter().map(|name| source_name(name)).collect(),
            // What was verified is, whatever the time and the keys of the next run. A scan's checkpoint is none of ours.
            scope: [("verify".to_owned(), "given".to_owned())].into(),
            keys: Arc::clone(keys),
            late_window: ALL_OPEN,
            verifies: true,
            ..Description::default()
        };
        checkpoint.begin(&run, now).map_err(refusal)?;
        Ok(Some(checkpoint))
    }
}

/// Closes the checkpoint of a run whose result is written.
pub(super) fn finish(checkpoint: Option<Checkpoint>, interrupted: bool, quiet: bool) -> anyhow::Result<()> {
    let Some(checkpoint) = checkpoint else { return Ok(()) };
    if !interrupted {
        checkpoint.finish()?;
    } else if !quiet {
        terminal::line("roottrail: the checkpoint is saved: the same command with --resume goes on");
    }
    Ok(())
}
