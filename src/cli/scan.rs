//! `roottrail scan`: arguments to a run, a run to an exit code.
//!
//! The order of the steps matters. Arguments are checked and the stop flag is set up first; then the
//! checkpoint, the outputs and the sources are opened, so that a mistake ends the command before anything is
//! read. With `--verify-digests` the digests are read before the logs. After [`Run::execute`] the outputs are
//! put in place, then the summary, the coverage file and the manifest are written, and the checkpoint is
//! finished last. The exit code follows from the summary alone.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::ArgMatches;
use jiff::Timestamp;

use super::closing::{Ending, warn_of_empty};
use super::event_names::Watched;
use super::highlights_text::Where;
use super::progress::{Progress, ProgressChoice};
use super::sources::{Opened, refuse_met, refuse_taken, s3_uri, source_names, sources};
use super::terminal::{self, ColorChoice};
use super::values::{how_many, size};
use super::{aws, checkpoint, closed, code, keys, nothing, outputs, selection, signals, summary_text};
use roottrail::cancel::Cancel;
use roottrail::checkpoint::Checkpoint;
use roottrail::finding::Severity;
use roottrail::key::days::TimeRange;
use roottrail::output::manifest::Manifest;
use roottrail::output::sink::Sink;
use roottrail::pipeline::Run;
use roottrail::pipeline::verify::{self, Verifying, read_digests};
use roottrail::scan::options::{Job, ScanOptions};
use roottrail::source::s3::S3Session;
use roottrail::verify::Verifier;

/// Arguments of `scan`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// s3://bucket[/prefix], a directory, a file, or - for one document on standard input
    #[arg(value_name = "SOURCE", required_unless_present = "objects_from")]
    sources: Vec<OsString>,

    /// Read sources from a file, one per line; - is standard input
    #[arg(long, value_name = "FILE")]
    objects_from: Option<PathBuf>,

    #[command(flatten)]
    selection: selection::Args,

    /// Check digests first, and every log against them: findings say what their log proved to be
    #[arg(long, help_heading = "Integrity")]
    verify_digests: bool,

    #[command(flatten)]
    keys: keys::Args,

    #[command(flatten)]
    aws: aws::Args,

    /// Worker threads [default: all cores]
    #[arg(long, value_name = "N", value_parser = how_many, help_heading = "Performance")]
    threads: Option<NonZeroUsize>,

    /// What one object may inflate to; a larger one is an error
    #[arg(long, value_name = "SIZE", default_value = "2GiB", value_parser = size, help_heading = "Performance")]
    max_object_size: u64,

    #[command(flatten)]
    outputs: outputs::Args,

    #[command(flatten)]
    durable: checkpoint::Args,

    /// Exit with 10 where findings were written [of this severity or above]
    #[arg(long, value_name = "SEVERITY", num_args = 0..=1, require_equals = true, default_missing_value = "low", value_parser = closed::choice::<Severity>(), help_heading = "Output")]
    fail_on_findings: Option<Severity>,

    /// Show progress
    #[arg(long, value_name = "WHEN", default_value = "auto", help_heading = "Interface")]
    progress: ProgressChoice,

    /// A habit: --progress never
    #[arg(long, hide = true, conflicts_with = "progress", help_heading = "Interface")]
    no_progress: bool,

    /// Colour the closing summary
    #[arg(long, value_name = "WHEN", default_value = "auto", help_heading = "Interface")]
    color: ColorChoice,

    /// Write nothing to standard error but what ends the run
    #[arg(short, long, conflicts_with = "verbose", help_heading = "Interface")]
    quiet: bool,

    /// Show every error, not only the first 100, and latencies beside the progress
    #[arg(short, long, help_heading = "Interface")]
    verbose: bool,
}

pub(super) fn run(args: &Args, matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let further: Vec<&Path> = args.durable.path()?.into_iter().chain(args.keys.saved()).collect();
    args.outputs.check(args.durable.path()?, &further)?;
    let screen = outputs::Screen { person: args.outputs.for_a_person(matches), color: args.color };
    args.outputs.check_order(screen)?;
    let asked = Cancel::new();
    // The end of the time is no signal: the first signal after it still lets the run end in order.
    let cancel = asked.part();
    args.durable.stop_in_time(&cancel)?;
    // A list may take its time; until it is there, a signal simply ends the program.
    let names = match source_names(&args.sources, args.objects_from.as_deref(), &cancel) {
        Err(_) if cancel.is_set() => return Ok(ExitCode::from(code::INTERRUPTED)),
        names => names?,
    };
    signals::stop_on_signals(&asked)?;
    let checkpoint = args.durable.open(args.outputs.force, args.outputs.output())?;
    let now = Timestamp::now();
    let started = checkpoint.as_ref().and_then(Checkpoint::started).unwrap_or(now);
    let selection = args.selection.select(started)?;
    let keys = Arc::new(selection.keys.clone());
    if keys.leaves_out_sign_ins() && !args.quiet {
        terminal::line(
            "roottrail: warning: --trail-region leaves out us-east-1, where root's sign-ins are recorded",
        );
    }
    let taken = args.outputs.taken(&further);
    let key_files: Vec<_> = args.keys.read().map(|path| path.as_os_str().to_owned()).collect();
    refuse_taken(&taken, &[&names[..], &key_files[..]].concat(), args.objects_from.as_deref())?;
    let begin =
        |checkpoint| args.durable.begin(checkpoint, matches, &names, args.outputs.growing(), &keys, now);
    let mut durable = checkpoint.map(begin).transpose()?;
    // Outputs first: a bad path should fail before anything is read.
    let plan = durable.as_ref().map(|durable| &durable.plan);
    let (mut outputs, mut files) = match args.outputs.open(plan, args.durable.replaces(), screen, &cancel) {
        // A pipe that nobody read kept the run waiting until the stop.
        Err(_) if cancel.is_set() => return Ok(ExitCode::from(code::INTERRUPTED)),
        opened => opened?,
    };
    let Opened { sources, session, as_of } = sources(&names, &args.aws, &keys, &taken, args.quiet)?;
    if let (Some(durable), Some(as_of)) = (&mut durable, as_of) {
        durable.checkpoint.listed_as_of(as_of);
    }
    // A run that goes on keeps the command line that it began with.
    let arguments = match &durable {
        Some(durable) => durable.checkpoint.arguments().to_vec(),
        None => checkpoint::arguments(),
    };
    for path in files.left.iter().filter(|_| !args.quiet) {
        let path = path.display().to_string();
        terminal::line(&format!(
            "roottrail: removed {}, which a killed run had left",
            terminal::plain(&path)
        ));
    }
    let sha256 = files.manifest.is_some();
    if let Some(file) = files.manifest.take() {
        let identity = session.as_ref().map_or(serde_json::Value::Null, aws::identity);
        outputs.note_objects(Manifest::begin(file, &arguments, &identity).map_err(outputs::unwritable)?);
    }
    let threads =
        args.threads.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
    let progress = if args.no_progress { ProgressChoice::Never } else { args.progress };
    let job = if args.verify_digests { Job::ScanAndHash } else { Job::Scan };
    let options = ScanOptions { max_object_size: args.max_object_size, sha256, job, threads, cancel };
    let mut progress = Progress::new(progress, args.quiet, args.verbose);
    if let Some(session) = &session {
        session.on_event(progress.voice());
    }
    let public_keys =
        args.verify_digests.then(|| args.keys.open(&args.aws, args.outputs.force)).transpose()?;
    let mut verifier = match &public_keys {
        Some(public_keys) => {
            // The range is open: a finding's log may have been delivered on another day than its event.
            let range = TimeRange::default();
            let mut verifier = Verifier::new(public_keys.source(), range, Arc::clone(&keys), now, false);
            let names: Vec<_> = names.iter().filter(|name| *name != "-").cloned().collect();
            let digests =
                super::sources::sources(&names, &args.aws, &Arc::new(keys.digests()), &taken, args.quiet)?;
            read_digests(&mut verifier, digests.sources, &options, &mut outputs, &mut progress)?;
            Some(verifier)
        }
        None => None,
    };
    let checkpoint = durable.as_mut().map(|durable| &mut durable.checkpoint);
    let mut verifying;
    let sink: &mut dyn Sink = match &mut verifier {
        Some(verifier) => {
            verifying = Verifying { verifier, sink: &mut outputs };
            &mut verifying
        }
        None => &mut outputs,
    };
    let watched = Watched::new(&selection.filter);
    let run = Run {
        sources,
        options: &options,
        checkpoint,
        trusted: &selection.trusted,
        keep: &watched,
        sink,
        observer: &mut progress,
    };
    let mut result = run.execute();
    if let (Some(verifier), Ok(summary)) = (&mut verifier, &mut result) {
        let closed = verify::close(verifier, summary, &mut outputs, &mut progress);
        outputs::closing(closed, summary)?;
    }
    if let Some(public_keys) = public_keys {
        public_keys.save(args.quiet)?;
    }
    progress.finish();
    for note in session.as_ref().map(S3Session::take_notes).unwrap_or_default() {
        if !args.quiet {
            terminal::line(&format!("roottrail: {}", terminal::plain(&note)));
        }
    }
    refuse_met(&taken)?;
    let mut summary = match result {
        Ok(summary) => summary,
        Err(fatal) => {
            // The output up to here is whole lines, and worth having. With a checkpoint it waits beside its
            // place for the run to go on.
            if durable.is_none() {
                let _first_error_counts = outputs.finish();
            }
            return Err(fatal.into());
        }
    };
    let ending = Ending { args: &args.outputs, arguments: &arguments, fail_on: args.fail_on_findings };
    let exit = ending.write(outputs, files, &mut summary, &options.cancel)?;
    if !args.quiet {
        warn_of_empty(&summary, &names);
    }
    // A run that goes on does not know what came before.
    for name in watched.never_met().filter(|_| !args.quiet && !args.durable.replaces()) {
        let text = format!("roottrail: warning: --event-name {name}: no event of root's has this name");
        terminal::line(&terminal::plain(&text));
    }
    for (extension, n, first) in summary.other_names.iter().filter(|_| args.verbose) {
        let names = if extension.is_empty() { "names without extension" } else { extension };
        let text = format!("roottrail: {n} {names} not read, the first is {first}");
        terminal::line(&terminal::plain(&text));
    }
    if !args.quiet && !summary.closed {
        if screen.person && summary.findings.written > 0 {
            terminal::line("roottrail: -f ndjson prints findings whole, -o FILE writes them to a file\n");
        }
        let only = match &names[..] {
            [name] if name != "-" && s3_uri(name).is_none() => name.to_str(),
            _ => None,
        };
        let place = Where::of(args.outputs.ndjson(), only);
        let nothing = match summary.nothing_matched() && summary.complete() {
            true => nothing::why(&summary, &names, session.as_ref()),
            false => String::new(),
        };
        terminal::line(&summary_text::text(&summary, &place, args.color.on_stderr(), &nothing));
    }
    let mut incomplete = None;
    if let Some(durable) = durable {
        incomplete = checkpoint::report(&durable, &summary, args.quiet);
        if !summary.interrupted {
            durable.checkpoint.finish()?;
        }
    }
    Ok(ExitCode::from(incomplete.unwrap_or(exit)))
}

impl Args {
    pub(super) fn writes_to_stdout(&self) -> bool {
        self.outputs.write_to_stdout()
    }
}
