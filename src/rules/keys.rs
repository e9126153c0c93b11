//! Root's access keys and login profile: made, removed, used.

use super::example::{call, call_by};
use super::rule::short::{CRITICAL, HIGH, MEDIUM, api, refer};
use super::{Case, Example, Rule, System};
use crate::finding::CredentialType;

/// How AWS writes root where an API wants a user's name.
pub(super) const ROOT_USER_NAME: &str = "AWS ROOT USER";

/// Root acts on itself: the request names no user.
pub(super) fn for_itself(case: &Case<'_>) -> bool {
    match case.record.filled("requestParameters.userName") {
        None => true,
        Some(name) => name == ROOT_USER_NAME,
    }
}

fn for_a_user(case: &Case<'_>) -> bool {
    !for_itself(case)
}

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "root-access-key-created",
        title: "Root made an access key for itself",
        attack: &["T1098.001"],
        when: "the request names no user",
        reason: "A root access key never expires, needs no MFA and cannot be limited.",
        next: "Delete the key, then search every region for its use (root-access-key-used).",
        references: &[
            refer(System::Cis, "1.4"),
            refer(System::AwsConfig, "iam-root-access-key-check"),
            refer(System::Aws, "Security Hub IAM.4"),
            refer(System::Panther, "AWS.CloudTrail.RootAccessKeyCreated"),
            refer(System::Netskope, "CSPM root checks after CIS 1.4"),
        ],
        events: &[api("", "CreateAccessKey")],
        holds: for_itself,
        example: Example {
            matching: call!("iam", "CreateAccessKey", r#""requestParameters":null"#),
            other: call!("iam", "CreateAccessKey", r#""requestParameters":{"userName":"jo"}"#),
        },
        ..CRITICAL
    },
    Rule {
        id: "root-access-key-used",
        title: "A root access key was used",
        when: "userIdentity.accessKeyId starts with AKIA",
        reason: "Root has a long-term access key, without MFA: a leak of one file is the loss of the account.",
        next: "Find where the key lives, delete it, and read everything that it did.",
        references: &[
            refer(System::Cis, "1.4"),
            refer(System::AwsConfig, "iam-root-access-key-check"),
            refer(System::Aws, "Security Hub IAM.4"),
            refer(System::Netskope, "CSPM root checks after CIS 1.4"),
        ],
        holds: |case| case.verdict.credential == Some(CredentialType::LongTermAccessKey),
        example: Example {
            matching: call_by!(
                r#"{"type":"Root","arn":"arn:aws:iam::111122223333:root","accountId":"111122223333","accessKeyId":"AKIAIOSFODNN7EXAMPLE"}"#,
                "s3",
                "ListBuckets",
                r#""readOnly":true"#
            ),
            other: call!("s3", "ListBuckets", r#""readOnly":true"#),
        },
        ..CRITICAL
    },
    Rule {
        id: "root-login-profile-created",
        title: "A console password was made for root",
        attack: &["T1098.001"],
        when: "the request names no user",
        reason: "A session from AssumeRoot gives itself lasting access to the console as root.",
        next: "Find the AssumeRoot call before it; remove the password if nobody ordered it.",
        references: &[refer(System::Elastic, "persistence_iam_create_login_profile_for_root")],
        events: &[api("iam", "CreateLoginProfile"), api("iam", "UpdateLoginProfile")],
        holds: for_itself,
        example: Example {
            matching: call!(
                "iam",
                "CreateLoginProfile",
                r#""requestParameters":{"passwordResetRequired":false}"#
            ),
            other: call!("iam", "CreateLoginProfile", r#""requestParameters":{"userName":"jo"}"#),
        },
        ..CRITICAL
    },
    Rule {
        id: "root-login-profile-deleted",
        title: "Root's console password was removed",
        attack: &["T1098.001", "T1531"],
        when: "the request names no user",
        reason: "Good practice when the organization does it on purpose, a lock-out when somebody else does.",
        next: "Confirm with the organization's owners that root's password was to be removed centrally.",
        events: &[api("iam", "DeleteLoginProfile")],
        holds: for_itself,
        example: Example {
            matching: call!("iam", "DeleteLoginProfile", r#""requestParameters":null"#),
            other: call!("iam", "DeleteLoginProfile", r#""requestParameters":{"userName":"jo"}"#),
        },
        ..CRITICAL
    },
    Rule {
        id: "root-user-credentials-created",
        title: "Root made credentials for a user",
        attack: &["T1098.001"],
        when: "the request names a user",
        reason: "A user's new key or password outlives root's session.",
        next: "Check who holds the user; delete the key or password if nobody ordered it.",
        events: &[
            api("", "CreateAccessKey"),
            api("iam", "CreateLoginProfile"),
            api("iam", "UpdateLoginProfile"),
        ],
        holds: for_a_user,
        example: Example {
            matching: call!("iam", "CreateAccessKey", r#""requestParameters":{"userName":"jo"}"#),
            other: call!("iam", "CreateAccessKey", r#""requestParameters":null"#),
        },
        ..HIGH
    },
    Rule {
        id: "root-presigned-url",
        title: "A URL that root signed was used",
        attack: &["T1550.001", "T1530"],
        when: "additionalEventData.AuthenticationMethod is QueryString",
        reason: "Whoever has the URL acts as root on the object, without any credential, until it expires.",
        next: "Find who made the URL and who fetched it; the address is the fetcher's.",
        holds: |case| case.record.is_any("additionalEventData.AuthenticationMethod", &["QueryString"]),
        example: Example {
            matching: call!(
                "s3",
                "GetObject",
                r#""additionalEventData":{"AuthenticationMethod":"QueryString"}"#
            ),
            other: call!("s3", "GetObject", r#""additionalEventData":{"AuthenticationMethod":"AuthHeader"}"#),
        },
        ..MEDIUM
    },
    Rule {
        id: "root-signature-v2",
        title: "Root signed with the outdated version 2",
        when: "additionalEventData.SignatureVersion is SigV2",
        reason: "Old tools sign so, often with a root access key that was set up long ago and forgotten.",
        next: "Find the program by its user agent and address; replace it and its key.",
        holds: |case| case.record.is_any("additionalEventData.SignatureVersion", &["SigV2"]),
        example: Example {
            matching: call!("s3", "PutObject", r#""additionalEventData":{"SignatureVersion":"SigV2"}"#),
            other: call!("s3", "PutObject", r#""additionalEventData":{"SignatureVersion":"SigV4"}"#),
        },
        ..MEDIUM
    },
];
