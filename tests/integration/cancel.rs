//! Ctrl-C: at once, with exit code 130 and whole lines, whatever the run is busy with.

use crate::support::cli::{Folder, command, lines, signal};
use crate::support::logs::{gzip, records, root, user};
use crate::support::s3::{ACCESS_KEY, Bucket, Fault, Objects, Op, SECRET_KEY, Server};
use crate::support::wait::{ended, until, until_running};
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

/// Stops the program once it is busy, and waits for its end. That this takes less than a second, on a machine with
/// nothing else to do, is for `.ci/checks/36-in-time`; here it must end although what it is busy with does not.
fn stop<T>(mut command: Command, name: &str, busy: impl FnOnce(&mut Child) -> T) {
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let _kept = busy(&mut child);
    signal(&child, name);
    let code = ended(&mut child);
    let stderr = child.wait_with_output().unwrap().stderr;
    let stderr = String::from_utf8_lossy(&stderr);
    assert_eq!(code, Some(130), "{stderr}");
    assert!(stderr.contains("INTERRUPTED"), "{stderr}");
}

/// Reads lines from the program's standard output until there are so many, and hands over the pipe.
fn read_lines(child: &mut Child, lines: usize) -> (BufReader<ChildStdout>, String) {
    let mut pipe = BufReader::new(child.stdout.take().unwrap());
    let mut got = String::new();
    for _ in 0..lines {
        assert!(pipe.read_line(&mut got).unwrap() > 0, "it ended after {got}");
    }
    (pipe, got)
}

/// Findings first, and then an object that takes many minutes: the same gzip member over and over.
fn long_work() -> Folder {
    let folder = Folder::new();
    for n in 0..20 {
        folder.put(format!("{n:02}.json"), root(n));
    }
    let calm = format!(",{}", user(0)).repeat(6000);
    let mut huge = gzip(r#"{"Records":[null"#);
    let member = gzip(calm);
    for _ in 0..4000 {
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
            let work = Folder::new();
            let (out, summary, errors) = (work.at("out"), work.at("summary"), work.at("errors"));
            let mut command = command();
            command.args(["scan", "--threads", threads, "--max-object-size", "1TiB"]).arg(folder.path());
            command.args(["--also", "hec:/dev/stdout"]).stdout(Stdio::piped());
            command.arg("-o").arg(&out).arg("--summary").arg(&summary).arg("--errors").arg(&errors);
            stop(command, name, |child| read_lines(child, 20));
            let found = lines(&std::fs::read_to_string(&out).unwrap());
            assert_eq!(found.len(), 20, "what was found before the stop is there");
            let summary: serde_json::Value =
                serde_json::from_slice(&std::fs::read(&summary).unwrap()).unwrap();
            assert_eq!((&summary["exit_code"], &summary["complete"]), (&130.into(), &false.into()));
            assert_eq!(summary["records"]["matched"], summary["findings"]["written"]);
            assert_eq!(lines(&std::fs::read_to_string(&errors).unwrap()).len(), 0);
            assert_eq!(std::fs::read_dir(work.path()).unwrap().count(), 3, "temporary files are left");
        }
    }
}

#[test]
fn lines_on_a_pipe_are_whole_after_a_stop() {
    let folder = long_work();
    let mut command = command();
    command.args(["scan", "--max-object-size", "1TiB"]).arg(folder.path());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    // What was found comes down the pipe while the run goes on.
    let (mut pipe, mut got) = read_lines(&mut child, 20);
    signal(&child, "INT");
    pipe.read_to_string(&mut got).unwrap();
    assert_eq!(ended(&mut child), Some(130));
    assert_eq!(lines(&got).len(), 20);
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
        let passed = AtomicBool::new(false);
        // The first listing is the look at the bucket, the first object shows that there are findings.
        server.faults(move |asked| {
            (asked.op == slow && passed.swap(true, Ordering::SeqCst)).then_some(Fault::Held)
        });
        server.take_asked();
        let work = Folder::new();
        let out = work.at("out");
        let mut command = command();
        command.args(["scan", "s3://trail", "--endpoint-url", &server.url(), "-o"]).arg(&out);
        command.env("AWS_ACCESS_KEY_ID", ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
        command.env("AWS_REGION", "us-east-1");
        stop(command, "INT", |child| until_running(child, "it asked", || server.asked(slow) > 1));
        assert!(lines(&std::fs::read_to_string(&out).unwrap()).len() <= 1);
    }
}

/// The program writes to a pipe that is full and that nobody empties: it cannot end in order.
#[test]
fn a_second_ctrl_c_ends_the_program_where_it_stands() {
    let work = Folder::new();
    work.put("a.json", records((0..2000).map(root)));
    let mut command = command();
    command.arg("scan").arg(work.path()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut pipe = child.stdout.take().unwrap();
    // The run has begun to write, far more than a pipe holds.
    pipe.read_exact(&mut [0]).unwrap();
    signal(&child, "INT");
    until("the first signal is taken", || !pending(&child));
    signal(&child, "INT");
    assert_eq!(ended(&mut child), Some(130));
}

/// Whether a signal for the program still waits to be delivered.
fn pending(child: &Child) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let waiting = |name| {
        status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .is_some_and(|mask| mask.trim().contains(|c| c != '0'))
    };
    waiting("ShdPnd:") || waiting("SigPnd:")
}

/// Waits until the program has come to where it waits: the thread that waits for bytes sleeps. Other threads look at the
/// clock now and then, and on a busy machine one of them always waits for its turn.
fn at_rest(child: &mut Child) {
    let id = child.id();
    until_running(child, "it was at rest", || sleeps(id, "(waiting)"));
}

fn sleeps(id: u32, thread: &str) -> bool {
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{id}/task")) else { return true };
    tasks
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("stat")).ok())
        .any(|stat| stat.contains(thread) && stat.rsplit(')').next().unwrap().trim_start().starts_with('S'))
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
        let mut on_stdin = idle();
        on_stdin.arg("-").stdout(Stdio::null());
        stop(on_stdin, name, at_rest);
        // Nobody has opened the other end.
        let mut on_pipe = idle();
        on_pipe.arg(&pipe).stdout(Stdio::null());
        stop(on_pipe, name, at_rest);
    }
}
