//! `roottrail verify`: buckets with signed digests, on disk and in S3, sound and attacked.

use crate::support::cli::{Done, Folder, command, lines, roottrail, schemas};
use crate::support::s3::{ACCESS_KEY, Bucket, Fault, Objects, Op, SECRET_KEY, Server};
use crate::support::signed::{Files, Trail, gzipped, key_list, put_on_disk};
use serde_json::Value;
use std::process::Command;

/// A result, checked against its schema.
fn result(done: &Done) -> Value {
    let result: Value = serde_json::from_str(&done.stdout)
        .unwrap_or_else(|error| panic!("{error}: {} {}", done.stdout, done.stderr));
    schemas().check("verify", &result);
    assert_eq!(result["exit_code"], done.code, "{}", done.stderr);
    result
}

/// A bucket: two regions, four hours, with two logs in each hour but one.
fn bucket() -> Files {
    let mut files = Files::new();
    for region in ["us-east-1", "eu-west-1"] {
        let mut trail = Trail::of("111122223333", region, "trail");
        for hour in 0..4 {
            let logs: &[&str] = if hour == 2 { &[] } else { &["one", "two"] };
            let log = |log: &&str| format!(r#"{{"Records":[{{"eventName":"{region} {hour} {log}"}}]}}"#);
            trail.hour(&mut files, logs.iter().map(log));
        }
    }
    files
}

fn logs(files: &Files) -> Vec<String> {
    files.keys().filter(|key| key.contains("/CloudTrail/")).cloned().collect()
}

fn digests(files: &Files) -> Vec<String> {
    files.keys().filter(|key| key.contains("/CloudTrail-Digest/")).cloned().collect()
}

/// A folder with a bucket and the list of keys.
fn on_disk(files: &Files) -> Folder {
    let folder = Folder::new();
    put_on_disk(files, &folder.at("logs"));
    folder.put("keys.json", key_list());
    folder
}

const END: &str = "2024-05-01T04:00:00Z";

fn verify(folder: &Folder, more: &[&str]) -> Done {
    let (source, keys) = (folder.at("logs"), folder.at("keys.json"));
    let mut args = vec!["verify", source.to_str().unwrap(), "--public-keys", keys.to_str().unwrap()];
    args.extend(["--format", "json", "--end", END]);
    args.extend(more);
    roottrail(args)
}

fn counts(result: &Value, what: &str, names: &[&str]) -> Vec<u64> {
    names.iter().map(|name| result[what][name].as_u64().unwrap()).collect()
}

fn kinds(result: &Value) -> Vec<&str> {
    result["problems"].as_array().unwrap().iter().map(|problem| problem["kind"].as_str().unwrap()).collect()
}

const DIGESTS: [&str; 4] = ["valid", "invalid", "missing", "unverified"];
const LOGS: [&str; 5] = ["valid", "mismatch", "missing", "not_in_digest", "unverified"];

#[test]
fn a_sound_copy_on_disk_is_proven_whole() {
    let folder = on_disk(&bucket());
    let done = verify(&folder, &[]);
    let found = result(&done);
    assert_eq!(done.code, 0, "{} {}", done.stdout, done.stderr);
    assert_eq!(counts(&found, "digests", &DIGESTS), [8, 0, 0, 0]);
    assert_eq!(counts(&found, "logs", &LOGS), [12, 0, 0, 0, 0]);
    assert_eq!((found["complete"].as_bool(), found["problems"].as_array().unwrap().len()), (Some(true), 0));
    let proven = found["proven"].as_array().unwrap();
    assert_eq!(proven.len(), 2);
    assert_eq!(
        (proven[0]["region"].as_str(), proven[0]["start"].as_str(), proven[0]["end"].as_str()),
        (Some("eu-west-1"), Some("2024-05-01T00:00:00Z"), Some(END))
    );
    // The same result, whatever the number of threads.
    let again = result(&verify(&folder, &["--threads", "1"]));
    for name in ["digests", "logs", "problems", "notes", "proven", "unproven"] {
        assert_eq!(found[name], again[name], "{name}");
    }
    // Without a word on the end, what lies behind the last digest is open.
    let (source, keys) = (folder.at("logs"), folder.at("keys.json"));
    let done = roottrail(["verify".as_ref(), source.as_os_str(), "--public-keys".as_ref(), keys.as_os_str()]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(done.stdout.contains("logs       12 valid, 0 changed"), "{}", done.stdout);
    assert!(done.stdout.contains("unproven   111122223333  us-east-1  trail  2024-05-01T04:00:00Z to "));
}

#[test]
fn every_attack_on_logs_ends_with_code_4() {
    let sound = bucket();
    let names = logs(&sound);
    let bytes = sound[&names[0]].bytes.clone();
    let attacks: [(&str, &dyn Fn(&mut Files)); 6] = [
        ("log_mismatch", &|files| files.get_mut(&names[3]).unwrap().bytes = gzipped(b"forged")),
        ("log_mismatch", &|files| files.get_mut(&names[3]).unwrap().bytes.push(0)),
        ("log_mismatch", &|files| {
            let more = gzipped(br#"{"Records":[]}"#);
            files.get_mut(&names[3]).unwrap().bytes.extend(more);
        }),
        ("log_mismatch", &|files| files.get_mut(&names[3]).unwrap().bytes.truncate(30)),
        ("log_missing", &|files| drop(files.remove(&names[3]))),
        ("log_not_in_digest", &|files| {
            let name = names[2].replace("_00000000", "_AAAAAAAA");
            let mut file = files[&names[2]].clone();
            file.bytes.clone_from(&bytes);
            files.insert(name, file);
        }),
    ];
    for (kind, attack) in attacks {
        let mut files = sound.clone();
        attack(&mut files);
        let folder = on_disk(&files);
        let done = verify(&folder, &[]);
        let found = result(&done);
        assert_eq!((done.code, kinds(&found)), (4, vec![kind]), "{} {}", done.stdout, done.stderr);
        assert_eq!(found["complete"], false);
        let uri = found["problems"][0]["uri"].as_str().unwrap();
        assert!(uri.starts_with(folder.at("logs").to_str().unwrap()), "{uri}");
    }
}

#[test]
fn a_copy_without_metadata_leaves_the_newest_digest_open() {
    let mut files = bucket();
    for file in files.values_mut() {
        file.metadata.clear();
    }
    let done = verify(&on_disk(&files), &[]);
    let found = result(&done);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(counts(&found, "digests", &DIGESTS), [6, 0, 0, 2]);
    assert_eq!(
        (counts(&found, "logs", &LOGS), found["complete"].as_bool()),
        (vec![8, 0, 0, 0, 4], Some(false))
    );
    assert_eq!(kinds(&found), ["digest_unverified", "digest_unverified"]);
    // Nor is anything proven without a key, and that is no failure either.
    let folder = on_disk(&bucket());
    let done = roottrail(["verify", "--format", "ndjson", folder.at("logs").to_str().unwrap()]);
    assert_eq!(done.code, 3, "{}", done.stderr);
    assert_eq!(lines(&done.stdout).len(), 8);
}

#[test]
fn hostile_files_are_named_and_stop_nothing() {
    let sound = bucket();
    let names = digests(&sound);
    let mut files = sound.clone();
    files.get_mut(&names[1]).unwrap().bytes = gzipped(b"{{{");
    files.get_mut(&names[5]).unwrap().bytes.truncate(20);
    let folder = on_disk(&files);
    // A gigabyte of blanks is a megabyte of gzip.
    let bomb = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        for _ in 0..70 {
            std::io::Write::write_all(&mut encoder, &vec![b' '; 1 << 20]).unwrap();
        }
        encoder.finish().unwrap()
    };
    folder.put(format!("logs/{}", names[6]), bomb);
    folder.put(format!("logs/{}.head.json", names[3]), "no JSON");
    let done = verify(&folder, &[]);
    let found = result(&done);
    assert_eq!(done.code, 4, "{}", done.stderr);
    let malformed: Vec<&str> = kinds(&found).into_iter().filter(|kind| *kind == "digest_malformed").collect();
    assert_eq!(malformed.len(), 3, "{found:#}");
    assert!(done.stderr.contains(".head.json: read: "), "{}", done.stderr);
    for (text, why) in
        [("{}", "not the output of"), ("", "holds no key"), ("{\"PublicKeyList\":[]}", "holds no key")]
    {
        folder.put("keys.json", text);
        let done = verify(&folder, &[]);
        assert_eq!(done.code, 1, "{}", done.stderr);
        assert!(done.stderr.contains(why) && done.stderr.contains("keys.json"), "{}", done.stderr);
    }
    let empty = Folder::new();
    empty.put("keys.json", key_list());
    std::fs::create_dir(empty.at("logs")).unwrap();
    assert_eq!(verify(&empty, &[]).code, 5);
}

fn signed_in(mut command: Command) -> Command {
    command.env("AWS_ACCESS_KEY_ID", ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
    command.env("AWS_REGION", "us-east-1");
    command
}

/// Puts the bucket on a server.
fn in_s3(files: &Files, server: &Server, name: &str) {
    let objects = Objects::default();
    for (key, file) in files {
        objects.put(key, file.bytes.clone());
    }
    let mut bucket = Bucket::new(objects);
    bucket.metadata =
        files.iter().map(|(key, file)| (key.clone(), file.metadata.clone().into_iter().collect())).collect();
    server.put(name, bucket);
}

fn verify_s3(server: &Server, name: &str, more: &[&str]) -> Done {
    let folder = Folder::new();
    let keys = folder.put("keys.json", key_list());
    let mut command = signed_in(command());
    command.args(["verify", &format!("s3://{name}"), "--endpoint-url", &server.url(), "--force-path-style"]);
    command.arg("--public-keys").arg(keys).args(["--format", "json", "--end", END]).args(more);
    Done::of(command.output().unwrap())
}

#[test]
fn signatures_come_with_the_objects_and_each_is_fetched_once() {
    let server = Server::start();
    in_s3(&bucket(), &server, "logs");
    let done = verify_s3(&server, "logs", &[]);
    let found = result(&done);
    assert_eq!(done.code, 0, "{} {}", done.stdout, done.stderr);
    assert_eq!(counts(&found, "digests", &DIGESTS), [8, 0, 0, 0]);
    assert_eq!(counts(&found, "logs", &LOGS), [12, 0, 0, 0, 0]);
    let asked = server.take_asked();
    assert_eq!(asked.iter().filter(|one| one.op == Op::Get).count(), 20);
    assert_eq!(found["problems"].as_array().unwrap().len(), 0);
    // In another bucket: evidence that was copied.
    in_s3(&bucket(), &server, "copy");
    let found = result(&verify_s3(&server, "copy", &[]));
    assert_eq!((counts(&found, "logs", &LOGS)[0], found["complete"].as_bool()), (12, Some(true)));
    let notes = found["notes"].as_array().unwrap();
    assert_eq!(notes.iter().filter(|note| note["kind"] == "digest_replicated").count(), 8);
}

#[test]
fn what_breaks_on_the_wire_is_fetched_again_and_what_is_denied_is_said() {
    let server = Server::start();
    in_s3(&bucket(), &server, "logs");
    server.faults(|asked| match asked.attempt {
        1 if asked.op == Op::Get && asked.key.contains("us-east-1") => Some(Fault::BitFlip),
        1 if asked.op == Op::Get => Some(Fault::SlowDown),
        _ => None,
    });
    let done = verify_s3(&server, "logs", &[]);
    let found = result(&done);
    assert_eq!((done.code, counts(&found, "logs", &LOGS)[0]), (0, 12), "{} {}", done.stdout, done.stderr);
    server.faults(|_| None);
    let files = bucket();
    let (log, digest) = (logs(&files)[0].clone(), digests(&files)[6].clone());
    server.change("logs", |bucket| bucket.unreadable = vec![log.clone(), digest.clone()]);
    let done = verify_s3(&server, "logs", &[]);
    let found = result(&done);
    assert_eq!(done.code, 3, "{} {}", done.stdout, done.stderr);
    let uris: Vec<&str> =
        found["problems"].as_array().unwrap().iter().map(|one| one["uri"].as_str().unwrap()).collect();
    assert_eq!(kinds(&found), ["digest_unread", "log_unread"]);
    assert_eq!(uris, [format!("s3://logs/{digest}"), format!("s3://logs/{log}")]);
    assert_eq!(counts(&found, "digests", &DIGESTS), [7, 0, 0, 1]);
}
