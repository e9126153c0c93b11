//! Where findings go, and when they are durable there.

use super::state::Grown;
use crate::error::Fatal;
use crate::finding::Finding;
use crate::format::Format;
use crate::output::file::OutFile;
use crate::output::sink::SinkError;

/// Takes the findings of one batch after another.
///
/// A batch is written, then made durable ([`FollowPlace::write_out`]), then committed by the journal, then settled. A process
/// that is killed in between finds in the journal how far the place was.
pub trait FollowPlace {
    /// Takes one finding.
    ///
    /// # Errors
    ///
    /// Fails where the finding cannot be written.
    fn finding(&mut self, finding: &Finding) -> Result<(), SinkError>;

    /// Makes durable what was written, and returns how far that is.
    ///
    /// # Errors
    ///
    /// Fails where the place cannot be written.
    fn write_out(&mut self) -> Result<Grown, SinkError>;

    /// Is called once the journal holds the batch. Returns when the messages of the batch may be deleted, or `false`
    /// where the run is to end before that.
    ///
    /// # Errors
    ///
    /// Fails where the place cannot be written.
    fn settle(&mut self) -> Result<bool, SinkError> {
        Ok(true)
    }

    /// Is called from time to time while there is nothing to write.
    ///
    /// # Errors
    ///
    /// Fails where the place cannot be written.
    fn idle(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    /// Ends the place in order, behind the last batch.
    ///
    /// # Errors
    ///
    /// Fails where the place cannot be written.
    fn finish(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    /// Returns how many findings the place's server has refused for good.
    fn refused(&self) -> u64 {
        0
    }
}

/// Standard output: whole lines, flushed behind each batch.
pub struct StdoutPlace {
    format: Box<dyn Format>,
    file: OutFile,
    line: Vec<u8>,
}

impl std::fmt::Debug for StdoutPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StdoutPlace").field("file", &self.file).finish_non_exhaustive()
    }
}

impl StdoutPlace {
    /// Begins with the format's header.
    ///
    /// # Errors
    ///
    /// Fails where standard output cannot be written.
    pub fn new(format: Box<dyn Format>, mut file: OutFile) -> Result<Self, SinkError> {
        let mut line = Vec::new();
        format.header(&mut line);
        file.write(&line)?;
        file.idle()?;
        Ok(Self { format, file, line })
    }
}

impl FollowPlace for StdoutPlace {
    fn finding(&mut self, finding: &Finding) -> Result<(), SinkError> {
        self.line.clear();
        render(&*self.format, finding, &mut self.line)?;
        self.file.write(&self.line)
    }

    fn write_out(&mut self) -> Result<Grown, SinkError> {
        self.file.idle()?;
        Ok(Grown::default())
    }

    fn idle(&mut self) -> Result<(), SinkError> {
        self.file.idle()
    }
}

/// Appends a finding in a format.
pub(super) fn render(format: &dyn Format, finding: &Finding, line: &mut Vec<u8>) -> Result<(), SinkError> {
    format.write(finding, line).map_err(|error| {
        let source = std::io::Error::other(error);
        SinkError::Failed(Fatal::Output { path: "a finding".into(), source })
    })
}
