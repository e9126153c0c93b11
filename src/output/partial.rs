//! Partial files: an output on its way, under a name that the next process finds.
//!
//! The name is `.NAME.roottrail-KIND` beside the output's place. A `partial` file belongs to a run with a
//! checkpoint: `open` finds it, compares its length and the hash of its last bytes with what the checkpoint
//! vouches for, and cuts it there. An `unfinished` file belongs to one process and is removed with it; one
//! that a killed process left is removed by the next. Both are locked while they are written, so that two
//! processes cannot write one output.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::hex::hex;
use crate::own_file;

/// The part of an output that a checkpoint vouches for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Committed {
    /// The number of bytes.
    pub bytes: u64,
    /// A hash of the last of these bytes, which another file of the same name does not have.
    pub tail: u32,
}

/// Bytes at the end that are hashed to recognise a file.
const TAIL: u64 = 4096;
/// Bytes of a name that are kept, so that the whole name fits into the 255 bytes of a name.
const LONGEST: usize = 200;

/// The kind of an output's name until it is whole, where a later process goes on with it.
const RESUMABLE: &str = "partial";
/// The kind of an output's name until it is whole, in all other cases.
const UNFINISHED: &str = "unfinished";

/// Returns `.NAME.roottrail-KIND`, in the same folder.
pub(crate) fn beside(path: &Path, kind: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default();
    let mut beside = OsString::from(".");
    if name.len() > LONGEST {
        beside.push(hex(&Sha256::digest(name.as_encoded_bytes())[..16]));
    } else {
        beside.push(name);
    }
    beside.push(format!(".roottrail-{kind}"));
    folder_of(path).join(beside)
}

/// Returns all names that an output's place implies, with that of the checkpoint's lock.
pub fn derived(place: &Path) -> [PathBuf; 3] {
    [RESUMABLE, UNFINISHED, "lock"].map(|kind| beside(place, kind))
}

pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes a rename in the folder of `path` durable.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    // Only Unix opens folders; elsewhere a rename is as durable as the file system makes it.
    if cfg!(unix) { File::open(folder_of(path))?.sync_all() } else { Ok(()) }
}

/// Creates a folder and those above it, each durable in the one above.
#[cfg(all(feature = "s3", feature = "ship"))]
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let above = folder_of(folder);
    if above != folder {
        make_folder(above)?;
    }
    match fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => sync_folder(folder),
    }
}

/// Opens the partial file of `place`, cut to what was committed.
pub(super) fn open(place: &Path, committed: Committed) -> io::Result<(File, PathBuf)> {
    let partial = beside(place, RESUMABLE);
    if committed.bytes == 0 || partial.symlink_metadata().is_ok() {
        let mut file = locked(own_file::open_or_create(&partial).map_err(|error| named(&partial, error))?)?;
        if holds(&mut file, committed)? {
            file.set_len(committed.bytes)?;
            file.seek(SeekFrom::End(0))?;
            return Ok((file, partial));
        }
    }
    // A run that was interrupted, or killed while it put its files in place, left the file at its place.
    let placed = own_file::open(place).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => missing(),
        _ => error,
    })?;
    let mut placed = locked(placed)?;
    if !holds(&mut placed, committed)? {
        return Err(missing());
    }
    fs::rename(place, &partial)?;
    placed.set_len(committed.bytes)?;
    placed.seek(SeekFrom::End(0))?;
    Ok((placed, partial))
}

/// A file for an output that no later process goes on with. Dropped before it is put in its place, it is
/// removed.
#[derive(Debug)]
pub(super) struct Unfinished {
    pub(super) file: File,
    pub(super) path: PathBuf,
    /// Whether a killed run had left such a file, which was removed.
    pub(super) left: bool,
    kept: bool,
}

impl Unfinished {
    /// Creates the file. Fails where another process is writing the same output.
    pub(super) fn create(place: &Path) -> io::Result<Self> {
        let path = beside(place, UNFINISHED);
        let mut left = false;
        loop {
            let file = match own_file::create(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    match own_file::open(&path) {
                        Ok(there) => {
                            // A file that nobody locks was left by a process that was killed.
                            let there = locked(there)?;
                            if own_file::is_named(&there, &path) {
                                fs::remove_file(&path)?;
                                left = true;
                            }
                        }
                        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                        Err(error) => return Err(named(&path, error)),
                    }
                    continue;
                }
                Err(error) => return Err(error),
            };
            let file = locked(file)?;
            // Between the two calls another process may have taken the file for one that was left.
            if own_file::is_named(&file, &path) {
                return Ok(Self { file, path, left, kept: false });
            }
        }
    }

    /// Puts the file in its place. On failure the file stays where it is.
    pub(super) fn put(mut self, place: &Path, replace: bool) -> io::Result<()> {
        self.kept = true;
        own_file::put(&self.path, place, replace).map_err(|error| kept(&self.path, error))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.kept {
            // The next run of the same output removes a file that stays.
            let _stays = fs::remove_file(&self.path);
        }
    }
}

/// Returns the error with the place where the written bytes can be found.
pub(super) fn kept(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{error} (what was written is in {})", path.display()))
}

fn named(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

fn missing() -> io::Error {
    io::Error::other(
        "what the checkpoint vouches for is not there any more; --force without --resume starts over",
    )
}

fn locked(file: File) -> io::Result<File> {
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(io::Error::other("another roottrail is writing it")),
        Err(TryLockError::Error(error)) => Err(error),
    }
}
/// Returns whether a file begins with what was committed.
fn holds(file: &mut File, committed: Committed) -> io::Result<bool> {
    let bytes = file.metadata()?.len();
    Ok(bytes >= committed.bytes && tail(file, committed.bytes)? == committed.tail)
}

/// Makes a file durable up to where it is written, and returns how far that is.
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
