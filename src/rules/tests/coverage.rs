//! What other systems would have raised: their published conditions, rewritten from their text, over the
//! rules' own examples, made-up variations, and the shared labelled events where `ROOTTRAIL_CONFORMANCE`
//! names their file.
//!
//! Each hit must carry one of our rules that names the peer's. `ROOTTRAIL_COVERAGE_TABLE` names a file to
//! which the results are written, as Markdown for the README.

use std::fmt::Write as _;

use serde_json::Value;

use super::super::*;
use crate::detect::testing::judged;

struct Peer {
    system: System,
    name: &'static str,
    /// The version or date from which the peer's rule is deprecated.
    deprecated: Option<&'static str>,
    /// Whether the condition asks for root. Where it does not, only hits that are root's are ours to cover.
    root_only: bool,
    hits: fn(&Value) -> bool,
}

fn at<'a>(event: &'a Value, path: &str) -> Option<&'a str> {
    path.split('.').try_fold(event, |value, key| value.get(key)).and_then(Value::as_str)
}

fn is(event: &Value, path: &str, expected: &str) -> bool {
    at(event, path) == Some(expected)
}

fn missing(event: &Value, path: &str) -> bool {
    path.split('.').try_fold(event, |value, key| value.get(key)).is_none_or(Value::is_null)
}

fn root(event: &Value) -> bool {
    is(event, "userIdentity.type", "Root")
}

fn login(event: &Value) -> bool {
    is(event, "eventName", "ConsoleLogin")
}

fn login_said(event: &Value, what: &str) -> bool {
    is(event, "responseElements.ConsoleLogin", what)
}

/// Returns `event.outcome` as Elastic's pipeline sets it.
fn elastic_outcome(event: &Value) -> &'static str {
    let failed = if login(event) {
        !login_said(event, "Success")
    } else {
        !missing(event, "errorCode") || !missing(event, "errorMessage")
    };
    if failed { "failure" } else { "success" }
}

fn sign_in_page(event: &Value) -> bool {
    is(event, "eventSource", "signin.amazonaws.com")
}

fn mfa_used_no(event: &Value) -> bool {
    at(event, "additionalEventData.MFAUsed").is_some_and(|used| used.eq_ignore_ascii_case("no"))
}

const PEERS: &[Peer] = &[
    Peer {
        system: System::Cis,
        name: "4.3",
        deprecated: None,
        root_only: true,
        hits: |event| {
            root(event)
                && event.pointer("/userIdentity/invokedBy").is_none()
                && !is(event, "eventType", "AwsServiceEvent")
        },
    },
    Peer {
        system: System::GuardDuty,
        name: "Policy:IAMUser/RootCredentialUsage",
        deprecated: None,
        root_only: true,
        hits: |event| root(event) && !is(event, "eventType", "AwsServiceEvent"),
    },
    Peer {
        system: System::Sigma,
        name: "aws_root_account_usage",
        deprecated: None,
        root_only: true,
        hits: |event| root(event) && !is(event, "eventType", "AwsServiceEvent"),
    },
    Peer {
        system: System::Sigma,
        name: "aws_cloudtrail_console_login_success_without_mfa",
        deprecated: None,
        root_only: false,
        hits: |event| {
            sign_in_page(event) && login(event) && mfa_used_no(event) && login_said(event, "Success")
        },
    },
    Peer {
        system: System::Elastic,
        name: "initial_access_console_login_root",
        deprecated: None,
        root_only: true,
        hits: |event| {
            sign_in_page(event) && login(event) && root(event) && elastic_outcome(event) == "success"
        },
    },
    Peer {
        system: System::Elastic,
        name: "credential_access_root_console_failure_brute_force",
        deprecated: None,
        root_only: true,
        hits: |event| {
            sign_in_page(event)
                && login(event)
                && root(event)
                && elastic_outcome(event) == "failure"
                && !missing(event, "responseElements.ConsoleLogin")
        },
    },
    Peer {
        system: System::Elastic,
        name: "privilege_escalation_root_login_without_mfa",
        deprecated: Some("2025-11-21"),
        root_only: true,
        hits: |event| {
            sign_in_page(event)
                && login(event)
                && root(event)
                && mfa_used_no(event)
                && elastic_outcome(event) == "success"
        },
    },
    Peer {
        system: System::Elastic,
        name: "persistence_iam_create_login_profile_for_root",
        deprecated: None,
        root_only: true,
        hits: |event| {
            is(event, "eventSource", "iam.amazonaws.com")
                && is(event, "eventName", "CreateLoginProfile")
                && root(event)
                && elastic_outcome(event) == "success"
                && missing(event, "requestParameters.userName")
        },
    },
    Peer {
        system: System::Elastic,
        name: "privilege_escalation_sts_assume_root_from_rare_user_and_member_account",
        deprecated: None,
        root_only: true,
        hits: |event| {
            is(event, "eventSource", "sts.amazonaws.com")
                && is(event, "eventName", "AssumeRoot")
                && elastic_outcome(event) == "success"
        },
    },
    Peer {
        system: System::Elastic,
        name: "initial_access_password_recovery",
        deprecated: None,
        root_only: false,
        hits: |event| {
            sign_in_page(event)
                && is(event, "eventName", "PasswordRecoveryRequested")
                && elastic_outcome(event) == "success"
        },
    },
    Peer {
        system: System::Panther,
        name: "AWS.Console.RootLogin",
        deprecated: None,
        root_only: true,
        hits: |event| login(event) && root(event) && login_said(event, "Success"),
    },
    Peer {
        system: System::Panther,
        name: "AWS.Console.RootLoginFailed",
        deprecated: None,
        root_only: true,
        hits: |event| login(event) && root(event) && login_said(event, "Failure"),
    },
    Peer {
        system: System::Panther,
        name: "AWS.CloudTrail.RootAccessKeyCreated",
        deprecated: None,
        root_only: true,
        hits: |event| {
            is(event, "eventName", "CreateAccessKey") && root(event) && missing(event, "requestParameters")
        },
    },
    Peer {
        system: System::Panther,
        name: "AWS.Root.Activity",
        deprecated: None,
        root_only: true,
        hits: |event| {
            root(event)
                && missing(event, "errorCode")
                && missing(event, "errorMessage")
                && missing(event, "userIdentity.invokedBy")
                && !is(event, "eventType", "AwsServiceEvent")
                && !is(event, "eventName", "CreateServiceLinkedRole")
        },
    },
    Peer {
        system: System::Panther,
        name: "AWS.CloudTrail.RootPasswordChanged",
        deprecated: None,
        root_only: true,
        hits: |event| {
            is(event, "eventName", "PasswordUpdated")
                && root(event)
                && is(event, "responseElements.PasswordUpdated", "Success")
        },
    },
    Peer {
        system: System::Falco,
        name: "Console Root Login Without MFA",
        deprecated: None,
        root_only: true,
        hits: |event| {
            login(event)
                && missing(event, "errorCode")
                && root(event)
                && login_said(event, "Success")
                && is(event, "additionalEventData.MFAUsed", "No")
        },
    },
    Peer {
        system: System::Falco,
        name: "Deactivate MFA for Root User",
        deprecated: None,
        root_only: true,
        hits: |event| {
            is(event, "eventName", "DeactivateMFADevice")
                && missing(event, "errorCode")
                && root(event)
                && is(event, "requestParameters.userName", "AWS ROOT USER")
        },
    },
    Peer {
        system: System::Tailpipe,
        name: "iam_root_user_console_login",
        deprecated: None,
        root_only: true,
        hits: |event| login(event) && root(event),
    },
    Peer {
        system: System::Tailpipe,
        name: "iam_root_user_email_address_updated",
        deprecated: None,
        root_only: true,
        hits: |event| {
            is(event, "eventSource", "iam.amazonaws.com")
                && is(event, "eventName", "EmailUpdated")
                && root(event)
        },
    },
];

/// Returns root under several identities, times the events that peers look for, in several shapes.
fn variations() -> Vec<String> {
    let identities = [
        r#"{"type":"Root"}"#,
        r#"{"type":"Root","arn":"arn:aws:iam::111122223333:root","accessKeyId":"AKIAX"}"#,
        r#"{"type":"Root","accessKeyId":"ASIAX","sessionContext":{"attributes":{"mfaAuthenticated":"true"}}}"#,
        r#"{"type":"Root","invokedBy":"signin.amazonaws.com"}"#,
    ];
    let mut events = Vec::new();
    for said in ["Success", "Failure"] {
        for data in [r#"{"MFAUsed":"No"}"#, r#"{"MFAUsed":"NO"}"#, r#"{"MFAUsed":"Yes"}"#, "null"] {
            events.push(format!(
                r#""eventSource":"signin.amazonaws.com","eventType":"AwsConsoleSignIn","eventName":"ConsoleLogin","responseElements":{{"ConsoleLogin":"{said}"}},"additionalEventData":{data}"#
            ));
        }
        for name in ["PasswordUpdated", "PasswordRecoveryRequested", "EmailUpdated"] {
            events.push(format!(
                r#""eventSource":"signin.amazonaws.com","eventName":"{name}","responseElements":{{"{name}":"{said}"}}"#
            ));
        }
    }
    for (service, name) in [
        ("iam", "CreateAccessKey"),
        ("iam", "CreateLoginProfile"),
        ("iam", "DeactivateMFADevice"),
        ("iam", "EmailUpdated"),
        ("sts", "AssumeRoot"),
        ("ec2", "RunInstances"),
        ("iam", "CreateServiceLinkedRole"),
    ] {
        for parameters in ["null", "{}", r#"{"userName":"jo"}"#, r#"{"userName":"AWS ROOT USER"}"#] {
            for error in ["", r#","errorCode":"AccessDenied","errorMessage":"no""#, r#","readOnly":true"#] {
                events.push(format!(
                    r#""eventSource":"{service}.amazonaws.com","eventName":"{name}","requestParameters":{parameters}{error}"#
                ));
            }
        }
    }
    identities
        .iter()
        .flat_map(|identity| {
            events.iter().map(move |event| format!(r#"{{"userIdentity":{identity},{event}}}"#))
        })
        .collect()
}

fn labelled() -> Vec<String> {
    let Some(path) = std::env::var_os("ROOTTRAIL_CONFORMANCE") else { return Vec::new() };
    let rows = std::fs::read_to_string(path).unwrap();
    rows.lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["event"].to_string())
        .collect()
}

#[test]
fn each_hit_of_a_peer_carries_a_rule_that_names_it() {
    let mut texts: Vec<String> = labelled();
    let labelled = texts.len();
    texts.extend(all().flat_map(|rule| [rule.example.matching.to_owned(), rule.example.other.to_owned()]));
    texts.extend(variations());
    let mut table =
        String::from("| System | Rule | Hits | Covered | By our rules |\n|---|---|--:|--:|---|\n");
    let mut missed = Vec::new();
    for peer in PEERS {
        let (mut hits, mut covered) = (0, 0);
        let mut ours: Vec<&str> = Vec::new();
        for text in &texts {
            let event: Value = serde_json::from_str(text).unwrap();
            if !(peer.hits)(&event) {
                continue;
            }
            let finding = judged(text);
            if finding.is_none() && !peer.root_only {
                continue;
            }
            hits += 1;
            let named: Vec<&'static str> = finding
                .iter()
                .flat_map(|finding| &finding.rules)
                .filter_map(|id| by_id(id))
                .filter(|rule| {
                    rule.references.iter().any(|known| known.system == peer.system && known.name == peer.name)
                })
                .map(|rule| rule.id)
                .collect();
            if named.is_empty() {
                missed.push(format!("{} {}: {text}", peer.system, peer.name));
            } else {
                covered += 1;
            }
            ours.extend(named.into_iter().filter(|id| !ours.contains(id)).collect::<Vec<_>>());
        }
        assert!(hits > 0, "nothing tries {} {}", peer.system, peer.name);
        ours.sort_unstable();
        let ours = ours.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", ");
        let note = peer.deprecated.map(|since| format!(" (deprecated since {since})")).unwrap_or_default();
        writeln!(table, "| {} | `{}`{note} | {hits} | {covered} | {ours} |", peer.system, peer.name).unwrap();
    }
    assert!(missed.is_empty(), "{} missed:\n{}", missed.len(), missed.join("\n"));
    writeln!(table, "\n{} events: {labelled} labelled, the others synthetic.", texts.len()).unwrap();
    if let Some(path) = std::env::var_os("ROOTTRAIL_COVERAGE_TABLE") {
        std::fs::write(path, table).unwrap();
    }
}

/// Every peer rule that the study lists is named by a rule, also those that look at configuration.
#[test]
fn every_listed_peer_rule_is_named() {
    for (system, name) in [
        (System::Cis, "1.4"),
        (System::Cis, "1.5"),
        (System::Cis, "1.6"),
        (System::Cis, "1.7"),
        (System::AwsConfig, "iam-root-access-key-check"),
        (System::AwsConfig, "root-account-mfa-enabled"),
        (System::AwsConfig, "root-account-hardware-mfa-enabled"),
        (System::Tailpipe, "root_user_activity_report"),
        (System::Splunk, "aws_successful_single_factor_authentication"),
        (System::Splunk, "aws_console_login_failed_during_mfa_challenge"),
        (System::Splunk, "aws_multi_factor_authentication_disabled"),
        (System::Splunk, "aws_new_mfa_method_registered_for_user"),
        (System::Aws, "Security Hub CloudWatch.1"),
        (System::Aws, "Security Hub IAM.4"),
        (System::Aws, "Security Hub IAM.6"),
        (System::Aws, "Security Hub IAM.9"),
    ]
    .into_iter()
    .chain(PEERS.iter().map(|peer| (peer.system, peer.name)))
    {
        assert!(
            all().flat_map(|rule| rule.references).any(|known| known.system == system && known.name == name),
            "{system} {name}"
        );
    }
    assert!(all().flat_map(|rule| rule.references).any(|known| known.system == System::Netskope));
}
