//! Files by way of a handle on their folder, so that the kernel looks up one name and not the whole path.
//! Of a scan of small files that is 4 % of the CPU time.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::history::listing::Stamp;

/// The folder of the file asked for last. Most lie in the folder of the one before.
#[derive(Debug, Default)]
pub(crate) struct Folder {
    #[cfg(unix)]
    last: Option<unix::Handle>,
}

/// What a listing wants to know of a file.
#[derive(Debug)]
pub(crate) struct Stat {
    /// In bytes.
    pub(crate) size: u64,
    /// What tells its versions apart.
    pub(crate) stamp: Stamp,
    /// What tells it from all other files of the system, where the system says so.
    pub(crate) identity: Option<(u64, u64)>,
}

impl Folder {
    /// Opens a file for reading.
    pub(crate) fn open(&mut self, path: &Path) -> io::Result<File> {
        #[cfg(unix)]
        if let Some(file) = self.open_in(path) {
            return Ok(file);
        }
        File::open(path)
    }

    /// Returns size and time of a file, links followed.
    pub(crate) fn stat(&mut self, path: &Path) -> io::Result<Stat> {
        #[cfg(unix)]
        if let Some(stat) = self.stat_in(path) {
            return Ok(stat);
        }
        let metadata = std::fs::metadata(path)?;
        Ok(Stat {
            size: metadata.len(),
            stamp: Stamp::of(&metadata),
            identity: crate::own_file::identity(&metadata),
        })
    }
}

/// `None`: to be done by the path, which also finds the cause where that fails.
#[cfg(unix)]
mod unix {
    use std::ffi::OsStr;
    use std::fs::File;
    use std::os::fd::OwnedFd;
    use std::os::unix::ffi::OsStrExt as _;
    use std::path::{MAIN_SEPARATOR, Path, PathBuf};
    use std::time::{Duration, UNIX_EPOCH};

    use rustix::fs::{AtFlags, Mode, OFlags, open, openat, statat};

    use super::{Folder, Stamp, Stat};

    #[derive(Debug)]
    pub(super) struct Handle {
        path: PathBuf,
        fd: OwnedFd,
    }

    impl Folder {
        pub(super) fn open_in(&mut self, path: &Path) -> Option<File> {
            let (folder, name) = self.of(path)?;
            // What was a file when it was listed may be a pipe without a writer by now.
            let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
            openat(folder, name, flags, Mode::empty()).ok().map(File::from)
        }

        pub(super) fn stat_in(&mut self, path: &Path) -> Option<Stat> {
            let (folder, name) = self.of(path)?;
            let stat = statat(folder, name, AtFlags::empty()).ok()?;
            let since = u64::try_from(stat.st_mtime)
                .ok()
                .zip(u32::try_from(stat.st_mtime_nsec).ok())
                .map(|(seconds, nanos)| Duration::new(seconds, nanos));
            Some(Stat {
                size: u64::try_from(stat.st_size).ok()?,
                stamp: Stamp {
                    modified: since.and_then(|since| UNIX_EPOCH.checked_add(since)),
                    changed: i128::from(stat.st_ctime) * 1_000_000_000 + i128::from(stat.st_ctime_nsec),
                    inode: stat.st_ino as u64,
                },
                // As the standard library has them, wherever C's types differ.
                identity: Some((stat.st_dev as u64, stat.st_ino as u64)),
            })
        }

        fn of<'a>(&mut self, path: &'a Path) -> Option<(&OwnedFd, &'a OsStr)> {
            // `Path::parent` takes the whole path apart.
            let bytes = path.as_os_str().as_bytes();
            let (folder, name) = bytes.split_at(memchr::memrchr(MAIN_SEPARATOR as u8, bytes)? + 1);
            let folder = Path::new(OsStr::from_bytes(folder));
            if self.last.as_ref().is_none_or(|last| last.path.as_os_str() != folder.as_os_str()) {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
                let fd = open(folder, flags, Mode::empty()).ok()?;
                self.last = Some(Handle { path: folder.to_owned(), fd });
            }
            Some((&self.last.as_ref()?.fd, OsStr::from_bytes(name)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Read as _;

    #[test]
    fn files_are_those_that_their_paths_name() {
        let work = tempfile::tempdir().unwrap();
        let mut folder = Folder::default();
        for (n, name) in ["a/x", "a/y", "b/x", "a/x", "z", "b/c/x"].iter().enumerate() {
            let path = work.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, vec![b'x'; n + 1]).unwrap();
            let stat = folder.stat(&path).unwrap();
            let metadata = fs::metadata(&path).unwrap();
            assert_eq!((stat.size, stat.stamp), (n as u64 + 1, Stamp::of(&metadata)), "{name}");
            assert_eq!(stat.identity, crate::own_file::identity(&metadata), "{name}");
            let mut text = String::new();
            folder.open(&path).unwrap().read_to_string(&mut text).unwrap();
            assert_eq!(text.len(), n + 1, "{name}");
        }
        for name in ["a/none", "none/x", "", "a/x/y"] {
            let path = work.path().join(name).join("");
            let expected = File::open(&path).err().map(|error| error.kind());
            assert_eq!(folder.open(&path).err().map(|error| error.kind()), expected, "{name}");
        }
        // Another folder of the same name: what is not in the old one any more is found in the new one.
        folder.stat(&work.path().join("a/y")).unwrap();
        fs::rename(work.path().join("a"), work.path().join("old")).unwrap();
        fs::create_dir(work.path().join("a")).unwrap();
        fs::write(work.path().join("a/new"), "new").unwrap();
        assert_eq!(folder.stat(&work.path().join("a/new")).unwrap().size, 3);
        assert_eq!(
            folder.stat(Path::new("Cargo.toml")).unwrap().size,
            fs::metadata("Cargo.toml").unwrap().len()
        );
    }
}
