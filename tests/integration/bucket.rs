//! `roottrail scan s3://…` from end to end, against the server in this process.

use crate::support::cli::{Folder, Scan, command, feed, scan, scan_with};
use crate::support::logs::{gzip, id, key, records, root, user};
use crate::support::s3::{ACCESS_KEY, Bucket, Fault, Objects, Op, SECRET_KEY, Server};
use serde_json::{Value, json};
use std::process::Command;

/// The program with credentials for the server.
pub(crate) fn signed() -> Command {
    let mut command = command();
    command.env("AWS_ACCESS_KEY_ID", ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
    command.env("AWS_REGION", "us-east-1");
    command
}

/// Scans what lies on the server.
pub(crate) fn scan_bucket(server: &Server, args: &[&str]) -> Scan {
    let url = server.url();
    scan_with(signed(), args.iter().copied().chain(["--endpoint-url", &url]), b"")
}

/// What the scans of two places have in common.
fn without_place(scan: &Scan, from: &str) -> Vec<Value> {
    let mut findings = scan.findings.clone();
    for finding in &mut findings {
        let evidence = finding["evidence"].as_object_mut().unwrap();
        evidence["uri"] = json!(evidence["uri"].as_str().unwrap().strip_prefix(from).unwrap());
        evidence["etag"] = Value::Null;
        if let Some(uri) = evidence["conflict_with"].as_str() {
            evidence["conflict_with"] = json!(uri.strip_prefix(from).unwrap());
        }
    }
    findings
}

#[test]
fn a_bucket_yields_what_the_same_files_on_disk_yield() {
    let server = Server::start();
    let objects = Objects::default();
    let folder = Folder::new();
    let put = |key: &str, bytes: Vec<u8>| {
        folder.put(key, &bytes);
        objects.put(key, bytes);
    };
    let mut n = 0;
    for region in ["eu-west-1", "us-east-1"] {
        for day in 1..=4 {
            for object in 0..12 {
                n += 1;
                let events = [user(n), root(n), root(n / 3).replace("203.0.113.7", "203.0.113.9")];
                put(&key("CloudTrail", region, day, object), gzip(records(&events[..1 + n as usize % 3])));
            }
        }
    }
    put(&key("CloudTrail-Digest", "us-east-1", 3, 1), b"digest".to_vec());
    put("notes.md", b"notes".to_vec());
    let mut cut = gzip(records((0..50).map(|i| root(100_000 + i))));
    cut.truncate(cut.len() - 20);
    put("export/cut.json.gz", cut);
    let mut bucket = Bucket::new(objects);
    bucket.page = 9;
    server.put("trail", bucket);

    let disk = scan([folder.path()]);
    for options in
        [&[][..], &["--concurrency", "1", "--threads", "1"], &["--concurrency", "200", "--threads", "8"]]
    {
        let found = scan_bucket(&server, &[&["s3://trail"], options].concat());
        assert_eq!((found.code, found.objects()), (3, [2, 96, 1]), "{options:?}: {}", found.stderr);
        assert!(
            without_place(&found, "s3://trail") == without_place(&disk, folder.path().to_str().unwrap()),
            "{options:?}"
        );
        for part in ["objects", "records", "findings", "bytes", "coverage"] {
            assert_eq!(found.summary[part], disk.summary[part], "{options:?}: {part}");
        }
        assert!(found.summary["latency_ms"]["get"]["p99"].as_f64() > Some(0.0));
        assert_eq!(found.kinds(), ["corrupt_gzip"]);
    }
    let asked = server.take_asked();
    assert!(asked.iter().filter(|one| one.op == Op::List).count() > 3 * 12, "the listing has many pages");
    assert!(
        !asked.iter().any(|one| one.op == Op::Get && (one.key == "notes.md" || one.key.contains("Digest")))
    );
}

#[test]
fn etags_and_keys_name_the_evidence() {
    let server = Server::start();
    let objects = Objects::default();
    objects.put("a b/é+%.json", records([root(1)]));
    server.put("trail", Bucket::new(objects));
    let found = scan_bucket(&server, &["s3://trail/a b/"]);
    let evidence = &found.findings[0]["evidence"];
    assert_eq!(evidence["etag"], crate::support::s3::etag_of(records([root(1)]).as_bytes()));
    assert_eq!(found.code, 0);
    assert!(evidence["uri"].as_str().unwrap().starts_with("s3://trail/a b/é+"), "{evidence}");
}

#[test]
fn keys_that_vanish_or_are_denied_or_archived_are_reported() {
    let server = Server::start();
    let objects = Objects::default();
    for n in 0..6 {
        objects.put(&key("CloudTrail", "us-east-1", 3, n), gzip(records([root(n.into())])));
    }
    objects.put_class(&key("CloudTrail", "us-east-1", 3, 6), "cold", Some("GLACIER"), false);
    let mut bucket = Bucket::new(objects);
    bucket.vanished.insert(key("CloudTrail", "us-east-1", 3, 1));
    bucket.unreadable.push(key("CloudTrail", "us-east-1", 3, 3));
    server.put("trail", bucket);
    let found = scan_bucket(&server, &["s3://trail"]);
    assert_eq!((found.code, found.objects()), (3, [0, 4, 3]));
    assert_eq!(found.kinds(), ["not_found", "access_denied", "archived"]);
    assert!(found.errors.iter().all(|error| error["stage"] == "get"));
    assert_eq!(found.errors[0]["uri"], format!("s3://trail/{}", key("CloudTrail", "us-east-1", 3, 1)));
    assert_eq!(found.ids(), [id(0), id(2), id(4), id(5)]);
}

#[test]
fn what_passes_is_tried_again_and_what_stays_is_saved() {
    let server = Server::start();
    let objects = Objects::default();
    for n in 0..6 {
        objects.put(
            &key("CloudTrail", "us-east-1", 3, n),
            gzip(records((0..40).map(|i| root(u64::from(n) * 40 + i)))),
        );
    }
    server.put("trail", Bucket::new(objects));
    server.faults(|asked| {
        let fault = match asked.key.as_bytes().iter().rev().nth(8) {
            Some(b'1') => Fault::Cut,
            Some(b'2') => Fault::BitFlip,
            Some(b'3') => Fault::FirstByte,
            Some(b'4') => Fault::SlowDown,
            // The fifth object never comes whole.
            Some(b'5') => return (asked.op == Op::Get).then_some(Fault::Shorten),
            _ => return None,
        };
        (asked.op == Op::Get && asked.attempt == 1).then_some(fault)
    });
    let found = scan_bucket(&server, &["s3://trail"]);
    assert_eq!((found.code, found.objects()), (3, [0, 5, 1]), "{:?}", found.errors);
    let saved = found.errors[0]["findings_salvaged"].as_u64().unwrap();
    assert_eq!(found.findings.len() as u64, 200 + saved);
    let damaged: Vec<bool> =
        found.findings.iter().map(|finding| finding["evidence"]["damaged"] == true).collect();
    assert_eq!(damaged.iter().filter(|damaged| **damaged).count() as u64, saved);
}

#[test]
fn a_prefix_that_may_not_be_listed_is_reported() {
    let server = Server::start();
    let objects = Objects::default();
    objects.put(&key("CloudTrail", "us-east-1", 3, 1), records([root(1)]));
    let mut bucket = Bucket::new(objects);
    bucket.listable = Some(vec!["elsewhere/".into()]);
    server.put("trail", bucket);
    let found = scan_bucket(&server, &["s3://trail/AWSLogs/"]);
    assert_eq!((found.code, found.kinds()), (3, vec!["access_denied"]));
    assert_eq!(
        (&found.errors[0]["stage"], &found.errors[0]["uri"]),
        (&json!("list"), &json!("s3://trail/AWSLogs/"))
    );
}

#[test]
fn a_bucket_elsewhere_is_followed() {
    let server = Server::start();
    let objects = Objects::default();
    objects.put("a.json", root(1));
    let mut bucket = Bucket::new(objects);
    bucket.region = "eu-central-1".into();
    server.put("trail", bucket);
    for args in [
        &["s3://trail"][..],
        &["s3://trail", "--region", "ap-south-1"],
        &["s3://trail", "--force-path-style"],
    ] {
        let found = scan_bucket(&server, args);
        assert_eq!((found.code, found.ids()), (0, vec![&*id(1)]), "{args:?}");
    }
}

#[test]
fn a_start_that_cannot_work_ends_with_1_and_says_what_was_tried() {
    let server = Server::start();
    server.put("trail", Bucket::new(Objects::default()));
    let url = server.url();
    let cases: [(Command, &[&str], &[&str]); 5] = [
        (signed(), &["s3://missing", "--endpoint-url", &url], &["no bucket \"missing\"", "us-east-1", &url]),
        (
            command(),
            &["s3://trail", "--endpoint-url", &url],
            &[
                "no AWS credentials",
                "AWS_ACCESS_KEY_ID",
                "profile \"default\"",
                "web identity",
                "instance metadata (EC2 IMDS)",
                "--no-sign-request",
            ],
        ),
        (command(), &["s3://trail", "--profile", "nobody"], &["nobody"]),
        (signed(), &["s3://trail", "--endpoint-url", "http://127.0.0.1:1"], &["cannot reach", "127.0.0.1:1"]),
        (signed(), &["s3://trail", "--endpoint-url", &url, "--ca-bundle", "/no/such.pem"], &["/no/such.pem"]),
    ];
    for (mut command, args, words) in cases {
        let work = Folder::new();
        command.arg("scan").args(args).arg("-o").arg(work.at("out"));
        let done = feed(command, b"");
        assert_eq!((done.code, done.stdout.as_str()), (1, ""), "{args:?}: {}", done.stderr);
        for word in words {
            assert!(done.stderr.contains(word), "{word:?} in {}", done.stderr);
        }
        assert_eq!(std::fs::read_dir(work.path()).unwrap().count(), 0, "{args:?}");
    }
}

/// Wherever the looking for credentials ends: the same few lines, the cause first and what to do among them. That it
/// ends within seconds is for `.ci/checks/36-in-time`.
#[test]
fn without_credentials_it_says_where_it_looked_and_what_to_do() {
    let home = Folder::new();
    home.put(
        ".aws/config",
        "[profile lake]\nsso_session = x\nsso_account_id = 111122223333\nsso_role_name = r\nregion = us-east-1\n\
         [sso-session x]\nsso_region = us-east-1\nsso_start_url = https://example.invalid/start\n",
    );
    // One that takes connections and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}", silent.local_addr().unwrap());
    let token = home.at("none").display().to_string();
    let role = ("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/r");
    type Case<'c> = (&'c [(&'c str, &'c str)], &'c [&'c str], &'c str);
    let cases: &[Case<'_>] = &[
        (&[], &["profile \"default\" with", "to do: aws sso login;"], ""),
        (&[("AWS_PROFILE", "lake")], &["aws sso login --profile lake;", "region: us-east-1;"], "SSO token"),
        (
            &[("AWS_EC2_METADATA_DISABLED", "false"), ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &silent)],
            &["profile \"default\" with"],
            "",
        ),
        (&[("AWS_WEB_IDENTITY_TOKEN_FILE", &token), role], &["profile \"default\" with"], "No such file"),
        (
            &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/x")],
            &["profile \"default\" with"],
            "Connection refused",
        ),
    ];
    for (variables, words, cause) in cases {
        let mut command = command();
        command.env("HOME", home.path()).envs(variables.iter().copied()).args(["scan", "s3://trail"]);
        let done = feed(command, b"");
        assert_eq!((done.code, done.stdout.as_str()), (1, ""), "{variables:?}: {}", done.stderr);
        let lines: Vec<&str> = done.stderr.lines().map(str::trim).collect();
        // What was found and cannot be used is not called missing, and its cause stands first.
        let begins = match *cause {
            "" => "roottrail: no AWS credentials found",
            _ => "roottrail: the AWS credentials cannot be used: ",
        };
        assert!(lines[0].starts_with(begins) && lines[0].contains(cause), "{variables:?}: {}", done.stderr);
        assert!(lines[1].starts_with("tried: environment (AWS_ACCESS_KEY_ID); profile"), "{}", done.stderr);
        assert!(lines[2].starts_with("to do: "), "{}", done.stderr);
        let all =
            ["SSO", "web identity", "ECS", "EC2 IMDS", "--profile NAME", "--no-sign-request", "endpoint: "];
        for word in all.iter().chain(*words) {
            assert!(done.stderr.contains(word), "{variables:?}: {word:?} in {}", done.stderr);
        }
        assert_eq!(lines.len(), 4, "{}", done.stderr);
        assert!(done.stderr.len() < 800, "{}", done.stderr);
    }
}

#[test]
fn an_empty_prefix_ends_with_5() {
    let server = Server::start();
    let objects = Objects::default();
    objects.put("AWSLogs/a.json", root(1));
    server.put("trail", Bucket::new(objects));
    let found = scan_bucket(&server, &["s3://trail/AWSLog/"]);
    assert_eq!((found.code, found.objects()), (5, [0, 0, 0]));
}

#[test]
fn public_buckets_need_no_credentials() {
    let server = Server::start();
    let objects = Objects::default();
    objects.put("a.json", root(1));
    let mut bucket = Bucket::new(objects);
    bucket.public = true;
    server.put("trail", bucket);
    let url = server.url();
    let found = scan_with(command(), ["s3://trail", "--no-sign-request", "--endpoint-url", &url], b"");
    assert_eq!((found.code, found.ids()), (0, vec![&*id(1)]));
}

#[test]
fn scope_prunes_keys_before_they_are_fetched() {
    let server = Server::start();
    let objects = Objects::default();
    for region in ["eu-west-1", "us-east-1"] {
        for day in 1..=28 {
            objects.put(&key("CloudTrail", region, day, 1), gzip(records([root(u64::from(day))])));
        }
    }
    objects.put("exports/a.json", root(100));
    server.put("trail", Bucket::new(objects));
    let gets = |args: &[&str]| {
        server.take_asked();
        let found = scan_bucket(&server, &[&["s3://trail"], args].concat());
        assert_eq!(found.code, 0, "{args:?}");
        server.take_asked().iter().filter(|one| one.op == Op::Get).count()
    };
    assert_eq!(gets(&[]), 57);
    assert_eq!(gets(&["--trail-region", "us-east-1"]), 29);
    // The events are all of the 3rd; a day of slack on both sides.
    assert_eq!(gets(&["--start", "2026-02-03", "--end", "2026-02-04"]), 2 * 3 + 1);
    assert_eq!(gets(&["--start", "2026-02-03", "--end", "2026-02-04", "--key-slack", "0"]), 2 + 1);
    assert_eq!(gets(&["--account", "111122223333", "--include-key", "*/eu-west-1/2026/02/0*"]), 9);
    assert_eq!(gets(&["--account", "444455556666"]), 1);
}

#[test]
fn several_sources_of_both_kinds_make_one_run() {
    let server = Server::start();
    let objects = Objects::default();
    objects.put("x/a.json", root(1));
    objects.put("y/a.json", root(2));
    server.put("trail", Bucket::new(objects));
    let folder = Folder::new();
    let path = folder.put("a.json", records([root(3), root(1)]));
    let found = scan_bucket(&server, &["s3://trail/y/", path.to_str().unwrap(), "s3://trail/x/"]);
    assert_eq!((found.code, found.ids(), found.counts()), (0, vec![&*id(2), &id(3), &id(1)], [3, 1, 0]));
}
