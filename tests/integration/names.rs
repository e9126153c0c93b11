//! Which names are read, and what is reported of the others.

use crate::bucket::scan_bucket;
use crate::support::cli::{Folder, command, scan, scan_with};
use crate::support::logs::{gzip, id, records, root};
use crate::support::s3::{Bucket, Objects, Server};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use serde_json::json;

const STREAM: &str = "ct-stream-1-2026-01-15-03-05-00-0a1b2c3d-1111-2222-3333-444455556666";

/// A name, and what lies under it; whether it is read.
fn names() -> Vec<(String, Vec<u8>, bool)> {
    let log = |n: u64| records([root(n)]);
    let long = |text: &str| format!("{text}{}", "x".repeat(5000)).into_bytes();
    vec![
        ("a/log.ndjson".into(), root(1).into(), true),
        ("a/log.json.zst".into(), compress_to_vec(log(2).as_bytes(), CompressionLevel::Fastest), true),
        (format!("a/{STREAM}"), gzip(log(3)), true),
        ("a/export.log".into(), format!("\u{feff}\r\n {}", log(4)).into(), true),
        ("a/export.TXT".into(), format!("[{}]", root(5)).into(), true),
        ("a/000000".into(), gzip(gzip(log(6))), true),
        ("a/app.log".into(), long("2026-01-15 INFO "), false),
        ("a/notes.txt".into(), b"notes".to_vec(), false),
        ("a/program".into(), long("\x7fELF"), false),
        ("a/_SUCCESS".into(), Vec::new(), false),
        ("a/.hidden".into(), log(7).into(), false),
        ("a/table.parquet".into(), b"PAR1".to_vec(), false),
        ("a/table.csv".into(), b"a,b,c".to_vec(), false),
        ("a/more.CSV".into(), b"a,b,c".to_vec(), false),
    ]
}

const READ: u64 = 6;
const OTHER: u64 = 8;

#[test]
fn first_bytes_decide_where_names_do_not() {
    let (folder, server, objects) = (Folder::new(), Server::start(), Objects::default());
    for (name, bytes, _) in names() {
        folder.put(&name, &bytes);
        objects.put(&name, bytes);
    }
    server.put("logs", Bucket::new(objects));
    for found in [scan([folder.path()]), scan_bucket(&server, &["s3://logs"])] {
        assert_eq!(
            (found.code, found.objects()),
            (0, [OTHER, READ, 0]),
            "{} {:?}",
            found.stderr,
            found.errors
        );
        let mut ids = found.ids();
        ids.sort_unstable();
        assert_eq!(ids, (1..=READ).map(id).collect::<Vec<_>>());
        assert_eq!(found.summary["skipped_by"], json!({"other_name": OTHER}));
        let other = json!({"": 3, ".csv": 2, ".log": 1, ".parquet": 1, ".txt": 1});
        assert_eq!(found.summary["other_names"], other);
        assert!(found.stderr.contains("by name: 3 without extension, 2 .csv, 1 "), "{}", found.stderr);
        assert!(!found.stderr.contains("the first is"), "{}", found.stderr);
    }
    let told = scan(["-v".as_ref(), folder.path().as_os_str()]);
    assert!(told.stderr.contains("1 .parquet not read, the first is"), "{}", told.stderr);
}

#[test]
fn what_is_named_is_read_whatever_its_name() {
    let server = Server::start();
    let objects = Objects::default();
    for key in ["dump/events", "dump/events.bin", "dump/events.csv2"] {
        objects.put(key, records([root(1)]).into_bytes());
    }
    server.put("logs", Bucket::new(objects));
    for key in ["dump/events.bin", "dump/events.csv2"] {
        let found = scan_bucket(&server, &[&format!("s3://logs/{key}")]);
        assert_eq!((found.code, found.objects(), found.ids()), (0, [0, 1, 0], vec![&*id(1)]), "{key}");
    }
    let found = scan_bucket(&server, &["s3://logs/dump/", "--include-key", "*.bin"]);
    assert_eq!((found.code, found.objects()), (0, [0, 1, 0]), "a pattern brings it in: {}", found.stderr);
}

#[test]
fn archives_are_errors_and_not_fetched() {
    let (folder, server, objects) = (Folder::new(), Server::start(), Objects::default());
    for name in ["a.zip", "b.tar.gz", "c.json.xz", "d.tgz"] {
        folder.put(name, b"whatever it holds");
        objects.put(name, b"whatever it holds".to_vec());
    }
    for name in ["e", "f.json.gz"] {
        folder.put(name, b"PK\x03\x04\x14\0\0\0");
        objects.put(name, b"PK\x03\x04\x14\0\0\0".to_vec());
    }
    folder.put("good.json", records([root(1)]));
    objects.put("good.json", records([root(1)]).into_bytes());
    server.put("logs", Bucket::new(objects));
    for found in [scan([folder.path()]), scan_bucket(&server, &["s3://logs"])] {
        assert_eq!(
            (found.code, found.objects(), found.findings.len()),
            (3, [0, 1, 6], 1),
            "{}",
            found.stderr
        );
        for (error, what) in found.errors.iter().zip(["a zip", "a tar", "an xz", "a tar", "a zip", "a zip"]) {
            let message = error["message"].as_str().unwrap();
            assert!(message.starts_with(what) && message.ends_with("unpack it first"), "{error}");
        }
    }
    // Named, it is read for what it is.
    let found = scan([folder.put("really.zip", records([root(2)]))]);
    assert_eq!((found.code, found.ids()), (0, vec![&*id(2)]));
}

#[test]
fn why_nothing_was_read_is_told() {
    for (name, bytes, words) in [
        ("", "", "nothing is there"),
        ("x.csv", "a,b", "no name is a log's (1 .csv)"),
        ("x.json", "{}", "without a CloudTrail event inside"),
        ("111122223333_CloudTrail-Digest_us-east-1_x.json.gz", "x", "of other kinds"),
    ] {
        let folder = Folder::new();
        if !name.is_empty() {
            folder.put(name, bytes);
        }
        let found = scan_with(command(), [folder.path()], b"");
        assert_eq!(found.code, 5, "{name}");
        assert!(found.stderr.contains("NOTHING READ") && found.stderr.contains(words), "{}", found.stderr);
    }
}
