//! Findings that go straight to a server.

use std::collections::BTreeSet;
use std::fs;

use roottrail::ship::Peer;
use serde_json::json;

use super::world::World;
use crate::ship::server::{Fault, Server};
use crate::support::cli::{Done, signal};
use crate::support::logs::root;
use crate::support::wait::until_running;

const TOKEN: &str = "a-token-of-the-test";

fn to<'s>(peer: &'s str, url: &'s str) -> Vec<&'s str> {
    vec!["--to", peer, "--url", url, "--state", "state", "--max-pause", "50ms"]
}

/// The ids that the server has, sorted.
fn stored(server: &Server) -> Vec<String> {
    let mut stored = server.stored();
    stored.sort();
    stored
}

#[test]
fn messages_are_deleted_once_the_server_has_their_findings() {
    for (peer, name, auth) in [
        (Peer::Elastic, "elastic", "api-key"),
        (Peer::OpenSearch, "opensearch", "api-key"),
        (Peer::Splunk, "splunk", "splunk"),
    ] {
        let world = World::new(Some(3));
        let faults = [Fault::Status(503), Fault::LostAnswer, Fault::Items(429), Fault::Ok];
        let server = Server::start(peer, TOKEN, &faults, false);
        (0..30).for_each(|n| world.announce(&format!("{n}.json.gz"), &[root(n)]));
        let mut command = world.command(
            &[&["--until-empty", "--max-duration", "2m", "--auth", auth][..], &to(name, server.url())]
                .concat(),
        );
        command.env("ROOTTRAIL_SHIP_SECRET", TOKEN);
        let done = Done::of(command.output().unwrap());
        assert_eq!((done.code, world.queue.len()), (0, 0), "{name}: {done:?}");
        let stored = stored(&server);
        let distinct: BTreeSet<_> = stored.iter().collect();
        // Splunk has two events for each, and does not know what it has.
        let (each, twice) = if peer == Peer::Splunk { (2, true) } else { (1, false) };
        assert_eq!(distinct.len(), 30 * each, "{name}: {stored:?}");
        assert_eq!(stored.len() > distinct.len(), twice, "{name}: {stored:?}");
        let left: Vec<_> = fs::read_dir(world.folder.at("state/outbox")).unwrap().collect();
        assert!(left.is_empty(), "{name}: {left:?}");
    }
}

#[test]
fn a_cursor_of_another_server_is_refused_in_the_words_of_follow() {
    let world = World::new(None);
    let server = Server::start(Peer::Elastic, TOKEN, &[], false);
    world.announce("1.json.gz", &[root(1)]);
    let cursor =
        json!({"schema": "roottrail.ship-cursor/1", "target": "elastic http://former:9200", "files": []});
    world.folder.put("state/cursor", cursor.to_string().as_bytes());
    let mut command = world.command(&[&["--until-empty"][..], &to("elastic", server.url())].concat());
    let done = Done::of(command.env("ROOTTRAIL_SHIP_SECRET", TOKEN).output().unwrap());
    assert_eq!((done.code, world.queue.len()), (1, 1), "{done:?}");
    let words = |words: &str| done.stderr.contains(words);
    assert!(words("it is of elastic http://former:9200") && words("--state"), "{}", done.stderr);
    assert!(!words("--cursor"), "{}", done.stderr);
}

#[test]
fn what_a_killed_process_left_is_delivered_first() {
    let world = World::new(Some(5));
    let broken = Server::start(Peer::Elastic, TOKEN, &[Fault::Status(503); 1000], false);
    (0..5).for_each(|n| world.announce(&format!("{n}.json.gz"), &[root(n)]));
    let command = |url: &str, ends: &[&str]| {
        let mut command = world.command(&[ends, &to("elastic", url)].concat());
        command.env("ROOTTRAIL_SHIP_SECRET", TOKEN);
        command
    };
    let mut child = command(broken.url(), &[]).spawn().unwrap();
    until_running(&mut child, "tries to deliver", || broken.batches() > 2);
    assert_eq!(world.queue.len(), 5, "nothing is deleted before it is delivered");
    child.kill().unwrap();
    child.wait().unwrap();
    // The queue still holds the messages for the dead process.
    let server = Server::start(Peer::Elastic, TOKEN, &[], false);
    fs::remove_file(world.folder.at("state/cursor")).unwrap_or_default();
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
    let distinct: BTreeSet<_> = stored.iter().collect();
    assert_eq!((distinct.len(), stored.len()), (5, 5), "{stored:?}");
}
