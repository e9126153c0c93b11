//! Containers nested at random, against a slow way that cannot be wrong in the ways the fast one can: serde_json
//! parses whole documents, and the closed list of places, written down once more, says where events are.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::cli::{Folder, scan};
use crate::support::logs::{gzip, root, user};

/// What stands at a step: a member of this name, or each element of an array.
const EACH: &str = "[]";

/// The closed list, as the guide has it.
const PLACES: [&[&str]; 22] = [
    &["Records", EACH],
    &["Events", EACH, "CloudTrailEvent"],
    &["CloudTrailEvent"],
    &["logEvents", EACH, "message"],
    &["events", EACH, "message"],
    &["@message"],
    &["results", EACH, EACH, "value"],
    &["_raw"],
    &["result"],
    &["results", EACH],
    &["rows", EACH, EACH],
    &["event"],
    &["event", "original"],
    &["event.original"],
    &["message"],
    &["_source"],
    &["hits", "hits", EACH],
    &["Messages", EACH, "Body"],
    &["Message"],
    &["QueryResultRows", EACH, EACH, "eventJson"],
    &["detail"],
    &["cloudtrail"],
];

/// A document: events, and what stands around them.
#[derive(Clone, Debug)]
enum Tree {
    /// One event, of root or of a user.
    Event(bool),
    /// Containers of some kind, each element with a document in it.
    Around { place: usize, quoted: bool, inside: Vec<Tree> },
    /// A bare array.
    Array(Vec<Tree>),
    /// Text of several documents.
    Lines(Vec<Tree>),
    /// A place that is not on the list.
    Elsewhere(Box<Tree>),
}

fn trees() -> impl Strategy<Value = Tree> {
    any::<bool>().prop_map(Tree::Event).prop_recursive(4, 24, 3, |inner| {
        let some = || prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            12 => (0..PLACES.len(), any::<bool>(), some())
                .prop_map(|(place, quoted, inside)| Tree::Around { place, quoted, inside }),
            2 => some().prop_map(Tree::Array),
            2 => some().prop_map(Tree::Lines),
            1 => inner.clone().prop_map(|tree| Tree::Elsewhere(Box::new(tree))),
        ]
    })
}

/// Makes documents of trees, with an event of another number at each leaf.
struct Writer {
    next: u64,
}

impl Writer {
    fn document(&mut self, tree: &Tree) -> Value {
        match tree {
            Tree::Event(of_root) => {
                self.next += 1;
                let text = if *of_root { root(self.next) } else { user(self.next) };
                serde_json::from_str(&text).unwrap()
            }
            Tree::Array(inside) => inside.iter().map(|tree| self.document(tree)).collect(),
            Tree::Lines(inside) => {
                let lines = inside.iter().map(|tree| self.document(tree).to_string());
                json!({"message": lines.collect::<Vec<_>>().join("\n")})
            }
            Tree::Elsewhere(tree) => json!({"elsewhere": self.document(tree)}),
            Tree::Around { place, quoted, inside } => {
                let values = inside
                    .iter()
                    .map(|tree| match (self.document(tree), quoted) {
                        (value, true) => Value::from(value.to_string()),
                        (value, false) => value,
                    })
                    .collect();
                around(PLACES[*place], values)
            }
        }
    }
}

/// A container with values at the ends of a way; where that has no array, only the first one.
fn around(way: &[&str], values: Vec<Value>) -> Value {
    match way {
        [] => values.into_iter().next().unwrap(),
        [EACH, rest @ ..] => values.into_iter().map(|value| around(rest, vec![value])).collect(),
        [name, rest @ ..] => {
            let mut object = json!({"_time": "2026-01-15T03:02:01Z", "n": 1});
            object[*name] = around(rest, values);
            object
        }
    }
}

/// The events in a document, by the list: their IDs, and whether they are root's.
fn found(value: &Value, ids: &mut Vec<(String, bool)>) {
    match value {
        Value::Object(object) if is_event(value) => {
            let of_root = object["userIdentity"]["type"] == "Root";
            ids.push((object["eventID"].as_str().unwrap().to_owned(), of_root));
        }
        Value::Object(_) => PLACES.iter().for_each(|way| at(value, way, ids)),
        // An array in an array is no document.
        Value::Array(elements) => {
            elements.iter().filter(|element| !element.is_array()).for_each(|element| found(element, ids));
        }
        Value::String(text) => {
            let documents = serde_json::Deserializer::from_str(text).into_iter::<Value>();
            documents.map_while(Result::ok).for_each(|value| found(&value, ids));
        }
        _ => {}
    }
}

fn at(value: &Value, way: &[&str], ids: &mut Vec<(String, bool)>) {
    match (way, value) {
        // An element of `Records` is an object or malformed.
        (["Records", EACH], _) => {
            let elements = value.get("Records").and_then(Value::as_array).into_iter().flatten();
            elements.filter(|element| element.is_object()).for_each(|element| found(element, ids));
        }
        // A row of `results` is no bare array of documents.
        (["results", EACH], _) => {
            let elements = value.get("results").and_then(Value::as_array).into_iter().flatten();
            elements.filter(|element| !element.is_array()).for_each(|element| found(element, ids));
        }
        ([], value) => found(value, ids),
        ([EACH, rest @ ..], Value::Array(elements)) => {
            elements.iter().for_each(|element| at(element, rest, ids));
        }
        ([name, rest @ ..], Value::Object(object)) => {
            object.get(*name).into_iter().for_each(|value| at(value, rest, ids));
        }
        _ => {}
    }
}

fn is_event(value: &Value) -> bool {
    value.get("eventVersion").is_some() && value.get("userIdentity").is_some()
}

/// All events, wherever they stand, by the one thing that each has.
fn all(text: &str) -> usize {
    text.matches("recipientAccountId").count()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5, ..ProptestConfig::default() })]

    #[test]
    fn nested_containers_are_read_as_the_slow_way_reads_them(
        objects in prop::collection::vec((prop::collection::vec(trees(), 1..3), any::<bool>(), any::<bool>()), 64),
    ) {
        let folder = Folder::new();
        let mut expected = Vec::new();
        for (n, (documents, pretty, packed)) in objects.iter().enumerate() {
            let mut writer = Writer { next: 1000 * n as u64 };
            let values: Vec<Value> = documents.iter().map(|tree| writer.document(tree)).collect();
            let print = |value: &Value| match pretty {
                true => serde_json::to_string_pretty(value).unwrap(),
                false => value.to_string(),
            };
            let text = values.iter().map(print).collect::<Vec<_>>().join("\n");
            let mut ids = Vec::new();
            values.iter().for_each(|value| found(value, &mut ids));
            let path = match packed {
                true => folder.put(format!("{n:03}.json.gz"), gzip(&text)),
                false => folder.put(format!("{n:03}.json"), &text),
            };
            expected.push((json!(path), ids, all(&text), text));
        }
        let run = scan([folder.path()]);
        for (uri, mut ids, all, text) in expected {
            let findings = run.findings.iter().filter(|finding| finding["evidence"]["uri"] == uri);
            let mut read: Vec<&str> = findings.map(|finding| finding["event"]["id"].as_str().unwrap()).collect();
            let unread = all > ids.len();
            ids.retain(|(_, of_root)| *of_root);
            ids.sort();
            read.sort_unstable();
            let ids: Vec<&str> = ids.iter().map(|(id, _)| &**id).collect();
            prop_assert_eq!(&read, &ids, "{}", text);
            let error = run.errors.iter().find(|error| error["uri"] == uri);
            prop_assert_eq!(error.is_some(), unread, "{}\n{:?}", text, error);
        }
    }
}
