//! Files beside outputs that are the program's own: partial files, checkpoints, locks, dead letters.
//!
//! Such files stand in folders where others may write as well, under names that anybody can guess. The
//! program creates a file only where nothing stands yet. The program opens what stands there only if it is a
//! regular file of this user with a single name: never through a symbolic link, never a pipe or a device,
//! never another user's file. The files are private (0600). A file that becomes an output gets the output's
//! mode as it is put in its place.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

/// Creates a file that only this user may read. Fails where anything stands at the path.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    options().create_new(true).open(path)
}

/// Opens a file of the program's own for reading and writing.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let file = options().open(path).map_err(|error| through_a_link(path, error))?;
    check(&file)?;
    Ok(file)
}

/// Opens a file of the program's own, or creates it.
pub(crate) fn open_or_create(path: &Path) -> io::Result<File> {
    // Another process may create or remove the file between the two calls, but not for ever.
    for _ in 0..100 {
        match create(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            created => return created,
        }
        match open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            opened => return opened,
        }
    }
    Err(io::Error::other("it appears and vanishes"))
}

/// Opens a file of the program's own for reading.
pub(crate) fn read(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    no_follow(&mut options);
    let file = options.open(path).map_err(|error| through_a_link(path, error))?;
    check(&file)?;
    Ok(file)
}

/// Creates a file in the place of one of the program's own that was left at the path.
pub(crate) fn create_over(path: &Path) -> io::Result<File> {
    match create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            open(path)?;
            fs::remove_file(path)?;
            create(path)
        }
        created => created,
    }
}

/// Returns whether the path still names this file: another may have been put in its place.
pub(crate) fn is_named(file: &File, path: &Path) -> bool {
    match (
        file.metadata().map(|there| identity(&there)),
        fs::symlink_metadata(path).map(|there| identity(&there)),
    ) {
        (Ok(ours), Ok(named)) => ours == named,
        _ => false,
    }
}

/// Returns what distinguishes a file from all others of the system; `None` where the system does not say.
pub fn identity(metadata: &fs::Metadata) -> Option<(u64, u64)> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        Some((metadata.dev(), metadata.ino()))
    }
    #[cfg(not(unix))]
    {
        let _unknown = metadata;
        None
    }
}

/// Renames a file to a place. Fails where something stands in that place, unless `replace` is set.
pub(crate) fn put(from: &Path, place: &Path, replace: bool) -> io::Result<()> {
    if replace {
        return fs::rename(from, place);
    }
    let there =
        || io::Error::new(io::ErrorKind::AlreadyExists, "it appeared during the run; --force replaces it");
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        use rustix::io::Errno;
        match renameat_with(CWD, from, CWD, place, RenameFlags::NOREPLACE) {
            Ok(()) => return Ok(()),
            Err(Errno::EXIST) => return Err(there()),
            // Not every file system knows the flag.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
            Err(error) => return Err(error.into()),
        }
    }
    match fs::hard_link(from, place) {
        Ok(()) => fs::remove_file(from),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(there()),
        // On a file system without links, a look must do.
        Err(_) if fs::symlink_metadata(place).is_ok() => Err(there()),
        Err(_) => fs::rename(from, place),
    }
}

/// Mode and owner that an output gets as it is put in its place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rights {
    #[cfg(unix)]
    mode: u32,
    /// Owner and group of the file that is replaced.
    #[cfg(unix)]
    owner: Option<(u32, u32)>,
}

impl Rights {
    /// Returns the mode and owner of the file that is to be replaced, or else those of any new file of this
    /// user.
    pub(crate) fn of(place: &Path) -> Self {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            match fs::metadata(place) {
                Ok(there) => Self { mode: there.mode() & 0o777, owner: Some((there.uid(), there.gid())) },
                Err(_new) => Self { mode: 0o666 & !umask(), owner: None },
            }
        }
        #[cfg(not(unix))]
        {
            let _same = place;
            Self {}
        }
    }

    /// Sets mode and owner of a file. An owner that cannot be set is left as it is.
    pub(crate) fn give(self, file: &File) -> io::Result<()> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
            if let Some((uid, gid)) = self.owner {
                let now = file.metadata()?;
                if (now.uid(), now.gid()) != (uid, gid) {
                    // Only root may give files away; a group of one's own can be given by anybody.
                    let _kept = std::os::unix::fs::fchown(file, Some(uid), Some(gid))
                        .or_else(|_| std::os::unix::fs::fchown(file, None, Some(gid)));
                }
            }
            file.set_permissions(fs::Permissions::from_mode(self.mode))
        }
        #[cfg(not(unix))]
        {
            let _same = file;
            Ok(())
        }
    }
}

/// Returns the bits that new files do not get.
#[cfg(unix)]
fn umask() -> u32 {
    use rustix::fs::Mode;
    use std::sync::OnceLock;
    static UMASK: OnceLock<u32> = OnceLock::new();
    *UMASK.get_or_init(|| {
        // The mask can only be read by setting it; this value gives least away for the moment.
        let mask = rustix::process::umask(Mode::RWXG | Mode::RWXO);
        rustix::process::umask(mask);
        mask.bits()
    })
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    no_follow(&mut options);
    options
}

fn no_follow(options: &mut OpenOptions) {
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt as _;
        // Opening a pipe must not wait for its other end.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        options.custom_flags(flags.bits().cast_signed());
    }
    #[cfg(not(unix))]
    let _plain = options;
}

fn through_a_link(path: &Path, error: io::Error) -> io::Error {
    match fs::symlink_metadata(path) {
        Ok(there) if there.is_symlink() => foreign("a symbolic link"),
        Ok(there) if !there.is_file() => foreign("no regular file"),
        _ => error,
    }
}

fn foreign(what: &str) -> io::Error {
    io::Error::other(format!(
        "it is {what} and none of roottrail's own files: remove it, or give another name"
    ))
}

fn check(file: &File) -> io::Result<()> {
    let there = file.metadata()?;
    if !there.is_file() {
        return Err(foreign("no regular file"));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        if there.uid() != rustix::process::geteuid().as_raw() {
            return Err(foreign("another user's file"));
        }
        if there.nlink() > 1 {
            return Err(foreign("a file with a second name"));
        }
    }
    Ok(())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

    #[test]
    fn only_own_files_are_opened() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("victim"), "precious").unwrap();
        symlink(at("victim"), at("link")).unwrap();
        symlink(at("nowhere"), at("loose")).unwrap();
        fs::write(at("two"), "precious").unwrap();
        fs::hard_link(at("two"), at("names")).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(at("fifo")).status().unwrap().success());
        for name in ["link", "loose", "names", "fifo"] {
            assert!(create(&at(name)).is_err(), "{name}");
            assert!(open(&at(name)).is_err() && read(&at(name)).is_err(), "{name}");
            assert!(open_or_create(&at(name)).is_err() && create_over(&at(name)).is_err(), "{name}");
        }
        assert_eq!(
            (fs::read(at("victim")).unwrap(), fs::read(at("two")).unwrap()),
            (b"precious".into(), b"precious".into())
        );
        assert!(!at("nowhere").exists());

        create(&at("own")).unwrap().write_all(b"left").unwrap();
        assert_eq!(fs::metadata(at("own")).unwrap().mode() & 0o777, 0o600);
        let mut text = String::new();
        open_or_create(&at("own")).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "left");
        let file = create_over(&at("own")).unwrap();
        assert_eq!(file.metadata().unwrap().len(), 0);
        assert!(is_named(&file, &at("own")));
        fs::remove_file(at("own")).unwrap();
        assert!(!is_named(&file, &at("own")));
    }

    #[test]
    fn what_appears_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (from, place) = (folder.path().join("from"), folder.path().join("place"));
        create(&from).unwrap().write_all(b"new").unwrap();
        fs::write(&place, "precious").unwrap();
        assert_eq!(put(&from, &place, false).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(
            (fs::read(&from).unwrap(), fs::read(&place).unwrap()),
            (b"new".into(), b"precious".into())
        );
        put(&from, &place, true).unwrap();
        assert_eq!(fs::read(&place).unwrap(), b"new");
        put(&place, &from, false).unwrap();
        assert!(!place.exists());
    }

    #[test]
    fn outputs_get_the_mode_of_what_they_replace() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        fs::write(&old, "").unwrap();
        let any = fs::metadata(&old).unwrap().mode() & 0o777;
        fs::set_permissions(&old, fs::Permissions::from_mode(0o640)).unwrap();
        let file = create(&new).unwrap();
        Rights::of(&old).give(&file).unwrap();
        assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o640);
        Rights::of(Path::new("/nonexistent")).give(&file).unwrap();
        assert_eq!(file.metadata().unwrap().mode() & 0o777, any);
    }
}
