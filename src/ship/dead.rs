//! The dead letter file: what the server refused, with its reason, one JSON object a line.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::ShipError;
use super::input::Line;
use crate::own_file;

const SCHEMA: &str = "roottrail.dead-letter/1";

/// Why something was refused.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    /// The HTTP status, of the item where it has one of its own. None where it was never sent.
    pub(super) status: Option<u16>,
    /// The server's word for the kind of error.
    pub(super) kind: String,
    /// The server's explanation.
    pub(super) reason: String,
}

#[derive(Serialize)]
struct Letter<'l> {
    schema: &'static str,
    finding_id: Option<&'l str>,
    /// The part of a finding that was refused, where it is sent in parts.
    part: Option<&'l str>,
    status: Option<u16>,
    error: &'l str,
    reason: &'l str,
    file: &'l str,
    offset: u64,
    finding: Option<&'l RawValue>,
    /// The line, where it is no JSON.
    line: Option<String>,
}

/// Appends to the file, which appears with the first letter.
#[derive(Debug)]
pub(super) struct DeadLetters {
    path: PathBuf,
    file: Option<File>,
    /// Hashes of the letters that are there already: a run that was killed wrote them, and its cursor was behind.
    there: HashSet<Of>,
    unsynced: bool,
}

/// What a letter is of.
#[derive(Debug, PartialEq, Eq, Hash, Deserialize)]
struct Of {
    file: String,
    offset: u64,
    part: Option<String>,
    finding_id: Option<String>,
}

impl DeadLetters {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), file: None, there: HashSet::new(), unsynced: false }
    }

    /// Appends one letter.
    pub(super) fn write(
        &mut self,
        line: &Line,
        id: Option<&str>,
        part: Option<&str>,
        refusal: &Refusal,
    ) -> Result<(), ShipError> {
        let finding = serde_json::from_slice::<&RawValue>(&line.text).ok();
        let letter = Letter {
            schema: SCHEMA,
            finding_id: id,
            part,
            status: refusal.status,
            error: &refusal.kind,
            reason: &refusal.reason,
            file: &line.file,
            offset: line.offset,
            finding,
            line: finding.is_none().then(|| String::from_utf8_lossy(&line.text).into_owned()),
        };
        self.append(&letter).map_err(|source| self.fail(source))
    }

    /// Returns when all letters are on disk: before the cursor moves past their findings.
    pub(super) fn sync(&mut self) -> Result<(), ShipError> {
        let Some(file) = self.file.as_ref().filter(|_| self.unsynced) else { return Ok(()) };
        file.sync_data().map_err(|source| self.fail(source))?;
        self.unsynced = false;
        Ok(())
    }

    fn append(&mut self, letter: &Letter<'_>) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            empty => {
                let mut file = own_file::open_or_create(&self.path)?;
                self.there = letters(&mut file)?;
                empty.insert(file)
            }
        };
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let (part, finding_id) = (owned(letter.part), owned(letter.finding_id));
        if self.there.contains(&Of { file: letter.file.to_owned(), offset: letter.offset, part, finding_id })
        {
            return Ok(());
        }
        let mut text = serde_json::to_vec(letter)?;
        text.push(b'\n');
        file.seek(SeekFrom::End(0))?;
        file.write_all(&text)?;
        self.unsynced = true;
        Ok(())
    }

    fn fail(&self, source: io::Error) -> ShipError {
        ShipError::DeadLetters { path: self.path.display().to_string(), source }
    }
}

/// Returns the letters of a file, of which a half one at the end is removed.
fn letters(file: &mut File) -> io::Result<HashSet<Of>> {
    let (mut there, mut whole) = (HashSet::new(), 0);
    let mut reader = BufReader::new(&*file);
    let mut line = Vec::new();
    loop {
        line.clear();
        let n = reader.read_until(b'\n', &mut line)?;
        if line.last() != Some(&b'\n') {
            break;
        }
        whole += n as u64;
        // What is no letter was put there by somebody else, and stays.
        there.extend(serde_json::from_slice::<Of>(&line).ok());
    }
    file.set_len(whole)?;
    Ok(there)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_not_doubled_at_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dead");
        let line = |offset| Line { text: b"{}".to_vec(), file: "f".into(), offset };
        let refusal = Refusal { status: Some(400), kind: "t".into(), reason: "r".into() };
        for (offsets, cut) in [(0..2, 0), (0..3, 1), (1..4, 0)] {
            let mut letters = DeadLetters::new(&path);
            for offset in offsets {
                letters.write(&line(offset), Some("id"), None, &refusal).unwrap();
            }
            letters.sync().unwrap();
            // As a process leaves it that is killed as it writes.
            let bytes = std::fs::metadata(&path).unwrap().len();
            File::options().write(true).open(&path).unwrap().set_len(bytes - cut).unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let offsets: Vec<u64> = text
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["offset"].as_u64().unwrap())
            .collect();
        assert_eq!(offsets, [0, 1, 2, 3]);
    }
}
