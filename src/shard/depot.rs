//! Where a plan and its parts lie: a folder, or a prefix of a bucket. What is put there is put once and whole.

use std::fs::{self, File};
use std::io::{self, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use crate::output::partial::sync_folder;
use crate::own_file;
#[cfg(feature = "s3")]
use crate::source::s3::S3Store;

/// A folder, or a prefix of a bucket.
#[derive(Debug)]
pub enum Depot {
    /// A folder, made where there is none.
    Folder(PathBuf),
    /// A prefix of a bucket.
    #[cfg(feature = "s3")]
    S3(S3Store),
}

/// Something that could not be put or fetched.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {why}")]
pub struct DepotError {
    /// The file or object.
    pub name: String,
    why: String,
}

impl Depot {
    /// Returns what a file or object of the depot is called.
    pub fn name(&self, name: &str) -> String {
        match self {
            Self::Folder(folder) => folder.join(name).display().to_string(),
            #[cfg(feature = "s3")]
            Self::S3(store) => store.uri(name),
        }
    }

    fn failed(&self, name: &str, why: impl ToString) -> DepotError {
        DepotError { name: self.name(name), why: why.to_string() }
    }

    /// Puts the whole of an unnamed file, unless there is one of this name already. Returns whether it was put.
    ///
    /// # Errors
    ///
    /// Fails where it cannot be written.
    pub fn put_new(&self, name: &str, file: &mut File) -> Result<bool, DepotError> {
        match self {
            Self::Folder(folder) => {
                put_file(&folder.join(name), file).map_err(|error| self.failed(name, error))
            }
            #[cfg(feature = "s3")]
            Self::S3(store) => store.put_new(name, file).map_err(|why| self.failed(name, why)),
        }
    }

    /// Puts a short text, as [`Depot::put_new`] does.
    ///
    /// # Errors
    ///
    /// Fails where it cannot be written.
    pub fn put_text(&self, name: &str, text: &[u8]) -> Result<bool, DepotError> {
        let kept = |mut file: File| file.write_all(text).map(|()| file);
        let mut file = tempfile::tempfile().and_then(kept).map_err(|error| self.failed(name, error))?;
        self.put_new(name, &mut file)
    }

    /// Returns whether there is a file or object of this name.
    ///
    /// # Errors
    ///
    /// Fails where that cannot be found out.
    pub fn has(&self, name: &str) -> Result<bool, DepotError> {
        match self {
            Self::Folder(folder) => folder.join(name).try_exists().map_err(|error| self.failed(name, error)),
            #[cfg(feature = "s3")]
            Self::S3(store) => {
                let names = store.names(name).map_err(|why| self.failed(name, why))?;
                Ok(names.iter().any(|(other, _)| other == name))
            }
        }
    }

    /// Opens a file or object for reading from its beginning. `None`: there is none.
    ///
    /// # Errors
    ///
    /// Fails where it is there and cannot be read.
    pub fn open(&self, name: &str) -> Result<Option<File>, DepotError> {
        match self {
            Self::Folder(folder) => match own_file::read(&folder.join(name)) {
                Ok(file) => Ok(Some(file)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(self.failed(name, error)),
            },
            #[cfg(feature = "s3")]
            Self::S3(store) => store.get(name).map_err(|why| self.failed(name, why)),
        }
    }

    /// Returns the names of all files in a folder of the depot, and their sizes.
    ///
    /// # Errors
    ///
    /// Fails where the folder is there and cannot be listed.
    pub fn names(&self, folder: &str) -> Result<Vec<(String, u64)>, DepotError> {
        match self {
            Self::Folder(root) => match names(&root.join(folder)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
                names => {
                    let names = names.map_err(|error| self.failed(folder, error))?;
                    Ok(names.into_iter().map(|(name, size)| (format!("{folder}/{name}"), size)).collect())
                }
            },
            #[cfg(feature = "s3")]
            Self::S3(store) => store.names(&format!("{folder}/")).map_err(|why| self.failed(folder, why)),
        }
    }
}

fn names(folder: &Path) -> io::Result<Vec<(String, u64)>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // What is not UTF-8 is no name of ours.
        if let Ok(name) = entry.file_name().into_string() {
            names.push((name, entry.metadata()?.len()));
        }
    }
    Ok(names)
}

/// Writes beside the place and gives the file its name only once it is whole and durable, unless the name is taken.
fn put_file(place: &Path, from: &mut File) -> io::Result<bool> {
    let folder = place.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    if place.try_exists()? {
        return Ok(false);
    }
    let mut file = tempfile::Builder::new().prefix(".putting-").tempfile_in(folder)?;
    from.rewind()?;
    io::copy(from, file.as_file_mut())?;
    own_file::Rights::of(place).give(file.as_file())?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(place) {
        Ok(_) => sync_folder(place).map(|()| true),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error.error),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::sync::Barrier;
    use std::thread;

    use super::*;

    fn text(depot: &Depot, name: &str) -> Option<String> {
        let mut text = String::new();
        depot.open(name).unwrap()?.read_to_string(&mut text).unwrap();
        Some(text)
    }

    #[test]
    fn of_many_writers_at_once_one_wins() {
        let folder = tempfile::tempdir().unwrap();
        let depot = Depot::Folder(folder.path().join("new/place"));
        assert_eq!((text(&depot, "a"), depot.names("parts").unwrap()), (None, Vec::new()));
        let start = Barrier::new(12);
        let won: Vec<usize> = thread::scope(|scope| {
            let writers: Vec<_> = (0..12)
                .map(|n| {
                    let (depot, start) = (&depot, &start);
                    scope.spawn(move || {
                        start.wait();
                        depot.put_text("parts/a", n.to_string().repeat(1000).as_bytes()).unwrap().then_some(n)
                    })
                })
                .collect();
            writers.into_iter().filter_map(|writer| writer.join().unwrap()).collect()
        });
        assert_eq!(won.len(), 1, "{won:?}");
        let expected = won[0].to_string().repeat(1000);
        assert_eq!(text(&depot, "parts/a"), Some(expected.clone()));
        assert_eq!(depot.names("parts").unwrap(), [("parts/a".to_owned(), expected.len() as u64)]);
    }
}
