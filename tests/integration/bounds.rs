//! What is named on the command line may be anything: each file that is read whole has a bound.

use std::fs::File;

use crate::bucket::signed;
use crate::support::cli::{Folder, feed};

/// Arguments in which `BIG` is the file, and the exit code.
const READERS: &[(&[&str], i32)] = &[
    (&["explain", "BIG"], 1),
    (&["explain", "FOLDER", "--event-id", "x"], 1),
    (&["report", "NONE", "--organizations", "BIG"], 1),
    (&["report", "NONE", "--summary", "BIG"], 1),
    (&["report", "NONE", "--posture", "BIG"], 1),
    (&["posture", "BIG"], 3),
    (&["posture", "FOLDER"], 3),
    (&["posture", "NONE", "--virtual-mfa", "BIG"], 3),
    (&["posture", "NONE", "--organizations", "BIG"], 3),
    (&["posture", "NONE", "--scp", "BIG"], 3),
    (&["scan", "NONE", "--trusted-ip", "BIG"], 1),
    (&["scan", "s3://trail", "--endpoint-url", "http://127.0.0.1:1", "--inventory", "BIG"], 1),
    (&["plan", "s3://trail", "--endpoint-url", "http://127.0.0.1:1", "--inventory", "BIG"], 1),
    (&["scan", "s3://trail", "--endpoint-url", "http://127.0.0.1:1", "--ca-bundle", "BIG"], 1),
    (&["verify", "NONE", "--public-keys", "BIG"], 1),
    (&["ship", "NONE", "--to", "elastic", "--url", "http://127.0.0.1:1", "--secret-file", "BIG"], 1),
    (&["ship", "NONE", "--to", "elastic", "--url", "https://127.0.0.1:1", "--ca-file", "BIG"], 1),
];

#[test]
fn a_file_that_is_read_whole_has_a_bound() {
    let folder = Folder::new();
    std::fs::create_dir(folder.at("folder")).unwrap();
    let (big, none) = (folder.at("folder/big.json"), folder.at("none"));
    // No block of it is written.
    File::create(&big).unwrap().set_len(2 << 30).unwrap();
    std::fs::write(&none, "").unwrap();
    for (args, code) in READERS {
        let mut command = signed();
        command.env("ROOTTRAIL_SHIP_SECRET", "s");
        for arg in *args {
            match *arg {
                "BIG" => command.arg(&big),
                "FOLDER" => command.arg(folder.at("folder")),
                "NONE" => command.arg(&none),
                arg => command.arg(arg),
            };
        }
        let run = feed(command, b"");
        assert_eq!(run.code, *code, "{args:?}: {}", run.stderr);
        assert!(run.stderr.contains("which is the most that is read"), "{args:?}: {}", run.stderr);
        assert!(run.stderr.contains("big.json"), "{args:?}: {}", run.stderr);
    }
}

/// A pipe keeps whoever opens it waiting, and the lister cannot be stopped there.
#[cfg(unix)]
#[test]
fn an_inventory_is_a_regular_file() {
    let folder = Folder::new();
    let pipe = folder.at("manifest.json");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut command = signed();
    command.args(["scan", "s3://trail", "--endpoint-url", "http://127.0.0.1:1", "--inventory"]).arg(&pipe);
    let run = feed(command, b"");
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(run.stderr.contains("is no regular file"), "{}", run.stderr);
}
