//! Ctrl-C: within a second, with exit code 130 and whole lines, whatever the run is busy with.

use crate::support::cli::{Folder, command, lines, signal};
use crate::support::logs::{gzip, root, user};
use crate::support::s3::{ACCESS_KEY, Bucket, Fault, Objects, Op, SECRET_KEY, Server};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Starts the program, lets it get busy, stops it, and returns how long that took.
fn stop(mut command: Command, name: &str) -> Duration {
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(400));
    if child.try_wait().unwrap().is_some() {
        panic!("it ended before it was stopped: {:?}", child.wait_with_output().unwrap());
    }
    let told = Instant::now();
    signal(&child, name);
    let output = child.wait_with_output().unwrap();
    let took = told.elapsed();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    assert!(stderr.contains("INTERRUPTED"), "{stderr}");
    took
}

/// On a machine that is busy with other things, one stop of three must be quick.
fn quick(stop: impl Fn() -> Duration) {
    let took = (0..3).map(|_| stop()).find(|took| *took < Duration::from_secs(1));
    assert!(took.is_some(), "no stop within a second");
}

/// Findings first, and then an object that takes a minute: the same gzip member over and over.
fn long_work() -> Folder {
    let folder = Folder::new();
    for n in 0..20 {
        folder.put(format!("{n:02}.json"), root(n));
    }
    let calm: Vec<String> = (0..6000).map(|n| format!(",{}", user(n))).collect();
    let mut huge = gzip(r#"{"Records":[null"#);
    let member = gzip(calm.concat());
    for _ in 0..400 {
        huge.extend_from_slice(&member);
    }
    huge.extend(gzip("]}"));
    folder.put("99.json.gz", huge);
    folder
}

#[test]
fn a_run_stops_at_once_while_it_computes() {
    let folder = long_work();
    for threads in ["1", "2"] {
        for name in ["INT", "TERM"] {
            quick(|| {
                let work = Folder::new();
                let (out, summary, errors) = (work.at("out"), work.at("summary"), work.at("errors"));
                let mut command = command();
                command.args(["scan", "--threads", threads]).arg(folder.path());
                command.arg("-o").arg(&out).arg("--summary").arg(&summary).arg("--errors").arg(&errors);
                let took = stop(command, name);
                let found = lines(&std::fs::read_to_string(&out).unwrap());
                assert_eq!(found.len(), 20, "what was found before the stop is there");
                let summary: serde_json::Value =
                    serde_json::from_slice(&std::fs::read(&summary).unwrap()).unwrap();
                assert_eq!((&summary["exit_code"], &summary["complete"]), (&130.into(), &false.into()));
                assert_eq!(summary["records"]["matched"], summary["findings"]["written"]);
                assert_eq!(lines(&std::fs::read_to_string(&errors).unwrap()).len(), 0);
                assert_eq!(std::fs::read_dir(work.path()).unwrap().count(), 3, "temporary files are left");
                took
            });
        }
    }
}

#[test]
fn lines_on_a_pipe_are_whole_after_a_stop() {
    let folder = long_work();
    let mut command = command();
    command.arg("scan").arg(folder.path()).stdout(Stdio::piped()).stderr(Stdio::null());
    let child = command.spawn().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    signal(&child, "INT");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert_eq!(lines(&String::from_utf8(output.stdout).unwrap()).len(), 20);
}

#[test]
fn a_run_stops_at_once_while_s3_is_slow() {
    let server = Server::start();
    let objects = Objects::default();
    for n in 0..200_u64 {
        objects.put(&format!("AWSLogs/111122223333/CloudTrail/us-east-1/2026/02/03/{n:03}.json"), root(n));
    }
    server.put("trail", Bucket::new(objects));
    for slow in [Op::List, Op::Get] {
        let asked_before = Arc::new(AtomicUsize::new(0));
        let count = asked_before.clone();
        // The first listing is the look at the bucket, the first object shows that there are findings.
        server.faults(move |asked| {
            let hangs = asked.op == slow && count.fetch_add(1, Ordering::Relaxed) > 0;
            hangs.then_some(Fault::Late(Duration::from_secs(60)))
        });
        quick(|| {
            server.take_asked();
            asked_before.store(0, Ordering::Relaxed);
            let work = Folder::new();
            let out = work.at("out");
            let mut command = command();
            command.args(["scan", "s3://trail", "--endpoint-url", &server.url(), "-o"]).arg(&out);
            command.env("AWS_ACCESS_KEY_ID", ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
            command.env("AWS_REGION", "us-east-1");
            let took = stop(command, "INT");
            assert!(lines(&std::fs::read_to_string(&out).unwrap()).len() <= 1);
            took
        });
    }
}

#[test]
fn a_second_ctrl_c_ends_the_program_where_it_stands() {
    let work = Folder::new();
    let fifo = work.at("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    // Nobody writes to the pipe: opening it waits for ever.
    let child = command().args(["scan"]).arg(&fifo).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    signal(&child, "INT");
    std::thread::sleep(Duration::from_millis(300));
    signal(&child, "INT");
    let told = Instant::now();
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(130));
    assert!(told.elapsed() < Duration::from_secs(2));
}

/// Nothing comes, and nothing says that nothing will come.
#[test]
fn a_run_stops_at_once_while_it_waits_for_bytes() {
    let work = Folder::new();
    let pipe = work.at("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let idle = || {
        let mut command = command();
        command.stdin(Stdio::piped()).args(["scan", "--threads", "1"]);
        command
    };
    for name in ["INT", "TERM"] {
        quick(|| {
            let mut command = idle();
            command.arg("-").stdout(Stdio::null());
            stop(command, name)
        });
        // Nobody has opened the other end.
        quick(|| {
            let mut command = idle();
            command.arg(&pipe).stdout(Stdio::null());
            stop(command, name)
        });
    }
}
