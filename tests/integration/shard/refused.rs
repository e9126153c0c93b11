//! Parts that are not what a worker committed: named, and nothing is written.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;

use super::world::{World, start, world};
use crate::support::logs::gzip;

/// Plans three shards in a place and runs them.
fn run_all(world: &World<'_>, place: &str, further: &[&str]) {
    let request = ["shard", "plan", "-q", "logs/AWSLogs", "--shards", "3", "--into", place];
    assert_eq!(world.run(&[&request, further].concat()).code, 0);
    for shard in 0..3 {
        assert_eq!(start(world, &format!("{place}/plan.json"), shard).wait().unwrap().code(), Some(0));
    }
}

fn part(world: &World<'_>, place: &str, shard: usize) -> Vec<u8> {
    fs::read(world.folder.at(format!("{place}/parts/part-0000{shard}.ndjson.gz"))).unwrap()
}

fn names(world: &World<'_>) -> BTreeSet<std::ffi::OsString> {
    fs::read_dir(world.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect()
}

#[test]
fn parts_that_are_not_as_committed_are_named_and_nothing_is_written() {
    world(|world| {
        run_all(world, "place", &[]);
        run_all(world, "other", &["--max-object-size", "1MiB"]);
        let sound = part(world, "place", 1);
        let mut text = String::new();
        flate2::read::MultiGzDecoder::new(&sound[..]).read_to_string(&mut text).unwrap();
        let last = text.lines().last().unwrap();
        let mut flipped = sound.clone();
        flipped[sound.len() / 2] ^= 1;
        let before = names(world);
        for (bytes, words) in [
            (flipped, ""),
            (gzip(text.replacen("ListUsers", "ListRoles", 1)), "it was changed"),
            (part(world, "other", 1), "it belongs to another plan"),
            (part(world, "place", 2), "it is the part of shard 2"),
            (gzip(text.replace(&format!("{last}\n"), "")), "it has no last line"),
            (sound[..sound.len() - 20].to_vec(), "it was cut short"),
            (sound[..sound.len() / 2].to_vec(), "it was cut short"),
            (Vec::new(), "it was cut short"),
        ] {
            world.folder.put("place/parts/part-00001.ndjson.gz", &bytes);
            let named = format!("part-00001.ndjson.gz: {words}");
            let status = world.run(&["shard", "status", "--plan", "place/plan.json"]);
            assert!(status.code == 1 && status.stderr.contains(&named), "{words}: {status:?}");
            for outputs in [
                &["-o", "out", "--also", "csv:out.csv", "--errors", "errors", "--summary", "summary"][..],
                &["--coverage", "coverage"],
            ] {
                let collect = ["shard", "collect", "--plan", "place/plan.json"];
                let refused = world.run(&[&collect, outputs].concat());
                assert_eq!((refused.code, refused.stdout.as_str()), (1, ""), "{words}: {refused:?}");
                assert!(refused.stderr.contains(&named), "{words}: {refused:?}");
                assert_eq!(names(world), before, "{words}: something was written");
            }
        }
        world.folder.put("place/parts/part-00001.ndjson.gz", &sound);
        let collected = world.run(&["shard", "collect", "--plan", "place/plan.json", "-q", "-o", "out"]);
        assert_eq!(collected.code, 3, "the sound part is taken: {collected:?}");
    });
}

#[test]
fn a_plan_that_would_fill_the_memory_is_refused() {
    world(|world| {
        let plan = world.folder.put("place/plan.json", "{");
        fs::File::options().write(true).open(plan).unwrap().set_len((1 << 30) + 1).unwrap();
        for command in [&["run", "--index", "0"][..], &["status"], &["collect"]] {
            let done = world.run(&[&["shard"], command, &["--plan", "place/plan.json"]].concat());
            assert_eq!(done.code, 1, "{done:?}");
            assert!(done.stderr.contains("place/plan.json: it has 1073741825 bytes"), "{done:?}");
        }
    });
}
