//! Temporary credentials that root makes, and federated sessions that root issued.

use super::example::{call, call_by};
use super::rule::short::{HIGH, api};
use super::{Example, Rule};
use crate::finding::IdentityKind;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "root-federation-token-issued",
        title: "Root issued federated credentials",
        tried: "Root tried to issue federated credentials",
        attack: &["T1550.001", "T1078.004"],
        reason: "They act for up to an hour after root's key is deleted, and carry no MFA.",
        next: "Follow responseElements.credentials.accessKeyId through the logs; delete root's key.",
        events: &[api("sts", "GetFederationToken")],
        example: Example {
            matching: call!("sts", "GetFederationToken"),
            other: call_by!(
                r#"{"type":"IAMUser","userName":"jo","arn":"arn:aws:iam::111122223333:user/jo","accountId":"111122223333"}"#,
                "sts",
                "GetFederationToken",
                r#""readOnly":false"#
            ),
        },
        ..HIGH
    },
    Rule {
        id: "root-session-token-issued",
        title: "Root issued temporary credentials",
        tried: "Root tried to issue temporary credentials",
        attack: &["T1550.001", "T1078.004"],
        reason: "They act as root for up to an hour, also after the key that made them is deleted.",
        next: "Follow responseElements.credentials.accessKeyId through the logs.",
        events: &[api("sts", "GetSessionToken")],
        example: Example {
            matching: call!("sts", "GetSessionToken"),
            other: call!("sts", "GetCallerIdentity", r#""readOnly":true"#),
        },
        ..HIGH
    },
    Rule {
        id: "root-oauth-credentials-issued",
        title: "Root gave credentials to a command line or an agent",
        tried: "Root tried to give credentials to a command line or an agent",
        attack: &["T1550.001", "T1528"],
        reason: "A program acts as root for up to twelve hours and renews its credentials itself; AWS marks the call as one that only reads.",
        next: "Ask whose program it is; end root's sessions, and read what came from the address that redeemed the token.",
        events: &[
            api("signin", "AuthorizeOAuth2Access"),
            api("signin", "CreateOAuth2Token"),
            api("signin", "CreateOAuth2TokenWithIAM"),
            api("signin", "CreateBearerToken"),
        ],
        example: Example {
            matching: call!(
                "signin",
                "CreateOAuth2Token",
                r#""readOnly":true,"additionalEventData":{"success":"true"}"#
            ),
            other: call!("signin", "GetSigninToken", r#""readOnly":true"#),
        },
        ..HIGH
    },
    Rule {
        id: "root-federated-session",
        title: "A federated session of root acted",
        tried: "A federated session of root tried to act",
        attack: &["T1550.001", "T1078.004"],
        when: "the session's issuer is root and the caller itself is not of type Root",
        reason: "Root's power under another name: filters on type Root do not see it.",
        next: "Find root's GetFederationToken call that issued it and the program that made it.",
        holds: |case| case.verdict.identity == Some(IdentityKind::RootFederated),
        example: Example {
            matching: call_by!(
                r#"{"type":"FederatedUser","arn":"arn:aws:sts::111122223333:federated-user/jo","accountId":"111122223333","accessKeyId":"ASIAIOSFODNN7EXAMPLE","sessionContext":{"sessionIssuer":{"type":"Root","arn":"arn:aws:iam::111122223333:root"},"attributes":{"mfaAuthenticated":"false"}}}"#,
                "s3",
                "ListBuckets",
                r#""readOnly":true"#
            ),
            other: call_by!(
                r#"{"type":"FederatedUser","arn":"arn:aws:sts::111122223333:federated-user/jo","sessionContext":{"sessionIssuer":{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/jo"}}}"#,
                "s3",
                "ListBuckets",
                r#""readOnly":true"#
            ),
        },
        ..HIGH
    },
];
