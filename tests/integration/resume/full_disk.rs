//! Disks that are full, or fail for once, at every single call: said clearly, nothing half-written, no state
//! ahead of its output, and a run that goes on ends as if nothing had been.

use std::fs;

use serde_json::Value;

use super::world::{Random, World, run, seed, trail};
use super::{results, tidy};
use crate::support::faulty_disk;

const FILES: [&str; 6] = ["out", "out.csv", "errors", "summary", "coverage", "manifest"];
const OPTIONS: [&str; 12] = [
    "-o",
    "out",
    "--also",
    "csv:out.csv",
    "--errors",
    "errors",
    "--summary",
    "summary",
    "--coverage",
    "coverage",
    "--manifest",
    "manifest",
];
const DURABLE: [&str; 3] = ["--checkpoint", "state", "--resume"];

/// Where the disk fails.
#[derive(Clone, Copy, Debug)]
struct Failing {
    /// Which of the calls that change files, from 1.
    at: u64,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// No space left, from then on.
    Full,
    /// An input/output error, once.
    Faulty,
}

/// Scans on a disk that fails, and returns the exit code, what was said, and how many calls there were.
fn scan(world: &World, options: &[&[&str]], failing: Option<Failing>) -> (i32, String, u64) {
    let count = tempfile::NamedTempFile::new().unwrap();
    let mut command = world.scan(&options.concat());
    command.env("LD_PRELOAD", faulty_disk::library()).env("FAULT_COUNT", count.path());
    command.env("FAULT_BELOW", world.folder.path().canonicalize().unwrap());
    if let Some(Failing { at, kind }) = failing {
        let (errno, lasts) = if kind == Kind::Full { ("28", "1") } else { ("5", "0") };
        command.env("FAULT_AT", at.to_string()).env("FAULT_ERRNO", errno).env("FAULT_LASTS", lasts);
    }
    let (code, stderr) = run(&mut command);
    let calls = fs::read_to_string(count.path()).unwrap().trim().parse().expect("the library was loaded");
    (code, stderr, calls)
}

fn said(stderr: &str, failing: Failing) {
    let why = if failing.kind == Kind::Full { "No space left on device" } else { "Input/output error" };
    let line = stderr.lines().find(|line| line.starts_with("roottrail: cannot write ")).unwrap_or_default();
    assert!(line.contains(why), "{failing:?}: {stderr}");
    let names = FILES.iter().chain(&["state"]);
    assert!(names.into_iter().any(|name| line.contains(name)), "{failing:?}: {stderr}");
    assert!(!stderr.contains("panicked"), "{failing:?}: {stderr}");
}

/// All that a finished run leaves, but for times.
fn all(world: &World) -> (impl PartialEq + std::fmt::Debug + use<>, String, Value, Vec<Value>) {
    let coverage: Value = serde_json::from_str(&world.read("coverage")).unwrap();
    let manifest = world.read("manifest");
    let manifest: Vec<Value> = manifest
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|mut line| {
            for varies in ["started", "ended", "arguments"] {
                line.as_object_mut().unwrap().remove(varies);
            }
            // The account of the run says how long it took.
            if line["option"] == "--summary" || line["option"] == "--coverage" {
                line["sha256"] = Value::Null;
                line["bytes"] = Value::Null;
            }
            line
        })
        .collect();
    let files = results(world, ["out", "errors", "summary"]);
    (files, world.read("out.csv"), coverage["coverage"].clone(), manifest)
}

fn clear(world: &World) {
    for entry in fs::read_dir(world.folder.path()).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name() != "src" {
            fs::remove_file(entry.path()).unwrap();
        }
    }
}

/// Whatever is in place is whole.
fn nothing_half(world: &World, failing: Failing, expected: &[String; 6]) {
    for (name, expected) in FILES.iter().zip(expected) {
        if !world.path(name).exists() {
            continue;
        }
        let text = world.read(name);
        if ["out", "out.csv", "errors"].contains(name) {
            assert_eq!(&text, expected, "{failing:?}: {name}");
        }
        assert_eq!(text.lines().count(), expected.lines().count(), "{failing:?}: {name}");
    }
    if let Ok(state) = fs::read_to_string(world.path("state")) {
        assert!(state.ends_with("}\n") && serde_json::from_str::<Value>(&state).is_ok(), "{failing:?}");
    }
}

/// Fails each call of a run, one a run, until a run gets through without having come so far. How many
/// calls a run makes depends on the machine: a slow one saves once more here or there.
#[test]
#[ignore = "takes long: .ci/checks/45-kills"]
fn at_every_call_of_a_durable_run() {
    let world = World::disk(&trail(90));
    let (code, stderr, calls) = scan(&world, &[&OPTIONS, &DURABLE], None);
    assert_eq!(code, 3, "{stderr}");
    assert!(calls >= 30, "{calls} calls");
    let (expected, texts) = (all(&world), FILES.map(|name| world.read(name)));
    for kind in [Kind::Full, Kind::Faulty] {
        for at in 1.. {
            clear(&world);
            let failing = Failing { at, kind };
            let (code, stderr, done) = scan(&world, &[&OPTIONS, &DURABLE], Some(failing));
            if done < at {
                assert_eq!(code, 3, "{failing:?}: {stderr}");
                assert!(at > 30, "only {at} calls");
                break;
            }
            assert_eq!(code, 1, "{failing:?} went unnoticed: {stderr}");
            said(&stderr, failing);
            nothing_half(&world, failing, &texts);
            // There is space again.
            let (code, stderr, _) = scan(&world, &[&OPTIONS, &DURABLE], None);
            assert_eq!(code, 3, "{failing:?}: {stderr}");
            assert!(all(&world) == expected, "{failing:?}: {:?}\n{expected:?}", all(&world));
            tidy(&world);
        }
    }
}

/// Without a checkpoint there is nothing to go on with: what is in place are whole lines from the beginning.
#[test]
#[ignore = "takes long: .ci/checks/45-kills"]
fn at_every_call_of_a_plain_run() {
    let world = World::disk(&trail(90));
    let (code, stderr, _) = scan(&world, &[&OPTIONS], None);
    assert_eq!(code, 3, "{stderr}");
    let texts = FILES.map(|name| world.read(name));
    for kind in [Kind::Full, Kind::Faulty] {
        for at in 1.. {
            clear(&world);
            let failing = Failing { at, kind };
            let (code, stderr, done) = scan(&world, &[&OPTIONS], Some(failing));
            if done < at {
                assert_eq!(code, 3, "{failing:?}: {stderr}");
                assert!(at > 20, "only {at} calls");
                break;
            }
            assert_eq!(code, 1, "{failing:?} went unnoticed: {stderr}");
            said(&stderr, failing);
            for (name, expected) in FILES.iter().zip(&texts) {
                let text = world.read(name);
                assert!(text.is_empty() || text.ends_with('\n'), "{failing:?}: half of {name}");
                if ["out", "out.csv", "errors"].contains(name) {
                    assert!(expected.starts_with(&text), "{failing:?}: {name}");
                }
            }
            tidy(&world);
        }
    }
}

/// A long run with saves on its way fails again and again, at random calls, and gets through at last.
#[test]
#[ignore = "takes long: .ci/checks/45-kills"]
fn again_and_again_on_a_long_run() {
    let seed = seed("a failing disk");
    let world = World::s3(&trail(300));
    // Half-way through, the server holds the run until there is a save.
    world.let_pass_after_a_save(150);
    let (code, stderr, calls) = scan(&world, &[&OPTIONS, &DURABLE], None);
    assert_eq!(code, 3, "{stderr}");
    let expected = all(&world);
    let mut random = Random(seed);
    let mut went_on = 0;
    // Where a random call fails, before the save or after it, is left to chance: until enough came after it.
    for round in 0.. {
        assert!(round < 60, "only {went_on} failures after a save: the test shows nothing");
        if round >= 6 && went_on > 3 {
            break;
        }
        clear(&world);
        for attempt in 0.. {
            let kind = if random.below(2) == 0 { Kind::Full } else { Kind::Faulty };
            let failing = Failing { at: 10 + random.below(calls - 10), kind };
            let (code, stderr, _) = scan(&world, &[&OPTIONS, &DURABLE], (attempt < 3).then_some(failing));
            went_on += u32::from(world.read("state").contains("\"finished\": false"));
            if code == 3 {
                break;
            }
            assert_eq!(code, 1, "seed {seed}, round {round}: {failing:?}: {stderr}");
            said(&stderr, failing);
        }
        assert!(all(&world) == expected, "seed {seed}, round {round}: {:?}\n{expected:?}", all(&world));
        tidy(&world);
    }
}
