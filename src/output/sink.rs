//! The trait of whatever takes the findings of a run.

use std::io;

use super::partial::Committed;
use crate::error::{Fatal, ObjectError};
use crate::finding::{Finding, Integrity};
use crate::scan::report::Report;

/// The receiver of findings and errors.
pub trait Sink {
    /// Takes one finding, in output order.
    ///
    /// # Errors
    ///
    /// Fails where the finding cannot be written, and where the sink's reader has gone.
    fn finding(&mut self, finding: Finding) -> Result<(), SinkError>;

    /// Returns what digests say of an object, and the SHA-256 that its findings carry, before the findings
    /// are written.
    ///
    /// # Errors
    ///
    /// Fails where the verdict of the digests cannot be found out.
    fn integrity(&mut self, report: &Report) -> Result<(Integrity, Option<[u8; 32]>), SinkError> {
        Ok((Integrity::Unverified, report.sha256))
    }

    /// Takes one object, after its findings and before its errors.
    ///
    /// # Errors
    ///
    /// Fails where the object cannot be noted.
    fn object(&mut self, report: &Report) -> Result<(), SinkError> {
        let _nothing_to_note = report;
        Ok(())
    }

    /// Returns whether a checkpoint may say that this object need not be read again. Asked behind [`Sink::object`].
    fn settles(&self, report: &Report) -> bool {
        let _all_are_done = report;
        true
    }

    /// Takes one object or record that could not be read.
    ///
    /// # Errors
    ///
    /// Fails where the error cannot be written, and where the sink's reader has gone.
    fn error(&mut self, error: &ObjectError) -> Result<(), SinkError>;

    /// Makes durable what was written, and returns the length of each output that outlives the process, which
    /// a checkpoint is about to vouch for.
    ///
    /// # Errors
    ///
    /// Fails where an output cannot be written or synced.
    fn commit(&mut self) -> Result<Vec<Committed>, SinkError> {
        Ok(Vec::new())
    }

    /// Flushes the buffers, since nothing is to be written just now.
    ///
    /// # Errors
    ///
    /// Fails where an output cannot be written.
    fn idle(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

/// A closure is a sink: it takes findings, and what could not be read, in output order.
impl<F> Sink for F
where
    F: FnMut(Result<Finding, &ObjectError>) -> Result<(), SinkError>,
{
    fn finding(&mut self, finding: Finding) -> Result<(), SinkError> {
        self(Ok(finding))
    }

    fn error(&mut self, error: &ObjectError) -> Result<(), SinkError> {
        self(Err(error))
    }
}

/// The reason why a sink accepts nothing further.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The sink's reader has gone (`| head`), so that the run ends quietly.
    #[error("the reader of the output has gone")]
    Closed,
    /// The sink failed.
    #[error(transparent)]
    Failed(Fatal),
}

impl From<io::Error> for SinkError {
    /// Wraps the failure to read findings back that were spilled to a temporary file.
    fn from(source: io::Error) -> Self {
        Self::Failed(Fatal::Output { path: "a temporary file for findings".into(), source })
    }
}
