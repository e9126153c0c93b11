//! `roottrail ship`: arguments to a delivery, its outcome to an exit code.
//!
//! The arguments become the [`ShipOptions`] of the library's [`roottrail::ship`], with defaults for each kind of
//! server. The secret comes from a file or from an environment variable, never from the command line, and a
//! warning is printed where it would go over plain HTTP. A [`Teller`] prints retries and refusals as they
//! happen, and a closing text follows at the end.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::ValueEnum;
use http::Uri;

use super::progress::{Progress, ProgressChoice};
use super::terminal::{self, folded, plain};
use super::units::{bytes, counted};
use super::values::{duration, size};
use super::work::Rank;
use super::{UsageError, code};
use roottrail::bounded;
use roottrail::format::{Dataset, IndexName};
use roottrail::ship::{
    self, Auth, Endpoint, Event, Peer, Secret, ShipOptions, ShipSummary, ShipWatch, Timing,
};

/// The variable that holds the secret, unless a file does. A command line is for all to see.
const SECRET_VARIABLE: &str = "ROOTTRAIL_SHIP_SECRET";

/// Bytes of a file with a secret at most.
const SECRET: u64 = 1 << 20;

/// Arguments of `ship`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Findings files, as `scan -f ndjson` writes them
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    /// The kind of server
    #[arg(long, value_name = "SERVER")]
    to: To,

    /// The server: https://host:port, with a path where it stands behind one
    #[arg(long, value_name = "URL")]
    url: Uri,

    #[command(flatten)]
    delivery: Delivery,

    /// Keep the progress here [default: FILE.SERVER.cursor beside the first file]
    #[arg(long, value_name = "FILE", help_heading = "Delivery")]
    cursor: Option<PathBuf>,

    /// Read and render everything, send nothing
    #[arg(long, help_heading = "Delivery")]
    dry_run: bool,

    /// Write nothing to standard error but what ends the run
    #[arg(short, long, help_heading = "Interface")]
    quiet: bool,
}

/// Options of a delivery.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Delivery {
    /// How to present the secret [default: api-key for elastic, basic for opensearch, splunk for splunk]
    #[arg(long, value_name = "SCHEME", help_heading = "Connection")]
    auth: Option<AuthScheme>,

    /// Read the API key, token or user:password from a file [default: the variable ROOTTRAIL_SHIP_SECRET]
    #[arg(long, value_name = "FILE", help_heading = "Connection")]
    secret_file: Option<PathBuf>,

    /// Trust the certificates in this PEM file instead of the system's
    #[arg(long, value_name = "FILE", help_heading = "Connection")]
    ca_file: Option<PathBuf>,

    /// Elastic and OpenSearch: index or data stream [default: logs-DATASET-default]
    #[arg(long, value_name = "NAME", help_heading = "Documents")]
    pub(super) bulk_index: Option<IndexName>,

    /// Elastic and OpenSearch: data_stream.dataset; aws.cloudtrail makes Elastic's stock rules fire
    #[arg(long, value_name = "NAME", default_value_t, help_heading = "Documents")]
    pub(super) ecs_dataset: Dataset,

    /// Elastic and OpenSearch: ingest pipeline
    #[arg(long, value_name = "NAME", help_heading = "Documents")]
    pipeline: Option<String>,

    /// Elastic and OpenSearch: leave ids to the server, where it refuses ours; doubles are then possible
    #[arg(long, help_heading = "Documents")]
    no_id: bool,

    /// Splunk: index [default: the token's]
    #[arg(long, value_name = "NAME", help_heading = "Documents")]
    pub(super) hec_index: Option<String>,

    /// Bytes of documents in a request, before compression [default: 5MiB, for Splunk 1MiB]
    #[arg(long, value_name = "SIZE", value_parser = size, help_heading = "Delivery")]
    batch_bytes: Option<u64>,

    /// Do not compress requests
    #[arg(long, help_heading = "Delivery")]
    no_gzip: bool,

    /// Append what the server refuses to this file [default: FILE.SERVER.dead beside the first file]
    #[arg(long, value_name = "FILE", help_heading = "Delivery")]
    dead_letter: Option<PathBuf>,

    /// End the run after this long without progress
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = duration, help_heading = "Delivery")]
    give_up: Duration,

    /// Longest pause between two tries
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration, help_heading = "Delivery")]
    max_pause: Duration,

    /// Time for one request and its answer
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration, help_heading = "Delivery")]
    timeout: Duration,

    /// Splunk: time for an acknowledgement, after which a batch is sent again
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration, help_heading = "Delivery")]
    ack_timeout: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum To {
    /// Elasticsearch
    Elastic,
    /// OpenSearch
    #[value(name = "opensearch")]
    OpenSearch,
    /// Splunk, by its HTTP Event Collector
    Splunk,
}

impl To {
    fn peer(self) -> Peer {
        match self {
            To::Elastic => Peer::Elastic,
            To::OpenSearch => Peer::OpenSearch,
            To::Splunk => Peer::Splunk,
        }
    }

    fn auth(self) -> Auth {
        match self {
            To::Elastic => Auth::ApiKey,
            To::OpenSearch => Auth::Basic,
            To::Splunk => Auth::Splunk,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum AuthScheme {
    /// Elasticsearch API key: id:key, or its encoded form
    ApiKey,
    /// user:password
    Basic,
    /// Bearer token
    Bearer,
    /// Event collector token
    Splunk,
}

impl AuthScheme {
    fn auth(self) -> Auth {
        match self {
            AuthScheme::ApiKey => Auth::ApiKey,
            AuthScheme::Basic => Auth::Basic,
            AuthScheme::Bearer => Auth::Bearer,
            AuthScheme::Splunk => Auth::Splunk,
        }
    }
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let peer = args.to.peer();
    let beside = |extension: &str| match args.files.first() {
        Some(first) => with_suffix(first, &format!(".{peer}.{extension}")),
        None => PathBuf::from(format!("{peer}.{extension}")),
    };
    let cursor = args.cursor.clone().unwrap_or_else(|| beside("cursor"));
    let options = args.delivery.options(args.to, &args.url, cursor, beside("dead"), args.quiet)?;
    let options = ShipOptions { files: args.files.clone(), dry_run: args.dry_run, ..options };
    let of = args.files.iter().filter_map(|file| file.metadata().ok()).map(|there| there.len()).sum();
    let progress = Progress::new(ProgressChoice::Auto, args.quiet, false);
    let mut watch = Teller { quiet: args.quiet, dead_letters: 0, progress, of };
    let summary = ship::run(&options, &mut watch);
    watch.progress.finish();
    let summary = summary?;
    if !args.quiet {
        terminal::line(&folded(&closing(&summary, &options), WIDTH, 2).join("\n"));
    }
    Ok(ExitCode::from(if summary.dead_letters > 0 { code::INCOMPLETE } else { code::COMPLETE }))
}

impl Delivery {
    /// Checks the options of a delivery of files that are named later. Warns of a secret that others could read.
    pub(super) fn options(
        &self,
        to: To,
        url: &Uri,
        cursor: PathBuf,
        dead_letters: PathBuf,
        quiet: bool,
    ) -> anyhow::Result<ShipOptions> {
        let usable = matches!(url.scheme_str(), Some("http" | "https")) && url.query().is_none();
        let Some(authority) = url.authority().filter(|_| usable) else {
            return Err(UsageError("--url wants the form https://host:port[/path]".into()).into());
        };
        if authority.as_str().contains('@') {
            let text =
                format!("--url must not hold a secret; put it into {SECRET_VARIABLE} or --secret-file");
            return Err(UsageError(text).into());
        }
        let peer = to.peer();
        let auth = self.auth.map_or_else(|| to.auth(), AuthScheme::auth);
        let endpoint = Endpoint {
            url: url.clone(),
            secret: secret(self.secret_file.as_deref())?.map(|secret| (auth, secret)),
            ca_file: self.ca_file.clone(),
        };
        if exposes_secret(&endpoint) && !quiet {
            terminal::line("roottrail: warning: the secret goes over plain HTTP; use an https URL");
        }
        Ok(ShipOptions {
            files: Vec::new(),
            peer,
            endpoint,
            dataset: self.ecs_dataset.clone(),
            index: self.bulk_index.clone(),
            pipeline: self.pipeline.clone(),
            without_ids: self.no_id,
            hec_index: self.hec_index.clone(),
            batch_bytes: match self.batch_bytes {
                Some(bytes) => usize::try_from(bytes).context("--batch-bytes is too large")?,
                None if peer == Peer::Splunk => 1 << 20,
                None => 5 << 20,
            },
            gzip: !self.no_gzip,
            cursor,
            dead_letters: self.dead_letter.clone().unwrap_or(dead_letters),
            dry_run: false,
            timing: Timing {
                longest_pause: self.max_pause,
                give_up: self.give_up,
                request: self.timeout,
                acknowledgement: self.ack_timeout,
                poll: (self.ack_timeout / 20).clamp(Duration::from_millis(50), Duration::from_secs(5)),
                ..Timing::default()
            },
        })
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn secret(file: Option<&Path>) -> anyhow::Result<Option<Secret>> {
    let secret = match file {
        Some(path) => {
            let text =
                bounded::text(path, SECRET).with_context(|| format!("cannot read {}", path.display()))?;
            let secret = Secret::new(&text);
            anyhow::ensure!(!secret.is_empty(), "{} is empty", path.display());
            secret
        }
        None => match std::env::var(SECRET_VARIABLE) {
            Ok(text) => Secret::new(&text),
            Err(std::env::VarError::NotPresent) => return Ok(None),
            Err(std::env::VarError::NotUnicode(_)) => anyhow::bail!("{SECRET_VARIABLE} is not UTF-8"),
        },
    };
    Ok(Some(secret).filter(|secret| !secret.is_empty()))
}

fn exposes_secret(endpoint: &Endpoint) -> bool {
    let host = endpoint.url.host().unwrap_or_default().trim_matches(['[', ']']);
    let local = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    endpoint.secret.is_some() && endpoint.url.scheme_str() == Some("http") && !local
}

/// Cells of a line of the closing text.
const WIDTH: usize = 80;

/// Returns what happened in words, but not for each of many findings that are refused.
pub(super) fn in_words(event: Event, dead_letters: &mut u64) -> Option<String> {
    /// Further events of one kind would hide all others.
    const MOST: u64 = 20;
    match event {
        Event::Pause { reason, delay } => Some(format!("{reason}; next try in {:.1} s", delay.as_secs_f32())),
        Event::Slow(reason) => Some(reason),
        Event::DeadLetter(reason) => {
            *dead_letters += 1;
            match *dead_letters {
                ..=MOST => Some(format!("refused: {reason}")),
                count if count == MOST + 1 => Some("refused: more, see the dead letter file".into()),
                _ => None,
            }
        }
    }
}

/// A watcher that prints what happens on the way.
struct Teller {
    quiet: bool,
    dead_letters: u64,
    progress: Progress,
    /// Bytes of all files.
    of: u64,
}

impl ShipWatch for Teller {
    fn event(&mut self, event: Event) {
        if let Some(text) = in_words(event, &mut self.dead_letters)
            && !self.quiet
        {
            terminal::line(&format!("roottrail: {}", plain(&text)));
        }
    }

    fn settled(&mut self, done: u64, summary: &ShipSummary) {
        let of = self.of.max(done);
        self.progress.show(|work| {
            work.share = Some((done, of));
            work.part(Rank::Always, format!("{} of {}", bytes(done as f64), bytes(of as f64)));
            work.findings(summary.findings);
            work.part(Rank::Failed, format!("{} refused", summary.dead_letters));
            work.part(Rank::Records, counted(summary.requests, "request", "requests"));
            work.rate(done.saturating_sub(summary.settled_before));
        });
    }
}

fn closing(summary: &ShipSummary, options: &ShipOptions) -> String {
    let ShipSummary { findings, delivered, already_there, dead_letters, requests, bytes, .. } = summary;
    let things = match (options.peer, *delivered) {
        (Peer::Splunk, 1) => "event",
        (Peer::Splunk, _) => "events",
        (_, 1) => "document",
        _ => "documents",
    };
    if options.dry_run {
        return format!(
            "{} would go out as {delivered} {things} in {} ({bytes} bytes); {dead_letters} cannot be sent",
            counted(*findings, "finding", "findings"),
            counted(*requests, "request", "requests")
        );
    }
    let mut text = format!("{}: {delivered} {things} delivered", counted(*findings, "finding", "findings"));
    if *already_there > 0 {
        text.push_str(&format!(" ({already_there} were there before)"));
    }
    if *dead_letters > 0 {
        text.push_str(&format!(", {dead_letters} refused, see {}", options.dead_letters.display()));
    }
    if *findings == 0 && summary.settled_before > 0 {
        text.push_str(", nothing new since the last run");
    }
    plain(&text)
}
