//! Containers nested at random, against a slow way that cannot be wrong in the ways the fast one can: serde_json parses
//! whole documents, and the closed list of places, written down once more, says where events are. Whatever holds an
//! event elsewhere is reported. The bytes of the input decide how the containers are nested and written, so that a
//! fuzzer that changes one of them changes one container.
#![no_main]

use libfuzzer_sys::fuzz_target;
use roottrail::records::cursor::{Break, Chunks, Cursor};
use roottrail::records::document::{Walk, walk};
use roottrail_fuzz::{Numbers, Told, told_by};
use serde_json::{Value, json};

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

/// Levels of containers. The program reads a few more.
const DEPTH: usize = 5;

/// Events in one object.
const EVENTS: u64 = 64;

/// Makes documents as the bytes say. No byte left: events.
struct Writer<'t> {
    bytes: std::slice::Iter<'t, u8>,
    events: u64,
    /// Whether there are documents of other logs.
    others: bool,
}

impl Writer<'_> {
    fn next(&mut self) -> usize {
        self.bytes.next().map_or(0, |&byte| usize::from(byte))
    }

    fn event(&mut self) -> Value {
        self.events += 1;
        let identity = match self.next() & 1 {
            0 => json!({"type": "Root", "accountId": "111122223333"}),
            _ => json!({"type": "IAMUser", "userName": "alice"}),
        };
        json!({"eventVersion": "1.11", "userIdentity": identity, "eventTime": "2026-01-15T03:02:01Z",
            "eventName": "ConsoleLogin", "eventID": format!("{:08}", self.events)})
    }

    fn document(&mut self, depth: usize) -> Value {
        let kind = self.next();
        if depth == 0 || self.events >= EVENTS || kind < 0x40 {
            return self.event();
        }
        match kind {
            0x40..0x50 => self.some(depth).into(),
            0x50..0x60 => {
                let lines: Vec<String> = self.some(depth).iter().map(Value::to_string).collect();
                json!({"message": lines.join("\n")})
            }
            0x60..0x68 => json!({"elsewhere": self.document(depth - 1)}),
            0x68..0x70 => {
                self.others = true;
                json!({"n": kind, "message": "Started"})
            }
            _ => {
                let (place, quoted) = (PLACES[kind % PLACES.len()], self.next() & 1 == 1);
                let mut values = self.some(depth);
                if quoted {
                    values.iter_mut().for_each(|value| *value = value.to_string().into());
                }
                around(place, values)
            }
        }
    }

    fn some(&mut self, depth: usize) -> Vec<Value> {
        let count = 1 + self.next() % 3;
        (0..count).map(|_| self.document(depth - 1)).collect()
    }
}

/// A container with values at the ends of a way; where that has no array, only the first one.
fn around(way: &[&str], values: Vec<Value>) -> Value {
    match way {
        [] => values.into_iter().next().unwrap_or_default(),
        [EACH, rest @ ..] => values.into_iter().map(|value| around(rest, vec![value])).collect(),
        [name, rest @ ..] => {
            let mut object = json!({"_time": "2026-01-15T03:02:01Z", "n": 1});
            object[*name] = around(rest, values);
            object
        }
    }
}

/// The events in a document, by the list.
fn found(value: &Value, ids: &mut Vec<String>) {
    match value {
        Value::Object(object) => match object.get("eventID").and_then(Value::as_str) {
            Some(id) => ids.push(id.to_owned()),
            None => PLACES.iter().for_each(|way| at(value, way, ids)),
        },
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

fn at(value: &Value, way: &[&str], ids: &mut Vec<String>) {
    let elements = |name: &str| value.get(name).and_then(Value::as_array).into_iter().flatten();
    match (way, value) {
        // An element of `Records` is an object or malformed.
        (["Records", EACH], _) => {
            elements("Records").filter(|element| element.is_object()).for_each(|element| found(element, ids));
        }
        // A row of `results` is no bare array of documents.
        (["results", EACH], _) => {
            elements("results").filter(|element| !element.is_array()).for_each(|element| found(element, ids));
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

/// Windows of random sizes, up to the longest.
struct Windows<'t>(&'t [u8], usize, Numbers);

impl Chunks for Windows<'_> {
    fn more(&mut self, window: &mut Vec<u8>) -> Result<bool, Break> {
        let (now, later) = self.0.split_at((1 + self.2.below(self.1)).min(self.0.len()));
        window.extend_from_slice(now);
        self.0 = later;
        Ok(!now.is_empty())
    }
}

/// The IDs of the events that were read, and whether anything is reported. An element of `Records` is handed over whatever
/// it is; where an event hides in it, that is reported.
fn read(told: &Told, walk: &Walk) -> (Vec<String>, bool) {
    let id = |text: &[u8]| {
        let event: Value = serde_json::from_slice(text).expect("an element is JSON");
        event["eventID"].as_str().map(str::to_owned)
    };
    let mut ids: Vec<String> = told.0.iter().filter_map(|(_, text, ..)| id(text)).collect();
    ids.sort();
    let hidden = told.0.iter().any(|(_, text, _, doubtful, _)| *doubtful && id(text).is_none());
    let reported = hidden
        || !told.1.is_empty()
        || walk.fault.is_some()
        || !walk.further.is_empty()
        || walk.unread.is_some();
    (ids, reported)
}

fuzz_target!(|input: (u8, u64, bool, &[u8])| {
    let (longest, seed, pretty, bytes) = input;
    let mut writer = Writer { bytes: bytes.iter(), events: 0, others: false };
    let mut values = vec![writer.document(DEPTH)];
    while writer.bytes.len() > 0 && writer.events < EVENTS {
        values.push(writer.document(DEPTH));
    }
    let print = |value: &Value| match pretty {
        true => serde_json::to_string_pretty(value).expect("a tree can be written"),
        false => value.to_string(),
    };
    let text = values.iter().map(print).collect::<Vec<_>>().join("\n");
    let mut expected = Vec::new();
    values.iter().for_each(|value| found(value, &mut expected));
    expected.sort();
    // Not all that were made: without an array only the first stands in a container.
    let unread = text.matches("eventID").count() > expected.len();

    let mut whole = Told::default();
    let walked = walk(&mut Cursor::whole(text.as_bytes()), &mut whole);
    let (ids, reported) = read(&whole, &walked);
    assert_eq!(ids, expected, "{text}");
    // Another log's document is malformed in the place of an event of CloudTrail.
    assert!(reported == unread || (reported && writer.others), "{reported} {text}");

    let mut windows = Told::default();
    let mut source = Windows(text.as_bytes(), usize::from(longest) + 1, Numbers::new(seed));
    let again = walk(&mut Cursor::windows(&mut source), &mut windows);
    assert_eq!(whole, windows, "{text}");
    assert_eq!(told_by(&walked), told_by(&again), "{text}");
});
