//! Runs that are killed, stopped, refused and run again: no finding lost, none twice, nothing half-written.

mod again;
#[cfg(target_os = "linux")]
mod full_disk;
mod ledger;
mod refusals;
mod world;

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::cli::schemas;
use crate::support::wait::{ended, until_running};
use serde_json::Value;
use world::{Random, World, run, seed, signal, trail};

const DURABLE: [&str; 8] =
    ["-o", "out", "--checkpoint", "state", "--errors", "errors", "--summary", "summary"];

/// All that a run leaves behind, but for how long it took and how it was asked.
fn results(world: &World, [out, errors, summary]: [&str; 3]) -> (String, String, Value) {
    let mut summary: Value = serde_json::from_str(&world.read(summary)).unwrap();
    for timing in ["elapsed_seconds", "latency_ms", "arguments"] {
        summary.as_object_mut().unwrap().remove(timing).unwrap();
    }
    (world.read(out), world.read(errors), summary)
}

/// Compares line by line: of megabytes that differ, only the first line is worth printing.
fn assert_lines(got: &str, expected: &str, what: &str) {
    for (n, (got, expected)) in got.lines().zip(expected.lines()).enumerate() {
        assert_eq!(got, expected, "{what}, line {n}");
    }
    assert_eq!(got.lines().count(), expected.lines().count(), "{what}: lines");
    assert_eq!(got.len(), expected.len(), "{what}: bytes");
}

/// Compares field by field.
fn assert_fields(got: &Value, expected: &Value, what: &str) {
    let (got_fields, expected_fields) = (got.as_object().unwrap(), expected.as_object().unwrap());
    for (name, value) in expected_fields {
        assert_eq!(got_fields.get(name), Some(value), "{what}: {name}");
    }
    assert_eq!(got_fields.len(), expected_fields.len(), "{what}: fields");
}

fn durable(resume: bool) -> Vec<&'static str> {
    let mut arguments = DURABLE.to_vec();
    arguments.extend(resume.then_some("--resume"));
    arguments
}

/// Nothing of an unfinished run lies about.
fn tidy(world: &World) {
    let names = fs::read_dir(world.folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = names.filter(|name| name.to_string_lossy().contains("roottrail-")).collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}

/// When a run is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// Anywhere: so many thousandths of a second after the start. Nothing depends on what has been done by then.
    Anywhere(u64),
    /// After a save of this run, or of one before.
    Saved,
    /// Never.
    Never,
}

/// Where the run reaches a source that does not end, so that it never gets through before it is killed.
trait Trap {
    /// The names of sources behind the trail.
    fn sources(&self) -> &[&str];
    /// Sets the trap for a run that is to be killed.
    fn set(&self, random: &mut Random);
    /// Lets a run through.
    fn open(&self);
}

/// A server that answers so many GETs and holds all others.
struct Gate<'w>(&'w World, u64);

impl Trap for Gate<'_> {
    fn sources(&self) -> &[&str] {
        &[]
    }

    fn set(&self, random: &mut Random) {
        // The first few hold findings, so that there is something to save.
        self.0.let_pass(20 + random.below(self.1 - 60));
    }

    fn open(&self) {
        self.0.let_all_pass();
    }
}

/// Behind the trail comes a pipe into which nobody writes.
struct Pipe<'w>(&'w World);

impl<'w> Pipe<'w> {
    fn new(world: &'w World) -> Self {
        assert!(Command::new("mkfifo").arg(world.path("pipe")).status().unwrap().success());
        Self(world)
    }
}

impl Trap for Pipe<'_> {
    fn sources(&self) -> &[&str] {
        &["pipe"]
    }

    fn set(&self, _: &mut Random) {}

    fn open(&self) {
        let path = self.0.path("pipe");
        // Opening waits for the run to come to it.
        thread::spawn(move || fs::write(path, world::event(900_000, true, "")).unwrap());
    }
}

/// Kills the program at random moments until it gets through.
fn crash(world: &World, trap: &dyn Trap, mut kills: u32, seed: u64) {
    let scan = |arguments: &[&str]| world.scan(&[trap.sources(), arguments].concat());
    let begun = Instant::now();
    trap.open();
    let (code, stderr) =
        run(&mut scan(&["-o", "whole", "--errors", "whole-errors", "--summary", "whole-summary"]));
    assert_eq!(code, 3, "{stderr}");
    let full = u64::try_from(begun.elapsed().as_millis()).unwrap();
    let expected = results(world, ["whole", "whole-errors", "whole-summary"]);
    let mut random = Random(seed);
    while kills > 0 {
        for name in ["out", "state", "errors", "summary"] {
            let _not_there = fs::remove_file(world.path(name));
        }
        for attempt in 0.. {
            let moment = match attempt {
                _ if attempt > 6 || kills == 0 => Moment::Never,
                // One kill of a round comes after a save, whatever chance does.
                1 => Moment::Saved,
                _ => Moment::Anywhere(random.below(20 + full)),
            };
            if let Moment::Never = moment {
                trap.open()
            } else {
                trap.set(&mut random)
            }
            let mut child = scan(&durable(attempt > 0)).stderr(Stdio::null()).spawn().unwrap();
            match moment {
                Moment::Anywhere(millis) => thread::sleep(Duration::from_millis(millis)),
                Moment::Saved => world.wait_for_save(&mut child),
                Moment::Never => {
                    assert_eq!(ended(&mut child), Some(3), "seed {seed}, {kills} kills to go");
                    break;
                }
            }
            assert_eq!(child.try_wait().unwrap(), None, "seed {seed}: {moment:?}: the trap holds it");
            child.kill().unwrap();
            child.wait().unwrap();
            kills = kills.saturating_sub(1);
            if let Ok(state) = fs::read_to_string(world.path("state")) {
                assert!(state.ends_with("}\n"), "a checkpoint is whole at every moment");
                schemas().check("checkpoint", &serde_json::from_str(&state).unwrap());
            }
        }
        let got = results(world, ["out", "errors", "summary"]);
        let here = format!("seed {seed}, {kills} kills to go");
        assert_lines(&got.0, &expected.0, &format!("{here}: findings"));
        assert_lines(&got.1, &expected.1, &format!("{here}: errors"));
        assert_fields(&got.2, &expected.2, &format!("{here}: summary"));
        tidy(world);
    }
}

/// Kills of one test.
const KILLS: u32 = 50;

#[test]
fn files_that_a_killed_run_has_put_in_place_are_its_own() {
    let world = World::disk(&trail(60));
    assert_eq!(run(&mut world.scan(&durable(false))).0, 3);
    let before = results(&world, ["out", "errors", "summary"]);
    // Killed before the first checkpoint, after the last rename.
    fs::remove_file(world.path("state")).unwrap();
    assert_eq!(run(&mut world.scan(&durable(true))).0, 3);
    assert_eq!(results(&world, ["out", "errors", "summary"]), before);
    // Now it is finished.
    let state = world.read("state");
    assert_eq!(run(&mut world.scan(&durable(true))).0, 3);
    assert_eq!(world.read("state"), state, "only looked");
    // Without --resume they are another's.
    let (code, stderr) = run(&mut world.scan(&["-o", "out", "--checkpoint", "fresh"]));
    assert_eq!(code, 1);
    assert!(stderr.contains("--force replaces it"), "{stderr}");
}

#[test]
#[ignore = "takes long: .ci/checks/45-kills"]
fn killed_at_random_moments_on_disk() {
    let world = World::disk(&trail(2500));
    crash(&world, &Pipe::new(&world), KILLS, seed("killed on disk"));
}

#[test]
#[ignore = "takes long: .ci/checks/45-kills"]
fn killed_at_random_moments_over_s3() {
    let world = World::s3(&trail(400));
    crash(&world, &Gate(&world, 400), KILLS, seed("killed over S3"));
}

/// Within a second, that is, on a machine with nothing else to do: `.ci/checks/36-in-time`. Here the server never
/// answers, so that a run that waited for it would not end.
#[test]
fn a_signal_stops_in_order() {
    let world = World::s3(&trail(200));
    run(&mut world.scan(&["-o", "whole", "--errors", "whole-errors", "--summary", "whole-summary"]));
    for name in ["INT", "TERM"] {
        let before = world.gets_asked();
        world.let_pass(60);
        let mut child = world.scan(&durable(true)).spawn().unwrap();
        // The first time after a save, then after the start.
        until_running(&mut child, "a GET", || world.gets_asked() > before);
        world.wait_for_save(&mut child);
        signal(&child, name);
        assert_eq!(ended(&mut child), Some(130));
        let out = world.read("out");
        assert!(out.is_empty() || out.ends_with('\n'), "whole lines are in place");
        assert!(world.read("whole").starts_with(&out));
    }
    world.let_all_pass();
    assert_eq!(run(&mut world.scan(&durable(true))).0, 3);
    let expected = results(&world, ["whole", "whole-errors", "whole-summary"]);
    assert_eq!(results(&world, ["out", "errors", "summary"]), expected);
    tidy(&world);
}

#[test]
fn a_run_stops_when_its_time_is_over() {
    let world = World::s3(&trail(100));
    world.let_pass(50);
    let mut arguments = durable(false);
    arguments.extend(["--max-duration", "1s"]);
    let (code, stderr) = run(&mut world.scan(&arguments));
    assert_eq!(code, 130, "{stderr}");
    assert!(stderr.contains("--resume goes on"), "{stderr}");
    world.let_all_pass();
    assert_eq!(run(&mut world.scan(&durable(true))).0, 3);
    let summary = world.read("summary");
    assert!(summary.contains("--max-duration") && !summary.contains("--resume"), "the run as it began");
}

#[test]
fn a_full_disk_loses_nothing() {
    let world = World::disk(&trail(250));
    run(&mut world.scan(&["-o", "whole", "--errors", "whole-errors", "--summary", "whole-summary"]));
    let size = world.read("whole").len() as u64;
    for part in [8, 2] {
        let (code, stderr) = run(&mut world.scan_limited(size / 1024 / part, &durable(true)));
        assert_eq!(code, 1, "{stderr}");
        assert!(stderr.contains("cannot write out"), "{stderr}");
        assert!(!world.path("out").exists(), "nothing is in place before all is written");
    }
    // Too little even for the checkpoint.
    let (code, stderr) = run(&mut world.scan_limited(1, &durable(true)));
    assert_eq!(code, 1, "{stderr}");
    assert_eq!(run(&mut world.scan(&durable(true))).0, 3);
    let expected = results(&world, ["whole", "whole-errors", "whole-summary"]);
    assert_eq!(results(&world, ["out", "errors", "summary"]), expected);
    tidy(&world);
}
