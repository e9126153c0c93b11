//! What verification found wrong, and what is worth a word.
//!
//! Problems and notes may be as many as there are logs, so they wait in an unnamed temporary file, a line of JSON
//! each, in the order in which they were found.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Seek as _, SeekFrom, Write as _};

use serde::{Deserialize, Serialize};

/// What kind of problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum IntegrityProblem {
    /// A digest file that is no digest.
    DigestMalformed,
    /// A digest whose signature is not CloudTrail's.
    DigestSignatureInvalid,
    /// A digest that is not the one that its successor names.
    DigestHashMismatch,
    /// A digest that another one names, and that is not there.
    DigestMissing,
    /// A digest in a place that is not its own.
    DigestMoved,
    /// A digest whose time overlaps that of the one before.
    DigestOverlap,
    /// A digest whose link leads to itself, forward, or past the one before it.
    DigestChainBroken,
    /// A digest of a key that is not known. A failure where the keys of its time are.
    DigestNoKey,
    /// A digest without a signature at hand. No failure.
    DigestUnverified,
    /// A digest that could not be read. No failure.
    DigestUnread,
    /// A log that is not what CloudTrail delivered.
    LogMismatch,
    /// A log that a digest names, and that is not there.
    LogMissing,
    /// A log that no digest names, in a time that digests prove.
    LogNotInDigest,
    /// A log that could not be read. No failure.
    LogUnread,
}

/// What kind of note.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NoteKind {
    /// A digest that begins a chain.
    ChainBegins,
    /// A digest under another bucket or prefix than it was delivered to.
    DigestReplicated,
    /// A digest that is there twice, as versions of an object are.
    DigestTwice,
    /// A log that is named twice.
    LogNamedTwice,
    /// A log that is named in another bucket, and was not looked for there.
    OtherBucket,
    /// A digest that is sound.
    DigestValid,
    /// A log that is as it was delivered.
    LogValid,
    /// A log of a time that no digest proves.
    LogUnverified,
}

/// A problem or a note.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line<K> {
    /// The kind of the problem or note.
    pub kind: K,
    /// The digest or log.
    pub uri: String,
    /// The explanation, in words.
    pub detail: String,
}

/// Lines in a temporary file, made when the first comes.
#[derive(Debug, Default)]
pub struct Lines {
    file: Option<BufWriter<File>>,
    count: u64,
}

impl Lines {
    /// Adds a line.
    ///
    /// # Errors
    ///
    /// Fails where the temporary file cannot be made or written.
    pub fn push<K: Serialize>(&mut self, line: &Line<K>) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(BufWriter::new(tempfile::tempfile()?)),
        };
        serde_json::to_writer(&mut *file, line)?;
        file.write_all(b"\n")?;
        self.count += 1;
        Ok(())
    }

    /// Returns how many there are.
    pub fn len(&self) -> u64 {
        self.count
    }

    /// Returns whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Hands each line's JSON to `to`, in order.
    ///
    /// # Errors
    ///
    /// Fails where the temporary file cannot be read back, or where `to` fails.
    pub fn each(&mut self, mut to: impl FnMut(&str) -> io::Result<()>) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        file.flush()?;
        let file = file.get_mut();
        file.seek(SeekFrom::Start(0))?;
        for line in BufReader::new(&*file).lines() {
            to(&line?)?;
        }
        file.seek(SeekFrom::End(0))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_back_in_order_and_more_may_follow() {
        let mut lines = Lines::default();
        let mut all = Vec::new();
        for n in 0..3 {
            let line =
                Line { kind: IntegrityProblem::LogMissing, uri: format!("u{n}\n"), detail: "\u{1b}".into() };
            lines.push(&line).unwrap();
            let mut read = Vec::new();
            lines
                .each(|line| {
                    read.push(serde_json::from_str::<Line<IntegrityProblem>>(line)?);
                    Ok(())
                })
                .unwrap();
            all.push(line);
            assert_eq!(read, all);
        }
        assert_eq!((lines.len(), lines.is_empty()), (3, false));
    }
}
