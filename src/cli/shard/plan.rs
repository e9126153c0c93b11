//! `roottrail shard plan`: one listing, cut into shards.
//!
//! The sources are listed as a scan lists them, and each object goes to a [`Cutter`], which keeps no keys but those at
//! which it may cut. The latest time of a last write becomes the bound of the plan: whatever is delivered later is no
//! part of it, whenever a shard runs. A plan that is there already is left as it is if it was made for the same
//! request, since deliveries in the meantime make no other plan.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::ArgMatches;
use jiff::Timestamp;

use super::{frozen, place};
use crate::cli::plan::{Place, survey};
use crate::cli::sources::{s3_uri, source_names};
use crate::cli::values::size;
use crate::cli::{UsageError, aws, code, selection, signals, terminal, units};
use roottrail::cancel::Cancel;
use roottrail::error::Stage;
use roottrail::key::stretch::Stretch;
use roottrail::object::ObjectRef;
use roottrail::shard::{
    CutObject, Cutter, Depot, PLAN_NAME, PLAN_SCHEMA, PlannedSource, ScanRequest, ShardPlan, ShardSize,
};
use roottrail::source::ListedOnly;
use roottrail::source::s3::S3Uri;

/// Bytes of a shard: some minutes of a worker with two cores, whether objects are small or large.
const SHARD_BYTES: u64 = 4 << 30;
/// Shards that are made where no number is asked for: the largest array of AWS Batch.
const MOST_SHARDS: usize = 10_000;

/// Arguments of `shard plan`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// s3://bucket[/prefix], a directory or a file
    #[arg(value_name = "SOURCE", required_unless_present = "objects_from")]
    sources: Vec<OsString>,

    /// Read sources from a file, one per line; - is standard input
    #[arg(long, value_name = "FILE")]
    objects_from: Option<PathBuf>,

    /// Where the plan is put, and the parts: a directory or s3://bucket/prefix
    #[arg(long, value_name = "PLACE")]
    into: OsString,

    /// So many shards
    #[arg(long, value_name = "N", conflicts_with = "shard_bytes")]
    shards: Option<NonZeroUsize>,

    /// Shards of so many bytes [default: 4GiB, and at most 10000 shards]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    shard_bytes: Option<u64>,

    /// Have the shards hash each object, so that collect can write a manifest
    #[arg(long)]
    with_manifest: bool,

    #[command(flatten)]
    selection: selection::Args,

    #[command(flatten)]
    aws: aws::Args,

    /// What one object may inflate to; a larger one is an error
    #[arg(long, value_name = "SIZE", default_value = "2GiB", value_parser = size, help_heading = "Performance")]
    max_object_size: u64,

    /// Write nothing to standard error but what ends the run
    #[arg(short, long, help_heading = "Interface")]
    quiet: bool,
}

pub(super) fn run(args: &Args, matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let say = |text: &str| {
        if !args.quiet {
            terminal::line(&format!("roottrail: {}", terminal::plain(text)));
        }
    };
    let cancel = Cancel::new();
    let names = source_names(&args.sources, args.objects_from.as_deref(), &cancel)?;
    signals::stop_on_signals(&cancel)?;
    let now = Timestamp::now();
    let request = args.request(&names, matches, now)?;
    let depot = place::depot(&args.into, &args.aws)?;
    if let Depot::Folder(folder) = &depot {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    if let Some(kept) = standing(&depot, &request)? {
        say(&kept);
        return Ok(ExitCode::SUCCESS);
    }
    let Some(plan) = args.list(&names, request, &depot, now, &cancel)? else {
        return Ok(ExitCode::from(code::INTERRUPTED));
    };
    if !depot.put_text(PLAN_NAME, &plan.to_text())? {
        // Another one was made in the meantime.
        let kept = standing(&depot, &plan.request)?;
        say(&kept.with_context(|| format!("{}: it was there and is gone", depot.name(PLAN_NAME)))?);
        return Ok(ExitCode::SUCCESS);
    }
    let largest = plan.shards.iter().map(|shard| shard.bytes).max().unwrap_or(0);
    say(&format!(
        "{}: {} of {}, {}; the largest has {}",
        depot.name(PLAN_NAME),
        units::counted(plan.shards.len() as u64, "shard", "shards"),
        units::counted(plan.objects, "object", "objects"),
        units::bytes(plan.bytes as f64),
        units::bytes(largest as f64),
    ));
    Ok(ExitCode::from(match () {
        () if !plan.complete => code::INCOMPLETE,
        () if plan.objects == 0 => code::NOTHING,
        () => code::COMPLETE,
    }))
}

/// Returns what to say of a plan that is there already for the same request. Fails where it is for another one.
fn standing(depot: &Depot, request: &ScanRequest) -> anyhow::Result<Option<String>> {
    let Some(text) = place::plan_text(depot)? else { return Ok(None) };
    let name = depot.name(PLAN_NAME);
    let plan = ShardPlan::parse(&text).with_context(|| name.clone())?;
    if plan.request != *request {
        anyhow::bail!(
            "{name}: it is a plan of other sources or options, and stays as it is: name another --into"
        );
    }
    Ok(Some(format!("{name}: the plan of {} is there and stays as it is", plan.created)))
}

impl Args {
    fn request(
        &self,
        names: &[OsString],
        matches: &ArgMatches,
        now: Timestamp,
    ) -> anyhow::Result<ScanRequest> {
        let mut sources = Vec::with_capacity(names.len());
        for name in names {
            let text = name.to_str().filter(|name| *name != "-");
            let refused =
                || UsageError(format!("{}: shards need sources with names in UTF-8", name.to_string_lossy()));
            sources.push(text.ok_or_else(refused)?.to_owned());
        }
        let selection = self.selection.select(now)?;
        let mut options = frozen::scope(matches);
        // Networks from files are kept, and not the names of the files.
        options.extend(selection.trusted.iter().map(|network| format!("--trusted-ip={network}")));
        let mut cut = Vec::new();
        cut.extend(self.shards.map(|n| format!("--shards={n}")));
        cut.extend(self.shard_bytes.map(|n| format!("--shard-bytes={n}")));
        cut.extend(self.aws.inventory().map(|name| format!("--inventory={}", name.to_string_lossy())));
        Ok(ScanRequest { sources, options, aws: frozen::places(matches), cut, manifest: self.with_manifest })
    }

    /// Lists all sources. `None`: a stop came.
    fn list(
        &self,
        names: &[OsString],
        request: ScanRequest,
        depot: &Depot,
        now: Timestamp,
        cancel: &Cancel,
    ) -> anyhow::Result<Option<ShardPlan>> {
        let keys = self.selection.select(now)?.keys;
        let mut session = aws::Session::new(&self.aws, Arc::new(keys.clone()), self.quiet);
        let mut sources = Vec::with_capacity(names.len());
        for name in names {
            let besides = besides(name, depot)?;
            let stretch = Stretch { besides: besides.clone(), ..Stretch::default() };
            let keys = Arc::new(keys.clone().stretched(stretch));
            let place = match s3_uri(name) {
                Some(uri) => Place::S3(session.prefix_within(uri, Arc::clone(&keys))?),
                None => Place::Disk(name.into()),
            };
            sources.push((place, keys, besides));
        }
        let inventory = session.inventory_time()?;
        let size = match (self.shards, self.shard_bytes) {
            (Some(shards), _) => ShardSize::Count(shards.get()),
            (None, bytes) => ShardSize::Bytes(bytes.unwrap_or(SHARD_BYTES), MOST_SHARDS),
        };
        let mut cutter = Cutter::new(size);
        let mut planned = Vec::with_capacity(sources.len());
        let mut complete = true;
        for (at, (place, keys, besides)) in sources.iter().enumerate() {
            let uri = request.sources.get(at).cloned().unwrap_or_default();
            let mut source = PlannedSource { uri, besides: besides.clone(), ..PlannedSource::default() };
            let bucket = s3_uri(OsStr::new(&source.uri)).and_then(|uri| S3Uri::parse(uri).ok());
            let mut unlisted = false;
            cutter.begin(at);
            survey(place, keys, cancel, &mut |object, what| {
                if let ListedOnly::Failed(error) = &what
                    && error.stage == Stage::List
                {
                    unlisted = true;
                    terminal::line(&format!("roottrail: {}", terminal::plain(&error.to_string())));
                    return;
                }
                let key = key(bucket.as_ref(), &object);
                cutter.add(CutObject { source: at, key: key.as_deref(), bytes: object.size });
                source.objects += 1;
                source.bytes += object.size;
                source.until_ms = source.until_ms.max(object.modified);
            });
            if cancel.is_set() {
                return Ok(None);
            }
            complete &= !unlisted;
            let is_in_inventory = self.aws.inventory().is_some() && matches!(place, Place::S3(_));
            if is_in_inventory {
                source.until_ms = inventory.map(Timestamp::as_millisecond);
            } else if unlisted || source.objects == 0 {
                // What was not listed may be younger than all that was.
                source.until_ms = source.until_ms.max(Some(now.as_millisecond()));
            }
            planned.push(source);
        }
        for note in session.started().map(|session| session.take_notes()).unwrap_or_default() {
            if !self.quiet {
                terminal::line(&format!("roottrail: {}", terminal::plain(&note)));
            }
        }
        Ok(Some(ShardPlan {
            schema: PLAN_SCHEMA.into(),
            version: env!("CARGO_PKG_VERSION").into(),
            created: now.to_string(),
            request,
            objects: planned.iter().map(|source| source.objects).sum(),
            bytes: planned.iter().map(|source| source.bytes).sum(),
            sources: planned,
            complete,
            shards: cutter.finish(),
        }))
    }
}

/// Returns the key of an object as its source sorts it. `None`: its name is not UTF-8, or may not be.
fn key(bucket: Option<&S3Uri>, object: &ObjectRef) -> Option<String> {
    match bucket {
        Some(bucket) => bucket.key_of(&object.uri),
        None => (!object.uri.contains('%')).then(|| object.uri.clone()),
    }
}

/// Returns the folder of a source that holds plan and parts, as the source names it. Fails where the source lies in
/// it.
fn besides(name: &OsStr, depot: &Depot) -> anyhow::Result<Option<String>> {
    let within = || UsageError(format!("{}: it lies in the place of plan and parts", name.to_string_lossy()));
    match (s3_uri(name), depot) {
        (Some(uri), Depot::S3(store)) => {
            let uri = S3Uri::parse(uri).map_err(|error| UsageError(error.to_string()))?;
            let place = store.place();
            match () {
                () if uri.bucket != place.bucket => Ok(None),
                () if place.prefix.starts_with(&uri.prefix) => Ok(Some(place.prefix.clone())),
                () if uri.prefix.starts_with(&place.prefix) => Err(within().into()),
                () => Ok(None),
            }
        }
        (None, Depot::Folder(folder)) => {
            let (Ok(source), Ok(place)) = (Path::new(name).canonicalize(), folder.canonicalize()) else {
                return Ok(None);
            };
            match place.strip_prefix(&source) {
                _ if source.starts_with(&place) => Err(within().into()),
                Ok(below) => {
                    let mut path = Path::new(name).join(below).into_os_string();
                    path.push(std::path::MAIN_SEPARATOR_STR);
                    Ok(path.into_string().ok())
                }
                Err(_) => Ok(None),
            }
        }
        _ => Ok(None),
    }
}
