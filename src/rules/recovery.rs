//! Root's password and e-mail address: recovery and change.

use super::example::{call, call_by, sign_in};
use super::rule::short::{CRITICAL, HIGH, api, refer};
use super::{Example, Rule, System};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "root-password-recovery-completed",
        title: "Root's password was reset by e-mail",
        tried: "A reset of root's password by e-mail was tried",
        attack: &["T1078", "T1098"],
        reason: "Whoever holds the mailbox now holds root's password.",
        next: "Confirm with the owner of the mailbox; if it was not they, start with the mailbox, then contact AWS Support.",
        events: &[api("signin", "PasswordRecoveryCompleted")],
        example: Example {
            matching: sign_in!("PasswordRecoveryCompleted", "Success", "null"),
            other: sign_in!("PasswordRecoveryRequested", "Success", "null"),
        },
        ..CRITICAL
    },
    Rule {
        id: "root-password-recovery-requested",
        title: "A reset of root's password was requested",
        tried: "A request to reset root's password failed",
        attack: &["T1078", "T1098"],
        reason: "Anyone who knows root's e-mail address can start it, but whoever reads the mailbox can finish it.",
        next: "Look for PasswordRecoveryCompleted and a sign-in after it; check who can read the mailbox.",
        references: &[refer(System::Elastic, "initial_access_password_recovery")],
        events: &[api("signin", "PasswordRecoveryRequested")],
        example: Example {
            matching: sign_in!("PasswordRecoveryRequested", "Success", "null"),
            other: call_by!(
                r#"{"type":"IAMUser","userName":"jo","accountId":"111122223333"}"#,
                "signin",
                "PasswordRecoveryRequested",
                r#""responseElements":{"PasswordRecoveryRequested":"Success"}"#
            ),
        },
        ..HIGH
    },
    Rule {
        id: "root-email-changed",
        title: "Root's e-mail address was changed",
        tried: "Root tried to change its e-mail address",
        attack: &["T1098"],
        reason: "Password resets now go to another mailbox: the account can be taken for good.",
        next: "Confirm with the owner; if it is not theirs, contact AWS Support at once to take the account back.",
        references: &[refer(System::Tailpipe, "iam_root_user_email_address_updated")],
        // AWS records this event under signin; Tailpipe looks for iam.
        events: &[api("", "EmailUpdated"), api("account", "AcceptPrimaryEmailUpdate")],
        example: Example {
            matching: sign_in!("EmailUpdated", "Success", "null"),
            other: call!("account", "GetPrimaryEmail", r#""readOnly":true"#),
        },
        ..CRITICAL
    },
    Rule {
        id: "root-password-changed",
        title: "Root's password was changed",
        tried: "Root tried to change its password",
        attack: &["T1098"],
        reason: "The old password no longer works for its owner.",
        next: "Confirm with the owner; read what the session did before and after.",
        references: &[refer(System::Panther, "AWS.CloudTrail.RootPasswordChanged")],
        events: &[api("", "PasswordUpdated")],
        example: Example {
            matching: sign_in!("PasswordUpdated", "Success", "null"),
            other: sign_in!("CheckMfa", "Success", r#"{"MfaType":"Virtual MFA"}"#),
        },
        ..HIGH
    },
];
