//! `roottrail shard collect`: the parts of a plan made one result, with the bytes of one scan.
//!
//! All parts must be there, unless `--partial` asks for what there is. They are read one after another, line by line,
//! and entered into the books of a scan; files of findings are put in place only once the last part proved sound. On
//! standard output nothing can be taken back, so that each part is read to its end first.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::ArgMatches;
use jiff::Timestamp;

use super::frozen::Frozen;
use super::place::{OpenPlan, PlanArgs};
use super::run::range_name;
use super::status::{missing, spans};
use crate::cli::closing::{Ending, warn_of_empty};
use crate::cli::event_names::Watched;
use crate::cli::highlights_text::Where;
use crate::cli::progress::{Progress, ProgressChoice};
use crate::cli::terminal::{self, ColorChoice};
use crate::cli::{UsageError, aws, checkpoint, closed, code, nothing, outputs, signals, summary_text};
use roottrail::cancel::Cancel;
use roottrail::error::{ErrorKind, Fatal, ObjectError, Stage};
use roottrail::finding::Severity;
use roottrail::output::manifest::Manifest;
use roottrail::pipeline::shards::{Collect, ShardPiece};
use roottrail::shard::{Depot, PartReader, ShardPlan, ShardRange, part_name};

/// Arguments of `shard collect`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    plan: PlanArgs,

    /// Take the parts that are there; the stretches of keys that are missing are error lines, and the exit code is 3
    #[arg(long)]
    partial: bool,

    #[command(flatten)]
    aws: aws::Args,

    #[command(flatten)]
    outputs: outputs::Args,

    /// Exit with 10 where findings were written [of this severity or above]
    #[arg(long, value_name = "SEVERITY", num_args = 0..=1, require_equals = true, default_missing_value = "low", value_parser = closed::choice::<Severity>(), help_heading = "Output")]
    fail_on_findings: Option<Severity>,

    /// Colour the closing summary
    #[arg(long, value_name = "WHEN", default_value = "auto", help_heading = "Interface")]
    color: ColorChoice,

    /// Write nothing to standard error but what ends the run
    #[arg(short, long, help_heading = "Interface")]
    quiet: bool,
}

impl Args {
    pub(super) fn writes_to_stdout(&self) -> bool {
        self.outputs.write_to_stdout()
    }
}

pub(super) fn run(args: &Args, matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let file = args.plan.file();
    let further: Vec<&Path> = file.as_deref().into_iter().collect();
    args.outputs.check(None, &further)?;
    let screen = outputs::Screen { person: args.outputs.for_a_person(matches), color: args.color };
    args.outputs.check_order(screen)?;
    let cancel = Cancel::new();
    signals::stop_on_signals(&cancel)?;
    let OpenPlan { depot, plan, sha256, .. } = args.plan.open(matches)?;
    if args.outputs.manifest.is_some() && !plan.request.manifest {
        let text =
            "--manifest needs a plan that was made --with-manifest: the parts hold no hashes of objects";
        return Err(UsageError(text.into()).into());
    }
    let missing = missing(&depot, &plan)?;
    if !missing.is_empty() && !args.partial {
        let message = format!(
            "{} of {} parts are missing: {}; --partial takes those that are there",
            missing.len(),
            plan.shards.len(),
            spans(&missing)
        );
        return Err(Fatal::Start { message }.into());
    }
    let frozen = Frozen::parse_from_plan(&plan.request.options)?;
    let now: Timestamp =
        plan.created.parse().with_context(|| format!("the plan's time, {}", plan.created))?;
    let selection = frozen.selection.select(now)?;
    let parts = Parts { depot: &depot, plan: &plan, sha256: &sha256, missing: &missing };
    if args.writes_to_stdout() {
        parts.check(&cancel)?;
    }
    let (mut outputs, mut files) = args.outputs.open(None, false, screen, &cancel)?;
    let arguments = checkpoint::arguments();
    if let Some(file) = files.manifest.take() {
        let manifest = Manifest::begin(file, &arguments, &serde_json::Value::Null);
        outputs.note_objects(manifest.map_err(outputs::unwritable)?);
    }
    let mut progress = Progress::new(ProgressChoice::Never, args.quiet, false);
    let watched = Watched::new(&selection.filter);
    let mut pieces = (0..plan.shards.len()).map(|shard| parts.piece(shard));
    let collect = Collect {
        pieces: &mut pieces,
        hashes: args.outputs.manifest.is_some(),
        trusted: &selection.trusted,
        keep: &watched,
        sink: &mut outputs,
        observer: &mut progress,
        cancel: &cancel,
    };
    // Where it fails, files that are not in place are removed: nothing of them can be relied on.
    let mut summary = collect.execute()?;
    progress.finish();
    if summary.interrupted {
        return Ok(ExitCode::from(code::INTERRUPTED));
    }
    let empty = plan.sources.iter().zip(0..).filter(|(source, _)| source.objects == 0);
    summary.empty_sources = empty.map(|(_, place)| place).collect();
    let ending = Ending { args: &args.outputs, arguments: &arguments, fail_on: args.fail_on_findings };
    let exit = ending.write(outputs, files, &mut summary, &cancel)?;
    let names: Vec<OsString> = plan.request.sources.iter().map(OsString::from).collect();
    if !args.quiet {
        warn_of_empty(&summary, &names);
        for name in watched.never_met() {
            let text = format!("roottrail: warning: --event-name {name}: no event of root's has this name");
            terminal::line(&terminal::plain(&text));
        }
    }
    if !args.quiet && !summary.closed {
        let place = Where::of(args.outputs.ndjson(), None);
        let nothing = match summary.nothing_matched() && summary.complete() {
            true => nothing::why(&summary, &names, None),
            false => String::new(),
        };
        terminal::line(&summary_text::text(&summary, &place, args.color.on_stderr(), &nothing));
    }
    Ok(ExitCode::from(exit))
}

/// The parts of a plan.
struct Parts<'p> {
    depot: &'p Depot,
    plan: &'p ShardPlan,
    sha256: &'p str,
    missing: &'p [usize],
}

impl Parts<'_> {
    fn open(&self, shard: usize) -> Result<PartReader, Fatal> {
        let name = part_name(shard);
        let start = |message: String| Fatal::Start { message };
        let file = self.depot.open(&name).map_err(|error| start(error.to_string()))?;
        let whole = self.depot.name(&name);
        match file {
            Some(file) => Ok(PartReader::new(&whole, file, shard, self.sha256)),
            None => Err(start(format!("{whole}: it has gone"))),
        }
    }

    fn piece(&self, shard: usize) -> Result<ShardPiece, Fatal> {
        if self.missing.binary_search(&shard).is_err() {
            return self.open(shard).map(|part| ShardPiece::Part(Box::new(part)));
        }
        let ranges = self.plan.shards.get(shard).map(|shard| &shard.ranges[..]).unwrap_or_default();
        let error = |range: &ShardRange| {
            let source = self.plan.sources.get(range.source).map(|source| source.uri.as_str());
            let uri = range_name(source.unwrap_or_default(), range);
            let to = range.to.as_deref().map_or("the end".to_owned(), |to| format!("before {to}"));
            let text = format!("part {shard} is missing: keys from here to {to} were not read");
            ObjectError::new(uri, Stage::List, ErrorKind::NotFound, text)
        };
        Ok(ShardPiece::Missing(ranges.iter().map(error).collect()))
    }

    /// Reads each part to its end.
    fn check(&self, cancel: &Cancel) -> anyhow::Result<()> {
        for shard in (0..self.plan.shards.len()).filter(|shard| self.missing.binary_search(shard).is_err()) {
            if cancel.is_set() {
                break;
            }
            self.open(shard)?.to_end()?;
        }
        Ok(())
    }
}
