//! For unit tests: from JSON text to its finding.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::{Place, examine};
use crate::finding::Finding;
use crate::judge::testing::tree;
use crate::key::KeyInfo;
use crate::object::ObjectRef;

/// Returns what `examine` makes of a JSON text, in an object of account 999988887777.
pub(crate) fn judged(json: &str) -> Option<Finding> {
    let object = ObjectRef {
        uri: "s3://bucket/key".into(),
        etag: Some("0af1".into()),
        key: Some(Arc::new(KeyInfo {
            account: "999988887777".into(),
            region: "us-east-1".into(),
            day: "2024-05-01".into(),
        })),
        ..ObjectRef::default()
    };
    let text = RawValue::from_string(json.to_owned()).unwrap();
    examine(&tree(json), text, &Place { object: &object, record_index: 17 })
}
