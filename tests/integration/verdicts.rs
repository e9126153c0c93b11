//! Labelled events (`tests/corpus`, and where `ROOTTRAIL_WILD` names a file those as well) through the real program,
//! and properties that hold for each of them.

use crate::support::cli::{Folder, scan};
use crate::support::logs::records;
use serde_json::{Value, json};
use std::collections::HashSet;

pub(crate) struct Row {
    pub(crate) id: String,
    expect: Value,
    pub(crate) event: Value,
}

/// Every labelled event.
pub(crate) fn corpus() -> Vec<Row> {
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/verdicts.jsonl");
    let wild = std::env::var("ROOTTRAIL_WILD").ok();
    let mut rows = Vec::new();
    for path in std::iter::once(own).chain(wild.as_deref()) {
        for line in std::fs::read_to_string(path).unwrap().lines().filter(|line| !line.trim().is_empty()) {
            let mut row: Value = serde_json::from_str(line).unwrap();
            rows.push(Row {
                id: row["id"].as_str().unwrap().to_owned(),
                expect: row["expect"].take(),
                event: row["event"].take(),
            });
        }
    }
    rows
}

/// What one scan finds of events, each at its place.
fn found(events: &[Value], options: &[String]) -> Vec<Option<Value>> {
    let folder = Folder::new();
    folder.put("events.json", records(events.iter().map(Value::to_string)));
    let mut args = options.to_vec();
    args.push(folder.path().to_str().unwrap().to_owned());
    let mut by_place = vec![None; events.len()];
    for finding in scan(args).findings {
        let place = finding["evidence"]["record_index"].as_u64().unwrap() as usize;
        by_place[place] = Some(finding);
    }
    by_place
}

fn rank(severity: &Value) -> usize {
    ["low", "medium", "high", "critical"].iter().position(|name| severity == name).unwrap()
}

/// What is wrong with a finding.
fn wrong(expect: &Value, finding: Option<&Value>) -> Vec<String> {
    let Some(finding) = finding else {
        let expected = expect["identity"] == "not_root";
        return if expected { Vec::new() } else { vec!["there is no finding".to_owned()] };
    };
    let held = finding["rules"].as_array().unwrap();
    let mut wrong = Vec::new();
    let mut must = |holds: bool, what: String| {
        if !holds {
            wrong.push(what);
        }
    };
    for (key, value) in expect.as_object().unwrap() {
        let is = |pointer: &str| finding.pointer(pointer).unwrap() == value;
        let names = || value.as_array().unwrap().iter();
        let holds = match key.as_str() {
            "identity" => is("/identity/kind"),
            "credential" => is("/credential/type"),
            "mfa" => is("/mfa/status"),
            "mfa_evidence" => is("/mfa/evidence"),
            "device" => is("/mfa/device"),
            "outcome" => is("/outcome"),
            "addendum" => is("/event/addendum"),
            "conflict" => finding["evidence"]["conflict_with"].is_null() != *value,
            "rules" => names().all(|id| held.contains(id)),
            "not_rules" => names().all(|id| !held.contains(id)),
            "min" => rank(&finding["severity"]) >= rank(value),
            "max" => rank(&finding["severity"]) <= rank(value),
            "a_rule_besides_root_activity" => held.iter().any(|id| id != "root-activity") == *value,
            "trusted_ip" | "group" => true,
            _ => panic!("nobody checks {key}"),
        };
        must(holds, format!("{key} is to be {value}"));
    }
    wrong
}

#[test]
fn labelled_events_hold() {
    let rows = corpus();
    let group =
        |row: &Row| row.expect.get("group").unwrap_or(&row.event["eventID"]).as_str().map(str::to_owned);
    // Events of one id are copies of each other. One scan reads whole groups, and no id of two of them.
    let mut scans: Vec<(Option<&str>, Vec<usize>, HashSet<String>)> = Vec::new();
    let mut done = vec![false; rows.len()];
    for first in 0..rows.len() {
        if done[first] {
            continue;
        }
        let key = group(&rows[first]);
        let members: Vec<usize> = (first..rows.len())
            .filter(|&n| n == first || (key.is_some() && group(&rows[n]) == key))
            .inspect(|&n| done[n] = true)
            .collect();
        let trusted = members.iter().find_map(|&n| rows[n].expect["trusted_ip"].as_str());
        let ids: HashSet<String> = members.iter().map(|&n| rows[n].event["eventID"].to_string()).collect();
        match scans.iter_mut().find(|scan| scan.0 == trusted && scan.2.is_disjoint(&ids)) {
            Some(scan) => {
                scan.1.extend(members);
                scan.2.extend(ids);
            }
            None => scans.push((trusted, members, ids)),
        }
    }
    let mut faults = Vec::new();
    for (trusted, members, _) in scans {
        let events: Vec<Value> = members.iter().map(|&n| rows[n].event.clone()).collect();
        let options: Vec<String> =
            trusted.into_iter().flat_map(|ip| ["--trusted-ip".to_owned(), ip.to_owned()]).collect();
        for (&n, finding) in members.iter().zip(found(&events, &options)) {
            for fault in wrong(&rows[n].expect, finding.as_ref()) {
                let rules = finding.as_ref().map(|finding| finding["rules"].to_string());
                faults.push(format!("{}: {fault}; {}", rows[n].id, rules.unwrap_or_default()));
            }
        }
    }
    assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), rows.len(), faults.join("\n"));
}

/// An event of its own, whatever others share its id.
fn alone(event: &Value, n: usize) -> Value {
    let mut event = event.clone();
    event["eventID"] = json!(format!("00000000-9999-4000-8000-{n:012}"));
    event
}

fn without_mfa(event: &mut Value) {
    if let Some(used) = event.pointer_mut("/additionalEventData/MFAUsed") {
        *used = json!("No");
    }
    if let Some(data) = event.pointer_mut("/additionalEventData").and_then(Value::as_object_mut) {
        data.remove("MFAIdentifier");
    }
    for pointer in [
        "/userIdentity/sessionContext/attributes/mfaAuthenticated",
        "/eventContext/requestContext/aws:MultiFactorAuthPresent",
    ] {
        if let Some(said) = event.pointer_mut(pointer) {
            *said = json!("false");
        }
    }
}

fn with_long_term_key(event: &mut Value) {
    if let Some(identity) = event["userIdentity"].as_object_mut() {
        identity.insert("accessKeyId".to_owned(), json!("AKIAIOSFODNN7EXAMPLE"));
    }
}

fn succeeded(event: &mut Value) {
    let name = event["eventName"].as_str().unwrap_or_default().to_owned();
    let record = event.as_object_mut().unwrap();
    for member in ["errorCode", "errorMessage", "serviceEventDetails"] {
        record.remove(member);
    }
    if let Some(said) = record.get_mut("responseElements").and_then(|response| response.get_mut(&name)) {
        *said = json!("Success");
    } else if record.get("responseElements").is_some_and(|response| {
        ["errorCode", "_return", "return", "unsuccessful"].iter().any(|key| response.get(key).is_some())
    }) {
        record.insert("responseElements".to_owned(), Value::Null);
    }
    if let Some(success) = record.get_mut("additionalEventData").and_then(|data| data.get_mut("success")) {
        *success = json!("true");
    }
}

/// Less MFA, a long-term key, or success in place of failure never lowers a severity.
///
/// But for one event: of a failed sign-in, `MFAUsed` does not say how strong it was but how far it got. With it the
/// password was right.
#[test]
fn severity_is_monotone() {
    let mut events: Vec<Value> = corpus().into_iter().map(|row| row.event).collect();
    for rule in roottrail::rules::all() {
        for example in [rule.example.matching, rule.example.other] {
            events.push(serde_json::from_str(example).unwrap());
        }
    }
    if let Ok(path) = std::env::var("ROOTTRAIL_CONFORMANCE") {
        let text = std::fs::read_to_string(path).unwrap();
        let event = |line: &str| serde_json::from_str::<Value>(line).unwrap()["event"].take();
        events.extend(text.lines().filter(|line| !line.trim().is_empty()).map(event));
    }
    // Each also as a failure, so that there are enough of them.
    let failures: Vec<Value> = events
        .iter()
        .filter(|event| event.is_object())
        .map(|event| {
            let mut event = event.clone();
            event["errorCode"] = json!("AccessDenied");
            event
        })
        .collect();
    events.extend(failures);
    events.retain(Value::is_object);
    let before: Vec<Value> = events.iter().enumerate().map(|(n, event)| alone(event, n)).collect();
    let found_before = found(&before, &[]);
    let (mut lowered, mut raised) = (Vec::new(), [0; 3]);
    for (kind, change) in
        [without_mfa as fn(&mut Value), with_long_term_key, succeeded].into_iter().enumerate()
    {
        let after: Vec<Value> = before
            .iter()
            .map(|event| {
                let mut event = event.clone();
                change(&mut event);
                event
            })
            .collect();
        for (n, (old, new)) in found_before.iter().zip(found(&after, &[])).enumerate() {
            let Some(old) = old else { continue };
            let new = new.unwrap_or_else(|| panic!("{} is no finding any more", after[n]));
            let failed_sign_in = before[n]["eventName"] == "ConsoleLogin" && old["outcome"] == "failure";
            if rank(&new["severity"]) < rank(&old["severity"]) && !(kind == 0 && failed_sign_in) {
                lowered.push(format!("{} to {}: {}", old["severity"], new["severity"], before[n]));
            }
            raised[kind] += usize::from(rank(&new["severity"]) > rank(&old["severity"]));
        }
    }
    assert!(lowered.is_empty(), "{}", lowered.join("\n"));
    assert!(raised.iter().all(|&n| n > 0), "the changes change too little: {raised:?}");
}
