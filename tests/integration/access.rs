//! Access that ends in the middle of a run: objects are fetched again where that helps, waited for where
//! access may come back, and reported one by one where it does not. A key that is denied by itself is another
//! case.

use crate::bucket::{scan_bucket, signed};
use crate::support::cli::{Folder, feed, lines, scan_with};
use crate::support::feed::{Outcome, Scanned, run};
use crate::support::logs::{gzip, key, records, root};
use crate::support::s3::{ACCESS_KEY, Bucket, Fault, Objects, Op, SECRET_KEY, Server};
use crate::support::wait::until;
use jiff::{SignedDuration, Timestamp};
use roottrail::error::{ErrorKind, Stage};
use roottrail::source::s3::{S3Options, S3Session, S3Uri};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const OBJECTS: u32 = 300;

/// A day with a root event in each object.
fn trail() -> Bucket {
    let objects = Objects::default();
    for n in 0..OBJECTS {
        objects.put(&key("CloudTrail", "us-east-1", 3, n), gzip(records([root(n.into())])));
    }
    Bucket::new(objects)
}

/// Lets `before` GETs pass and refuses all requests then, until `open` says otherwise.
fn closing(server: &Server, before: usize, with: Fault, open: &Arc<AtomicBool>) -> Arc<AtomicUsize> {
    let refused = Arc::new(AtomicUsize::new(0));
    let (gets, open, count) = (AtomicUsize::new(0), open.clone(), refused.clone());
    server.faults(move |asked| {
        let passed = asked.op == Op::Get && gets.fetch_add(1, Ordering::SeqCst) < before;
        if passed || gets.load(Ordering::SeqCst) < before || open.load(Ordering::SeqCst) {
            return None;
        }
        count.fetch_add(1, Ordering::SeqCst);
        Some(with)
    });
    refused
}

/// Scans and keeps what the session tells meanwhile.
fn scan(options: &S3Options) -> (Vec<Scanned>, Vec<String>) {
    scan_and(options, |_| {})
}

/// Scans, and calls `at` with what the session says of access. That an answer takes long, it says where the machine is slow.
fn scan_and(options: &S3Options, at: impl Fn(&str) + Send + Sync + 'static) -> (Vec<Scanned>, Vec<String>) {
    let session = S3Session::start(options).unwrap();
    let heard: Arc<Mutex<Vec<String>>> = Arc::default();
    let keep = heard.clone();
    session.on_event(move |text| {
        if !text.starts_with("access to ") {
            return;
        }
        keep.lock().unwrap().push(text.to_owned());
        at(text);
    });
    let scanned = run(&mut session.open(&S3Uri::parse("s3://trail").unwrap()).unwrap());
    let heard = std::mem::take(&mut *heard.lock().unwrap());
    (scanned, heard)
}

#[test]
fn a_run_waits_for_access_and_goes_on() {
    for with in [Fault::ExpiredToken, Fault::Forbidden] {
        let server = Server::start();
        server.put("trail", trail());
        let open = Arc::new(AtomicBool::new(false));
        let refused = closing(&server, 100, with, &open);
        // Access comes back when it was asked for some times after all requests under way were refused.
        let opener = std::thread::spawn({
            let open = open.clone();
            let refused = refused.clone();
            move || {
                let begun = Instant::now();
                until("refusals", || refused.load(Ordering::SeqCst) > 16 + 2);
                open.store(true, Ordering::SeqCst);
                begun.elapsed()
            }
        });
        let options = S3Options { concurrency: Some(16), ..server.options() };
        let (scanned, heard) = scan(&options);
        let closed = opener.join().unwrap();
        assert_eq!(scanned.len(), OBJECTS as usize);
        for one in &scanned {
            assert!(matches!(one.outcome, Outcome::Bytes(_)), "{with:?}: {one:?}");
        }
        assert_eq!(heard.len(), 2, "{heard:?}");
        assert!(heard[0].starts_with("access to s3://trail is lost; waiting up to 15 minutes"), "{heard:?}");
        assert!(heard[1].starts_with("access to s3://trail is back after"), "{heard:?}");
        // What was under way, and up to two questions at a time: at once, after 20 ms, 40, 80 and so on. The longer
        // it took the more, but slowly.
        let waits = (closed.as_millis() / 20 + 1).ilog2() as usize + 1;
        let refused = refused.load(Ordering::SeqCst);
        assert!(refused <= 16 + 2 * (1 + waits), "{refused} refusals in {closed:?}");
    }
}

#[test]
fn access_that_stays_away_fails_what_is_left() {
    for with in [Fault::ExpiredToken, Fault::Forbidden] {
        let server = Server::start();
        server.put("trail", trail());
        let refused = closing(&server, 100, with, &Arc::default());
        let access_wait = Duration::from_millis(300);
        let options = S3Options { concurrency: Some(16), access_wait, ..server.options() };
        let (scanned, heard) = scan(&options);
        assert_eq!(scanned.len(), OBJECTS as usize, "each object is an item");
        let read = scanned.iter().filter(|one| matches!(one.outcome, Outcome::Bytes(_))).count();
        assert_eq!(read, 100, "those that the server answered");
        for one in &scanned {
            match &one.outcome {
                Outcome::Bytes(_) => {}
                Outcome::Failed { stage: Stage::Get, kind: ErrorKind::AccessDenied, message, .. } => {
                    assert!(message.contains("was lost and not back within 300 ms"), "{message}");
                }
                other => panic!("{with:?}: {other:?}"),
            }
        }
        assert_eq!(heard.len(), 2, "{heard:?}");
        assert!(heard[1].ends_with("all that is left is reported as failed"), "{heard:?}");
        let refused = refused.load(Ordering::SeqCst);
        assert!(refused <= 16 + 20, "{refused} refusals for {} objects", OBJECTS as usize - read);
    }
}

#[test]
fn a_denied_key_holds_nobody_up() {
    let server = Server::start();
    let mut bucket = trail();
    bucket.unreadable.push(key("CloudTrail", "us-east-1", 3, 1000).replace("1000.json.gz", "01"));
    server.put("trail", bucket);
    let (scanned, heard) = scan(&server.options());
    let denied =
        |one: &&Scanned| matches!(one.outcome, Outcome::Failed { kind: ErrorKind::AccessDenied, .. });
    assert_eq!(scanned.iter().filter(denied).count(), 100);
    assert_eq!(heard, [""; 0]);
    // No more than one look at a good object for each.
    let gets = server.take_asked().iter().filter(|asked| asked.op == Op::Get).count();
    assert!(gets <= OBJECTS as usize + 100, "{gets}");
}

#[test]
fn a_listing_waits_as_well() {
    let server = Server::start();
    let mut bucket = trail();
    bucket.page = 50;
    server.put("trail", bucket);
    let (pages, open) = (AtomicUsize::new(0), Arc::new(AtomicBool::new(false)));
    let opened = open.clone();
    server.faults(move |asked| {
        if asked.op == Op::List && asked.key.ends_with("us-east-1/") {
            pages.fetch_add(1, Ordering::SeqCst);
        }
        let refused = pages.load(Ordering::SeqCst) > 3 && !opened.load(Ordering::SeqCst);
        refused.then_some(Fault::ExpiredToken)
    });
    // Access comes back as soon as the run says that it is lost.
    let (scanned, heard) = scan_and(&server.options(), move |_| open.store(true, Ordering::SeqCst));
    assert_eq!(scanned.len(), OBJECTS as usize);
    assert!(scanned.iter().all(|one| matches!(one.outcome, Outcome::Bytes(_))));
    assert_eq!(heard.len(), 2, "{heard:?}");
}

#[test]
fn a_run_without_access_ends_with_3_and_can_be_taken_up() {
    let server = Server::start();
    server.put("trail", trail());
    let whole = scan_bucket(&server, &["s3://trail"]);
    closing(&server, 100, Fault::ExpiredToken, &Arc::default());
    let work = Folder::new();
    let scan = |out: &str| {
        let mut command = signed();
        command.args(["scan", "s3://trail", "--endpoint-url", &server.url(), "--concurrency", "8"]);
        command.args(["--access-wait", "1s", "--resume", "--checkpoint"]).arg(work.at("state"));
        command.arg("-o").arg(work.at(out)).arg("--errors").arg(work.at(format!("{out}.errors")));
        feed(command, b"")
    };
    let read = |name: &str| std::fs::read_to_string(work.at(name)).unwrap();
    let first = scan("one");
    assert_eq!(first.code, 3, "{}", first.stderr);
    assert!(
        first.stderr.contains("roottrail: access to s3://trail is lost; waiting up to 1 second"),
        "{}",
        first.stderr
    );
    let errors = lines(&read("one.errors"));
    let found = lines(&read("one"));
    assert_eq!(errors.len() + found.len(), OBJECTS as usize);
    assert!(errors.iter().all(|error| error["kind"] == "access_denied"));

    server.faults(|_| None);
    let second = scan("two");
    assert_eq!(second.code, 0, "{}", second.stderr);
    let mut both = lines(&(read("one") + &read("two")));
    both.sort_by_key(|finding| finding["evidence"]["uri"].as_str().unwrap().to_owned());
    assert_eq!(both, whole.findings);
}

/// A profile whose credentials come from a program that counts its calls.
fn home(expires: SignedDuration) -> (Folder, PathBuf) {
    let folder = Folder::new();
    let calls = folder.at("calls");
    let end = Timestamp::now().checked_add(expires).unwrap();
    let json = format!(
        r#"{{"Version":1,"AccessKeyId":"{ACCESS_KEY}","SecretAccessKey":"{SECRET_KEY}","Expiration":"{end}"}}"#
    );
    let script = folder.put("get", format!("#!/bin/sh\necho >> {}\necho '{json}'\n", calls.display()));
    folder.put(".aws/config", format!("[default]\ncredential_process = sh {}\n", script.display()));
    (folder, calls)
}

fn calls(path: &Path) -> usize {
    std::fs::read_to_string(path).map_or(0, |text| text.lines().count())
}

#[test]
fn credentials_are_fetched_again_before_they_end() {
    // The credentials end within what counts as soon, as if every request came at the last minute.
    let server = Server::start();
    server.put("trail", trail());
    let (home, count) = home(SignedDuration::from_secs(100));
    // So slow that it takes more than 5 s, until they were fetched again.
    let at = count.clone();
    server.faults(move |asked| {
        (asked.op == Op::Get && calls(&at) < 2).then_some(Fault::Late(Duration::from_millis(200)))
    });
    let begun = Instant::now();
    let mut command = crate::support::cli::command();
    command.env("HOME", home.path()).env("AWS_REGION", "us-east-1");
    let url = server.url();
    let found = scan_with(command, ["s3://trail", "--endpoint-url", &url, "--concurrency", "8"], b"");
    assert_eq!((found.code, found.findings.len()), (0, OBJECTS as usize), "{}", found.stderr);
    // At the start, and then at most once in 5 s, not before each request.
    let most = 1 + usize::try_from(begun.elapsed().as_secs()).unwrap() / 5;
    assert!((2..=most).contains(&calls(&count)), "{} calls in {:?}", calls(&count), begun.elapsed());
}

#[test]
fn credentials_that_s3_calls_expired_are_fetched_again() {
    let server = Server::start();
    server.put("trail", trail());
    let (home, count) = home(SignedDuration::from_hours(1));
    let (gets, at) = (AtomicUsize::new(0), count.clone());
    server.faults(move |asked| {
        let late = asked.op == Op::Get && gets.fetch_add(1, Ordering::SeqCst) >= 100;
        (late && calls(&at) < 2).then_some(Fault::ExpiredToken)
    });
    let mut command = crate::support::cli::command();
    command.env("HOME", home.path()).env("AWS_REGION", "us-east-1");
    let url = server.url();
    let found = scan_with(command, ["s3://trail", "--endpoint-url", &url, "--concurrency", "8"], b"");
    assert_eq!((found.code, found.findings.len()), (0, OBJECTS as usize), "{}", found.stderr);
    // At the start, and once more. A request that was under way then, signed with the old ones, may be refused so
    // late that it looks like another end: at most one for each GET at a time, none for the 200 objects behind them.
    assert!((2..=1 + 8).contains(&calls(&count)), "{} calls", calls(&count));
    assert!(!found.stderr.contains("is lost"), "{}", found.stderr);
}
