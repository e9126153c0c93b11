//! Whether the action succeeded.
//!
//! A failed sign-in carries `errorMessage` and no `errorCode`; what counts is `responseElements.ConsoleLogin`.

use super::record::Record;
use crate::finding::Outcome;

/// The fields that the outcome is read from.
pub(super) const PATHS: &[&str] = &["responseElements.<eventName>", "errorCode", "errorMessage"];

pub(super) fn outcome(record: &Record<'_>) -> Outcome {
    let success = match record.named_response() {
        Some(said) => said.trim().eq_ignore_ascii_case("success"),
        None => !record.holds_something("errorCode") && !record.holds_something("errorMessage"),
    };
    if success { Outcome::Success } else { Outcome::Failure }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::testing::tree;

    #[test]
    fn the_named_response_beats_the_error_fields() {
        use Outcome::{Failure, Success};
        for (json, expected) in [
            (r#"{"eventName":"ConsoleLogin","responseElements":{"ConsoleLogin":"Success"}}"#, Success),
            (r#"{"eventName":"ConsoleLogin","responseElements":{"ConsoleLogin":"SUCCESS"}}"#, Success),
            (r#"{"eventName":"ConsoleLogin","responseElements":{"ConsoleLogin":"Failure"}}"#, Failure),
            (r#"{"eventName":"ConsoleLogin","responseElements":{"ConsoleLogin":"Odd"}}"#, Failure),
            (
                r#"{"eventName":"ConsoleLogin","errorMessage":"x","responseElements":{"ConsoleLogin":"Success"}}"#,
                Success,
            ),
            (r#"{"eventName":"ConsoleLogin","responseElements":{"ConsoleLogin":true}}"#, Success),
            (r#"{"eventName":"ConsoleLogin","responseElements":null,"errorMessage":"No"}"#, Failure),
            (r#"{"eventName":"CreateUser","responseElements":{"ConsoleLogin":"Failure"}}"#, Success),
            (r#"{"eventName":"CreateUser","errorCode":"AccessDenied"}"#, Failure),
            (r#"{"eventName":"CreateUser","errorCode":"","errorMessage":null}"#, Success),
            (r#"{"eventName":"CreateUser","errorCode":{},"errorMessage":[]}"#, Success),
            (r#"{"eventName":"CreateUser","errorCode":404}"#, Failure),
            (r#"{"eventName":7,"responseElements":"Success"}"#, Success),
            (r#"{}"#, Success),
            (r#"[]"#, Success),
        ] {
            assert_eq!(outcome(&Record::new(&tree(json))), expected, "{json}");
        }
    }
}
