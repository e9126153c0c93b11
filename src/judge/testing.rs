//! For unit tests: from JSON text to [`Value`], by way of serde_json.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::value::RawValue;

use crate::finding::Finding;
use crate::json::Value;
use crate::judge::{Place, examine};
use crate::key::KeyInfo;
use crate::object::ObjectRef;

/// The tree of a JSON text.
pub(crate) fn tree(json: &str) -> Value<'static> {
    grow(serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}")))
}

fn grow(value: serde_json::Value) -> Value<'static> {
    match value {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(flag) => Value::Bool(flag),
        serde_json::Value::Number(number) => Value::Number(Cow::Owned(number.to_string())),
        serde_json::Value::String(text) => Value::String(Cow::Owned(text)),
        serde_json::Value::Array(items) => Value::Array(items.into_iter().map(grow).collect()),
        serde_json::Value::Object(members) => {
            Value::Object(members.into_iter().map(|(key, value)| (Cow::Owned(key), grow(value))).collect())
        }
    }
}

/// What `examine` says of a JSON text, in an object of account 999988887777.
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
