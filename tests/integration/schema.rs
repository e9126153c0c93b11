//! The schemas are schemas, are strict, and describe what is written. Every scan of every other test is
//! validated as well (`support::cli::scan`).

use crate::support::cli::{Folder, command, roottrail, scan, schema, schemas};
use crate::support::logs::{gzip, records, root};
use serde_json::{Value, json};

#[test]
fn the_schemas_are_those_of_2020_12() {
    for what in ["finding", "error", "summary"] {
        let schema = schema(what);
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        jsonschema::draft202012::meta::validate(&schema).unwrap();
        assert_eq!(schema["properties"]["schema"]["const"], format!("roottrail.{what}/1"));
        let properties: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
        assert!(properties.len() > 5);
    }
    assert_eq!(schema("finding"), serde_json::from_str::<Value>(&roottrail(["schema"]).stdout).unwrap());
}

#[test]
fn what_sample_logs_yield_is_valid() {
    let found = scan(["sample-logs"]);
    assert_eq!((found.code, found.findings.len()), (0, 42));
    assert_eq!(found.objects(), [3, 84, 0]);
    assert_eq!(found.records(), [421, 43, 0]);
    let bare = scan(["sample-logs", "--no-raw"]);
    assert_eq!(bare.findings.len(), 42);
    for (with, without) in found.findings.iter().zip(&bare.findings) {
        let mut with = with.clone();
        assert!(with.as_object_mut().unwrap().remove("cloudtrail").is_some());
        assert_eq!(&with, without);
    }
}

#[test]
fn the_schema_of_findings_is_strict() {
    let good = scan(["sample-logs"]).findings.remove(0);
    assert!(schemas().takes_finding(&good));
    let spoilt = |pointer: &str, value: Value| {
        let mut finding = good.clone();
        *finding.pointer_mut(pointer).unwrap() = value;
        finding
    };
    for (pointer, value) in [
        ("/schema", json!("roottrail.finding/2")),
        ("/id", json!("XYZ")),
        ("/severity", json!("urgent")),
        ("/attempt", json!("no")),
        ("/rules", json!([])),
        ("/outcome", json!("maybe")),
        ("/identity/kind", json!("root")),
        ("/credential/type", json!("password")),
        ("/credential/basis", json!("guess")),
        ("/mfa/status", json!("yes")),
        ("/mfa/evidence", json!("somewhere")),
        ("/mfa/device", json!("phone")),
        ("/evidence/record_index", json!(-1)),
        ("/evidence/integrity", json!("fine")),
        ("/cloudtrail", json!("text")),
    ] {
        assert!(!schemas().takes_finding(&spoilt(pointer, value)), "{pointer}");
    }
    for group in
        ["", "/event", "/identity", "/credential", "/mfa", "/mfa/raw", "/source", "/session", "/evidence"]
    {
        let keys: Vec<String> = good.pointer(group).unwrap().as_object().unwrap().keys().cloned().collect();
        for key in keys.iter().filter(|key| *key != "cloudtrail") {
            let mut finding = good.clone();
            finding.pointer_mut(group).unwrap().as_object_mut().unwrap().remove(key);
            assert!(!schemas().takes_finding(&finding), "{group}/{key} may be missing");
        }
        let mut finding = good.clone();
        finding.pointer_mut(group).unwrap()["more"] = json!(1);
        assert!(!schemas().takes_finding(&finding), "{group}/more may be there");
    }
}

/// The order of keys is part of the interface: people cut lines with simpler tools than jq.
#[test]
fn the_keys_of_a_finding_stand_in_their_order() {
    let folder = Folder::new();
    folder.put("a.json", records([root(1)]));
    let text = scan([folder.path()]).text;
    let mut at = 0;
    for key in [
        "schema",
        "id",
        "time",
        "account_id",
        "recipient_account_id",
        "region",
        "severity",
        "attempt",
        "rules",
        "attack",
        "event",
        "id",
        "name",
        "source",
        "type",
        "category",
        "version",
        "read_only",
        "request_id",
        "shared_event_id",
        "outcome",
        "error_code",
        "error_message",
        "identity",
        "kind",
        "type",
        "arn",
        "principal_id",
        "user_name",
        "invoked_by",
        "issuer_arn",
        "credential",
        "type",
        "basis",
        "access_key_id",
        "session_created",
        "mfa",
        "status",
        "evidence",
        "device",
        "conflict",
        "raw",
        "MFAUsed",
        "MFAIdentifier",
        "mfaAuthenticated",
        "source",
        "address",
        "ip",
        "user_agent",
        "vpc_endpoint",
        "tls_version",
        "session",
        "id",
        "evidence",
        "uri",
        "etag",
        "version_id",
        "sha256",
        "record_index",
        "integrity",
        "damaged",
        "conflict_with",
        "cloudtrail",
    ] {
        let key = format!("\"{key}\":");
        let found = text[at..].find(&key).unwrap_or_else(|| panic!("{key} behind {}", &text[..at]));
        // Nothing but a value may stand between this key and the one before.
        assert!(!text[at..at + found].contains("\":"), "{key} behind {:?}", &text[at..at + found]);
        at += found + key.len();
    }
}

#[test]
fn the_summary_tells_what_was_covered() {
    let folder = Folder::new();
    let place = |region: &str, day| crate::support::logs::key("CloudTrail", region, day, 1);
    folder.put(place("us-east-1", 3), gzip(records([root(1), root(61), root(2)])));
    folder.put(place("eu-west-1", 4), gzip(records::<&str>([])));
    folder.put(place("eu-west-1", 5), "broken");
    folder.put("other.json", root(5));
    let found = scan([folder.path()]);
    assert_eq!(found.code, 3);
    let rows = found.summary["coverage"].as_array().unwrap();
    let told: Vec<String> = rows
        .iter()
        .map(|row| {
            let names =
                ["account_id", "region", "day", "objects", "records", "first_event_time", "last_event_time"];
            names.map(|name| row[name].to_string().replace('"', "")).join(" ")
        })
        .collect();
    assert_eq!(
        told,
        [
            "null null null 1 1 2026-02-03T04:00:05Z 2026-02-03T04:00:05Z",
            "111122223333 eu-west-1 2026-02-04 1 0 null null",
            "111122223333 eu-west-1 2026-02-05 1 0 null null",
            "111122223333 us-east-1 2026-02-03 1 3 2026-02-03T04:00:01Z 2026-02-03T04:01:01Z",
        ]
    );
    assert_eq!(found.summary["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(found.summary["arguments"].as_array().unwrap()[..2], [json!("scan"), json!(folder.path())]);
    let bytes = |name: &str| found.summary["bytes"][name].as_u64().unwrap();
    let sizes = |dir: &std::path::Path| -> u64 {
        walkdir::WalkDir::new(dir)
            .into_iter()
            .map(|entry| entry.unwrap().metadata().unwrap())
            .filter(std::fs::Metadata::is_file)
            .map(|metadata| metadata.len())
            .sum()
    };
    assert_eq!(bytes("compressed"), sizes(folder.path()));
    assert_eq!(
        bytes("uncompressed") as usize,
        records([root(1), root(61), root(2)]).len()
            + records::<&str>([]).len()
            + "broken".len()
            + root(5).len()
    );
    assert!(found.summary["latency_ms"]["scan"]["p50"].is_number());
    assert!(found.summary["latency_ms"]["get"]["p50"].is_null());
}

#[test]
fn the_man_page_and_completions_are_printed() {
    let page = roottrail(["man"]);
    assert_eq!(page.code, 0);
    assert!(
        page.stdout.contains("max\\-object\\-size") && page.stdout.starts_with(".ie"),
        "{}",
        &page.stdout[..200]
    );
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = roottrail(["completions", shell]);
        assert!(script.code == 0 && script.stdout.contains("max-object-size"), "{shell}");
    }
    assert_eq!(command().arg("completions").arg("cmd").output().unwrap().status.code(), Some(2));
}
