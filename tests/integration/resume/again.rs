//! A later run with the same checkpoint: only what is new is read.

use std::fs;

use serde_json::Value;

use super::world::{Place, World, event, key, log, run, trail};
use crate::support::s3::Op;

fn ids(lines: &str) -> Vec<String> {
    lines
        .lines()
        .map(|line| {
            let finding: Value = serde_json::from_str(line).unwrap();
            finding["event"]["id"].as_str().unwrap().to_owned()
        })
        .collect()
}

fn id(n: u64) -> String {
    format!("20000000-0000-4000-8000-{n:012}")
}

fn scan(world: &World, out: &str) -> (i32, String) {
    run(&mut world.scan(&["-o", out, "--checkpoint", "state", "--resume", "--summary", "summary"]))
}

fn summary(world: &World) -> Value {
    serde_json::from_str(&world.read("summary")).unwrap()
}

/// A trail without broken objects, whose last day is still open where `open` says so.
fn sound(open: bool) -> Vec<(String, Vec<u8>)> {
    let today = jiff::Timestamp::now().strftime("%Y/%m/%d").to_string();
    let name = today.replace('/', "");
    let mut all: Vec<_> = (0..40_u64)
        .map(|n| {
            let key = key("us-east-1", 1 + u32::try_from(n).unwrap() / 10, &format!("{n:04}Z_m"));
            let key = match open {
                true => key.replace("2026/02/04", &today).replace("20260204", &name),
                false => key,
            };
            (key, log(&[event(n, true, ""), event(1000 + n, false, "")]))
        })
        .collect();
    all.sort();
    all
}

#[test]
fn late_arrivals_are_read_whatever_their_names() {
    for open in [true, false] {
        let mut trail = sound(open);
        for world in [World::disk(&trail), World::s3(&trail)] {
            assert_eq!(scan(&world, "first").0, 0);
            let first = trail[2].0.replace("_m", "_a");
            let last = trail[39].0.replace("_m", "_z");
            let new = [(first, log(&[event(501, true, "")])), (last, log(&[event(502, true, "")]))];
            if let Place::S3(server) = &world.place {
                server.take_asked();
            }
            world.put(&[trail.clone(), new.to_vec()].concat());
            // The disk has new times only where the content is written again.
            let (code, stderr) = scan(&world, "second");
            assert_eq!(code, 0, "{stderr}");
            assert_eq!(ids(&world.read("second")), [id(501), id(502)], "open: {open}");
            if let Place::S3(server) = &world.place {
                let gets = server.take_asked().iter().filter(|asked| asked.op == Op::Get).count();
                // A closed day is read again whole.
                assert_eq!(gets, if open { 11 + 1 } else { 11 + 11 });
                let changed = summary(&world)["changed_days"].as_array().unwrap().len();
                assert_eq!(changed, if open { 1 } else { 2 });
            }
            let (code, stderr) = scan(&world, "third");
            assert_eq!((code, world.read("third").as_str()), (0, ""));
            assert!(stderr.contains("nothing new since"), "{stderr}");
        }
        trail.clear();
    }
}

#[test]
fn nothing_new_means_nothing_read() {
    let world = World::s3(&trail(60));
    let Place::S3(server) = &world.place else { unreachable!() };
    let (code, stderr) = scan(&world, "first");
    assert_eq!(code, 3, "{stderr}");
    let failed = u64::from(summary(&world)["objects"]["failed"].as_u64().unwrap() as u32);
    assert!(failed > 0);
    server.take_asked();
    // What failed is tried again, and only that.
    let (code, _) = scan(&world, "second");
    assert_eq!(code, 3);
    let asked = server.take_asked();
    let keys: std::collections::BTreeSet<_> =
        asked.iter().filter(|asked| asked.op == Op::Get).map(|asked| &asked.key).collect();
    assert_eq!(keys.len() as u64, failed);
    assert_eq!(world.read("second"), "", "its findings were salvaged before");
    // With the output of before, nothing is touched.
    let before = (world.read("second"), world.read("state"), world.read("summary"));
    let (code, stderr) = scan(&world, "second");
    assert_eq!(code, 3, "{stderr}");
    assert!(stderr.contains("its output stays") || stderr.contains("tries again"), "{stderr}");
    assert_eq!((world.read("second"), world.read("state"), world.read("summary")), before);
    assert!(!server.take_asked().iter().any(|asked| asked.op == Op::Get));
}

#[test]
fn what_was_mended_is_read_again() {
    let mut trail = sound(false);
    let whole = trail[5].1.clone();
    trail[5].1.truncate(20);
    let world = World::disk(&trail);
    assert_eq!(scan(&world, "first").0, 3);
    fs::write(world.path("src").join(&trail[5].0), whole).unwrap();
    assert_eq!(scan(&world, "second").0, 0);
    assert_eq!(ids(&world.read("second")), [id(5)]);
}

#[test]
fn a_closed_day_that_changed_is_reported() {
    let trail = sound(false);
    let world = World::disk(&trail);
    assert_eq!(scan(&world, "first").0, 0);
    fs::remove_file(world.path("src").join(&trail[7].0)).unwrap();
    for (key, _) in &trail[20..30] {
        fs::remove_file(world.path("src").join(key)).unwrap();
    }
    let (code, stderr) = scan(&world, "second");
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(world.read("second"), "");
    let summary = summary(&world);
    let changed: Vec<_> = summary["changed_days"].as_array().unwrap().iter().collect();
    assert_eq!(changed.len(), 2, "{summary}");
    assert_eq!(
        (&changed[0]["day"], &changed[0]["objects_before"], &changed[0]["objects_now"]),
        (&"2026-02-01".into(), &10.into(), &9.into())
    );
    assert_eq!((&changed[1]["day"], &changed[1]["objects_now"]), (&"2026-02-03".into(), &0.into()));
    assert!(stderr.contains("2026-02-03"), "{stderr}");
    let (_, stderr) = scan(&world, "third");
    assert!(stderr.contains("nothing new"), "a change is reported once: {stderr}");
}

#[test]
fn a_differing_copy_in_a_later_run_names_the_first() {
    let trail = sound(false);
    let world = World::disk(&trail);
    assert_eq!(scan(&world, "first").0, 0);
    world.put(&[(key("us-east-1", 5, "0000Z_m"), log(&[event(7, true, "forged"), event(8, true, "")]))]);
    assert_eq!(scan(&world, "second").0, 0);
    let lines = world.read("second");
    assert_eq!(lines.lines().count(), 1, "{lines}");
    let finding: Value = serde_json::from_str(lines.trim()).unwrap();
    assert_eq!(finding["evidence"]["conflict_with"], format!("src/{}", trail[7].0));
}
