//! The rules that others publish, rewritten from their text.

use std::fmt;

use serde_json::Value;

use super::super::System;

/// Whose rule it is.
pub(super) enum By {
    /// A system that our rules name.
    Known(System),
    /// Another one, and our rules that stand for its rule.
    Other(&'static str, &'static [&'static str]),
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            By::Known(system) => system.fmt(f),
            By::Other(name, _) => f.write_str(name),
        }
    }
}

/// Every rule for sign-ins.
const LOGINS: &[&str] = &[
    "root-console-login-without-mfa",
    "root-console-login-mfa-unknown",
    "root-console-login-with-mfa",
    "root-console-login-failed",
];

pub(super) struct Peer {
    pub(super) system: By,
    pub(super) name: &'static str,
    /// The version or date from which the peer's rule is deprecated.
    pub(super) deprecated: Option<&'static str>,
    /// Whether the condition asks for root. Where it does not, only hits that are root's are ours to cover.
    pub(super) root_only: bool,
    pub(super) hits: fn(&Value) -> bool,
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

pub(super) const PEERS: &[Peer] = &[
    Peer {
        system: By::Known(System::Cis),
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
        system: By::Known(System::GuardDuty),
        name: "Policy:IAMUser/RootCredentialUsage",
        deprecated: None,
        root_only: true,
        hits: |event| root(event) && !is(event, "eventType", "AwsServiceEvent"),
    },
    Peer {
        system: By::Known(System::Sigma),
        name: "aws_root_account_usage",
        deprecated: None,
        root_only: true,
        hits: |event| root(event) && !is(event, "eventType", "AwsServiceEvent"),
    },
    Peer {
        system: By::Known(System::Sigma),
        name: "aws_cloudtrail_console_login_success_without_mfa",
        deprecated: None,
        root_only: false,
        hits: |event| {
            sign_in_page(event) && login(event) && mfa_used_no(event) && login_said(event, "Success")
        },
    },
    Peer {
        system: By::Known(System::Elastic),
        name: "initial_access_console_login_root",
        deprecated: None,
        root_only: true,
        hits: |event| {
            sign_in_page(event) && login(event) && root(event) && elastic_outcome(event) == "success"
        },
    },
    Peer {
        system: By::Known(System::Elastic),
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
    // These rules count the same sign-ins, over accounts in place of times.
    Peer {
        system: By::Known(System::Elastic),
        name: "credential_access_root_console_password_spraying",
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
        system: By::Known(System::Elastic),
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
        system: By::Known(System::Elastic),
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
        system: By::Known(System::Elastic),
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
        system: By::Known(System::Elastic),
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
        system: By::Known(System::Panther),
        name: "AWS.Console.RootLogin",
        deprecated: None,
        root_only: true,
        hits: |event| login(event) && root(event) && login_said(event, "Success"),
    },
    Peer {
        system: By::Known(System::Panther),
        name: "AWS.Console.RootLoginFailed",
        deprecated: None,
        root_only: true,
        hits: |event| login(event) && root(event) && login_said(event, "Failure"),
    },
    Peer {
        system: By::Known(System::Panther),
        name: "AWS.CloudTrail.RootAccessKeyCreated",
        deprecated: None,
        root_only: true,
        hits: |event| {
            is(event, "eventName", "CreateAccessKey") && root(event) && missing(event, "requestParameters")
        },
    },
    Peer {
        system: By::Known(System::Panther),
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
                && event.get("readOnly").and_then(Value::as_bool) != Some(true)
        },
    },
    Peer {
        system: By::Known(System::Panther),
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
        system: By::Known(System::Falco),
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
        system: By::Known(System::Falco),
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
        system: By::Known(System::Tailpipe),
        name: "iam_root_user_console_login",
        deprecated: None,
        root_only: true,
        hits: |event| login(event) && root(event),
    },
    Peer {
        system: By::Known(System::Tailpipe),
        name: "iam_root_user_email_address_updated",
        deprecated: None,
        root_only: true,
        hits: |event| {
            is(event, "eventSource", "iam.amazonaws.com")
                && is(event, "eventName", "EmailUpdated")
                && root(event)
        },
    },
    Peer {
        system: By::Known(System::Sigma),
        name: "aws_cloudtrail_console_login_failed_authentication",
        deprecated: None,
        root_only: false,
        hits: |event| login(event) && is(event, "errorMessage", "Failed authentication"),
    },
    Peer {
        system: By::Known(System::Panther),
        name: "AWS.Console.LoginWithoutMFA",
        deprecated: None,
        root_only: false,
        hits: |event| {
            login(event)
                && login_said(event, "Success")
                && missing(event, "additionalEventData.SamlProviderArn")
                && !at(event, "userIdentity.arn").is_some_and(|arn| arn.contains("AWSReservedSSO"))
                && !is(event, "additionalEventData.MFAUsed", "Yes")
                && !is(event, "userIdentity.sessionContext.attributes.mfaAuthenticated", "true")
        },
    },
    Peer {
        system: By::Known(System::Splunk),
        name: "aws_successful_single_factor_authentication",
        deprecated: None,
        root_only: false,
        // The add-on writes `success` where there is no error.
        hits: |event| {
            sign_in_page(event) && login(event) && elastic_outcome(event) == "success" && mfa_used_no(event)
        },
    },
    Peer {
        system: By::Known(System::Splunk),
        name: "aws_console_login_failed_during_mfa_challenge",
        deprecated: None,
        root_only: false,
        hits: |event| {
            login(event)
                && is(event, "errorMessage", "Failed authentication")
                && is(event, "additionalEventData.MFAUsed", "Yes")
        },
    },
    Peer {
        system: By::Known(System::Splunk),
        name: "aws_credential_access_failed_login",
        deprecated: None,
        root_only: false,
        hits: |event| login(event) && is(event, "errorMessage", "Failed authentication"),
    },
    Peer {
        system: By::Known(System::Splunk),
        name: "aws_multi_factor_authentication_disabled",
        deprecated: None,
        root_only: false,
        hits: |event| {
            is(event, "eventName", "DeleteVirtualMFADevice") || is(event, "eventName", "DeactivateMFADevice")
        },
    },
    Peer {
        system: By::Known(System::Splunk),
        name: "aws_new_mfa_method_registered_for_user",
        deprecated: None,
        root_only: false,
        hits: |event| is(event, "eventName", "CreateVirtualMFADevice"),
    },
    Peer {
        system: By::Other("Datadog", &["root-activity"]),
        name: "AWS root account activity",
        deprecated: None,
        root_only: true,
        hits: |event| root(event) && missing(event, "userIdentity.invokedBy"),
    },
    Peer {
        system: By::Other("Datadog", LOGINS),
        name: "AWS console login without MFA",
        deprecated: None,
        root_only: false,
        hits: |event| {
            login(event) && is(event, "userIdentity.sessionContext.attributes.mfaAuthenticated", "false")
        },
    },
    Peer {
        system: By::Other("Datadog", &["root-console-login-failed"]),
        name: "Potential brute force attack on AWS ConsoleLogin",
        deprecated: None,
        root_only: false,
        hits: |event| login(event) && login_said(event, "Failure"),
    },
    Peer {
        system: By::Other("Google", &["root-console-login-without-mfa"]),
        name: "aws_console_login_without_mfa",
        deprecated: None,
        root_only: false,
        hits: |event| {
            login(event) && login_said(event, "Success") && is(event, "additionalEventData.MFAUsed", "No")
        },
    },
    Peer {
        system: By::Other("Google", &["root-mfa-removed", "root-removed-user-mfa"]),
        name: "aws_multi_factor_authentication_disabled",
        deprecated: None,
        root_only: false,
        hits: |event| {
            (is(event, "eventName", "DeleteVirtualMFADevice")
                || is(event, "eventName", "DeactivateMFADevice"))
                && missing(event, "errorCode")
        },
    },
    Peer {
        system: By::Other("Google", &["root-mfa-registered", "root-registered-user-mfa"]),
        name: "aws_new_mfa_method_registered_for_user",
        deprecated: None,
        root_only: false,
        hits: |event| {
            (is(event, "eventName", "CreateVirtualMFADevice") || is(event, "eventName", "EnableMFADevice"))
                && missing(event, "errorCode")
        },
    },
];
