//! Partial files: an output on its way, under a name that the next process finds.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// How much of an output a checkpoint vouches for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Committed {
    /// Its first bytes.
    pub bytes: u64,
    /// Of the last of them, to tell another file of the same name.
    pub tail: u32,
}

/// Bytes at the end that tell a file from another one.
const TAIL: u64 = 4096;

/// `.NAME.roottrail-KIND`, in the same folder.
pub(crate) fn beside(path: &Path, kind: &str) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".roottrail-{kind}"));
    folder_of(path).join(name)
}

pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes a rename in the folder of `path` durable.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    // Only Unix opens folders; elsewhere a rename is as durable as the file system makes it.
    if cfg!(unix) { File::open(folder_of(path))?.sync_all() } else { Ok(()) }
}

/// Opens the partial file of `place`, cut to what was committed.
pub(super) fn open(place: &Path, committed: Committed) -> io::Result<(File, PathBuf)> {
    let partial = beside(place, "partial");
    if committed.bytes == 0 || partial.exists() {
        let mut file = open_locked(&partial, true)?;
        if holds(&mut file, committed)? {
            file.set_len(committed.bytes)?;
            file.seek(SeekFrom::End(0))?;
            return Ok((file, partial));
        }
    }
    // A run that was interrupted, or killed while it put its files in place, left it there.
    let mut placed = open_locked(place, false).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => missing(),
        _ => error,
    })?;
    if !holds(&mut placed, committed)? {
        return Err(missing());
    }
    fs::rename(place, &partial)?;
    placed.set_len(committed.bytes)?;
    placed.seek(SeekFrom::End(0))?;
    Ok((placed, partial))
}

fn missing() -> io::Error {
    io::Error::other(
        "what the checkpoint vouches for is not there any more; --force without --resume starts anew",
    )
}

fn open_locked(path: &Path, create: bool) -> io::Result<File> {
    let file = OpenOptions::new().create(create).truncate(false).read(true).write(true).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(io::Error::other("another roottrail is writing it")),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Whether a file begins with what was committed.
fn holds(file: &mut File, committed: Committed) -> io::Result<bool> {
    let bytes = file.metadata()?.len();
    Ok(bytes >= committed.bytes && tail(file, committed.bytes)? == committed.tail)
}

/// Makes a file durable up to where it is written, and says how far that is.
pub(super) fn commit(file: &mut File) -> io::Result<Committed> {
    file.sync_data()?;
    let bytes = file.stream_position()?;
    let committed = Committed { bytes, tail: tail(file, bytes)? };
    file.seek(SeekFrom::Start(bytes))?;
    Ok(committed)
}

fn tail(file: &mut File, end: u64) -> io::Result<u32> {
    if end == 0 {
        return Ok(0);
    }
    let from = end.saturating_sub(TAIL);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(end - from).read_to_end(&mut bytes)?;
    let mut first = [0; 4];
    first.copy_from_slice(&Sha256::digest(&bytes)[..4]);
    Ok(u32::from_be_bytes(first))
}
