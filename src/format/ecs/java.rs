//! Values in the notation of Java's `Map.toString()`.
//!
//! Elastic's pipeline stores request parameters and their like in this form, and its rules search the text
//! (`stringContains(aws.cloudtrail.request_parameters, "userName=")`). Java's hash order is not imitated:
//! members stand in the record's order.

use crate::json::Value;

/// Appends the notation of a value.
pub(super) fn write(value: &Value<'_>, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Number(text) => number(text, out),
        Value::String(text) => out.push_str(text),
        Value::Deep(text) => out.push_str(text),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                write(item, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            for (index, (key, member)) in members.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                out.push_str(key);
                out.push('=');
                write(member, out);
            }
            out.push('}');
        }
    }
}

/// Writes a number: whole numbers keep their digits; all others go through a double, as in Java.
fn number(text: &str, out: &mut String) {
    if !text.contains(['.', 'e', 'E']) {
        return out.push_str(if text == "-0" { "0" } else { text });
    }
    match text.parse::<f64>() {
        Ok(double) => out.push_str(&double_to_string(double)),
        Err(_) => out.push_str(text),
    }
}

fn double_to_string(double: f64) -> String {
    let size = double.abs();
    if size.is_infinite() {
        return if double > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    if size == 0.0 || (1e-3..1e7).contains(&size) {
        return format!("{double:?}");
    }
    let scientific = format!("{double:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let point = if digits.contains('.') { "" } else { ".0" };
    format!("{digits}{point}E{exponent}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::record;

    #[test]
    fn values_read_as_java_prints_them() {
        for (json, expected) in [
            (r#"{"a":{"b":"c"},"d":["x","y"]}"#, "{a={b=c}, d=[x, y]}"),
            (r#"{"n":12345678901234567890,"t":true}"#, "{n=12345678901234567890, t=true}"),
            (r#"[0.5,100.0,1e3,1.5e10,0.0001,-2.5E-7]"#, "[0.5, 100.0, 1000.0, 1.5E10, 1.0E-4, -2.5E-7]"),
            (r#"[1e400,-0,-0.0]"#, "[Infinity, 0, -0.0]"),
        ] {
            let mut out = String::new();
            write(&record::read(json), &mut out);
            assert_eq!(out, expected);
        }
    }
}
