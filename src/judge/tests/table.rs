//! One row of events for each row of the decision table, the traps around them, and the shared
//! labelled events where `ROOTTRAIL_CONFORMANCE` names their file.

use super::super::testing::tree;
use super::super::{steps, verdict};
use super::{of, root};
use crate::finding::CredentialBasis as Basis;
use crate::finding::CredentialType as Cred;
use crate::finding::IdentityKind as Kind;

#[test]
fn each_row_gives_its_identity() {
    for (json, kind, standing, form) in [
        (
            r#"{"userIdentity":{"type":"FederatedUser","sessionContext":{"sessionIssuer":{"type":"Root"}}}}"#,
            Some(Kind::RootFederated),
            "R1",
            None,
        ),
        (
            r#"{"userIdentity":{"type":"FederatedUser","sessionContext":{"sessionIssuer":{"arn":"arn:aws:iam::111122223333:root"}}}}"#,
            Some(Kind::RootFederated),
            "R1",
            None,
        ),
        (
            r#"{"userIdentity":{"type":"root","sessionContext":{"sessionIssuer":{"type":"Root"}}}}"#,
            Some(Kind::RootUser),
            "R2",
            Some("R8"),
        ),
        (
            r#"{"userIdentity":{"type":"AssumedRole","sessionContext":{"sessionIssuer":{"type":"Role","arn":"arn:aws:iam::111122223333:root"}}}}"#,
            None,
            "N2",
            None,
        ),
        (r#"{"userIdentity":{"type":"ROOT"}}"#, Some(Kind::RootUser), "R2", Some("R8")),
        (
            r#"{"userIdentity":{"type":"Unknown","arn":"arn:aws-cn:iam::111122223333:root"}}"#,
            Some(Kind::RootUser),
            "R3",
            Some("R8"),
        ),
        (
            r#"{"userIdentity":{"arn":"arn:aws:iam::111122223333:root"}}"#,
            Some(Kind::RootUser),
            "R3",
            Some("R8"),
        ),
        (
            r#"{"userIdentity":{"accountId":"1"},"eventSource":"signin.amazonaws.com","eventName":"PasswordRecoveryRequested"}"#,
            Some(Kind::RootUser),
            "R4",
            Some("R8"),
        ),
        (
            r#"{"userIdentity":{"type":"IAMUser"},"eventSource":"signin.amazonaws.com","eventName":"PasswordRecoveryRequested"}"#,
            None,
            "N2",
            None,
        ),
        (
            r#"{"userIdentity":{"type":"AWSAccount","arn":"arn:aws:iam::444455556666:root"},"eventType":"AwsServiceEvent"}"#,
            Some(Kind::RootCrossAccount),
            "R3",
            Some("R5"),
        ),
        (
            r#"{"userIdentity":{"type":"Root","sessionContext":{"assumedRoot":"true"},"invokedBy":"x"}}"#,
            Some(Kind::RootAssumeRootSession),
            "R2",
            Some("R6"),
        ),
        (
            r#"{"userIdentity":{"type":"Root","sessionContext":{"assumedRoot":true}}}"#,
            Some(Kind::RootAssumeRootSession),
            "R2",
            Some("R6"),
        ),
        (
            r#"{"userIdentity":{"type":"Root","sessionContext":{"assumedRoot":""}}}"#,
            Some(Kind::RootUser),
            "R2",
            Some("R8"),
        ),
        (
            r#"{"userIdentity":{"type":"Root"},"eventType":"AwsServiceEvent"}"#,
            Some(Kind::RootViaService),
            "R2",
            Some("R7"),
        ),
        (
            r#"{"userIdentity":{"type":"Root","invokedBy":"glue.amazonaws.com"}}"#,
            Some(Kind::RootViaService),
            "R2",
            Some("R7"),
        ),
        (
            r#"{"userIdentity":{"type":"Root","invokedBy":"signin.amazonaws.com"}}"#,
            Some(Kind::RootUser),
            "R2",
            Some("R8"),
        ),
        (
            r#"{"userIdentity":{"type":"Root","invokedBy":"console.amazonaws.com"}}"#,
            Some(Kind::RootUser),
            "R2",
            Some("R8"),
        ),
        (r#"{"userIdentity":{"type":"Root","invokedBy":""}}"#, Some(Kind::RootUser), "R2", Some("R8")),
        (
            r#"{"userIdentity":{"type":"AssumedRole","sessionContext":{"assumedRoot":"true"}},"eventName":"AssumeRoot","eventSource":"sts.amazonaws.com"}"#,
            Some(Kind::AssumeRootCaller),
            "N1",
            None,
        ),
        (
            r#"{"userIdentity":{"type":"Root"},"eventName":"AssumeRoot","eventSource":"sts.amazonaws.com"}"#,
            Some(Kind::RootUser),
            "R2",
            Some("R8"),
        ),
    ] {
        let verdict = of(json);
        assert_eq!(
            (verdict.identity, verdict.rows.standing, verdict.rows.form),
            (kind, standing, form),
            "{json}"
        );
    }
}

#[test]
fn look_alikes_and_hostile_shapes_are_not_root() {
    for json in [
        r#"{"userIdentity":{"type":"IAMUser","userName":"root","arn":"arn:aws:iam::111122223333:user/root"}}"#,
        r#"{"userIdentity":{"type":"AssumedRole","arn":"arn:aws:sts::111122223333:assumed-role/root/root"}}"#,
        r#"{"userIdentity":{"type":"FederatedUser","arn":"arn:aws:sts::111122223333:federated-user/root"}}"#,
        r#"{"userIdentity":{"type":"AWSAccount","principalId":"111122223333","accountId":"111122223333"}}"#,
        r#"{"userIdentity":{"accountId":"ANONYMOUS_PRINCIPAL"}}"#,
        r#"{"userIdentity":{"accountId":"111122223333","invokedBy":"x.amazonaws.com"},"eventType":"AwsServiceEvent"}"#,
        r#"{"requestParameters":{"userIdentity":{"type":"Root"}}}"#,
        r#"{"resources":[{"ARN":"arn:aws:iam::111122223333:root"}]}"#,
        r#"{"userIdentity":null}"#,
        r#"{"userIdentity":{}}"#,
        r#"{"userIdentity":"Root"}"#,
        r#"{"userIdentity":["Root"]}"#,
        r#"{"userIdentity":{"type":["Root"]}}"#,
        r#"{"userIdentity":{"type":7,"arn":{"a":1}}}"#,
        r#"{"type":"Root"}"#,
        r#"{"eventName":"AssumeRoot"}"#,
        "[]",
        "7",
        "null",
        r#""Root""#,
    ] {
        assert_eq!(of(json).identity, None, "{json}");
    }
}

#[test]
fn each_row_gives_its_credential() {
    let none = Cred::None;
    for (identity, record, row, kind, basis) in [
        (
            r#","sessionContext":{"assumedRoot":"true"},"accessKeyId":"AKIAX""#,
            "",
            "C2",
            Cred::AssumeRoot,
            Some(Basis::Identity),
        ),
        (r#","invokedBy":"cloudformation.amazonaws.com""#, "", "C3", Cred::AwsService, Some(Basis::Identity)),
        (
            "",
            r#","eventType":"AwsConsoleSignIn","eventName":"PasswordRecoveryCompleted""#,
            "C4",
            none,
            Some(Basis::Event),
        ),
        (
            "",
            r#","eventType":"AwsConsoleSignIn","eventName":"ConsoleLogin""#,
            "C5",
            Cred::ConsolePassword,
            Some(Basis::Event),
        ),
        (
            "",
            r#","eventType":"AwsConsoleSignin","eventName":"ConsoleLogin""#,
            "C5",
            Cred::ConsolePassword,
            Some(Basis::Event),
        ),
        (
            "",
            r#","eventSource":"signin.amazonaws.com","eventName":"CheckMfa""#,
            "C5",
            Cred::ConsolePassword,
            Some(Basis::Event),
        ),
        (
            "",
            r#","eventSource":"signin.amazonaws.com","eventName":"ExternalIdPDirectoryLogin""#,
            "C5",
            Cred::Unknown,
            Some(Basis::Event),
        ),
        (
            "",
            r#","eventSource":"signin.amazonaws.com","eventName":"CredentialChallenge""#,
            "C5",
            Cred::Unknown,
            Some(Basis::Event),
        ),
        (
            "",
            r#","eventType":"AwsConsoleSignIn","eventName":"PasswordUpdated""#,
            "C5",
            Cred::ConsoleSession,
            Some(Basis::Event),
        ),
        (
            "",
            r#","eventType":"AwsConsoleSignIn","eventSource":"billingconsole.amazonaws.com","eventName":"SetContactAddress""#,
            "C5",
            Cred::ConsoleSession,
            Some(Basis::Event),
        ),
        (
            "",
            r#","eventSource":"signin.amazonaws.com","eventType":"AwsApiCall","eventName":"GetSigninToken""#,
            "C12",
            Cred::Unknown,
            None,
        ),
        (
            r#","accessKeyId":"AKIAX""#,
            r#","sessionCredentialFromConsole":"true""#,
            "C6",
            Cred::ConsoleSession,
            Some(Basis::SessionCredentialFromConsole),
        ),
        (
            r#","sessionContext":{"sessionCredentialFromConsole":true}"#,
            "",
            "C6",
            Cred::ConsoleSession,
            Some(Basis::SessionCredentialFromConsole),
        ),
        (
            r#","sessionContext":{"attributes":{"sessionCredentialFromConsole":"true"}}"#,
            "",
            "C6",
            Cred::ConsoleSession,
            Some(Basis::SessionCredentialFromConsole),
        ),
        (
            r#","accessKeyId":"ASIAX""#,
            r#","sessionCredentialFromConsole":"false""#,
            "C11",
            Cred::TemporaryCredentials,
            Some(Basis::AccessKeyId),
        ),
        (
            r#","invokedBy":"signin.amazonaws.com","accessKeyId":"AKIAX""#,
            "",
            "C7",
            Cred::ConsoleSession,
            Some(Basis::InvokedBy),
        ),
        (r#","invokedBy":"console.amazonaws.com""#, "", "C7", Cred::ConsoleSession, Some(Basis::InvokedBy)),
        (
            r#","accessKeyId":"ASIAX""#,
            r#","eventType":"AwsConsoleAction""#,
            "C8",
            Cred::ConsoleSession,
            Some(Basis::EventType),
        ),
        (
            r#","accessKeyId":"AKIAX","sessionContext":{"attributes":{}}"#,
            r#","userAgent":"console.amazonaws.com""#,
            "C9",
            Cred::LongTermAccessKey,
            Some(Basis::AccessKeyId),
        ),
        (
            r#","accessKeyId":"ASIAX""#,
            r#","userAgent":"[S3Console/0.4]""#,
            "C10",
            Cred::ConsoleSession,
            Some(Basis::UserAgent),
        ),
        (
            r#","sessionContext":{"attributes":{"creationDate":"t"}}"#,
            r#","userAgent":"Mozilla/5.0""#,
            "C10",
            Cred::ConsoleSession,
            Some(Basis::UserAgent),
        ),
        (
            r#","accessKeyId":"Unknown""#,
            r#","userAgent":"console.amazonaws.com""#,
            "C12",
            Cred::Unknown,
            None,
        ),
        (
            r#","accessKeyId":"ASIAX""#,
            r#","userAgent":"aws-cli/2 Mozilla/5.0""#,
            "C11",
            Cred::TemporaryCredentials,
            Some(Basis::AccessKeyId),
        ),
        (
            r#","sessionContext":{"attributes":{"creationDate":"t"}}"#,
            "",
            "C11",
            Cred::TemporaryCredentials,
            Some(Basis::SessionContext),
        ),
        (r#","accessKeyId":"","sessionContext":{"attributes":null}"#, "", "C12", Cred::Unknown, None),
        (
            r#","accessKeyId":5,"sessionContext":"x""#,
            r#","userAgent":["Mozilla/"]"#,
            "C12",
            Cred::Unknown,
            None,
        ),
    ] {
        let verdict = root(identity, record);
        let found = (verdict.rows.credential, verdict.credential, verdict.basis);
        assert_eq!(found, (Some(row), Some(kind), basis), "{identity} {record}");
    }
    let federated = of(
        r#"{"userIdentity":{"type":"FederatedUser","accessKeyId":"ASIAX","sessionContext":{"sessionIssuer":{"type":"Root"}}}}"#,
    );
    assert_eq!(federated.rows.credential, Some("C1"));
    assert_eq!(federated.credential, Some(Cred::FederationToken));
}

#[test]
fn steps_end_with_the_row_that_decided() {
    let record = tree(r#"{"userIdentity":{"type":"Root","accessKeyId":"AKIAX"}}"#);
    let verdict = verdict(&record);
    let steps = steps(&record, &verdict);
    let decided: Vec<_> = steps.iter().filter(|step| step.holds).map(|step| step.row).collect();
    assert_eq!(decided, ["R2", "R8", "C9", "M7", "O8"]);
    let key = steps.iter().find(|step| step.row == "C9").unwrap();
    assert_eq!(key.fields, [("userIdentity.accessKeyId".to_owned(), Some(r#""AKIAX""#.to_owned()))]);
}

/// Compares the judge with the labels of the shared corpus, which follow the same table.
#[test]
fn labelled_events_hold() {
    let Some(path) = std::env::var_os("ROOTTRAIL_CONFORMANCE") else { return };
    let rows = std::fs::read_to_string(path).unwrap();
    let mut wrong = Vec::new();
    for line in rows.lines().filter(|line| !line.trim().is_empty()) {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let verdict = of(&row["event"].to_string());
        let said = |value: serde_json::Value| if value.is_null() { serde_json::json!(null) } else { value };
        let expect = &row["expect"];
        let identity = verdict.identity.map_or_else(|| "not_root".into(), |kind| serde_json::json!(kind));
        let pairs = [
            ("identity", identity, &expect["identity"]),
            ("credential", said(serde_json::json!(verdict.credential)), &expect["credential_type"]),
            ("mfa", said(serde_json::json!(verdict.mfa)), &expect["mfa"]),
            ("evidence", said(serde_json::json!(verdict.evidence)), &expect["mfa_evidence"]),
            ("device", said(serde_json::json!(verdict.device)), &row["expect_extra"]["mfa_device"]),
            ("outcome", serde_json::json!(verdict.outcome), &row["expect_extra"]["outcome"]),
        ];
        for (what, found, expected) in pairs {
            if found != *expected {
                wrong.push(format!("{}: {what} is {found}, expected {expected}", row["id"]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
