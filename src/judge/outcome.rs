//! Whether the action succeeded. Rows O1 to O8.
//!
//! AWS's services write a failure in different places. A sign-in has it in `responseElements.ConsoleLogin`, with
//! `errorMessage` and no `errorCode`; most others have `errorCode`, some only an error or a `false` in the
//! response. Where the response names what could not be done, the action failed only if nothing else of the request
//! was done.

use super::record::{Record, is_something, yes_or_no};
use super::table::{Facts, Row, first};
use crate::finding::Outcome;
use crate::json::Value;

const RESPONSE: &str = "responseElements";
const SUCCESS: &str = "additionalEventData.success";

/// How deep a list of resources is looked through; AWS nests it three levels deep.
const DEPTH: u32 = 8;

fn failure_if(failed: bool) -> Option<Outcome> {
    failed.then_some(Outcome::Failure)
}

/// The rows that tell whether the action succeeded.
pub(super) static OUTCOME: &[Row<Outcome>] = &[
    Row {
        id: "O1",
        condition: "the response is named after the event",
        paths: &["responseElements.<eventName>"],
        decide: |facts| {
            let said = facts.record.named_response()?;
            let success = said.trim().eq_ignore_ascii_case("success");
            Some(if success { Outcome::Success } else { Outcome::Failure })
        },
    },
    Row {
        id: "O2",
        condition: "there is an error code or message",
        paths: &["errorCode", "errorMessage"],
        decide: |facts| {
            let record = &facts.record;
            failure_if(record.holds_something("errorCode") || record.holds_something("errorMessage"))
        },
    },
    Row {
        id: "O3",
        condition: "the response holds an error code or message",
        paths: &["responseElements.errorCode", "responseElements.errorMessage"],
        decide: |facts| {
            let holds = |response: &Value<'_>| {
                ["errorCode", "errorMessage"].iter().any(|key| response.get(key).is_some_and(is_something))
            };
            failure_if(responses(&facts.record).any(holds))
        },
    },
    Row {
        id: "O4",
        condition: "the response returns false",
        paths: &["responseElements._return", "responseElements.return"],
        decide: |facts| {
            let refused = |response: &Value<'_>| {
                ["_return", "return"].iter().any(|key| response.get(key).and_then(yes_or_no) == Some(false))
            };
            failure_if(responses(&facts.record).any(refused))
        },
    },
    Row {
        id: "O5",
        condition: "the response lists what was unsuccessful, and nothing that succeeded",
        paths: &[RESPONSE, "requestParameters"],
        decide: |facts| {
            failure_if(responses(&facts.record).any(|response| all_unsuccessful(response, &facts.record)))
        },
    },
    Row {
        id: "O6",
        condition: "additionalEventData says that it was no success",
        paths: &[SUCCESS],
        decide: |facts| failure_if(facts.record.yes_or_no(SUCCESS) == Some(false)),
    },
    Row {
        id: "O7",
        condition: "the details of the service's event say that it failed",
        paths: &["serviceEventDetails.<eventName>"],
        decide: |facts| {
            let record = &facts.record;
            let said = record.named("serviceEventDetails").unwrap_or_default().trim();
            failure_if(said.get(..4).is_some_and(|begin| begin.eq_ignore_ascii_case("fail")))
        },
    },
    Row {
        id: "O8",
        condition: "nothing says that it failed",
        paths: &[],
        decide: |_| Some(Outcome::Success),
    },
];

/// Returns the outcome of any event, and the row that says so.
pub(super) fn outcome(record: &Record<'_>) -> (Outcome, &'static str) {
    let facts = Facts { record: *record, outcome: Outcome::Success, identity: None, credential: None };
    first(OUTCOME, &facts).map_or((Outcome::Success, "O8"), |(row, outcome)| (outcome, row.id))
}

/// Returns the response, and what EC2 wraps one more time, as `CreateFlowLogsResponse`.
fn responses<'r>(record: &Record<'r>) -> impl Iterator<Item = &'r Value<'r>> {
    let response = record.value(RESPONSE).filter(|value| matches!(value, Value::Object(_)));
    let members = match response {
        Some(Value::Object(members)) => members.as_slice(),
        _ => &[],
    };
    let wrapped = members.iter().filter(|(key, _)| key.ends_with("Response")).map(|(_, value)| value);
    response.into_iter().chain(wrapped)
}

fn all_unsuccessful(response: &Value<'_>, record: &Record<'_>) -> bool {
    let Value::Object(members) = response else { return false };
    let listed = |key: &str| key.get(..12).is_some_and(|begin| begin.eq_ignore_ascii_case("unsuccessful"));
    let mut failed = Vec::new();
    let mut any = false;
    for (key, value) in members {
        if listed(key) {
            any |= has_items(value, DEPTH);
            texts(value, DEPTH, &mut failed);
        } else if matches!(value, Value::Array(_) | Value::Object(_))
            && has_items(value, DEPTH)
            && !key.ends_with("etadata")
        {
            // Another list names what was done.
            return false;
        }
    }
    any && !names_another(record, &failed)
}

/// Returns whether the request names a resource of the same kind (`fl-…`) that is not among those that failed.
fn names_another(record: &Record<'_>, failed: &[&str]) -> bool {
    let kind = |id: &str| id.split_once('-').map(|(kind, _)| kind.to_owned());
    let kinds: Vec<String> = failed.iter().filter_map(|id| kind(id)).collect();
    let mut requested = Vec::new();
    if let Some(parameters) = record.value("requestParameters") {
        texts(parameters, DEPTH, &mut requested);
    }
    requested
        .into_iter()
        .any(|id| !failed.contains(&id) && kind(id).is_some_and(|kind| kinds.contains(&kind)))
}

/// Returns whether a list holds an item. EC2 writes one as an array, or as an object with `item` or `items`, empty ones
/// as `""`.
fn has_items(value: &Value<'_>, depth: u32) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| !item.is_null()),
        Value::Object(members) if depth > 0 => members.iter().any(|(key, value)| {
            let nested = matches!(value, Value::Array(_) | Value::Object(_));
            let list = matches!(&**key, "item" | "items" | "member");
            if list && nested { has_items(value, depth - 1) } else { is_something(value) }
        }),
        _ => false,
    }
}

/// Collects every text below a value.
fn texts<'v>(value: &'v Value<'_>, depth: u32, found: &mut Vec<&'v str>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(items) if depth > 0 => items.iter().for_each(|item| texts(item, depth - 1, found)),
        Value::Object(members) if depth > 0 => {
            members.iter().for_each(|(_, value)| texts(value, depth - 1, found));
        }
        _ => {}
    }
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
            assert_eq!(outcome(&Record::new(&tree(json))).0, expected, "{json}");
        }
    }
    #[test]
    fn each_row_finds_its_failure_and_no_other() {
        for (json, row) in [
            (r#"{"eventName":"ConsoleLogin","responseElements":{"ConsoleLogin":"Failure"}}"#, "O1"),
            (r#"{"eventName":"A","errorMessage":"no","responseElements":{"errorCode":"x"}}"#, "O2"),
            (r#"{"eventName":"A","responseElements":{"errorCode":"AccessDenied"}}"#, "O3"),
            (r#"{"eventName":"A","responseElements":{"errorMessage":"denied"}}"#, "O3"),
            (r#"{"eventName":"A","responseElements":{"errorCode":"","errorMessage":null}}"#, "O8"),
            (r#"{"eventName":"A","responseElements":{"_return":false}}"#, "O4"),
            (r#"{"eventName":"A","responseElements":{"return":"false"}}"#, "O4"),
            (r#"{"eventName":"A","responseElements":{"AResponse":{"_return":"False"}}}"#, "O4"),
            (r#"{"eventName":"A","responseElements":{"_return":true}}"#, "O8"),
            (r#"{"eventName":"A","responseElements":{"_return":""}}"#, "O8"),
            (r#"{"eventName":"A","responseElements":"false"}"#, "O8"),
            (r#"{"eventName":"A","additionalEventData":{"success":"false"}}"#, "O6"),
            (r#"{"eventName":"A","additionalEventData":{"success":false}}"#, "O6"),
            (r#"{"eventName":"A","additionalEventData":{"success":"true"}}"#, "O8"),
            (r#"{"eventName":"A","serviceEventDetails":{"A":"Failure"}}"#, "O7"),
            (r#"{"eventName":"A","serviceEventDetails":{"A":"Success"}}"#, "O8"),
            (r#"{"eventName":"A","serviceEventDetails":{"B":"Failure"}}"#, "O8"),
            (r#"{"eventName":"A","serviceEventDetails":{"A":"é¼Fail"}}"#, "O8"),
        ] {
            assert_eq!(outcome(&Record::new(&tree(json))).1, row, "{json}");
        }
    }

    #[test]
    fn a_list_of_the_unsuccessful_is_a_failure_where_nothing_else_was_done() {
        let requested = r#""requestParameters":{"DeleteFlowLogsRequest":{"FlowLogId":[{"tag":1,"content":"fl-1"},{"tag":2,"content":"fl-2"}]}}"#;
        let one = r#"{"unsuccessful":[{"resourceId":"fl-1","error":{"code":"InvalidFlowLogId.NotFound"}}]}"#;
        for (json, failed) in [
            (format!(r#"{{"responseElements":{one}}}"#), true),
            (format!(r#"{{"responseElements":{one},{requested}}}"#), false),
            (format!(r#"{{"responseElements":{one},"requestParameters":{{"flowLogIds":["fl-1"],"vpc":"vpc-9"}}}}"#), true),
            (format!(r#"{{"responseElements":{{"DeleteFlowLogsResponse":{one}}}}}"#), true),
            (
                format!(
                    r#"{{"responseElements":{{"unsuccessful":{{"items":[{{"resourceId":"fl-1"}},{{"resourceId":"fl-2"}}]}}}},{requested}}}"#
                ),
                true,
            ),
            (r#"{"responseElements":{"unsuccessful":{"item":{"resourceId":"fl-1","error":{"code":"x"}}}}}"#.into(), true),
            (r#"{"responseElements":{"unsuccessfulSet":[{"resourceId":"fl-1"}],"requestId":"r"}}"#.into(), true),
            (r#"{"responseElements":{"unsuccessful":"","flowLogIdSet":{"item":"fl-2"}}}"#.into(), false),
            (r#"{"responseElements":{"unsuccessful":[],"_return":true}}"#.into(), false),
            (r#"{"responseElements":{"unsuccessful":{"items":[]}}}"#.into(), false),
            (r#"{"responseElements":{"unsuccessful":[{"resourceId":"vpc-1"}],"flowLogIdSet":{"item":"fl-2"}}}"#.into(), false),
            (r#"{"responseElements":{"successful":[],"unsuccessful":[{"resourceId":"fl-1"}]}}"#.into(), true),
        ] {
            let expected = if failed { "O5" } else { "O8" };
            assert_eq!(outcome(&Record::new(&tree(&json))).1, expected, "{json}");
        }
    }
}
