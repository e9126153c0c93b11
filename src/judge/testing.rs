//! For unit tests: from JSON text to [`Value`], by way of serde_json.

use std::borrow::Cow;

use crate::json::Value;

/// Returns the tree of a JSON text.
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
