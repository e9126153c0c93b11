//! One output: standard output, a pipe or a device, or a file that appears whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::Fatal;
use crate::pipeline::SinkError;

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
        let name = path.display().to_string();
        Self::open(path, force)
            .map(|to| Self { name: name.clone(), to })
            .map_err(|source| Fatal::Output { path: name, source })
    }

    fn open(path: &Path, force: bool) -> io::Result<To> {
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => {
                return Err(io::Error::new(io::ErrorKind::IsADirectory, "is a directory"));
            }
            Ok(metadata) if !metadata.is_file() => {
                let file = OpenOptions::new().write(true).open(path)?;
                return Ok(To::Direct(BufWriter::with_capacity(BUFFER, file)));
            }
            Ok(_) if !force => {
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, "it exists; --force replaces it"));
            }
            Ok(_) | Err(_) => {}
        }
        // A link is followed, so that the file it names is replaced and not the link.
        let place = fs::canonicalize(path).unwrap_or_else(|_new| path.to_owned());
        let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        builder.prefix(".roottrail-").suffix(".partial");
        // What any program would create; a temporary file is private by default.
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            builder.permissions(fs::Permissions::from_mode(0o666));
        }
        let file = builder.tempfile_in(folder)?;
        Ok(To::Replace { file: BufWriter::with_capacity(BUFFER, file), place })
    }

    /// Appends bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), SinkError> {
        self.attempt(|writer| writer.write_all(bytes))
    }

    /// Passes on what is buffered, where somebody may be reading along.
    pub fn idle(&mut self) -> Result<(), SinkError> {
        match self.to {
            To::Replace { .. } => Ok(()),
            To::Stdout(_) | To::Direct(_) => self.attempt(|writer| writer.flush()),
        }
    }

    fn attempt(&mut self, action: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), SinkError> {
        let writer: &mut dyn Write = match &mut self.to {
            To::Stdout(writer) => writer,
            To::Direct(writer) => writer,
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
        };
        result.map_err(|source| match source.kind() {
            io::ErrorKind::BrokenPipe => SinkError::Closed,
            _ => SinkError::Failed(Fatal::Output { path: name, source }),
        })
    }
}

fn replace(file: BufWriter<NamedTempFile>, place: &Path) -> io::Result<()> {
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.as_file().sync_all()?;
    file.persist(place)?;
    Ok(())
}
