//! How following ends: by a signal, by its time, by a reader that goes.

use std::io::{BufRead as _, BufReader};
use std::time::{Duration, Instant};

use super::sorted;
use super::world::{World, ids};
use crate::support::cli::{Done, lines, signal};
use crate::support::logs::root;
use crate::support::s3::{Fault, Op};
use crate::support::sqs::SqsFault;
use crate::support::wait::{ended, until_running};

#[test]
fn a_signal_lets_what_is_in_hand_be_finished_and_gives_back_the_rest() {
    let world = World::new(Some(3));
    (0..5).for_each(|n| world.announce(&format!("{n}.json.gz"), &[root(n)]));
    world.server.faults(|asked| (asked.op == Op::Get).then_some(Fault::Held));
    let mut child = world.command(&["--into", "out", "--threads", "1"]).spawn().unwrap();
    until_running(&mut child, "a GET", || world.server.asked(Op::Get) > 0);
    let before = world.queue.asked("ReceiveMessage");
    // While the batch is read, others come in hand.
    (5..25).for_each(|n| world.announce(&format!("{n}.json.gz"), &[root(n)]));
    until_running(&mut child, "further messages", || world.queue.asked("ReceiveMessage") > before + 3);
    signal(&child, "TERM");
    world.server.faults(|_| None);
    let done = Done::of(child.wait_with_output().unwrap());
    assert_eq!(done.code, 0, "{done:?}");
    let written = world.files("out").into_values().flatten().count();
    assert!(
        written >= 1 && written + world.queue.len() == 25,
        "{written}, {} left: {done:?}",
        world.queue.len()
    );
    // What was given back is there at once.
    let done = world.follow(&["--into", "out"]);
    assert_eq!((done.code, world.queue.len()), (0, 0), "{done:?}");
    assert_eq!(ids(world.files("out").values().flatten()), sorted(0..25));
    assert!(world.queue.dead().is_empty());
}

#[test]
fn a_second_signal_ends_it_at_once_and_loses_nothing() {
    let world = World::new(None);
    world.announce("1.json.gz", &[root(1)]);
    world.server.faults(|asked| (asked.op == Op::Get).then_some(Fault::Held));
    let mut child = world.command(&["--into", "out"]).spawn().unwrap();
    until_running(&mut child, "a GET", || world.server.asked(Op::Get) > 0);
    signal(&child, "INT");
    // Of another kind, as two of one kind may arrive as one.
    signal(&child, "TERM");
    let done = Done::of(child.wait_with_output().unwrap());
    // Where it ends by itself, at the deadline for what is in hand, it sums up.
    assert_eq!((done.code, done.stderr.contains("interrupted")), (130, false), "{done:?}");
    world.server.faults(|_| None);
    world.queue.end_leases();
    assert_eq!(world.follow(&["--into", "out"]).code, 0);
    assert_eq!(ids(world.files("out").values().flatten()), sorted([1]));
}

#[test]
fn the_end_of_the_time_is_an_end_in_order() {
    let world = World::new(None);
    world.announce("1.json.gz", &[root(1)]);
    let mut command = world.command(&["--max-duration", "4s"]);
    let done = Done::of(command.output().unwrap());
    assert_eq!((done.code, world.queue.len()), (0, 0), "{done:?}");
    assert_eq!(ids(&lines(&done.stdout)), sorted([1]));
}

#[test]
fn lines_are_flushed_and_a_reader_that_goes_ends_it_quietly() {
    let world = World::new(None);
    world.announce("1.json.gz", &[root(1)]);
    let mut child = world.command(&[]).spawn().unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    assert_eq!(ids(&lines(&line)), sorted([1]));
    drop(reader);
    world.announce("2.json.gz", &[root(2)]);
    assert_eq!(ended(&mut child), Some(0));
    // Nobody read it, so it comes again.
    assert_eq!(world.queue.len(), 1);
}

#[test]
fn an_output_that_cannot_be_written_is_fatal_and_deletes_no_message() {
    let world = World::new(None);
    let done = world.follow(&["--into", "/proc/nowhere"]);
    assert_eq!(done.code, 1, "{done:?}");
    world.announce("1.json.gz", &[root(1)]);
    let done = world.follow(&["--errors", "/nonexistent/errors"]);
    assert_eq!((done.code, world.queue.len()), (1, 1), "{done:?}");
    let mut command = world.command(&["--until-empty"]);
    command.stdout(std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
    let done = Done::of(command.output().unwrap());
    assert_eq!((done.code, world.queue.len()), (1, 1), "{done:?}");
}

#[test]
fn a_stop_while_s3_does_not_answer_is_no_success() {
    let world = World::new(Some(1));
    world.announce("1.json.gz", &[root(1)]);
    world.server.faults(|asked| (asked.op != Op::Other).then_some(Fault::Refuse));
    let mut child = world.command(&["--into", "out"]).spawn().unwrap();
    until_running(&mut child, "a try", || world.server.asked(Op::List) > 0);
    signal(&child, "TERM");
    let done = Done::of(child.wait_with_output().unwrap());
    assert_eq!((done.code, world.queue.len()), (3, 1), "{done:?}");
    assert!(done.stderr.replace("\n  ", " ").contains("1 messages not read later"), "{done:?}");
}

#[test]
fn an_empty_queue_whose_length_is_denied_is_so_once_a_lease_is_over() {
    let world = World::new(Some(3));
    world.announce("1.json.gz", &[root(1)]);
    world.server.faults(|asked| (asked.op == Op::Get).then_some(Fault::Held));
    let args = ["--into", "out", "--visibility", "4s"];
    let mut child = world.command(&args).spawn().unwrap();
    until_running(&mut child, "a GET", || world.server.asked(Op::Get) > 0);
    child.kill().unwrap();
    child.wait().unwrap();
    world.server.faults(|_| None);
    world.queue.faults(|action, _| (action == "GetQueueAttributes").then_some(SqsFault::Denied));
    let done = world.follow(&args);
    assert_eq!((done.code, world.queue.len()), (0, 0), "{done:?}");
    assert_eq!(ids(world.files("out").values().flatten()), sorted([1]));
}

#[test]
fn one_process_has_a_state() {
    let world = World::new(None);
    let mut child = world.command(&["--into", "out"]).spawn().unwrap();
    until_running(&mut child, "a question", || world.queue.asked("ReceiveMessage") > 0);
    let done = world.follow(&["--into", "out"]);
    assert_eq!(done.code, 1, "{done:?}");
    assert!(done.stderr.contains("another roottrail follows with this state"), "{}", done.stderr);
    signal(&child, "TERM");
    assert_eq!(ended(&mut child), Some(0));
}

#[test]
#[ignore = "takes the half minute that it is about; .ci/checks/45-kills"]
fn what_is_in_hand_has_half_a_minute_and_comes_again() {
    let world = World::new(None);
    world.announce("1.json.gz", &[root(1)]);
    world.server.faults(|asked| (asked.op == Op::Get).then_some(Fault::Held));
    let mut child = world.command(&["--into", "out"]).spawn().unwrap();
    until_running(&mut child, "a GET", || world.server.asked(Op::Get) > 0);
    let asked = Instant::now();
    signal(&child, "TERM");
    let done = Done::of(child.wait_with_output().unwrap());
    assert!(asked.elapsed() >= Duration::from_secs(30), "{:?}", asked.elapsed());
    assert_eq!((done.code, done.stderr.contains("interrupted")), (130, true), "{done:?}");
    world.server.faults(|_| None);
    world.queue.end_leases();
    assert_eq!(world.follow(&["--into", "out"]).code, 0);
    assert_eq!(ids(world.files("out").values().flatten()), sorted([1]));
}
