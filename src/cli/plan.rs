//! `roottrail plan`: what a scan would read, before it reads a byte.
//!
//! Sources are listed as a scan would list them, with the same scope, and every entry goes to a [`Plan`].
//! `--sample N` chooses objects at random while the listing goes by, so that no list is kept. The chosen
//! objects are then read by the code of a scan, without any output, and the plan's estimates follow from
//! their counts.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use clap::ValueEnum;

use super::progress::{Progress, ProgressChoice};
use super::terminal;
use super::units::{bytes, counted};
use super::work::Rank;
use super::{aws, code, plan_text, selection, signals, sources};
use roottrail::cancel::Cancel;
use roottrail::error::ObjectError;
use roottrail::filter::Keep;
use roottrail::finding::Finding;
use roottrail::key::selection::KeySelection;
use roottrail::object::ObjectRef;
use roottrail::output::sink::{Sink, SinkError};
use roottrail::pipeline::{Observer, Run};
use roottrail::plan::{Amount, Plan, Sample};
use roottrail::rules::TrustedNetworks;
use roottrail::scan::options::{Job, ScanOptions};
use roottrail::source::disk::DiskSource;
use roottrail::source::s3::S3Source;
use roottrail::source::{Content, Feed, Item, ListedOnly, ReadClass, Source};
use roottrail::summary::Summary;

/// Arguments of `plan`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// s3://bucket[/prefix], a directory or a file
    #[arg(value_name = "SOURCE", required_unless_present = "objects_from")]
    sources: Vec<OsString>,

    /// Read sources from a file, one per line; - is standard input
    #[arg(long, value_name = "FILE")]
    objects_from: Option<PathBuf>,

    #[command(flatten)]
    aws: aws::Args,

    #[command(flatten)]
    scope: selection::ScopeArgs,

    /// Read N of the objects as well, and estimate records and duration from them
    #[arg(long, value_name = "N", default_value = "0", hide_default_value = true)]
    sample: usize,

    /// How to print the plan
    #[arg(short, long, value_enum, default_value = "table", help_heading = "Output")]
    format: Format,

    /// A habit: --format json
    #[arg(long, hide = true, conflicts_with = "format", help_heading = "Output")]
    json: bool,

    /// Write nothing to standard error but what ends the run
    #[arg(short, long, help_heading = "Interface")]
    quiet: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// For machines
    Json,
}

/// A source to list.
pub(super) enum Place {
    S3(S3Source),
    Disk(PathBuf),
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let names = sources::source_names(&args.sources, args.objects_from.as_deref(), &Cancel::new())?;
    let cancel = Cancel::new();
    signals::stop_on_signals(&cancel)?;
    let (keys, _) = args.scope.keys(jiff::Timestamp::now())?;
    let keys = Arc::new(keys);
    let mut session = aws::Session::new(&args.aws, Arc::clone(&keys), args.quiet);
    let mut places = Vec::with_capacity(names.len());
    for name in names {
        places.push(match sources::s3_uri(&name) {
            Some(uri) => Place::S3(session.prefix(uri)?),
            None => Place::Disk(name.into()),
        });
    }
    session.inventory_time()?;
    if let Some(session) = session.started() {
        let quiet = args.quiet;
        session.on_event(move |text| {
            if !quiet {
                terminal::line(&format!("roottrail: {}", terminal::plain(text)));
            }
        });
    }
    let started = Instant::now();
    let mut plan = Plan::default();
    let mut chosen = Chosen::new(args.sample);
    let mut progress = Progress::new(ProgressChoice::Auto, args.quiet, false);
    let mut listed = 0;
    for (at, place) in places.iter().enumerate() {
        survey(place, &keys, &cancel, &mut |object, what| {
            plan.add(&object, &what);
            listed += 1;
            progress.show(|work| {
                work.part(Rank::Always, counted(listed, "object listed", "objects listed"));
                work.part(Rank::Records, format!("{} to read", bytes(plan.readable.bytes as f64)));
                work.part(Rank::Failed, format!("{} failed", plan.failures.len()));
            });
            if matches!(what, ListedOnly::Readable(_)) {
                chosen.offer(at, object);
            }
        });
    }
    plan.listing = started.elapsed();
    plan.list_requests = session.started().map_or(0, |session| session.requests().list);
    let mut interrupted = cancel.is_set();
    if args.sample > 0 && !interrupted {
        let summary = read(places, chosen, &cancel, &mut Sampling(&mut progress))?;
        interrupted = summary.interrupted;
        plan.sample = Some(Sample {
            read: Amount { objects: summary.objects.scanned, bytes: summary.bytes.compressed },
            records: summary.records.scanned,
            inflated: summary.bytes.uncompressed,
            elapsed: summary.elapsed,
        });
    }
    progress.finish();
    let exit = exit_code(&plan, interrupted);
    match if args.json { Format::Json } else { args.format } {
        Format::Table => out.write_all(plan_text::text(&plan).as_bytes())?,
        Format::Json => writeln!(out, "{:#}", plan.to_json(exit))?,
    }
    out.flush()?;
    if !args.quiet {
        for note in session.started().map(|session| session.take_notes()).unwrap_or_default() {
            terminal::line(&format!("roottrail: {}", terminal::plain(&note)));
        }
        for failure in plan.failures.iter().take(100) {
            let text = format!("roottrail: {}: {}: {}", failure.uri, failure.stage, failure.message);
            terminal::line(&terminal::plain(&text));
        }
    }
    Ok(ExitCode::from(exit))
}

fn exit_code(plan: &Plan, interrupted: bool) -> u8 {
    if interrupted {
        code::INTERRUPTED
    } else if !plan.complete() {
        code::INCOMPLETE
    } else if plan.readable.objects == 0 {
        code::NOTHING
    } else {
        code::COMPLETE
    }
}

/// Hands every entry of a source to `visit`, in key order.
pub(super) fn survey(
    place: &Place,
    keys: &Arc<KeySelection>,
    cancel: &Cancel,
    visit: &mut (dyn FnMut(ObjectRef, ListedOnly) + Send),
) {
    match place {
        Place::S3(source) => source.survey(cancel, visit),
        Place::Disk(path) => {
            let feed = Visitor { visit: Mutex::new(visit), head: AtomicU64::new(0) };
            DiskSource::new(path).within(Arc::clone(keys)).run(0, &feed, cancel);
        }
    }
}

/// A feed that counts each entry and drops it.
struct Visitor<'v> {
    visit: Mutex<&'v mut (dyn FnMut(ObjectRef, ListedOnly) + Send)>,
    head: AtomicU64,
}

impl Feed for Visitor<'_> {
    fn push(&self, item: Item) -> bool {
        let what = match item.content {
            Content::Skipped(skip) => ListedOnly::Skipped(skip),
            Content::Failed(error) => ListedOnly::Failed(error),
            Content::File(_) | Content::Pipe(_) | Content::Stdin | Content::Body(_) => {
                ListedOnly::Readable(ReadClass::Standard)
            }
        };
        self.head.store(item.seq + 1, Ordering::Relaxed);
        (self.visit.lock().unwrap_or_else(PoisonError::into_inner))(item.object, what);
        true
    }

    fn push_now(&self, item: Item) -> bool {
        self.push(item)
    }

    fn head(&self) -> u64 {
        self.head.load(Ordering::Relaxed)
    }
}

/// A sample of a stream of unknown length: every object is as likely to be in it (Vitter's algorithm R), and
/// the same stream gives the same sample.
struct Chosen {
    most: usize,
    seen: u64,
    state: u64,
    objects: Vec<(u64, usize, ObjectRef)>,
}

impl Chosen {
    fn new(most: usize) -> Self {
        Self { most, seen: 0, state: 0x9e37_79b9_7f4a_7c15, objects: Vec::with_capacity(most.min(1 << 16)) }
    }

    fn offer(&mut self, place: usize, object: ObjectRef) {
        self.seen += 1;
        if self.objects.len() < self.most {
            self.objects.push((self.seen, place, object));
            return;
        }
        // The generator is SplitMix64.
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let slot = (mixed ^ (mixed >> 31)) % self.seen;
        if let Some(kept) = usize::try_from(slot).ok().and_then(|slot| self.objects.get_mut(slot)) {
            *kept = (self.seen, place, object);
        }
    }
}

/// Reads the chosen objects as a scan does, and keeps nothing but the counts.
fn read(
    places: Vec<Place>,
    mut chosen: Chosen,
    cancel: &Cancel,
    observer: &mut dyn Observer,
) -> anyhow::Result<Summary> {
    chosen.objects.sort_by_key(|(seen, ..)| *seen);
    let mut sources: Vec<Box<dyn Source>> = Vec::new();
    for (at, place) in places.into_iter().enumerate() {
        let of_place =
            || chosen.objects.iter().filter(|(_, place, _)| *place == at).map(|(.., object)| object);
        match place {
            Place::S3(source) => {
                sources.push(Box::new(source.only(&of_place().cloned().collect::<Vec<_>>())))
            }
            // The URI of a finding on disk is the path, but for bytes that are not UTF-8.
            Place::Disk(_) => {
                sources.extend(
                    of_place().map(|object| Box::new(DiskSource::new(&object.uri)) as Box<dyn Source>),
                );
            }
        }
    }
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    let options = ScanOptions {
        max_object_size: 2 << 30,
        sha256: false,
        job: Job::Scan,
        threads,
        cancel: cancel.clone(),
    };
    let run = Run {
        sources,
        options: &options,
        checkpoint: None,
        trusted: &TrustedNetworks::default(),
        keep: &Nothing,
        sink: &mut Nothing,
        observer,
    };
    Ok(run.execute()?)
}

/// An observer that shows how far the reading of the sample is, and leaves errors to the scan itself.
struct Sampling<'p>(&'p mut Progress);

impl Observer for Sampling<'_> {
    fn progress(&mut self, summary: &Summary, listed: u64, all_listed: bool) {
        self.0.progress(summary, listed, all_listed);
    }

    fn error(&mut self, _: &ObjectError) {}
}

/// A sink and filter that drop everything.
struct Nothing;

impl Keep for Nothing {
    fn keeps(&self, _: &Finding) -> bool {
        false
    }
}

impl Sink for Nothing {
    fn finding(&mut self, _: Finding) -> Result<(), SinkError> {
        Ok(())
    }

    fn error(&mut self, _: &ObjectError) -> Result<(), SinkError> {
        Ok(())
    }

    fn idle(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}
