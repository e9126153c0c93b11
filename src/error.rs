//! The errors of a run.
//!
//! An [`ObjectError`] says that one object, prefix or record could not be read. The error names the object,
//! the step and the class of the failure, and keeps its cause. An `ObjectError` travels to the driver like a
//! finding, is reported and counted, and never stops the run. A [`Fatal`] ends the run, with exit code 1. No
//! code decides by the text of an error: [`ErrorKind`] is for machines, the message for people.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use serde::{Deserialize, Serialize};

/// The step at which an object, a prefix or a record could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Listing a prefix or walking a directory.
    List,
    /// Fetching an object over the network.
    Get,
    /// Reading a file.
    Read,
    /// Decompressing.
    Inflate,
    /// Finding and parsing the records.
    Parse,
}

/// The class of an error, for machines. The message is for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The caller may not list or read this.
    AccessDenied,
    /// The object was there when it was listed or named, and is gone.
    NotFound,
    /// The object lies in an archive storage class and must be restored first.
    Archived,
    /// The server kept asking to slow down.
    Throttled,
    /// No answer, or no progress, in time.
    Timeout,
    /// The connection broke.
    Connection,
    /// The gzip stream is cut short or damaged.
    CorruptGzip,
    /// The object inflates to more than the limit.
    TooLarge,
    /// No bytes where a log should be.
    Empty,
    /// Well-formed JSON that holds no events.
    NotCloudtrail,
    /// Not JSON, or cut short.
    InvalidJson,
    /// An element of a log that is not a readable record.
    MalformedRecord,
    /// The operating system refused.
    Io,
    /// Anything else.
    Other,
}

impl ErrorKind {
    /// Returns the class of a failure to read a file.
    pub fn of_io(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::NotFound,
            io::ErrorKind::PermissionDenied => Self::AccessDenied,
            _ => Self::Io,
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::List => "list",
            Stage::Get => "get",
            Stage::Read => "read",
            Stage::Inflate => "inflate",
            Stage::Parse => "parse",
        })
    }
}

/// One object, prefix or record that could not be read: where, at which step, and why.
#[derive(Debug)]
pub struct ObjectError {
    /// The object or prefix, as findings name it.
    pub uri: String,
    /// The step that failed.
    pub stage: Stage,
    /// The class of the failure.
    pub kind: ErrorKind,
    /// The record's place in its object, where the failure is one record's.
    pub record_index: Option<u64>,
    /// Findings of the same object that were read before it broke.
    pub findings_salvaged: u64,
    cause: Box<dyn StdError + Send + Sync>,
}

impl ObjectError {
    /// Returns an error that keeps its cause.
    pub fn new(
        uri: impl Into<String>,
        stage: Stage,
        kind: ErrorKind,
        cause: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self { uri: uri.into(), stage, kind, record_index: None, findings_salvaged: 0, cause: cause.into() }
    }

    /// Returns the error as one of the record with this index.
    pub fn at_record(mut self, index: u64) -> Self {
        self.record_index = Some(index);
        self
    }

    /// Returns whether damage on the way over the network could look like this error.
    pub(crate) fn may_be_the_network(&self) -> bool {
        self.kind == ErrorKind::CorruptGzip
            || (self.stage == Stage::Parse && matches!(self.kind, ErrorKind::InvalidJson | ErrorKind::Empty))
    }

    /// Returns the cause and the causes behind it, in one line.
    pub fn message(&self) -> String {
        chain(&*self.cause)
    }
}

impl fmt::Display for ObjectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: ", self.uri, self.stage)?;
        if let Some(index) = self.record_index {
            write!(f, "record {index}: ")?;
        }
        f.write_str(&self.message())
    }
}

impl StdError for ObjectError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.cause)
    }
}

/// An error that ends a run with exit code 1: the run cannot start, or its output cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fatal {
    /// An output file could not be created, written or put in place.
    #[error("cannot write {path}")]
    Output {
        /// The file as the user named it, or `standard output`.
        path: String,
        /// The reason.
        source: std::io::Error,
    },
    /// The source cannot be reached at all: no credentials, no such bucket.
    #[error("{message}")]
    Start {
        /// The message: what was tried and what is missing, in one or more lines.
        message: String,
    },
    /// A defect of roottrail: an accounting identity does not hold.
    #[error("the counts of this run do not add up ({0}); please report this as a bug")]
    Unbalanced(String),
}

/// Returns the error and the causes behind it, without the repetitions.
pub fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    for cause in links(error).skip(1) {
        let inner_text = cause.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
    }
    text
}

/// Returns the error and the causes behind it, one by one.
pub(crate) fn links<'e>(
    error: &'e (dyn StdError + 'static),
) -> impl Iterator<Item = &'e (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&link| link.source())
}

/// Returns what keeps a run from starting.
#[cfg(feature = "s3")]
pub(crate) fn start(message: String) -> Fatal {
    Fatal::Start { message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Layer {
        text: &'static str,
        source: Option<Box<Layer>>,
    }

    #[test]
    fn a_chain_leaves_out_what_is_repeated() {
        let io = |text| Some(Box::new(Layer { text, source: None }));
        let layered = |source| Layer { text: "no answer: reset", source };
        assert_eq!(chain(&layered(io("reset"))), "no answer: reset");
        assert_eq!(chain(&layered(io("timeout"))), "no answer: reset: timeout");
    }
}
