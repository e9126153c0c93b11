//! The evidence manifest, NDJSON `roottrail.manifest/1`: what was read, byte for byte, and what came of it,
//! so that a third party can repeat the run and compare.
//!
//! The first line is the run. A line follows for each object that was read or tried, and one for each output.
//! The last line closes the account; a manifest without it is one of a run that was interrupted.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::file::OutFile;
use super::partial::Committed;
use crate::cancel::Cancel;
use crate::error::Fatal;
use crate::hex::hex;
use crate::output::sink::SinkError;
use crate::scan::report::{ObjectOutcome, Report};
use crate::summary::Summary;

/// The name of the schema.
pub const SCHEMA: &str = "roottrail.manifest/1";

/// The manifest of a run.
#[derive(Debug)]
pub struct Manifest {
    file: OutFile,
    line: Vec<u8>,
}

impl Manifest {
    /// Begins the file, unless an earlier part of the run has done so. `identity` is the reader, as STS names
    /// it.
    ///
    /// # Errors
    ///
    /// Fails where the file cannot be written.
    pub fn begin(mut file: OutFile, arguments: &[String], identity: &Value) -> Result<Self, SinkError> {
        let goes_on = file.goes_on()?;
        let mut manifest = Self { file, line: Vec::new() };
        if !goes_on {
            manifest.line(&json!({
                "type": "run",
                "schema": SCHEMA,
                "version": env!("CARGO_PKG_VERSION"),
                "arguments": arguments,
                "identity": identity,
                "started": Timestamp::now().to_string(),
            }))?;
        }
        Ok(manifest)
    }

    fn line(&mut self, line: &Value) -> Result<(), SinkError> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, line).map_err(io::Error::from)?;
        self.line.push(b'\n');
        self.file.write(&self.line)
    }

    /// Notes one object. An object that was passed over by its name was not read and is no evidence.
    pub(super) fn object(&mut self, report: &Report) -> Result<(), SinkError> {
        let outcome = match report.outcome {
            ObjectOutcome::Scanned => "read",
            ObjectOutcome::Failed => "failed",
            ObjectOutcome::Skipped(crate::key::Skip::NotCloudtrail) => "without_events",
            ObjectOutcome::Skipped(_) => return Ok(()),
        };
        let object = &report.object;
        // The size is that of the bytes that were hashed: a pipe has no size of its own, and a file may have
        // grown.
        let size = if report.sha256.is_some() { report.bytes_compressed } else { object.size };
        self.line(&json!({
            "type": "object",
            "uri": object.uri,
            "etag": object.etag,
            "version_id": object.version_id,
            "size": size,
            "sha256": report.sha256.map(|hash| hex(&hash)),
            "outcome": outcome,
        }))
    }

    pub(super) fn commit(&mut self) -> Result<Committed, SinkError> {
        self.file.commit()
    }

    /// Flushes the buffer, where somebody may be reading along.
    pub(super) fn idle(&mut self) -> Result<(), SinkError> {
        self.file.idle()
    }

    /// Notes an output that is in its place.
    ///
    /// # Errors
    ///
    /// Fails where the output cannot be read, where the manifest cannot be written, and where the run is to stop
    /// before the output is hashed.
    pub fn output(&mut self, option: &str, path: &Path, cancel: &Cancel) -> Result<(), SinkError> {
        let name = path.display().to_string();
        let (bytes, lines, sha256) = digest(path, cancel)
            .map_err(|source| SinkError::Failed(Fatal::Output { path: name.clone(), source }))?;
        self.line(&json!({
            "type": "output", "option": option, "path": name, "bytes": bytes, "lines": lines, "sha256": sha256,
        }))
    }

    /// Closes the account and puts the manifest in its place.
    ///
    /// # Errors
    ///
    /// Fails where the manifest cannot be written or put in place.
    pub fn end(mut self, summary: &Summary, exit_code: u8) -> Result<(), SinkError> {
        self.line(&json!({
            "type": "end",
            "ended": Timestamp::now().to_string(),
            "objects": summary.objects,
            "records": summary.records.scanned,
            "findings": summary.findings,
            "complete": summary.complete(),
            "exit_code": exit_code,
        }))?;
        self.file.finish()
    }

    /// Puts the manifest in its place as it is, after a run that was interrupted.
    ///
    /// # Errors
    ///
    /// Fails where the manifest cannot be written or put in place.
    pub fn leave(self) -> Result<(), SinkError> {
        self.file.finish()
    }
}

/// Returns the bytes, lines and SHA-256 of a file.
fn digest(path: &Path, cancel: &Cancel) -> io::Result<(u64, u64, String)> {
    let mut file = File::open(path)?;
    // A device that findings were written to has no end, and a pipe has nothing left.
    if !file.metadata()?.is_file() {
        return Ok((0, 0, String::new()));
    }
    let (mut bytes, mut lines, mut hash) = (0, 0, Sha256::new());
    let mut buffer = vec![0; 1 << 18];
    loop {
        if cancel.is_set() {
            return Err(io::Error::other("interrupted"));
        }
        let n = file.read(&mut buffer)?;
        if n == 0 {
            return Ok((bytes, lines, hex(&hash.finalize())));
        }
        bytes += n as u64;
        lines += memchr::memchr_iter(b'\n', &buffer[..n]).count() as u64;
        hash.update(&buffer[..n]);
    }
}
