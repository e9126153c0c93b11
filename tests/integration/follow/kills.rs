//! A process that is killed again and again: every finding is in the files, none twice, and the queue is empty.
//!
//! Events decide when it is killed: the queue or the bucket answers so many requests and then holds the others until
//! the process is dead. What it had in hand comes back at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::json;

use super::sorted;
use super::world::{World, ids, record};
use crate::support::logs::{gzip, records, root, user};
use crate::support::s3::Fault;
use crate::support::seed::seed;
use crate::support::sqs::SqsFault;
use crate::support::wait::{ended, until};

/// Kills of one test.
const KILLS: usize = 5;

#[test]
fn every_finding_is_there_once_however_often_it_is_killed() {
    let seed = seed("follow killed");
    let mut random = fastrand::Rng::with_seed(seed);
    // Kills use up takings, too.
    let world = World::new(Some(12));
    let mut expected = Vec::new();
    for n in 0..200 {
        expected.extend([n, 1000 + n / 3]);
        world.announce(&format!("{n}.json.gz"), &[root(n), user(n), root(1000 + n / 3)]);
        if n % 4 == 0 {
            let body = gzip(records([root(n), user(n), root(1000 + n / 3)]));
            let twice = record("ObjectCreated:Put", &format!("{n}.json.gz"), &body);
            world.queue.send(json!({ "Records": [twice] }).to_string());
        }
    }
    expected.sort_unstable();
    expected.dedup();
    let cut = gzip(records([root(5000), root(5001)]));
    expected.extend([5000, 5001]);
    let mut bad = vec![
        json!({ "Records": [record("ObjectCreated:Put", "missing.json.gz", b"x")] }).to_string(),
        json!({ "Records": [world.put("cut.json.gz", cut[..cut.len() - 4].to_vec())] }).to_string(),
        "{}".to_owned(),
    ];
    bad.iter().for_each(|body| world.queue.send(body.clone()));

    let args = ["--into", "out", "--roll-size", "20k", "-q"];
    let mut killed = 0;
    for _ in 0..KILLS {
        let (left, holding) =
            (Arc::new(AtomicU64::new(random.u64(1..120))), Arc::new(AtomicBool::new(false)));
        let holds = move || {
            let held =
                left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_err();
            holding.fetch_or(held, Ordering::SeqCst);
            held
        };
        let holds = Arc::new(holds);
        let (of_queue, of_bucket) = (Arc::clone(&holds), Arc::clone(&holds));
        let held = Arc::new(AtomicBool::new(false));
        let (seen_here, seen_there) = (Arc::clone(&held), Arc::clone(&held));
        world.queue.faults(move |action, _| {
            let held = action != "GetQueueAttributes" && of_queue();
            seen_here.fetch_or(held, Ordering::SeqCst);
            held.then_some(SqsFault::Held)
        });
        world.server.faults(move |_| {
            let held = of_bucket();
            seen_there.fetch_or(held, Ordering::SeqCst);
            held.then_some(Fault::Held)
        });
        let mut child = world.command(&args).spawn().unwrap();
        until("a request that is held", || held.load(Ordering::SeqCst));
        assert_eq!(child.try_wait().unwrap(), None, "seed {seed}");
        child.kill().unwrap();
        assert_eq!(ended(&mut child), None, "seed {seed}");
        killed += 1;
        world.queue.faults(|_, _| None);
        world.server.faults(|_| None);
        world.queue.end_leases();
    }
    // The others may have gone the way of their takings already: this one is for the last run, whose code tells of it.
    bad.push("[]".to_owned());
    world.queue.send("[]");
    let done = world.follow(&args);
    assert_eq!((done.code, killed), (3, KILLS), "seed {seed}: {done:?}");
    assert_eq!(ids(world.files("out").values().flatten()), sorted(expected), "seed {seed}");
    let mut dead = world.queue.dead();
    dead.sort();
    bad.sort();
    assert_eq!((world.queue.len(), dead), (0, bad), "seed {seed}");
}
