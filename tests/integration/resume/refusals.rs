//! Runs that are refused, and touch nothing.

use std::fs;

use super::world::{World, run, signal, trail};
use crate::support::wait::{ended, until_running};

/// A run that was stopped after a save, half-way through.
fn stopped() -> World {
    let world = World::s3(&trail(120));
    world.let_pass(60);
    let mut child =
        world.scan(&["-o", "out", "--checkpoint", "state", "--start", "2020-01-01"]).spawn().unwrap();
    world.wait_for_save(&mut child);
    signal(&child, "INT");
    assert_eq!(ended(&mut child), Some(130));
    world.let_all_pass();
    world
}

#[test]
fn another_run_is_refused() {
    let world = stopped();
    let files = || {
        let names = fs::read_dir(world.folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let mut all: Vec<_> =
            names.map(|name| (fs::read(world.path(name.to_str().unwrap())).ok(), name)).collect();
        all.sort();
        all
    };
    let before = files();
    let same = ["-o", "out", "--checkpoint", "state", "--start", "2020-01-01"];
    for (arguments, code, says) in [
        (
            &[&same[..5], &["2021-01-01", "--resume"]].concat()[..],
            2,
            "--start (was 2020-01-01, is 2021-01-01)",
        ),
        (&[&same[..4], &["--resume"]].concat(), 2, "--start (was 2020-01-01, is not given)"),
        (&[&same[..], &["--resume", "--rule", "root-activity"]].concat(), 2, "--rule (was not given"),
        (&[&same[..], &["--resume", "--no-raw"]].concat(), 2, "--no-raw"),
        (&[&same[..], &["--resume", "s3://trail/x"]].concat(), 2, "the sources"),
        (&[&same[..], &["--resume", "--errors", "e"]].concat(), 2, "--errors (was not given"),
        (&["-o", "other", "--checkpoint", "state", "--start", "2020-01-01", "--resume"], 2, "--output (was"),
        (&same, 2, "--resume goes on with it, --force starts over"),
        (&["-o", "/dev/null", "--checkpoint", "state", "--resume"], 2, "regular file"),
        (&["--checkpoint", "state", "--resume"], 2, "--output"),
        (&["-o", "out", "--resume"], 2, "--checkpoint"),
    ] {
        let (got, stderr) = run(&mut world.scan(arguments));
        assert_eq!(got, code, "{arguments:?}: {stderr}");
        assert!(stderr.contains(says), "{arguments:?}: {stderr}");
        assert!(files() == before, "{arguments:?} touched something");
    }
}

#[test]
fn a_checkpoint_that_is_not_ours_is_refused() {
    let world = stopped();
    let state = world.read("state");
    let newer = state.replace("checkpoint/2", "checkpoint/3");
    let damaged = state.replace("\"scanned\": ", "\"scanned\": 1");
    for (text, says) in [
        (newer.as_str(), "newer roottrail (roottrail.checkpoint/3)"),
        (&damaged, "damaged: its checksum"),
        (&state[..state.len() / 2], "damaged"),
        ("", "damaged"),
        ("{\"format\":\"something/1\"}", "no checkpoint of roottrail"),
    ] {
        fs::write(world.path("state"), text).unwrap();
        let (code, stderr) = run(&mut world.scan(&[
            "-o",
            "out",
            "--checkpoint",
            "state",
            "--start",
            "2020-01-01",
            "--resume",
        ]));
        assert_eq!(code, 1, "{stderr}");
        assert!(stderr.contains(says), "{says}: {stderr}");
        assert_eq!(world.read("state"), text);
    }
}

#[test]
fn two_runs_on_one_checkpoint_or_one_output() {
    let world = World::s3(&trail(60));
    world.let_pass(0);
    let mut child = world.scan(&["-o", "out", "--checkpoint", "state"]).spawn().unwrap();
    // The first GET comes behind all locks and files.
    until_running(&mut child, "a GET", || world.gets_asked() > 0);
    let (code, stderr) = run(&mut world.scan(&["-o", "out2", "--checkpoint", "state", "--resume"]));
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains("another roottrail is using the checkpoint state"), "{stderr}");
    let (code, stderr) = run(&mut world.scan(&["-o", "out", "--checkpoint", "state2"]));
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains("another roottrail is writing it"), "{stderr}");
    world.let_all_pass();
    assert_eq!(ended(&mut child), Some(3));
}

#[test]
fn a_folder_that_cannot_be_written_stops_before_anything_is_read() {
    let world = World::disk(&trail(3));
    // Not even root creates files there.
    for arguments in
        [["-o", "out", "--checkpoint", "/proc/state"], ["-o", "/proc/out", "--checkpoint", "state"]]
    {
        let (code, stderr) = run(&mut world.scan(&arguments));
        assert_eq!(code, 1, "{stderr}");
        assert!(stderr.contains("cannot write") && stderr.contains("/proc/"), "{stderr}");
        assert!(!world.path("out").exists() && !world.path("state").exists());
    }
}

#[test]
fn output_that_is_gone_is_not_made_up() {
    let world = stopped();
    let out = world.read("out");
    assert!(!out.is_empty());
    fs::write(world.path("out"), "something else").unwrap();
    let again = ["-o", "out", "--checkpoint", "state", "--start", "2020-01-01", "--resume"];
    let (code, stderr) = run(&mut world.scan(&again));
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains("not there any more"), "{stderr}");
    assert_eq!(world.read("out"), "something else");
    fs::write(world.path("out"), out).unwrap();
    assert_eq!(run(&mut world.scan(&again)).0, 3);
}
