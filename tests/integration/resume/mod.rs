//! Runs that are killed, stopped, refused and run again: no finding lost, none twice, nothing half-written.

mod again;
#[cfg(target_os = "linux")]
mod full_disk;
mod ledger;
mod refusals;
mod world;

use std::fs;
use std::time::{Duration, Instant};

use crate::support::cli::schemas;
use serde_json::Value;
use world::{Random, World, run, seed, signal, trail, wait_for};

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

/// Kills the program at random moments until it gets through.
fn crash(world: &World, mut kills: u32, seed: u64) {
    let whole = ["-o", "whole", "--errors", "whole-errors", "--summary", "whole-summary"];
    let begun = Instant::now();
    let (code, stderr) = run(&mut world.scan(&whole));
    assert_eq!(code, 3, "{stderr}");
    let full = u64::try_from(begun.elapsed().as_millis()).unwrap();
    let expected = results(world, ["whole", "whole-errors", "whole-summary"]);
    let mut random = Random(seed);
    let mut went_on = 0;
    while kills > 0 {
        for name in ["out", "state", "errors", "summary"] {
            let _not_there = fs::remove_file(world.path(name));
        }
        let mut attempts = 0;
        let code = loop {
            let mut child =
                world.scan(&durable(attempts > 0)).stderr(std::process::Stdio::null()).spawn().unwrap();
            attempts += 1;
            let patience = if attempts > 6 || kills == 0 { 60_000 } else { 20 + random.below(full) };
            let end = Instant::now() + Duration::from_millis(patience);
            let code = loop {
                if let Some(status) = child.try_wait().unwrap() {
                    break status.code();
                }
                if Instant::now() > end {
                    break None;
                }
                std::thread::sleep(Duration::from_millis(1));
            };
            if let Some(code) = code {
                break code;
            }
            child.kill().unwrap();
            child.wait().unwrap();
            kills = kills.saturating_sub(1);
            if let Ok(state) = fs::read_to_string(world.path("state")) {
                went_on += u32::from(state.contains("\"finished\": false"));
                assert!(state.ends_with("}\n"), "a checkpoint is whole at every moment");
                schemas().check("checkpoint", &serde_json::from_str(&state).unwrap());
            }
        };
        assert_eq!(code, 3, "seed {seed}, {kills} kills to go");
        let got = results(world, ["out", "errors", "summary"]);
        assert!(
            got == expected,
            "seed {seed}, {kills} kills to go, {attempts} attempts: {got:?}\n{expected:?}"
        );
        tidy(world);
    }
    assert!(went_on > 0, "no kill came after a save, full run {full} ms: the test shows nothing");
}

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
fn killed_at_random_moments_on_disk() {
    crash(&World::disk(&trail(2500)), 50, seed("killed on disk"));
}

#[test]
fn killed_at_random_moments_over_s3() {
    crash(&World::s3(&trail(400), Duration::from_millis(40)), 50, seed("killed over S3"));
}

#[test]
fn a_signal_stops_in_order_within_a_second() {
    let world = World::s3(&trail(200), Duration::from_millis(60));
    run(&mut world.scan(&["-o", "whole", "--errors", "whole-errors", "--summary", "whole-summary"]));
    for name in ["INT", "TERM"] {
        let mut child = world.scan(&durable(true)).spawn().unwrap();
        // The first time after a save, then after the start.
        wait_for(&world.path(".state.roottrail-lock"));
        wait_for(&world.path("state"));
        signal(&child, name);
        let begun = Instant::now();
        assert_eq!(child.wait().unwrap().code(), Some(130));
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
        let out = world.read("out");
        assert!(out.is_empty() || out.ends_with('\n'), "whole lines are in place");
        assert!(world.read("whole").starts_with(&out));
    }
    assert_eq!(run(&mut world.scan(&durable(true))).0, 3);
    let expected = results(&world, ["whole", "whole-errors", "whole-summary"]);
    assert_eq!(results(&world, ["out", "errors", "summary"]), expected);
    tidy(&world);
}

#[test]
fn a_run_stops_when_its_time_is_over() {
    let world = World::s3(&trail(400), Duration::from_millis(100));
    let mut arguments = durable(false);
    arguments.extend(["--max-duration", "1s"]);
    let (code, stderr) = run(&mut world.scan(&arguments));
    assert_eq!(code, 130, "{stderr}");
    assert!(stderr.contains("--resume goes on"), "{stderr}");
    assert_eq!(run(&mut world.scan(&durable(true))).0, 3);
    let summary = world.read("summary");
    assert!(summary.contains("--max-duration") && !summary.contains("--resume"), "the run as it began");
}

#[test]
fn a_full_disk_loses_nothing() {
    let world = World::disk(&trail(1200));
    run(&mut world.scan(&["-o", "whole", "--errors", "whole-errors", "--summary", "whole-summary"]));
    let size = world.read("whole").len() as u64;
    for part in [8, 4, 2] {
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
