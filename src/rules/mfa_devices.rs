//! MFA devices: root's own, and those of users that root changes.
//!
//! The same IAM calls serve root's devices and those of users, so every rule here asks first whose device it
//! is. The request names a user, or the device by a name that only root's devices have, or nobody, which
//! stands for the caller. Where CloudTrail left the parameters out, the response decides; where the response
//! does not say either, the call counts as both, since doubt must stay visible.

use super::example::call;
use super::keys::is_root_name;
use super::rule::short::{CRITICAL, HIGH, MEDIUM, api, refer};
use super::{Api, Case, Example, Rule, System};
use crate::finding::MfaDevice;

const REMOVED: &[Api] = &[api("", "DeactivateMFADevice"), api("iam", "DeleteVirtualMFADevice")];
const REGISTERED: &[Api] =
    &[api("iam", "EnableMFADevice"), api("iam", "CreateVirtualMFADevice"), api("iam", "ResyncMFADevice")];

/// The owner of a device, as far as the record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    /// Root: by AWS's name for root as a user, by the device's own name, or because the call names nobody and
    /// so concerns its caller.
    Root,
    /// A user, also where the device's name leaves the owner open.
    Other,
    /// The parameters were left out, and the response does not name the device.
    Unknown,
}

fn owner(case: &Case<'_>) -> Owner {
    let record = case.record;
    let root_if = |is_roots| if is_roots { Owner::Root } else { Owner::Other };
    let made = record.filled("responseElements.virtualMFADevice.serialNumber").map(has_roots_name);
    if record.parameters_are_omitted() {
        return made.map_or(Owner::Unknown, root_if);
    }
    if let Some(name) = record.filled("requestParameters.userName") {
        return root_if(is_root_name(name));
    }
    let named = record.filled("requestParameters.serialNumber").is_some_and(has_roots_name)
        || record.text("requestParameters.virtualMFADeviceName") == Some("root-account-mfa-device");
    root_if(named || made == Some(true) || record.is_event(&["DeactivateMFADevice"]))
}

fn has_roots_name(device: &str) -> bool {
    device.ends_with(":mfa/root-account-mfa-device") || device.contains(":u2f/root-account/")
}

fn is_roots(case: &Case<'_>) -> bool {
    owner(case) != Owner::Other
}

fn is_not_roots(case: &Case<'_>) -> bool {
    owner(case) != Owner::Root
}

/// The condition of [`is_roots`].
const ROOTS: &str = "the user is AWS ROOT USER, or the device is root's by its name, or DeactivateMFADevice names no user, or the parameters were left out and the response names no device";

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "root-mfa-removed",
        title: "Root's MFA device was removed",
        tried: "Root tried to remove its MFA device",
        attack: &["T1556.006"],
        when: ROOTS,
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
        tried: "Root tried to register an MFA device for itself",
        attack: &["T1556.006"],
        when: ROOTS,
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
        tried: "Root tried to remove an MFA device, a user's or one of unknown owner",
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
        tried: "Root tried to register an MFA device, a user's or one of unknown owner",
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
        when: "it succeeded, and names a device, which is virtual",
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
