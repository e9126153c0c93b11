//! What a run proves: the coverage ledger, its gaps, and the evidence manifest.

use std::fs;
use std::process::Command;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::world::{ACCOUNT, World, event, key, log, run, signal, trail};
use crate::support::cli::schemas;
use crate::support::wait::ended;

fn json(world: &World, name: &str) -> Value {
    serde_json::from_str(&world.read(name)).unwrap()
}

fn sum(rows: &Value, field: &str) -> u64 {
    rows.as_array().unwrap().iter().map(|row| row[field].as_u64().unwrap()).sum()
}

fn sha256(path: &std::path::Path) -> String {
    Sha256::digest(fs::read(path).unwrap()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_ledger_adds_up() {
    for world in [World::disk(&trail(150)), World::s3(&trail(150))] {
        let arguments = ["-o", "out", "--summary", "summary", "--coverage", "coverage"];
        assert_eq!(run(&mut world.scan(&arguments)).0, 3);
        let summary = json(&world, "summary");
        let rows = &summary["coverage"];
        for (field, total) in [
            ("listed", &summary["objects"]["listed"]),
            ("read", &summary["objects"]["scanned"]),
            ("failed", &summary["objects"]["failed"]),
            ("skipped", &summary["objects"]["skipped"]),
            ("records", &summary["records"]["scanned"]),
            ("findings", &summary["findings"]["written"]),
            ("bytes", &summary["bytes"]["compressed"]),
        ] {
            assert_eq!(sum(rows, field), total.as_u64().unwrap(), "{field}: {summary}");
        }
        let coverage = json(&world, "coverage");
        assert_eq!(coverage["schema"], "roottrail.coverage/1");
        let hours = coverage["coverage"][1]["hours"].as_array().unwrap();
        assert_eq!(hours.len(), 24);
        assert!(hours.iter().any(|hour| hour.as_u64() > Some(0)));
        schemas().check("summary", &summary);
        schemas().check("coverage", &coverage);
    }
}

#[test]
fn silence_after_stop_logging_is_said() {
    let minute = |n: u32| key("us-east-1", 1, &format!("{:02}{:02}Z_m", n / 60, n % 60));
    let mut trail: Vec<_> = (0..288_u32)
        .filter(|n| !(158..188).contains(n))
        .map(|n| (minute(5 * n), log(&[event(n.into(), false, "")])))
        .collect();
    let stop = event(900, true, "")
        .replace("ListUsers", "StopLogging")
        .replace("iam.amazonaws.com", "cloudtrail.amazonaws.com")
        .replace("2026-02-05T04:05:06Z", "2026-02-01T13:05:06Z");
    trail[157].1 = log(&[stop]);
    let world = World::disk(&trail);
    let (code, stderr) = run(&mut world.scan(&["-o", "out", "--summary", "summary"]));
    assert_eq!(code, 0, "{stderr}");
    let said = format!(
        "GAP: {ACCOUNT} us-east-1: StopLogging at 2026-02-01T13:05:06Z, then no logs from \
         2026-02-01T13:10:00Z to 2026-02-01T15:40:00Z"
    );
    // However the line is folded.
    assert!(stderr.replace("\n     ", " ").contains(&said), "{stderr}");
    let gaps = json(&world, "summary")["gaps"].clone();
    assert_eq!(gaps[0]["kind"], "stopped");
    assert_eq!(gaps.as_array().unwrap().len(), 1, "{gaps}");
}

#[test]
fn the_manifest_lets_others_compare() {
    let world = World::s3(&trail(120));
    let arguments = |name| {
        let [out, manifest, summary] =
            [format!("{name}-out"), format!("{name}-manifest"), format!("{name}-sum")];
        ["-o".to_owned(), out, "--manifest".into(), manifest, "--summary".into(), summary]
    };
    let whole = arguments("whole");
    let whole: Vec<&str> = whole.iter().map(String::as_str).collect();
    assert_eq!(run(&mut world.scan(&whole)).0, 3);
    let lines = |name: &str| -> Vec<Value> {
        world.read(name).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let manifest = lines("whole-manifest");
    assert_eq!(
        (&manifest[0]["type"], &manifest[0]["schema"]),
        (&"run".into(), &"roottrail.manifest/1".into())
    );
    assert_eq!(manifest.last().unwrap()["type"], "end");
    manifest.iter().for_each(|line| schemas().check("manifest", line));
    let objects: Vec<&Value> = manifest.iter().filter(|line| line["type"] == "object").collect();
    assert_eq!(objects.len(), 120);
    let bodies = trail(120);
    for object in &objects {
        let uri = object["uri"].as_str().unwrap();
        let (_, body) = bodies.iter().find(|(key, _)| uri.ends_with(key)).unwrap();
        let hash: String = Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(object["sha256"], hash, "{uri}");
    }
    let output = manifest.iter().find(|line| line["option"] == "--output").unwrap();
    assert_eq!(output["sha256"], sha256(&world.path("whole-out")));
    assert_eq!(output["lines"].as_u64().unwrap(), world.read("whole-out").lines().count() as u64);
    let finding: Value = serde_json::from_str(world.read("whole-out").lines().next().unwrap()).unwrap();
    let evidence = objects.iter().find(|object| object["uri"] == finding["evidence"]["uri"]).unwrap();
    assert_eq!(finding["evidence"]["sha256"], evidence["sha256"]);

    // Stopped and resumed it says the same of every object and output.
    let parts = arguments("parts");
    let mut parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    parts.extend(["--checkpoint", "state", "--resume"]);
    world.let_pass(70);
    let mut child = world.scan(&parts).spawn().unwrap();
    world.wait_for_save(&mut child);
    signal(&child, "INT");
    assert_eq!(ended(&mut child), Some(130));
    assert!(lines("parts-manifest").iter().all(|line| line["type"] != "end"));
    world.let_all_pass();
    assert_eq!(run(&mut world.scan(&parts)).0, 3);
    let again = lines("parts-manifest");
    let of = |lines: &[Value]| -> Vec<Value> {
        lines.iter().filter(|line| line["type"] == "object").cloned().collect()
    };
    assert_eq!(of(&again), of(&manifest));
    assert_eq!(world.read("parts-out"), world.read("whole-out"));
    assert_eq!(again.iter().filter(|line| line["type"] == "run").count(), 1);
}

#[test]
fn the_manifest_names_who_reads() {
    // An STS that knows one answer.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _request = stream.read(&mut [0; 8192]).unwrap();
            let xml = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
                <GetCallerIdentityResult><Arn>arn:aws:iam::111122223333:user/responder</Arn>\
                <UserId>AIDAEXAMPLE</UserId><Account>111122223333</Account></GetCallerIdentityResult>\
                </GetCallerIdentityResponse>";
            let length = xml.len();
            write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-type: text/xml\r\ncontent-length: {length}\r\n\r\n{xml}"
            )
            .unwrap();
        }
    });
    let world = World::s3(&trail(2));
    let mut command: Command = world.scan(&["-o", "out", "--manifest", "manifest"]);
    let (code, stderr) = run(command.env("AWS_ENDPOINT_URL_STS", url));
    assert_eq!(code, 0, "{stderr}");
    let head: Value = serde_json::from_str(world.read("manifest").lines().next().unwrap()).unwrap();
    schemas().check("manifest", &head);
    assert_eq!(head["identity"]["arn"], "arn:aws:iam::111122223333:user/responder", "{head}");
}
