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

#[test]
fn a_security_group_may_be_open_where_nothing_shows_a_narrower_range() {
    let opened = |response: &str| {
        let text = format!(
            r#"{{"userIdentity":{{"type":"Root"}},"eventSource":"ec2.amazonaws.com","eventName":"AuthorizeSecurityGroupIngress","requestParameters":{{"omitted":true}},"responseElements":{response}}}"#
        );
        judged(&text).unwrap().rules.contains(&"root-security-group-opened".into())
    };
    let range = |range: &str| format!(r#"{{"securityGroupRuleSet":{{"items":[{{"cidrIpv4":"{range}"}}]}}}}"#);
    assert!(opened("null") && opened(r#"{"_return":true}"#) && opened(&range("0.0.0.0/0")));
    assert!(!opened(&range("198.51.100.0/24")));
}

#[test]
fn another_account_is_another_one_where_the_record_does_not_say_whose_it_is() {
    let rules = |recipient: &str| {
        let text = format!(
            r#"{{"userIdentity":{{"type":"AWSAccount","arn":"arn:aws:iam::444455556666:root"}},"eventName":"PutObject"{recipient}}}"#
        );
        judged(&text).unwrap().rules
    };
    assert!(rules("").contains(&"root-from-another-account".into()));
    assert!(!rules(r#","recipientAccountId":"444455556666""#).contains(&"root-from-another-account".into()));
}
