//! `rules` and `explain` as a user meets them.

use crate::support::cli::{Done, Folder, command, feed, roottrail, scan};
use crate::support::logs::{records, root, user};
use serde_json::Value;
use std::collections::BTreeSet;

fn all() -> Vec<Value> {
    let done = roottrail(["rules", "--format", "json"]);
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
    serde_json::from_str(&done.stdout).unwrap()
}

#[test]
fn the_list_of_rules_has_its_form() {
    let systems = [
        "CIS",
        "GuardDuty",
        "AWS-Config",
        "Sigma",
        "Elastic",
        "Panther",
        "Falco",
        "Tailpipe",
        "Splunk",
        "Netskope",
        "AWS",
    ];
    let rules = all();
    let mut ids = BTreeSet::new();
    let mut named = BTreeSet::new();
    for rule in &rules {
        let keys: Vec<&str> = rule.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["attack", "id", "reason", "references", "severity", "title"]);
        let text = |key: &str| rule[key].as_str().filter(|text| !text.is_empty()).unwrap();
        assert!(ids.insert(text("id").to_owned()), "{} twice", text("id"));
        assert!(["low", "medium", "high", "critical"].contains(&text("severity")), "{rule}");
        assert!(text("reason").ends_with('.') && !text("title").ends_with('.'), "{rule}");
        for technique in rule["attack"].as_array().unwrap() {
            let technique = technique.as_str().unwrap();
            assert!(
                technique.starts_with('T')
                    && technique[1..].chars().all(|char| char.is_ascii_digit() || char == '.')
            );
        }
        for reference in rule["references"].as_array().unwrap() {
            let keys: Vec<&str> = reference.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(keys, ["name", "system"]);
            let system = reference["system"].as_str().unwrap();
            assert!(systems.contains(&system) && !reference["name"].as_str().unwrap().is_empty(), "{rule}");
            named.insert(system.to_owned());
        }
    }
    assert_eq!(named.len(), systems.len(), "{named:?}");
    for id in [
        "root-activity",
        "root-console-login-without-mfa",
        "assume-root-call",
        "root-from-untrusted-address",
        "conflicting-event-copies",
    ] {
        assert!(ids.contains(id), "{id}");
    }
    let table = roottrail(["rules"]);
    let markdown = roottrail(["rules", "--format", "markdown"]);
    // A long title goes on in an indented line.
    assert_eq!(table.stdout.lines().filter(|line| !line.starts_with(' ')).count(), rules.len() + 1);
    assert_eq!(markdown.stdout.lines().filter(|line| line.starts_with("| `")).count(), rules.len());
    // One rule as JSON is a list as well.
    let one: Vec<Value> =
        serde_json::from_str(&roottrail(["rules", "root-activity", "-f", "json"]).stdout).unwrap();
    assert_eq!(one, rules.iter().filter(|rule| rule["id"] == "root-activity").cloned().collect::<Vec<_>>());
}

/// What `rules ID` prints as an example is one, and what it prints as none is none.
#[test]
fn each_rule_is_explained_with_examples_that_a_scan_confirms() {
    let folder = Folder::new();
    let mut ids = Vec::new();
    for rule in all() {
        let id = rule["id"].as_str().unwrap().to_owned();
        let done = roottrail(["rules", &id]);
        assert_eq!(done.code, 0, "{id}");
        for words in [
            "severity",
            "holds when",
            "why",
            "next",
            rule["title"].as_str().unwrap(),
            rule["reason"].as_str().unwrap(),
        ] {
            assert!(done.stdout.contains(words), "{id}: {words}");
        }
        // The two objects that stand at the beginning of a line.
        let objects: Vec<Value> = done
            .stdout
            .match_indices("\n{")
            .map(|(at, _)| {
                serde_json::Deserializer::from_str(&done.stdout[at..])
                    .into_iter::<Value>()
                    .next()
                    .unwrap()
                    .unwrap()
            })
            .collect();
        assert_eq!(objects.len(), 2, "{id}");
        // The run decides these, not the event.
        if ![
            "ambiguous-record",
            "conflicting-event-copies",
            "event-copy-amended",
            "log-tampered",
            "root-from-untrusted-address",
        ]
        .contains(&id.as_str())
        {
            for (n, mut object) in objects.into_iter().enumerate() {
                // No two of them are copies.
                object["eventID"] = format!("00000000-0000-4000-800{n}-{:012}", ids.len()).into();
                folder.put(format!("{id}/{}.json", ["yes", "no"][n]), records([object.to_string()]));
            }
            ids.push(id);
        }
    }
    let found = scan([folder.path()]).findings;
    for id in ids {
        let rules_of = |name: &str| {
            let file = folder.at(format!("{id}/{name}.json"));
            let of = |finding: &&Value| finding["evidence"]["uri"] == *file.to_string_lossy();
            found.iter().find(of).map(|finding| finding["rules"].as_array().unwrap())
        };
        assert!(rules_of("yes").unwrap().contains(&id.clone().into()), "{id}");
        assert!(rules_of("no").is_none_or(|rules| !rules.contains(&id.clone().into())), "{id}");
    }
}

#[test]
fn rules_of_a_finding_are_known_and_most_severe_first() {
    let severities: std::collections::BTreeMap<String, String> = all()
        .iter()
        .map(|rule| (rule["id"].as_str().unwrap().to_owned(), rule["severity"].as_str().unwrap().to_owned()))
        .collect();
    let order = ["critical", "high", "medium", "low"];
    for finding in scan(["sample-logs"]).findings {
        let rules: Vec<&str> =
            finding["rules"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
        let ranks: Vec<usize> = rules
            .iter()
            .map(|id| order.iter().position(|severity| severity == &severities[*id]).unwrap())
            .collect();
        let own = order.iter().position(|severity| finding["severity"] == *severity).unwrap();
        // A failed attempt, or a call that only reads, counts for less than its rule does at most.
        assert!(own >= ranks.iter().copied().min().unwrap(), "{finding}");
        if finding["attempt"] == false {
            assert!(ranks.is_sorted(), "{rules:?}");
        }
        let root = finding["identity"]["kind"] != "assume_root_caller";
        assert_eq!(rules.contains(&"root-activity"), root, "{rules:?}");
    }
}

fn explain(stdin: &str, args: &[&str]) -> Done {
    let mut command = command();
    command.args(["explain", "-"]).args(args);
    feed(command, stdin.as_bytes())
}

#[test]
fn explain_names_the_fields_that_decided() {
    let both = records([root(1), user(2)]);
    let done = explain(&both, &["-v"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    for words in [
        "verdict: root, as root_user",
        "userIdentity.type = \"Root\"",
        "With which credential?: long_term_access_key",
        "userIdentity.accessKeyId = \"AKIAIOSFODNN7EXAMPLE\"",
        "With MFA?: not_used",
        "=> root-access-key-used [critical]",
        "root-access-key-created: the event is not CreateAccessKey",
        "20000000-0000-4000-8000-000000000002",
    ] {
        assert!(done.stdout.contains(words), "{words:?} in {}", done.stdout);
    }
    let user = explain(&both, &["--event-id", "20000000-0000-4000-8000-000000000002"]);
    assert_eq!(user.code, 0);
    for words in ["verdict: not root", "userIdentity.type = \"IAMUser\""] {
        assert!(user.stdout.contains(words), "{words:?} in {}", user.stdout);
    }
    assert!(!user.stdout.contains("000000000001"));
}

#[test]
fn explain_of_nothing_is_an_error() {
    for (stdin, args, words) in [
        (records([root(1)]), &["--event-id", "none"][..], "none"),
        ("{}".to_owned(), &[], "no events"),
        ("broken".to_owned(), &[], "expected a value"),
        (String::new(), &[], "standard input"),
    ] {
        let done = explain(&stdin, args);
        assert!(done.code == 1 || done.code == 5, "{stdin:?}: {}", done.code);
        assert!(done.stdout.is_empty() && done.stderr.contains(words), "{stdin:?}: {}", done.stderr);
    }
    let missing = roottrail(["explain", "/no/such/file"]);
    assert!(missing.code == 1 && missing.stderr.contains("/no/such/file"), "{}", missing.stderr);
}
