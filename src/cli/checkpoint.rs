//! `--checkpoint`: the run as the command line describes it, and the report on its checkpoint at the end.
//!
//! [`Args`] open the checkpoint before anything is read, and [`Args::begin`] compares the run with it.
//! Options are compared as they were written. Options that decide what is read and found must be equal;
//! options that decide how findings are written must be equal within an unfinished run; a few options are
//! free. An option that is not on any list is compared, since a refusal is better than two runs mixed in one
//! file.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::ArgMatches;
use clap::parser::ValueSource;
use jiff::{SignedDuration, Timestamp};

use super::values::parse_span;
use super::{UsageError, code, terminal};
use roottrail::cancel::Cancel;
use roottrail::checkpoint::{Checkpoint, CheckpointError, Continuation, Description};
use roottrail::key::selection::KeySelection;
use roottrail::printable::without_userinfo;
use roottrail::summary::Summary;

/// Options of runs that outlive their process.
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Durable runs")]
pub(super) struct Args {
    /// Note in a file what was read, so that --resume can go on after a kill, or read only what is new
    #[arg(long, value_name = "FILE", requires = "output", conflicts_with = "sort")]
    checkpoint: Option<PathBuf>,

    /// Go on with the checkpoint; without one yet, start
    #[arg(long, requires = "checkpoint")]
    resume: bool,

    /// How late an object may be delivered before its day counts as closed
    #[arg(long, value_name = "SPAN", default_value = "3d", value_parser = parse_span, requires = "checkpoint")]
    late_window: SignedDuration,

    /// Stop in order after this time, with exit code 130
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    max_duration: Option<SignedDuration>,
}

/// A run's checkpoint, and the way in which the run continues.
#[derive(Debug)]
pub(super) struct Durable {
    pub(super) checkpoint: Checkpoint,
    pub(super) plan: Continuation,
}

/// Options that decide what is read and found, although they stand under other headings.
const SCOPE: [&str; 3] = ["all_versions", "endpoint_url", "max_object_size"];
/// Options that any part of a run may have of its own. Outputs are compared separately.
const FREE: [&str; 8] =
    ["output", "also", "errors", "summary", "coverage", "manifest", "force", "fail_on_findings"];

impl Args {
    /// Returns the file, if one is asked for.
    pub(super) fn path(&self) -> Result<Option<&Path>, UsageError> {
        match self.checkpoint.as_deref() {
            Some(path) if path.as_os_str() == "-" => {
                Err(UsageError("--checkpoint needs a file, not standard output".into()))
            }
            path => Ok(path),
        }
    }

    /// Locks and reads the checkpoint, if one is asked for.
    pub(super) fn open(&self, force: bool, output: Option<&Path>) -> anyhow::Result<Option<Checkpoint>> {
        let Some(path) = &self.checkpoint else { return Ok(None) };
        let regular = output.is_some_and(|path| path.metadata().map_or(true, |metadata| metadata.is_file()));
        if !regular {
            let text =
                "--checkpoint needs --output to a regular file: what went down a pipe cannot be resumed";
            return Err(UsageError(text.into()).into());
        }
        Checkpoint::open(path, self.resume, force).map(Some).map_err(refusal)
    }

    /// Compares the run with its checkpoint.
    pub(super) fn begin(
        &self,
        mut checkpoint: Checkpoint,
        matches: &ArgMatches,
        names: &[OsString],
        outputs: Vec<(String, PathBuf)>,
        keys: &Arc<KeySelection>,
        now: Timestamp,
    ) -> anyhow::Result<Durable> {
        if names.iter().any(|name| name == "-") {
            let text = "standard input cannot be read twice: --checkpoint needs files or S3";
            return Err(UsageError(text.into()).into());
        }
        let (scope, writing) = as_written(matches);
        let run = Description {
            arguments: arguments(),
            sources: names.iter().map(|name| source_name(name)).collect(),
            scope,
            writing,
            outputs,
            keys: Arc::clone(keys),
            late_window: self.late_window,
            verifies: false,
        };
        let plan = checkpoint.begin(&run, now).map_err(refusal)?;
        Ok(Durable { checkpoint, plan })
    }

    /// Returns whether files that exist may be replaced: this run may have put them there.
    pub(super) fn replaces(&self) -> bool {
        self.resume
    }

    /// Sets the stop flag when the time is over.
    pub(super) fn stop_in_time(&self, cancel: &Cancel) -> anyhow::Result<()> {
        let time = self.max_duration.and_then(|time| Duration::try_from(time).ok());
        let Some(time) = time else { return Ok(()) };
        let cancel = cancel.clone();
        let stop = move || {
            std::thread::sleep(time);
            cancel.set();
        };
        // The thread ends with the process.
        std::thread::Builder::new().spawn(stop).context("cannot start a thread for --max-duration")?;
        Ok(())
    }
}

/// Returns the command line without the program's name, and without names and passwords in URLs.
pub(super) fn arguments() -> Vec<String> {
    std::env::args_os().skip(1).map(|argument| without_userinfo(&argument.to_string_lossy())).collect()
}

/// Returns a source as given, with the folder of a relative path: the same words elsewhere name other files.
pub(super) fn source_name(name: &OsStr) -> String {
    let text = name.to_string_lossy();
    let path = Path::new(name);
    match std::path::absolute(path) {
        Ok(absolute) if path.is_relative() && !text.starts_with("s3://") => {
            format!("{text} ({})", absolute.display())
        }
        _ => text.into_owned(),
    }
}

/// Returns the error of a refused checkpoint: one that the author of the command line can mend is a usage
/// error.
pub(super) fn refusal(error: CheckpointError) -> anyhow::Error {
    match error {
        CheckpointError::Exists { .. } | CheckpointError::Changed { .. } => {
            UsageError(error.to_string()).into()
        }
        error => error.into(),
    }
}

/// Returns the options that were given, by what they decide: what is read and found, and how that is written.
/// An unknown option counts as the latter: better to refuse than to mix two runs.
fn as_written(matches: &ArgMatches) -> (BTreeMap<String, String>, BTreeMap<String, String>) {
    use clap::CommandFactory as _;
    let (mut scope, mut writing) = (BTreeMap::new(), BTreeMap::new());
    let command = super::Cli::command();
    let Some(scan) = command.find_subcommand("scan") else { return (scope, writing) };
    for argument in scan.get_arguments() {
        let id = argument.get_id().as_str();
        let given = matches.try_contains_id(id).unwrap_or(false)
            && matches.value_source(id).is_some_and(|source| source != ValueSource::DefaultValue);
        let (Some(long), true) = (argument.get_long(), given) else { continue };
        let to = match argument.get_help_heading() {
            _ if SCOPE.contains(&id) => &mut scope,
            _ if FREE.contains(&id) => continue,
            // An unfinished run goes on with its own list of objects; a later run may have a new one.
            _ if id == "inventory" => &mut writing,
            Some("Scope" | "Filter" | "Integrity") => &mut scope,
            Some("AWS" | "Performance" | "Interface" | "Durable runs") => continue,
            Some(_) => &mut writing,
            // Sources are compared separately.
            None => continue,
        };
        let values: Vec<_> =
            matches.get_raw(id).into_iter().flatten().map(|value| value.to_string_lossy()).collect();
        to.insert(format!("--{long}"), without_userinfo(&values.join(",")));
    }
    (scope, writing)
}

/// Prints what became of the run. Returns the exit code, where the checkpoint changes it.
pub(super) fn report(durable: &Durable, summary: &Summary, quiet: bool) -> Option<u8> {
    let say = |text: &str| {
        if !quiet {
            terminal::line(&format!("roottrail: {}", terminal::plain(text)));
        }
    };
    if summary.interrupted {
        say("the checkpoint is saved: the same command with --resume goes on");
        return None;
    }
    match &durable.plan {
        Continuation::ReadNew { last } if summary.objects.scanned + summary.objects.failed == 0 => {
            say(&format!("nothing new since the run of {last}"));
            None
        }
        Continuation::LookOnly { last } => {
            let memory = durable.checkpoint.history();
            match (memory.waiting(), memory.waiting_failed()) {
                (0, 0) => {
                    say(&format!("nothing new since the run of {last}; its output stays as it is"));
                    None
                }
                (0, failed) => {
                    say(&format!(
                        "nothing new since the run of {last}; a new --output tries again what failed: \
                         {failed} objects"
                    ));
                    Some(code::INCOMPLETE)
                }
                (new, _) => {
                    terminal::line(&format!(
                        "roottrail: {new} objects to read since the run of {last}, whose output stays as it \
                         is: give a new --output for what they hold"
                    ));
                    Some(code::USAGE)
                }
            }
        }
        _ => None,
    }
}
