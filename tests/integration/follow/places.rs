//! Findings that go straight to a server.

use roottrail::ship::Peer;

use super::sorted;
use super::world::World;
use crate::ship::server::{Fault, Server};
use crate::support::cli::{Done, signal};
use crate::support::logs::root;
use crate::support::wait::until_running;

fn to(url: &str) -> Vec<&str> {
    vec!["--to", "elastic", "--url", url, "--state", "state", "--max-pause", "50ms"]
}

/// The ids that the server has, sorted.
fn stored(server: &Server) -> Vec<String> {
    let mut stored = server.stored();
    stored.sort();
    stored
}

#[test]
fn messages_are_deleted_once_the_server_has_their_findings() {
    let world = World::new(Some(3));
    let faults = [Fault::Status(503), Fault::LostAnswer, Fault::Items(429), Fault::Ok];
    let server = Server::start(Peer::Elastic, "a-token-of-the-test", &faults, false);
    (0..30).for_each(|n| world.announce(&format!("{n}.json.gz"), &[root(n)]));
    let mut command = world.command(&[&["--until-empty"][..], &to(server.url())].concat());
    command.env("ROOTTRAIL_SHIP_SECRET", "a-token-of-the-test");
    let done = Done::of(command.output().unwrap());
    assert_eq!((done.code, world.queue.len()), (0, 0), "{done:?}");
    assert_eq!(stored(&server).len(), sorted(0..30).len());
    let left: Vec<_> = std::fs::read_dir(world.folder.at("state/outbox")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn what_a_killed_process_left_is_delivered_first() {
    let world = World::new(Some(5));
    let broken = Server::start(Peer::Elastic, "a-token-of-the-test", &[Fault::Status(503); 1000], false);
    (0..5).for_each(|n| world.announce(&format!("{n}.json.gz"), &[root(n)]));
    let command = |url: &str, ends: &[&str]| {
        let mut command = world.command(&[ends, &to(url)].concat());
        command.env("ROOTTRAIL_SHIP_SECRET", "a-token-of-the-test");
        command
    };
    let mut child = command(broken.url(), &[]).spawn().unwrap();
    until_running(&mut child, "tries to deliver", || broken.batches() > 2);
    assert_eq!(world.queue.len(), 5, "nothing is deleted before it is delivered");
    child.kill().unwrap();
    child.wait().unwrap();
    // The queue still holds the messages for the dead process.
    let server = Server::start(Peer::Elastic, "a-token-of-the-test", &[], false);
    std::fs::remove_file(world.folder.at("state/cursor")).unwrap_or_default();
    let mut child = command(server.url(), &[]).spawn().unwrap();
    until_running(&mut child, "a delivery", || server.batches() > 0 && !server.stored().is_empty());
    signal(&child, "TERM");
    let done = Done::of(child.wait_with_output().unwrap());
    assert_eq!(done.code, 0, "{done:?}");
    world.queue.end_leases();
    let done = Done::of(command(server.url(), &["--until-empty"]).output().unwrap());
    assert_eq!((done.code, world.queue.len()), (0, 0), "{done:?}");
    assert!(
        done.stderr.contains("0 findings") && done.stderr.contains("duplicates dropped"),
        "{}",
        done.stderr
    );
    let stored = stored(&server);
    let distinct: std::collections::BTreeSet<_> = stored.iter().collect();
    assert_eq!((distinct.len(), stored.len()), (5, 5), "{stored:?}");
}
