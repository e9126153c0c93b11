//! MFA devices: root's own, and those of users that root changes.

use super::example::call;
use super::keys::ROOT_USER_NAME;
use super::rule::short::{CRITICAL, HIGH, MEDIUM, api, refer};
use super::{Api, Case, Example, Rule, System};
use crate::finding::MfaDevice;

const REMOVED: &[Api] = &[api("", "DeactivateMFADevice"), api("iam", "DeleteVirtualMFADevice")];
const REGISTERED: &[Api] =
    &[api("iam", "EnableMFADevice"), api("iam", "CreateVirtualMFADevice"), api("iam", "ResyncMFADevice")];

/// Whether the device is root's: by AWS's name for root as a user, or by the device's own name.
fn is_roots(case: &Case<'_>) -> bool {
    let record = case.record;
    if let Some(name) = record.filled("requestParameters.userName") {
        return name == ROOT_USER_NAME;
    }
    let roots_name = |path: &str| {
        record.text(path).is_some_and(|name| {
            name.ends_with(":mfa/root-account-mfa-device") || name.contains(":u2f/root-account/")
        })
    };
    roots_name("requestParameters.serialNumber")
        || roots_name("responseElements.virtualMFADevice.serialNumber")
        || record.text("requestParameters.virtualMFADeviceName") == Some("root-account-mfa-device")
}

fn is_not_roots(case: &Case<'_>) -> bool {
    !is_roots(case)
}

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "root-mfa-removed",
        title: "Root's MFA device was removed",
        attack: &["T1556.006"],
        when: "the user is AWS ROOT USER or the device is root's by its name",
        reason: "From now on the password alone opens the account.",
        next: "Register a device again, change the password, end root's sessions; find who did it.",
        references: &[
            refer(System::Cis, "1.5"),
            refer(System::Falco, "Deactivate MFA for Root User"),
            refer(System::Splunk, "aws_multi_factor_authentication_disabled"),
        ],
        events: REMOVED,
        holds: is_roots,
        example: Example {
            matching: call!(
                "iam",
                "DeactivateMFADevice",
                r#""requestParameters":{"userName":"AWS ROOT USER","serialNumber":"arn:aws:iam::111122223333:mfa/root-account-mfa-device"}"#
            ),
            other: call!(
                "iam",
                "DeactivateMFADevice",
                r#""requestParameters":{"userName":"jo","serialNumber":"arn:aws:iam::111122223333:mfa/jo"}"#
            ),
        },
        ..CRITICAL
    },
    Rule {
        id: "root-mfa-registered",
        title: "An MFA device was registered for root",
        attack: &["T1556.006"],
        when: "the user is AWS ROOT USER or the device is root's by its name",
        reason: "An attacker's own device keeps the attacker in and the owner out.",
        next: "Ask the owner whether it is theirs; compare the devices of the account with the ones you know.",
        references: &[refer(System::Splunk, "aws_new_mfa_method_registered_for_user")],
        events: REGISTERED,
        holds: is_roots,
        example: Example {
            matching: call!(
                "iam",
                "EnableMFADevice",
                r#""requestParameters":{"userName":"AWS ROOT USER","serialNumber":"arn:aws:iam::111122223333:mfa/phone"}"#
            ),
            other: call!("iam", "ListMFADevices", r#""readOnly":true"#),
        },
        ..HIGH
    },
    Rule {
        id: "root-removed-user-mfa",
        title: "Root removed an MFA device, a user's or one of unknown owner",
        attack: &["T1556.006"],
        when: "the device is not known to be root's",
        reason: "A user is left with the password alone. Root's own extra devices have no telling name, either.",
        next: "Check whose device it was, and whether its owner asked for it.",
        references: &[refer(System::Splunk, "aws_multi_factor_authentication_disabled")],
        events: REMOVED,
        holds: is_not_roots,
        example: Example {
            matching: call!("iam", "DeactivateMFADevice", r#""requestParameters":{"userName":"jo"}"#),
            other: call!("iam", "DeactivateMFADevice", r#""requestParameters":{"userName":"AWS ROOT USER"}"#),
        },
        ..HIGH
    },
    Rule {
        id: "root-registered-user-mfa",
        title: "Root registered an MFA device, a user's or one of unknown owner",
        attack: &["T1556.006"],
        when: "the device is not known to be root's",
        reason: "It may be root's own second device, or an attacker's way into a user.",
        next: "Check whose device it is.",
        references: &[refer(System::Splunk, "aws_new_mfa_method_registered_for_user")],
        events: REGISTERED,
        holds: is_not_roots,
        example: Example {
            matching: call!(
                "iam",
                "CreateVirtualMFADevice",
                r#""requestParameters":{"virtualMFADeviceName":"phone"}"#
            ),
            other: call!(
                "iam",
                "CreateVirtualMFADevice",
                r#""requestParameters":{"virtualMFADeviceName":"root-account-mfa-device"}"#
            ),
        },
        ..MEDIUM
    },
    Rule {
        id: "root-virtual-mfa",
        title: "Root's MFA is a virtual device",
        lowered: &[],
        when: "the event names the device that root used, and it is virtual",
        reason: "An authenticator app can be copied or phished; for root a hardware key is advised.",
        next: "Register a security key for root and remove the virtual device.",
        references: &[
            refer(System::Cis, "1.6"),
            refer(System::AwsConfig, "root-account-hardware-mfa-enabled"),
            refer(System::Aws, "Security Hub IAM.6"),
            refer(System::Netskope, "CSPM root checks after CIS 1.6"),
        ],
        holds: |case| case.succeeded() && case.verdict.device == Some(MfaDevice::Virtual),
        severity: crate::finding::Severity::Low,
        example: Example {
            matching: super::example::sign_in!(
                "ConsoleLogin",
                "Success",
                r#"{"MFAUsed":"Yes","MFAIdentifier":"arn:aws:iam::111122223333:mfa/root-account-mfa-device"}"#
            ),
            other: super::example::sign_in!(
                "ConsoleLogin",
                "Success",
                r#"{"MFAUsed":"Yes","MFAIdentifier":"arn:aws:iam::111122223333:u2f/root-account/key"}"#
            ),
        },
        ..MEDIUM
    },
];
