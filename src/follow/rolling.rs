//! A file that grows in a folder of the program's own and is moved into place whole, by its size and its age.
//!
//! The growing file is `NNNNNNNN.FORMAT.open` in the folder of the state, so that an agent that reads the target folder
//! never sees it. A commit appends the findings of a batch and syncs; the journal then says how long the file is. A
//! process that starts cuts the file to that length: what is behind it belongs to a batch that was not committed and is
//! read again. A file that is full, or old, is renamed into the target folder and the folder is synced; the next file
//! has the next number. A kill between the two leaves no file of the journal's number, as an agent does that takes files
//! away; a file of a number that the journal does not know was not committed. Numbers are never used twice.

use std::fs::{self, File};
use std::io::{self, BufWriter, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::names::{self, Names};
use super::place::{FollowPlace, render};
use super::state::Grown;
use crate::error::{Fatal, start};
use crate::finding::Finding;
use crate::format::{self, Format, FormatName, FormatOptions};
use crate::output::partial::{make_folder, sync_folder};
use crate::output::sink::SinkError;
use crate::own_file::{self, Rights};

/// Bytes gathered before they are written.
const BUFFER: usize = 256 << 10;

/// When a file is full.
#[derive(Clone, Copy, Debug)]
pub struct Roll {
    /// Bytes.
    pub size: u64,
    /// Time since its first finding.
    pub age: Duration,
}

/// The folder of finished files, and the one that grows.
pub struct Rolling {
    format: Box<dyn Format>,
    name: FormatName,
    roll: Roll,
    names: Names,
    growing: Option<Growing>,
    /// How far the journal has committed.
    grown: Grown,
    line: Vec<u8>,
}

/// The file that grows.
#[derive(Debug)]
struct Growing {
    file: BufWriter<File>,
    bytes: u64,
    since: Instant,
}

impl std::fmt::Debug for Rolling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rolling")
            .field("names", &self.names)
            .field("grown", &self.grown)
            .finish_non_exhaustive()
    }
}

impl Rolling {
    /// Opens a target folder and goes on where the journal says. `own` is the folder of the state, on the same file
    /// system.
    ///
    /// # Errors
    ///
    /// Fails where a folder cannot be written, and where the growing file is shorter than the journal says.
    pub fn open(
        target: &Path,
        own: &Path,
        (name, options): (FormatName, &FormatOptions),
        roll: Roll,
        grown: Grown,
    ) -> Result<Self, Fatal> {
        let format = format::create(name, options);
        let mut rolling = Self {
            format,
            name,
            roll,
            names: Names { target: target.to_owned(), own: own.to_owned() },
            growing: None,
            grown,
            line: Vec::new(),
        };
        rolling.go_on().map_err(|error| match error {
            Fault::Io(path, source) => Fatal::Output { path: path.display().to_string(), source },
            Fault::Short(path, bytes) => start(format!(
                "{} has {bytes} bytes, and {} were committed: the disk has lost some",
                path.display(),
                grown.bytes
            )),
        })?;
        Ok(rolling)
    }

    fn go_on(&mut self) -> Result<(), Fault> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| Fault::Io(path.clone(), source)
        };
        let Names { target, own } = &self.names;
        make_folder(target).map_err(io(target))?;
        // A number of which nothing was committed was not used.
        let unused = u64::from(self.grown.bytes == 0);
        let finished = self.names.all_finished().map_err(io(target))?;
        let last = finished.iter().map(|(number, _)| *number).max().unwrap_or(0);
        let last = last.max(self.grown.file.saturating_sub(unused));
        let mut kept = false;
        for (number, path) in self.names.all_growing().map_err(io(own))? {
            let bytes = if number == self.grown.file { self.grown.bytes } else { 0 };
            // Where a file system cannot rename without replacing, a file has both names for a moment.
            let placed = finished.iter().find(|(of, place)| *of == number && is_one(place, &path));
            if let Some((_, place)) = placed {
                sync_folder(place).map_err(io(place))?;
            }
            if bytes == 0 || placed.is_some() {
                // Its batch was not committed, or it is in its place.
                fs::remove_file(&path).map_err(io(&path))?;
                continue;
            }
            let mut file = own_file::open(&path).map_err(io(&path))?;
            let there = file.metadata().map_err(io(&path))?.len();
            if there < bytes {
                return Err(Fault::Short(path, there));
            }
            file.set_len(bytes).and_then(|()| file.seek(SeekFrom::End(0)).map(drop)).map_err(io(&path))?;
            let file = BufWriter::with_capacity(BUFFER, file);
            self.growing = Some(Growing { file, bytes, since: Instant::now() });
            kept = path == self.place_of(number);
            if !kept {
                // Of another format, which an earlier process wrote.
                let before = names::format_of(&path).unwrap_or(self.name);
                self.put(number, &path, before)?;
            }
        }
        if !kept {
            self.grown = Grown { file: last + 1, bytes: 0 };
        }
        Ok(())
    }

    /// Returns where the growing file of a number is.
    fn place_of(&self, number: u64) -> PathBuf {
        self.names.growing(number, self.name)
    }

    /// Moves a growing file into its place.
    fn put(&mut self, number: u64, path: &Path, format: FormatName) -> Result<(), Fault> {
        let place = self.names.finished(number, format);
        let io = |source| Fault::Io(place.clone(), source);
        if let Some(Growing { file, .. }) = self.growing.take() {
            let file = file.into_inner().map_err(|error| io(error.into_error()))?;
            Rights::of(&place).give(&file).map_err(io)?;
            file.sync_all().map_err(io)?;
        }
        own_file::put(path, &place, false).map_err(io)?;
        sync_folder(&place).map_err(io)?;
        sync_folder(path).map_err(io)
    }

    /// Moves the growing file into its place, if there is one.
    pub(super) fn roll(&mut self) -> Result<(), SinkError> {
        if self.growing.is_none() {
            return Ok(());
        }
        let path = self.place_of(self.grown.file);
        let name = self.name;
        self.put(self.grown.file, &path, name).map_err(|fault| SinkError::Failed(fault.into()))?;
        self.grown = Grown { file: self.grown.file + 1, bytes: 0 };
        Ok(())
    }

    /// Returns the finished files that are there, in order.
    pub(super) fn finished(&self) -> Result<Vec<PathBuf>, SinkError> {
        let files = self.names.all_finished();
        let files = files.map_err(|source| failed(&self.names.target, source))?;
        Ok(files.into_iter().map(|(_, path)| path).collect())
    }

    fn write(&mut self) -> Result<(), SinkError> {
        let path = self.place_of(self.grown.file);
        let failed = |source| failed(&path, source);
        let growing = match &mut self.growing {
            Some(growing) => growing,
            empty => {
                let file = own_file::create_over(&path).map_err(failed)?;
                // The name must outlive a crash as the bytes do.
                sync_folder(&path).map_err(failed)?;
                let mut file = BufWriter::with_capacity(BUFFER, file);
                let mut header = Vec::new();
                self.format.header(&mut header);
                file.write_all(&header).map_err(failed)?;
                empty.insert(Growing { file, bytes: header.len() as u64, since: Instant::now() })
            }
        };
        growing.file.write_all(&self.line).map_err(failed)?;
        growing.bytes += self.line.len() as u64;
        Ok(())
    }
}

impl FollowPlace for Rolling {
    fn finding(&mut self, finding: &Finding) -> Result<(), SinkError> {
        self.line.clear();
        render(&*self.format, finding, &mut self.line)?;
        self.write()
    }

    fn write_out(&mut self) -> Result<Grown, SinkError> {
        let path = self.place_of(self.grown.file);
        let Some(growing) = &mut self.growing else { return Ok(self.grown) };
        if growing.bytes > self.grown.bytes {
            let synced = growing.file.flush().and_then(|()| growing.file.get_ref().sync_data());
            synced.map_err(|source| failed(&path, source))?;
            self.grown.bytes = growing.bytes;
        }
        Ok(self.grown)
    }

    fn settle(&mut self) -> Result<bool, SinkError> {
        self.idle().map(|()| true)
    }

    fn idle(&mut self) -> Result<(), SinkError> {
        let full =
            |growing: &Growing| growing.bytes >= self.roll.size || growing.since.elapsed() >= self.roll.age;
        if self.growing.as_ref().is_some_and(full) { self.roll() } else { Ok(()) }
    }

    fn finish(&mut self) -> Result<(), SinkError> {
        self.roll()
    }
}

/// Why files cannot be gone on with.
enum Fault {
    Io(PathBuf, io::Error),
    Short(PathBuf, u64),
}

impl From<Fault> for Fatal {
    fn from(fault: Fault) -> Self {
        let (path, source) = match fault {
            Fault::Io(path, source) => (path, source),
            Fault::Short(path, bytes) => (path, io::Error::other(format!("it has only {bytes} bytes"))),
        };
        Fatal::Output { path: path.display().to_string(), source }
    }
}

/// Returns whether two names are of one file.
fn is_one(one: &Path, other: &Path) -> bool {
    let identity = |path| fs::symlink_metadata(path).ok().and_then(|there| own_file::identity(&there));
    identity(one).is_some_and(|identity_of_one| identity(other) == Some(identity_of_one))
}

fn failed(path: &Path, source: io::Error) -> SinkError {
    SinkError::Failed(Fatal::Output { path: path.display().to_string(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::testing;

    fn finding(n: u32) -> Finding {
        let text = format!(
            r#"{{"eventVersion":"1.08","userIdentity":{{"type":"Root","accountId":"1"}},"eventID":"e{n}","recipientAccountId":"1"}}"#
        );
        testing::judged(&text).unwrap()
    }

    struct World(tempfile::TempDir);

    impl World {
        fn new() -> Self {
            let world = Self(tempfile::tempdir().unwrap());
            fs::create_dir(world.own()).unwrap();
            world
        }

        fn own(&self) -> PathBuf {
            self.0.path().join(".follow")
        }

        fn open(&self, name: FormatName, size: u64, grown: Grown) -> Rolling {
            let roll = Roll { size, age: Duration::from_secs(3600) };
            Rolling::open(self.0.path(), &self.own(), (name, &FormatOptions::default()), roll, grown).unwrap()
        }

        /// The names of finished files and their lines.
        fn files(&self) -> Vec<(String, usize)> {
            let names = Names { target: self.0.path().to_owned(), own: self.own() };
            let files = names.all_finished().unwrap();
            let lines = |path: &Path| fs::read_to_string(path).unwrap().lines().count();
            files
                .iter()
                .map(|(_, path)| (path.file_name().unwrap().to_str().unwrap().to_owned(), lines(path)))
                .collect()
        }
    }

    fn batch(rolling: &mut Rolling, findings: std::ops::Range<u32>) -> Grown {
        findings.for_each(|n| rolling.finding(&finding(n)).unwrap());
        rolling.write_out().unwrap()
    }

    fn names(files: &[(&str, usize)]) -> Vec<(String, usize)> {
        files.iter().map(|(name, lines)| ((*name).to_owned(), *lines)).collect()
    }

    #[test]
    fn a_file_is_moved_when_it_is_full_and_each_begins_with_the_header() {
        let world = World::new();
        let mut rolling = world.open(FormatName::Csv, 1, Grown::default());
        rolling.finish().unwrap();
        assert_eq!(world.files(), [], "nothing to move");
        for n in 0..2 {
            batch(&mut rolling, 2 * n..2 * n + 2);
            rolling.settle().unwrap();
        }
        assert_eq!(world.files(), names(&[("findings-00000001.csv", 3), ("findings-00000002.csv", 3)]));
    }

    #[test]
    fn what_was_not_committed_is_cut_off() {
        let world = World::new();
        let mut rolling = world.open(FormatName::Ndjson, 1 << 20, Grown::default());
        let committed = batch(&mut rolling, 0..3);
        batch(&mut rolling, 3..5);
        drop(rolling);
        let mut rolling = world.open(FormatName::Ndjson, 1 << 20, committed);
        assert_eq!(rolling.write_out().unwrap(), committed);
        batch(&mut rolling, 5..6);
        rolling.finish().unwrap();
        assert_eq!(world.files(), names(&[("findings-00000001.ndjson", 4)]));
    }

    #[test]
    fn a_kill_beside_a_rename_loses_nothing_and_uses_no_number_twice() {
        let world = World::new();
        let mut rolling = world.open(FormatName::Ndjson, 1, Grown::default());
        let committed = batch(&mut rolling, 0..3);
        rolling.settle().unwrap();
        // The journal still says what it said before the rename, and the next file was begun.
        batch(&mut rolling, 3..4);
        drop(rolling);
        let mut rolling = world.open(FormatName::Ndjson, 1, committed);
        batch(&mut rolling, 3..5);
        fs::remove_file(world.0.path().join("findings-00000001.ndjson")).unwrap();
        rolling.settle().unwrap();
        assert_eq!(world.files(), names(&[("findings-00000002.ndjson", 2)]));
        drop(rolling);
        // Without a state, numbers go on behind the files that are there.
        let mut rolling = world.open(FormatName::Ndjson, 1, Grown::default());
        assert_eq!(batch(&mut rolling, 5..6).file, 3);
    }

    #[test]
    fn a_kill_between_a_link_and_the_end_of_the_other_name_loses_nothing() {
        let world = World::new();
        let mut rolling = world.open(FormatName::Ndjson, 1 << 20, Grown::default());
        let committed = batch(&mut rolling, 0..3);
        drop(rolling);
        let place = world.0.path().join("findings-00000001.ndjson");
        fs::hard_link(world.own().join("00000001.ndjson.open"), place).unwrap();
        let mut rolling = world.open(FormatName::Ndjson, 1 << 20, committed);
        batch(&mut rolling, 3..4);
        rolling.finish().unwrap();
        assert_eq!(world.files(), names(&[("findings-00000001.ndjson", 3), ("findings-00000002.ndjson", 1)]));
    }

    #[test]
    fn a_file_of_another_format_is_finished_first_and_a_short_one_is_an_error() {
        let world = World::new();
        let mut rolling = world.open(FormatName::Csv, 1 << 20, Grown::default());
        let committed = batch(&mut rolling, 0..1);
        drop(rolling);
        let mut rolling = world.open(FormatName::Ndjson, 1 << 20, committed);
        batch(&mut rolling, 1..2);
        rolling.finish().unwrap();
        assert_eq!(world.files(), names(&[("findings-00000001.csv", 2), ("findings-00000002.ndjson", 1)]));

        let mut rolling = world.open(FormatName::Ndjson, 1 << 20, Grown { file: 2, bytes: 1 });
        let committed = batch(&mut rolling, 2..3);
        drop(rolling);
        fs::write(world.own().join("00000003.ndjson.open"), "x").unwrap();
        let roll = Roll { size: 1, age: Duration::ZERO };
        let options = FormatOptions::default();
        let error =
            Rolling::open(world.0.path(), &world.own(), (FormatName::Ndjson, &options), roll, committed);
        assert!(error.unwrap_err().to_string().contains("the disk has lost some"));
    }
}
