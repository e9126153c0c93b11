//! Root's access keys and login profile: made, removed, used.
//!
//! The same IAM calls serve root and users, so every rule here asks first whom the call concerns. The request
//! names the user, or nobody, which stands for the caller. Where CloudTrail left the parameters out, the
//! response decides; where the response does not say either, the call counts as both, since doubt must stay
//! visible.

use super::example::{call, call_by};
use super::rule::short::{CRITICAL, HIGH, MEDIUM, api, only, refer};
use super::{Api, Case, Example, Rule, System};

/// The name for root where an API wants a user's name.
pub(super) const ROOT_USER_NAME: &str = "AWS ROOT USER";

/// The identity that a call concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    /// Root itself: the request names no user, or root by AWS's name.
    Root,
    /// A user.
    User,
    /// The parameters were left out, and the response does not say.
    Unknown,
}

pub(super) fn is_root_name(name: &str) -> bool {
    name.trim().eq_ignore_ascii_case(ROOT_USER_NAME)
}

fn subject(case: &Case<'_>) -> Subject {
    let of = |name: Option<&str>| match name {
        Some(name) if !is_root_name(name) => Subject::User,
        _ => Subject::Root,
    };
    if !case.record.parameters_are_omitted() {
        return of(case.record.filled("requestParameters.userName"));
    }
    // The response says what was made, and for whom.
    let made = ["accessKey", "loginProfile", "certificate", "sSHPublicKey", "serviceSpecificCredential"]
        .map(|thing| format!("responseElements.{thing}"))
        .into_iter()
        .find(|path| case.record.is_object(path) && case.record.holds_something(path));
    match made {
        Some(path) => of(case.record.filled(&format!("{path}.userName"))),
        None => Subject::Unknown,
    }
}

/// Returns whether root acts on itself, as far as the record says.
fn for_itself(case: &Case<'_>) -> bool {
    subject(case) != Subject::User
}

fn for_a_user(case: &Case<'_>) -> bool {
    subject(case) != Subject::Root
}

/// The condition of [`for_itself`].
const FOR_ITSELF: &str =
    "the request names no user but root (where its parameters were left out, the response does not)";
/// The condition of [`for_a_user`].
const FOR_A_USER: &str = "the request names a user other than root (where its parameters were left out, the response does, or there is none to tell)";

/// Returns a call that counts only where it switches a credential on.
const fn activation(name: &'static str) -> Api {
    only("iam", name, "status is Active, or the parameters were left out", |case| {
        case.parameter_may_be("requestParameters.status", "Active")
    })
}

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "root-access-key-created",
        title: "Root made an access key for itself",
        tried: "Root tried to make an access key for itself",
        attack: &["T1098.001"],
        when: FOR_ITSELF,
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
        tried: "A root access key was tried",
        when: "userIdentity.accessKeyId starts with AKIA",
        reason: "Root has a long-term access key: a leak of one file is the loss of the account.",
        next: "Find where the key lives, delete it, and read everything that it did.",
        references: &[
            refer(System::Cis, "1.4"),
            refer(System::AwsConfig, "iam-root-access-key-check"),
            refer(System::Aws, "Security Hub IAM.4"),
            refer(System::Netskope, "CSPM root checks after CIS 1.4"),
        ],
        holds: |case| case.record.text("userIdentity.accessKeyId").is_some_and(|key| key.starts_with("AKIA")),
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
        tried: "Root tried to make itself a console password",
        attack: &["T1098.001"],
        when: FOR_ITSELF,
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
        tried: "Root tried to remove its console password",
        attack: &["T1098.001", "T1531"],
        when: FOR_ITSELF,
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
        id: "root-own-credential-added",
        title: "Root gave itself a further credential, or switched one on",
        tried: "Root tried to give itself a further credential, or to switch one on",
        attack: &["T1098.001"],
        when: FOR_ITSELF,
        reason: "A certificate or an old key that works again is a way back in as root that nobody looks for.",
        next: "List root's keys and certificates in the credential report; remove what nobody ordered.",
        references: &[refer(System::Cis, "1.4"), refer(System::Aws, "Security Hub IAM.4")],
        events: &[
            api("iam", "UploadSigningCertificate"),
            activation("UpdateSigningCertificate"),
            activation("UpdateAccessKey"),
            api("iam", "CreateServiceSpecificCredential"),
            api("iam", "ResetServiceSpecificCredential"),
            activation("UpdateServiceSpecificCredential"),
            api("iam", "UploadSSHPublicKey"),
            activation("UpdateSSHPublicKey"),
        ],
        holds: for_itself,
        example: Example {
            matching: call!(
                "iam",
                "UpdateAccessKey",
                r#""requestParameters":{"accessKeyId":"AKIAIOSFODNN7EXAMPLE","status":"Active"}"#
            ),
            other: call!(
                "iam",
                "UpdateAccessKey",
                r#""requestParameters":{"accessKeyId":"AKIAIOSFODNN7EXAMPLE","status":"Inactive"}"#
            ),
        },
        ..CRITICAL
    },
    Rule {
        id: "root-user-credentials-created",
        title: "Root made credentials for a user, or switched them on",
        tried: "Root tried to make credentials for a user, or to switch them on",
        attack: &["T1098.001"],
        when: FOR_A_USER,
        reason: "A user's new key or password outlives root's session.",
        next: "Check who holds the user; delete the key or password if nobody ordered it.",
        events: &[
            api("", "CreateAccessKey"),
            api("iam", "CreateLoginProfile"),
            api("iam", "UpdateLoginProfile"),
            api("iam", "CreateServiceSpecificCredential"),
            api("iam", "ResetServiceSpecificCredential"),
            api("iam", "UploadSSHPublicKey"),
            api("iam", "UploadSigningCertificate"),
            activation("UpdateAccessKey"),
            activation("UpdateSigningCertificate"),
            activation("UpdateServiceSpecificCredential"),
            activation("UpdateSSHPublicKey"),
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
        tried: "A URL that root signed was tried",
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
        tried: "Root tried a call signed with the outdated version 2",
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
