//! A scan in shards has the bytes of one scan: through the binary, on disk and in S3, whatever the order of the
//! workers and however often they are killed.

mod inventory;
mod kills;
mod random;
mod refused;
mod uploads;
mod world;

use std::fs;
use std::path::Path;
use std::process::Child;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use crate::support::cli::{Done, schemas};
use crate::support::logs::{gzip, key, records, root};
use crate::support::s3::{Fault, Op};
use crate::support::wait::until;
use serde_json::Value;
use world::{start, world};

/// Plans, runs all shards in a random order, and holds the collection against one scan.
fn same_as_one_scan(world: &world::World<'_>, sources: &[&str], options: &[&str], count: usize, place: &str) {
    let plan = format!("{place}/plan.json");
    let number = count.to_string();
    let request =
        [&["shard", "plan", "-q", "--with-manifest", "--into", place, "--shards", &number], options, sources]
            .concat();
    // The scan goes first: parts below a source would be objects of it.
    let name = format!("{}-{count}", place.replace(['/', ':'], "_"));
    let scanned = world.outputs(&format!("{name}-scan"), &[&["scan"], options, sources].concat(), true);
    let planned = world.run(&request);
    assert_eq!(planned.code, 0, "{planned:?}");
    assert_eq!(world.shards(&plan), count);
    let mut order: Vec<usize> = (0..count).collect();
    fastrand::shuffle(&mut order);
    for few in order.chunks(4) {
        // Each at the same time as others, and some twice.
        let workers: Vec<Child> =
            few.iter().chain(few.iter().take(1)).map(|&shard| start(world, &plan, shard)).collect();
        for mut worker in workers {
            assert_eq!(worker.wait().unwrap().code(), Some(0));
        }
    }
    let collected = world.outputs(&format!("{name}-collect"), &["shard", "collect", "--plan", &plan], true);
    assert_eq!(collected.0, scanned.0);
    for (at, (collected, scanned)) in collected.1.iter().zip(&scanned.1).enumerate() {
        assert_eq!(collected, scanned, "output {at} of {count} shards");
    }
    assert!(scanned.1[0].contains("conflicting-event-copies"), "the trail has copies that differ");
}

#[test]
fn shards_on_disk_have_the_bytes_of_one_scan() {
    world(|world| {
        for count in [1, 23] {
            same_as_one_scan(world, &["logs/AWSLogs", "logs/other"], &[], count, &format!("place-{count}"));
        }
    });
}

#[test]
fn shards_in_s3_have_the_bytes_of_one_scan() {
    world(|world| {
        let sources = ["s3://trail/AWSLogs", "logs/other", "s3://trail/other"];
        same_as_one_scan(world, &sources, &["--max-object-size", "1MiB"], 5, "s3://work/runs");
    });
}

#[test]
fn the_place_of_the_parts_is_no_source() {
    world(|world| {
        // The bound on times leaves the parts out as well, unless something is younger.
        let later = std::time::SystemTime::now() + std::time::Duration::from_secs(3600);
        let young = world.folder.at(Path::new("logs").join(key("CloudTrail", "us-east-1", 4, 1)));
        fs::File::options().append(true).open(young).unwrap().set_modified(later).unwrap();
        same_as_one_scan(world, &["logs"], &["--min-severity", "high"], 5, "logs/shards");
    });
}

#[test]
fn a_worker_that_is_killed_leaves_no_part() {
    world(|world| {
        let place = "s3://work/killed";
        let plan = format!("{place}/plan.json");
        assert_eq!(
            world.run(&["shard", "plan", "-q", "s3://trail/AWSLogs", "--shards", "3", "--into", place]).code,
            0
        );
        world.server.take_asked();
        world
            .server
            .faults(|asked| (asked.op == Op::Get && asked.key.ends_with("gz")).then_some(Fault::Held));
        let mut workers: Vec<Child> = (0..3).map(|shard| start(world, &plan, shard)).collect();
        until("a GET", || world.server.asked(Op::Get) > 3);
        for worker in &mut workers {
            worker.kill().unwrap();
            worker.wait().unwrap();
        }
        world.server.faults(|_| None);
        let status = world.run(&["shard", "status", "--plan", &plan]);
        assert_eq!(status.code, 3, "{status:?}");
        assert!(status.stdout.contains("0 of 3") && status.stdout.contains("0-2"), "{status:?}");
        let refused = world.run(&["shard", "collect", "--plan", &plan, "-o", "never"]);
        assert_eq!((refused.code, world.folder.at("never").exists()), (1, false), "{refused:?}");
        assert!(refused.stderr.contains("3 of 3 parts are missing: 0-2"), "{refused:?}");
        assert_eq!(start(world, &plan, 1).wait().unwrap().code(), Some(0));
        let partial = world.run(&[
            "shard",
            "collect",
            "--plan",
            &plan,
            "-o",
            "some",
            "--partial",
            "--errors",
            "errors",
        ]);
        assert_eq!(partial.code, 3, "{partial:?}");
        let errors = fs::read_to_string(world.folder.at("errors")).unwrap();
        assert!(errors.contains("part 0 is missing") && errors.contains("part 2 is missing"), "{errors}");
    });
}

#[test]
fn of_many_workers_one_commits() {
    world(|world| {
        for place in ["race", "s3://work/race"] {
            let plan = format!("{place}/plan.json");
            let request = ["shard", "plan", "-q", "logs", "--shards", "1", "--into", place];
            assert_eq!(world.run(&request).code, 0);
            // In S3 no PUT is answered before all have asked.
            let asked = AtomicU32::new(0);
            world.server.faults(move |one| {
                let is_part = one.op == Op::Other && one.key.contains("/parts/");
                (is_part && asked.fetch_max(one.attempt, Ordering::SeqCst).max(one.attempt) < 6)
                    .then_some(Fault::Held)
            });
            let told: Vec<String> = thread::scope(|scope| {
                let run = || world.run(&["shard", "run", "--plan", &plan, "--index", "0"]);
                let workers: Vec<_> = (0..6).map(|_| scope.spawn(run)).collect();
                let done = workers.into_iter().map(|worker| worker.join().unwrap());
                done.map(|done| {
                    assert_eq!(done.code, 0, "{done:?}");
                    done.stderr
                })
                .collect()
            });
            let won = told.iter().filter(|text| text.contains("objects read")).count();
            let late = told.iter().filter(|text| text.contains("somebody")).count();
            assert_eq!((won, late), (1, 5), "{told:?}");
            if place.starts_with("s3:") {
                let met = told.iter().filter(|text| text.contains("in the meantime")).count();
                assert_eq!(met, 5, "{told:?}");
            }
            // The same plan again changes nothing, another one is refused.
            assert_eq!(world.run(&request).code, 0);
            let other = world.run(&["shard", "plan", "logs", "--shards", "2", "--into", place]);
            assert_eq!(other.code, 1, "{other:?}");
            assert!(other.stderr.contains("another --into"), "{other:?}");
        }
    });
}

#[test]
fn plan_and_parts_are_as_their_schemas_say() {
    world(|world| {
        assert_eq!(world.run(&["shard", "plan", "-q", "logs", "--shards", "2", "--into", "p"]).code, 0);
        let plan: Value = serde_json::from_slice(&fs::read(world.folder.at("p/plan.json")).unwrap()).unwrap();
        schemas().check("shard-plan", &plan);
        for shard in 0..2 {
            assert_eq!(start(world, "p/plan.json", shard).wait().unwrap().code(), Some(0));
            let bytes = fs::read(world.folder.at(format!("p/parts/part-0000{shard}.ndjson.gz"))).unwrap();
            let mut text = String::new();
            std::io::Read::read_to_string(&mut flate2::read::MultiGzDecoder::new(&bytes[..]), &mut text)
                .unwrap();
            for line in text.lines() {
                let mut line: Value = serde_json::from_str(line).unwrap();
                schemas().check("part", &line);
                if line.as_object_mut().unwrap().remove("fingerprint").is_some() {
                    schemas().check("finding", &line);
                }
            }
        }
    });
}

#[test]
fn what_comes_or_goes_behind_the_plan_is_not_read_or_is_told() {
    world(|world| {
        assert_eq!(world.run(&["shard", "plan", "-q", "logs", "--shards", "1", "--into", "p"]).code, 0);
        let late = world
            .folder
            .put(Path::new("logs").join(key("CloudTrail", "us-east-1", 5, 1)), gzip(records([root(99)])));
        let later = std::time::SystemTime::now() + std::time::Duration::from_secs(3600);
        let touch =
            |path: &Path| fs::File::options().append(true).open(path).unwrap().set_modified(later).unwrap();
        touch(&late);
        let run = world.run(&["shard", "run", "--plan", "p", "--index", "0"]);
        assert_eq!(run.code, 0, "{run:?}");
        assert!(!run.stderr.contains("overwritten"), "{run:?}");
        assert_eq!(world.run(&["shard", "collect", "--plan", "p", "-q", "-o", "out"]).code, 3);
        assert!(!fs::read_to_string(world.folder.at("out")).unwrap().contains(&crate::support::logs::id(99)));

        assert_eq!(world.run(&["shard", "plan", "-q", "logs", "--shards", "2", "--into", "q"]).code, 0);
        fs::remove_file(world.folder.at(Path::new("logs").join(key("CloudTrail", "us-east-1", 4, 1))))
            .unwrap();
        let run = world.run(&["shard", "run", "--plan", "q", "--index", "1", "--strict"]);
        assert_eq!(run.code, 3, "{run:?}");
        assert!(run.stderr.contains("overwritten or deleted since"), "{run:?}");
        fs::remove_dir_all(world.folder.at("logs")).unwrap();
        let run = world.run(&["shard", "run", "--plan", "q", "--index", "0"]);
        assert_eq!(
            (run.code, world.folder.at("q/parts/part-00000.ndjson.gz").exists()),
            (1, false),
            "{run:?}"
        );
    });
}

#[test]
fn a_shard_is_named_by_option_or_engine() {
    world(|world| {
        assert_eq!(world.run(&["shard", "plan", "-q", "logs", "--shards", "4", "--into", "p"]).code, 0);
        let run = |variables: &[(&str, &str)], args: &[&str]| {
            let mut command = world.command();
            command
                .args(["shard", "run", "--plan", "p/plan.json"])
                .args(args)
                .envs(variables.iter().copied());
            Done::of(command.output().unwrap())
        };
        for (variables, args, part) in [
            (&[("JOB_COMPLETION_INDEX", "0"), ("AWS_BATCH_JOB_ARRAY_INDEX", "9")][..], &[][..], 0),
            (&[("AWS_BATCH_JOB_ARRAY_INDEX", "0")], &["--index-offset", "1"], 1),
            (&[("JOB_COMPLETION_INDEX", "0")], &["--index", "2"], 2),
        ] {
            let done = run(variables, args);
            assert_eq!(done.code, 0, "{done:?}");
            assert!(world.folder.at(format!("p/parts/part-0000{part}.ndjson.gz")).exists());
        }
        for (variables, args, words) in [
            (&[][..], &[][..], "which shard?"),
            (&[("JOB_COMPLETION_INDEX", "x")], &[], "no index"),
            (&[], &["--index", "4"], "there is no shard 4: the plan has 4"),
        ] {
            let done = run(variables, args);
            assert_eq!(done.code, 2, "{done:?}");
            assert!(done.stderr.contains(words), "{done:?}");
        }
    });
}
