//! Secrets that root reads. AWS marks these calls as read-only.

use super::example::call;
use super::rule::short::{MEDIUM, api, only};
use super::{Api, Case, Example, Rule};

fn decrypts(case: &Case<'_>) -> bool {
    case.record.parameters_are_omitted()
        || case.record.yes_or_no("requestParameters.withDecryption") == Some(true)
}

const fn parameter(name: &'static str) -> Api {
    only("ssm", name, "withDecryption is true, or the parameters were left out", decrypts)
}

pub(super) static RULES: &[Rule] = &[Rule {
    id: "root-secret-read",
    title: "Root fetched a secret, a password or a token",
    tried: "Root tried to fetch a secret, a password or a token",
    attack: &["T1555.006", "T1552"],
    reason: "What it opens stays open when root's session has ended.",
    next: "Ask whether it was needed; change the secret if nobody knows, and look for its use.",
    events: &[
        api("secretsmanager", "GetSecretValue"),
        api("secretsmanager", "BatchGetSecretValue"),
        parameter("GetParameter"),
        parameter("GetParameters"),
        parameter("GetParametersByPath"),
        parameter("GetParameterHistory"),
        api("ec2", "GetPasswordData"),
        api("lightsail", "GetInstanceAccessDetails"),
        api("lightsail", "GetRelationalDatabaseMasterUserPassword"),
        api("lightsail", "DownloadDefaultKeyPair"),
        api("redshift", "GetClusterCredentials"),
        api("redshift", "GetClusterCredentialsWithIAM"),
        api("redshift-serverless", "GetCredentials"),
        api("ecr", "GetAuthorizationToken"),
        api("codeartifact", "GetAuthorizationToken"),
        api("ssm", "GetAccessToken"),
        api("sts", "GetWebIdentityToken"),
        api("sts", "GetDelegatedAccessToken"),
    ],
    example: Example {
        matching: call!("secretsmanager", "GetSecretValue", r#""readOnly":true"#),
        other: call!(
            "ssm",
            "GetParameter",
            r#""readOnly":true,"requestParameters":{"name":"p","withDecryption":false}"#
        ),
    },
    ..MEDIUM
}];
