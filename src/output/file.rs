//! One output: standard output, a pipe or a device, or a file that appears whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::partial::{self, Committed};
use crate::error::Fatal;
use crate::output::sink::SinkError;

/// See the module.
#[derive(Debug)]
pub struct OutFile {
    name: String,
    to: To,
}

#[derive(Debug)]
enum To {
    Stdout(BufWriter<io::Stdout>),
    /// A pipe or a device: written to as it is.
    Direct(BufWriter<File>),
    /// Written beside its place and renamed into it at the end.
    Replace {
        file: BufWriter<NamedTempFile>,
        place: PathBuf,
    },
    /// The same under a name that a later process finds again.
    Resumable {
        file: BufWriter<File>,
        partial: PathBuf,
        place: PathBuf,
    },
}

/// Bytes gathered before they are written.
const BUFFER: usize = 256 << 10;

impl OutFile {
    /// Standard output.
    pub fn stdout() -> Self {
        let to = To::Stdout(BufWriter::with_capacity(BUFFER, io::stdout()));
        Self { name: "standard output".into(), to }
    }

    /// A file. A regular file that exists is only replaced where `force` says so.
    pub fn create(path: &Path, force: bool) -> Result<Self, Fatal> {
        named(path, Self::open(path, force))
    }

    /// A file that survives the process: what is written goes to a partial file beside it, which a run that
    /// goes on cuts to the length that was `committed`. Fails where another process writes it, or where
    /// less is there than was committed.
    pub fn resumable(path: &Path, force: bool, committed: Committed) -> Result<Self, Fatal> {
        named(path, Self::open_resumable(path, force, committed))
    }

    fn open(path: &Path, force: bool) -> io::Result<To> {
        if let Some(device) = existing(path, force)? {
            return Ok(device);
        }
        let place = place_of(path);
        let mut builder = tempfile::Builder::new();
        builder.prefix(".roottrail-").suffix(".partial");
        // What any program would create; a temporary file is private by default.
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            builder.permissions(fs::Permissions::from_mode(0o666));
        }
        let file = builder.tempfile_in(partial::folder_of(&place))?;
        Ok(To::Replace { file: BufWriter::with_capacity(BUFFER, file), place })
    }

    fn open_resumable(path: &Path, force: bool, committed: Committed) -> io::Result<To> {
        if existing(path, force)?.is_some() {
            return Err(io::Error::other("a run with a checkpoint needs a regular file"));
        }
        let place = place_of(path);
        let (file, partial) = partial::open(&place, committed)?;
        Ok(To::Resumable { file: BufWriter::with_capacity(BUFFER, file), partial, place })
    }

    /// Whether there is something in it already, of an earlier part of the run.
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
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), SinkError> {
        self.attempt(|writer| writer.write_all(bytes))
    }

    /// Passes on what is buffered, where somebody may be reading along.
    pub fn idle(&mut self) -> Result<(), SinkError> {
        match self.to {
            To::Replace { .. } | To::Resumable { .. } => Ok(()),
            To::Stdout(_) | To::Direct(_) => self.attempt(|writer| writer.flush()),
        }
    }

    /// Makes durable what was written, where that survives the process at all.
    pub fn commit(&mut self) -> Result<Committed, SinkError> {
        let To::Resumable { file, .. } = &mut self.to else { return Ok(Committed::default()) };
        file.flush()
            .and_then(|()| partial::commit(file.get_mut()))
            .map_err(|source| SinkError::Failed(Fatal::Output { path: self.name.clone(), source }))
    }

    fn attempt(&mut self, action: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), SinkError> {
        let writer: &mut dyn Write = match &mut self.to {
            To::Stdout(writer) => writer,
            To::Direct(writer) | To::Resumable { file: writer, .. } => writer,
            To::Replace { file, .. } => file,
        };
        action(writer).map_err(|source| match source.kind() {
            io::ErrorKind::BrokenPipe => SinkError::Closed,
            _ => SinkError::Failed(Fatal::Output { path: self.name.clone(), source }),
        })
    }

    /// Writes what is buffered and puts the file in its place, durably.
    pub fn finish(self) -> Result<(), SinkError> {
        let Self { name, to } = self;
        let result = match to {
            To::Stdout(mut writer) => writer.flush(),
            To::Direct(mut writer) => writer.flush(),
            To::Replace { file, place } => replace(file, &place),
            To::Resumable { mut file, partial, place } => file
                .flush()
                .and_then(|()| file.get_ref().sync_all())
                .and_then(|()| fs::rename(&partial, &place))
                .and_then(|()| partial::sync_folder(&place)),
        };
        result.map_err(|source| match source.kind() {
            io::ErrorKind::BrokenPipe => SinkError::Closed,
            _ => SinkError::Failed(Fatal::Output { path: name, source }),
        })
    }
}

fn named(path: &Path, to: io::Result<To>) -> Result<OutFile, Fatal> {
    let name = path.display().to_string();
    match to {
        Ok(to) => Ok(OutFile { name, to }),
        Err(source) => Err(Fatal::Output { path: name, source }),
    }
}

/// What stands there: a device or pipe is written to, a file only replaced with `force`.
fn existing(path: &Path, force: bool) -> io::Result<Option<To>> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => {
            Err(io::Error::new(io::ErrorKind::IsADirectory, "is a directory"))
        }
        Ok(metadata) if !metadata.is_file() => {
            let file = OpenOptions::new().write(true).open(path)?;
            Ok(Some(To::Direct(BufWriter::with_capacity(BUFFER, file))))
        }
        Ok(_) if !force => {
            Err(io::Error::new(io::ErrorKind::AlreadyExists, "it exists; --force replaces it"))
        }
        Ok(_) | Err(_) => Ok(None),
    }
}

/// A link is followed, so that the file it names is replaced and not the link.
fn place_of(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_new| path.to_owned())
}

fn replace(file: BufWriter<NamedTempFile>, place: &Path) -> io::Result<()> {
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.as_file().sync_all()?;
    file.persist(place)?;
    partial::sync_folder(place)
}
