//! `roottrail verify`: whether logs are what CloudTrail delivered.
//!
//! The sources are listed twice, once for digests and once for logs, by the two runs of
//! [`roottrail::pipeline::verify`]. The result is printed as a table, as one JSON document, or as a line for
//! each problem. The public keys come from [`super::keys`]. The exit code says whether a log or a digest
//! failed, or only could not be read.

use std::ffi::OsString;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use clap::ValueEnum;
use jiff::Timestamp;

use super::progress::{Progress, ProgressChoice};
use super::values::how_many;
use super::{
    UsageError, aws, checkpoint, code, keys, outputs, selection, signals, sources, terminal,
    verify_checkpoint, verify_text,
};
use roottrail::cancel::Cancel;
use roottrail::key::selection::KeySelection;
use roottrail::output::Outputs;
use roottrail::output::file::OutFile;
use roottrail::pipeline::verify::{hash_logs, read_digests};
use roottrail::scan::options::{Job, ScanOptions};
use roottrail::source::disk::Taken;
use roottrail::summary::Summary;
use roottrail::verify::{RunFacts, Verification, Verifier};

/// Logs in other buckets that are asked for at a time.
const MANY: usize = 10_000;

/// Arguments of `verify`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// s3://bucket[/prefix] or a directory that holds both digests and logs
    #[arg(value_name = "SOURCE", required_unless_present = "objects_from")]
    sources: Vec<OsString>,

    /// Read sources from a file, one per line; - is standard input
    #[arg(long, value_name = "FILE")]
    objects_from: Option<PathBuf>,

    #[command(flatten)]
    scope: selection::ScopeArgs,

    #[command(flatten)]
    keys: keys::Args,

    /// Read logs that sound digests name in other buckets from there
    #[arg(long, help_heading = "Integrity")]
    follow_buckets: bool,

    #[command(flatten)]
    aws: aws::Args,

    #[command(flatten)]
    durable: verify_checkpoint::Args,

    /// Worker threads [default: all cores]
    #[arg(long, value_name = "N", value_parser = how_many, help_heading = "Performance")]
    threads: Option<NonZeroUsize>,

    /// What one object may inflate to; a larger one is an error
    #[arg(long, value_name = "SIZE", default_value = "2GiB", value_parser = super::values::size, help_heading = "Performance")]
    max_object_size: u64,

    /// How to print the result
    #[arg(short, long, value_enum, default_value = "table", help_heading = "Output")]
    format: Format,

    /// Write the result to a file instead of standard output, which is -
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    output: Option<PathBuf>,

    /// Write one JSON line for each object that could not be read
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    errors: Option<PathBuf>,

    /// Replace output files that exist
    #[arg(long, help_heading = "Output")]
    force: bool,

    /// Show progress
    #[arg(long, value_name = "WHEN", default_value = "auto", help_heading = "Interface")]
    progress: ProgressChoice,

    /// Write nothing to standard error but what ends the run
    #[arg(short, long, conflicts_with = "verbose", help_heading = "Interface")]
    quiet: bool,

    /// Name what is sound as well, and every error
    #[arg(short, long, help_heading = "Interface")]
    verbose: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// One document for machines
    Json,
    /// A line for each problem, and with --verbose for each digest and log
    Ndjson,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let started = Instant::now();
    let names = sources::source_names(&args.sources, args.objects_from.as_deref(), &Cancel::new())?;
    if names.iter().any(|name| name == "-") {
        let text = "standard input is one document and has no digests: give a directory or s3://bucket";
        return Err(UsageError(text.into()).into());
    }
    let cancel = Cancel::new();
    signals::stop_on_signals(&cancel)?;
    let now = Timestamp::now();
    let (scope, range) = args.scope.keys(now)?;
    let (scope, digests) = (Arc::new(scope.clone()), Arc::new(scope.digests()));
    let mut checkpoint = args.durable.begin(&names, &scope, args.force, now)?;
    let create = |path: &PathBuf| match path.as_os_str() == "-" {
        true => OutFile::stdout(&cancel),
        false => OutFile::create_until(path, args.force, &cancel),
    };
    let places = args.output.iter().chain(&args.errors).map(PathBuf::as_path).chain(args.keys.saved());
    let places: Vec<&Path> = places.filter(|path| outputs::is_file(path)).collect();
    outputs::apart(places.iter().copied())?;
    let taken = outputs::taken(places.into_iter());
    let keys: Vec<_> = args.keys.read().map(|path| path.as_os_str().to_owned()).collect();
    sources::refuse_taken(&taken, &[&names[..], &keys[..]].concat(), args.objects_from.as_deref())?;
    // Outputs first: a bad path should fail before anything is read.
    let out = args.output.as_ref().map_or_else(|| OutFile::stdout(&cancel), create)?;
    let errors = args.errors.as_ref().map(create).transpose()?;
    let mut errors = Outputs::new(Vec::new(), errors, false);
    let public_keys = args.keys.open(&args.aws, args.force)?;
    let mut verifier = Verifier::new(public_keys.source(), range, Arc::clone(&scope), now, args.verbose);
    let threads =
        args.threads.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
    let options = ScanOptions {
        max_object_size: args.max_object_size,
        sha256: false,
        job: Job::Hash,
        threads,
        cancel: cancel.clone(),
    };
    let mut progress = Progress::new(args.progress, args.quiet, args.verbose);
    let first = sources::sources(&names, &args.aws, &digests, &taken, args.quiet)?;
    if let Some(session) = &first.session {
        session.on_event(progress.voice());
    }
    // A run that met its own output was stopped by that, and has no account.
    let read = read_digests(&mut verifier, first.sources, &options, &mut errors, &mut progress);
    sources::refuse_met(&taken)?;
    let read = read?;
    let mut summary = Summary { interrupted: read.interrupted, ..Summary::default() };
    if !read.interrupted {
        let second = sources::sources(&names, &args.aws, &scope, &taken, args.quiet)?;
        if let Some(session) = &second.session {
            session.on_event(progress.voice());
        }
        let known = checkpoint.as_mut();
        let hashed = hash_logs(&mut verifier, known, second.sources, &options, &mut errors, &mut progress);
        sources::refuse_met(&taken)?;
        summary = hashed?;
        if args.follow_buckets {
            let mut read = Reading { options: &options, errors: &mut errors, progress: &mut progress };
            read.other_buckets(args, &mut verifier, &scope, &mut summary)?;
        }
    }
    progress.finish();
    outputs::closing(errors.finish(), &mut summary)?;
    let read_whole = !summary.interrupted && summary.unlisted == 0;
    let result = verifier.finish(read_whole)?;
    let facts = RunFacts {
        start: range.start,
        end: range.end,
        arguments: checkpoint::arguments(),
        elapsed_seconds: started.elapsed().as_secs_f64(),
        bytes: (summary.bytes.compressed, summary.bytes.uncompressed),
        exit_code: exit_code(&summary, result, read_whole),
        read_whole,
    };
    public_keys.save(args.quiet)?;
    let mut out = Printed(out, Vec::new());
    print(args, result, &facts, &mut out)?;
    out.flush()?;
    outputs::closing(out.0.finish(), &mut summary)?;
    verify_checkpoint::finish(checkpoint, summary.interrupted, args.quiet)?;
    if !args.quiet && args.format != Format::Table {
        terminal::line(&verify_text::closing(result));
    }
    Ok(ExitCode::from(if summary.closed { code::COMPLETE } else { facts.exit_code }))
}

/// What a pass over logs needs beside its sources.
struct Reading<'r> {
    options: &'r ScanOptions,
    errors: &'r mut Outputs,
    progress: &'r mut Progress,
}

impl Reading<'_> {
    /// Reads the logs that digests name in other buckets, by their keys: nothing is listed there but they.
    fn other_buckets(
        &mut self,
        args: &Args,
        verifier: &mut Verifier,
        scope: &Arc<KeySelection>,
        summary: &mut Summary,
    ) -> anyhow::Result<()> {
        let mut day = 0;
        while let Some(uris) = verifier.elsewhere(day)?.filter(|_| !summary.interrupted) {
            day += 1;
            for some in uris.chunks(MANY) {
                let names: Vec<OsString> = some.iter().map(OsString::from).collect();
                let opened = sources::sources(&names, &args.aws, scope, &Taken::default(), args.quiet)?;
                if let Some(session) = &opened.session {
                    session.on_event(self.progress.voice());
                }
                let more =
                    hash_logs(verifier, None, opened.sources, self.options, self.errors, self.progress)?;
                summary.interrupted |= more.interrupted;
                summary.unlisted += more.unlisted;
                summary.bytes.compressed += more.bytes.compressed;
                summary.bytes.uncompressed += more.bytes.uncompressed;
            }
        }
        Ok(())
    }
}

fn exit_code(summary: &Summary, result: &Verification, read_whole: bool) -> u8 {
    let nothing = result.digests == Default::default();
    if summary.interrupted {
        code::INTERRUPTED
    } else if result.failures > 0 {
        code::INTEGRITY
    } else if result.unread > 0 || !read_whole {
        code::INCOMPLETE
    } else if nothing {
        code::NOTHING
    } else {
        code::COMPLETE
    }
}

fn print(args: &Args, result: &mut Verification, facts: &RunFacts, out: &mut dyn Write) -> io::Result<()> {
    match args.format {
        Format::Table => verify_text::table(result, facts, args.verbose, out),
        Format::Json => result.write_json(facts, out),
        Format::Ndjson => {
            result.problems.each(|line| writeln!(out, "{line}"))?;
            if args.verbose { result.notes.each(|line| writeln!(out, "{line}")) } else { Ok(()) }
        }
    }
}

/// An output that text is written to piece by piece.
struct Printed(OutFile, Vec<u8>);

impl Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.1.extend_from_slice(bytes);
        if self.1.len() > 1 << 16 {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        use roottrail::output::sink::SinkError;
        let written = self.0.write(&self.1);
        self.1.clear();
        match written {
            Ok(()) => Ok(()),
            Err(SinkError::Closed) => Err(io::ErrorKind::BrokenPipe.into()),
            Err(SinkError::Failed(fatal)) => Err(io::Error::other(fatal)),
        }
    }
}
