//! Every rule by its own example, the finer conditions by tables, and the ranking.

use std::collections::HashSet;

use super::super::*;
use crate::detect::testing::judged;

/// The rules of a root event with these members.
fn rules_of(members: &str) -> Vec<String> {
    let json = format!(
        r#"{{"userIdentity":{{"type":"Root","arn":"arn:aws:iam::111122223333:root","accessKeyId":"ASIAX"}},{members}}}"#
    );
    judged(&json).unwrap().rules.iter().map(ToString::to_string).collect()
}

fn holds(members: &str, id: &str) -> bool {
    rules_of(members).iter().any(|rule| rule == id)
}

#[test]
fn each_example_matches_and_each_other_does_not() {
    let trusted = {
        let mut trusted = TrustedNetworks::default();
        trusted.add("198.51.100.0/24").unwrap();
        trusted
    };
    for rule in all() {
        let says = |json: &str| {
            let Some(mut finding) = judged(json) else { return false };
            match rule.id {
                UNTRUSTED_ADDRESS => trusted.apply(&mut finding),
                // Which of two copies is the second is for the run to say; see the tests of the scan.
                CONFLICTING_COPIES => json == rule.example.matching && add(&mut finding, rule.id),
                _ => finding.rules.iter().any(|id| id == rule.id),
            }
        };
        assert!(says(rule.example.matching), "{} does not match its example", rule.id);
        assert!(!says(rule.example.other), "{} matches its other example", rule.id);
    }
}

#[test]
fn rules_are_well_formed() {
    let mut ids = HashSet::new();
    for rule in all() {
        assert!(ids.insert(rule.id), "{} twice", rule.id);
        assert!(
            rule.id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'),
            "{}",
            rule.id
        );
        for text in [rule.title, rule.reason, rule.next, &rule.condition()] {
            assert!(text.len() > 10, "{}: {text:?}", rule.id);
        }
        assert!(!rule.attack.is_empty() && rule.attack.iter().all(|id| id.starts_with('T')), "{}", rule.id);
        assert!(rule.lowered.iter().all(|lowered| lowered.to < rule.severity), "{}", rule.id);
        assert!(by_id(rule.id).is_some_and(|found| std::ptr::eq(found, rule)));
        serde_json::from_str::<serde_json::Value>(rule.example.matching).unwrap();
        serde_json::from_str::<serde_json::Value>(rule.example.other).unwrap();
    }
    for id in [
        "root-activity",
        "root-console-login-without-mfa",
        "assume-root-call",
        "root-from-untrusted-address",
        "conflicting-event-copies",
    ] {
        assert!(ids.contains(id), "{id}");
    }
}

#[test]
fn a_failed_attempt_keeps_its_rule_and_weighs_less() {
    for rule in all().filter(|rule| !rule.lowered.is_empty()) {
        let example = rule.example.matching.replacen('{', r#"{"errorCode":"AccessDenied","#, 1);
        // A sign-in's outcome stands in responseElements.
        let example = example.replace(r#"":"Success"}"#, r#"":"Failure"}"#);
        let finding = judged(&example).unwrap();
        assert!(finding.attempt, "{}", rule.id);
        assert!(finding.rules.iter().any(|id| id == rule.id), "{} vanished", rule.id);
        assert!(rule.severity_in(&finding) < rule.severity, "{}", rule.id);
    }
}

#[test]
fn root_activity_is_low_where_it_only_reads_and_medium_otherwise() {
    for (members, severity) in [
        (r#""readOnly":true"#, Severity::Low),
        (r#""readOnly":"true""#, Severity::Low),
        (r#""readOnly":false"#, Severity::Medium),
        (r#""eventName":"CreateVpc""#, Severity::Medium),
        (r#""readOnly":false,"errorCode":"AccessDenied""#, Severity::Low),
        (
            r#""eventName":"ExternalIdPDirectoryLogin","eventSource":"signin.amazonaws.com","readOnly":false"#,
            Severity::Low,
        ),
    ] {
        let finding = judged(&format!(r#"{{"userIdentity":{{"type":"Root"}},{members}}}"#)).unwrap();
        assert_eq!(finding.rules, ["root-activity"], "{members}");
        assert_eq!(finding.severity, severity, "{members}");
    }
}

#[test]
fn finer_conditions() {
    for (members, id, expected) in [
        (
            r#""eventName":"CreateAccessKey","eventSource":"iam.amazonaws.com""#,
            "root-access-key-created",
            true,
        ),
        (
            r#""eventName":"CreateAccessKey","requestParameters":{"userName":""}"#,
            "root-access-key-created",
            true,
        ),
        (
            r#""eventName":"CreateAccessKey","requestParameters":{"userName":"jo"}"#,
            "root-access-key-created",
            false,
        ),
        (
            r#""eventName":"CreateAccessKey","requestParameters":{"userName":"jo"}"#,
            "root-user-credentials-created",
            true,
        ),
        (
            r#""eventName":"DeactivateMFADevice","requestParameters":{"userName":"AWS ROOT USER"}"#,
            "root-mfa-removed",
            true,
        ),
        (
            r#""eventName":"DeactivateMFADevice","requestParameters":{"userName":"AWS ROOT USER"}"#,
            "root-removed-user-mfa",
            false,
        ),
        (
            r#""eventName":"DeleteVirtualMFADevice","eventSource":"iam.amazonaws.com","requestParameters":{"serialNumber":"arn:aws:iam::111122223333:mfa/root-account-mfa-device"}"#,
            "root-mfa-removed",
            true,
        ),
        (
            r#""eventName":"DeleteVirtualMFADevice","eventSource":"iam.amazonaws.com","requestParameters":{"serialNumber":"arn:aws:iam::111122223333:mfa/phone"}"#,
            "root-removed-user-mfa",
            true,
        ),
        (
            r#""eventName":"EnableMFADevice","eventSource":"iam.amazonaws.com","requestParameters":{"serialNumber":"arn:aws:iam::111122223333:u2f/root-account/key"}"#,
            "root-mfa-registered",
            true,
        ),
        (r#""eventName":"EmailUpdated","eventSource":"iam.amazonaws.com""#, "root-email-changed", true),
        (
            r#""eventName":"SetContactAddress","eventSource":"billingconsole.amazonaws.com""#,
            "root-contacts-changed",
            true,
        ),
        (r#""eventName":"CreateUser","eventSource":"transfer.amazonaws.com""#, "root-user-created", false),
        (
            r#""eventName":"PutUserPolicy","eventSource":"iam.amazonaws.com""#,
            "root-permissions-granted",
            true,
        ),
        (
            r#""eventName":"PutBucketPolicy","eventSource":"s3.amazonaws.com""#,
            "root-permissions-granted",
            false,
        ),
        (
            r#""eventName":"AttachPolicy","eventSource":"organizations.amazonaws.com""#,
            "root-permissions-granted",
            false,
        ),
        (
            r#""eventName":"PutAccountPublicAccessBlock","eventSource":"s3.amazonaws.com""#,
            "root-public-access-block-changed",
            true,
        ),
        (
            r#""eventName":"PutPublicAccessBlock","eventSource":"s3.amazonaws.com""#,
            "root-public-access-block-changed",
            true,
        ),
        (
            r#""eventName":"UpdateDetector","eventSource":"guardduty.amazonaws.com","requestParameters":{"enable":false}"#,
            "root-guardduty-disabled",
            true,
        ),
        (
            r#""eventName":"UpdateDetector","eventSource":"guardduty.amazonaws.com","requestParameters":{"enable":true}"#,
            "root-guardduty-disabled",
            false,
        ),
        (
            r#""eventName":"DisassociateFromAdministratorAccount","eventSource":"guardduty.amazonaws.com""#,
            "root-guardduty-disabled",
            true,
        ),
        (
            r#""eventName":"DisableImportFindingsForProduct","eventSource":"securityhub.amazonaws.com""#,
            "root-security-hub-disabled",
            true,
        ),
        (
            r#""eventName":"AuthorizeSecurityGroupIngress","eventSource":"ec2.amazonaws.com","requestParameters":{"cidrIp":"::/0"}"#,
            "root-security-group-opened",
            true,
        ),
        (
            r#""eventName":"AssumeRoot","eventSource":"sts.amazonaws.com","errorCode":"AccessDenied""#,
            "assume-root-call",
            true,
        ),
        (
            r#""eventName":"StopLogging","eventSource":"cloudtrail.amazonaws.com.cn""#,
            "root-trail-stopped",
            true,
        ),
        (
            r#""eventName":["StopLogging"],"eventSource":"cloudtrail.amazonaws.com""#,
            "root-trail-stopped",
            false,
        ),
    ] {
        assert_eq!(holds(members, id), expected, "{id}: {members}");
    }
}

#[test]
fn a_federated_sign_in_is_no_sign_in_without_mfa() {
    let finding = judged(r#"{"userIdentity":{"type":"FederatedUser","sessionContext":{"sessionIssuer":{"type":"Root"}}},"eventName":"ConsoleLogin","eventSource":"signin.amazonaws.com","additionalEventData":{"MFAUsed":"No"},"responseElements":{"ConsoleLogin":"Success"}}"#).unwrap();
    assert_eq!(finding.rules, ["root-federated-session", "root-activity"]);
}

#[test]
fn most_severe_first_and_ties_in_the_order_of_the_table() {
    let mut finding = judged(r#"{"userIdentity":{"type":"Root","accessKeyId":"AKIAX"},"eventName":"CreateAccessKey","eventSource":"iam.amazonaws.com","sourceIPAddress":"203.0.113.7"}"#).unwrap();
    assert_eq!(finding.rules, ["root-access-key-created", "root-access-key-used", "root-activity"]);
    assert_eq!(finding.attack, ["T1098.001", "T1078.004"]);
    assert_eq!(finding.severity, Severity::Critical);
    assert!(add(&mut finding, UNTRUSTED_ADDRESS));
    assert!(add(&mut finding, UNTRUSTED_ADDRESS), "twice is once");
    assert_eq!(
        finding.rules,
        ["root-access-key-created", "root-access-key-used", "root-from-untrusted-address", "root-activity"]
    );
    assert!(add(&mut finding, CONFLICTING_COPIES));
    assert_eq!(finding.rules[0], CONFLICTING_COPIES);
    assert_eq!(finding.attack, ["T1565.001", "T1070", "T1098.001", "T1078.004"]);
    assert!(!add(&mut finding, "no-such-rule"));
    assert_eq!(finding.rules.len(), 5);
}
