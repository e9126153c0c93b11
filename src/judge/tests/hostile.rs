//! Any field may hold any JSON: the judge answers, and never panics.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::super::testing::tree;
use super::super::{steps, verdict};
use crate::detect::testing::judged;

/// Generates odd values, and the ones that decide.
fn any_value() -> impl Strategy<Value = Json> {
    let words = [
        "",
        " ",
        "Root",
        "root",
        "true",
        "YES",
        "No",
        "Success",
        "Failure",
        "AKIAX",
        "ASIAX",
        "é\u{1b}",
        "AwsConsoleSignIn",
        "AwsServiceEvent",
        "ConsoleLogin",
        "CheckMfa",
        "AssumeRoot",
        "GetSessionToken",
        "PasswordRecoveryRequested",
        "signin.amazonaws.com",
        "sts.amazonaws.com",
        "FederatedUser",
        "AWSAccount",
        "arn:aws:iam::111122223333:root",
        "arn:",
        "arn:::::",
        "AWS ROOT USER",
        "Mozilla/",
        "111122223333",
    ];
    let leaf = prop_oneof![
        proptest::sample::select(words.to_vec()).prop_map(Json::from),
        ".{0,8}".prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<bool>().prop_map(Json::from),
        Just(Json::Null),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Json::from),
            proptest::collection::vec((proptest::sample::select(KEYS.to_vec()), inner), 0..4).prop_map(
                |members| members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
            ),
        ]
    })
}

const KEYS: &[&str] = &[
    "type",
    "arn",
    "accountId",
    "accessKeyId",
    "sessionContext",
    "sessionIssuer",
    "attributes",
    "invokedBy",
    "mfaAuthenticated",
    "assumedRoot",
    "creationDate",
    "MFAUsed",
    "MFAIdentifier",
    "MfaType",
    "userName",
    "serialNumber",
    "ConsoleLogin",
];

const TOP: &[&str] = &[
    "userIdentity",
    "eventName",
    "eventSource",
    "eventType",
    "eventTime",
    "eventID",
    "errorCode",
    "readOnly",
    "recipientAccountId",
    "sourceIPAddress",
    "userAgent",
    "requestParameters",
    "responseElements",
    "additionalEventData",
    "sessionCredentialFromConsole",
];

proptest! {
    #[test]
    fn any_record_is_judged(
        root in any::<bool>(),
        members in proptest::collection::vec((proptest::sample::select(TOP.to_vec()), any_value()), 0..12),
    ) {
        let mut record = json!({});
        for (key, value) in members {
            record[key] = value;
        }
        if root && record["userIdentity"].is_object() {
            record["userIdentity"]["type"] = "Root".into();
        }
        let text = record.to_string();
        let value = tree(&text);
        let verdict = verdict(&value);
        prop_assert!(!steps(&value, &verdict).is_empty());
        let finding = judged(&text);
        prop_assert_eq!(finding.is_some(), verdict.identity.is_some());
        if let Some(finding) = finding {
            prop_assert!(!finding.rules.is_empty());
            let line = serde_json::to_string(&finding).unwrap();
            prop_assert!(!line.contains('\n'));
            let back: crate::finding::Finding = serde_json::from_str(&line).unwrap();
            prop_assert_eq!(serde_json::to_string(&back).unwrap(), line);
        }
    }
}
