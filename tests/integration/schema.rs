//! The schemas are schemas, are strict, and describe what is written. Every scan of every other test is
//! validated as well (`support::cli::scan`).

use crate::support::cli::{Folder, SCHEMAS, command, lines, roottrail, scan, schema, schemas};
use crate::support::logs::{gzip, records, root};
use serde_json::{Value, json};

#[test]
fn the_schemas_are_those_of_2020_12() {
    for what in SCHEMAS {
        let schema = schema(what);
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        jsonschema::draft202012::meta::validate(&schema).unwrap();
        let first = if ["manifest", "part"].contains(&what) { &schema["oneOf"][0] } else { &schema };
        let name = if what == "checkpoint" { "format" } else { "schema" };
        let version = if what == "checkpoint" { 2 } else { 1 };
        assert_eq!(first["properties"][name]["const"], format!("roottrail.{what}/{version}"));
        let properties: Vec<&String> = first["properties"].as_object().unwrap().keys().collect();
        assert!(properties.len() > 2);
    }
    assert_eq!(schema("finding"), serde_json::from_str::<Value>(&roottrail(["schema"]).stdout).unwrap());
}

#[test]
fn what_sample_logs_yield_is_valid() {
    let found = scan(["sample-logs"]);
    assert_eq!((found.code, found.findings.len()), (0, 42));
    assert_eq!(found.objects(), [34, 84, 0]);
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
    assert!(schemas().takes("finding", &good));
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
        assert!(!schemas().takes("finding", &spoilt(pointer, value)), "{pointer}");
    }
    for group in
        ["", "/event", "/identity", "/credential", "/mfa", "/mfa/raw", "/source", "/session", "/evidence"]
    {
        let keys: Vec<String> = good.pointer(group).unwrap().as_object().unwrap().keys().cloned().collect();
        for key in keys.iter().filter(|key| *key != "cloudtrail") {
            let mut finding = good.clone();
            finding.pointer_mut(group).unwrap().as_object_mut().unwrap().remove(key);
            assert!(!schemas().takes("finding", &finding), "{group}/{key} may be missing");
        }
        let mut finding = good.clone();
        finding.pointer_mut(group).unwrap()["more"] = json!(1);
        assert!(!schemas().takes("finding", &finding), "{group}/more may be there");
    }
}

/// A durable run with all its files, over copies that conflict, what is broken, and what is no log.
#[test]
fn what_a_durable_run_leaves_is_valid_and_its_schemas_are_strict() {
    let folder = Folder::new();
    let copies = [root(1), root(1).replace("203.0.113.7", "198.51.100.1")];
    folder.put("logs/a.json.gz", &gzip(records(&copies))[..150]);
    folder.put("logs/b.json", format!("{} x", records(&copies)));
    folder.put("logs/c.json", "{}");
    folder.put(
        format!("logs/{}", crate::support::logs::key("CloudTrail", "us-east-1", 3, 1)),
        gzip(records([root(2)])),
    );
    let at = |name: &str| folder.at(name).to_str().unwrap().to_owned();
    let args = [
        "scan",
        "sample-logs",
        &at("logs"),
        "-o",
        &at("out"),
        "--checkpoint",
        &at("state"),
        "--coverage",
        &at("coverage"),
        "--manifest",
        &at("manifest"),
        "--errors",
        &at("errors"),
        "--summary",
        &at("summary"),
    ];
    let done = roottrail(args);
    assert_eq!(done.code, 3, "{}", done.stderr);
    let read = |name: &str| std::fs::read_to_string(folder.at(name)).unwrap();
    let json = |name: &str| -> Value { serde_json::from_str(&read(name)).unwrap() };
    for finding in lines(&read("out")) {
        schemas().check("finding", &finding);
    }
    let manifest = lines(&read("manifest"));
    let mut whole =
        vec![("coverage", json("coverage")), ("checkpoint", json("state")), ("summary", json("summary"))];
    whole.extend(manifest.iter().map(|line| ("manifest", line.clone())));
    let kinds: std::collections::BTreeSet<&str> =
        manifest.iter().map(|line| line["type"].as_str().unwrap()).collect();
    assert_eq!(Vec::from_iter(kinds), ["end", "object", "output", "run"]);
    assert!(
        json("state")["state"]["findings"]["damaged_conflicts"].as_str().is_some_and(|text| !text.is_empty())
    );
    for (what, value) in &whole {
        schemas().check(what, value);
        let mut more = value.clone();
        more["more"] = json!(1);
        assert!(!schemas().takes(what, &more), "{what} takes more");
        for key in value.as_object().unwrap().keys() {
            let mut less = value.clone();
            less.as_object_mut().unwrap().remove(key);
            assert!(!schemas().takes(what, &less), "{what} does without {key}");
        }
    }
    let coverage = json("coverage");
    for (what, value, pointer, bad) in [
        ("coverage", &coverage, "/coverage/0/hours", json!([1, 2])),
        ("coverage", &coverage, "/coverage/0/hours/3", json!(13)),
        ("coverage", &coverage, "/coverage/0/records", json!(-1)),
        ("checkpoint", &json("state"), "/format", json!("roottrail.checkpoint/3")),
        ("checkpoint", &json("state"), "/state/outputs/0/bytes", json!("many")),
        ("checkpoint", &json("state"), "/state/objects/0/closed", json!("%")),
        ("manifest", &manifest[1], "/outcome", json!("maybe")),
        ("manifest", &manifest[1], "/sha256", json!("abc")),
    ] {
        let mut spoilt = value.clone();
        *spoilt.pointer_mut(pointer).unwrap_or_else(|| panic!("{what}{pointer}")) = bad;
        assert!(!schemas().takes(what, &spoilt), "{what}{pointer}");
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
        "addendum",
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
