//! The rows that public reports and AWS's documentation of 2026 asked for: who root is, what acts for it, and which
//! MFA field counts. `docs/semantics.md` has their sources.

use super::{of, root};
use crate::finding::IdentityKind as Kind;
use crate::finding::MfaEvidence as Evidence;
use crate::finding::MfaStatus as Status;
use crate::finding::{CredentialType as Cred, Outcome};

const OWN: &str = "arn:aws:iam::111122223333:root";

#[test]
fn sign_in_events_that_exist_for_root_only_need_not_name_it() {
    let event = |name: &str, source: &str, identity: &str| {
        of(&format!(r#"{{"eventName":"{name}","eventSource":"{source}","userIdentity":{identity}}}"#))
            .rows
            .standing
    };
    let signin = "signin.amazonaws.com";
    for name in ["PasswordRecoveryRequested", "PasswordRecoveryCompleted", "EmailUpdated"] {
        for identity in [
            r#"{"type":"Unknown","arn":"","accountId":"111122223333"}"#,
            r#"{"type":"unknown","accountId":"111122223333"}"#,
            r#"{"type":"","arn":""}"#,
            r#"{"type":null,"arn":null}"#,
            r#"{"accountId":"111122223333"}"#,
            "{}",
            "null",
        ] {
            assert_eq!(event(name, signin, identity), "R4", "{name} {identity}");
        }
        for identity in [
            r#"{"type":"IAMUser"}"#,
            r#"{"type":"AWSAccount","accountId":"111122223333"}"#,
            r#"{"type":"Unknown","arn":"arn:aws:iam::111122223333:user/jo"}"#,
            r#"{"arn":"arn:aws:iam::111122223333:user/jo"}"#,
        ] {
            assert_eq!(event(name, signin, identity), "N2", "{name} {identity}");
        }
        assert_eq!(event(name, "cognito-idp.amazonaws.com", "{}"), "N2", "{name}");
    }
    assert_eq!(event("PasswordUpdated", signin, r#"{"type":"Unknown"}"#), "N2");
    assert_eq!(event("ConsoleLogin", signin, r#"{"type":"Unknown"}"#), "N2");
}

#[test]
fn an_account_that_is_the_own_one_is_no_other() {
    for (arn, more, kind) in [
        (OWN, r#","recipientAccountId":"111122223333""#, Kind::RootUser),
        (OWN, r#","recipientAccountId":111122223333"#, Kind::RootUser),
        (OWN, r#","recipientAccountId":"444455556666""#, Kind::RootCrossAccount),
        (OWN, r#","recipientAccountId":"""#, Kind::RootCrossAccount),
        (OWN, "", Kind::RootCrossAccount),
        ("arn:aws:iam::011122223333:root", r#","recipientAccountId":11122223333"#, Kind::RootUser),
        (OWN, r#","recipientAccountId":"111122223333","eventType":"AwsServiceEvent""#, Kind::RootViaService),
    ] {
        let verdict = of(&format!(r#"{{"userIdentity":{{"type":"AWSAccount","arn":"{arn}"}}{more}}}"#));
        assert_eq!(verdict.identity, Some(kind), "{arn}{more}");
    }
    let session = of(&format!(
        r#"{{"userIdentity":{{"type":"AWSAccount","arn":"{OWN}","sessionContext":{{"assumedRoot":"true"}}}},"recipientAccountId":"111122223333"}}"#
    ));
    assert_eq!(session.identity, Some(Kind::RootAssumeRootSession));
}

#[test]
fn what_invoked_a_call_is_a_service_or_stands_for_a_person() {
    for (by, more, kind) in [
        ("aws-mcp.amazonaws.com", r#","sourceIPAddress":"aws-mcp.amazonaws.com""#, Kind::RootUser),
        ("AWS-MCP.amazonaws.com", "", Kind::RootUser),
        ("AWS Internal", r#","sourceIPAddress":"203.0.113.7""#, Kind::RootUser),
        ("AWS Internal", r#","sourceIPAddress":"2001:db8::1""#, Kind::RootUser),
        ("AWS Internal", r#","sourceIPAddress":"AWS Internal""#, Kind::RootViaService),
        ("AWS Internal", r#","sourceIPAddress":"health.amazonaws.com""#, Kind::RootViaService),
        ("AWS Internal", "", Kind::RootViaService),
        (
            "AWS Internal",
            r#","sourceIPAddress":"203.0.113.7","eventType":"AwsServiceEvent""#,
            Kind::RootViaService,
        ),
        ("health.amazonaws.com", r#","sourceIPAddress":"203.0.113.7""#, Kind::RootViaService),
    ] {
        assert_eq!(root(&format!(r#","invokedBy":"{by}""#), more).identity, Some(kind), "{by}{more}");
    }
    // The key decides the credential of who comes through the server for agents.
    for (key, kind) in [("AKIAX", Cred::LongTermAccessKey), ("ASIAX", Cred::TemporaryCredentials)] {
        let verdict = root(&format!(r#","invokedBy":"aws-mcp.amazonaws.com","accessKeyId":"{key}""#), "");
        assert_eq!(verdict.credential, Some(kind));
    }
}

#[test]
fn directory_sign_ins_are_no_service() {
    for name in
        ["ExternalIdPDirectoryLogin", "UserAuthentication", "CredentialChallenge", "CredentialVerification"]
    {
        let of = |source: &str| {
            root(
                "",
                &format!(r#","eventType":"AwsServiceEvent","eventSource":"{source}","eventName":"{name}""#),
            )
        };
        let verdict = of("signin.amazonaws.com");
        assert_eq!(
            (verdict.identity, verdict.credential, verdict.mfa),
            (Some(Kind::RootUser), Some(Cred::Unknown), Some(Status::Unknown)),
            "{name}"
        );
        assert_eq!(of("x.amazonaws.com").identity, Some(Kind::RootViaService), "{name}");
    }
    let failed = root(
        "",
        r#","eventType":"AwsServiceEvent","eventSource":"signin.amazonaws.com","eventName":"CredentialVerification","serviceEventDetails":{"CredentialVerification":"Failure"}"#,
    );
    assert_eq!(failed.outcome, Outcome::Failure);
}

#[test]
fn a_token_for_an_mfa_device_counts_before_the_session_and_the_request_after_it() {
    let session = |said: &str| format!(r#","sessionContext":{{"attributes":{{"mfaAuthenticated":{said}}}}}"#);
    let token = |more: &str| {
        format!(
            r#","eventName":"GetSessionToken","requestParameters":{{"serialNumber":"GAHT12345678"}}{more}"#
        )
    };
    let context = |said: &str| {
        format!(r#","eventContext":{{"requestContext":{{"aws:MultiFactorAuthPresent":{said}}}}}"#)
    };
    for (identity, record, row, status, evidence) in [
        (session(r#""false""#), token(""), "M6", Status::Used, Some(Evidence::SerialNumber)),
        (
            session(r#""false""#),
            token(r#","errorCode":"AccessDenied""#),
            "M5",
            Status::NotUsed,
            Some(Evidence::MfaAuthenticated),
        ),
        (session(r#""true""#), context(r#""false""#), "M5", Status::Used, Some(Evidence::MfaAuthenticated)),
        (session(r#""""#), context(r#""true""#), "M5a", Status::Used, Some(Evidence::RequestContext)),
        (String::new(), context("false"), "M5a", Status::NotUsed, Some(Evidence::RequestContext)),
        (
            r#","accessKeyId":"AKIAX""#.to_owned(),
            context("true"),
            "M5a",
            Status::Used,
            Some(Evidence::RequestContext),
        ),
        (String::new(), context("null"), "M9", Status::Unknown, None),
    ] {
        let verdict = root(&identity, &record);
        let found = (verdict.rows.mfa, verdict.mfa, verdict.evidence);
        assert_eq!(found, (Some(row), Some(status), evidence), "{identity} {record}");
    }
    assert!(root(&session(r#""true""#), &context(r#""false""#)).conflict);
    assert!(!root(&session(r#""true""#), &context("true")).conflict);
}
