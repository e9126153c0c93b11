//! The output formats over a handful of synthetic findings: golden files, and what each format promises.
//!
//! `BLESS=1 cargo test --test integration formats` rewrites the golden files; read the difference before
//! committing it, since users and their indexes rely on these bytes.

use std::fs;
use std::path::PathBuf;

use roottrail::finding::Finding;
use roottrail::format::{self, FormatName, FormatOptions};
use serde_json::Value;

pub(crate) fn golden(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests/integration/golden", name].iter().collect()
}

/// The synthetic findings, as `scan` writes them.
pub(crate) fn findings() -> Vec<Finding> {
    let text = fs::read_to_string(golden("findings.ndjson")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub(crate) fn render(name: FormatName, options: &FormatOptions) -> String {
    let format = format::create(name, options);
    let mut out = Vec::new();
    format.header(&mut out);
    for finding in findings() {
        format.write(&finding, &mut out).unwrap();
    }
    String::from_utf8(out).unwrap()
}

fn documents(options: &FormatOptions) -> Vec<Value> {
    render(FormatName::Ecs, options).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub(crate) fn check_golden(name: FormatName, options: &FormatOptions, file: &str) {
    let rendered = render(name, options);
    if std::env::var_os("BLESS").is_some() {
        fs::write(golden(file), &rendered).unwrap();
    }
    let expected = fs::read_to_string(golden(file)).unwrap();
    for (number, (ours, golden)) in rendered.lines().zip(expected.lines()).enumerate() {
        assert_eq!(ours, golden, "line {} of {file}", number + 1);
    }
    assert_eq!(rendered.len(), expected.len(), "{file}");
}

#[test]
fn ndjson_is_the_finding_itself() {
    let expected = fs::read_to_string(golden("findings.ndjson")).unwrap();
    assert_eq!(render(FormatName::Ndjson, &FormatOptions::default()), expected);
}

#[test]
fn findings_in_ecs_are_as_in_the_golden_file() {
    check_golden(FormatName::Ecs, &FormatOptions::default(), "ecs.ndjson");
}

#[test]
fn findings_in_hec_are_as_in_the_golden_file() {
    let options = FormatOptions { hec_index: Some("security".into()), ..FormatOptions::default() };
    check_golden(FormatName::Hec, &options, "hec.ndjson");
}

#[test]
fn findings_in_bulk_are_as_in_the_golden_file() {
    let options = FormatOptions {
        bulk_index: Some("roottrail-findings-v1".parse().unwrap()),
        ..FormatOptions::default()
    };
    check_golden(FormatName::Bulk, &options, "bulk.ndjson");
}

#[test]
fn findings_in_csv_are_as_in_the_golden_file() {
    check_golden(FormatName::Csv, &FormatOptions::default(), "findings.csv");
}

#[test]
fn formats_that_carry_the_record_say_so_and_refuse_findings_without() {
    let mut finding = findings().remove(0);
    finding.cloudtrail = None;
    for name in FormatName::ALL {
        let format = format::create(*name, &FormatOptions::default());
        let mut out = b"before".to_vec();
        let written = format.write(&finding, &mut out);
        assert_eq!(written.is_err(), format.needs_record(), "{name}");
        if written.is_err() {
            assert_eq!(out, b"before", "{name}");
        }
    }
}

/// The queries of Elastic's prebuilt rules, as published in elastic/detection-rules, over ECS documents.
mod prebuilt {
    use serde_json::Value;

    fn at<'v>(doc: &'v Value, path: &str) -> Option<&'v str> {
        path.split('.').try_fold(doc, |value, key| value.get(key))?.as_str()
    }

    fn is(doc: &Value, path: &str, text: &str) -> bool {
        at(doc, path) == Some(text)
    }

    fn action(doc: &Value, provider: &str, action: &str) -> bool {
        is(doc, "data_stream.dataset", "aws.cloudtrail")
            && is(doc, "event.provider", provider)
            && is(doc, "event.action", action)
    }

    fn by_root(doc: &Value) -> bool {
        is(doc, "aws.cloudtrail.user_identity.type", "Root")
    }

    type Rule = (&'static str, fn(&Value) -> bool);

    pub(super) const RULES: &[Rule] = &[
        ("console login by root e2a67480", |doc| {
            action(doc, "signin.amazonaws.com", "ConsoleLogin")
                && by_root(doc)
                && is(doc, "event.outcome", "success")
        }),
        ("brute force of root 4d50a94f", |doc| {
            action(doc, "signin.amazonaws.com", "ConsoleLogin")
                && by_root(doc)
                && is(doc, "event.outcome", "failure")
        }),
        ("root password recovery 69c420e8", |doc| {
            action(doc, "signin.amazonaws.com", "PasswordRecoveryRequested")
                && is(doc, "event.outcome", "success")
        }),
        ("login profile added for root c04be7e0", |doc| {
            action(doc, "iam.amazonaws.com", "CreateLoginProfile")
                && by_root(doc)
                && is(doc, "event.outcome", "success")
                // EQL: `not stringContains(null, …)` is null, so that the field must be there.
                && at(doc, "aws.cloudtrail.request_parameters").is_some_and(|text| !text.contains("userName="))
        }),
        ("AssumeRoot by a rare user 962a71ae", |doc| {
            action(doc, "sts.amazonaws.com", "AssumeRoot")
                && is(doc, "event.outcome", "success")
                // The rule's new terms; without them it is blind.
                && at(doc, "aws.cloudtrail.user_identity.arn").is_some()
                && doc["aws"]["cloudtrail"]["resources"][0]["account_id"].is_string()
        }),
    ];

    pub(super) fn matches(docs: &[Value]) -> Vec<(&'static str, Vec<usize>)> {
        let hits = |rule: fn(&Value) -> bool| (0..docs.len()).filter(|&index| rule(&docs[index])).collect();
        RULES.iter().map(|(name, rule)| (*name, hits(*rule))).collect()
    }
}

#[test]
fn prebuilt_elastic_rules_match_exactly_their_events() {
    let options =
        FormatOptions { ecs_dataset: "aws.cloudtrail".parse().unwrap(), ..FormatOptions::default() };
    let hits: Vec<_> = prebuilt::matches(&documents(&options)).into_iter().map(|(_, hits)| hits).collect();
    assert_eq!(hits, [vec![0, 1], vec![2], vec![4], vec![3], vec![6]]);
}

#[test]
fn prebuilt_elastic_rules_stay_silent_on_our_own_dataset() {
    for (rule, hits) in prebuilt::matches(&documents(&FormatOptions::default())) {
        assert!(hits.is_empty(), "{rule}");
    }
}

#[test]
fn ecs_documents_hold_nothing_that_an_index_refuses() {
    fn walk(value: &Value, path: &str) {
        match value {
            Value::Null => panic!("{path} is null"),
            Value::Object(members) => {
                assert!(!members.is_empty(), "{path} is empty");
                members.iter().for_each(|(key, member)| walk(member, &format!("{path}.{key}")));
            }
            Value::Array(items) => {
                assert!(!items.is_empty(), "{path} is empty");
                items.iter().for_each(|item| walk(item, path));
            }
            Value::String(text) => assert!(!text.is_empty(), "{path} is empty"),
            Value::Bool(_) | Value::Number(_) => {}
        }
    }
    for line in render(FormatName::Ecs, &FormatOptions::default()).lines() {
        let doc: Value = serde_json::from_str(line).unwrap();
        walk(&doc, "");
        assert!(doc["@timestamp"].is_string());
        if let Some(ip) = doc["source"]["ip"].as_str() {
            assert!(ip.parse::<std::net::IpAddr>().is_ok());
        }
        let original = doc["event"]["original"].as_str().unwrap();
        assert!(original.starts_with("{\""));
    }
}

#[test]
fn hec_envelopes_keep_to_splunks_rules() {
    let text = render(FormatName::Hec, &FormatOptions::default());
    assert_eq!(text.lines().count(), 2 * findings().len());
    for (index, line) in text.lines().enumerate() {
        // The record goes out as it stands, with numbers and escapes that serde_json does not take.
        let readable = line.replace("1e400", "1").replace("\\ud800", "");
        let envelope: Value = serde_json::from_str(&readable).unwrap();
        let known = ["time", "host", "source", "sourcetype", "index", "fields", "event"];
        assert!(envelope.as_object().unwrap().keys().all(|key| known.contains(&key.as_str())));
        assert!(envelope["fields"].as_object().unwrap().values().all(Value::is_string));
        if let Some((_, time)) = line.split_once("{\"time\":") {
            let digits = time.split(',').next().unwrap();
            assert!(digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'), "{digits}");
        }
        let sourcetype = if index % 2 == 0 { "aws:cloudtrail" } else { "roottrail:finding" };
        assert_eq!(envelope["sourcetype"], sourcetype);
    }
    let findings = findings();
    let record = findings[0].cloudtrail.as_ref().unwrap().get();
    assert!(text.lines().next().unwrap().contains(record), "the record goes out unchanged");
}

#[test]
fn csv_lines_all_have_the_headers_columns() {
    let text = render(FormatName::Csv, &FormatOptions::default());
    let columns = |line: &str| {
        let mut quoted = false;
        1 + line
            .chars()
            .filter(|&c| {
                quoted ^= c == '"';
                c == ',' && !quoted
            })
            .count()
    };
    let counts: Vec<_> = text.lines().map(columns).collect();
    assert_eq!(counts.len(), 1 + findings().len());
    assert!(counts.iter().all(|&count| count == counts[0]), "{counts:?}");
}

/// Elastic's own fixture is under the Elastic License and so is not part of this project. Where
/// `ROOTTRAIL_ECS_FIXTURES` names a folder that has it, the record mapper must agree with it.
mod elastic_fixture {
    use super::*;
    use roottrail::format::record_document;
    use roottrail::json::minify::minify;

    fn mapped(log: &str) -> Vec<Value> {
        let dataset = "aws.cloudtrail".parse().unwrap();
        log.lines()
            .map(|line| {
                let mut record = String::new();
                minify(line.as_bytes(), &mut record).unwrap();
                serde_json::from_slice(&record_document(&record, &dataset)).unwrap()
            })
            .collect()
    }

    /// Removes what a cluster adds (places, parts of the user agent, arrival) and what a mapping adds to
    /// every document (the data stream's name), and puts Java's unordered text in order.
    fn comparable(mut doc: Value) -> Value {
        doc["source"].as_object_mut().unwrap().retain(|key, _| key != "geo" && key != "as");
        doc["user_agent"].as_object_mut().unwrap().retain(|key, _| key == "original");
        doc["event"].as_object_mut().unwrap().remove("created");
        doc.as_object_mut().unwrap().remove("data_stream");
        for (_, member) in doc["aws"]["cloudtrail"].as_object_mut().unwrap() {
            if let Some(map) = member.as_str().and_then(|text| text.strip_prefix('{')?.strip_suffix('}')) {
                let mut parts: Vec<_> = map.split(", ").map(str::to_owned).collect();
                parts.sort();
                *member = parts.into();
            }
        }
        doc
    }

    #[test]
    fn the_record_mapper_agrees_with_elastics_pipeline() {
        let Some(folder) = std::env::var_os("ROOTTRAIL_ECS_FIXTURES").map(PathBuf::from) else {
            eprintln!("skipped: ROOTTRAIL_ECS_FIXTURES is not set");
            return;
        };
        let log = fs::read_to_string(folder.join("test-console-login-json.log")).unwrap();
        let expected = fs::read(folder.join("test-console-login-json.log-expected.json")).unwrap();
        let expected: Value = serde_json::from_slice(&expected).unwrap();
        let expected = expected["expected"].as_array().unwrap();
        let ours = mapped(&log);
        assert_eq!(ours.len(), expected.len());
        for (ours, theirs) in ours.into_iter().zip(expected) {
            let (ours, theirs) = (comparable(ours), comparable(theirs.clone()));
            let pretty = |doc: &Value| serde_json::to_string_pretty(doc).unwrap();
            assert_eq!(pretty(&ours), pretty(&theirs));
        }
        let root_events = fs::read_to_string(folder.join("synthetic-root-4events.log")).unwrap();
        let hits: Vec<_> =
            prebuilt::matches(&mapped(&root_events)).into_iter().map(|(_, hits)| hits).collect();
        assert_eq!(hits, [vec![0], vec![1], vec![3], vec![2], vec![]]);
    }
}
