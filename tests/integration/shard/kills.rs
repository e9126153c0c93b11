//! Workers that an engine kills and repeats: each shard is run up to three times at once, in a random order, a third of
//! all attempts end by SIGKILL, and the collection has the bytes of one scan.
//!
//! Events decide when an attempt ends. Over S3 the server answers so many requests and holds the others until the
//! worker is dead; on disk the worker ends at one of its own calls that open a file or change one. One test goes
//! through all calls of a worker, one after another: whatever its last one was, there is a whole part or none.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::world::{World, run_shard, start, world};
use crate::support::faulty_disk;
use crate::support::s3::Fault;
use crate::support::seed::seed;
use crate::support::wait::until;

/// Several attempts at one shard. Those that are to be killed have a moment: so many calls or requests.
struct Group {
    shard: usize,
    attempts: Vec<Option<u64>>,
}

impl Group {
    /// Starts the attempts by a function of number and moment.
    fn start(&self, mut start: impl FnMut(Option<u64>) -> Child) -> Vec<Child> {
        self.attempts.iter().map(|&moment| start(moment)).collect()
    }
}

/// Returns the shards in a random order, each with one to three attempts. A third of them have moments: the first one
/// at once, the others up to the last.
fn groups(shards: usize, last: u64, random: &mut fastrand::Rng) -> Vec<Group> {
    let mut order: Vec<usize> = (0..shards).collect();
    random.shuffle(&mut order);
    let mut groups: Vec<Group> =
        order.into_iter().map(|shard| Group { shard, attempts: vec![None; random.usize(1..=3)] }).collect();
    let mut all: Vec<&mut Option<u64>> = groups.iter_mut().flat_map(|group| &mut group.attempts).collect();
    random.shuffle(&mut all);
    let third = all.len().div_ceil(3);
    for (n, moment) in all.into_iter().take(third).enumerate() {
        *moment = Some(if n == 0 { 1 } else { random.u64(1..=last) });
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

/// Lets so many requests for each attempt pass, and kills the doomed ones when one is held or all have ended.
fn start_over_s3(world: &World<'_>, plan: &str, group: &Group) -> Vec<Child> {
    let holding = Arc::new(AtomicBool::new(false));
    let doomed = |attempt: usize| group.attempts[attempt].is_some();
    if let Some(moment) = group.attempts.iter().flatten().min() {
        let (left, holding) = (AtomicU64::new(moment * group.attempts.len() as u64), holding.clone());
        world.server.faults(move |_| {
            let held =
                left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_err();
            holding.fetch_or(held, Ordering::SeqCst);
            held.then_some(Fault::Held)
        });
    }
    let mut children = group.start(|_| start(world, plan, group.shard));
    until("a request that is held, or the end", || {
        holding.load(Ordering::SeqCst) || children.iter_mut().all(|child| child.try_wait().unwrap().is_some())
    });
    for (_, child) in children.iter_mut().enumerate().filter(|(attempt, _)| doomed(*attempt)) {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    world.server.faults(|_| None);
    children
}

/// A worker that the library of the faulty disk watches.
fn watched(world: &World<'_>, plan: &str, shard: usize) -> Command {
    let mut command = run_shard(world, plan, shard);
    command.env("TMPDIR", world.folder.at("tmp")).env("LD_PRELOAD", faulty_disk::library());
    command.env("FAULT_BELOW", world.folder.path().canonicalize().unwrap()).env("FAULT_KILL", "1");
    command
}

/// The doomed ones end by themselves, at one of their calls.
fn start_on_disk(world: &World<'_>, plan: &str, group: &Group) -> Vec<Child> {
    group.start(|moment| {
        let mut command = watched(world, plan, group.shard);
        command.env("FAULT_AT", moment.unwrap_or(0).to_string()).spawn().unwrap()
    })
}

/// A way to the objects.
struct Way {
    start: fn(&World<'_>, &str, &Group) -> Vec<Child>,
    /// The last moment of a worker with so many objects.
    last: fn(u64) -> u64,
}

/// Each object is a call; others are for the plan, the place and the lists, and to put the part.
const OVER_S3: Way = Way { start: start_over_s3, last: |objects| objects + 8 };
/// Objects are opened by calls that the library does not see.
const ON_DISK: Way = Way { start: start_on_disk, last: |_| 9 };

/// Runs plans of few and of many shards. Returns how many attempts were to be killed, and how many were.
fn killed(test: &str, place: &str, sources: &[&str], way: Way) -> (usize, usize) {
    let seed = seed(test);
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut doomed, mut killed) = (0, 0);
    world(|world| {
        fs::create_dir(world.folder.at("tmp")).unwrap();
        let scanned = world.outputs("scan", &[&["scan"], sources].concat(), true);
        for count in [1, 7, 64] {
            let (place, number) = (format!("{place}-{count}"), count.to_string());
            let plan = format!("{place}/plan.json");
            let request = ["shard", "plan", "-q", "--with-manifest", "--into", &place, "--shards", &number];
            let planned = world.run(&[&request, sources].concat());
            assert_eq!(planned.code, 0, "{planned:?}");
            let objects = world.status(&plan)["planned"]["objects"].as_u64().unwrap();
            for group in groups(count, (way.last)(objects.div_ceil(count as u64)), &mut random) {
                let children = (way.start)(world, &plan, &group);
                for (mut child, moment) in children.into_iter().zip(&group.attempts) {
                    doomed += usize::from(moment.is_some());
                    killed += usize::from(was_killed(&mut child, moment.is_some()));
                }
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
        let left: Vec<_> = fs::read_dir(world.folder.at("tmp")).unwrap().collect();
        assert!(left.is_empty(), "seed {seed}: left behind: {left:?}");
    });
    (doomed, killed)
}

/// Some are through before their moment comes.
#[test]
#[ignore = "takes long: .ci/checks/45-kills"]
fn shards_that_are_killed_and_repeated_on_disk_have_the_bytes_of_one_scan() {
    let sources = ["logs/AWSLogs", "logs/other"];
    let (doomed, killed) = killed("shards killed on disk", "place", &sources, ON_DISK);
    assert!(killed * 2 >= doomed, "{killed} of {doomed} were killed");
}

#[test]
#[ignore = "takes long: .ci/checks/45-kills"]
fn shards_that_are_killed_and_repeated_over_s3_have_the_bytes_of_one_scan() {
    let sources = ["s3://trail/AWSLogs", "s3://trail/other"];
    let (doomed, killed) = killed("shards killed over S3", "s3://work/killed", &sources, OVER_S3);
    assert!(killed * 2 >= doomed, "{killed} of {doomed} were killed");
}

#[test]
fn a_worker_that_is_killed_at_any_call_leaves_a_whole_part_or_none() {
    world(|world| {
        fs::create_dir(world.folder.at("tmp")).unwrap();
        let request = ["shard", "plan", "-q", "logs/other", "--shards", "1", "--into"];
        let plan = |place: &str| {
            assert_eq!(world.run(&[&request[..], &[place]].concat()).code, 0);
            format!("{place}/plan.json")
        };
        let whole = plan("whole");
        let count = world.folder.at("count");
        let mut command = watched(world, &whole, 0);
        assert!(!was_killed(&mut command.env("FAULT_COUNT", &count).spawn().unwrap(), false));
        let calls: u64 = fs::read_to_string(&count).unwrap().trim().parse().unwrap();
        let mut parts = 0;
        for call in 1..=calls {
            let plan = plan(&format!("place-{call}"));
            let mut command = watched(world, &plan, 0);
            assert!(
                was_killed(&mut command.env("FAULT_AT", call.to_string()).spawn().unwrap(), true),
                "{call}"
            );
            // Fails where there is a part that is not whole.
            let status = world.run(&["shard", "status", "--plan", &plan]);
            assert!([0, 3].contains(&status.code), "killed at call {call} of {calls}: {status:?}");
            parts += u64::from(status.code == 0);
            assert!(!was_killed(&mut start(world, &plan, 0), false), "{call}");
            let status = world.run(&["shard", "status", "--plan", &plan]);
            assert_eq!(status.code, 0, "killed at call {call} of {calls}: {status:?}");
        }
        assert!(parts > 0 && calls > parts + 5, "{calls} calls, {parts} of them behind the commit");
    });
}
