//! What survives the process: which copies were written, and how far the outputs are committed.
//!
//! The journal is a file of lines. Each line commits one batch: it is written and synced behind the findings of the
//! batch, and only then are the batch's messages deleted. A line that was cut by a kill is no commit. From the lines of
//! the last `--window` a process that starts learns which copies earlier processes have written, and where the growing
//! file ends. Older lines are forgotten now and then: the journal is written anew beside itself and renamed, as at each
//! start, so that a full disk is noticed before a message is taken. One process at a time has the folder: it locks a
//! file in it. A folder is of one kind of place; a journal that is gone while findings stand beside it is no fresh start.

use std::collections::VecDeque;
use std::fs::{self, File, TryLockError};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::names::Names;
use crate::dedupe::{CopySeen, Dedupe};
use crate::error::{Fatal, start};
use crate::finding::FindingId;
use crate::json::canonical::Fingerprint;
use crate::output::partial::{make_folder, sync_folder};
use crate::own_file;

const SCHEMA: &str = "roottrail.follow-journal/1";
/// Bytes of a line of the journal at most.
const LONGEST: u64 = 1 << 30;
/// Lines older than the window wait until it has gone on by one part in this many.
const PARTS: u32 = 24;

/// How far the growing file is committed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grown {
    /// The number of the file.
    pub file: u64,
    /// Its bytes.
    pub bytes: u64,
}

/// The first line of a journal: what the lines that were forgotten said of files.
#[derive(Serialize, Deserialize)]
struct Head {
    schema: String,
    /// Where the findings go.
    place: String,
    grown: Grown,
}

/// One committed batch.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Commit {
    /// Milliseconds since 1970.
    at: i64,
    grown: Grown,
    /// The objects that copies came from.
    objects: Vec<String>,
    copies: Vec<Written>,
}

/// A copy that was written: its id, its fingerprint, whether it was damaged, whether it amends, and its object.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Written(FindingId, String, bool, bool, usize);

/// The journal, and the folder that it is in.
#[derive(Debug)]
pub struct FollowState {
    place: String,
    window: i64,
    commits: VecDeque<Commit>,
    grown: Grown,
    /// When lines were last forgotten.
    forgot: i64,
    on_disk: Option<OnDisk>,
}

#[derive(Debug)]
struct OnDisk {
    journal: PathBuf,
    file: File,
    lock: File,
}

impl Drop for OnDisk {
    fn drop(&mut self) {
        // Closing the file is not enough where a program is started at that moment: until the start is over, it has
        // the file open as well.
        let _released_at_exit = self.lock.unlock();
    }
}

impl FollowState {
    /// Returns a state that ends with the process.
    pub fn in_memory(window: Duration) -> Self {
        let window = i64::try_from(window.as_millis()).unwrap_or(i64::MAX);
        Self {
            place: String::new(),
            window,
            commits: VecDeque::new(),
            grown: Grown::default(),
            forgot: i64::MIN,
            on_disk: None,
        }
    }

    /// Opens the state in a folder, which is created where it is not there. `place` says in a few words where findings go:
    /// what was written to one place was not written to another. `now` is in milliseconds since 1970.
    ///
    /// # Errors
    ///
    /// Fails where another process has the folder, where it is of another place, where it cannot be read or written, and
    /// where the journal is damaged or gone.
    pub fn open(folder: &Path, place: &str, window: Duration, now: i64) -> Result<Self, Fatal> {
        let failed = |source| Fatal::Output { path: folder.display().to_string(), source };
        make_folder(folder).map_err(failed)?;
        let lock = own_file::open_or_create(&folder.join("lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(start(format!(
                    "{}: another roottrail follows with this state",
                    folder.display()
                )));
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let journal = folder.join("journal");
        let mut state = Self { place: place.to_owned(), ..Self::in_memory(window) };
        let unreadable = |source| Fatal::Output { path: journal.display().to_string(), source };
        let mut file = own_file::open_or_create(&journal).map_err(unreadable)?;
        let end = state.read(&mut file).map_err(|why| match why {
            Fault::Io(source) => unreadable(source),
            Fault::Damaged(line, why) => start(format!(
                "{}: line {line} is damaged: {why}\n  to do: {}",
                journal.display(),
                what_to_do(folder)
            )),
            Fault::Place(other) => start(format!(
                "{}: the state of a run that writes to {other}, not to {place}\n  to do: name another folder",
                folder.display()
            )),
        })?;
        let growing =
            Names { target: folder.to_owned(), own: folder.to_owned() }.all_growing().map_err(failed)?;
        if let Some((_, growing)) = growing.first().filter(|_| end == 0) {
            return Err(start(format!(
                "{}: the journal is gone, and {} holds findings\n  to do: {}",
                journal.display(),
                growing.display(),
                what_to_do(folder)
            )));
        }
        state.on_disk = Some(OnDisk { journal, file, lock });
        state.drop_older(now);
        // What was cut by a kill is no commit, and goes here.
        state.write_anew()?;
        Ok(state)
    }

    /// Reads the lines, and returns where the last whole one ends.
    fn read(&mut self, file: &mut File) -> Result<u64, Fault> {
        let mut lines = BufReader::new(file);
        let (mut end, mut number) = (0, 0);
        loop {
            let mut line = Vec::new();
            let read = io::Read::take(&mut lines, LONGEST).read_until(b'\n', &mut line).map_err(Fault::Io)?;
            if line.last() != Some(&b'\n') && (read as u64) < LONGEST {
                return Ok(end);
            }
            number += 1;
            let damaged = |error: serde_json::Error| Fault::Damaged(number, error.to_string());
            if number == 1 {
                let head: Head = serde_json::from_slice(&line).map_err(damaged)?;
                if head.schema != SCHEMA {
                    return Err(Fault::Damaged(1, format!("it is of {}, not of {SCHEMA}", head.schema)));
                }
                if head.place != self.place {
                    return Err(Fault::Place(head.place));
                }
                self.grown = head.grown;
            } else {
                let commit: Commit = serde_json::from_slice(&line).map_err(damaged)?;
                if commit.copies.iter().any(|copy| copy.copy(&commit.objects).is_none()) {
                    return Err(Fault::Damaged(number, "a copy is not one of a finding".to_owned()));
                }
                self.grown = commit.grown;
                self.commits.push_back(commit);
            }
            end += read as u64;
        }
    }

    /// Returns how far the growing file is committed.
    pub fn grown(&self) -> Grown {
        self.grown
    }

    /// Returns what is known of copies, and goes on to note them.
    pub(super) fn known(&self) -> Dedupe {
        let mut dedupe = Dedupe::default();
        for commit in &self.commits {
            for copy in commit.copies.iter().filter_map(|copy| copy.copy(&commit.objects)) {
                dedupe.replay(&copy);
            }
        }
        dedupe.take_log();
        dedupe
    }

    /// Commits a batch, durably where the state is on disk.
    ///
    /// # Errors
    ///
    /// Fails where the journal cannot be written.
    pub(super) fn commit(&mut self, now: i64, grown: Grown, copies: Vec<CopySeen>) -> Result<(), Fatal> {
        if copies.is_empty() && (grown == self.grown || grown.bytes == 0) {
            return Ok(());
        }
        let mut objects: Vec<String> = Vec::new();
        let mut written = Vec::with_capacity(copies.len());
        for CopySeen { id, fingerprint, damaged, amends, uri } in copies {
            // Findings come object by object.
            if objects.last() != Some(&uri) {
                objects.push(uri);
            }
            written.push(Written(id, format!("{:032x}", fingerprint.0), damaged, amends, objects.len() - 1));
        }
        let commit = Commit { at: now, grown, objects, copies: written };
        if let Some(OnDisk { journal, file, .. }) = &mut self.on_disk {
            let written =
                line(&commit).and_then(|line| file.write_all(&line)).and_then(|()| file.sync_data());
            written.map_err(|source| Fatal::Output { path: journal.display().to_string(), source })?;
        }
        self.grown = grown;
        self.commits.push_back(commit);
        Ok(())
    }

    /// Forgets what is older than the window, from time to time. Returns whether there was something.
    ///
    /// # Errors
    ///
    /// Fails where the journal cannot be written.
    pub(super) fn forget(&mut self, now: i64) -> Result<bool, Fatal> {
        let soon = self.forgot.saturating_add(self.window / i64::from(PARTS)) > now;
        if soon || !self.drop_older(now) {
            return Ok(false);
        }
        self.forgot = now;
        self.write_anew()?;
        Ok(true)
    }

    /// Drops what is older than the window. Returns whether there was something.
    fn drop_older(&mut self, now: i64) -> bool {
        let oldest = now.saturating_sub(self.window);
        let before = self.commits.len();
        while self.commits.front().is_some_and(|commit| commit.at < oldest) {
            self.commits.pop_front();
        }
        self.commits.len() < before
    }

    /// Writes the journal anew, with what is not forgotten.
    fn write_anew(&mut self) -> Result<(), Fatal> {
        let Some(OnDisk { journal, file, .. }) = &mut self.on_disk else { return Ok(()) };
        let head = Head { schema: SCHEMA.to_owned(), place: self.place.clone(), grown: self.grown };
        let beside = journal.with_extension("new");
        let written = (|| {
            let mut new = own_file::create_over(&beside)?;
            new.write_all(&line(&head)?)?;
            for commit in &self.commits {
                new.write_all(&line(commit)?)?;
            }
            new.sync_all()?;
            fs::rename(&beside, &*journal)?;
            sync_folder(journal)?;
            Ok(new)
        })();
        *file = written.map_err(|source| Fatal::Output { path: journal.display().to_string(), source })?;
        Ok(())
    }
}

/// Why a journal cannot be used.
enum Fault {
    Io(io::Error),
    Damaged(usize, String),
    /// It is of this place.
    Place(String),
}

fn what_to_do(folder: &Path) -> String {
    format!(
        "move the folder {} away, and what ends in .open in it to the findings: but for its end it was written for good; \
         findings of the last --window may then be written again",
        folder.display()
    )
}

impl Written {
    fn copy(&self, objects: &[String]) -> Option<CopySeen> {
        let &Self(id, ref fingerprint, damaged, amends, object) = self;
        let fingerprint = Fingerprint(u128::from_str_radix(fingerprint, 16).ok()?);
        Some(CopySeen { id, fingerprint, damaged, amends, uri: objects.get(object)?.clone() })
    }
}

fn line(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;
    const WINDOW: Duration = Duration::from_secs(24 * 3600);

    fn copy(n: u128, uri: &str) -> CopySeen {
        CopySeen {
            id: FindingId(n),
            fingerprint: Fingerprint(n << 64 | 1),
            damaged: false,
            amends: false,
            uri: uri.into(),
        }
    }

    /// How many events a state knows.
    fn known(state: &FollowState) -> usize {
        state.known().known().len()
    }

    #[test]
    fn a_journal_is_read_up_to_its_last_whole_line() {
        let folder = tempfile::tempdir().unwrap();
        let grown = Grown { file: 3, bytes: 10 };
        let mut state = FollowState::open(folder.path(), "files", WINDOW, 0).unwrap();
        state.commit(1, grown, vec![copy(1, "a"), copy(2, "a"), copy(3, "b")]).unwrap();
        state.commit(2, Grown { file: 3, bytes: 20 }, vec![copy(4, "c")]).unwrap();
        let held = FollowState::open(folder.path(), "files", WINDOW, 0).unwrap_err().to_string();
        assert!(held.contains("another roottrail"), "{held}");
        drop(state);
        let journal = folder.path().join("journal");
        let whole = fs::read(&journal).unwrap();
        let last = whole[..whole.len() - 1].iter().rposition(|&byte| byte == b'\n').unwrap() + 1;
        for cut in last..whole.len() {
            fs::write(&journal, &whole[..cut]).unwrap();
            let mut state = FollowState::open(folder.path(), "files", WINDOW, 0).unwrap();
            assert_eq!((state.grown(), known(&state)), (grown, 3), "{cut}");
            state.commit(2, Grown { file: 3, bytes: 20 }, vec![copy(4, "c")]).unwrap();
            drop(state);
            let state = FollowState::open(folder.path(), "files", WINDOW, 0).unwrap();
            assert_eq!((state.grown().bytes, known(&state)), (20, 4), "{cut}");
        }
        fs::write(&journal, &whole).unwrap();
        let state = FollowState::open(folder.path(), "files", WINDOW, 0).unwrap();
        assert_eq!((state.grown().bytes, known(&state)), (20, 4));
    }

    #[test]
    fn what_is_older_than_the_window_is_forgotten_and_files_keep_their_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let mut state = FollowState::open(folder.path(), "files", WINDOW, 0).unwrap();
        for hour in 0..30_i64 {
            let grown = Grown { file: 7, bytes: hour.unsigned_abs() };
            state.commit(hour * HOUR, grown, vec![copy(hour.unsigned_abs().into(), "a")]).unwrap();
        }
        assert!(state.forget(30 * HOUR).unwrap());
        assert_eq!(known(&state), 24);
        assert!(!state.forget(30 * HOUR + 1).unwrap(), "not at once");
        assert!(state.forget(31 * HOUR + 1).unwrap());
        drop(state);
        let state = FollowState::open(folder.path(), "files", WINDOW, 90 * HOUR).unwrap();
        assert_eq!((known(&state), state.grown()), (0, Grown { file: 7, bytes: 29 }));
        drop(state);
        let state = FollowState::open(folder.path(), "files", WINDOW, 90 * HOUR).unwrap();
        assert_eq!(state.grown(), Grown { file: 7, bytes: 29 }, "from the first line alone");
    }

    #[test]
    fn a_damaged_journal_is_refused_with_what_to_do() {
        for (text, words) in [
            ("{}\n", "line 1 is damaged"),
            ("{\"schema\":\"x/9\",\"place\":\"files\",\"grown\":{\"file\":0,\"bytes\":0}}\n", "it is of x/9"),
            (
                "{\"schema\":\"roottrail.follow-journal/1\",\"place\":\"files\",\"grown\":{\"file\":0,\"bytes\":0}}\nx\n",
                "line 2 is damaged",
            ),
        ] {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join("journal"), text).unwrap();
            let error = FollowState::open(folder.path(), "files", WINDOW, 0).unwrap_err().to_string();
            assert!(error.contains(words) && error.contains("move the folder"), "{error}");
        }
    }

    #[test]
    fn a_journal_that_is_gone_takes_no_findings_with_it() {
        for rest in [None, Some(&[0_u8; 4096][..])] {
            let folder = tempfile::tempdir().unwrap();
            drop(FollowState::open(folder.path(), "files", WINDOW, 0).unwrap());
            let (journal, growing) =
                (folder.path().join("journal"), folder.path().join("00000001.ndjson.open"));
            fs::write(&growing, "{}\n").unwrap();
            assert!(FollowState::open(folder.path(), "files", WINDOW, 0).is_ok(), "nothing was committed");
            match rest {
                None => fs::remove_file(journal).unwrap(),
                Some(zeros) => fs::write(journal, zeros).unwrap(),
            }
            let error = FollowState::open(folder.path(), "files", WINDOW, 0).unwrap_err().to_string();
            assert!(
                error.contains("the journal is gone") && error.contains("00000001.ndjson.open"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_state_is_of_one_place() {
        let folder = tempfile::tempdir().unwrap();
        drop(FollowState::open(folder.path(), "a server", WINDOW, 0).unwrap());
        let error = FollowState::open(folder.path(), "standard output", WINDOW, 0).unwrap_err().to_string();
        assert!(error.contains("writes to a server, not to standard output"), "{error}");
        assert!(FollowState::open(folder.path(), "a server", WINDOW, 0).is_ok());
    }
}
