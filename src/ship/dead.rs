//! The dead letter file: what the server refused, with its reason, one JSON object a line.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::value::RawValue;

use super::ShipError;
use super::input::Line;

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
    unsynced: bool,
}

impl DeadLetters {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), file: None, unsynced: false }
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
            empty => empty.insert(OpenOptions::new().append(true).create(true).open(&self.path)?),
        };
        let mut text = serde_json::to_vec(letter)?;
        text.push(b'\n');
        file.write_all(&text)?;
        self.unsynced = true;
        Ok(())
    }

    fn fail(&self, source: io::Error) -> ShipError {
        ShipError::DeadLetters { path: self.path.display().to_string(), source }
    }
}
