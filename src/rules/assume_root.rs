//! Centralised root access: `AssumeRoot`, the sessions that it opens, and its switches.

use super::example::{call, call_by};
use super::rule::short::{HIGH, api, if_failed, if_it_reads, refer};
use super::{Example, Lowered, Rule, Scope, System};
use crate::finding::{Finding, IdentityKind, Severity};
use crate::json::parse::parse_plain;
use crate::judge::Record;

/// The task policy that lets a session read root's credentials, and nothing else.
const AUDIT: &str = ":policy/root-task/IAMAuditRootUserCredentials";

/// Returns whether the caller asked for that task. A finding without its record does not say.
fn is_audit(finding: &Finding) -> bool {
    let Some(text) = &finding.cloudtrail else { return false };
    let record = parse_plain(text.get());
    let record = Record::new(&record);
    record.is_event(&["AssumeRoot"])
        && ["requestParameters.taskPolicyArn.arn", "requestParameters.taskPolicyArn"]
            .iter()
            .any(|path| record.text(path).is_some_and(|arn| arn.trim().ends_with(AUDIT)))
}

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "assume-root-call",
        title: "AssumeRoot called",
        tried: "AssumeRoot was tried",
        attack: &["T1548.005"],
        when: "anybody calls it, root or not",
        lowered: &[
            if_failed(Severity::Medium),
            Lowered {
                to: Severity::Medium,
                when: "the task is IAMAuditRootUserCredentials",
                applies: is_audit,
            },
        ],
        reason: "The caller gets a root session in a member account without that account's password or MFA.",
        next: "Check the caller and its MFA, the target account and the task policy; read what the session did there.",
        references: &[refer(
            System::Elastic,
            "privilege_escalation_sts_assume_root_from_rare_user_and_member_account",
        )],
        scope: Scope::RootOrCaller,
        events: &[api("sts", "AssumeRoot")],
        example: Example {
            matching: call_by!(
                r#"{"type":"AssumedRole","arn":"arn:aws:sts::111122223333:assumed-role/Admin/jo","accountId":"111122223333"}"#,
                "sts",
                "AssumeRoot",
                r#""requestParameters":{"targetPrincipal":"444455556666","taskPolicyArn":{"arn":"arn:aws:iam::aws:policy/root-task/S3UnlockBucketPolicy"}}"#
            ),
            other: call!("sts", "GetCallerIdentity", r#""readOnly":true"#),
        },
        ..HIGH
    },
    Rule {
        id: "assume-root-session",
        title: "A session from AssumeRoot acted",
        tried: "A session from AssumeRoot tried to act",
        attack: &["T1548.005"],
        when: "the session came from AssumeRoot (identity.kind is root_assume_root_session)",
        lowered: &[if_failed(Severity::Medium), if_it_reads(Severity::Low)],
        reason: "Somebody in the management or delegated account acts as this member account's root.",
        next: "Find the AssumeRoot call in the management account's trail within the 15 minutes before.",
        holds: |case| case.verdict.identity == Some(IdentityKind::RootAssumeRootSession),
        example: Example {
            matching: call_by!(
                r#"{"type":"Root","arn":"arn:aws:iam::111122223333:root","accountId":"111122223333","accessKeyId":"ASIAIOSFODNN7EXAMPLE","sessionContext":{"assumedRoot":"true","attributes":{"creationDate":"2024-05-01T11:58:00Z","mfaAuthenticated":"false"}}}"#,
                "s3",
                "GetBucketPolicy",
                r#""readOnly":true"#
            ),
            other: call!("s3", "GetBucketPolicy", r#""readOnly":true"#),
        },
        ..HIGH
    },
    Rule {
        id: "centralized-root-access-changed",
        title: "Centralised root access switched on or off",
        tried: "Root tried to switch centralised root access on or off",
        attack: &["T1098.003"],
        reason: "It decides whether the management account can act as root of every member account.",
        next: "Confirm the change with the organization's owners; list AssumeRoot calls since.",
        events: &[
            api("iam", "EnableOrganizationsRootSessions"),
            api("iam", "DisableOrganizationsRootSessions"),
            api("iam", "EnableOrganizationsRootCredentialsManagement"),
            api("iam", "DisableOrganizationsRootCredentialsManagement"),
        ],
        example: Example {
            matching: call!("iam", "EnableOrganizationsRootSessions"),
            other: call!("iam", "ListOrganizationsFeatures", r#""readOnly":true"#),
        },
        ..HIGH
    },
];
