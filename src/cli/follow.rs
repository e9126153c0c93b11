//! `roottrail follow`: arguments to a run over a queue, its end to an exit code.
//!
//! What can be wrong is checked first: arguments, the state, the place of the findings, the queue's URL. Then
//! [`Follow::execute`] runs until it is asked to stop. The first signal lets what is in hand be finished, for half a
//! minute; a second one ends the program.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use http::Uri;
use jiff::Timestamp;

use super::format_options::{ocsf_class, ocsf_classes};
use super::outputs::{format_name, format_names, unwritable};
use super::progress::{Progress, ProgressChoice};
use super::terminal::{self, folded, plain};
use super::units::counted;
use super::values::{duration, how_many, size};
use super::work::Rank;
use super::{UsageError, aws, closed, code, selection, ship, signals, status};
use roottrail::cancel::Cancel;
use roottrail::error::ObjectError;
use roottrail::follow::{
    ErrorLines, Follow, FollowEnd, FollowKeys, FollowPlace, FollowState, FollowTally, FollowWatch, Holding,
    Outbox, Roll, Rolling, StdoutPlace,
};
use roottrail::format::{self, FormatName, FormatOptions, OcsfClass};
use roottrail::output::file::OutFile;
use roottrail::pipeline::Observer as _;
use roottrail::scan::options::ScanOptions;
use roottrail::source::s3::S3Session;
use roottrail::text::span;

/// How long what is in hand may take after a stop.
const DRAIN: Duration = Duration::from_secs(30);
/// The longest time for which SQS keeps a message from others.
const LONGEST: Duration = Duration::from_secs(12 * 60 * 60);

/// Arguments of `follow`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The queue of SQS that S3's notifications come to
    #[arg(long, value_name = "URL")]
    queue_url: String,

    /// Write files that are moved into this directory whole [default: standard output]
    #[arg(long, value_name = "DIR", conflicts_with_all = ["to", "state"], help_heading = "Output")]
    into: Option<PathBuf>,

    /// Size from which on a file is moved into the directory
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = size, help_heading = "Output")]
    roll_size: u64,

    /// Age from which on a file is moved into the directory
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration, help_heading = "Output")]
    roll_age: Duration,

    /// Deliver findings to a server of this kind
    #[arg(long, value_name = "SERVER", requires_all = ["url", "state"], help_heading = "Output")]
    to: Option<ship::To>,

    /// The server: https://host:port, with a path where it stands behind one
    #[arg(long, value_name = "URL", requires = "to", help_heading = "Output")]
    url: Option<Uri>,

    /// Keep here what a restart must know; without it duplicates are dropped for as long as the process lives
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    state: Option<PathBuf>,

    /// The format of findings
    #[arg(short, long, value_name = "FORMAT", default_value = "ndjson", value_parser = closed::named(format_name, format_names), conflicts_with = "to", help_heading = "Output")]
    format: FormatName,

    /// Leave the record out of the findings
    #[arg(long, conflicts_with = "to", help_heading = "Output")]
    no_raw: bool,

    /// What ocsf writes: a detection finding, or the activity itself [default: finding]
    #[arg(long, value_name = "CLASS", value_parser = closed::named(ocsf_class, ocsf_classes), help_heading = "Output")]
    ocsf_class: Option<OcsfClass>,

    /// Append one JSON line for each object or record that could not be read
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    errors: Option<PathBuf>,

    /// Drop copies of findings that were written within this time
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = duration, help_heading = "Queue")]
    window: Duration,

    /// How long SQS keeps a message from others, extended as long as it is worked on
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = duration, help_heading = "Queue")]
    visibility: Duration,

    /// How long a message that names what cannot be read stays away, times how often it was taken
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration, help_heading = "Queue")]
    retry_delay: Duration,

    /// End once the queue is empty
    #[arg(long, help_heading = "Queue")]
    until_empty: bool,

    /// End after this time, in order
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "Queue")]
    max_duration: Option<Duration>,

    #[command(flatten)]
    selection: selection::Args,

    #[command(flatten)]
    aws: aws::Args,

    #[command(flatten)]
    delivery: ship::Delivery,

    /// Worker threads [default: all cores]
    #[arg(long, value_name = "N", value_parser = how_many, help_heading = "Performance")]
    threads: Option<NonZeroUsize>,

    /// What one object may inflate to; a larger one is an error
    #[arg(long, value_name = "SIZE", default_value = "2GiB", value_parser = size, help_heading = "Performance")]
    max_object_size: u64,

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

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    args.check()?;
    let asked = Cancel::new();
    signals::stop_on_signals(&asked)?;
    // The end of the time is no signal: the first signal after it still lets the run end in order.
    let stop = asked.part();
    let over = Cancel::new();
    let selection = args.selection.select(Timestamp::now())?;
    let session = args.aws.start()?;
    let queue = session.queue(&args.queue_url)?;
    let errors = args.errors.as_deref().map(ErrorLines::open).transpose()?;
    let progress = Progress::new(args.progress, args.quiet, args.verbose);
    let tell = progress.voice();
    session.on_event(progress.voice());
    let (mut place, mut state) = args.open(&over)?;
    if let Some(time) = args.max_duration {
        let stop = stop.clone();
        let end = move || {
            std::thread::sleep(time);
            stop.set();
        };
        // The thread ends with the process.
        std::thread::Builder::new().spawn(end).context("cannot start a thread for --max-duration")?;
    }
    let threads =
        args.threads.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
    let options = ScanOptions {
        max_object_size: args.max_object_size,
        threads,
        cancel: over,
        ..ScanOptions::default()
    };
    let mut watch = Watch(progress);
    let follow = Follow {
        session: &session,
        queue: &queue,
        keys: FollowKeys { selection: Arc::new(selection.keys), versions: args.aws.all_versions() },
        holding: Holding {
            visibility: args.visibility,
            retry_delay: args.retry_delay,
            drain: DRAIN,
            until_empty: args.until_empty,
        },
        options: &options,
        trusted: &selection.trusted,
        keep: &selection.filter,
        keep_record: !args.no_raw,
        place: &mut *place,
        state: &mut state,
        errors,
        watch: &mut watch,
        tell: &tell,
        stop: &stop,
    };
    let result = follow.execute();
    watch.0.finish();
    args.say_notes(&session);
    let (end, tally) = result?;
    if !args.quiet && end != FollowEnd::Closed {
        terminal::line(&folded(&closing(&tally, end), WIDTH, 2).join("\n"));
    }
    Ok(ExitCode::from(match end {
        FollowEnd::Closed => code::COMPLETE,
        FollowEnd::Interrupted => code::INTERRUPTED,
        FollowEnd::Drained if tally.unread > 0 || tally.refused > 0 => code::INCOMPLETE,
        FollowEnd::Drained => code::COMPLETE,
    }))
}

impl Args {
    pub(super) fn writes_to_stdout(&self) -> bool {
        self.into.is_none() && self.to.is_none()
    }

    fn check(&self) -> Result<(), UsageError> {
        let second = Duration::from_secs(1);
        if self.visibility < second || self.visibility > LONGEST {
            return Err(UsageError("--visibility is from 1s to 12h".to_owned()));
        }
        if self.aws.inventory().is_some() {
            return Err(UsageError("--inventory lists what there was; follow lists nothing".to_owned()));
        }
        let format = format::create(self.format, &FormatOptions::default());
        if self.no_raw && format.needs_record() {
            let name = self.format;
            return Err(UsageError(format!(
                "--no-raw leaves the record out, and the format {name} carries it"
            )));
        }
        Ok(())
    }

    fn say_notes(&self, session: &S3Session) {
        for note in session.take_notes() {
            if !self.quiet {
                terminal::line(&format!("roottrail: {}", plain(&note)));
            }
        }
    }

    /// Opens the place of the findings, and the state.
    fn open(&self, over: &Cancel) -> anyhow::Result<(Box<dyn FollowPlace>, FollowState)> {
        let now = Timestamp::now().as_millisecond();
        let state = |folder: &Path, place: &str| FollowState::open(folder, place, self.window, now);
        let options = FormatOptions {
            ecs_dataset: self.delivery.ecs_dataset.clone(),
            ocsf_class: self.ocsf_class.unwrap_or_default(),
            hec_index: self.delivery.hec_index.clone(),
            bulk_index: self.delivery.bulk_index.clone(),
            ..FormatOptions::default()
        };
        if let Some(into) = &self.into {
            let own = into.join(".follow");
            let state = state(&own, "files")?;
            let roll = Roll { size: self.roll_size, age: self.roll_age };
            let place = Rolling::open(into, &own, (self.format, &options), roll, state.grown())?;
            return Ok((Box::new(place), state));
        }
        if let (Some(to), Some(url), Some(folder)) = (self.to, &self.url, &self.state) {
            let (cursor, dead) = (folder.join("cursor"), folder.join("dead-letters.ndjson"));
            let options = self.delivery.options(to, url, cursor, dead, self.quiet)?;
            let state = state(folder, "a server")?;
            let (quiet, dead_letters) = (self.quiet, Mutex::new(0));
            let told = Arc::new(move |event| {
                let mut dead_letters = dead_letters.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(text) = ship::in_words(event, &mut dead_letters)
                    && !quiet
                {
                    terminal::line(&format!("roottrail: {}", plain(&text)));
                }
            });
            let place = Outbox::open(folder, state.grown(), options, told, over)?;
            return Ok((Box::new(place), state));
        }
        let state = match &self.state {
            Some(folder) => state(folder, "standard output")?,
            None => FollowState::in_memory(self.window),
        };
        let file = OutFile::stdout(over)?.before_writes(status::clear);
        let place = StdoutPlace::new(format::create(self.format, &options), file).map_err(unwritable)?;
        Ok((Box::new(place), state))
    }
}

/// Shows how far a run is.
struct Watch(Progress);

impl FollowWatch for Watch {
    fn progress(&mut self, tally: &FollowTally) {
        self.0.show(|work| {
            work.part(Rank::Always, counted(tally.objects, "object", "objects"));
            work.findings(tally.findings);
            work.part(Rank::Failed, format!("{} sent back", tally.sent_back));
            let backlog = tally.backlog.map_or("an unknown backlog".to_owned(), |n| format!("backlog {n}"));
            work.part(Rank::Eta, format!("{backlog}, {} in hand", tally.in_hand));
            if let Some(seconds) = tally.oldest_seconds {
                work.part(Rank::Rate, format!("oldest event {} ago", span(Duration::from_secs(seconds))));
            }
            work.part(Rank::Records, format!("{} objects/min", tally.objects_a_minute));
            work.part(Rank::Records, format!("{} findings/min", tally.findings_a_minute));
        });
    }

    fn error(&mut self, error: &ObjectError) {
        self.0.error(error);
    }
}

/// Cells of a line of the closing text.
const WIDTH: usize = 80;

fn closing(tally: &FollowTally, end: FollowEnd) -> String {
    let FollowTally { objects, findings, duplicates, .. } = *tally;
    let mut text = format!(
        "{}: {} read, {}",
        counted(tally.messages, "message", "messages"),
        counted(objects, "object", "objects"),
        counted(findings, "finding", "findings"),
    );
    for (n, words) in [
        (duplicates, "duplicates dropped"),
        (tally.filtered, "filtered"),
        (tally.skipped, "objects skipped by name"),
        (tally.others, "events of other kinds"),
        (tally.removed, "logs removed by somebody"),
        (tally.sent_back, "times a message went back, for something could not be read"),
        (tally.unread, "messages not read later"),
        (tally.refused, "findings refused by the server"),
    ] {
        if n > 0 {
            text.push_str(&format!(", {n} {words}"));
        }
    }
    if end == FollowEnd::Interrupted {
        text.push_str("; interrupted: what was in hand comes again");
    }
    text
}
