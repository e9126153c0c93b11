//! The cursor: up to where each file is settled at one server. Written whole and renamed into place.

use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use super::ShipError;
use crate::own_file;

const SCHEMA: &str = "roottrail.ship-cursor/1";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    schema: String,
    target: String,
    files: Vec<FileState>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct FileState {
    path: String,
    offset: u64,
    sha256: String,
}

/// A cursor and the file that keeps it.
#[derive(Debug)]
pub(super) struct Cursor {
    path: PathBuf,
    state: State,
}

impl Cursor {
    /// Reads the cursor, or starts one where there is none.
    pub(super) fn load(path: &Path, target: &str) -> Result<Self, ShipError> {
        let name = || path.display().to_string();
        let other = |why: String| ShipError::OtherCursor { path: name(), why };
        let fresh = State { schema: SCHEMA.into(), target: target.into(), files: Vec::new() };
        let mut text = Vec::new();
        let state = match own_file::read(path).and_then(|mut file| file.read_to_end(&mut text)) {
            Ok(_) => serde_json::from_slice::<State>(&text)
                .ok()
                .filter(|state| state.schema == SCHEMA)
                .ok_or_else(|| other("it is no cursor".into()))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => fresh,
            Err(source) => return Err(ShipError::Cursor { path: name(), source }),
        };
        if state.target != target {
            return Err(other(format!("it is of {}, not of {target}", state.target)));
        }
        Ok(Self { path: path.to_owned(), state })
    }

    /// Returns up to where a file is settled.
    pub(super) fn offset(&self, file: &Path) -> u64 {
        self.of(file).map_or(0, |state| state.offset)
    }

    /// Fails where the settled part of a file is not what it was.
    pub(super) fn check(&self, file: &Path, offset: u64, sha256: &str) -> Result<(), ShipError> {
        match self.of(file) {
            Some(state) if state.offset != offset || state.sha256 != sha256 => Err(ShipError::OtherCursor {
                path: self.path.display().to_string(),
                why: format!("{} is not the file it was", file.display()),
            }),
            _ => Ok(()),
        }
    }

    /// Keeps on disk that everything in `file` before `offset` is settled.
    pub(super) fn settle(&mut self, file: &Path, offset: u64, sha256: String) -> Result<(), ShipError> {
        let path = file.display().to_string();
        self.state.files.retain(|state| state.path != path);
        self.state.files.push(FileState { path, offset, sha256 });
        self.save().map_err(|source| ShipError::Cursor { path: self.path.display().to_string(), source })
    }

    fn of(&self, file: &Path) -> Option<&FileState> {
        let path = file.display().to_string();
        self.state.files.iter().find(|state| state.path == path)
    }

    fn save(&self) -> io::Result<()> {
        let folder = match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let mut file = NamedTempFile::new_in(folder)?;
        serde_json::to_writer(&mut file, &self.state)?;
        file.write_all(b"\n")?;
        file.as_file().sync_all()?;
        file.persist(&self.path)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_cursor_remembers_and_refuses_what_is_not_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cursor");
        let file = Path::new("findings.ndjson");
        let mut cursor = Cursor::load(&path, "elastic a").unwrap();
        assert_eq!(cursor.offset(file), 0);
        cursor.settle(file, 10, "ab".into()).unwrap();
        cursor.settle(file, 20, "cd".into()).unwrap();
        let cursor = Cursor::load(&path, "elastic a").unwrap();
        assert_eq!(cursor.offset(file), 20);
        assert!(cursor.check(file, 20, "cd").is_ok());
        assert!(cursor.check(file, 20, "ef").is_err());
        assert!(cursor.check(file, 15, "cd").is_err());
        assert!(Cursor::load(&path, "elastic b").is_err());
        fs::write(&path, "{}").unwrap();
        assert!(Cursor::load(&path, "elastic a").is_err());
    }
}
