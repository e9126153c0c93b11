//! Lines with a limit: a file of another kind may be one line without end.

use std::io::{self, BufRead, Read as _};

/// A longer line is no finding: CloudTrail's records are 256 KiB at most.
pub const LONGEST_LINE: u64 = 64 << 20;

/// Why there is no next line.
#[derive(Debug, thiserror::Error)]
pub enum LineFault {
    /// The line does not end within [`LONGEST_LINE`]. What was read of it is dropped.
    #[error("a line has more than 64 MiB")]
    TooLong,
    /// The file cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Reads lines and counts their bytes.
#[derive(Debug)]
pub struct FindingLines<R> {
    from: R,
    offset: u64,
}

impl<R: BufRead> FindingLines<R> {
    /// Returns the lines of a reader that stands at `offset` of its file.
    pub fn new(from: R, offset: u64) -> Self {
        Self { from, offset }
    }

    /// Returns where the next line begins.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Appends the next line with its end, if it has one, and returns its length; 0 at the end of the file.
    ///
    /// # Errors
    /// Fails where the file cannot be read, or the line is too long.
    pub fn next_into(&mut self, text: &mut Vec<u8>) -> Result<usize, LineFault> {
        let length = (&mut self.from).take(LONGEST_LINE).read_until(b'\n', text)?;
        if length as u64 == LONGEST_LINE && text.last() != Some(&b'\n') {
            text.truncate(text.len() - length);
            return Err(LineFault::TooLong);
        }
        self.offset += length as u64;
        Ok(length)
    }
}
