//! Whether MFA was used, which field proves the answer, and which kind of device: rows M1 to M9.
//!
//! The first row that holds decides. What AWS writes comes first: `MFAUsed` and the device of a sign-in, the device
//! of a `GetSessionToken`, `mfaAuthenticated` of the session, the context of the request. Where none of these stands,
//! the credential decides, since a long-term key cannot carry MFA and a service has none; the rest is unknown. Two
//! fields that disagree are a conflict, which a finding names. The device follows from a serial number or from AWS's
//! words for its kind.

use super::record::Record;
use super::table::{Facts, Row};
use crate::finding::{CredentialType, MfaDevice, MfaEvidence as Evidence, MfaStatus as Status, Outcome};

/// A verdict and the field that proves it.
pub(super) type Ruling = (Status, Option<Evidence>);

const USED: &str = "additionalEventData.MFAUsed";
const IDENTIFIER: &str = "additionalEventData.MFAIdentifier";
const MFA_TYPES: &[&str] =
    &["additionalEventData.MfaType", "additionalEventData.MFAType", "additionalEventData.mfaType"];
const SESSION: &str = "userIdentity.sessionContext.attributes.mfaAuthenticated";
const CONTEXT: &str = "eventContext.requestContext.aws:MultiFactorAuthPresent";
const SERIAL: &str = "requestParameters.serialNumber";

fn status(used: bool) -> Status {
    if used { Status::Used } else { Status::NotUsed }
}

/// The MFA verdict of a root event.
pub(super) static MFA: &[Row<Ruling>] = &[
    Row {
        id: "M1",
        condition: "a session from AssumeRoot: the human's MFA is on the caller's event",
        paths: &["userIdentity.sessionContext.assumedRoot"],
        decide: |facts| {
            (facts.credential == Some(CredentialType::AssumeRoot)).then_some((Status::NotApplicable, None))
        },
    },
    Row {
        id: "M2",
        condition: "CheckMfa: the challenge was issued, not passed",
        paths: &["eventName"],
        decide: |facts| facts.record.is_event(&["CheckMfa"]).then_some((Status::NotApplicable, None)),
    },
    Row {
        id: "M3",
        condition: "a sign-in event says so",
        paths: &[USED],
        decide: |facts| {
            let used = facts.record.yes_or_no(USED).filter(|_| facts.record.is_sign_in())?;
            Some((status(used), Some(Evidence::MfaUsed)))
        },
    },
    Row {
        id: "M4",
        condition: "a sign-in event names the device",
        paths: &[IDENTIFIER],
        decide: |facts| {
            (facts.record.is_sign_in() && facts.record.filled(IDENTIFIER).is_some())
                .then_some((Status::Used, Some(Evidence::MfaIdentifier)))
        },
    },
    Row {
        id: "M6",
        condition: "GetSessionToken succeeded with an MFA device, whatever the session of its caller says",
        paths: &["eventName", SERIAL],
        decide: |facts| token_device(facts).map(|_| (Status::Used, Some(Evidence::SerialNumber))),
    },
    Row {
        id: "M5",
        condition: "the session says so",
        paths: &[SESSION],
        decide: |facts| {
            facts.record.yes_or_no(SESSION).map(|used| (status(used), Some(Evidence::MfaAuthenticated)))
        },
    },
    Row {
        id: "M5a",
        condition: "the context of the request, which enriched events carry, says so",
        paths: &[CONTEXT],
        decide: |facts| {
            facts.record.yes_or_no(CONTEXT).map(|used| (status(used), Some(Evidence::RequestContext)))
        },
    },
    Row {
        id: "M7",
        condition: "a long-term access key cannot carry MFA",
        paths: &["userIdentity.accessKeyId"],
        decide: |facts| {
            (facts.credential == Some(CredentialType::LongTermAccessKey))
                .then_some((Status::NotUsed, Some(Evidence::CredentialType)))
        },
    },
    Row {
        id: "M8",
        condition: "a service acts, or nobody is signed in",
        paths: &[],
        decide: |facts| {
            matches!(facts.credential, Some(CredentialType::AwsService | CredentialType::None))
                .then_some((Status::NotApplicable, None))
        },
    },
    Row {
        id: "M9",
        condition: "the record does not tell",
        paths: &[],
        decide: |_| Some((Status::Unknown, None)),
    },
];

/// Returns the device of a `GetSessionToken` that succeeded.
fn token_device<'r>(facts: &Facts<'r>) -> Option<&'r str> {
    (facts.record.is_event(&["GetSessionToken"]) && facts.outcome == Outcome::Success)
        .then(|| facts.record.filled(SERIAL))
        .flatten()
}

/// Returns the kind of device that the record names.
pub(super) fn device(facts: &Facts<'_>, evidence: Option<Evidence>) -> Option<MfaDevice> {
    // A serial number in any other call is what the caller wants changed, not what it signed in with.
    let serial = (evidence == Some(Evidence::SerialNumber)).then(|| token_device(facts)).flatten();
    if let Some(name) = facts.record.filled(IDENTIFIER).or(serial) {
        return Some(device_by_name(name.trim()));
    }
    Some(device_by_kind(MFA_TYPES.iter().find_map(|path| facts.record.filled(path))?))
}

/// Returns a device by AWS's words for its kind, `Virtual MFA` or `U2F MFA`.
fn device_by_kind(kind: &str) -> MfaDevice {
    const KINDS: &[(&str, MfaDevice)] = &[
        ("multiple", MfaDevice::Multiple),
        ("u2f", MfaDevice::Fido),
        ("fido", MfaDevice::Fido),
        ("webauthn", MfaDevice::Fido),
        ("passkey", MfaDevice::Fido),
        ("security key", MfaDevice::Fido),
        ("sms", MfaDevice::Sms),
        ("hardware", MfaDevice::HardwareTotp),
        ("virtual", MfaDevice::Virtual),
    ];
    let kind = kind.to_ascii_lowercase();
    KINDS.iter().find(|(word, _)| kind.contains(word)).map_or(MfaDevice::Unknown, |(_, device)| *device)
}

fn device_by_name(name: &str) -> MfaDevice {
    // A physical token has a serial number; everything else has an ARN.
    if !name.starts_with("arn:") {
        return MfaDevice::HardwareTotp;
    }
    let resource = name.splitn(6, ':').nth(5).unwrap_or_default();
    match resource.split_once('/').map(|(kind, _)| kind) {
        Some("mfa") => MfaDevice::Virtual,
        Some("u2f") => MfaDevice::Fido,
        Some("sms-mfa") => MfaDevice::Sms,
        _ => MfaDevice::Unknown,
    }
}

/// Returns whether two fields disagree on whether MFA was used.
pub(super) fn conflict(record: &Record<'_>) -> bool {
    let (used, named) = match record.is_sign_in() {
        true => (record.yes_or_no(USED), record.filled(IDENTIFIER).map(|_| true)),
        // Elsewhere these fields say nothing.
        false => (None, None),
    };
    let said = [used, named, record.yes_or_no(SESSION), record.yes_or_no(CONTEXT)];
    said.contains(&Some(true)) && said.contains(&Some(false))
}
