//! Files and directories as a source. The source walks in the order of keys; a worker opens and reads.
//!
//! A directory is walked depth first with names compared by their bytes and a folder's as `name/`, which is the order
//! in which S3 lists keys. Links are followed. Each file gets its place in the output when the walk meets it, and
//! what earlier runs have read is left out by the sieve. A file that the run itself writes is not read: where the
//! walk meets one as an object in scope, the source notes it and stops the run.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use super::folder::{Folder, Stat};
use super::{Content, Feed, Item, Source, archive};
use crate::cancel::Cancel;
use crate::error::{ErrorKind, ObjectError, Stage};
use crate::history::listing::Stamp;
use crate::history::sieve::Sieve;
use crate::key::selection::KeySelection;
use crate::key::{Classifier, Skip, classify, key_info};
use crate::object::ObjectRef;
use crate::own_file::identity;

/// Files that the run writes to or replaces, which it must not read as well.
#[derive(Clone, Debug, Default)]
pub struct Taken {
    files: Arc<HashMap<(u64, u64), PathBuf>>,
    met: Arc<OnceLock<(PathBuf, PathBuf)>>,
}

impl Taken {
    /// Adds the file at the place of an output.
    pub fn add(&mut self, metadata: &fs::Metadata, output: &Path) {
        if let (Some(identity), Some(files)) = (identity(metadata), Arc::get_mut(&mut self.files)) {
            files.insert(identity, output.to_owned());
        }
    }

    /// Returns the output that a file is taken for.
    pub fn output(&self, metadata: &fs::Metadata) -> Option<&Path> {
        self.files.get(&identity(metadata)?).map(PathBuf::as_path)
    }

    /// Returns an output whose place is that of an object in scope of a directory.
    pub fn below(&self, directory: &Path) -> Option<&Path> {
        let directory = directory.canonicalize().ok().filter(|path| path.is_dir())?;
        self.files.values().map(PathBuf::as_path).find(|output| {
            let place = output.canonicalize().unwrap_or_else(|_gone| output.to_path_buf());
            place.starts_with(&directory) && classify(&key(&place), 1).is_ok()
        })
    }

    /// Returns an object in scope that is taken, and the output that it is taken for.
    pub fn met(&self) -> Option<&(PathBuf, PathBuf)> {
        self.met.get()
    }
}

/// A file or a directory that the user named.
#[derive(Debug)]
pub struct DiskSource {
    path: PathBuf,
    keys: Arc<KeySelection>,
    taken: Taken,
}

impl DiskSource {
    /// Returns a source of a path. Findings name the path as given.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), keys: Arc::default(), taken: Taken::default() }
    }

    /// Returns the source with a list of outputs: where the walk meets one of them, the source notes it and stops the
    /// run.
    pub fn without(self, taken: Taken) -> Self {
        Self { taken, ..self }
    }

    /// Returns the source limited to a scope: what a directory holds beyond it is no item of the run.
    pub fn within(self, keys: Arc<KeySelection>) -> Self {
        Self { keys, ..self }
    }
}

impl Source for DiskSource {
    fn run(&mut self, first: u64, feed: &dyn Feed, cancel: &Cancel) -> u64 {
        let mut sieve = Sieve::new(feed.history());
        let mut walk = Walk {
            seq: first,
            feed,
            cancel,
            keys: &self.keys,
            taken: &self.taken,
            classifier: Classifier::default(),
            folder: Folder::default(),
        };
        match fs::metadata(&self.path) {
            Ok(metadata) if metadata.is_dir() => {
                let mut walker = walkdir::WalkDir::new(&self.path)
                    .follow_links(true)
                    .min_depth(1)
                    .sort_by(key_order)
                    .into_iter();
                while let Some(entry) = walker.next() {
                    if cancel.is_set() {
                        break;
                    }
                    match walk.entry(entry, &mut sieve) {
                        Next::Entry => {}
                        Next::Folder => walker.skip_current_dir(),
                        Next::Nothing => break,
                    }
                }
            }
            // A log that the user names is no digest.
            Ok(metadata)
                if self.keys.only_digests()
                    && classify(&key(&self.path), metadata.len()) != Err(Skip::Digest) => {}
            Ok(metadata) if walk.meets(identity(&metadata), &self.path) => {}
            Ok(metadata) => {
                // What a user names is read, whatever it is called.
                let object = object(&self.path, metadata.len());
                let path = self.path.clone();
                let file = if metadata.is_file() { Content::File(Some(path)) } else { Content::Pipe(path) };
                sieve.offer(object, Some(Stamp::of(&metadata)), file, &mut |object, content| {
                    walk.push(object, content)
                });
            }
            Err(error) => {
                let error = io_error(&self.path, Stage::Read, error);
                walk.push_failed(object(&self.path, 0), error);
            }
        }
        sieve.end(&mut |object, content| walk.push(object, content));
        walk.seq
    }
}

/// Standard input, one document.
#[derive(Debug)]
pub struct StdinSource;

impl Source for StdinSource {
    fn run(&mut self, first: u64, feed: &dyn Feed, _cancel: &Cancel) -> u64 {
        let object = ObjectRef { uri: "-".into(), ..ObjectRef::default() };
        feed.push(Item { seq: first, object, content: Content::Stdin, lease: None });
        first + 1
    }
}

struct Walk<'f> {
    seq: u64,
    feed: &'f dyn Feed,
    cancel: &'f Cancel,
    keys: &'f KeySelection,
    taken: &'f Taken,
    classifier: Classifier,
    folder: Folder,
}

/// Where a walk goes on.
enum Next {
    Entry,
    /// Behind the folder that it has come to.
    Folder,
    Nothing,
}

impl Walk<'_> {
    /// Takes one entry of the walk, and returns where the walk goes on.
    fn entry(&mut self, entry: walkdir::Result<walkdir::DirEntry>, sieve: &mut Sieve<'_, Content>) -> Next {
        let stretch = self.keys.stretch();
        let goes_on = match entry {
            Ok(entry) if entry.file_type().is_dir() => {
                return if stretch.touches(&folder_key(entry.path())) { Next::Entry } else { Next::Folder };
            }
            Ok(entry) => {
                !stretch.holds(entry.path().as_os_str().as_encoded_bytes()) || self.file(entry, sieve)
            }
            Err(error) => {
                let path = error.path().unwrap_or(Path::new(""));
                // In the order of the walk a directory stands where its files do.
                let held = match path.is_dir() {
                    true => stretch.holds(&folder_key(path)),
                    false => stretch.holds(path.as_os_str().as_encoded_bytes()),
                };
                !held || self.failed(error)
            }
        };
        if goes_on { Next::Entry } else { Next::Nothing }
    }

    /// Takes one file, and returns whether to go on.
    fn file(&mut self, entry: walkdir::DirEntry, sieve: &mut Sieve<'_, Content>) -> bool {
        let kind = entry.file_type();
        let path = entry.path();
        let Stat { size, stamp, identity } = match self.folder.stat(path) {
            Ok(stat) => stat,
            Err(error) => {
                let object = object(path, 0);
                return self.push_failed(object, io_error(path, Stage::List, error));
            }
        };
        let key = key(path);
        let Some(found) = self.keys.choose(&key, self.classifier.classify(&key, size)) else { return true };
        let (info, skip) = match found {
            Ok(info) => (info, None),
            Err(skip) => (key_info(&key), Some(skip)),
        };
        let unsure = skip == Some(Skip::Unsure);
        let modified = millis(stamp.modified);
        if !self.keys.in_scope(&key, info.as_deref()) || !self.keys.stretch().in_time(modified) {
            return true;
        }
        if skip.is_none() && !self.taken.files.is_empty() && self.meets(identity, path) {
            return false;
        }
        // The path's own text: one allocation, and none that a worker has to give back to this thread's heap.
        let (uri, path) = match entry.into_path().into_os_string().into_string() {
            Ok(text) => (text, None),
            Err(path) => (uri(Path::new(&path)), Some(path.into())),
        };
        let object = ObjectRef { uri, size, key: info, unsure, modified, ..ObjectRef::default() };
        // What is no file has no first bytes that could be looked at without waiting.
        let content = match skip.filter(|_| !unsure || !kind.is_file()) {
            Some(Skip::Archive) => Content::Failed(archive(&object.uri)),
            Some(Skip::Unsure) => {
                let object = ObjectRef { unsure: false, ..object };
                return self.push(object, Content::Skipped(Skip::OtherName));
            }
            Some(skip) => return self.push(object, Content::Skipped(skip)),
            None if kind.is_file() => Content::File(path),
            None => {
                let text = "neither a file nor a directory";
                Content::Failed(ObjectError::new(object.uri.clone(), Stage::Read, ErrorKind::Io, text))
            }
        };
        sieve.offer(object, Some(stamp), content, &mut |object, content| self.push(object, content))
    }

    /// Returns whether this is a file that the run writes to. Then it must not go on.
    fn meets(&self, identity: Option<(u64, u64)>, path: &Path) -> bool {
        let Some(output) = identity.and_then(|identity| self.taken.files.get(&identity)) else {
            return false;
        };
        let _first_counts = self.taken.met.set((path.to_owned(), output.clone()));
        self.cancel.set();
        true
    }

    fn failed(&mut self, error: walkdir::Error) -> bool {
        let path = error.path().unwrap_or(Path::new("")).to_owned();
        let object = object(&path, 0);
        // Everything below the link's target is walked anyway.
        if error.loop_ancestor().is_some() {
            return self.push(object, Content::Skipped(Skip::LinkLoop));
        }
        // A link that leads nowhere is a listed name; if it is no log's name it is passed over like one.
        let is_link = fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_symlink());
        if is_link
            && let Err(skip) = classify(&key(&path), 1)
            && skip != Skip::Archive
        {
            let skip = if skip == Skip::Unsure { Skip::OtherName } else { skip };
            return self.push(object, Content::Skipped(skip));
        }
        let stage = if is_link { Stage::Read } else { Stage::List };
        let error = match error.into_io_error() {
            Some(error) => io_error(&path, stage, error),
            None => ObjectError::new(uri(&path), stage, ErrorKind::Other, "cannot be walked"),
        };
        self.push_failed(object, error)
    }

    fn push_failed(&mut self, mut object: ObjectRef, error: ObjectError) -> bool {
        if self.feed.history().is_some_and(|memory| memory.reported(&mut object, error.stage)) {
            return true;
        }
        self.push(object, Content::Failed(error))
    }

    fn push(&mut self, object: ObjectRef, content: Content) -> bool {
        let item = Item { seq: self.seq, object, content, lease: None };
        self.seq += 1;
        self.feed.push(item) && !self.cancel.is_set()
    }
}

/// Compares names by bytes, a directory's as `name/`. Nothing is allocated: a folder of a million files is sorted so.
fn key_order(a: &walkdir::DirEntry, b: &walkdir::DirEntry) -> Ordering {
    let (a_name, b_name) = (name(a), name(b));
    let common = a_name.len().min(b_name.len());
    let next = |entry: &walkdir::DirEntry, name: &[u8]| {
        name.get(common).copied().or_else(|| entry.file_type().is_dir().then_some(b'/'))
    };
    a_name[..common].cmp(&b_name[..common]).then_with(|| next(a, a_name).cmp(&next(b, b_name)))
}

/// Returns an entry's name. `DirEntry::file_name` takes the whole path apart, which would be half the time of listing.
fn name(entry: &walkdir::DirEntry) -> &[u8] {
    let path = entry.path().as_os_str().as_encoded_bytes();
    let start = memchr::memrchr(std::path::MAIN_SEPARATOR as u8, path).map_or(0, |at| at + 1);
    &path[start..]
}

/// The key of a directory, for its place among keys.
fn folder_key(path: &Path) -> Vec<u8> {
    let mut key = path.as_os_str().as_encoded_bytes().to_vec();
    key.push(std::path::MAIN_SEPARATOR as u8);
    key
}

/// Milliseconds since 1970.
fn millis(time: Option<SystemTime>) -> Option<i64> {
    let time = jiff::Timestamp::try_from(time?).ok()?;
    Some(time.as_millisecond())
}

fn io_error(path: &Path, stage: Stage, error: std::io::Error) -> ObjectError {
    ObjectError::new(uri(path), stage, ErrorKind::of_io(&error), error)
}

fn object(path: &Path, size: u64) -> ObjectRef {
    ObjectRef { uri: uri(path), size, key: key_info(&key(path)), ..ObjectRef::default() }
}

/// Returns the path with `/` between its parts, for matching against the key layout.
fn key(path: &Path) -> Cow<'_, str> {
    let text = path.to_str().map_or_else(|| path.to_string_lossy(), Cow::Borrowed);
    if std::path::MAIN_SEPARATOR == '/' { text } else { text.replace(std::path::MAIN_SEPARATOR, "/").into() }
}

/// Returns the path as text; bytes that are not UTF-8 are percent-encoded.
pub fn uri(path: &Path) -> String {
    if let Some(text) = path.to_str() {
        return text.to_owned();
    }
    let bytes = path.as_os_str().as_encoded_bytes();
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // Writing to a String cannot fail.
            let _infallible = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    #[test]
    #[cfg(unix)]
    fn paths_that_are_not_text_are_encoded() {
        use std::os::unix::ffi::OsStrExt;
        for (bytes, text) in [
            (&b"a/b c.gz"[..], "a/b c.gz"),
            (b"a/\xff\xfe.gz", "a/%FF%FE.gz"),
            (b"100%41", "100%41"),
            ("é".as_bytes(), "é"),
        ] {
            assert_eq!(uri(Path::new(OsStr::from_bytes(bytes))), text);
        }
    }
}
