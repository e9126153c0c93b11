//! Threads have names, so that `top -H` and profiles can be read.

use crate::bucket::signed;
use crate::support::logs::root;
use crate::support::s3::{Bucket, Fault, Objects, Op, Server};
use crate::support::wait::{ended, until_running};
use std::fs;
use std::process::Stdio;

#[test]
#[cfg(target_os = "linux")]
fn threads_have_names() {
    let server = Server::start();
    let objects = Objects::default();
    objects.put("a.json", root(1));
    server.put("trail", Bucket::new(objects));
    // The run waits, with all of its threads.
    server.faults(|asked| (asked.op == Op::Get).then_some(Fault::Held));
    let mut command = signed();
    command.args(["scan", "s3://trail", "--endpoint-url", &server.url(), "--threads", "2"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let tasks = format!("/proc/{}/task", child.id());
    let mut wanted = ["roottrail", "driver", "lister", "worker-0", "worker-1", "s3"].map(str::to_owned);
    wanted.sort();
    until_running(&mut child, "its threads had names", || {
        // A thread may end between two looks.
        let name =
            |task: std::io::Result<fs::DirEntry>| fs::read_to_string(task.ok()?.path().join("comm")).ok();
        let mut names: Vec<String> = fs::read_dir(&tasks).into_iter().flatten().filter_map(name).collect();
        names.iter_mut().for_each(|name| name.truncate(name.trim_end().len()));
        names.retain(|name| wanted.contains(name));
        names.sort();
        names.dedup();
        names == wanted
    });
    child.kill().unwrap();
    assert_eq!(ended(&mut child), None);
}
