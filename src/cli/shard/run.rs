//! `roottrail shard run`: one shard read, and its part committed once.
//!
//! The part is written to a temporary file and put in its place only when it is whole, on the condition that nothing
//! is there. So a worker may be killed at any moment and run any number of times: the first part stays, and whoever
//! comes later is done as well. Objects that cannot be read are error lines of the part; only where there is no
//! access at all is nothing committed, so that another try can help.

use std::num::NonZeroUsize;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::ArgMatches;
use jiff::Timestamp;

use super::frozen::Frozen;
use super::place::{OpenPlan, PlanArgs};
use crate::cli::progress::{Progress, ProgressChoice};
use crate::cli::sources::s3_uri;
use crate::cli::{UsageError, aws, code, signals, terminal, units};
use roottrail::cancel::Cancel;
use roottrail::error::Fatal;
use roottrail::pipeline::shards::{PartRun, Planned};
use roottrail::scan::options::{Job, ScanOptions};
use roottrail::shard::{PartEnd, PartWriter, Shard, ShardPlan, ShardRange, part_name};
use roottrail::source::Source;
use roottrail::source::disk::DiskSource;
use roottrail::source::s3::S3Session;
use roottrail::summary::Summary;
use roottrail::summary::totals::Totals;

/// Variables that hold the index of a worker: of Kubernetes' indexed jobs, and of AWS Batch's array jobs.
const INDEX_VARIABLES: [&str; 2] = ["JOB_COMPLETION_INDEX", "AWS_BATCH_JOB_ARRAY_INDEX"];

/// Arguments of `shard run`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    plan: PlanArgs,

    /// The shard, from 0 [default: JOB_COMPLETION_INDEX, else AWS_BATCH_JOB_ARRAY_INDEX]
    #[arg(long, value_name = "I")]
    index: Option<usize>,

    /// Added to the index, where an engine's arrays are shorter than the plan
    #[arg(long, value_name = "K", default_value = "0")]
    index_offset: usize,

    /// Exit with 3 where the part holds error lines
    #[arg(long)]
    strict: bool,

    #[command(flatten)]
    aws: aws::Args,

    /// Worker threads [default: all cores]
    #[arg(long, value_name = "N", help_heading = "Performance")]
    threads: Option<NonZeroUsize>,

    /// Show progress
    #[arg(long, value_name = "WHEN", default_value = "auto", help_heading = "Interface")]
    progress: ProgressChoice,

    /// Write nothing to standard error but what ends the run
    #[arg(short, long, conflicts_with = "verbose", help_heading = "Interface")]
    quiet: bool,

    /// Show every error, not only the first 100
    #[arg(short, long, help_heading = "Interface")]
    verbose: bool,
}

pub(super) fn run(args: &Args, matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let say = |text: &str| {
        if !args.quiet {
            terminal::line(&format!("roottrail: {}", terminal::plain(text)));
        }
    };
    let index = args.index()?;
    let cancel = Cancel::new();
    signals::stop_on_signals(&cancel)?;
    let OpenPlan { depot, plan, sha256, aws } = args.plan.open(matches)?;
    let shard = plan.shards.get(index).ok_or_else(|| {
        UsageError(format!("there is no shard {index}: the plan has {}, from 0", plan.shards.len()))
    })?;
    let name = part_name(index);
    if depot.has(&name)? {
        say(&format!("{}: somebody has committed it", depot.name(&name)));
        return Ok(ExitCode::SUCCESS);
    }
    let frozen = Frozen::parse_from_plan(&plan.request.options)?;
    let threads =
        args.threads.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
    let options = ScanOptions {
        max_object_size: frozen.max_object_size,
        sha256: plan.request.manifest,
        job: Job::Scan,
        threads,
        cancel,
    };
    let mut session = None;
    let sources = sources(&plan, shard, &frozen, &aws, args.quiet, &mut session)?;
    let mut progress = Progress::new(args.progress, args.quiet, args.verbose);
    if let Some(session) = &session {
        session.on_event(progress.voice());
    }
    let writing = || format!("cannot write the part of shard {index} to a temporary file");
    let mut part = PartWriter::new(plan.request.manifest).with_context(writing)?;
    let run = PartRun { sources, options: &options, part: &mut part, observer: &mut progress };
    let summary = run.execute()?;
    progress.finish();
    for note in session.as_ref().map(S3Session::take_notes).unwrap_or_default() {
        say(&note);
    }
    if summary.interrupted {
        return Ok(ExitCode::from(code::INTERRUPTED));
    }
    refuse_without_access(&summary, shard, session.as_ref())?;
    let end = PartEnd {
        shard: index,
        plan_sha256: sha256,
        totals: Totals::of(&summary),
        elapsed_seconds: summary.elapsed.as_secs_f64(),
        ..PartEnd::default()
    };
    let mut file = part.finish(end).with_context(writing)?;
    if !depot.put_new(&name, &mut file)? {
        say(&format!("{}: somebody committed it in the meantime", depot.name(&name)));
        return Ok(ExitCode::SUCCESS);
    }
    say(&format!(
        "{}: {} read, {} failed, {}",
        depot.name(&name),
        units::counted(summary.objects.scanned, "object", "objects"),
        summary.objects.failed,
        units::counted(summary.findings.written, "finding", "findings"),
    ));
    let incomplete = args.strict && !summary.complete();
    Ok(ExitCode::from(if incomplete { code::INCOMPLETE } else { code::COMPLETE }))
}

impl Args {
    /// Returns the shard that is asked for.
    fn index(&self) -> Result<usize, UsageError> {
        let set = |name: &&str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let of_engine = || INDEX_VARIABLES.iter().find_map(|name| set(name).map(|value| (*name, value)));
        let index = match (self.index, of_engine()) {
            (Some(index), _) => index,
            (None, Some((name, value))) => {
                value.parse().map_err(|_| UsageError(format!("{name} is {value:?}, and no index")))?
            }
            (None, None) => {
                return Err(UsageError(format!(
                    "which shard? --index says it, else {}",
                    INDEX_VARIABLES.join(" or ")
                )));
            }
        };
        index
            .checked_add(self.index_offset)
            .ok_or_else(|| UsageError("--index-offset is too large".to_owned()))
    }
}

/// Opens the stretches of a shard.
fn sources(
    plan: &ShardPlan,
    shard: &Shard,
    frozen: &Frozen,
    aws: &aws::Args,
    quiet: bool,
    started: &mut Option<S3Session>,
) -> anyhow::Result<Vec<Box<dyn Source>>> {
    let now: Timestamp =
        plan.created.parse().with_context(|| format!("the plan's time, {}", plan.created))?;
    let keys = frozen.selection.select(now)?.keys;
    let mut session = aws::Session::new(aws, Arc::new(keys.clone()), quiet);
    let mut sources: Vec<Box<dyn Source>> = Vec::with_capacity(shard.ranges.len());
    for range in &shard.ranges {
        let uri = plan.sources.get(range.source).map(|source| source.uri.as_str()).unwrap_or_default();
        let keys = Arc::new(keys.clone().stretched(plan.stretch(range)));
        let source: Box<dyn Source> = match s3_uri(uri.as_ref()) {
            Some(uri) => Box::new(session.prefix_within(uri, keys)?),
            None => {
                // A mount that is not there must not make a part.
                let why = |error: std::io::Error| Fatal::Start { message: format!("{uri}: {error}") };
                std::fs::metadata(Path::new(uri)).map_err(why)?;
                Box::new(DiskSource::new(uri).within(keys))
            }
        };
        let name = range_name(uri, range);
        sources.push(Box::new(Planned { source, name, objects: range.objects }));
    }
    *started = session.started().cloned();
    Ok(sources)
}

/// Returns what a stretch of keys is called in messages.
pub(super) fn range_name(source: &str, range: &ShardRange) -> String {
    match &range.from {
        from if from.is_empty() => source.to_owned(),
        from => match s3_uri(source.as_ref()).and_then(|uri| roottrail::source::s3::S3Uri::parse(uri).ok()) {
            Some(uri) => uri.of_key(from),
            None => from.clone(),
        },
    }
}

/// Fails where nothing could be listed though there is something, and where access was lost for good.
fn refuse_without_access(
    summary: &Summary,
    shard: &Shard,
    session: Option<&S3Session>,
) -> anyhow::Result<()> {
    let nothing_listed =
        shard.objects > 0 && summary.unlisted > 0 && summary.objects.listed == summary.unlisted;
    if nothing_listed {
        let message = "nothing of the shard could be listed: no part is committed".to_owned();
        return Err(Fatal::Start { message }.into());
    }
    if session.is_some_and(S3Session::access_lost) {
        let message = "access was lost and did not come back: no part is committed".to_owned();
        return Err(Fatal::Start { message }.into());
    }
    Ok(())
}
