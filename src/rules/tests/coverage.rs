//! What other systems would have raised: their published conditions ([`super::peers`]) over the rules' own
//! examples, made-up variations, and the shared labelled events where `ROOTTRAIL_CONFORMANCE` names their file.
//!
//! Each hit must carry one of our rules that names the peer's. `ROOTTRAIL_COVERAGE_TABLE` names a file to
//! which the results are written, as Markdown for the README.

use std::fmt::Write as _;

use serde_json::Value;

use super::super::*;
use super::peers::{By, PEERS};
use crate::detect::testing::judged;

/// Returns root under several identities, times the events that peers look for, in several shapes.
fn variations() -> Vec<String> {
    let identities = [
        r#"{"type":"Root"}"#,
        r#"{"type":"Root","arn":"arn:aws:iam::111122223333:root","accessKeyId":"AKIAX"}"#,
        r#"{"type":"Root","accessKeyId":"ASIAX","sessionContext":{"attributes":{"mfaAuthenticated":"true"}}}"#,
        r#"{"type":"Root","accessKeyId":"ASIAX","sessionContext":{"attributes":{"mfaAuthenticated":"false"}}}"#,
        r#"{"type":"Root","invokedBy":"signin.amazonaws.com"}"#,
    ];
    let mut events = Vec::new();
    for said in ["Success", "Failure"] {
        let error = if said == "Failure" { r#","errorMessage":"Failed authentication""# } else { "" };
        for data in [r#"{"MFAUsed":"No"}"#, r#"{"MFAUsed":"NO"}"#, r#"{"MFAUsed":"Yes"}"#, "null"] {
            events.push(format!(
                r#""eventSource":"signin.amazonaws.com","eventType":"AwsConsoleSignIn","eventName":"ConsoleLogin","responseElements":{{"ConsoleLogin":"{said}"}},"additionalEventData":{data}{error}"#
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
        ("iam", "DeleteVirtualMFADevice"),
        ("iam", "EnableMFADevice"),
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
                .filter(|rule| match peer.system {
                    By::Known(system) => {
                        rule.references.iter().any(|known| known.system == system && known.name == peer.name)
                    }
                    By::Other(_, ours) => ours.contains(&rule.id),
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
        (System::Aws, "Security Hub CloudWatch.1"),
        (System::Aws, "Security Hub IAM.4"),
        (System::Aws, "Security Hub IAM.6"),
        (System::Aws, "Security Hub IAM.9"),
    ]
    .into_iter()
    .chain(PEERS.iter().filter_map(|peer| match peer.system {
        By::Known(system) => Some((system, peer.name)),
        By::Other(..) => None,
    })) {
        assert!(
            all().flat_map(|rule| rule.references).any(|known| known.system == system && known.name == name),
            "{system} {name}"
        );
    }
    assert!(all().flat_map(|rule| rule.references).any(|known| known.system == System::Netskope));
}
