//! What a listing is compared with: which of its objects were read before, by this run or by earlier ones.
//!
//! The listing thread asks, object by object. An object is known by a hash of its name and of what
//! distinguishes its versions, so an object that was overwritten is new. The objects of a closed day are
//! known by their fingerprint only: the sieve holds the day back until all its names are there, and lets all
//! pass or none. The hash has a salt, since whoever writes to the bucket must not be able to make two objects
//! that look like one.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use sha2::{Digest as _, Sha256};

use super::names::Names;
use super::objects::{Closed, ReadObjects, Series, SeriesTable, day_number, day_text};
use crate::coverage::{Slots, part};
use crate::error::Stage;
use crate::key::{KeyInfo, delivery_slot};
use crate::object::{Mark, ObjectRef, Part};

/// The objects that earlier runs and earlier parts of this run have read, and what a listing finds of them.
#[derive(Debug, Default)]
pub struct History {
    before: Known,
    run: Known,
    look_only: bool,
    /// The salt of all hashes. Whoever can write to the bucket must not be able to make two objects with one
    /// hash.
    salt: u64,
    source: AtomicU32,
    waiting: AtomicU64,
    waiting_failed: AtomicU64,
    unlisted: AtomicBool,
    listing: Mutex<Listing>,
    /// The objects that are known, where somebody asks for them.
    names: Option<Mutex<Names>>,
}

#[derive(Debug, Default)]
struct Known {
    open: HashSet<u64>,
    closed: HashMap<Part, Closed>,
    /// Objects that were tried and failed.
    failed: HashSet<u64>,
}

/// The findings of the listing thread.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) series: SeriesTable,
    last: Option<Last>,
    visits: HashMap<(u32, Option<i32>), u32>,
    /// The objects found of each part.
    pub(crate) seen: BTreeMap<Part, Seen>,
    /// Objects that earlier runs read.
    pub(crate) known: BTreeMap<KeyInfo, (u64, Slots)>,
    pub(crate) changed: Vec<Change>,
}

#[derive(Debug)]
struct Last {
    source: u32,
    folder: String,
    key: Option<Arc<KeyInfo>>,
    part: Part,
}

/// The objects that a listing found of a part.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Objects that earlier runs read.
    pub(crate) known: Vec<u64>,
    /// Objects that an earlier part of this run read, and that are still there.
    pub(crate) again: Vec<u64>,
    /// Whether the part is closed and unchanged.
    pub(crate) unchanged: bool,
}

/// A closed day whose objects have changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The folder above the day.
    pub folder: String,
    /// The account, empty where not known.
    pub account: String,
    /// The region.
    pub region: String,
    /// `YYYY-MM-DD`
    pub day: String,
    /// Objects when the day was closed.
    pub before: u64,
    /// Objects now.
    pub now: u64,
}

impl Change {
    /// Returns an element of the summary.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "account_id": part(&self.account),
            "region": part(&self.region),
            "day": part(&self.day),
            "folder": self.folder,
            "objects_before": self.before,
            "objects_now": self.now,
        })
    }
}

/// The facts that distinguish the versions of a file. The time of the last write can be set at will; that of
/// the last change of the file's own record cannot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// When the file was last written to.
    pub modified: Option<SystemTime>,
    /// When the file's record was last changed, in nanoseconds since 1970; 0 where the system does not say.
    pub changed: i128,
    /// The number of the file's record; 0 where there is none.
    pub inode: u64,
}

impl Stamp {
    /// Returns the stamp of a file, from what the system says of the file.
    pub fn of(metadata: &std::fs::Metadata) -> Self {
        #[cfg(unix)]
        let (changed, inode) = {
            use std::os::unix::fs::MetadataExt as _;
            (i128::from(metadata.ctime()) * 1_000_000_000 + i128::from(metadata.ctime_nsec()), metadata.ino())
        };
        #[cfg(not(unix))]
        let (changed, inode) = (0, 0);
        Self { modified: metadata.modified().ok(), changed, inode }
    }
}

/// The decision on a listed object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Read,
    Known,
    /// The decision falls once all objects of the day are listed.
    Later,
}

impl History {
    pub(crate) fn new(
        series: SeriesTable,
        [before, run]: [&ReadObjects; 2],
        [failed_before, failed_run]: [&[u64]; 2],
        salt: u64,
        look_only: bool,
        names: bool,
    ) -> Self {
        let known = |objects: &ReadObjects, failed: &[u64]| Known {
            open: objects.open.values().flatten().copied().collect(),
            closed: objects.closed.iter().map(|(&part, &closed)| (part, closed)).collect(),
            failed: failed.iter().copied().collect(),
        };
        Self {
            before: known(before, failed_before),
            run: known(run, failed_run),
            look_only,
            salt,
            names: names.then(Mutex::default),
            listing: Mutex::new(Listing { series, ..Listing::default() }),
            ..Self::default()
        }
    }

    /// Locks the listing. The listing thread may have panicked; what it had noted by then holds.
    pub(crate) fn listing(&self) -> MutexGuard<'_, Listing> {
        self.listing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the objects that were not there before, where the run only looks.
    pub fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Returns the objects that the last run could not read, where the run only looks.
    pub fn waiting_failed(&self) -> u64 {
        self.waiting_failed.load(Ordering::Relaxed)
    }

    pub(super) fn note_known(&self, object: &ObjectRef) {
        if let Some(names) = &self.names {
            names.lock().unwrap_or_else(PoisonError::into_inner).push(&object.uri);
        }
    }

    /// Hands over the names of the objects that were listed and are known, where they are kept.
    ///
    /// # Errors
    ///
    /// Fails where their temporary file could not be written or cannot be read, and where `to` fails.
    pub(crate) fn each_known(&self, to: &mut dyn FnMut(&str) -> io::Result<()>) -> io::Result<()> {
        match &self.names {
            Some(names) => names.lock().unwrap_or_else(PoisonError::into_inner).each(to),
            None => Ok(()),
        }
    }

    /// Sets the source that lists from here on, by its place on the command line.
    pub(crate) fn set_source(&self, source: u32) {
        self.source.store(source, Ordering::Relaxed);
    }

    /// Returns whether something could not be listed, so that objects that were not seen may be there.
    pub(crate) fn unlisted(&self) -> bool {
        self.unlisted.load(Ordering::Relaxed)
    }

    pub(crate) fn failed_before(&self) -> impl Iterator<Item = u64> {
        self.before.failed.iter().copied()
    }

    /// Takes a name that is no object: a prefix that could not be listed, or a name that leads nowhere.
    /// Returns whether this very run has reported it before.
    pub fn reported(&self, object: &mut ObjectRef, stage: Stage) -> bool {
        if stage == Stage::List {
            self.unlisted.store(true, Ordering::Relaxed);
        }
        let identity = self.identity(object, None);
        object.mark = Some(Mark { identity, part: None });
        self.run.failed.contains(&identity)
    }

    fn identity(&self, object: &ObjectRef, stamp: Option<Stamp>) -> u64 {
        let mut hash = Sha256::new();
        hash.update(self.salt.to_be_bytes());
        hash.update(self.source.load(Ordering::Relaxed).to_be_bytes());
        hash.update(object.size.to_be_bytes());
        let Stamp { modified, changed, inode } = stamp.unwrap_or_default();
        let modified = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        hash.update(modified.map_or(0, |since| since.as_nanos()).to_be_bytes());
        hash.update(changed.to_be_bytes());
        hash.update(inode.to_be_bytes());
        for text in [Some(&object.uri), object.etag.as_ref(), object.version_id.as_ref()] {
            let text = text.map_or(&[][..], |text| text.as_bytes());
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        let mut first = [0; 8];
        first.copy_from_slice(&hash.finalize()[..8]);
        u64::from_be_bytes(first)
    }

    /// Marks an object and decides whether it is to be read.
    pub(super) fn place(&self, object: &mut ObjectRef, stamp: Option<Stamp>) -> Standing {
        let identity = self.identity(object, stamp);
        let mut listing = self.listing();
        let part = listing.part(object, self.source.load(Ordering::Relaxed));
        object.mark = Some(Mark { identity, part: Some(part) });
        if self.run.closed.contains_key(&part) || self.before.closed.contains_key(&part) {
            return Standing::Later;
        }
        self.one(&mut listing, part, identity, object)
    }

    /// Decides on an object of an open day.
    fn one(&self, listing: &mut Listing, part: Part, identity: u64, object: &ObjectRef) -> Standing {
        if self.run.open.contains(&identity) {
            listing.seen.entry(part).or_default().again.push(identity);
            return Standing::Known;
        }
        if self.before.open.contains(&identity) && !self.before.failed.contains(&identity) {
            listing.seen.entry(part).or_default().known.push(identity);
            count_known(&mut listing.known, object);
            return Standing::Known;
        }
        self.read(identity)
    }

    fn read(&self, identity: u64) -> Standing {
        if !self.look_only {
            return Standing::Read;
        }
        let failed = self.before.failed.contains(&identity);
        let waiting = if failed { &self.waiting_failed } else { &self.waiting };
        waiting.fetch_add(1, Ordering::Relaxed);
        Standing::Known
    }

    /// Decides on all objects of a closed day at once.
    pub(super) fn settle(&self, part: Part, objects: &[(&ObjectRef, u64)]) -> Vec<Standing> {
        let now = Closed::of(objects.iter().map(|(_, identity)| *identity).collect());
        let mut listing = self.listing();
        let before = self.before.closed.get(&part);
        if let Some(before) = before.filter(|&&before| before != now) {
            listing.note_change(part, *before, now.objects);
        }
        if self.run.closed.get(&part) == Some(&now) {
            return vec![Standing::Known; objects.len()];
        }
        let unchanged = before == Some(&now);
        let listing = &mut *listing;
        let seen = listing.seen.entry(part).or_default();
        seen.unchanged = unchanged;
        objects
            .iter()
            .map(|(object, identity)| {
                if self.run.open.contains(identity) {
                    seen.again.push(*identity);
                    return Standing::Known;
                }
                if unchanged && !self.before.failed.contains(identity) {
                    count_known(&mut listing.known, object);
                    return Standing::Known;
                }
                self.read(*identity)
            })
            .collect()
    }
}

impl Listing {
    pub(crate) fn note_change(&mut self, part: Part, before: Closed, now: u64) {
        let Some(Series { folder, account, region, .. }) = self.series.get(part).cloned() else { return };
        let day = part.day.map_or_else(String::new, day_text);
        self.changed.push(Change { folder, account, region, day, before: before.objects, now });
    }

    fn part(&mut self, object: &ObjectRef, source: u32) -> Part {
        let folder = &object.uri[..object.uri.rfind('/').map_or(0, |at| at + 1)];
        if let Some(last) = &self.last
            && last.source == source
            && last.folder == folder
            && last.key == object.key
        {
            return last.part;
        }
        let key = object.key.as_ref();
        let day = key.and_then(|key| day_number(&key.day));
        // In the CloudTrail layout the folder is the day's own; the folder above it stands for all its days.
        let above = key.and_then(|key| {
            let day = key.day.replace('-', "/");
            folder.strip_suffix('/')?.strip_suffix(&day)
        });
        let series = self.series.number(Series {
            source,
            folder: above.unwrap_or(folder).to_owned(),
            account: key.map(|key| key.account.clone()).unwrap_or_default(),
            region: key.map(|key| key.region.clone()).unwrap_or_default(),
        });
        let visits = self.visits.entry((series, day)).or_default();
        // Without a day nothing is ever closed, so that coming back makes no difference.
        let visit = if day.is_some() { *visits } else { 0 };
        *visits = visits.saturating_add(1).min(u16::MAX.into());
        let part = Part { series, day, visit };
        self.seen.entry(part).or_default();
        self.last = Some(Last { source, folder: folder.to_owned(), key: object.key.clone(), part });
        part
    }
}

fn count_known(known: &mut BTreeMap<KeyInfo, (u64, Slots)>, object: &ObjectRef) {
    let none = KeyInfo { account: String::new(), region: String::new(), day: String::new() };
    let key = object.key.as_deref().unwrap_or(&none);
    if !known.contains_key(key) {
        known.insert(key.clone(), Default::default());
    }
    let Some((count, delivered)) = known.get_mut(key) else { return };
    *count += 1;
    if let Some(slot) = delivery_slot(&object.uri) {
        delivered.mark(slot);
    }
}
