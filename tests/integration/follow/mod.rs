//! Following a queue: what is announced is read once, written durably and deleted; what cannot be read comes back.

mod disk;
mod ends;
mod kills;
mod places;
mod world;

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::json;

use crate::support::cli::lines;
use crate::support::logs::{gzip, id, key, records, root, user};
use crate::support::s3::{Bucket, Fault, Op};
use crate::support::sqs::SqsFault;
use world::{World, ids, record};

fn sorted(numbers: impl IntoIterator<Item = u64>) -> Vec<String> {
    let mut ids: Vec<String> = numbers.into_iter().map(id).collect();
    ids.sort();
    ids
}

#[test]
fn announced_objects_are_read_in_all_envelopes() {
    let world = World::new(Some(3));
    let through_sns = |message: &serde_json::Value| {
        json!({"Type": "Notification", "Message": message.to_string()}).to_string()
    };
    let body = |n| gzip(records([root(n), user(100 + n)]));
    let several =
        json!({"Records": [world.put("AWSLogs/x y+z.json.gz", body(1)), world.put("ü.json", body(2))]});
    world.queue.send(several.to_string());
    world.queue.send(through_sns(
        &json!({ "Records": [world.put(&key("CloudTrail", "us-east-1", 1, 3), body(3))] }),
    ));
    world.put("a+b%20c.json", body(4));
    let event = json!({
        "detail-type": "Object Created", "source": "aws.s3", "time": "2026-02-03T04:05:06Z",
        "detail": {"bucket": {"name": "trail"}, "object": {"key": "a+b%20c.json"}},
    });
    world.queue.send(through_sns(&event));
    world.queue.send(json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "trail"}).to_string());
    let digest = key("CloudTrail-Digest", "us-east-1", 1, 3);
    let gone = key("CloudTrail", "us-east-1", 1, 9);
    for (event, key) in
        [("ObjectCreated:Put", &digest), ("ObjectRemoved:Delete", &gone), ("ObjectTagging:Put", &gone)]
    {
        world.queue.send(json!({ "Records": [record(event, key, b"x")] }).to_string());
    }
    let done = world.follow(&[]);
    assert_eq!(done.code, 0, "{done:?}");
    assert_eq!(ids(&lines(&done.stdout)), sorted(1..=4));
    assert_eq!((world.queue.len(), world.queue.dead().len()), (0, 0));
    for words in [
        "somebody removed a log: s3://trail/AWSLogs/111122223333/",
        "7 messages: 4 objects read, 4 findings, 1 objects skipped by name, 1 events of other kinds, 1 logs",
    ] {
        assert!(done.stderr.replace("\n  ", " ").contains(words), "{words}: {}", done.stderr);
    }
    assert!(!done.stderr.contains("dead-letter"), "{}", done.stderr);
}

#[test]
fn what_cannot_be_read_goes_to_the_dead_letters_and_nothing_else_does() {
    let world = World::new(Some(3));
    world.announce("good.json.gz", &[root(1), root(2)]);
    let cut = gzip(records([root(3), root(4), root(5)]));
    let mut bad = vec![
        json!({ "Records": [record("ObjectCreated:Put", "missing.json.gz", b"x")] }).to_string(),
        json!({ "Records": [world.put("cut.json.gz", cut[..cut.len() - 6].to_vec())] }).to_string(),
        json!({ "Records": [world.put("old.zip", b"PK\x03\x04".to_vec())] }).to_string(),
        "no notification at all".to_owned(),
    ];
    // One that was overwritten since, with another that is good.
    let first = world.put("again.json", records([root(6)]));
    let second = world.put("again.json", records([root(7)]));
    bad.push(json!({ "Records": [first, second] }).to_string());
    bad.iter().for_each(|body| world.queue.send(body.clone()));
    let done = world.follow(&["--errors", "errors.ndjson"]);
    assert_eq!(done.code, 3, "{done:?}");
    let mut dead = world.queue.dead();
    dead.sort();
    bad.sort();
    assert_eq!(dead, bad);
    assert_eq!(world.queue.len(), 0);
    // What stands before the damage is written once, however often it is read.
    assert_eq!(ids(&lines(&done.stdout)), sorted([1, 2, 3, 4, 5, 7]), "{}", done.stderr);
    let errors = lines(&fs::read_to_string(world.folder.at("errors.ndjson")).unwrap());
    let named = |uri: &str| errors.iter().filter(|error| error["uri"] == uri).count();
    let uris = ["missing.json.gz", "cut.json.gz", "old.zip", "again.json"];
    assert_eq!(uris.map(|key| named(&format!("s3://trail/{key}"))), [3; 4], "{errors:?}");
}

#[test]
fn what_went_back_and_was_read_later_leaves_nothing_to_report() {
    let world = World::new(Some(3));
    world.announce("1.json.gz", &[root(1)]);
    let read = AtomicUsize::new(0);
    world.server.faults(move |asked| {
        let first = asked.op == Op::Get && read.fetch_add(1, Ordering::SeqCst) == 0;
        first.then_some(Fault::NotFound)
    });
    let done = world.follow(&[]);
    assert_eq!((done.code, world.queue.len(), world.queue.dead().len()), (0, 0, 0), "{done:?}");
    let said = done.stderr.replace("\n  ", " ");
    assert!(said.contains("1 times a message went back") && !said.contains("not read later"), "{said}");
    assert_eq!(ids(&lines(&done.stdout)), sorted([1]));
}

#[test]
fn without_dead_letters_it_ends_and_leaves_what_it_cannot_read() {
    let world = World::new(None);
    world.announce("good.json.gz", &[root(1)]);
    world.queue.send(json!({ "Records": [record("ObjectCreated:Put", "missing.json", b"x")] }).to_string());
    let done = world.follow(&["--retry-delay", "1h"]);
    assert_eq!((done.code, world.queue.len()), (3, 1), "{done:?}");
    assert!(done.stderr.contains("no dead-letter queue (RedrivePolicy)"), "{}", done.stderr);
    // Never longer than a lease.
    assert_eq!(world.queue.held(), [120]);
}

#[test]
fn copies_are_dropped_and_conflicts_marked_across_restarts() {
    let world = World::new(Some(3));
    let changed = |n| root(n).replace("ListUsers", "GetUser");
    world.announce("1.json.gz", &[root(1), root(2)]);
    world.announce("1.json.gz", &[root(1), root(2)]);
    let done = world.follow(&["--into", "out"]);
    assert_eq!(done.code, 0, "{done:?}");
    world.announce("2.json.gz", &[root(1), root(3), changed(2)]);
    let done = world.follow(&["--into", "out"]);
    assert!(done.stderr.contains("2 findings, 1 duplicates dropped"), "{}", done.stderr);
    world.announce("2.json.gz", &[root(1), root(3), changed(2)]);
    assert_eq!(world.follow(&["--into", "out"]).code, 0);
    let files = world.files("out");
    let names: Vec<_> = files.keys().map(String::as_str).collect();
    assert_eq!(names, ["findings-00000001.ndjson", "findings-00000002.ndjson"]);
    assert_eq!(ids(files.values().flatten()), sorted([1, 2, 2, 3]));
    let conflict =
        files["findings-00000002.ndjson"].iter().find(|finding| finding["event"]["id"] == id(2)).unwrap();
    assert_eq!(conflict["evidence"]["conflict_with"], "s3://trail/1.json.gz");
    // Beyond the window they are news again.
    std::thread::sleep(std::time::Duration::from_millis(2));
    world.announce("2.json.gz", &[root(1)]);
    assert_eq!(world.follow(&["--into", "out", "--window", "1ms"]).code, 0);
    assert_eq!(ids(&world.files("out")["findings-00000003.ndjson"]), sorted([1]));
}

#[test]
fn files_roll_by_size_and_by_format() {
    let world = World::new(Some(3));
    (0..25).for_each(|n| world.announce(&format!("{n}.json.gz"), &[root(n)]));
    let args = ["--into", "out", "--roll-size", "1", "-f", "csv"];
    assert_eq!(world.follow(&args).code, 0);
    let mut rows = 0;
    for entry in fs::read_dir(world.folder.at("out")).unwrap().map(|entry| entry.unwrap()) {
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() {
            assert_eq!(name, ".follow");
            continue;
        }
        assert!(name.starts_with("findings-") && name.ends_with(".csv"), "{name}");
        let text = fs::read_to_string(entry.path()).unwrap();
        assert!(text.starts_with("id,") || text.starts_with("time,"), "{text}");
        rows += text.lines().count() - 1;
    }
    assert_eq!(rows, 25);
}

#[test]
fn faults_of_the_queue_are_waited_out() {
    let world = World::new(Some(50));
    (0..40).for_each(|n| world.announce(&format!("{n}.json.gz"), &[root(n)]));
    world.queue.send("no notification".to_owned());
    let (deleted, denied) = (AtomicBool::new(false), AtomicBool::new(false));
    world.queue.faults(move |action, nth| match action {
        "ReceiveMessage" if nth <= 4 => Some(SqsFault::Busy),
        // Whoever deletes knows that the queue answers: before that, to be denied is the end.
        "ReceiveMessage" if deleted.load(Ordering::SeqCst) && !denied.swap(true, Ordering::SeqCst) => {
            Some(SqsFault::Denied)
        }
        "DeleteMessageBatch" if !deleted.swap(true, Ordering::SeqCst) => None,
        "DeleteMessageBatch" | "ChangeMessageVisibilityBatch" if nth % 3 == 1 => Some(SqsFault::HalfFails),
        "DeleteMessageBatch" if nth == 2 => Some(SqsFault::Busy),
        _ => None,
    });
    let done = world.follow(&["--into", "out"]);
    assert_eq!(done.code, 3, "{done:?}");
    assert_eq!(ids(world.files("out").values().flatten()), sorted(0..40));
    assert_eq!((world.queue.len(), world.queue.dead().len()), (0, 1));
}

#[test]
fn a_queue_that_cannot_be_used_is_named_at_once() {
    let world = World::new(None);
    for (fault, words) in [
        (SqsFault::Denied, "SQS refuses: AccessDeniedException"),
        (SqsFault::Missing, "there is no such queue"),
    ] {
        world.queue.faults(move |_, _| Some(fault));
        let done = world.follow(&[]);
        assert_eq!(done.code, 1, "{done:?}");
        assert!(done.stderr.contains(words) && done.stderr.contains("111122223333/trail"), "{}", done.stderr);
    }
    let done = world.follow(&["--visibility", "0"]);
    assert_eq!(done.code, 2, "{done:?}");
}

#[test]
fn who_may_take_and_not_delete_is_told_at_once() {
    for denied in ["DeleteMessageBatch", "ChangeMessageVisibilityBatch"] {
        let world = World::new(Some(3));
        world.announce("1.json.gz", &[root(1)]);
        world.announce("missing.json.gz", &[]);
        world.queue.send("no notification");
        world.queue.faults(move |action, _| (action == denied).then_some(SqsFault::Denied));
        // Waiting for what is denied would end with the time, and with another code.
        let done = world.follow(&["--into", "out", "--max-duration", "10m"]);
        assert_eq!(done.code, 1, "{denied}: {done:?}");
        assert!(done.stderr.contains("AccessDeniedException"), "{denied}: {}", done.stderr);
    }
}

#[test]
fn what_a_filter_let_go_was_not_written() {
    let world = World::new(Some(3));
    world.announce("1.json.gz", &[root(1)]);
    let done = world.follow(&["--into", "out", "--identity", "assume_root_caller"]);
    assert!(done.code == 0 && done.stderr.contains("1 filtered"), "{done:?}");
    world.announce("1.json.gz", &[root(1)]);
    assert_eq!(world.follow(&["--into", "out"]).code, 0);
    assert_eq!(ids(world.files("out").values().flatten()), sorted([1]));
}

#[test]
#[ignore = "takes long: .ci/checks/45-kills"]
fn a_bucket_that_does_not_answer_costs_no_chance_while_another_does() {
    let world = World::new(Some(1));
    world.server.put("other", Bucket::new(world.objects.clone()));
    let mut far = world.put("1.json.gz", gzip(records([root(1)])));
    far["s3"]["bucket"]["name"] = "other".into();
    world.queue.send(json!({ "Records": [far] }).to_string());
    (2..=5).for_each(|n| world.announce(&format!("{n}.json.gz"), &[root(n)]));
    // Once all others are read, it is tried three times more.
    let (near, far) = (AtomicUsize::new(0), AtomicUsize::new(0));
    world.server.faults(move |asked| match asked.op {
        Op::Get if asked.key != "1.json.gz" => {
            near.fetch_add(1, Ordering::SeqCst);
            None
        }
        Op::Get if near.load(Ordering::SeqCst) < 4 || far.fetch_add(1, Ordering::SeqCst) < 30 => {
            Some(Fault::Refuse)
        }
        _ => None,
    });
    let done = world.follow(&[]);
    assert_eq!((done.code, world.queue.dead().len()), (0, 0), "{done:?}");
    assert_eq!(ids(&lines(&done.stdout)), sorted(1..=5));
}

#[test]
fn a_bucket_that_does_not_answer_costs_no_chance() {
    for (fault, times) in [(Fault::Refuse, 7), (Fault::ExpiredToken, 2)] {
        let world = World::new(Some(1));
        world.announce("1.json.gz", &[root(1)]);
        let listed = AtomicUsize::new(0);
        world.server.faults(move |asked| {
            let first = || listed.fetch_add(1, Ordering::SeqCst) < times;
            (asked.op == Op::List && first()).then_some(fault)
        });
        let done = world.follow(&[]);
        assert_eq!((done.code, world.queue.dead().len()), (0, 0), "{fault:?}: {done:?}");
        assert_eq!(ids(&lines(&done.stdout)), sorted([1]), "{fault:?}");
    }
}

#[test]
fn access_that_is_lost_for_good_ends_it_and_the_messages_come_again() {
    let world = World::new(Some(3));
    (1..=2).for_each(|n| world.announce(&format!("{n}.json.gz"), &[root(n)]));
    let read = AtomicUsize::new(0);
    world.server.faults(move |asked| {
        let lost = asked.op == Op::Get && read.fetch_add(1, Ordering::SeqCst) > 0;
        lost.then_some(Fault::ExpiredToken)
    });
    let done = world.follow(&["--into", "out", "--access-wait", "100ms"]);
    assert_eq!((done.code, world.queue.len() > 0), (1, true), "{done:?}");
    assert!(done.stderr.contains("access to S3 was lost and did not come back"), "{}", done.stderr);
    world.server.faults(|_| None);
    world.queue.end_leases();
    let done = world.follow(&["--into", "out"]);
    assert_eq!((done.code, world.queue.len(), world.queue.dead().len()), (0, 0, 0), "{done:?}");
    assert_eq!(ids(world.files("out").values().flatten()), sorted([1, 2]));
}

#[test]
fn the_version_that_was_announced_is_read_though_it_was_overwritten_since() {
    let world = World::new(Some(3));
    for (n, version) in [(1, "v0"), (2, "v1")] {
        let mut record = world.put("again.json", records([root(n)]));
        record["s3"]["object"]["versionId"] = version.into();
        world.queue.send(json!({ "Records": [record] }).to_string());
    }
    let done = world.follow(&["--all-versions"]);
    assert_eq!((done.code, world.queue.dead().len()), (0, 0), "{done:?}");
    assert_eq!(ids(&lines(&done.stdout)), sorted([1, 2]));
}

#[test]
fn leases_are_extended_while_an_object_is_slow() {
    let world = World::new(Some(1));
    world.announce("1.json.gz", &[root(1)]);
    world.announce("2.json.gz", &[root(2)]);
    world.server.faults(|asked| (asked.op == Op::Get).then_some(Fault::Held));
    let mut child = world.command(&["--until-empty", "--visibility", "2s"]).spawn().unwrap();
    // Without an extension both would have gone to the dead-letter queue by now.
    crate::support::wait::until_running(&mut child, "extensions", || world.queue.held().len() >= 12);
    world.server.faults(|_| None);
    let done = crate::support::cli::Done::of(child.wait_with_output().unwrap());
    assert_eq!((done.code, world.queue.dead().len()), (0, 0), "{done:?}");
    assert_eq!(ids(&lines(&done.stdout)), sorted([1, 2]));
}
