//! `roottrail scan`: arguments to a run, a run to an exit code.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead as _};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;

use super::progress::{Progress, ProgressChoice};
use super::terminal::{self, ColorChoice};
use super::{UsageError, aws, code, selection, summary_text};
use roottrail::cancel::Cancel;
use roottrail::choice::Choice as _;
use roottrail::finding::Severity;
use roottrail::format::{self, FormatName};
use roottrail::keyscope::KeyScope;
use roottrail::output::file::OutFile;
use roottrail::output::{FindingFile, Outputs};
use roottrail::pipeline::{self, SinkError};
use roottrail::scan::object::ScanOptions;
use roottrail::source::Source;
use roottrail::source::disk::{DiskSource, StdinSource};
use roottrail::summary::Summary;

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

    #[command(flatten)]
    aws: aws::Args,

    /// Worker threads [default: all cores]
    #[arg(long, value_name = "N", help_heading = "Performance")]
    threads: Option<NonZeroUsize>,

    /// What one object may inflate to; a larger one is an error
    #[arg(long, value_name = "SIZE", default_value = "2GiB", value_parser = size, help_heading = "Performance")]
    max_object_size: u64,

    /// Write findings to a file instead of standard output
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    output: Option<PathBuf>,

    /// The format of the findings
    #[arg(short, long, value_name = "FORMAT", default_value = "ndjson", value_parser = format_name, help_heading = "Output")]
    format: FormatName,

    /// Write the findings in a further format, to a file
    #[arg(long, value_name = "FORMAT:FILE", value_parser = also, help_heading = "Output")]
    also: Vec<(FormatName, PathBuf)>,

    #[command(flatten)]
    format_options: super::format_options::Args,

    /// Replace output files that exist
    #[arg(long, help_heading = "Output")]
    force: bool,

    /// Leave the record out of the findings
    #[arg(long, help_heading = "Output")]
    no_raw: bool,

    /// Write one JSON line for each object or record that could not be read
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    errors: Option<PathBuf>,

    /// Write the account of the run as JSON
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    summary: Option<PathBuf>,

    /// Exit with 10 where findings were written [of this severity or above]
    #[arg(long, value_name = "SEVERITY", num_args = 0..=1, require_equals = true, default_missing_value = "low", value_parser = Severity::parse, help_heading = "Output")]
    fail_on_findings: Option<Severity>,

    /// Show progress
    #[arg(long, value_name = "WHEN", default_value = "auto", help_heading = "Interface")]
    progress: ProgressChoice,

    /// Colour the closing summary
    #[arg(long, value_name = "WHEN", default_value = "auto", help_heading = "Interface")]
    color: ColorChoice,

    /// Write nothing to standard error but what ends the run
    #[arg(short, long, conflicts_with = "verbose", help_heading = "Interface")]
    quiet: bool,

    /// Show every error, not only the first 100
    #[arg(short, long, help_heading = "Interface")]
    verbose: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let cancel = Cancel::new();
    stop_on_signals(&cancel)?;
    let names = source_names(&args.sources, args.objects_from.as_deref())?;
    let selection = args.selection.select(jiff::Timestamp::now())?;
    let keys = Arc::new(selection.keys.clone());
    if keys.leaves_out_sign_ins() && !args.quiet {
        terminal::line(
            "roottrail: warning: --trail-region leaves out us-east-1, where root's sign-ins are recorded",
        );
    }
    // Outputs first: a bad path should fail before anything is read.
    let (mut outputs, summary_file) = outputs(args)?;
    let sources = sources(&names, args, &keys)?;
    let threads =
        args.threads.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
    let options = ScanOptions { max_object_size: args.max_object_size, threads, cancel };
    let mut progress = Progress::new(args.progress, args.quiet, args.verbose);
    let result = pipeline::run(sources, &options, &selection, &mut outputs, &mut progress);
    progress.finish();
    let mut summary = match result {
        Ok(summary) => summary,
        Err(fatal) => {
            // What was written up to here is whole lines, and worth having.
            let _first_error_counts = outputs.finish();
            return Err(fatal.into());
        }
    };
    closing(outputs.finish(), &mut summary)?;

    let exit = exit_code(&summary, args.fail_on_findings);
    if let Some(mut file) = summary_file {
        let arguments: Vec<String> =
            std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned()).collect();
        let mut text = serde_json::to_vec_pretty(&summary.to_json(exit, &arguments))?;
        text.push(b'\n');
        closing(file.write(&text).and_then(|()| file.finish()), &mut summary)?;
    }
    if !args.quiet && !summary.closed {
        terminal::line(&summary_text::text(&summary, args.color.on_stderr()));
    }
    Ok(ExitCode::from(exit))
}

/// A reader that has gone is no error; anything else is.
fn closing(result: Result<(), SinkError>, summary: &mut Summary) -> anyhow::Result<()> {
    match result {
        Ok(()) => Ok(()),
        Err(SinkError::Closed) => {
            summary.closed = true;
            Ok(())
        }
        Err(SinkError::Failed(fatal)) => Err(fatal.into()),
    }
}

fn exit_code(summary: &Summary, fail_on: Option<Severity>) -> u8 {
    let serious = |least| summary.by_severity.range(least..).any(|(_, &n)| n > 0);
    if summary.closed {
        code::COMPLETE
    } else if summary.interrupted {
        code::INTERRUPTED
    } else if !summary.complete() {
        code::INCOMPLETE
    } else if summary.nothing_matched() {
        code::NOTHING
    } else if fail_on.is_some_and(serious) {
        code::FINDINGS
    } else {
        code::COMPLETE
    }
}

/// The first signal ends the run in order; a second one ends the program.
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

/// The sources named on the command line and in the list, in this order.
pub(super) fn source_names(sources: &[OsString], list: Option<&Path>) -> anyhow::Result<Vec<OsString>> {
    let mut names = sources.to_vec();
    let Some(list) = list else { return Ok(names) };
    let from_stdin = list.as_os_str() == "-";
    if from_stdin && names.iter().any(|name| name == "-") {
        return Err(
            UsageError("standard input cannot be both a source and the list of sources".into()).into()
        );
    }
    let context = || format!("cannot read {}", list.display());
    let reader: Box<dyn io::BufRead> = if from_stdin {
        Box::new(io::stdin().lock())
    } else {
        Box::new(io::BufReader::new(std::fs::File::open(list).with_context(context)?))
    };
    for line in reader.split(b'\n') {
        let mut line = line.with_context(context)?;
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        if !line.is_empty() {
            names.push(os_string(line)?);
        }
    }
    Ok(names)
}

#[cfg(unix)]
fn os_string(bytes: Vec<u8>) -> anyhow::Result<OsString> {
    use std::os::unix::ffi::OsStringExt as _;
    Ok(OsString::from_vec(bytes))
}

#[cfg(not(unix))]
fn os_string(bytes: Vec<u8>) -> anyhow::Result<OsString> {
    Ok(String::from_utf8(bytes).context("a source in the list is not UTF-8")?.into())
}

fn sources(names: &[OsString], args: &Args, keys: &Arc<KeyScope>) -> anyhow::Result<Vec<Box<dyn Source>>> {
    let mut session = aws::Session::new(&args.aws, Arc::clone(keys));
    let mut stdin = false;
    names
        .iter()
        .map(|name| -> anyhow::Result<Box<dyn Source>> {
            if name == "-" {
                if std::mem::replace(&mut stdin, true) {
                    return Err(UsageError("standard input can be read only once".into()).into());
                }
                return Ok(Box::new(StdinSource));
            }
            match s3_uri(name) {
                Some(uri) => session.open(uri),
                None => Ok(Box::new(DiskSource::new(name).within(Arc::clone(keys)))),
            }
        })
        .collect()
}

pub(super) fn s3_uri(name: &OsStr) -> Option<&str> {
    name.to_str().filter(|name| name.starts_with("s3://"))
}

/// Of two outputs in one file, the one that is put in place last would be all that is left.
fn check_places(args: &Args) -> Result<(), UsageError> {
    let also = args.also.iter().map(|(_, path)| path);
    let mut places = BTreeSet::new();
    for path in args.output.iter().chain(also).chain(&args.errors).chain(&args.summary) {
        let shared = path.metadata().is_ok_and(|metadata| !metadata.is_file());
        if !shared && !places.insert(place(path)) {
            return Err(UsageError(format!("{} is named for two outputs", path.display())));
        }
    }
    Ok(())
}

/// Where a file is, or will be, however its path is spelled.
fn place(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_new| {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = folder.canonicalize().unwrap_or_else(|_missing| folder.to_owned());
        path.file_name().map_or(folder.clone(), |name| folder.join(name))
    })
}

fn outputs(args: &Args) -> anyhow::Result<(Outputs, Option<OutFile>)> {
    check_places(args)?;
    let options = args.format_options.options()?;
    let create = |path: &Path| OutFile::create(path, args.force);
    let first = match &args.output {
        Some(path) => create(path)?,
        None => OutFile::stdout(),
    };
    let mut findings = Vec::new();
    let further = args.also.iter().map(|(name, path)| create(path).map(|file| (*name, file)));
    for file in std::iter::once(Ok((args.format, first))).chain(further) {
        let (name, file) = file?;
        let format = format::create(name, &options);
        if args.no_raw && format.needs_record() {
            let text = format!("--no-raw leaves the record out, and the format {name} carries it");
            return Err(UsageError(text).into());
        }
        findings.push(FindingFile::new(format, file).map_err(|error| match error {
            SinkError::Failed(fatal) => anyhow::Error::from(fatal),
            SinkError::Closed => io::Error::from(io::ErrorKind::BrokenPipe).into(),
        })?);
    }
    let errors = args.errors.as_deref().map(create).transpose()?;
    let summary = args.summary.as_deref().map(create).transpose()?;
    Ok((Outputs::new(findings, errors, !args.no_raw), summary))
}

fn format_name(text: &str) -> Result<FormatName, String> {
    text.parse().map_err(|_unknown| {
        let names: Vec<&str> = FormatName::ALL.iter().map(|name| name.as_str()).collect();
        format!("the formats are {}", names.join(", "))
    })
}

fn also(text: &str) -> Result<(FormatName, PathBuf), String> {
    let (name, path) = text.split_once(':').ok_or("FORMAT:FILE, such as ecs:findings-ecs.ndjson")?;
    Ok((format_name(name)?, path.into()))
}

/// `1500`, `64k`, `100MB`, `2GiB`.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let digits = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
    let unit: u64 = match text[digits..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        _ => {
            return Err(
                "a number of bytes with an optional unit: k, M, G, T, KiB, MiB, GiB, kB, MB, GB".into()
            );
        }
    };
    text[..digits]
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(unit))
        .filter(|&bytes| bytes > 0)
        .ok_or_else(|| "a positive number of bytes, such as 512MiB".into())
}
