//! Filters leave findings out and never change one.

use crate::support::cli::{Scan, command, feed, roottrail, scan};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::Value;
use std::collections::BTreeSet;

fn sample(options: &[&str]) -> Scan {
    scan(["sample-logs"].iter().chain(options))
}

/// The lines of a whole scan, with what each of them says.
fn all() -> Vec<(String, Value)> {
    let whole = sample(&[]);
    whole.text.lines().map(str::to_owned).zip(whole.findings).collect()
}

/// The lines for which this holds.
fn those(all: &[(String, Value)], holds: impl Fn(&Value) -> bool) -> String {
    all.iter().filter(|(_, finding)| holds(finding)).map(|(line, _)| format!("{line}\n")).collect()
}

const KINDS: [&str; 6] = [
    "root_user",
    "root_assume_root_session",
    "root_via_service",
    "root_federated",
    "root_cross_account",
    "assume_root_caller",
];
const CREDENTIALS: [&str; 10] = [
    "console_password",
    "console_session",
    "long_term_access_key",
    "temporary_credentials",
    "sts_session_token",
    "federation_token",
    "assume_root",
    "aws_service",
    "none",
    "unknown",
];
const MFA: [&str; 4] = ["used", "not_used", "not_applicable", "unknown"];
const SEVERITIES: [&str; 4] = ["low", "medium", "high", "critical"];

/// Each value of each filter lets through the lines that have it, unchanged and in order.
#[test]
fn each_value_lets_through_what_has_it() {
    let all = all();
    let mut cases: Vec<(&str, &str, &str)> = Vec::new();
    for (option, pointer, values) in [
        ("--identity", "/identity/kind", &KINDS[..]),
        ("--credential", "/credential/type", &CREDENTIALS),
        ("--mfa", "/mfa/status", &MFA),
    ] {
        cases.extend(values.iter().map(|value| (option, pointer, *value)));
    }
    let names: BTreeSet<&str> =
        all.iter().map(|(_, finding)| finding["event"]["name"].as_str().unwrap()).collect();
    let mut found = 0;
    for (option, pointer, value) in cases {
        let filtered = sample(&[option, value]);
        let expected = those(&all, |finding| finding.pointer(pointer).unwrap() == value);
        assert!(filtered.text == expected, "{option} {value}");
        found += filtered.findings.len();
        assert_eq!(filtered.code, 0);
        assert_eq!(filtered.counts()[2], 42 - filtered.findings.len() as u64, "{option} {value}");
        assert!(
            filtered.stderr.contains(&format!("{} filtered", filtered.counts()[2])),
            "{}",
            filtered.stderr
        );
    }
    for names in names.iter().collect::<Vec<_>>().chunks(12) {
        let options: Vec<&str> = names.iter().flat_map(|name| ["--event-name", name]).collect();
        let filtered = sample(&options);
        let expected =
            those(&all, |finding| names.iter().any(|name| finding["event"]["name"].as_str() == Some(name)));
        assert!(filtered.text == expected, "{names:?}");
        found += filtered.findings.len();
    }
    // Each finding has one identity and one name; the caller of AssumeRoot has neither credential nor MFA.
    assert_eq!(found, 42 + 41 + 41 + 42);
    for rule in all.iter().flat_map(|(_, finding)| finding["rules"].as_array().unwrap()).collect::<Vec<_>>() {
        let expected = those(&all, |finding| finding["rules"].as_array().unwrap().contains(rule));
        if rule == "root-activity" || rule == "root-trail-stopped" || rule == "assume-root-call" {
            assert!(sample(&["--rule", rule.as_str().unwrap()]).text == expected, "{rule}");
        }
    }
    for (n, least) in SEVERITIES.iter().enumerate() {
        let expected =
            those(&all, |finding| SEVERITIES[n..].contains(&finding["severity"].as_str().unwrap()));
        assert!(sample(&["--min-severity", least]).text == expected, "{least}");
    }
}

/// Filters of several kinds narrow together; values of one kind widen.
#[test]
fn filters_together_let_through_what_has_all() {
    let all = all();
    let some =
        |list: &'static [&'static str]| prop::option::of(prop::sample::subsequence(list, 1..list.len()));
    let filters = (some(&KINDS), some(&CREDENTIALS), some(&MFA), prop::option::of(0..4_usize));
    let config = Config { failure_persistence: None, ..Config::with_cases(12) };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    TestRunner::new_with_rng(config, rng)
        .run(&filters, |(kinds, credentials, mfa, least)| {
            let mut options = Vec::new();
            for (option, values) in [("--identity", &kinds), ("--credential", &credentials), ("--mfa", &mfa)]
            {
                if let Some(values) = values {
                    options.extend([option.to_owned(), values.join(",")]);
                }
            }
            if let Some(least) = least {
                options.extend(["--min-severity".to_owned(), SEVERITIES[least].to_owned()]);
            }
            let options: Vec<&str> = options.iter().map(String::as_str).collect();
            let has = |values: &Option<Vec<&str>>, value: &Value| {
                values
                    .as_ref()
                    .is_none_or(|values| value.as_str().is_some_and(|value| values.contains(&value)))
            };
            let expected = those(&all, |finding| {
                has(&kinds, &finding["identity"]["kind"])
                    && has(&credentials, &finding["credential"]["type"])
                    && has(&mfa, &finding["mfa"]["status"])
                    && least.is_none_or(|least| {
                        SEVERITIES[least..].contains(&finding["severity"].as_str().unwrap())
                    })
            });
            let filtered = sample(&options);
            prop_assert!(filtered.text == expected, "{:?}", options);
            prop_assert_eq!(filtered.counts()[0] + filtered.counts()[2], 42);
            Ok(())
        })
        .unwrap();
}

/// What a filter lets through and what its complement does are together the whole, line by line.
#[test]
fn a_filter_and_its_complement_make_the_whole() {
    let all = all();
    let lines: Vec<&str> = all.iter().map(|(line, _)| line.as_str()).collect();
    let whole = |one: &[&str], other: &[&str]| {
        let (one_text, other_text) = (sample(one).text, sample(other).text);
        let (mut one_lines, mut other_lines) = (one_text.lines().peekable(), other_text.lines().peekable());
        for line in &lines {
            let taken =
                one_lines.next_if(|next| next == line).or_else(|| other_lines.next_if(|next| next == line));
            assert!(taken.is_some(), "{one:?} and {other:?} both leave out {line}");
        }
        assert!(one_lines.next().is_none() && other_lines.next().is_none(), "{one:?} {other:?}");
    };
    let rest = |list: &[&str], n: usize| [&list[..n], &list[n + 1..]].concat().join(",");
    for (n, kind) in KINDS.iter().enumerate() {
        whole(&["--identity", kind], &["--identity", &rest(&KINDS, n)]);
    }
    for moment in ["2025-11-18T03:02:41Z", "2025-11-18T03:02:42Z", "2025-10-28", "2030-01-01"] {
        whole(&["--end", moment], &["--start", moment]);
        // The export is not in CloudTrail's layout: no slack, however small, leaves it out.
        whole(&["--end", moment, "--key-slack", "2h"], &["--start", moment, "--key-slack", "2h"]);
    }
}

#[test]
fn accounts_and_regions_leave_keys_out_and_not_findings() {
    let all = all();
    for (option, part, values) in [
        ("--account", 0, ["111122223333", "444455556666", "999988887777"]),
        ("--trail-region", 1, ["us-east-1", "ap-southeast-2", "us-west-2"]),
    ] {
        for value in values {
            let found = sample(&[option, value]);
            let expected = those(&all, |finding| {
                let uri = finding["evidence"]["uri"].as_str().unwrap();
                let name: Vec<&str> = uri.rsplit('/').next().unwrap().split('_').collect();
                name.len() < 3 || name[part * 2] == value
            });
            assert!(found.text == expected, "{option} {value}");
            assert_eq!((found.code, found.counts()[2]), (0, 0), "keys out of scope are no items of the run");
            assert!(found.objects()[1] < 84);
        }
    }
    let included = sample(&["--include-key", "*/2025/11/18/*", "--exclude-key", "*us-east-1*"]);
    assert!(included.each("/evidence/uri").iter().all(|uri| {
        let uri = uri.as_str().unwrap();
        uri.contains("/2025/11/18/") && !uri.contains("us-east-1")
    }));
    assert!(!included.findings.is_empty());
}

#[test]
fn an_untrusted_address_raises_a_rule() {
    let all = all();
    let raised = |options: &[&str]| {
        let found = sample(options);
        assert_eq!(found.counts(), [42, 1, 0]);
        let has = |finding: &Value| {
            finding["rules"].as_array().unwrap().contains(&"root-from-untrusted-address".into())
        };
        found.findings.into_iter().filter(has).collect::<Vec<_>>()
    };
    assert_eq!(raised(&[]).len(), 0);
    let untrusted = raised(&["--trusted-ip", "203.0.113.0/24,198.51.100.87"]);
    assert!(!untrusted.is_empty());
    for finding in &untrusted {
        assert_eq!((&finding["outcome"], &finding["attempt"]), (&"success".into(), &false.into()));
        let address = finding["source"]["ip"].as_str().unwrap();
        assert!(!address.starts_with("203.0.113.") && address != "198.51.100.87", "{address}");
    }
    let folder = crate::support::cli::Folder::new();
    let list = folder.put("trusted", "# the office\n203.0.113.0/24\n\n198.51.100.87\n");
    assert_eq!(raised(&["--trusted-ip", list.to_str().unwrap()]), untrusted);
    assert_eq!(raised(&["--trusted-ip", "0.0.0.0/0", "--trusted-ip", "::/0"]).len(), 0);
    assert_eq!(all.len(), 42);
}

#[test]
fn bad_values_end_with_2_and_name_the_good_ones() {
    for (options, words) in [
        (&["--rule", "root-activty"][..], &["did you mean `root-activity`?", "root-access-key-used"][..]),
        (&["--rule", "nonsense"], &["there is no rule `nonsense`", "root-activity"]),
        (&["--min-severity", "hihg"], &["low, medium, high, critical"]),
        (&["--fail-on-findings=bad"], &["low, medium, high, critical"]),
        (&["--identity", "root-users"], &["did you mean `root_user`?", "assume_root_caller"]),
        (&["--credential", "access_key"], &["did you mean `long_term_access_key`?", "console_password"]),
        (&["--mfa", "no"], &["used, not_used, not_applicable, unknown"]),
        (&["--mfa", "used,nope"], &["nope"]),
        (&["--account", "1234"], &["twelve digits"]),
        (&["--trail-region", "Frankfurt"], &["us-east-1"]),
        (&["--start", "yesterday"], &["yesterday", "2024-05-01 (UTC)", "7d"]),
        (&["--start", "2025-01-02", "--end", "2025-01-01"], &["2025-01-01"]),
        (&["--key-slack", "1"], &["1"]),
        (&["--include-key", "[a"], &["[a"]),
        (&["--trusted-ip", "300.1.1.1"], &["300.1.1.1"]),
        (&["--format", "xml"], &["there is no format `xml` (known: ndjson, table, ecs", "csv"]),
    ] {
        let mut command = command();
        command.args(["scan", "sample-logs"]).args(options);
        let done = feed(command, b"");
        assert_eq!((done.code, done.stdout.as_str()), (2, ""), "{options:?}: {}", done.stderr);
        for word in words {
            assert!(done.stderr.contains(word), "{options:?}: {word:?} in {}", done.stderr);
        }
    }
    let done = roottrail(["rules", "root-mfa-remove"]);
    assert!(done.code == 2 && done.stderr.contains("did you mean `root-mfa-removed`?"), "{}", done.stderr);
}
