//! The logs that digests name, by account, region and day, in an unnamed temporary file.
//!
//! A trail of a year names millions of logs, so memory holds of them only where each day begins in the file, and
//! one bit for each log that says whether it was seen. The logs of a day are loaded when the first object of that
//! day comes, and the last days loaded are kept. Objects come in the order of their keys, so each day is loaded
//! once. A piece of the file holds the logs of one digest and one day.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek as _, SeekFrom, Write};
use std::sync::Arc;

use jiff::Timestamp;

use super::digest::{Digest, Hash};
use super::place::{aws_part, file_name};
use super::spans::Span;
use crate::key::{KeyInfo, key_info};

/// Days that one digest may name logs of; more go where logs lie whose name tells no day.
const DAYS: usize = 64;
/// Buckets that are kept apart.
const BUCKETS: usize = 1000;
/// Bytes of loaded days that are kept.
const LOADED: usize = 32 << 20;
/// The least a log takes in memory beside its name.
const OVERHEAD: usize = 128;

/// Account, region and day; `None` where a name tells them not.
pub(super) type Day = Option<Arc<KeyInfo>>;

/// Where digests of one source and bucket lie: what stands before `AWSLogs/`.
pub(super) type Root = u32;

/// A log as a digest names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    /// From `AWSLogs/` on, where the key has that; the whole key of what lies elsewhere.
    pub(super) name: String,
    pub(super) hash: Hash,
    /// In [`Index::bucket`].
    pub(super) bucket: u16,
    /// Counted over all logs.
    pub(super) id: u64,
    /// Whether it is named in another bucket than its digest.
    pub(super) elsewhere: bool,
    pub(super) by: By,
}

/// The digest that names a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct By {
    pub(super) digest: u32,
    /// In the verifier's list.
    pub(super) trail: u32,
    pub(super) root: Root,
    pub(super) span: Span,
}

/// Where the logs of each day begin in the file, which logs were seen, and the days that are loaded.
#[derive(Debug, Default)]
pub(super) struct Index {
    file: Option<BufWriter<File>>,
    end: u64,
    days: BTreeMap<Day, Vec<u64>>,
    buckets: Vec<String>,
    count: u64,
    seen: Vec<u64>,
    loaded: VecDeque<(Day, Arc<Loaded>)>,
}

/// The logs of one day, by file name: that holds account, region, time and sixteen random characters.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    by_name: HashMap<String, Vec<Named>>,
    bytes: usize,
}

impl Loaded {
    /// Returns the logs of this file name.
    pub(super) fn named(&self, path: &str) -> &[Named] {
        self.by_name.get(file_name(path)).map_or(&[], Vec::as_slice)
    }
}

impl Index {
    /// Takes the logs that a digest names.
    ///
    /// # Errors
    ///
    /// Fails where the temporary file cannot be made or written.
    pub(super) fn add(&mut self, digest: &Digest<'_>, by: By) -> io::Result<()> {
        let mut days: BTreeMap<Day, Vec<usize>> = BTreeMap::new();
        for (at, log) in digest.logs.iter().enumerate() {
            let day = key_info(&log.key);
            let full = days.len() >= DAYS && !days.contains_key(&day);
            days.entry(if full { None } else { day }).or_default().push(at);
        }
        for (day, logs) in days {
            let start = self.end;
            let mut piece = Vec::with_capacity(logs.len() * 192 + 64);
            for number in [by.digest, by.trail, by.root, u32::try_from(logs.len()).unwrap_or(u32::MAX)] {
                piece.extend(number.to_le_bytes());
            }
            for time in [by.span.0, by.span.1] {
                piece.extend(time.as_second().to_le_bytes());
            }
            piece.extend(self.count.to_le_bytes());
            for log in logs.iter().filter_map(|&at| digest.logs.get(at)) {
                let elsewhere = log.bucket != digest.bucket;
                let part = aws_part(&log.key).filter(|_| !elsewhere);
                let name = part.unwrap_or(&log.key).as_bytes();
                // S3's keys have at most 1024 bytes: a longer name is no object's.
                let name = &name[..name.len().min(2048)];
                piece.extend(u16::try_from(name.len()).unwrap_or(u16::MAX).to_le_bytes());
                piece.extend(name);
                piece.extend(log.hash);
                piece.extend(self.bucket_number(&log.bucket).to_le_bytes());
                piece.push(u8::from(elsewhere));
            }
            self.count += logs.len() as u64;
            let file = match &mut self.file {
                Some(file) => file,
                none => none.insert(BufWriter::with_capacity(1 << 18, tempfile::tempfile()?)),
            };
            file.write_all(&(piece.len() as u64).to_le_bytes())?;
            file.write_all(&piece)?;
            self.end += 8 + piece.len() as u64;
            self.days.entry(day).or_default().push(start);
        }
        Ok(())
    }

    fn bucket_number(&mut self, bucket: &str) -> u16 {
        // Nearly always that of the log before.
        if let Some(at) = self.buckets.iter().rposition(|known| known == bucket) {
            return u16::try_from(at).unwrap_or(u16::MAX);
        }
        if self.buckets.len() >= BUCKETS {
            return u16::MAX;
        }
        self.buckets.push(bucket.chars().take(255).collect());
        u16::try_from(self.buckets.len() - 1).unwrap_or(u16::MAX)
    }

    /// Returns the bucket of this number.
    pub(super) fn bucket(&self, number: u16) -> &str {
        self.buckets.get(usize::from(number)).map_or("…", String::as_str)
    }

    /// Returns the day with this number in that order.
    pub(super) fn day(&self, number: usize) -> Option<Day> {
        self.days.keys().nth(number).cloned()
    }

    /// Returns the days, those of unknown account first.
    pub(super) fn days(&self) -> Vec<Day> {
        self.days.keys().cloned().collect()
    }

    /// Notes that a log is there.
    pub(super) fn see(&mut self, id: u64) {
        let at = usize::try_from(id / 64).unwrap_or(usize::MAX);
        if at >= self.seen.len() {
            self.seen.resize(at + 1, 0);
        }
        self.seen[at] |= 1 << (id % 64);
    }

    /// Returns whether a log is there.
    pub(super) fn was_seen(&self, id: u64) -> bool {
        let at = usize::try_from(id / 64).unwrap_or(usize::MAX);
        self.seen.get(at).is_some_and(|bits| bits >> (id % 64) & 1 == 1)
    }

    /// Returns the logs of a day.
    ///
    /// # Errors
    ///
    /// Fails where the temporary file cannot be read back.
    pub(super) fn load(&mut self, day: &Day) -> io::Result<Arc<Loaded>> {
        if let Some((_, loaded)) = self.loaded.iter().find(|(known, _)| known == day) {
            return Ok(Arc::clone(loaded));
        }
        let mut loaded = Loaded::default();
        for start in self.days.get(day).cloned().unwrap_or_default() {
            self.read(start, &mut loaded)?;
        }
        let loaded = Arc::new(loaded);
        self.loaded.push_front((day.clone(), Arc::clone(&loaded)));
        let mut bytes = 0;
        // The one that was just loaded stays, however large.
        self.loaded.retain(|(_, one)| {
            let keep = bytes == 0 || bytes + one.bytes <= LOADED;
            bytes += one.bytes.max(1);
            keep
        });
        Ok(loaded)
    }

    fn read(&mut self, start: u64, loaded: &mut Loaded) -> io::Result<()> {
        let file = self.file.as_mut().ok_or(io::ErrorKind::UnexpectedEof)?;
        file.seek(SeekFrom::Start(start))?;
        let file = file.get_mut();
        let mut length = [0; 8];
        file.read_exact(&mut length)?;
        let mut piece = vec![0; usize::try_from(u64::from_le_bytes(length)).map_err(io::Error::other)?];
        file.read_exact(&mut piece)?;
        file.seek(SeekFrom::Start(self.end))?;
        let mut rest = piece.as_slice();
        let [digest, trail, root, count] =
            [number(&mut rest)?, number(&mut rest)?, number(&mut rest)?, number(&mut rest)?];
        let mut time = || -> io::Result<Timestamp> {
            Timestamp::from_second(i64::from_le_bytes(take(&mut rest)?)).map_err(io::Error::other)
        };
        let by = By { digest, trail, root, span: (time()?, time()?) };
        let first = u64::from_le_bytes(take(&mut rest)?);
        for id in (first..).take(usize::try_from(count).unwrap_or(usize::MAX)) {
            let length = usize::from(u16::from_le_bytes(take(&mut rest)?));
            let (name, behind) = rest.split_at_checked(length).ok_or(io::ErrorKind::UnexpectedEof)?;
            rest = behind;
            // A name that was cut within a character is nobody's.
            let name = String::from_utf8_lossy(name).into_owned();
            let hash = take(&mut rest)?;
            let bucket = u16::from_le_bytes(take(&mut rest)?);
            let [elsewhere] = take(&mut rest)?;
            loaded.bytes += name.len() * 2 + OVERHEAD;
            let key = file_name(&name).to_owned();
            let named = Named { name, hash, bucket, id, elsewhere: elsewhere == 1, by };
            match loaded.by_name.entry(key) {
                Entry::Occupied(mut same) => same.get_mut().push(named),
                Entry::Vacant(empty) => {
                    empty.insert(vec![named]);
                }
            }
        }
        Ok(())
    }
}

impl Loaded {
    /// Returns all logs of the day, in the order of their names.
    pub(super) fn all(&self) -> Vec<&[Named]> {
        let mut all: Vec<&[Named]> = self.by_name.values().map(Vec::as_slice).collect();
        all.sort_by(|a, b| a.first().map(|named| &named.name).cmp(&b.first().map(|named| &named.name)));
        all
    }
}

fn number(rest: &mut &[u8]) -> io::Result<u32> {
    Ok(u32::from_le_bytes(take(rest)?))
}

fn take<const N: usize>(rest: &mut &[u8]) -> io::Result<[u8; N]> {
    let (first, behind) = rest.split_first_chunk::<N>().ok_or(io::ErrorKind::UnexpectedEof)?;
    *rest = behind;
    Ok(*first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::digest::LogFile;

    fn digest(keys: &[String]) -> Digest<'static> {
        let at = |second| Timestamp::from_second(second).unwrap();
        Digest {
            account: None,
            start: at(0),
            end: at(3600),
            bucket: "b".into(),
            key: "k".into(),
            fingerprint: "f".into(),
            previous: None,
            logs: keys
                .iter()
                .enumerate()
                .map(|(n, key)| LogFile {
                    bucket: if n == 1 { "other".into() } else { "b".into() },
                    key: key.clone().into(),
                    hash: [u8::try_from(n % 250).unwrap(); 32],
                })
                .collect(),
            hash: [0; 32],
            to_sign: String::new(),
        }
    }

    fn key(day: u32, n: u32) -> String {
        format!(
            "p/AWSLogs/111122223333/CloudTrail/us-east-1/2024/05/{day:02}/111122223333_CloudTrail_us-east-1_202405{day:02}T0005Z_{n:016}.json.gz"
        )
    }

    #[test]
    fn logs_are_found_by_day_and_name_and_known_once_seen() {
        let mut index = Index::default();
        let digest = |keys: &[String], number| {
            let digest = digest(keys);
            let by = By { digest: number, trail: 0, root: 0, span: (digest.start, digest.end) };
            (digest, by)
        };
        for (number, keys) in
            [vec![key(1, 0), key(2, 1), key(1, 2)], vec!["odd".into(), key(1, 2)]].iter().enumerate()
        {
            let (digest, by) = digest(keys, u32::try_from(number).unwrap());
            index.add(&digest, by).unwrap();
        }
        assert_eq!(index.days().len(), 3);
        let first = index.load(&key_info(&key(1, 0))).unwrap();
        let twice: Vec<u32> = first.named(&key(1, 2)).iter().map(|named| named.by.digest).collect();
        assert_eq!((twice, first.named(&key(2, 1)).len(), first.all().len()), (vec![0, 1], 0, 2));
        let second = index.load(&key_info(&key(2, 1))).unwrap();
        let named = &second.named(&key(2, 1))[0];
        assert_eq!((index.bucket(named.bucket), named.elsewhere, named.hash), ("other", true, [1; 32]));
        assert!(named.name.starts_with("p/AWSLogs/"));
        assert_eq!(index.load(&None).unwrap().named("x/odd").len(), 1);
        assert!(!index.was_seen(named.id));
        index.see(named.id);
        assert!(index.was_seen(named.id) && !index.was_seen(named.id + 1) && !index.was_seen(1 << 40));
        let (digest, by) = digest(&[key(3, 9)], 2);
        index.add(&digest, by).unwrap();
        assert_eq!(index.load(&key_info(&key(3, 9))).unwrap().all().len(), 1, "more may come later");
    }

    #[test]
    fn a_digest_of_very_many_days_does_not_make_as_many_lists() {
        let mut index = Index::default();
        let keys: Vec<String> = (0..5000)
            .map(|n| format!("AWSLogs/{n:012}/CloudTrail/us-east-1/2024/05/01/{n}.json.gz"))
            .collect();
        let digest = digest(&keys);
        index.add(&digest, By { digest: 0, trail: 0, root: 0, span: (digest.start, digest.end) }).unwrap();
        assert_eq!(index.days().len(), DAYS + 1);
        assert_eq!(index.load(&None).unwrap().named(&keys[4999]).len(), 1);
    }
}
