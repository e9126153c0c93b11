//! Delivers findings files to Elasticsearch, OpenSearch or Splunk, and knows when they have arrived.
//!
//! ```text
//! files ──lines──► batches by bytes ──► server ──each item's result──► delivered │ again │ dead letter
//!                                                └──────────────────► cursor: all before this is settled
//! ```
//!
//! A finding is settled when the server has said so of this very finding, or when it stands in the dead
//! letter file with the server's reason. The cursor moves only over settled findings, so that a shipper may
//! be killed at any moment and started again. Sending twice is harmless: Elasticsearch and OpenSearch refuse
//! a second document with the same id, and in Splunk `dedup finding_id` removes it.
//!
//! [`run`] blocks. It prints nothing; what a person may want to know on the way goes to [`ShipWatch`].

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::format::{Dataset, IndexName};

mod answer;
mod batch;
mod cursor;
mod dead;
mod deliver;
mod elastic;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod http;
mod input;
mod splunk;
mod target;

pub use http::{Auth, Endpoint, Secret};

/// The kind of server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Peer {
    /// Elasticsearch, by `_bulk`.
    Elastic,
    /// OpenSearch, by `_bulk`.
    OpenSearch,
    /// Splunk, by its HTTP Event Collector.
    Splunk,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Peer::Elastic => "elastic",
            Peer::OpenSearch => "opensearch",
            Peer::Splunk => "splunk",
        })
    }
}

/// What to deliver, where and how.
#[derive(Clone, Debug)]
pub struct ShipOptions {
    /// Findings files, as `scan` writes them.
    pub files: Vec<PathBuf>,
    /// The kind of server.
    pub peer: Peer,
    /// The server.
    pub endpoint: Endpoint,
    /// `data_stream.dataset` of documents.
    pub dataset: Dataset,
    /// The index or data stream of documents; without one the dataset's data stream.
    pub index: Option<IndexName>,
    /// The ingest pipeline that documents go through.
    pub pipeline: Option<String>,
    /// Leave `_id` to the server.
    pub without_ids: bool,
    /// Splunk's index; without one the token's default.
    pub hec_index: Option<String>,
    /// How many bytes of documents a request holds, before compression.
    pub batch_bytes: usize,
    /// Compress requests.
    pub gzip: bool,
    /// Where the progress is kept.
    pub cursor: PathBuf,
    /// Where refused findings go.
    pub dead_letters: PathBuf,
    /// Read and render everything, send nothing, write nothing.
    pub dry_run: bool,
    /// The waits.
    pub timing: Timing,
}

/// How long to wait for what.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// The longest first pause after a failure; later ones double.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
    /// Without any progress for this long, the run ends.
    pub give_up: Duration,
    /// One request and its answer.
    pub request: Duration,
    /// Splunk's acknowledgement; after it the batch is sent again.
    pub acknowledgement: Duration,
    /// Between two questions for acknowledgements.
    pub poll: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(60),
            give_up: Duration::from_secs(15 * 60),
            request: Duration::from_secs(60),
            acknowledgement: Duration::from_secs(5 * 60),
            poll: Duration::from_secs(2),
        }
    }
}

/// What a run did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShipSummary {
    /// Findings read in this run.
    pub findings: u64,
    /// Documents or events that the server has taken.
    pub delivered: u64,
    /// Documents or events that were there before.
    pub already_there: u64,
    /// Documents, events or lines in the dead letter file.
    pub dead_letters: u64,
    /// Documents or events that were sent again.
    pub resent: u64,
    /// Requests that carried documents or events.
    pub requests: u64,
    /// Bytes of their bodies, as sent.
    pub bytes: u64,
    /// Bytes of the files that an earlier run had settled.
    pub settled_before: u64,
}

/// What happens on the way.
#[derive(Clone, Debug)]
pub enum Event {
    /// Nothing goes on until a pause is over.
    Pause {
        /// The reason.
        reason: String,
        /// The length of the wait.
        delay: Duration,
    },
    /// The server took the batch but asks for patience.
    Slow(String),
    /// A document, event or line went to the dead letter file.
    DeadLetter(String),
}

/// A listener to what happens on the way.
pub trait ShipWatch {
    /// Takes note of one event.
    fn event(&mut self, event: Event);

    /// Learns that everything before so many bytes of all files together is settled, or rendered in a rehearsal.
    fn settled(&mut self, bytes: u64, summary: &ShipSummary) {
        let _nobody_follows = (bytes, summary);
    }
}

/// Why a run ended before everything was settled. Started again, it goes on where it stopped.
#[derive(Debug, thiserror::Error)]
pub enum ShipError {
    /// A findings file cannot be read.
    #[error("cannot read {path}")]
    Input {
        /// The file.
        path: String,
        /// The reason.
        source: std::io::Error,
    },
    /// A findings file ends in the middle of a line: somebody still writes it, or it was cut.
    #[error("{path} ends in the middle of a line; everything before it is delivered")]
    CutLine {
        /// The file.
        path: String,
    },
    /// The cursor cannot be read or written.
    #[error("cannot keep the cursor {path}")]
    Cursor {
        /// The file.
        path: String,
        /// The reason.
        source: std::io::Error,
    },
    /// The cursor belongs to other files or another server.
    #[error(
        "the cursor {path} does not fit: {why}; name another one with --cursor, or delete it to start afresh"
    )]
    OtherCursor {
        /// The file.
        path: String,
        /// What differs.
        why: String,
    },
    /// The dead letter file cannot be written.
    #[error("cannot write {path}")]
    DeadLetters {
        /// The file.
        path: String,
        /// The reason.
        source: std::io::Error,
    },
    /// The connection cannot be set up.
    #[error("cannot set up the connection: {0}")]
    Setup(String),
    /// The server refuses, and would refuse again.
    #[error("the server refuses: {0}")]
    Refused(String),
    /// The server did not take the findings in time.
    #[error("gave up after {} s without progress: {reason}", waited.as_secs())]
    GaveUp {
        /// The last failure.
        reason: String,
        /// How long nothing went on.
        waited: Duration,
    },
}

/// Delivers the files.
///
/// # Errors
///
/// Fails where something is left undelivered; what was settled before stays settled.
pub fn run(options: &ShipOptions, watch: &mut dyn ShipWatch) -> Result<ShipSummary, ShipError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| ShipError::Setup(error.to_string()))?;
    runtime.block_on(deliver::run(options, watch))
}
