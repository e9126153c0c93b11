//! The base line: root acted.

use super::example::{call, call_by};
use super::rule::short::{MEDIUM, if_failed, if_it_reads, refer};
use super::{Example, Lowered, Rule, System};
use crate::finding::{Finding, IdentityKind, Severity};
use crate::judge::DIRECTORY_SIGN_INS;

/// Returns what [`Record::is_directory_sign_in`](crate::judge::Record::is_directory_sign_in) says of a
/// finding's record.
fn is_directory_sign_in(finding: &Finding) -> bool {
    let is = |field: &Option<String>, names: &[&str]| {
        field.as_deref().is_some_and(|text| names.iter().any(|name| text.eq_ignore_ascii_case(name)))
    };
    let event = &finding.event;
    let sign_in = is(&event.kind, &["AwsConsoleSignIn"]) || is(&event.source, &["signin.amazonaws.com"]);
    sign_in && event.name.as_deref().is_some_and(|name| DIRECTORY_SIGN_INS.contains(&name))
}

/// The rule that holds for every event of root.
pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "root-from-another-account",
        title: "Another account's root acted here",
        tried: "Another account's root tried to act here",
        when: "root's account is not recipientAccountId, or the type is AWSAccount and nothing says that the account is the record's own",
        reason: "A resource of this account is open to another account, and that account's root used it.",
        next: "Find the policy that lets the other account in; ask its owner why root was needed.",
        holds: |case| {
            case.verdict.identity == Some(IdentityKind::RootCrossAccount)
                || case.record.is_from_another_account()
        },
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
        tried: "Root activity that failed",
        lowered: &[
            if_failed(Severity::Low),
            if_it_reads(Severity::Low),
            Lowered {
                to: Severity::Low,
                when: "it is a sign-in to a directory, logged as Root",
                applies: is_directory_sign_in,
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
