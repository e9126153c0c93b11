//! `roottrail verify`: buckets with signed digests, on disk and in S3, sound and attacked.

use crate::support::cli::{Done, Folder, command, lines, roottrail, schemas};
use crate::support::logs::{records, root, user};
use crate::support::s3::{ACCESS_KEY, Bucket, Fault, Objects, Op, SECRET_KEY, Server};
use crate::support::signed::{Files, Trail, gzipped, key_list, put_on_disk, sha256};
use serde_json::Value;
use std::process::Command;

/// A result, checked against its schema.
pub(crate) fn result(done: &Done) -> Value {
    let result: Value = serde_json::from_str(&done.stdout)
        .unwrap_or_else(|error| panic!("{error}: {} {}", done.stdout, done.stderr));
    schemas().check("verify", &result);
    assert_eq!(result["exit_code"], done.code, "{}", done.stderr);
    result
}

/// A bucket: two regions, four hours, with two logs in each hour but one.
pub(crate) fn bucket() -> Files {
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

pub(crate) fn logs(files: &Files) -> Vec<String> {
    files.keys().filter(|key| key.contains("/CloudTrail/")).cloned().collect()
}

pub(crate) fn digests(files: &Files) -> Vec<String> {
    files.keys().filter(|key| key.contains("/CloudTrail-Digest/")).cloned().collect()
}

/// A folder with a bucket and the list of keys.
pub(crate) fn on_disk(files: &Files) -> Folder {
    let folder = Folder::new();
    put_on_disk(files, &folder.at("logs"));
    folder.put("keys.json", key_list());
    folder
}

pub(crate) const END: &str = "2024-05-01T04:00:00Z";

pub(crate) fn verify(folder: &Folder, more: &[&str]) -> Done {
    let (source, keys) = (folder.at("logs"), folder.at("keys.json"));
    let mut args = vec!["verify", source.to_str().unwrap(), "--public-keys", keys.to_str().unwrap()];
    args.extend(["--format", "json", "--end", END]);
    args.extend(more);
    roottrail(args)
}

pub(crate) fn counts(result: &Value, what: &str, names: &[&str]) -> Vec<u64> {
    names.iter().map(|name| result[what][name].as_u64().unwrap()).collect()
}

pub(crate) fn kinds(result: &Value) -> Vec<&str> {
    result["problems"].as_array().unwrap().iter().map(|problem| problem["kind"].as_str().unwrap()).collect()
}

pub(crate) const DIGESTS: [&str; 4] = ["valid", "invalid", "missing", "unverified"];
pub(crate) const LOGS: [&str; 5] = ["valid", "mismatch", "missing", "not_in_digest", "unverified"];

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
    // The result does not depend on the number of threads.
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
    type Attack<'a> = &'a dyn Fn(&mut Files);
    let attacks: [(&str, Attack<'_>); 6] = [
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
    // 70 MiB of blanks are a small file.
    let bomb = gzipped(&vec![b' '; 70 << 20]);
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

pub(crate) fn signed_in(mut command: Command) -> Command {
    command.env("AWS_ACCESS_KEY_ID", ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
    command.env("AWS_REGION", "us-east-1");
    command
}

/// Puts the bucket on a server.
pub(crate) fn in_s3(files: &Files, server: &Server, name: &str) {
    let objects = Objects::default();
    for (key, file) in files {
        objects.put(key, file.bytes.clone());
    }
    let mut bucket = Bucket::new(objects);
    bucket.metadata =
        files.iter().map(|(key, file)| (key.clone(), file.metadata.clone().into_iter().collect())).collect();
    server.put(name, bucket);
}

pub(crate) fn verify_s3(server: &Server, name: &str, more: &[&str]) -> Done {
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

/// A bucket whose logs hold an event of root each.
fn bucket_of_root() -> Files {
    let mut files = Files::new();
    let mut trail = Trail::new();
    for hour in 0..4 {
        trail.hour(&mut files, [records([root(2 * hour)]), records([root(2 * hour + 1), user(100 + hour)])]);
    }
    files
}

/// A scan that verifies; `code`: what it ends with.
fn scan_verified(folder: &Folder, more: &[&str], code: i32) -> (Vec<Value>, Vec<Value>, Value) {
    let (errors, summary) = (folder.at("errors"), folder.at("summary"));
    let mut command = command();
    command.arg("scan").arg(folder.at("logs")).arg("--public-keys").arg(folder.at("keys.json"));
    command.arg("--verify-digests").arg("--errors").arg(&errors).arg("--summary").arg(&summary);
    let done = Done::of(command.arg("--force").args(more).output().unwrap());
    assert_eq!(done.code, code, "{}", done.stderr);
    let findings = lines(&done.stdout);
    let errors = lines(&std::fs::read_to_string(errors).unwrap());
    let summary: Value = serde_json::from_str(&std::fs::read_to_string(summary).unwrap()).unwrap();
    findings.iter().for_each(|finding| schemas().check("finding", finding));
    errors.iter().for_each(|error| schemas().check("error", error));
    schemas().check("summary", &summary);
    (findings, errors, summary)
}

fn integrity(findings: &[Value]) -> Vec<&str> {
    findings.iter().map(|finding| finding["evidence"]["integrity"].as_str().unwrap()).collect()
}

#[test]
fn findings_say_what_their_log_proved_to_be() {
    let sound = bucket_of_root();
    let folder = on_disk(&sound);
    let (findings, errors, summary) = scan_verified(&folder, &[], 0);
    assert_eq!(integrity(&findings), ["verified"; 8]);
    assert_eq!((errors.len(), &summary["integrity"]["logs"]["valid"]), (0, &8.into()));
    let hash = findings[0]["evidence"]["sha256"].as_str().unwrap();
    assert_eq!(hash, sha256(records([root(0)]).as_bytes()), "of the inflated bytes");
    // Nothing else differs from a scan that does not verify.
    let plain = roottrail(["scan".as_ref(), folder.at("logs").as_os_str()]);
    let mut plain = lines(&plain.stdout);
    for (plain, verified) in plain.iter_mut().zip(&findings) {
        assert_eq!(
            (&plain["evidence"]["integrity"], &plain["evidence"]["sha256"]),
            (&"unverified".into(), &Value::Null)
        );
        plain["evidence"]["integrity"] = "verified".into();
        plain["evidence"]["sha256"] = verified["evidence"]["sha256"].clone();
    }
    assert_eq!(plain, findings);

    let names = logs(&sound);
    let mut files = sound.clone();
    // Changed; more behind the member; added; missing; and cut.
    files.get_mut(&names[0]).unwrap().bytes = gzipped(records([root(50)]).as_bytes());
    let more = gzipped(records([root(51)]).as_bytes());
    files.get_mut(&names[1]).unwrap().bytes.extend(more);
    files.insert(
        names[2].replace("_00000000", "_AAAAAAAA"),
        crate::support::signed::File {
            bytes: gzipped(records([root(52)]).as_bytes()),
            metadata: Default::default(),
        },
    );
    files.remove(&names[3]);
    files.get_mut(&names[4]).unwrap().bytes.truncate(40);
    let folder = on_disk(&files);
    let (findings, errors, summary) = scan_verified(&folder, &[], 4);
    let by_id = |n: u64| {
        let id = crate::support::logs::id(n);
        findings.iter().find(|finding| finding["event"]["id"] == id.as_str()).unwrap()
    };
    for (n, integrity) in [
        (50, "mismatch"),
        (1, "mismatch"),
        (51, "mismatch"),
        (52, "not_in_digest"),
        (2, "verified"),
        (5, "verified"),
        (7, "verified"),
    ] {
        let finding = by_id(n);
        assert_eq!(finding["evidence"]["integrity"], integrity, "{n}");
        let rules: Vec<&str> =
            finding["rules"].as_array().unwrap().iter().map(|rule| rule.as_str().unwrap()).collect();
        let tampered = rules.contains(&"log-tampered");
        assert_eq!(tampered, integrity != "verified", "{n}: {rules:?}");
        assert_eq!(finding["severity"], "critical", "{n}");
    }
    let gaps = summary["gaps"].as_array().unwrap();
    assert!(
        gaps.iter().any(|gap| gap["kind"] == "missing_logs" && gap["start"] == "2024-05-01T01:05:00Z"),
        "{gaps:?}"
    );
    let missing = errors.iter().find(|error| error["kind"] == "not_found").unwrap();
    assert!(missing["uri"].as_str().unwrap().ends_with(&names[3]));
    assert_eq!(counts(&summary["integrity"], "logs", &LOGS), [4, 3, 1, 1, 0], "{summary:#}");
    // A filter sees the rule.
    let (findings, ..) = scan_verified(&folder, &["--rule", "log-tampered"], 4);
    assert_eq!(findings.len(), 4);
}

#[test]
fn a_file_that_is_named_is_no_digest_unless_it_is_one() {
    let folder = on_disk(&bucket_of_root());
    let files = bucket_of_root();
    let log = folder.at("logs").join(&logs(&files)[0]);
    let newest = folder.at("logs").join(digests(&files).pop().unwrap());
    let mut command = command();
    command.arg("scan").arg(&log).arg("--verify-digests").arg("--public-keys").arg(folder.at("keys.json"));
    let done = Done::of(command.output().unwrap());
    assert_eq!((done.code, integrity(&lines(&done.stdout))), (0, vec!["unverified"]), "{}", done.stderr);
    let mut command = crate::support::cli::command();
    command.arg("verify").arg(&log).arg(&newest).arg("--public-keys").arg(folder.at("keys.json"));
    command.args(["--format", "json", "--start", "2024-05-01T03:00:00Z", "--end", END]);
    let found = result(&Done::of(command.output().unwrap()));
    assert_eq!(
        (counts(&found, "digests", &DIGESTS)[0], counts(&found, "logs", &LOGS)),
        (1, vec![0, 0, 2, 0, 0])
    );
}

#[test]
fn logs_of_a_time_that_nothing_proves_are_unverified() {
    let mut files = bucket_of_root();
    let newest = digests(&files).pop().unwrap();
    files.remove(&newest);
    let (findings, errors, summary) = scan_verified(&on_disk(&files), &[], 0);
    let unverified = integrity(&findings).iter().filter(|integrity| **integrity == "unverified").count();
    assert_eq!((unverified, errors.len(), &summary["integrity"]["logs"]["unverified"]), (2, 0, &2.into()));
}

/// A CloudTrail that answers ListPublicKeys in two pages, and how often it did.
fn cloudtrail() -> (String, std::sync::Arc<std::sync::Mutex<Vec<String>>>) {
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let noted = asked.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap() == 0 || line == "\r\n" {
                    break;
                }
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                head.push_str(&line.to_ascii_lowercase());
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let body = String::from_utf8(body).unwrap();
            noted.lock().unwrap().push(format!("{head}\n{body}"));
            let answer = if body.contains("NextToken") {
                key_list()
            } else {
                r#"{"PublicKeyList":[{"Value":"AA==","Fingerprint":"other"}],"NextToken":"more"}"#.to_owned()
            };
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", answer.len());
            stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(answer.as_bytes())).unwrap();
        }
    });
    (url, asked)
}

#[test]
fn keys_are_asked_for_once_a_region_and_can_be_saved() {
    let (url, asked) = cloudtrail();
    let folder = on_disk(&bucket());
    let saved = folder.at("saved.json");
    let mut command = signed_in(command());
    command.env("AWS_ENDPOINT_URL_CLOUDTRAIL", &url).arg("verify").arg(folder.at("logs"));
    command.arg("--save-public-keys").arg(&saved).args(["--format", "json", "--end", END]);
    let done = Done::of(command.output().unwrap());
    let found = result(&done);
    assert_eq!((done.code, counts(&found, "logs", &LOGS)[0]), (0, 12), "{} {}", done.stdout, done.stderr);
    let asked = asked.lock().unwrap().clone();
    assert_eq!(asked.len(), 4, "two pages for each of two regions");
    for request in &asked {
        assert!(request.contains("x-amz-target: com.amazonaws.cloudtrail"), "{request}");
        assert!(
            request.contains(
                "/cloudtrail/aws4_request, signedheaders=content-type;host;x-amz-date;x-amz-target"
            )
        );
    }
    assert!(asked[0].contains("/eu-west-1/") && asked[2].contains("/us-east-1/"));
    std::fs::rename(saved, folder.at("keys.json")).unwrap();
    let found = result(&verify(&folder, &[]));
    assert_eq!(found["complete"], true);
    // Nobody to ask, and nothing else to go by.
    let mut command = crate::support::cli::command();
    command.arg("verify").arg(folder.at("logs")).args(["--format", "json", "--end", END]);
    let done = Done::of(command.output().unwrap());
    let found = result(&done);
    assert_eq!((done.code, counts(&found, "digests", &DIGESTS)), (3, vec![0, 0, 0, 8]), "{}", done.stderr);
    assert!(found["problems"][0]["detail"].as_str().unwrap().contains("cannot be had"), "{found:#}");
}
