//! Every rule by its own example, the finer conditions by tables, and the ranking.
//!
//! The example of a rule must raise exactly that rule's id, and its counterexample must not. Tables of small
//! events then check each finer condition from both sides. The remaining tests hold for all rules at once:
//! titles, severities of failed attempts, and the order of rules in a finding.

use std::collections::HashSet;

use super::super::*;
use crate::detect::testing::judged;

/// Returns the rules of a root event with these members.
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
            // The last of duplicate keys is all that is read here.
            let Some(mut finding) = judged(json) else { return rule.id == AMBIGUOUS_RECORD };
            match rule.id {
                UNTRUSTED_ADDRESS => trusted.apply(&mut finding),
                // The run decides which of two copies is the second, and what digests say (see the tests of
                // the scan). A record with a key twice has tests of its own.
                CONFLICTING_COPIES | AMENDED_COPY | LOG_TAMPERED | AMBIGUOUS_RECORD => {
                    json == rule.example.matching && add(&mut finding, rule.id)
                }
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
        for api in rule.events {
            let words: String = [api.service, api.name].concat().replace('*', "");
            assert!(
                words.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'),
                "{}: {api}",
                rule.id
            );
        }
        for text in [rule.title, rule.title_of(true), rule.reason, rule.next, &rule.condition()] {
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

/// A title that states a success must not be printed of an attempt that failed.
#[test]
fn titles_of_attempts_read_as_attempts() {
    let says_it_failed =
        ["root-console-login-failed-at-mfa", "root-console-login-failed", CONFLICTING_COPIES, AMENDED_COPY];
    for rule in all() {
        let failed = rule.example.matching.replacen('{', r#"{"errorCode":"AccessDenied","#, 1);
        let failed = failed.replace(r#"":"Success"}"#, r#"":"Failure"}"#).replace(r#""success":"true""#, "");
        let Some(finding) = judged(&failed) else {
            assert_eq!(rule.id, AMBIGUOUS_RECORD);
            continue;
        };
        assert!(finding.attempt, "{}", rule.id);
        if finding.rules.iter().any(|id| id == rule.id) && !says_it_failed.contains(&rule.id) {
            let title = rule.title_of(finding.attempt);
            assert!(["tried", "failed"].iter().any(|word| title.contains(word)), "{}: {title}", rule.id);
        }
        let done = judged(rule.example.matching).unwrap();
        assert!(done.attempt || rule.title_of(done.attempt) == rule.title, "{}", rule.id);
    }
}

#[test]
fn root_activity_is_low_where_it_only_reads_and_medium_otherwise() {
    for (members, severity) in [
        (r#""eventType":"AwsVpceEvent","eventName":"ListBuckets""#, Severity::Low),
        (r#""eventType":"AwsVpceEvent","eventName":"BatchGetImage""#, Severity::Low),
        (r#""eventType":"AwsVpceEvent","eventName":"PutObject""#, Severity::Medium),
        (r#""eventType":"AwsApiCall","eventName":"ListBuckets""#, Severity::Medium),
        (
            r#""eventName":"UserAuthentication","eventSource":"signin.amazonaws.com","eventType":"AwsServiceEvent""#,
            Severity::Low,
        ),
        (r#""eventName":"UserAuthentication","eventSource":"sso.amazonaws.com""#, Severity::Medium),
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
fn rules_hold_only_under_their_finer_conditions() {
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
        (
            r#""eventName":"DeactivateMFADevice","requestParameters":{"serialNumber":"arn:aws:iam::111122223333:mfa/phone"}"#,
            "root-mfa-removed",
            true,
        ),
        (
            r#""eventName":"DeactivateMFADevice","requestParameters":{"serialNumber":"arn:aws:iam::111122223333:mfa/phone"}"#,
            "root-removed-user-mfa",
            false,
        ),
        (r#""eventName":"DeactivateMFADevice","requestParameters":null"#, "root-mfa-removed", true),
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
            r#""eventName":"AuthorizeSecurityGroupIngress","eventSource":"ec2.amazonaws.com","requestParameters":{"omitted":true},"responseElements":{"_return":true,"securityGroupRuleSet":{"items":[{"cidrIpv4":"198.51.100.0/24"}]}}"#,
            "root-security-group-opened",
            false,
        ),
        (
            r#""eventName":"AuthorizeSecurityGroupIngress","eventSource":"ec2.amazonaws.com","requestParameters":{"omitted":"true"},"responseElements":{"_return":true,"securityGroupRuleSet":{"items":[{"cidrIpv4":"0.0.0.0/0"}]}}"#,
            "root-security-group-opened",
            true,
        ),
        (
            r#""eventName":"UpdateAccessKey","eventSource":"iam.amazonaws.com","requestParameters":{"status":"Active","userName":"jo"}"#,
            "root-own-credential-added",
            false,
        ),
        (
            r#""eventName":"UpdateAccessKey","eventSource":"iam.amazonaws.com","requestParameters":{"status":"active","userName":"jo"}"#,
            "root-user-credentials-created",
            true,
        ),
        (
            r#""eventName":"UpdateSigningCertificate","eventSource":"iam.amazonaws.com","requestParameters":{"status":"Inactive"}"#,
            "root-own-credential-added",
            false,
        ),
        (
            r#""eventName":"UpdateSigningCertificate","eventSource":"iam.amazonaws.com","requestParameters":{"omitted":true}"#,
            "root-own-credential-added",
            true,
        ),
        (
            r#""eventName":"GetParametersByPath","eventSource":"ssm.amazonaws.com","requestParameters":{"path":"/","withDecryption":"true"}"#,
            "root-secret-read",
            true,
        ),
        (
            r#""eventName":"GetParameter","eventSource":"ssm.amazonaws.com","requestParameters":{"name":"x"}"#,
            "root-secret-read",
            false,
        ),
        (
            r#""eventName":"GetParameter","eventSource":"ssm.amazonaws.com","requestParameters":{"omitted":true}"#,
            "root-secret-read",
            true,
        ),
        (
            r#""eventName":"UpdatePolicy","eventSource":"organizations.amazonaws.com","responseElements":{"policy":{"policySummary":{"type":"BACKUP_POLICY"}}}"#,
            "root-organization-changed",
            false,
        ),
        (
            r#""eventName":"UpdatePolicy","eventSource":"organizations.amazonaws.com","responseElements":{"policy":{"policySummary":{"type":"SERVICE_CONTROL_POLICY"}}}"#,
            "root-organization-changed",
            true,
        ),
        (
            r#""eventName":"DeletePolicy","eventSource":"iam.amazonaws.com""#,
            "root-organization-changed",
            false,
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

/// A parameter that CloudTrail left out is unknown, not absent: the response decides, and doubt counts.
#[test]
fn omitted_parameters_are_unknown() {
    let held = |name: &str, response: &str| {
        let members = format!(
            r#""eventName":"{name}","eventSource":"iam.amazonaws.com","requestParameters":{{"omitted":true,"originalSize":102401,"reason":"requestParameters too large"}},"responseElements":{response}"#
        );
        let rules = rules_of(&members);
        [
            "root-access-key-created",
            "root-login-profile-created",
            "root-user-credentials-created",
            "root-mfa-removed",
            "root-removed-user-mfa",
        ]
        .into_iter()
        .filter(|id| rules.iter().any(|rule| rule == id))
        .collect::<Vec<_>>()
    };
    let (own, password, of_user) =
        ("root-access-key-created", "root-login-profile-created", "root-user-credentials-created");
    for (name, response, expected) in [
        ("CreateAccessKey", r#"{"accessKey":{"accessKeyId":"AKIAX","userName":"jo"}}"#, vec![of_user]),
        ("CreateAccessKey", r#"{"accessKey":{"accessKeyId":"AKIAX"}}"#, vec![own]),
        ("CreateAccessKey", r#"{"accessKey":{"accessKeyId":"AKIAX","userName":"AWS ROOT USER"}}"#, vec![own]),
        ("CreateAccessKey", "null", vec![own, of_user]),
        // What stands there in another form says nothing.
        ("CreateAccessKey", r#"{"accessKey":"AKIAX"}"#, vec![own, of_user]),
        ("CreateLoginProfile", r#"{"loginProfile":{"userName":"jo"}}"#, vec![of_user]),
        ("CreateLoginProfile", r#"{"loginProfile":{"createDate":"x"}}"#, vec![password]),
        ("CreateLoginProfile", r#"{"loginProfile":{}}"#, vec![password, of_user]),
        ("DeactivateMFADevice", "null", vec!["root-mfa-removed", "root-removed-user-mfa"]),
    ] {
        assert_eq!(held(name, response), expected, "{name} {response}");
    }
}

#[test]
fn a_long_term_key_shows_whoever_passes_the_call_on() {
    for more in [
        r#""invokedBy":"cloudformation.amazonaws.com""#,
        r#""invokedBy":"signin.amazonaws.com""#,
        r#""sessionContext":{"assumedRoot":"true"}"#,
    ] {
        let json = format!(
            r#"{{"userIdentity":{{"type":"Root","accessKeyId":"AKIAIOSFODNN7EXAMPLE",{more}}},"eventName":"ListBuckets","readOnly":true}}"#
        );
        let finding = judged(&json).unwrap();
        assert_eq!(finding.rules[0], "root-access-key-used", "{more}");
        assert_eq!(finding.severity, Severity::Critical);
    }
}

#[test]
fn an_account_that_is_not_the_recipient_s_is_another_one() {
    for (account, recipient, expected) in [
        (r#""accountId":"444455556666""#, r#""111122223333""#, true),
        (r#""arn":"arn:aws:iam::444455556666:root""#, r#""111122223333""#, true),
        (r#""accountId":"111122223333""#, r#""111122223333""#, false),
        (r#""accountId":111122223333"#, r#""111122223333""#, false),
        (r#""accountId":"111122223333""#, "null", false),
        (r#""userName":"x""#, r#""111122223333""#, false),
    ] {
        let json = format!(
            r#"{{"userIdentity":{{"type":"Root",{account}}},"eventName":"CreateVpc","recipientAccountId":{recipient}}}"#
        );
        let rules = judged(&json).unwrap().rules;
        assert_eq!(rules.iter().any(|id| id == "root-from-another-account"), expected, "{json}");
    }
}

#[test]
fn what_is_routine_weighs_less() {
    let caller = |policy: &str| {
        judged(&format!(
            r#"{{"userIdentity":{{"type":"AssumedRole"}},"eventName":"AssumeRoot","eventSource":"sts.amazonaws.com","requestParameters":{{"taskPolicyArn":{policy}}}}}"#
        ))
        .unwrap()
        .severity
    };
    let arn = |task: &str| format!(r#""arn:aws:iam::aws:policy/root-task/{task}""#);
    assert_eq!(caller(&arn("IAMAuditRootUserCredentials")), Severity::Medium);
    assert_eq!(caller(&format!(r#"{{"arn":{}}}"#, arn("IAMAuditRootUserCredentials"))), Severity::Medium);
    assert_eq!(caller(&arn("S3UnlockBucketPolicy")), Severity::High);
    assert_eq!(caller(r#""arn:aws:iam::111122223333:policy/IAMAuditRootUserCredentials""#), Severity::High);
    assert_eq!(caller("null"), Severity::High);
    let session = |more: &str| {
        judged(&format!(
            r#"{{"userIdentity":{{"type":"Root","sessionContext":{{"assumedRoot":"true"}}}},{more}}}"#
        ))
        .unwrap()
        .severity
    };
    assert_eq!(session(r#""eventName":"GetAccountSummary","readOnly":true"#), Severity::Low);
    assert_eq!(session(r#""eventName":"PutBucketAcl","readOnly":false"#), Severity::High);
    assert_eq!(session(r#""eventName":"PutBucketAcl""#), Severity::High);
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
