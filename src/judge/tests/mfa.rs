//! MFA rows, devices and conflicts.

use super::root;
use crate::finding::MfaDevice as Device;
use crate::finding::MfaEvidence as Evidence;
use crate::finding::MfaStatus as Status;

#[test]
fn each_row_gives_its_mfa_status() {
    const LOGIN: &str =
        r#","eventType":"AwsConsoleSignIn","eventName":"ConsoleLogin","additionalEventData":"#;
    let session = |flag: &str| {
        format!(r#","accessKeyId":"ASIAX","sessionContext":{{"attributes":{{"mfaAuthenticated":{flag}}}}}"#)
    };
    let login = |data: &str| format!("{LOGIN}{data}");
    for (identity, record, row, status, evidence) in [
        (r#","sessionContext":{"assumedRoot":"true","attributes":{"mfaAuthenticated":"false"}}"#.to_owned(), String::new(), "M1", Status::NotApplicable, None),
        (String::new(), r#","eventSource":"signin.amazonaws.com","eventName":"CheckMfa","additionalEventData":{"MFAUsed":"Yes"}"#.to_owned(), "M2", Status::NotApplicable, None),
        (session(r#""false""#), login(r#"{"MFAUsed":"YES"}"#), "M3", Status::Used, Some(Evidence::MfaUsed)),
        (String::new(), login(r#"{"MFAUsed":"No","MFAIdentifier":"arn:aws:iam::111122223333:mfa/x"}"#), "M3", Status::NotUsed, Some(Evidence::MfaUsed)),
        (String::new(), login(r#"{"MFAUsed":"","MFAIdentifier":"GAHT12345678"}"#), "M4", Status::Used, Some(Evidence::MfaIdentifier)),
        (session("true"), login(r#"{"MFAUsed":"?","MFAIdentifier":""}"#), "M5", Status::Used, Some(Evidence::MfaAuthenticated)),
        (session(r#""True""#), String::new(), "M5", Status::Used, Some(Evidence::MfaAuthenticated)),
        (session(r#""false""#), r#","additionalEventData":{"MFAUsed":"Yes"}"#.to_owned(), "M5", Status::NotUsed, Some(Evidence::MfaAuthenticated)),
        (session(r#""false""#), r#","eventName":"GetSessionToken","requestParameters":{"serialNumber":"arn:aws:iam::111122223333:mfa/x"}"#.to_owned(), "M6", Status::Used, Some(Evidence::SerialNumber)),
        (r#","accessKeyId":"AKIAX""#.to_owned(), r#","eventName":"GetSessionToken","requestParameters":{"serialNumber":"GAHT12345678"}"#.to_owned(), "M6", Status::Used, Some(Evidence::SerialNumber)),
        (r#","accessKeyId":"AKIAX""#.to_owned(), r#","eventName":"GetSessionToken","errorCode":"AccessDenied","requestParameters":{"serialNumber":"GAHT12345678"}"#.to_owned(), "M7", Status::NotUsed, Some(Evidence::CredentialType)),
        (r#","accessKeyId":"AKIAX""#.to_owned(), r#","eventName":"EnableMFADevice","requestParameters":{"serialNumber":"GAHT12345678"}"#.to_owned(), "M7", Status::NotUsed, Some(Evidence::CredentialType)),
        (r#","invokedBy":"glue.amazonaws.com""#.to_owned(), String::new(), "M8", Status::NotApplicable, None),
        (String::new(), r#","eventName":"PasswordRecoveryRequested""#.to_owned(), "M8", Status::NotApplicable, None),
        (session("null"), String::new(), "M9", Status::Unknown, None),
        (String::new(), r#","eventType":"AwsConsoleAction""#.to_owned(), "M9", Status::Unknown, None),
    ] {
        let verdict = root(&identity, &record);
        let found = (verdict.rows.mfa, verdict.mfa, verdict.evidence);
        assert_eq!(found, (Some(row), Some(status), evidence), "{identity} {record}");
    }
}

#[test]
fn devices_and_conflicts_are_named() {
    for (data, device) in [
        (
            r#"{"MFAIdentifier":"arn:aws:iam::111122223333:mfa/root-account-mfa-device"}"#,
            Some(Device::Virtual),
        ),
        (r#"{"MFAIdentifier":"arn:aws:iam::111122223333:u2f/root-account/key-1"}"#, Some(Device::Fido)),
        (r#"{"MFAIdentifier":"arn:aws:iam::111122223333:sms-mfa/x"}"#, Some(Device::Sms)),
        (r#"{"MFAIdentifier":"arn:aws:iam::111122223333:other/x"}"#, Some(Device::Unknown)),
        (r#"{"MFAIdentifier":"arn:"}"#, Some(Device::Unknown)),
        (r#"{"MFAIdentifier":"GAHT12345678"}"#, Some(Device::HardwareTotp)),
        (r#"{"MFAIdentifier":"","MfaType":"Virtual MFA"}"#, Some(Device::Virtual)),
        (r#"{"MfaType":"U2F MFA"}"#, Some(Device::Fido)),
        (r#"{"MfaType":"FIDO"}"#, Some(Device::Fido)),
        (r#"{"MfaType":"Hardware MFA"}"#, Some(Device::HardwareTotp)),
        (r#"{"MfaType":"SMS MFA"}"#, Some(Device::Sms)),
        (r#"{"MFAType":"virtual mfa"}"#, Some(Device::Virtual)),
        (r#"{"MfaType":"Multiple MFA Devices"}"#, Some(Device::Multiple)),
        (r#"{"MfaType":"Carrier pigeon"}"#, Some(Device::Unknown)),
        (r#"{"MfaType":null}"#, None),
        ("[]", None),
    ] {
        let record = format!(
            r#","eventSource":"signin.amazonaws.com","eventName":"CheckMfa","additionalEventData":{data}"#
        );
        assert_eq!(root("", &record).device, device, "{data}");
    }
    let token = r#","eventName":"GetSessionToken","requestParameters":{"serialNumber":"GAHT12345678"}"#;
    assert_eq!(root(r#","accessKeyId":"AKIAX""#, token).device, Some(Device::HardwareTotp));
    let session = r#","sessionContext":{"attributes":{"mfaAuthenticated":"false"}}"#;
    assert_eq!(root(session, token).device, Some(Device::HardwareTotp));
    let other = token.replace("GetSessionToken", "EnableMFADevice");
    assert_eq!(root(session, &other).device, None, "the serial number counts only where it decides");

    let login = |data: &str| {
        format!(r#","eventType":"AwsConsoleSignIn","eventName":"ConsoleLogin","additionalEventData":{data}"#)
    };
    assert!(root(session, &login(r#"{"MFAUsed":"Yes"}"#)).conflict);
    assert!(!root(session, &login(r#"{"MFAUsed":"No"}"#)).conflict);
    assert!(root("", &login(r#"{"MFAUsed":"No","MFAIdentifier":"x"}"#)).conflict);
    assert!(!root(session, r#","additionalEventData":{"MFAUsed":"Yes"}"#).conflict, "not a sign-in event");
}
