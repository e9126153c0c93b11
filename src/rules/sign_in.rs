//! Signing in to the console.

use super::example::{call_by, sign_in};
use super::rule::short::{CRITICAL, HIGH, MEDIUM, api, refer};
use super::{Api, Case, Example, Reference, Rule, System};
use crate::finding::{IdentityKind, MfaStatus};

const CONSOLE_LOGIN: &[Api] = &[api("", "ConsoleLogin")];

/// Every rule about a successful sign-in covers these.
const ELASTIC_LOGIN: Reference = refer(System::Elastic, "initial_access_console_login_root");
const PANTHER_LOGIN: Reference = refer(System::Panther, "AWS.Console.RootLogin");
/// Panther compares letters: `MFAUsed` in other letters, as in AWS's own example of root, counts as no MFA.
const PANTHER_NO_MFA: Reference = refer(System::Panther, "AWS.Console.LoginWithoutMFA");
const TAILPIPE_LOGIN: Reference = refer(System::Tailpipe, "iam_root_user_console_login");

/// Returns whether a successful sign-in has one of these statuses. A federated session's sign-in says nothing
/// of how root signed in, and has a rule of its own.
fn success_with(case: &Case<'_>, statuses: &[MfaStatus]) -> bool {
    case.succeeded()
        && case.verdict.identity != Some(IdentityKind::RootFederated)
        && case.verdict.mfa.is_some_and(|status| statuses.contains(&status))
}

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "root-console-login-without-mfa",
        title: "Root signed in to the console without MFA",
        lowered: &[],
        when: "it succeeded, MFA was not used, and the session is not a federated one",
        reason: "The password alone was enough: whoever has it, or the mailbox that resets it, owns the account.",
        next: "Reset the password, register MFA for root, end root's sessions and read everything that they did.",
        references: &[
            refer(System::Cis, "1.5"),
            refer(System::AwsConfig, "root-account-mfa-enabled"),
            refer(System::Aws, "Security Hub IAM.9"),
            refer(System::Sigma, "aws_cloudtrail_console_login_success_without_mfa"),
            refer(System::Elastic, "privilege_escalation_root_login_without_mfa"),
            ELASTIC_LOGIN,
            PANTHER_LOGIN,
            PANTHER_NO_MFA,
            refer(System::Falco, "Console Root Login Without MFA"),
            TAILPIPE_LOGIN,
            refer(System::Splunk, "aws_successful_single_factor_authentication"),
            refer(System::Netskope, "CSPM root checks after CIS 1.5"),
        ],
        events: CONSOLE_LOGIN,
        holds: |case| success_with(case, &[MfaStatus::NotUsed]),
        example: Example {
            matching: sign_in!("ConsoleLogin", "Success", r#"{"MFAUsed":"No"}"#),
            other: sign_in!("ConsoleLogin", "Failure", r#"{"MFAUsed":"No"}"#),
        },
        ..CRITICAL
    },
    Rule {
        id: "root-console-login-with-mfa",
        title: "Root signed in to the console with MFA",
        lowered: &[],
        when: "it succeeded, MFA was used, and the session is not a federated one",
        reason: "Signing in as root should be a rare, announced event even with MFA.",
        next: "Ask the holder of the MFA device whether it was they, and for which task.",
        references: &[ELASTIC_LOGIN, PANTHER_LOGIN, PANTHER_NO_MFA, TAILPIPE_LOGIN],
        events: CONSOLE_LOGIN,
        holds: |case| success_with(case, &[MfaStatus::Used]),
        example: Example {
            matching: sign_in!("ConsoleLogin", "Success", r#"{"MFAUsed":"Yes"}"#),
            other: sign_in!("ConsoleLogin", "Success", r#"{"MFAUsed":"No"}"#),
        },
        ..HIGH
    },
    Rule {
        id: "root-console-login-mfa-unknown",
        title: "Root signed in to the console, MFA not recorded",
        lowered: &[],
        when: "it succeeded, the record does not say whether root used MFA, and the session is not a federated one",
        reason: "A sign-in as root whose strength the record does not prove.",
        next: "Treat it as a sign-in without MFA until the account's credential report shows otherwise.",
        references: &[ELASTIC_LOGIN, PANTHER_LOGIN, PANTHER_NO_MFA, TAILPIPE_LOGIN],
        events: CONSOLE_LOGIN,
        holds: |case| success_with(case, &[MfaStatus::Unknown, MfaStatus::NotApplicable]),
        example: Example {
            matching: sign_in!("ConsoleLogin", "Success", "{}"),
            other: sign_in!("ConsoleLogin", "Success", r#"{"MFAUsed":"Yes"}"#),
        },
        ..HIGH
    },
    Rule {
        id: "root-console-login-failed-at-mfa",
        title: "Root's password was right, MFA failed",
        lowered: &[],
        attack: &["T1078.004", "T1110.001"],
        when: "it failed although MFA was used",
        reason: "The sign-in broke off at the MFA step: somebody has root's password.",
        next: "If the owner did not mistype a code, change the password now and look for the same address elsewhere.",
        references: &[refer(System::Splunk, "aws_console_login_failed_during_mfa_challenge")],
        events: CONSOLE_LOGIN,
        holds: |case| !case.succeeded() && case.verdict.mfa == Some(MfaStatus::Used),
        example: Example {
            matching: sign_in!("ConsoleLogin", "Failure", r#"{"MFAUsed":"Yes"}"#),
            other: sign_in!("ConsoleLogin", "Failure", r#"{"MFAUsed":"No"}"#),
        },
        ..HIGH
    },
    Rule {
        id: "root-console-login-failed",
        title: "A sign-in as root failed",
        lowered: &[],
        attack: &["T1110.001", "T1110.003"],
        when: "it did not succeed",
        reason: "Somebody knows root's e-mail address and tries passwords; many of these are a spray.",
        next: "Count them by address and account; ten or more in an account are an attack, a success after them a break-in.",
        references: &[
            refer(System::Elastic, "credential_access_root_console_failure_brute_force"),
            refer(System::Elastic, "credential_access_root_console_password_spraying"),
            refer(System::Panther, "AWS.Console.RootLoginFailed"),
            refer(System::Sigma, "aws_cloudtrail_console_login_failed_authentication"),
            refer(System::Splunk, "aws_credential_access_failed_login"),
            TAILPIPE_LOGIN,
        ],
        events: CONSOLE_LOGIN,
        holds: |case| !case.succeeded(),
        example: Example {
            matching: sign_in!("ConsoleLogin", "Failure", r#"{"MFAUsed":"No"}"#),
            other: call_by!(
                r#"{"type":"IAMUser","userName":"root","accountId":"111122223333","accessKeyId":""}"#,
                "signin",
                "ConsoleLogin",
                r#""errorMessage":"Failed authentication","responseElements":{"ConsoleLogin":"Failure"}"#
            ),
        },
        ..MEDIUM
    },
];
