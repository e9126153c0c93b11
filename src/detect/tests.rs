//! The findings that `examine` builds.

use super::conflicting_id;
use super::testing::judged;
use crate::finding::IdentityKind as Kind;

#[test]
fn a_finding_has_every_field() {
    let json = r#"{"eventVersion":"1.08","userIdentity":{"type":"Root","principalId":"111122223333","arn":"arn:aws:iam::111122223333:root","accountId":"111122223333","accessKeyId":""},"eventTime":"2024-05-01T12:00:00Z","eventSource":"signin.amazonaws.com","eventName":"ConsoleLogin","awsRegion":"us-east-1","sourceIPAddress":"203.0.113.7","userAgent":"Mozilla/5.0","responseElements":{"ConsoleLogin":"Success"},"additionalEventData":{"MFAUsed":"No"},"eventID":"e-1","readOnly":"false","eventType":"AwsConsoleSignIn","recipientAccountId":"111122223333","eventCategory":"Management"}"#;
    let finding = judged(json).unwrap();
    let line = serde_json::to_string(&finding).unwrap();
    let expected = format!(
        concat!(
            r#"{{"schema":"roottrail.finding/1","id":"5b90142d30cbda20999a0b170ddb0cc1","time":"2024-05-01T12:00:00Z","account_id":"111122223333","#,
            r#""recipient_account_id":"111122223333","region":"us-east-1","severity":"critical","attempt":false,"#,
            r#""rules":["root-console-login-without-mfa","root-activity"],"attack":["T1078.004"],"#,
            r#""event":{{"id":"e-1","name":"ConsoleLogin","source":"signin.amazonaws.com","type":"AwsConsoleSignIn","category":"Management","version":"1.08","read_only":false,"request_id":null,"shared_event_id":null,"addendum":null}},"#,
            r#""outcome":"success","error_code":null,"error_message":null,"#,
            r#""identity":{{"kind":"root_user","type":"Root","arn":"arn:aws:iam::111122223333:root","principal_id":"111122223333","user_name":null,"invoked_by":null,"issuer_arn":null}},"#,
            r#""credential":{{"type":"console_password","basis":"event","access_key_id":null,"session_created":null}},"#,
            r#""mfa":{{"status":"not_used","evidence":"additionalEventData.MFAUsed","device":null,"conflict":false,"raw":{{"MFAUsed":"No","MFAIdentifier":null,"mfaAuthenticated":null}}}},"#,
            r#""source":{{"address":"203.0.113.7","ip":"203.0.113.7","user_agent":"Mozilla/5.0","vpc_endpoint":null,"tls_version":null}},"#,
            r#""session":{{"id":"111122223333/2024-05-01T12:00:00Z"}},"#,
            r#""evidence":{{"uri":"s3://bucket/key","etag":"0af1","version_id":null,"sha256":null,"record_index":17,"integrity":"unverified","damaged":false,"conflict_with":null}},"#,
            r#""cloudtrail":{}}}"#,
        ),
        json
    );
    assert_eq!(line, expected);
}

#[test]
fn missing_names_have_stand_ins() {
    // The first 16 bytes of sha256("111122223333|e-1").
    let full = judged(r#"{"userIdentity":{"type":"Root","accountId":"444455556666"},"recipientAccountId":"111122223333","eventID":"e-1"}"#).unwrap();
    assert_eq!(full.id.to_string(), "5b90142d30cbda20999a0b170ddb0cc1");
    assert_eq!(full.account_id.as_deref(), Some("444455556666"));
    let own = judged(r#"{"userIdentity":{"type":"Root","accountId":"111122223333"},"recipientAccountId":null,"eventID":"e-1"}"#).unwrap();
    assert_eq!(own.id, full.id);
    assert_eq!(own.recipient_account_id.as_deref(), Some("111122223333"));
    let number =
        judged(r#"{"userIdentity":{"type":"Root","accountId":111122223333},"eventID":"e-1"}"#).unwrap();
    assert_eq!(number.id, full.id);
    let arn = judged(r#"{"userIdentity":{"type":"Root","arn":"arn:aws:iam::111122223333:root"}}"#).unwrap();
    assert_eq!(arn.account_id.as_deref(), Some("111122223333"));
    assert_eq!(arn.recipient_account_id.as_deref(), Some("999988887777"), "the account in the key");
    let bare = judged(r#"{"userIdentity":{"type":"Root"}}"#).unwrap();
    assert_eq!(bare.account_id.as_deref(), Some("999988887777"));
    assert_ne!(
        bare.id,
        judged(r#"{"userIdentity":{"type":"Root"},"x":1}"#).unwrap().id,
        "the text stands in for eventID"
    );
}

#[test]
fn a_conflicting_copy_has_an_id_of_its_own() {
    let first = judged(r#"{"userIdentity":{"type":"Root"},"eventID":"e-1","sourceIPAddress":"203.0.113.7"}"#)
        .unwrap();
    let copy = judged(r#"{"userIdentity":{"type":"Root"},"eventID":"e-1","sourceIPAddress":"198.51.100.9"}"#)
        .unwrap();
    assert_eq!(first.id, copy.id);
    assert_ne!(conflicting_id(&copy), first.id);
    assert_ne!(conflicting_id(&copy), conflicting_id(&first));
    assert_eq!(conflicting_id(&copy), conflicting_id(&copy.clone()));
}

#[test]
fn sessions_addresses_and_raw_fields_are_kept_as_they_stand() {
    let finding = judged(r#"{"userIdentity":{"type":"Root","accountId":"111122223333","sessionContext":{"attributes":{"creationDate":"2024-05-01T11:58:00Z","mfaAuthenticated":1.50}}},"eventTime":7,"readOnly":"TRUE","sourceIPAddress":"AWS Internal","errorCode":"AccessDenied","additionalEventData":{"MFAUsed":{"a":[true]},"MFAIdentifier":12}}"#).unwrap();
    assert_eq!(finding.session.id.as_deref(), Some("111122223333/2024-05-01T11:58:00Z"));
    assert_eq!(finding.time.as_deref(), Some("7"));
    assert_eq!(finding.source.ip, None);
    assert_eq!(finding.source.address.as_deref(), Some("AWS Internal"));
    assert_eq!(finding.event.read_only, Some(true));
    assert!(finding.attempt);
    assert_eq!(finding.mfa.raw.mfa_used.to_string(), r#"{"a":[true]}"#);
    assert_eq!(finding.mfa.raw.mfa_identifier.to_string(), "12");
    let login = judged(r#"{"userIdentity":{"type":"Root"},"eventName":"ConsoleLogin","eventSource":"signin.amazonaws.com","sourceIPAddress":"2001:db8::1"}"#).unwrap();
    assert_eq!(login.session.id, None, "no time, no session");
    assert_eq!(login.source.ip.as_deref(), Some("2001:db8::1"));
}

#[test]
fn callers_of_assume_root_have_neither_credential_nor_mfa() {
    let finding = judged(r#"{"userIdentity":{"type":"IAMUser","accessKeyId":"AKIAX","accountId":"111122223333"},"eventName":"AssumeRoot","eventSource":"sts.amazonaws.com"}"#).unwrap();
    assert_eq!(finding.identity.kind, Kind::AssumeRootCaller);
    assert_eq!((finding.credential.kind, finding.credential.basis), (None, None));
    assert_eq!((finding.mfa.status, finding.mfa.evidence, finding.mfa.device), (None, None, None));
    assert_eq!(finding.rules, ["assume-root-call"]);
}
