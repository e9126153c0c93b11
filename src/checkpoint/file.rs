//! The checkpoint's file: read, checked, locked, and written so that there is always a whole one.
//!
//! The file is a JSON envelope of the format's name, a checksum and the state. A new state is written beside
//! the file, synced, and renamed over it. A reader first looks at the format's name, then compares the
//! checksum, then reads the state, so that a later version and a damaged file give errors of their own. A
//! lock file beside the checkpoint keeps a second process out as long as the run lasts.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use super::CheckpointError;
use super::saved::{SavedFindings, SavedSummary};
use crate::hex::hex;
use crate::history::objects::SavedSeries;
use crate::output::partial::{Committed, beside, sync_folder};
use crate::own_file;

const FORMAT: &str = "roottrail.checkpoint/";
/// 2: fingerprints of 16 bytes. Those of version 1, of 8, are read as well.
const VERSION: u32 = 2;

/// The whole file. The checksum is over the text of `state`.
#[derive(Serialize, Deserialize)]
struct Envelope<'a> {
    format: String,
    sha256: String,
    #[serde(borrow)]
    state: &'a RawValue,
}

/// The members that any later version has as well.
#[derive(Deserialize)]
struct Head {
    format: String,
}

/// The state in a checkpoint: first what people look for, then what the program needs.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Saved {
    /// The version of the program that wrote the state.
    pub(super) version: String,
    pub(super) saved: String,
    /// The start of the unfinished run, or of the last finished one.
    pub(super) started: String,
    pub(super) finished: bool,
    /// The command line of the process that began the run.
    pub(super) arguments: Vec<String>,
    pub(super) sources: Vec<String>,
    /// Options that decide what is read and found, as written.
    pub(super) scope: BTreeMap<String, String>,
    /// Options that decide how findings are written.
    pub(super) writing: BTreeMap<String, String>,
    pub(super) outputs: Vec<SavedOutput>,
    pub(super) summary: SavedSummary,
    /// The salt in the hashes of objects, 16 hexadecimal digits.
    pub(super) salt: String,
    /// Objects that finished runs read.
    pub(super) objects: Vec<SavedSeries>,
    /// Objects of finished runs that failed.
    pub(super) failed: String,
    /// Objects that the unfinished run has read.
    pub(super) run: Vec<SavedSeries>,
    pub(super) run_failed: String,
    pub(super) findings: SavedFindings,
}

/// An output, and how much of it the checkpoint vouches for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SavedOutput {
    pub(super) option: String,
    pub(super) path: String,
    #[serde(flatten)]
    pub(super) committed: Committed,
}

/// Reads a checkpoint; `None` where there is none.
pub(super) fn read(path: &Path) -> Result<Option<Saved>, CheckpointError> {
    let damaged = |why: &dyn std::fmt::Display| CheckpointError::Damaged {
        path: path.display().to_string(),
        why: why.to_string(),
    };
    let mut text = String::new();
    let text = match own_file::read(path).and_then(|mut file| file.read_to_string(&mut text)) {
        Ok(_) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => return Err(damaged(&error)),
        Err(source) => return Err(CheckpointError::Read { path: path.display().to_string(), source }),
    };
    let head: Head = serde_json::from_str(&text).map_err(|error| damaged(&error))?;
    match head.format.strip_prefix(FORMAT).and_then(|version| version.parse::<u32>().ok()) {
        Some(1 | VERSION) => {}
        Some(newer) if newer > VERSION => {
            return Err(CheckpointError::Newer { path: path.display().to_string(), format: head.format });
        }
        _ => return Err(damaged(&"it is no checkpoint of roottrail")),
    }
    let envelope: Envelope = serde_json::from_str(&text).map_err(|error| damaged(&error))?;
    if envelope.sha256 != checksum(envelope.state.get()) {
        return Err(damaged(&"its checksum does not hold"));
    }
    serde_json::from_str(envelope.state.get()).map(Some).map_err(|error| damaged(&error))
}

/// Puts a checkpoint in the place of the one before, durably.
pub(super) fn write(path: &Path, saved: &Saved) -> io::Result<()> {
    // Line breaks are for people, who read the file as well.
    let state = RawValue::from_string(serde_json::to_string_pretty(saved)?)?;
    let envelope =
        Envelope { format: format!("{FORMAT}{VERSION}"), sha256: checksum(state.get()), state: &state };
    let partial = beside(path, "partial");
    // This process holds the lock, so a partial file is one that was left.
    let mut file = own_file::create_over(&partial)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", partial.display())))?;
    file.write_all(serde_json::to_string_pretty(&envelope)?.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    drop(file);
    fs::rename(&partial, path)?;
    sync_folder(path)
}

fn checksum(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

/// The lock of a checkpoint, held as long as a run uses the checkpoint.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    /// Takes the lock. Fails where another process holds it, and where the folder cannot be written.
    pub(super) fn take(checkpoint: &Path) -> Result<Self, CheckpointError> {
        let path = beside(checkpoint, "lock");
        let failed = |source| CheckpointError::Write { path: path.display().to_string(), source };
        // The former holder may have removed the file between our opening and locking it.
        loop {
            let file = own_file::open_or_create(&path).map_err(failed)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(CheckpointError::Locked { path: checkpoint.display().to_string() });
                }
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
            if own_file::is_named(&file, &path) {
                return Ok(Self { file, path });
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // The next run takes over a lock file that stays.
        if cfg!(unix) {
            let _stays = fs::remove_file(&self.path);
        }
        let _released_at_exit = self.file.unlock();
    }
}
