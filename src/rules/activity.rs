//! The base line: root acted.

use super::example::{call, call_by};
use super::rule::short::{MEDIUM, if_failed, refer};
use super::{Example, Lowered, Rule, System};
use crate::finding::{IdentityKind, Severity};

/// The rule that holds for every event of root.
pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "root-from-another-account",
        title: "Another account's root acted here",
        when: "userIdentity is the root ARN of another account (type AWSAccount)",
        reason: "A resource of this account is open to another account, and that account's root used it.",
        next: "Find the policy that lets the other account in; ask its owner why root was needed.",
        holds: |case| case.verdict.identity == Some(IdentityKind::RootCrossAccount),
        example: Example {
            matching: call_by!(
                r#"{"type":"AWSAccount","principalId":"444455556666","arn":"arn:aws:iam::444455556666:root","accountId":"444455556666"}"#,
                "kms",
                "GenerateDataKey",
                r#""readOnly":true"#
            ),
            other: call!("kms", "GenerateDataKey", r#""readOnly":true"#),
        },
        ..MEDIUM
    },
    Rule {
        id: "root-activity",
        title: "Root activity",
        lowered: &[
            if_failed(Severity::Low),
            Lowered {
                to: Severity::Low,
                when: "the call only reads",
                applies: |finding| finding.event.read_only == Some(true),
            },
            Lowered {
                to: Severity::Low,
                when: "it is a directory sign-in of IAM Identity Center, logged as Root",
                applies: |finding| finding.event.name.as_deref() == Some("ExternalIdPDirectoryLogin"),
            },
        ],
        when: "the actor is root in one of its five forms",
        reason: "Root can do anything in its account and cannot be limited by IAM policies; daily work never needs it.",
        next: "Ask who used root and for which task; if nobody knows, treat the account as compromised.",
        references: &[
            refer(System::Cis, "1.7"),
            refer(System::Cis, "4.3"),
            refer(System::GuardDuty, "Policy:IAMUser/RootCredentialUsage"),
            refer(System::Sigma, "aws_root_account_usage"),
            refer(System::Panther, "AWS.Root.Activity"),
            refer(System::Tailpipe, "root_user_activity_report"),
            refer(System::Netskope, "CSPM root checks after CIS 1.7"),
            refer(System::Aws, "Security Hub CloudWatch.1"),
        ],
        example: Example {
            matching: call!("ec2", "CreateVpc"),
            other: call_by!(
                r#"{"type":"IAMUser","userName":"root","arn":"arn:aws:iam::111122223333:user/root","accountId":"111122223333"}"#,
                "ec2",
                "CreateVpc",
                r#""readOnly":false"#
            ),
        },
        ..MEDIUM
    },
];
