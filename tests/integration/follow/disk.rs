//! A process that is killed, or finds the disk full, at each of its calls that change a file: between a finding and the
//! journal, between the journal and the rename, and so on. Whatever the call was, no message is deleted whose finding is
//! not in the files, and a process that goes on ends with every finding once and an empty queue.
//!
//! The rename of a finished file is no call of the C library. The calls before and behind it are, so a kill on both
//! sides of it is tried, and a full disk is not.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::sorted;
use super::world::{World, findings_in, ids};
use crate::support::cli::lines;
use crate::support::faulty_disk;
use crate::support::logs::{root, user};
use crate::support::sqs::SqsFault;
use crate::support::wait::{ended, until};

/// Messages of each run.
const MESSAGES: u64 = 24;
/// The first number of events that three objects each have.
const SHARED: u64 = 500_000;

/// A file for each batch, one for several, one at the end.
const ROLL_SIZES: [&str; 3] = ["1", "20k", "1MiB"];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// The program ends by SIGKILL.
    Kill,
    /// No space is left, from then on.
    Full,
}

/// How a process on such a disk ended.
#[derive(Debug)]
struct End {
    /// `None`: it was killed.
    code: Option<i32>,
    stderr: String,
    /// Whether it had no fault: there is none, or its calls were not as many.
    whole: bool,
}

/// A folder of findings, and the numbers of its events.
struct Target<'w> {
    world: &'w World,
    name: String,
    first: u64,
    roll_size: &'static str,
}

impl<'w> Target<'w> {
    fn announce(world: &'w World, at: u64, roll_size: &'static str) -> Self {
        let first = 100 * at;
        for n in first..first + MESSAGES {
            let events = [root(n), user(n), root(SHARED + n / 3)];
            world.announce(&format!("{n}.json.gz"), &events);
        }
        Self { world, name: format!("out-{at}"), first, roll_size }
    }

    /// Follows on a disk that has a fault at one of its calls; 0: at none.
    fn follow(&self, at: u64, kind: Kind) -> End {
        let count = self.world.folder.at("count");
        fs::remove_file(&count).unwrap_or_default();
        let into = self.world.folder.path().canonicalize().unwrap().join(&self.name);
        let mut command = self.world.command(&["--until-empty", "--roll-size", self.roll_size, "-q"]);
        command.arg("--into").arg(&into);
        command.env("LD_PRELOAD", faulty_disk::library()).env("FAULT_COUNT", &count);
        command.env("FAULT_BELOW", &into).env("FAULT_AT", at.to_string());
        match kind {
            Kind::Kill => command.env("FAULT_KILL", "1"),
            Kind::Full => command.env("FAULT_ERRNO", "28").env("FAULT_LASTS", "1"),
        };
        let output = command.output().unwrap();
        // What it had in hand comes again.
        self.world.queue.end_leases();
        let calls = fs::read_to_string(&count).ok().map(|text| text.trim().parse::<u64>().unwrap());
        let end = End {
            code: output.status.code(),
            stderr: String::from_utf8(output.stderr).unwrap(),
            whole: at == 0 || calls.is_some_and(|calls| calls < at),
        };
        let expected = match kind {
            _ if end.whole => Some(0),
            Kind::Kill => None,
            Kind::Full => Some(1),
        };
        let said = end.code != Some(1) || end.stderr.contains("No space left on device");
        assert!(end.code == expected && said, "{}, call {at}: {end:?}", self.name);
        self.check();
        end
    }

    /// Nothing is there twice, and what is not there comes again.
    fn check(&self) {
        let durable = self.durable();
        let mut distinct = durable.clone();
        distinct.dedup();
        assert_eq!(durable, distinct, "{}", self.name);
        let missing = sorted(self.first..self.first + MESSAGES);
        let missing = missing.iter().filter(|id| !durable.contains(id)).count();
        let left = self.world.queue.len();
        assert!(missing <= left, "{}: {missing} are missing, and {left} messages are left", self.name);
    }

    /// The events of finished files and of the growing one, as far as the journal has committed it.
    fn durable(&self) -> Vec<String> {
        let folder = self.world.folder.at(&self.name);
        if !folder.exists() {
            return Vec::new();
        }
        let mut findings: Vec<Value> = findings_in(&folder).into_values().flatten().collect();
        findings.extend(committed(&folder.join(".follow")).unwrap_or_default());
        ids(&findings)
    }
}

fn committed(own: &Path) -> Option<Vec<Value>> {
    let journal = fs::read_to_string(own.join("journal")).ok()?;
    let last = journal.split_inclusive('\n').rfind(|line| line.ends_with('\n'))?;
    let grown = serde_json::from_str::<Value>(last).unwrap()["grown"].clone();
    let file = own.join(format!("{:08}.ndjson.open", grown["file"].as_u64().unwrap()));
    let bytes = usize::try_from(grown["bytes"].as_u64().unwrap()).unwrap();
    Some(lines(&fs::read_to_string(file).ok()?[..bytes]))
}

/// Lets a process have a fault at each call, and the one that goes on at its own call of that number.
fn at_calls(kind: Kind, roll_size: &'static str) {
    let world = World::new(Some(5));
    for at in 1.. {
        let target = Target::announce(&world, at, roll_size);
        let first = target.follow(at, kind);
        if first.whole {
            assert!(at > 15, "only {at} calls");
            return;
        }
        target.follow(at, kind);
        let last = target.follow(0, kind);
        assert_eq!((last.code, world.queue.len()), (Some(0), 0), "call {at}: {last:?}");
        let (end, shared) = (target.first + MESSAGES, SHARED + target.first / 3);
        let expected = sorted((target.first..end).chain(shared..=SHARED + (end - 1) / 3));
        let files = world.files(&target.name);
        assert_eq!(ids(files.values().flatten()), expected, "call {at}");
    }
}

#[test]
#[ignore = "takes long: .ci/checks/45-kills"]
fn killed_at_every_call() {
    for roll_size in ROLL_SIZES {
        at_calls(Kind::Kill, roll_size);
    }
}

#[test]
#[ignore = "takes long: .ci/checks/45-kills"]
fn full_at_every_call() {
    for roll_size in ROLL_SIZES {
        at_calls(Kind::Full, roll_size);
    }
}

#[test]
fn killed_between_the_journal_and_the_deletion() {
    for nth in [1, 2] {
        let world = World::new(Some(5));
        let target = Target::announce(&world, nth, "1");
        world.queue.faults(move |action, asked| {
            (action == "DeleteMessageBatch" && asked as u64 >= nth).then_some(SqsFault::Held)
        });
        let mut child = world.command(&["--into", &target.name]).spawn().unwrap();
        until("a deletion that is held", || world.queue.asked("DeleteMessageBatch") as u64 >= nth);
        child.kill().unwrap();
        assert_eq!(ended(&mut child), None);
        world.queue.faults(|_, _| None);
        world.queue.end_leases();
        target.check();
        let end = target.follow(0, Kind::Kill);
        assert_eq!((end.code, world.queue.len()), (Some(0), 0), "{end:?}");
    }
}
