//! `roottrail verify` where evidence lies in several buckets and versions, and run after run.

use std::process::{Command, Stdio};

use crate::support::cli::{Done, Folder, command, lines, roottrail, signal};
use crate::support::s3::{Bucket, Fault, Objects, Op, Server};
use crate::support::signed::{Files, Signer, Trail, change_digest, gzipped, key_list, text_of};
use crate::support::wait::{ended, until_running};
use crate::verify::{
    DIGESTS, END, LOGS, bucket, counts, digests, in_s3, kinds, logs, on_disk, result, signed_in, verify,
    verify_s3,
};

/// The names of the logs that were fetched since the last time.
fn fetched(server: &Server) -> Vec<String> {
    let gets = server.take_asked().into_iter().filter(|asked| asked.op == Op::Get);
    let mut keys: Vec<String> =
        gets.map(|asked| asked.key).filter(|key| key.contains("/CloudTrail/")).collect();
    keys.sort();
    keys
}

#[test]
fn what_was_verified_is_not_read_again_and_what_was_not_is() {
    let server = Server::start();
    let sound = bucket();
    let names = logs(&sound);
    let mut files = sound.clone();
    files.get_mut(&names[3]).unwrap().bytes = gzipped(b"forged");
    files.remove(&names[7]);
    in_s3(&files, &server, "logs");
    let work = Folder::new();
    let state = work.at("state");
    let state = ["--checkpoint", state.to_str().unwrap()];
    let first = result(&verify_s3(&server, "logs", &state));
    assert_eq!((counts(&first, "logs", &LOGS), &first["known_logs"]), (vec![10, 1, 1, 0, 0], &0.into()));
    assert_eq!(fetched(&server).len(), 11);
    // There is one already.
    let done = verify_s3(&server, "logs", &state);
    assert_eq!(done.code, 2, "{}", done.stderr);
    server.take_asked();
    let again = || {
        let done = verify_s3(&server, "logs", &[&state[..], &["--resume"][..]].concat());
        (result(&done), fetched(&server))
    };
    // The changed one is said again, and so is the missing one.
    let (found, read) = again();
    assert_eq!((read, &found["known_logs"]), (vec![names[3].clone()], &10.into()));
    for name in ["digests", "logs", "problems", "notes", "proven", "unproven", "exit_code"] {
        assert_eq!(first[name], found[name], "{name}");
    }
    // A known log that is overwritten is read again; the others are as they should be now.
    let mut files = sound.clone();
    files.get_mut(&names[0]).unwrap().bytes = gzipped(b"forged later");
    in_s3(&files, &server, "logs");
    let (found, read) = again();
    assert_eq!(read, [names[0].clone(), names[3].clone(), names[7].clone()]);
    assert_eq!((counts(&found, "logs", &LOGS), kinds(&found)), (vec![11, 1, 0, 0, 0], vec!["log_mismatch"]));
    // What no sound digest names any more is not valid for having been so.
    let mut files = sound.clone();
    files.remove(&digests(&files)[0]);
    in_s3(&files, &server, "logs");
    let (found, read) = again();
    assert_eq!(read, [names[0].clone()]);
    assert_eq!(
        (counts(&found, "logs", &LOGS), kinds(&found)),
        (vec![10, 0, 0, 0, 2], vec!["digest_missing"])
    );
    // A scan's checkpoint is none of a verification's.
    let mut command = signed_in(command());
    command.args(["scan", "s3://logs", "--endpoint-url", &server.url(), "--force-path-style", "--resume"]);
    command.args(state).arg("-o").arg(work.at("out"));
    let done = Done::of(command.output().unwrap());
    assert_eq!(
        (done.code, done.stderr.contains("verify (was given, is not given)")),
        (2, true),
        "{}",
        done.stderr
    );
}

#[test]
fn an_interrupted_verification_goes_on_where_it_stopped() {
    let server = Server::start();
    let files = bucket();
    let last = logs(&files).pop().unwrap();
    in_s3(&files, &server, "logs");
    let held = last.clone();
    server.faults(move |asked| (asked.op == Op::Get && asked.key == held).then_some(Fault::Held));
    let work = Folder::new();
    let keys = work.put("keys.json", key_list());
    let run = |more: &[&str]| {
        let mut command: Command = signed_in(command());
        command.args([
            "verify",
            "s3://logs",
            "--endpoint-url",
            &server.url(),
            "--force-path-style",
            "--threads",
            "1",
        ]);
        command.arg("--public-keys").arg(&keys).args(["--format", "json", "--end", END]).args(more);
        command.arg("--checkpoint").arg(work.at("state"));
        command
    };
    let mut child = run(&["--quiet"]).stdout(Stdio::null()).spawn().unwrap();
    until_running(&mut child, "the last log is asked for", || {
        server.asked(Op::Get) >= files.len() && work.at("state").exists()
    });
    signal(&child, "INT");
    assert_eq!(ended(&mut child), Some(130));
    server.faults(|_| None);
    server.take_asked();
    let found = result(&Done::of(run(&["--resume"]).output().unwrap()));
    assert_eq!((counts(&found, "logs", &LOGS), &found["complete"]), (vec![12, 0, 0, 0, 0], &true.into()));
    let read = fetched(&server);
    assert!(read.contains(&last) && read.len() < 12, "{read:?}");
    assert_eq!(found["known_logs"].as_u64().unwrap() as usize + read.len(), 12);
}

/// Digests in one bucket, the logs that they name in another.
fn apart() -> (Files, Files) {
    let mut files = Files::new();
    let mut trail = Trail { log_bucket: "elsewhere".into(), ..Trail::new() };
    trail.hour(&mut files, ["one", "two"]);
    trail.hour(&mut files, ["three"]);
    files.into_iter().partition(|(key, _)| key.contains("CloudTrail-Digest"))
}

#[test]
fn other_buckets_are_read_only_where_that_is_asked_for() {
    let server = Server::start();
    let (digests, logs) = apart();
    in_s3(&digests, &server, "logs");
    in_s3(&logs, &server, "elsewhere");
    let end = ["--end", "2024-05-01T02:00:00Z"];
    let run = |more: &[&str]| {
        let folder = Folder::new();
        let keys = folder.put("keys.json", key_list());
        let mut command = signed_in(command());
        command.args(["verify", "s3://logs", "--endpoint-url", &server.url(), "--force-path-style"]);
        command.arg("--public-keys").arg(keys).args(["--format", "json"]).args(end).args(more);
        result(&Done::of(command.output().unwrap()))
    };
    let found = run(&[]);
    assert_eq!((counts(&found, "logs", &LOGS), fetched(&server).len()), (vec![0, 0, 0, 0, 3], 0));
    assert_eq!(found["other_buckets"], serde_json::json!(["elsewhere"]));
    let found = run(&["--follow-buckets"]);
    assert_eq!(
        (counts(&found, "logs", &LOGS), &found["complete"]),
        (vec![3, 0, 0, 0, 0], &true.into()),
        "{found:#}"
    );
    assert_eq!(fetched(&server).len(), 3);
    // Changed and deleted there.
    let mut attacked = logs.clone();
    let names: Vec<String> = logs.keys().cloned().collect();
    attacked.get_mut(&names[0]).unwrap().bytes = gzipped(b"forged");
    attacked.remove(&names[2]);
    in_s3(&attacked, &server, "elsewhere");
    let found = run(&["--follow-buckets"]);
    assert_eq!(counts(&found, "logs", &LOGS), [1, 1, 1, 0, 0], "{found:#}");
    assert_eq!(found["problems"][1]["uri"], format!("s3://elsewhere/{}", names[2]));
    fetched(&server);
    // A digest that is not CloudTrail's leads nowhere.
    let mut forged = digests.clone();
    for file in forged.values_mut() {
        change_digest(file, Some(&Signer::other()), |_| {});
    }
    in_s3(&forged, &server, "logs");
    let found = run(&["--follow-buckets"]);
    assert_eq!((counts(&found, "digests", &DIGESTS)[1], fetched(&server).len()), (2, 0), "{found:#}");
}

#[test]
fn a_digest_that_s3_holds_in_two_versions_is_said() {
    let server = Server::start();
    let files = bucket();
    let objects = Objects::default();
    let names = digests(&files);
    for (key, file) in &files {
        objects.put(key, file.bytes.clone());
        if *key == names[1] {
            // Compressed otherwise, and the very digest.
            objects.put(key, gzipped(&text_of(file)));
        }
        if *key == names[2] {
            objects.put(key, gzipped(b"{}"));
            objects.put(key, file.bytes.clone());
        }
    }
    let mut versions = Bucket::new(objects);
    versions.metadata =
        files.iter().map(|(key, file)| (key.clone(), file.metadata.clone().into_iter().collect())).collect();
    server.put("logs", versions);
    let found = result(&verify_s3(&server, "logs", &[]));
    assert_eq!((&found["exit_code"], kinds(&found).len()), (&0.into(), 0), "{found:#}");
    let found = result(&verify_s3(&server, "logs", &["--all-versions"]));
    let twice = found["notes"].as_array().unwrap().iter().filter(|note| note["kind"] == "digest_twice");
    assert_eq!((twice.count(), kinds(&found)), (2, vec!["digest_malformed"]), "{found:#}");
    assert_eq!(counts(&found, "logs", &LOGS), [12, 0, 0, 0, 0]);
}

#[test]
fn names_in_digests_lead_nowhere_on_disk() {
    let mut files = Files::new();
    let mut trail = Trail::new();
    let secret = Folder::new();
    let outside = secret.put("outside.json", "{}");
    let named = |key: &str| serde_json::json!({"s3Bucket": "logs", "s3Object": key, "hashValue": "00".repeat(32), "hashAlgorithm": "SHA-256"});
    let climbing =
        ["../../../../etc/passwd", "AWSLogs/../../../x.json.gz", outside.to_str().unwrap(), "", "AWSLogs/"];
    trail.digest(&mut files, climbing.iter().map(|key| named(key)).collect(), |_| {});
    let folder = on_disk(&files);
    let done = verify(&folder, &["--follow-buckets"]);
    let found = result(&done);
    let missing = kinds(&found);
    assert!(missing.len() > 3 && missing.iter().all(|kind| *kind == "log_missing"), "{found:#}");
    assert_eq!(done.code, 4);
    assert_eq!(counts(&found, "digests", &DIGESTS), [1, 0, 0, 0]);
}

/// A digest of so many bytes: whole, but for what it names last.
fn long(bytes: usize) -> Vec<u8> {
    let one = r#"{"s3Bucket":"b","s3Object":"AWSLogs/111122223333/CloudTrail/us-east-1/2024/05/01/111122223333_CloudTrail_us-east-1_20240501T0005Z_NNNNNNNNNNNNNNNN.json.gz","hashValue":"0000000000000000000000000000000000000000000000000000000000000000"}"#;
    let mut text = br#"{"logFiles":["#.to_vec();
    for n in 0.. {
        if text.len() > bytes {
            break;
        }
        text.extend(one.replace("NNNNNNNNNNNNNNNN", &format!("{n:016}")).as_bytes());
        text.push(b',');
    }
    text
}

#[test]
fn a_digest_that_is_too_long_is_refused_by_name_and_the_others_stand() {
    let mut files = bucket();
    let names = digests(&files);
    // Half a million logs, and not compressible to next to nothing.
    files.get_mut(&names[3]).unwrap().bytes = gzipped(&long(100 << 20));
    let done = verify(&on_disk(&files), &[]);
    let found = result(&done);
    assert_eq!((done.code, counts(&found, "digests", &DIGESTS)), (4, vec![7, 1, 0, 0]), "{found:#}");
    let problem = &found["problems"][0];
    assert_eq!(problem["kind"], "digest_malformed");
    assert!(problem["uri"].as_str().unwrap().ends_with(&names[3]), "{problem}");
}

#[test]
fn digests_are_judged_alike_and_in_order_however_many_threads_do_it() {
    let (mut files, mut trail) = (Files::new(), Trail::new());
    // More than are judged together.
    let names: Vec<String> = (0..300).map(|_| trail.hour(&mut files, std::iter::empty::<String>())).collect();
    files.get_mut(&names[10]).unwrap().bytes = gzipped(b"{{{");
    for cut in [200, 280] {
        files.get_mut(&names[cut]).unwrap().bytes.truncate(20);
    }
    let folder = on_disk(&files);
    for threads in ["1", "3"] {
        let (source, keys) = (folder.at("logs"), folder.at("keys.json"));
        let args = ["verify", source.to_str().unwrap(), "--public-keys", keys.to_str().unwrap()];
        let more = ["--format", "json", "--end", "2024-05-13T12:00:00Z", "--threads", threads];
        let found = result(&roottrail([&args[..], &more].concat()));
        assert_eq!(counts(&found, "digests", &DIGESTS), [297, 3, 0, 0], "{found:#}");
        let problems = found["problems"].as_array().unwrap();
        assert_eq!(problems.len(), 3, "{found:#}");
        for (problem, at) in problems.iter().zip([10, 200, 280]) {
            assert!(problem["uri"].as_str().unwrap().ends_with(&names[at]), "{found:#}");
        }
    }
}

#[test]
fn sample_logs_are_whole_until_somebody_changes_one() {
    let keys = ["--public-keys", "sample-logs/signing/public.keys"];
    let scope = [
        "--account",
        "111122223333",
        "--trail-region",
        "us-east-1",
        "--start",
        "2025-11-18",
        "--end",
        "2025-11-19",
    ];
    let run = |folder: &str| {
        let args = [&["verify", folder, "--format", "json"][..], &keys[..], &scope[..]].concat();
        result(&roottrail(args))
    };
    let found = run("sample-logs");
    assert_eq!((&found["exit_code"], &found["complete"]), (&0.into(), &true.into()), "{found:#}");
    assert_eq!(counts(&found, "digests", &DIGESTS), [24, 0, 0, 0]);
    let valid = counts(&found, "logs", &LOGS)[0];
    assert!(valid > 5, "{found:#}");
    let copy = Folder::new();
    let day = "AWSLogs/111122223333/CloudTrail/us-east-1/2025/11/18";
    for place in [day.to_owned(), day.replace("CloudTrail/", "CloudTrail-Digest/")] {
        for entry in std::fs::read_dir(format!("sample-logs/{place}")).unwrap() {
            let entry = entry.unwrap();
            copy.put(
                format!("{place}/{}", entry.file_name().to_str().unwrap()),
                std::fs::read(entry.path()).unwrap(),
            );
        }
    }
    // The newest digest of the day lies in the next day's folder.
    let next = day.replace("CloudTrail/", "CloudTrail-Digest/").replace("/18", "/19");
    for entry in std::fs::read_dir(format!("sample-logs/{next}")).unwrap() {
        let entry = entry.unwrap();
        copy.put(
            format!("{next}/{}", entry.file_name().to_str().unwrap()),
            std::fs::read(entry.path()).unwrap(),
        );
    }
    let mut names: Vec<_> =
        std::fs::read_dir(copy.at(day)).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    std::fs::write(&names[2], gzipped(br#"{"Records":[]}"#)).unwrap();
    let found = run(copy.path().to_str().unwrap());
    assert_eq!((&found["exit_code"], kinds(&found)), (&4.into(), vec!["log_mismatch"]), "{found:#}");
    assert_eq!(counts(&found, "logs", &LOGS)[..2], [valid - 1, 1]);
    // A scan says it of each finding.
    let args = [&["scan", "sample-logs", "--verify-digests"][..], &keys[..], &scope[..]].concat();
    let done = roottrail(args);
    let findings = lines(&done.stdout);
    assert!(findings.len() > 5 && done.code == 0, "{}", done.stderr);
    for finding in
        findings.iter().filter(|finding| finding["time"].as_str().unwrap().starts_with("2025-11-18"))
    {
        assert_eq!(finding["evidence"]["integrity"], "verified", "{finding:#}");
    }
}

#[test]
fn an_end_that_is_not_after_the_start_is_refused() {
    for end in ["2025-11-17", "2025-11-18"] {
        let done = roottrail(["verify", "sample-logs", "--start", "2025-11-18", "--end", end]);
        assert_eq!((done.code, done.stdout.as_str()), (2, ""), "{}", done.stderr);
        assert!(done.stderr.contains("is not after the start (2025-11-18T00:00:00Z)"), "{}", done.stderr);
    }
}
