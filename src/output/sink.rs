//! What takes the findings of a run.

use std::io;

use super::partial::Committed;
use crate::error::{Fatal, ObjectError};
use crate::finding::{Finding, Integrity};
use crate::scan::report::Report;

/// Where findings and errors go.
pub trait Sink {
    /// One finding, in output order.
    fn finding(&mut self, finding: Finding) -> Result<(), SinkError>;

    /// What digests say of an object, and the SHA-256 that its findings carry. Asked before they are written.
    ///
    /// # Errors
    ///
    /// Fails where what digests say cannot be found out.
    fn integrity(&mut self, report: &Report) -> Result<(Integrity, Option<[u8; 32]>), SinkError> {
        Ok((Integrity::Unverified, report.sha256))
    }

    /// One object, after its findings and before its errors.
    fn object(&mut self, report: &Report) -> Result<(), SinkError> {
        let _nothing_to_note = report;
        Ok(())
    }

    /// One object or record that could not be read.
    fn error(&mut self, error: &ObjectError) -> Result<(), SinkError>;

    /// Makes durable what was written, and says how long each output is that outlives the process: a
    /// checkpoint is about to vouch for it.
    fn commit(&mut self) -> Result<Vec<Committed>, SinkError> {
        Ok(Vec::new())
    }

    /// Nothing is to be written just now: pass on what is buffered.
    fn idle(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

/// Why a sink takes no more.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// Its reader has gone (`| head`): end quietly.
    #[error("the reader of the output has gone")]
    Closed,
    /// It failed.
    #[error(transparent)]
    Failed(Fatal),
}

impl From<io::Error> for SinkError {
    /// Findings that were spilled to a temporary file cannot be read back.
    fn from(source: io::Error) -> Self {
        Self::Failed(Fatal::Output { path: "a temporary file for findings".into(), source })
    }
}
