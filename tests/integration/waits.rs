//! Wherever a run may wait, it can be stopped. How soon is for `.ci/checks/36-in-time`.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use crate::support::cli::{Folder, command, roottrail, signal};
use crate::support::logs::{gzip, records, root};
use crate::support::wait::{LAST_RESORT, ended};

/// Sends the signal and waits for the end. Returns the exit code.
fn stopped(child: &mut Child) -> Option<i32> {
    signal(child, "INT");
    ended(child)
}

#[test]
fn a_reader_that_does_not_read_does_not_keep_a_run() {
    let input = Folder::new();
    for n in 0..10 {
        input.put(format!("{n}.json.gz"), gzip(records((0..300).map(|i| root(n * 300 + i)))));
    }
    let mut child = command()
        .args(["scan", input.path().to_str().unwrap(), "-q"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::with_capacity(64, child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert_eq!(stopped(&mut child), Some(130));
    drop(out);
}

#[test]
fn a_pipe_without_a_reader_does_not_keep_a_run() {
    let work = Folder::new();
    let input = work.put("a.json", records([root(1)]));
    let pipe = work.at("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut child = command().arg("scan").arg(&input).arg("-q").arg("-o").arg(&pipe).spawn().unwrap();
    assert_eq!(stopped(&mut child), Some(130));
    let limited = command()
        .arg("scan")
        .arg(&input)
        .args(["-q", "--max-duration", "1s", "-o"])
        .arg(&pipe)
        .status()
        .unwrap();
    assert_eq!(limited.code(), Some(130));
}

#[test]
fn hashing_a_large_file_can_be_stopped() {
    let work = Folder::new();
    let big = work.put("big.json", "");
    fs::OpenOptions::new().write(true).open(&big).unwrap().set_len(200 << 30).unwrap();
    let (out, manifest) = (work.at("out"), work.at("manifest"));
    let mut child = command()
        .arg("scan")
        .arg(&big)
        .arg("-q")
        .arg("-o")
        .arg(out)
        .arg("--manifest")
        .arg(manifest)
        .spawn()
        .unwrap();
    assert_eq!(stopped(&mut child), Some(130));
}

#[test]
fn a_list_without_an_end_is_an_error() {
    let done = roottrail(["scan", "--objects-from", "/dev/zero"]);
    assert_eq!(done.code, 1);
    assert!(done.stderr.contains("a line without an end"), "{}", done.stderr);
}

#[test]
fn a_list_that_nobody_writes_does_not_keep_a_run() {
    let work = Folder::new();
    let pipe = work.at("list");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let scan = || {
        let mut scan = command();
        scan.args(["scan", "-q", "--max-duration", "1s", "--objects-from"]);
        scan
    };
    let began = Instant::now();
    assert_eq!(scan().arg(&pipe).status().unwrap().code(), Some(130));
    // One that is opened, and then says nothing.
    let mut child = scan().arg("-").stdin(Stdio::piped()).spawn().unwrap();
    let open = child.stdin.take();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    drop(open);
    assert!(began.elapsed() < LAST_RESORT);
}
