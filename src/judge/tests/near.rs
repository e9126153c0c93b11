//! Events that come close to a row and miss it by one condition: each condition of the table counts.

use super::{of, root};
use crate::finding::CredentialType as Cred;
use crate::finding::IdentityKind as Kind;
use crate::finding::MfaDevice;
use crate::judge::is_root_arn;

#[test]
fn a_name_alone_makes_no_sign_in() {
    // Another service's event of the name, by an access key.
    let other = root(
        r#","accessKeyId":"AKIAIOSFODNN7EXAMPLE""#,
        r#","eventName":"ConsoleLogin","eventSource":"sso.amazonaws.com""#,
    );
    assert_eq!((other.rows.credential, other.credential), (Some("C9"), Some(Cred::LongTermAccessKey)));
    // A device that an event names which is no sign-in's.
    let named = root(
        "",
        r#","eventName":"ListBuckets","additionalEventData":{"MFAIdentifier":"arn:aws:iam::111122223333:mfa/x"}"#,
    );
    assert_eq!(named.rows.mfa, Some("M9"));
    // A sign-in of a service that is no directory's.
    let service = root(
        "",
        r#","eventName":"ConsoleLogin","eventSource":"signin.amazonaws.com","eventType":"AwsServiceEvent""#,
    );
    assert_eq!(service.identity, Some(Kind::RootViaService));
}

#[test]
fn a_root_without_its_account_in_the_arn_is_the_account_that_is_named() {
    let event = |account: &str| {
        of(&format!(
            r#"{{"userIdentity":{{"type":"AWSAccount","arn":"arn:aws:iam:::root","accountId":"{account}"}},"recipientAccountId":"111122223333"}}"#
        ))
    };
    assert_eq!(event("111122223333").identity, Some(Kind::RootUser));
    assert_eq!(event("444455556666").identity, Some(Kind::RootCrossAccount));
}

#[test]
fn a_root_arn_ends_with_root() {
    assert!(is_root_arn("arn:aws2:iam::111122223333:root"));
    assert!(!is_root_arn("arn:aws:iam::111122223333:root:x"));
    assert!(!is_root_arn("arn:aws_cn:iam::111122223333:root"));
}

#[test]
fn what_a_response_says_of_itself_is_nothing_that_was_done() {
    let response = r#","responseElements":{"unsuccessful":[{"resourceId":"fl-1"}],"responseMetadata":{"requestId":"r"}}"#;
    assert_eq!(root("", response).rows.outcome, "O5");
    let other = r#","responseElements":{"unsuccessful":[{"resourceId":"fl-1"}],"other":{"requestId":"r"}}"#;
    assert_eq!(root("", other).rows.outcome, "O8");
}

#[test]
fn only_a_response_of_the_event_itself_holds_its_error() {
    let within = |name: &str| root("", &format!(r#","responseElements":{{"{name}":{{"errorCode":"x"}}}}"#));
    assert_eq!(within("DeleteFlowLogsResponse").rows.outcome, "O3");
    // The state of what the event is about, which may well be a failed one.
    assert_eq!(within("instance").rows.outcome, "O8");
}

#[test]
fn one_list_of_the_unsuccessful_is_enough() {
    for (one, other) in
        [(r#"[{"resourceId":"fl-1"}]"#, "[]"), (r#"[{"resourceId":"fl-1"}]"#, r#"[{"resourceId":"fl-2"}]"#)]
    {
        for (first, second) in [(one, other), (other, one)] {
            let response =
                format!(r#","responseElements":{{"unsuccessful":{first},"unsuccessfulSet":{second}}}"#);
            assert_eq!(root("", &response).rows.outcome, "O5", "{first} {second}");
        }
    }
}

#[test]
fn a_device_that_was_not_asked_for_is_not_named() {
    let token =
        r#","eventName":"GetSessionToken","requestParameters":{"serialNumber":"arn:aws:iam::1:mfa/x"}"#;
    assert_eq!(root("", token).device, Some(MfaDevice::Virtual));
    // Who holds a session from AssumeRoot used no device, whatever stands in the request.
    let session = root(r#","sessionContext":{"assumedRoot":"true"}"#, token);
    assert_eq!((session.rows.mfa, session.device), (Some("M1"), None));
}
