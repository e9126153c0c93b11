//! Events that come close to a rule and miss it by one condition.

use crate::detect::testing::judged;
use crate::finding::Severity;

#[test]
fn only_the_sign_in_to_a_directory_is_low() {
    let severity = |name: &str, by: &str| {
        let text =
            format!(r#"{{"userIdentity":{{"type":"Root"}},"eventName":"{name}",{by},"readOnly":false}}"#);
        judged(&text).unwrap().severity
    };
    let by_type = r#""eventType":"AwsConsoleSignIn","eventSource":"sso.amazonaws.com""#;
    let by_source = r#""eventSource":"signin.amazonaws.com""#;
    for by in [by_type, by_source] {
        assert_eq!(severity("UserAuthentication", by), Severity::Low, "{by}");
        assert_eq!(severity("SwitchRole", by), Severity::Medium, "{by}");
    }
    assert_eq!(severity("UserAuthentication", r#""eventSource":"sso.amazonaws.com""#), Severity::Medium);
}

#[test]
fn a_device_with_roots_name_in_the_answer_is_roots() {
    let rules = |serial: &str| {
        let text = format!(
            r#"{{"userIdentity":{{"type":"Root"}},"eventSource":"iam.amazonaws.com","eventName":"CreateVirtualMFADevice","requestParameters":{{"virtualMFADeviceName":"x"}},"responseElements":{{"virtualMFADevice":{{"serialNumber":"{serial}"}}}}}}"#
        );
        judged(&text).unwrap().rules
    };
    assert!(
        rules("arn:aws:iam::111122223333:mfa/root-account-mfa-device")
            .contains(&"root-mfa-registered".into())
    );
    assert!(rules("arn:aws:iam::111122223333:mfa/x").contains(&"root-registered-user-mfa".into()));
}

#[test]
fn a_pattern_of_names_has_an_end() {
    let disabled = |name: &str| {
        let text = format!(
            r#"{{"userIdentity":{{"type":"Root"}},"eventSource":"guardduty.amazonaws.com","eventName":"{name}"}}"#
        );
        judged(&text).unwrap().rules.contains(&"root-guardduty-disabled".into())
    };
    assert!(disabled("DisassociateFromMasterAccount") && disabled("DisassociateFromAdministratorAccount"));
    assert!(!disabled("DisassociateFromAdministrator") && !disabled("DisassociateFromAccounts"));
}

#[test]
fn a_success_did_not_fail_at_mfa() {
    let rules = |said: &str| {
        let text = format!(
            r#"{{"userIdentity":{{"type":"Root"}},"eventSource":"signin.amazonaws.com","eventType":"AwsConsoleSignIn","eventName":"ConsoleLogin","responseElements":{{"ConsoleLogin":"{said}"}},"additionalEventData":{{"MFAUsed":"Yes"}}}}"#
        );
        judged(&text).unwrap().rules
    };
    assert!(!rules("Success").contains(&"root-console-login-failed-at-mfa".into()));
    assert!(rules("Failure").contains(&"root-console-login-failed-at-mfa".into()));
    assert!(!rules("Failure").contains(&"root-console-login-with-mfa".into()));
}
