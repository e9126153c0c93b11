//! One output: standard output, a pipe or a device, or a file that appears whole or not at all.
//!
//! A regular file is written under another name beside its place, synced and renamed into place at the end,
//! so that nobody ever sees half of it. With a checkpoint that name is one that a later process finds, and
//! [`OutFile::commit`] says how much of the file is durable. Without a checkpoint the unfinished file is
//! removed when it is dropped. Standard output, pipes and devices are written to as they are. A reader of
//! standard output may go at any time; for any other output that is an error.

use std::fs::{self, File};
use std::io::{self, BufWriter, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::partial::{self, Committed, Unfinished};
use super::patient::{self, Patient};
use crate::cancel::Cancel;
use crate::error::Fatal;
use crate::output::sink::SinkError;
use crate::own_file::{self, Rights};

/// An open output.
#[derive(Debug)]
pub struct OutFile {
    name: String,
    to: To,
}

#[derive(Debug)]
enum To {
    Stdout(BufWriter<Patient>),
    /// A pipe or a device, written to as it is.
    Direct(BufWriter<Patient>),
    /// A file that is written beside its place and renamed into it at the end.
    Replace {
        file: BufWriter<Writing>,
        place: Place,
    },
    /// A file that is written under a name that a later process finds, and renamed at the end.
    Resumable {
        file: BufWriter<File>,
        partial: PathBuf,
        place: Place,
    },
}

/// The place of a file when it is whole.
#[derive(Debug)]
struct Place {
    path: PathBuf,
    rights: Rights,
    /// Whether a file at the place is replaced.
    replace: bool,
}

/// The writer to a file that is removed when the writer is dropped.
#[derive(Debug)]
struct Writing(Unfinished);

impl Write for Writing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.file.flush()
    }
}

/// Bytes gathered before they are written.
const BUFFER: usize = 256 << 10;

impl OutFile {
    /// Opens standard output. A reader who does not read keeps the run waiting until `cancel` is set.
    ///
    /// # Errors
    ///
    /// Fails where standard output cannot be duplicated.
    pub fn stdout(cancel: &Cancel) -> Result<Self, Fatal> {
        let name = "standard output".to_owned();
        match patient::stdout() {
            Ok(file) => {
                let writer = BufWriter::with_capacity(BUFFER, Patient::new(file, cancel));
                Ok(Self { name, to: To::Stdout(writer) })
            }
            Err(source) => Err(Fatal::Output { path: name, source }),
        }
    }

    /// Lets a function be called before each write to standard output, where that is a terminal: what else stands
    /// on the terminal can be taken away. A write begins and ends with a line.
    #[must_use]
    pub fn before_writes(mut self, call: fn()) -> Self {
        if let To::Stdout(writer) = &mut self.to {
            writer.get_mut().before_writes(call);
        }
        self
    }

    /// Creates a file. A regular file that exists is replaced only with `force`.
    ///
    /// # Errors
    ///
    /// Fails where the file exists and `force` is not set, where another process is writing it, and where it
    /// cannot be created.
    pub fn create(path: &Path, force: bool) -> Result<Self, Fatal> {
        Self::create_until(path, force, &Cancel::new())
    }

    /// Creates a file as [`OutFile::create`] does, but a pipe that nobody reads keeps the run waiting until
    /// `cancel` is set.
    ///
    /// # Errors
    ///
    /// Fails as [`OutFile::create`] does, and where `cancel` is set while a pipe has no reader.
    pub fn create_until(path: &Path, force: bool, cancel: &Cancel) -> Result<Self, Fatal> {
        named(path, Self::open(path, force, cancel))
    }

    /// Opens a file that survives the process. The bytes go to a partial file beside the place; a run that
    /// goes on cuts that file to the length that was `committed`.
    ///
    /// # Errors
    ///
    /// Fails where another process writes the file, and where it does not hold what was committed.
    pub fn resumable(path: &Path, force: bool, committed: Committed) -> Result<Self, Fatal> {
        named(path, Self::open_resumable(path, force, committed))
    }

    fn open(path: &Path, force: bool, cancel: &Cancel) -> io::Result<To> {
        if let Some(device) = existing(path, force, cancel)? {
            return Ok(device);
        }
        let place = Place::of(path, force);
        let file = Unfinished::create(&place.path)?;
        Ok(To::Replace { file: BufWriter::with_capacity(BUFFER, Writing(file)), place })
    }

    fn open_resumable(path: &Path, force: bool, committed: Committed) -> io::Result<To> {
        if existing(path, force, &Cancel::new())?.is_some() {
            return Err(io::Error::other("a run with a checkpoint needs a regular file"));
        }
        let place = Place::of(path, force);
        let (file, partial) = partial::open(&place.path, committed)?;
        Ok(To::Resumable { file: BufWriter::with_capacity(BUFFER, file), partial, place })
    }

    /// Returns whether the file holds something of an earlier part of the run.
    ///
    /// # Errors
    ///
    /// Fails where the file cannot be read.
    pub fn goes_on(&mut self) -> Result<bool, SinkError> {
        match &mut self.to {
            To::Resumable { file, .. } => match file.seek(SeekFrom::End(0)) {
                Ok(end) => Ok(end > 0),
                Err(source) => Err(SinkError::Failed(Fatal::Output { path: self.name.clone(), source })),
            },
            _ => Ok(false),
        }
    }

    /// Appends bytes.
    ///
    /// # Errors
    ///
    /// Fails where the file cannot be written.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), SinkError> {
        self.attempt(|writer| writer.write_all(bytes))
    }

    /// Flushes the buffer, where somebody may be reading along.
    ///
    /// # Errors
    ///
    /// Fails where the file cannot be written.
    pub fn idle(&mut self) -> Result<(), SinkError> {
        match self.to {
            To::Replace { .. } | To::Resumable { .. } => Ok(()),
            To::Stdout(_) | To::Direct(_) => self.attempt(|writer| writer.flush()),
        }
    }

    /// Makes durable what was written, if the file survives the process, and returns how much that is.
    ///
    /// # Errors
    ///
    /// Fails where the file cannot be written or synced.
    pub fn commit(&mut self) -> Result<Committed, SinkError> {
        let To::Resumable { file, .. } = &mut self.to else { return Ok(Committed::default()) };
        file.flush()
            .and_then(|()| partial::commit(file.get_mut()))
            .map_err(|source| SinkError::Failed(Fatal::Output { path: self.name.clone(), source }))
    }

    /// Returns the unfinished file that a killed run had left for this output, and that was removed.
    pub fn left(&self) -> Option<&Path> {
        match &self.to {
            To::Replace { file, .. } => {
                Some(&file.get_ref().0).filter(|file| file.left).map(|file| &*file.path)
            }
            _ => None,
        }
    }

    fn attempt(&mut self, action: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), SinkError> {
        let is_stdout = matches!(self.to, To::Stdout(_));
        let writer: &mut dyn Write = match &mut self.to {
            To::Stdout(writer) => writer,
            To::Direct(writer) => writer,
            To::Resumable { file, .. } => file,
            To::Replace { file, .. } => file,
        };
        action(writer).map_err(|source| failed(is_stdout, &self.name, source))
    }

    /// Flushes the buffer and puts the file in its place, durably.
    ///
    /// # Errors
    ///
    /// Fails where the file cannot be written or put in place.
    pub fn finish(self) -> Result<(), SinkError> {
        let Self { name, to } = self;
        let is_stdout = matches!(to, To::Stdout(_));
        let result = match to {
            To::Stdout(mut writer) => writer.flush(),
            To::Direct(mut writer) => writer.flush(),
            To::Replace { file, place } => place.put(file),
            To::Resumable { mut file, partial, place } => file
                .flush()
                .and_then(|()| place.rights.give(file.get_ref()))
                .and_then(|()| file.get_ref().sync_all())
                .and_then(|()| {
                    own_file::put(&partial, &place.path, place.replace)
                        .map_err(|error| partial::kept(&partial, error))
                })
                .and_then(|()| partial::sync_folder(&place.path)),
        };
        match result {
            // An output that nobody reads does not keep a stopped run from its end.
            Err(source) if patient::was_stopped(&source) => Ok(()),
            result => result.map_err(|source| failed(is_stdout, &name, source)),
        }
    }
}

/// Returns the error of a failed write. Only the reader of standard output may leave early: a file that is
/// cut, or a pipe that was named, is an error.
fn failed(is_stdout: bool, name: &str, source: io::Error) -> SinkError {
    match source.kind() {
        io::ErrorKind::BrokenPipe if is_stdout => SinkError::Closed,
        _ => SinkError::Failed(Fatal::Output { path: name.to_owned(), source }),
    }
}

fn named(path: &Path, to: io::Result<To>) -> Result<OutFile, Fatal> {
    let name = path.display().to_string();
    match to {
        Ok(to) => Ok(OutFile { name, to }),
        Err(source) => Err(Fatal::Output { path: name, source: explained(path, source) }),
    }
}

/// Returns the error with what to do, where the folder is missing.
fn explained(path: &Path, error: io::Error) -> io::Error {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists());
    match folder.filter(|_| error.kind() == io::ErrorKind::NotFound) {
        Some(folder) => {
            let text = format!("there is no folder {}; make it first", folder.display());
            io::Error::new(io::ErrorKind::NotFound, text)
        }
        None => error,
    }
}

/// Looks at what stands at the path: a device or pipe is written to, a file is replaced only with `force`.
fn existing(path: &Path, force: bool, cancel: &Cancel) -> io::Result<Option<To>> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => {
            Err(io::Error::new(io::ErrorKind::IsADirectory, "is a directory"))
        }
        Ok(metadata) if !metadata.is_file() => {
            let file = Patient::new(patient::open(path, cancel)?, cancel);
            Ok(Some(To::Direct(BufWriter::with_capacity(BUFFER, file))))
        }
        Ok(_) if !force => {
            Err(io::Error::new(io::ErrorKind::AlreadyExists, "it exists; --force replaces it"))
        }
        Ok(_) | Err(_) => Ok(None),
    }
}

impl Place {
    /// Follows a link, so that the file that it names is replaced and not the link.
    fn of(path: &Path, replace: bool) -> Self {
        let path = fs::canonicalize(path).unwrap_or_else(|_new| path.to_owned());
        Self { rights: Rights::of(&path), path, replace }
    }

    fn put(self, file: BufWriter<Writing>) -> io::Result<()> {
        let Writing(unfinished) = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        self.rights.give(&unfinished.file)?;
        unfinished.file.sync_all()?;
        unfinished.put(&self.path, self.replace)?;
        partial::sync_folder(&self.path)
    }
}
