//! A finding's record as a value tree without empty parts, for the formats that map its fields.

use std::borrow::Cow;
use std::collections::HashSet;

use super::FormatError;
use crate::finding::Finding;
use crate::json::{Value, parse};

/// Returns the pruned record of a finding, and its text.
pub(super) fn of(finding: &Finding) -> Result<(Value<'_>, &str), FormatError> {
    let raw =
        finding.cloudtrail.as_deref().ok_or_else(|| FormatError::NoRecord { id: finding.id.to_string() })?;
    Ok((read(raw.get()), raw.get()))
}

/// Returns the pruned tree of minified JSON.
pub(super) fn read(minified: &str) -> Value<'_> {
    let mut value = parse::parse_plain(minified);
    prune(&mut value);
    value
}

/// Removes empty values: null, empty strings, and objects and arrays with nothing else inside, as Elastic's
/// pipeline does. The last of duplicate keys stays, since an index refuses a document that has both. Returns
/// whether the value itself is empty.
fn prune(value: &mut Value<'_>) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => {
            items.retain_mut(|item| !prune(item));
            items.is_empty()
        }
        Value::Object(members) => {
            drop_repeated_keys(members);
            members.retain_mut(|(_, member)| !prune(member));
            members.is_empty()
        }
        Value::Bool(_) | Value::Number(_) | Value::Deep(_) => false,
    }
}

fn drop_repeated_keys(members: &mut Vec<(Cow<'_, str>, Value<'_>)>) {
    // Comparing in pairs is quicker than hashing for all objects that CloudTrail writes.
    const PAIRS: usize = 32;
    let repeated = if members.len() <= PAIRS {
        members
            .iter()
            .enumerate()
            .any(|(index, (key, _))| members[index + 1..].iter().any(|(later, _)| later == key))
    } else {
        let mut seen = HashSet::with_capacity(members.len());
        !members.iter().all(|(key, _)| seen.insert(&**key))
    };
    if repeated {
        let mut seen = HashSet::new();
        let mut kept: Vec<_> =
            members.drain(..).rev().filter(|(key, _)| seen.insert(key.clone().into_owned())).collect();
        kept.reverse();
        *members = kept;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_nothing_is_dropped_from_the_inside_out() {
        let record = read(r#"{"a":null,"b":"","c":{"d":{"e":[null,{"f":""}]}},"g":[1,null,""],"h":false}"#);
        let expected = Value::Object(vec![
            ("g".into(), Value::Array(vec![Value::Number("1".into())])),
            ("h".into(), Value::Bool(false)),
        ]);
        assert_eq!(record, expected);
    }

    #[test]
    fn of_duplicate_keys_the_last_stays() {
        for fill in [0, 100] {
            let fill: String = (0..fill).map(|n| format!(r#""k{n}":0,"#)).collect();
            let text = format!(r#"{{{fill}"a":1,"b":2,"a":3}}"#);
            let Value::Object(members) = read(&text) else { panic!("an object") };
            let tail = [("b".into(), Value::Number("2".into())), ("a".into(), Value::Number("3".into()))];
            assert!(members.ends_with(&tail), "{members:?}");
            assert!(!members.iter().any(|(_, value)| *value == Value::Number("1".into())));
        }
    }
}
