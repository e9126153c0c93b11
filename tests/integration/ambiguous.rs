//! Records that have a key twice: judged by each reading, and named where the readings differ.

use crate::support::cli::{Folder, Scan, scan};
use crate::support::logs::{event, gzip, id, records, root, user};
use serde_json::Value;

const RULE: &str = "ambiguous-record";
const ROOT: &str = r#"{"type":"Root","principalId":"111122223333","arn":"arn:aws:iam::111122223333:root","accountId":"111122223333"}"#;
const USER: &str =
    r#"{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/alice","accountId":"111122223333"}"#;

fn object(text: impl AsRef<[u8]>) -> Scan {
    let folder = Folder::new();
    folder.put("log.json", text);
    scan([folder.path()])
}

fn is_named(finding: &Value) -> bool {
    finding["rules"].as_array().unwrap().iter().any(|rule| rule == RULE)
}

/// Each of two members may be the one that counts.
#[test]
fn a_root_that_only_some_readers_see_is_found_and_named() {
    let identities = |first: &str, second: &str| {
        event(1, first).replacen("\"eventTime\"", &format!("\"userIdentity\":{second},\"eventTime\""), 1)
    };
    let within = |members: &str| event(1, &format!("{{{members},\"accountId\":\"111122223333\"}}"));
    let arn = r#""arn":"arn:aws:iam::111122223333:root""#;
    let other = r#""arn":"arn:aws:iam::111122223333:user/a""#;
    for (name, text) in [
        ("the last is root", records([identities(USER, ROOT)])),
        ("the first is root", records([identities(ROOT, USER)])),
        ("one is null", records([identities(ROOT, "null")])),
        ("one is empty", records([identities(ROOT, "{}")])),
        ("the type", records([within(r#""type":"Root","type":"IAMUser""#)])),
        ("the type, escaped", records([within(r#""type":"IAMUser","t\u0079pe":"Root""#)])),
        ("the ARN", records([within(&format!(r#""type":"Unknown",{arn},{other}"#))])),
        ("the ARN, one of three", records([within(&format!(r#""type":"Unknown",{other},{arn},{other}"#))])),
        ("the event's id", records([root(1).replacen("\"eventID\"", "\"eventID\":\"e-2\",\"eventID\"", 1)])),
        (
            "which event it was",
            records([root(1).replacen("\"eventName\"", "\"eventName\":\"StopLogging\",\"eventName\"", 1)]),
        ),
    ] {
        let found = object(&text);
        assert_eq!((found.code, found.findings.len()), (0, 1), "{name}: {} {:?}", found.stderr, found.errors);
        assert!(is_named(&found.findings[0]), "{name}: {}", found.findings[0]);
        let severity = found.findings[0]["severity"].as_str().unwrap();
        assert!(["high", "critical"].contains(&severity), "{name}: {severity}");
    }
}

/// What is there twice and makes no difference is no sign of anything.
#[test]
fn a_key_that_makes_no_difference_is_not_named() {
    for text in [
        root(1).replacen("\"eventName\"", "\"eventName\":\"ListUsers\",\"eventName\"", 1),
        root(1).replacen("\"requestParameters\":null", r#""requestParameters":{"a":{"b":1,"b":2}}"#, 1),
    ] {
        let found = object(records([text]));
        assert_eq!((found.code, found.findings.len()), (0, 1));
        assert!(!is_named(&found.findings[0]), "{}", found.findings[0]);
    }
    let harmless = user(1).replacen("\"eventName\"", "\"eventName\":\"GetUser\",\"eventName\"", 1);
    // The record is looked at, for it says root somewhere.
    let harmless = harmless.replacen("\"requestParameters\":null", r#""requestParameters":{"n":"root"}"#, 1);
    assert_eq!(object(records([harmless])).findings.len(), 0);
}

/// More readings than can be tried: root in the first ones is found, and otherwise nothing passes in silence.
#[test]
fn readings_without_end_are_bounded() {
    let doubled: String = (0..40).map(|n| format!("\"k{n}\":1,\"k{n}\":2,")).collect();
    let with = |event: String| gzip(records([event.replacen('{', &format!("{{{doubled}"), 1)]));
    let root_first = root(1).replacen("\"eventTime\"", &format!("\"userIdentity\":{USER},\"eventTime\""), 1);
    let found = object(with(root_first));
    assert_eq!(found.findings.len(), 1, "{:?}", found.errors);
    assert!(is_named(&found.findings[0]));
    let hidden = user(1).replacen("\"requestParameters\":null", r#""requestParameters":{"n":"root"}"#, 1);
    let unsure = object(with(hidden));
    assert_eq!((unsure.code, unsure.kinds()), (3, vec!["malformed_record"]), "{:?}", unsure.findings);
}

/// An ambiguous record is another one than the record that says only one of the two.
#[test]
fn a_clean_copy_differs_from_an_ambiguous_one() {
    let both = root(1).replacen("\"eventTime\"", &format!("\"userIdentity\":{USER},\"eventTime\""), 1);
    let found = object(records([both.clone(), root(1), both]));
    assert_eq!(found.counts(), [2, 1, 0], "{:?}", found.findings);
}

/// A container that holds two events under one key: neither of them is passed over.
#[test]
fn each_of_two_events_under_one_key_is_read() {
    let envelope =
        |first: &str, second: &str| format!(r#"{{"source":"aws.iam","detail":{first},"detail":{second}}}"#);
    let lookup = |first: &str, second: &str| {
        let quoted = |text: &str| Value::from(text).to_string();
        let (first, second) = (quoted(first), quoted(second));
        format!(r#"{{"Events":[{{"CloudTrailEvent":{first},"CloudTrailEvent":{second}}}]}}"#)
    };
    for (name, text) in [
        ("detail", envelope(&root(1), &user(1))),
        ("detail, the other way", envelope(&user(1), &root(1))),
        ("detail, then nothing", envelope(&root(1), "{}")),
        ("detail, then no object", envelope(&root(1), "7")),
        ("CloudTrailEvent", lookup(&root(1), &user(1))),
        ("CloudTrailEvent, the other way", lookup(&user(1), &root(1))),
    ] {
        let found = object(&text);
        assert_eq!(found.ids(), [&*id(1)], "{name}: {} {:?}", found.stderr, found.errors);
        assert!(is_named(&found.findings[0]), "{name}: {}", found.findings[0]);
    }
    for (name, text) in [
        ("detail, twice the same", envelope(&root(1), &root(1))),
        ("CloudTrailEvent, twice the same", lookup(&root(1), &root(1))),
        ("detail in one place", format!(r#"{{"source":"aws.iam","source":"aws.ec2","detail":{}}}"#, root(1))),
    ] {
        let found = object(&text);
        assert_eq!((found.code, found.ids()), (0, vec![&*id(1)]), "{name}: {:?}", found.errors);
        assert!(!is_named(&found.findings[0]), "{name}");
    }
}

/// Some readers see one `Records`, some the other.
#[test]
fn each_of_two_records_is_read() {
    let two = |first: &str, second: &str| format!(r#"{{"Records":[{first}],"Records":[{second}]}}"#);
    let found = object(two(&user(2), &root(1)));
    assert_eq!(found.ids(), [&*id(1)], "{} {:?}", found.stderr, found.errors);
    assert!(is_named(&found.findings[0]));
    assert_eq!(object(two(&root(1), &user(2))).ids(), [&*id(1)]);
    // The next document is none of it.
    let found = object(format!("{}\n{}", two(&user(2), &user(3)), records([root(1)])));
    assert!(!is_named(&found.findings[0]));
}

/// A copy in a log of its own is no proof that nobody hides the other one.
#[test]
fn an_event_beside_another_is_not_the_copy_of_a_clean_one() {
    let both = format!(r#"{{"source":"aws.iam","detail":{},"detail":{}}}"#, root(1), user(1));
    let found = object(format!("{}\n{both}", records([root(1)])));
    assert_eq!(found.counts(), [2, 0, 0], "{:?}", found.findings);
    assert!(is_named(&found.findings[1]));
}
