//! Any interleaving of deliveries, runs and kills reads each object exactly once.
//!
//! A model of a bucket and of its reader takes random steps: objects are delivered or overwritten, days pass,
//! runs read and are killed. Every run uses a real checkpoint file, and its listing goes through a real
//! [`Sieve`]. The model counts the reads of each version of an object, and allows a second read only of a
//! closed day that changed.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::history::objects::{Closed, day_number, day_text};
use crate::history::sieve::Sieve;
use crate::key::KeyInfo;
use crate::object::ObjectRef;

/// A step: a change to the bucket, or a run over it.
#[derive(Clone, Debug)]
enum Step {
    /// Delivers an object, or overwrites the one of that name.
    Put {
        day: u8,
        name: u8,
    },
    Delete {
        day: u8,
        name: u8,
    },
    /// Lets so many days pass.
    Wait(u8),
    /// Absorbs so many objects, saving after each `save_every`, and is killed then; `None` goes on to the
    /// end.
    Run {
        absorbs: Option<u8>,
        save_every: u8,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..5_u8, 0..6_u8).prop_map(|(day, name)| Step::Put { day, name }),
        1 => (0..5_u8, 0..6_u8).prop_map(|(day, name)| Step::Delete { day, name }),
        1 => (0..3_u8).prop_map(Step::Wait),
        2 => (proptest::option::of(0..8_u8), 1..4_u8)
            .prop_map(|(absorbs, save_every)| Step::Run { absorbs, save_every }),
    ];
    proptest::collection::vec(step, 1..60)
}

/// An object: its day, name and version.
type Object = (u8, u8, u64);

#[derive(Default)]
struct Model {
    bucket: BTreeMap<(u8, u8), u64>,
    clock: u64,
    days_gone: u8,
    changed: HashMap<u8, u64>,
    read: HashMap<Object, u64>,
    failed: HashSet<Object>,
    runs: u32,
}

const FIRST_DAY: &str = "2026-02-01";

impl Model {
    fn now(&self) -> Timestamp {
        let first: Timestamp = format!("{FIRST_DAY}T12:00:00Z").parse().unwrap();
        first + SignedDuration::from_hours(24 * i64::from(self.days_gone))
    }

    fn day(day: u8) -> String {
        day_text(day_number(FIRST_DAY).unwrap() + i32::from(day))
    }

    /// Returns whether this version of an object cannot be read: one object in seven.
    fn broken((_, name, version): Object) -> bool {
        (u64::from(name) + version).is_multiple_of(7)
    }

    fn object((day, name): (u8, u8), version: u64) -> ObjectRef {
        let day = Self::day(day);
        // The last name lies outside the layout.
        let [account, region] = ["111122223333", "us-east-1"].map(str::to_owned);
        let key = (name != 5).then(|| Arc::new(KeyInfo { account, region, day: day.clone() }));
        ObjectRef {
            uri: format!("s3://b/AWSLogs/{}/{name}.gz", day.replace('-', "/")),
            size: 9,
            etag: Some(version.to_string()),
            key,
            ..ObjectRef::default()
        }
    }

    fn run(&mut self, folder: &Path, absorbs: Option<u8>, save_every: u8) {
        let mut checkpoint = Checkpoint::open(&folder.join("state"), true, false).unwrap();
        let run = Description {
            sources: vec!["s3://b".into()],
            outputs: vec![("--output".into(), folder.join(format!("out{}", self.runs)))],
            late_window: SignedDuration::from_hours(24),
            ..Description::default()
        };
        checkpoint.begin(&run, self.now()).unwrap();
        let (mut summary, dedupe) = checkpoint.restore().unwrap();
        let memory = Arc::clone(checkpoint.history());
        let mut sieve = Sieve::new(Some(&memory));
        let mut delivered = Vec::new();
        for (&(day, name), &version) in &self.bucket {
            sieve.offer(
                Self::object((day, name), version),
                None,
                (day, name, version),
                &mut |object, what| {
                    delivered.push((object, what));
                    true
                },
            );
        }
        sieve.end(&mut |object, what| {
            delivered.push((object, what));
            true
        });
        let mut unsaved = Vec::new();
        let most = absorbs.map_or(usize::MAX, usize::from);
        let all = delivered.len() <= most;
        for (object, what) in delivered.into_iter().take(most) {
            let broken = Self::broken(what);
            checkpoint.note(&object, if broken { ObjectOutcome::Failed } else { ObjectOutcome::Scanned });
            unsaved.push(what);
            if unsaved.len() >= usize::from(save_every) {
                checkpoint.save(&summary, &dedupe, vec![Committed::default()]).unwrap();
                self.count(&mut unsaved);
            }
        }
        if all && absorbs.is_none() {
            checkpoint.complete(&mut summary, &dedupe, Vec::new()).unwrap();
            checkpoint.finish().unwrap();
            self.count(&mut unsaved);
            self.failed = self.failed.drain().filter(|object| self.read.contains_key(object)).collect();
            self.runs += 1;
            for (&(day, name), &version) in &self.bucket {
                assert!(self.read.contains_key(&(day, name, version)), "{day} {name} {version} was missed");
            }
            // The next run may read objects that failed.
            for what in std::mem::take(&mut self.failed) {
                self.read.remove(&what);
            }
        }
    }

    /// Counts reads that will not be done again.
    fn count(&mut self, unsaved: &mut Vec<Object>) {
        for what in unsaved.drain(..) {
            if Self::broken(what) {
                self.failed.insert(what);
            }
            let (day, name, _) = what;
            if let Some(before) = self.read.insert(what, self.clock) {
                // Only a closed day that changed is read again.
                let closed = name != 5 && day + 1 < self.days_gone;
                let changed = self.changed.get(&day).is_some_and(|&changed| changed >= before);
                assert!(closed && changed, "{what:?} was read twice");
            }
        }
    }
}

proptest! {
    // `PROPTEST_CASES` asks for more, as `.ci/checks/45-kills` does: each waits for the disk again and again.
    #![proptest_config(ProptestConfig {
        cases: std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(32),
        ..ProptestConfig::default()
    })]

    #[test]
    fn each_object_is_read_exactly_once(steps in steps()) {
        let folder = tempfile::tempdir().unwrap();
        let mut model = Model::default();
        for step in steps {
            model.clock += 1;
            match step {
                Step::Put { day, name } => {
                    model.bucket.insert((day, name), model.clock);
                    model.changed.insert(day, model.clock);
                }
                Step::Delete { day, name } => {
                    if model.bucket.remove(&(day, name)).is_some() {
                        model.changed.insert(day, model.clock);
                    }
                }
                Step::Wait(days) => model.days_gone += days,
                Step::Run { absorbs, save_every } => model.run(folder.path(), absorbs, save_every),
            }
        }
        model.clock += 1;
        model.run(folder.path(), None, 2);
        model.run(folder.path(), None, 2);
    }
}

#[test]
fn a_day_is_known_by_its_objects_in_any_order() {
    assert_eq!(Closed::of(vec![1, 2, 3]), Closed::of(vec![3, 1, 2, 2]));
    assert_ne!(Closed::of(vec![1, 2, 3]), Closed::of(vec![1, 2]));
    assert_eq!(day_number("1970-01-02"), Some(1));
    assert_eq!(day_text(day_number("2024-02-29").unwrap()), "2024-02-29");
    assert_eq!(day_number("2024-02-31"), None);
}

#[test]
fn many_objects_take_eight_bytes_each_and_closed_days_next_to_none() {
    let folder = tempfile::tempdir().unwrap();
    let size = |now: &str| {
        let path = folder.path().join(now);
        let mut checkpoint = Checkpoint::open(&path, true, false).unwrap();
        let run = Description {
            outputs: vec![("--output".into(), folder.path().join("out"))],
            late_window: SignedDuration::from_hours(24),
            ..Description::default()
        };
        checkpoint.begin(&run, format!("{now}T00:00:00Z").parse().unwrap()).unwrap();
        let (mut summary, dedupe) = checkpoint.restore().unwrap();
        let memory = Arc::clone(checkpoint.history());
        let mut sieve = Sieve::new(Some(&memory));
        for n in 0..20_000_u64 {
            let object = Model::object((u8::try_from(n / 10_000).unwrap(), 0), n);
            let object = ObjectRef { uri: format!("{}-{n}", object.uri), ..object };
            sieve.offer(object, None, (), &mut |object, ()| {
                checkpoint.note(&object, ObjectOutcome::Scanned);
                true
            });
        }
        checkpoint.complete(&mut summary, &dedupe, Vec::new()).unwrap();
        checkpoint.finish().unwrap();
        std::fs::metadata(path).unwrap().len()
    };
    // Base64 makes eleven characters of eight bytes.
    assert!((200_000..230_000).contains(&size("2026-02-02")), "all days are open");
    assert!((100_000..120_000).contains(&size("2026-02-03")), "one is");
    assert!(size("2026-03-01") < 3_000, "none is");
}

/// Spans like `7d` count back from the start of the run.
#[test]
fn a_checkpoint_without_its_start_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    for (started, sound) in [("2026-02-01T00:00:00Z", true), ("", false), ("yesterday", false)] {
        file::write(&path, &Saved { started: started.into(), ..Saved::default() }).unwrap();
        let opened = Checkpoint::open(&path, true, false);
        assert_eq!(opened.is_ok(), sound, "{started}");
        if let Err(error) = opened {
            assert!(matches!(error, CheckpointError::Damaged { .. }), "{error}");
        }
    }
}
