//! `roottrail plan` through the binary.

use crate::support::s3::{ACCESS_KEY, Bucket, Objects, Op, SECRET_KEY, Server};
use serde_json::Value;
use std::process::{Command, Output};

const REGION: &str = "AWSLogs/111122223333/CloudTrail/us-east-1";

fn plan(server: &Server, arguments: &[&str]) -> Output {
    let kept = std::env::vars().filter(|(name, _)| !name.starts_with("AWS_"));
    Command::new(env!("CARGO_BIN_EXE_roottrail"))
        .arg("plan")
        .args(arguments)
        .env_clear()
        .envs(kept)
        .env("HOME", "/nonexistent")
        .env("AWS_ENDPOINT_URL_S3", server.url())
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        .output()
        .unwrap()
}

fn server() -> Server {
    let objects = Objects::default();
    let event = r#"{"Records":[{"eventVersion":"1.08","eventName":"ListBuckets"}]}"#;
    for day in 1..=5 {
        for n in 0..10 {
            objects.put(&format!("{REGION}/2024/05/{day:02}/{n}.json"), event);
        }
    }
    objects.put("AWSLogs/111122223333/CloudTrail-Digest/us-east-1/2024/05/01/d.json.gz", "d");
    let server = Server::start();
    server.put("trail", Bucket::new(objects));
    server
}

#[test]
fn a_plan_reads_nothing() {
    let server = server();
    let output = plan(&server, &["s3://trail", "--format", "json", "--start", "2024-05-03"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    // The slack of a day goes with it.
    assert_eq!(json["readable"]["objects"], 40);
    assert_eq!(json["accounts"][0]["first_day"], "2024-05-02");
    assert_eq!(json["days"].as_array().unwrap().len(), 4);
    assert_eq!(json["requests"]["get"], 40);
    let asked = server.take_asked();
    assert!(asked.iter().all(|asked| asked.op == Op::List));
    assert_eq!(json["requests"]["list"], asked.len());
}

#[test]
fn a_sample_is_read_and_scaled_up() {
    let server = server();
    let output = plan(&server, &["s3://trail", "--format", "json", "--sample", "10"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["sample"]["objects"], 10);
    assert_eq!(json["estimate"]["records"], 50);
    assert_eq!(json["skipped"]["digest"]["objects"], 1);
    assert_eq!(server.take_asked().iter().filter(|asked| asked.op == Op::Get).count(), 10);
    let table = plan(&server, &["s3://trail", "--sample", "1"]);
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(table.contains("111122223333  us-east-1"), "{table}");
    assert!(table.contains("by a sample of 1 object)"), "{table}");
}

#[test]
fn archives_and_denials_are_foreseen() {
    let objects = Objects::default();
    objects.put(&format!("{REGION}/2024/05/01/a.json"), "{}");
    objects.put_class(&format!("{REGION}/2024/05/01/b.json"), "{}", Some("DEEP_ARCHIVE"), false);
    let server = Server::start();
    server.put("trail", Bucket { exactly_listable: Some("logs/".into()), ..Bucket::new(Objects::default()) });
    server.put("cold", Bucket::new(objects));
    let output = plan(&server, &["s3://cold", "s3://trail", "--format", "json"]);
    assert_eq!(output.status.code(), Some(3));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["archived"]["objects"], 1);
    assert_eq!(json["failures"][0]["uri"], "s3://trail");
    assert_eq!(json["failures"][0]["kind"], "access_denied");
    assert!(String::from_utf8_lossy(&output.stderr).contains("s3://trail: list: AccessDenied"));
}

#[test]
fn a_forged_key_does_not_act_on_the_terminal() {
    let objects = Objects::default();
    objects.put("AWSLogs/111122223333/CloudTrail/us\u{1b}[2J\u{202e}-east-1/2024/05/01/a.json", "{}");
    let server = Server::start();
    server.put("trail", Bucket::new(objects));
    let output = plan(&server, &["s3://trail"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("us\\u{1b}[2J\\u{"), "{text:?}");
    assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text:?}");
}
