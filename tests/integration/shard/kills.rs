//! Workers that an engine kills and repeats: each shard is run up to three times at once, in a random order, a third of
//! all attempts end by SIGKILL, and the collection has the bytes of one scan.
//!
//! Events decide when an attempt ends. Over S3 the server answers so many requests and holds the others until the
//! worker is dead; on disk the worker ends at one of its own calls that open a file or change one.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::world::{World, start, world};
use crate::support::faulty_disk;
use crate::support::s3::Fault;
use crate::support::seed::seed;
use crate::support::wait::until;

/// Several attempts at one shard, and which of them are to be killed.
struct Group {
    shard: usize,
    doomed: Vec<bool>,
}

/// Returns the shards in a random order, each with one to three attempts, a third of which are doomed.
fn groups(shards: usize, random: &mut fastrand::Rng) -> Vec<Group> {
    let mut order: Vec<usize> = (0..shards).collect();
    random.shuffle(&mut order);
    let mut groups: Vec<Group> =
        order.into_iter().map(|shard| Group { shard, doomed: vec![false; random.usize(1..=3)] }).collect();
    let mut all: Vec<&mut bool> = groups.iter_mut().flat_map(|group| &mut group.doomed).collect();
    random.shuffle(&mut all);
    let third = all.len().div_ceil(3);
    for doomed in all.into_iter().take(third) {
        *doomed = true;
    }
    groups
}

/// Waits for an attempt, which succeeds unless it was killed. Returns whether it was.
fn was_killed(child: &mut Child, doomed: bool) -> bool {
    let status = child.wait().unwrap();
    let killed = status.signal() == Some(9);
    assert!(if killed { doomed } else { status.code() == Some(0) }, "doomed {doomed}: {status:?}");
    killed
}

/// Runs a group over S3. Returns how many were killed.
fn run_over_s3(
    world: &World<'_>,
    plan: &str,
    group: &Group,
    objects: usize,
    random: &mut fastrand::Rng,
) -> usize {
    let holding = Arc::new(AtomicBool::new(false));
    if group.doomed.contains(&true) {
        let requests = group.doomed.len() * (objects + 6);
        let (left, holding) = (AtomicU64::new(random.u64(1..=requests as u64)), holding.clone());
        world.server.faults(move |_| {
            let held =
                left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_err();
            holding.fetch_or(held, Ordering::SeqCst);
            held.then_some(Fault::Held)
        });
    }
    let mut children: Vec<(Child, bool)> =
        group.doomed.iter().map(|&doomed| (start(world, plan, group.shard), doomed)).collect();
    until("a request that is held, or the end", || {
        holding.load(Ordering::SeqCst)
            || children.iter_mut().all(|(child, _)| child.try_wait().unwrap().is_some())
    });
    for (child, _) in children.iter_mut().filter(|(_, doomed)| *doomed) {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    world.server.faults(|_| None);
    children.iter_mut().map(|(child, doomed)| usize::from(was_killed(child, *doomed))).sum()
}

/// Runs a group on disk. Returns how many were killed.
fn run_on_disk(
    world: &World<'_>,
    plan: &str,
    group: &Group,
    objects: usize,
    random: &mut fastrand::Rng,
) -> usize {
    let mut attempt = |&doomed: &bool| {
        let mut command: Command = world.command();
        command.args(["shard", "run", "-q", "--plan", plan, "--index", &group.shard.to_string()]);
        command.env("TMPDIR", world.folder.at("tmp")).stdout(Stdio::null()).stderr(Stdio::null());
        if doomed {
            command.env("LD_PRELOAD", faulty_disk::library()).env("FAULT_KILL", "1");
            command.env("FAULT_BELOW", world.folder.path().canonicalize().unwrap());
            // The plan, the objects, the part's lines, its file, and that it is durable.
            command.env("FAULT_AT", random.usize(1..=objects + 6).to_string());
        }
        (command.spawn().unwrap(), doomed)
    };
    let mut children: Vec<(Child, bool)> = group.doomed.iter().map(&mut attempt).collect();
    children.iter_mut().map(|(child, doomed)| usize::from(was_killed(child, *doomed))).sum()
}

type RunGroup = fn(&World<'_>, &str, &Group, usize, &mut fastrand::Rng) -> usize;

fn killed(test: &str, place: &str, sources: &[&str], run_group: RunGroup) {
    let seed = seed(test);
    let mut random = fastrand::Rng::with_seed(seed);
    world(|world| {
        fs::create_dir(world.folder.at("tmp")).unwrap();
        let scanned = world.outputs("scan", &[&["scan"], sources].concat(), true);
        let (mut killed, mut doomed) = (0, 0);
        for count in [1, 7, 64] {
            let (place, number) = (format!("{place}-{count}"), count.to_string());
            let plan = format!("{place}/plan.json");
            let request = ["shard", "plan", "-q", "--with-manifest", "--into", &place, "--shards", &number];
            let planned = world.run(&[&request, sources].concat());
            assert_eq!(planned.code, 0, "{planned:?}");
            let objects = world.status(&plan)["planned"]["objects"].as_u64().unwrap();
            let of_shard = usize::try_from(objects).unwrap().div_ceil(count);
            for group in groups(count, &mut random) {
                doomed += group.doomed.iter().filter(|doomed| **doomed).count();
                killed += run_group(world, &plan, &group, of_shard, &mut random);
            }
            // An engine tries again what has no part.
            for shard in world.status(&plan)["missing"].as_array().unwrap() {
                let shard = usize::try_from(shard.as_u64().unwrap()).unwrap();
                assert!(!was_killed(&mut start(world, &plan, shard), false), "seed {seed}");
            }
            let collected =
                world.outputs(&format!("collect-{count}"), &["shard", "collect", "--plan", &plan], true);
            assert_eq!(collected, scanned, "seed {seed}, {count} shards");
        }
        // Some were through before their moment came.
        assert!(killed * 2 >= doomed, "seed {seed}: {killed} of {doomed} were killed");
        let left: Vec<_> = fs::read_dir(world.folder.at("tmp")).unwrap().collect();
        assert!(left.is_empty(), "seed {seed}: left behind: {left:?}");
    });
}

#[test]
fn shards_that_are_killed_and_repeated_on_disk_have_the_bytes_of_one_scan() {
    killed("shards killed on disk", "place", &["logs/AWSLogs", "logs/other"], run_on_disk);
}

#[test]
fn shards_that_are_killed_and_repeated_over_s3_have_the_bytes_of_one_scan() {
    let sources = ["s3://trail/AWSLogs", "s3://trail/other"];
    killed("shards killed over S3", "s3://work/killed", &sources, run_over_s3);
}
