//! Ways in from outside: identity providers, certificates, and who may sign in to the console.

use super::example::call;
use super::rule::short::{HIGH, api};
use super::{Example, Rule};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "root-outside-identity-trusted",
        title: "Trust with identities outside this account was set up or changed",
        tried: "Root tried to set up or change trust with identities outside this account",
        attack: &["T1484.002", "T1098"],
        reason: "Whoever holds the other side's keys comes in without a credential of this account, and stays.",
        next: "Check who runs the provider or holds the certificates; remove what nobody ordered, and the roles that trust it.",
        events: &[
            api("iam", "CreateSAMLProvider"),
            api("iam", "UpdateSAMLProvider"),
            api("iam", "CreateOpenIDConnectProvider"),
            api("iam", "AddClientIDToOpenIDConnectProvider"),
            api("iam", "UpdateOpenIDConnectProviderThumbprint"),
            api("iam", "EnableOutboundWebIdentityFederation"),
            api("iam", "AcceptDelegationRequest"),
            api("sso", "CreateInstance"),
            api("sso", "CreateAccountAssignment"),
            api("sso", "CreateTrustedTokenIssuer"),
            api("rolesanywhere", "CreateTrustAnchor"),
            api("rolesanywhere", "UpdateTrustAnchor"),
            api("rolesanywhere", "EnableTrustAnchor"),
            api("rolesanywhere", "CreateProfile"),
            api("rolesanywhere", "UpdateProfile"),
            api("rolesanywhere", "EnableProfile"),
        ],
        example: Example {
            matching: call!("iam", "CreateSAMLProvider", r#""requestParameters":{"name":"idp"}"#),
            other: call!("iam", "ListSAMLProviders", r#""readOnly":true"#),
        },
        ..HIGH
    },
    Rule {
        id: "root-sign-in-rules-changed",
        title: "Who may sign in to the console was changed",
        tried: "Root tried to change who may sign in to the console",
        attack: &["T1556", "T1098"],
        reason: "These rules decide from where and by whom the console can be reached: owners can be shut out by them.",
        next: "Compare the rules with what they should be, from a session that is still open.",
        events: &[
            api("signin", "PutConsoleAuthorizationConfiguration"),
            api("signin", "PutResourcePermissionStatement"),
        ],
        example: Example {
            matching: call!("signin", "PutResourcePermissionStatement"),
            other: call!("signin", "ListResourcePermissionStatements", r#""readOnly":true"#),
        },
        ..HIGH
    },
];
