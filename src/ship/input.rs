//! Reads findings files line by line, from where an earlier run stopped.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::ShipError;
use crate::findings::{FindingLines, LineFault, LineKind, kind_of, open_file};
use crate::hex::hex;

/// One line of a findings file.
#[derive(Debug)]
pub(super) struct Line {
    /// The line without its end.
    pub(super) text: Vec<u8>,
    /// The file as the user named it.
    pub(super) file: String,
    /// Where the line begins.
    pub(super) offset: u64,
}

/// One findings file being read.
pub(super) struct Input {
    name: String,
    lines: FindingLines<BufReader<File>>,
    /// Where the next line begins: a line without its end is not behind it.
    offset: u64,
    read: Sha256,
}

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Input")
            .field("name", &self.name)
            .field("offset", &self.offset)
            .finish_non_exhaustive()
    }
}

impl Input {
    /// Opens a file at an offset, having read everything before it for [`Input::digest`].
    pub(super) fn open(path: &Path, offset: u64) -> Result<Self, ShipError> {
        let name = path.display().to_string();
        let fail = |source| ShipError::Input { path: name.clone(), source };
        let mut file = BufReader::with_capacity(1 << 20, open_file(path).map_err(fail)?);
        let mut read = Sha256::new();
        let mut left = offset;
        while left > 0 {
            let chunk = file.fill_buf().map_err(fail)?;
            let length = chunk.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            if length == 0 {
                break;
            }
            read.update(&chunk[..length]);
            file.consume(length);
            left -= length as u64;
        }
        let offset = offset - left;
        Ok(Self { name, lines: FindingLines::new(file, offset), offset, read })
    }

    /// Returns where the next line begins.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns the SHA-256 of everything before the next line.
    pub(super) fn digest(&self) -> String {
        hex(&self.read.clone().finalize())
    }

    /// Returns the next line that is not blank, or `None` at the end of the file.
    pub(super) fn next_line(&mut self) -> Result<Option<Line>, ShipError> {
        loop {
            let offset = self.lines.offset();
            let mut text = Vec::new();
            let length = self.lines.next_into(&mut text).map_err(|fault| {
                let source = match fault {
                    LineFault::Io(source) => source,
                    LineFault::TooLong => io::Error::new(io::ErrorKind::InvalidData, fault),
                };
                ShipError::Input { path: self.name.clone(), source }
            })?;
            if length == 0 {
                return Ok(None);
            }
            if text.last() != Some(&b'\n') {
                // A log is one line without an end, and nobody writes it still.
                if let LineKind::Other(name) = kind_of(&text) {
                    let text =
                        format!("this is {name}; ship reads lines as `roottrail scan -f ndjson` writes them");
                    let source = io::Error::new(io::ErrorKind::InvalidData, text);
                    return Err(ShipError::Input { path: self.name.clone(), source });
                }
                return Err(ShipError::CutLine { path: self.name.clone() });
            }
            self.read.update(&text);
            self.offset = self.lines.offset();
            text.truncate(text.trim_ascii_end().len());
            if !text.is_empty() {
                return Ok(Some(Line { text, file: self.name.clone(), offset }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_from_the_middle_have_the_same_digest() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "one\n\ntwo\r\nthree").unwrap();
        let mut input = Input::open(file.path(), 0).unwrap();
        assert_eq!(input.next_line().unwrap().unwrap().text, b"one");
        let two = input.next_line().unwrap().unwrap();
        assert_eq!((two.text.as_slice(), two.offset), (b"two".as_slice(), 5));
        assert!(matches!(input.next_line(), Err(ShipError::CutLine { .. })));
        let again = Input::open(file.path(), 10).unwrap();
        assert_eq!((again.offset(), again.digest()), (10, input.digest()));
        assert_eq!(Input::open(file.path(), 99).unwrap().offset(), 15);
    }
}
