//! Conversion to serde_json's values.

use super::value::Value;

/// Levels of a forged MFA field that are kept; deeper values are left out.
const PLAIN_DEPTH: u32 = 16;

/// Returns the value as serde_json has it. A number that serde_json would round stays text, in quotes.
pub fn plain(value: &Value<'_>) -> serde_json::Value {
    plain_to(value, PLAIN_DEPTH)
}

fn plain_to(value: &Value<'_>, depth: u32) -> serde_json::Value {
    use serde_json::Value as Plain;
    match value {
        Value::Null => Plain::Null,
        Value::Bool(flag) => Plain::Bool(*flag),
        Value::Number(text) => match serde_json::from_str::<serde_json::Number>(text) {
            Ok(number) if number.to_string() == **text => Plain::Number(number),
            _ => Plain::String(text.clone().into_owned()),
        },
        Value::String(text) => Plain::String(text.clone().into_owned()),
        Value::Deep(text) => Plain::String((*text).to_owned()),
        Value::Array(_) | Value::Object(_) if depth == 0 => Plain::String("…".to_owned()),
        Value::Array(items) => items.iter().map(|item| plain_to(item, depth - 1)).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(key, value)| (key.clone().into_owned(), plain_to(value, depth - 1)))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_would_be_rounded_stay_text() {
        for (text, expected) in [
            ("12", "12"),
            ("-3", "-3"),
            ("1.5", "1.5"),
            ("1.50", r#""1.50""#),
            ("1e400", r#""1e400""#),
            ("123456789012345678901234567890", r#""123456789012345678901234567890""#),
        ] {
            assert_eq!(plain(&Value::Number(text.into())).to_string(), expected);
        }
    }

    #[test]
    fn forged_nesting_is_cut_short() {
        let mut value = Value::Bool(true);
        for _ in 0..1000 {
            value = Value::Array(vec![value]);
        }
        assert_eq!(plain(&value).to_string().len(), "\"…\"".len() + 2 * PLAIN_DEPTH as usize);
    }
}
