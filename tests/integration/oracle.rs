//! The oracle: a slow way that cannot be wrong in the ways the fast one can. It parses whole documents with
//! serde_json, on one thread, with a walk, an order and a memory of copies of its own; only judging an event is
//! the library's. Both must write the same bytes.

use crate::support::cli::{Folder, command, feed};
use crate::support::logs::{gzip, key};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use roottrail::detect::{self, Place};
use roottrail::finding::{Finding, FindingId};
use roottrail::json::parse::parse_plain;
use roottrail::key::key_info;
use roottrail::object::ObjectRef;
use roottrail::rules;
use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// What the slow way makes of a folder.
#[derive(Debug, Default)]
struct Slow {
    text: String,
    records: u64,
    matched: u64,
    seen: HashMap<FindingId, Seen>,
}

#[derive(Debug)]
struct Seen {
    uri: String,
    /// All versions of the event, the first one first, and whether a sound object held it.
    versions: Vec<(Equal, bool)>,
}

/// What makes two copies equal: their value, or their text where serde_json does not take it.
#[derive(Debug, PartialEq)]
enum Equal {
    Value(Value),
    Text(String),
}

fn slow(folder: &Path) -> Slow {
    let mut slow = Slow::default();
    for path in walk(folder) {
        slow.object(path.to_str().unwrap(), &std::fs::read(&path).unwrap());
    }
    slow
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<(String, PathBuf)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let slash = if path.is_dir() { "/" } else { "" };
            (format!("{}{slash}", path.file_name().unwrap().to_str().unwrap()), path)
        })
        .collect();
    entries.sort();
    entries
        .into_iter()
        .flat_map(|(name, path)| {
            let other = ["CloudTrail-Digest/", "CloudTrail-Insight/"].contains(&name.as_str());
            match path.is_dir() {
                true if other => Vec::new(),
                true => walk(&path),
                false if name.ends_with(".json") || name.ends_with(".gz") => vec![path],
                false => Vec::new(),
            }
        })
        .collect()
}

impl Slow {
    fn object(&mut self, uri: &str, stored: &[u8]) {
        let mut text = Vec::new();
        let mut damaged = false;
        if stored.starts_with(&[0x1f, 0x8b]) {
            damaged = flate2::bufread::MultiGzDecoder::new(stored).read_to_end(&mut text).is_err();
        } else {
            text.extend_from_slice(stored);
        }
        let (events, broken) = events(&text);
        let object = ObjectRef { uri: uri.to_owned(), key: key_info(uri), ..ObjectRef::default() };
        for (record_index, event) in events {
            self.records += 1;
            let place = Place { object: &object, record_index };
            let raw = RawValue::from_string(event.clone()).unwrap();
            if let Some(mut finding) = detect::examine(&parse_plain(&event), raw, &place) {
                self.matched += 1;
                finding.evidence.damaged = damaged || broken;
                self.finding(finding, event);
            }
        }
    }

    fn finding(&mut self, mut finding: Finding, event: String) {
        let damaged = finding.evidence.damaged;
        let equal = match serde_json::from_str(&event) {
            Ok(value) => Equal::Value(value),
            Err(_) => Equal::Text(event),
        };
        let seen = self
            .seen
            .entry(finding.id)
            .or_insert_with(|| Seen { uri: finding.evidence.uri.clone(), versions: Vec::new() });
        let version = match seen.versions.iter().position(|(version, _)| *version == equal) {
            // Only a sound copy says more than those before, and only the first one.
            Some(version) if seen.versions[version].1 || damaged => return,
            Some(version) => version,
            None => {
                seen.versions.push((equal, false));
                seen.versions.len() - 1
            }
        };
        seen.versions[version].1 = !damaged;
        if version > 0 {
            finding.id = detect::conflicting_id(&finding);
            finding.evidence.conflict_with = Some(seen.uri.clone());
            assert!(rules::add(&mut finding, "conflicting-event-copies"));
        }
        self.text.push_str(&serde_json::to_string(&finding).unwrap());
        self.text.push('\n');
    }
}

/// The events of a document and their places, and whether it breaks.
fn events(text: &[u8]) -> (Vec<(u64, String)>, bool) {
    let mut rest = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut found = Events::default();
    let mut broken = rest.iter().all(u8::is_ascii_whitespace);
    loop {
        let mut values = serde_json::Deserializer::from_slice(rest).into_iter::<Box<RawValue>>();
        let mut start = 0;
        let broke = loop {
            match values.next() {
                None => break false,
                Some(Err(_)) => break true,
                Some(Ok(value)) => {
                    start = values.byte_offset();
                    found.document(value.get());
                }
            }
        };
        if !broke {
            return (found.events, broken);
        }
        let (cut, next) = next_line(rest, start);
        match (completed(cut), next) {
            // Not even the beginning of its elements is there: a line like any other.
            (None, Some(_)) if !cut.contains(&b'[') => found.index += 1,
            (whole, _) => {
                broken = true;
                whole.iter().for_each(|whole| found.document(whole));
            }
        }
        match next {
            Some(next) => rest = next,
            None => return (found.events, broken),
        }
    }
}

/// What broke, and the line behind it where that begins as a document, and what broke as well.
fn next_line(text: &[u8], start: usize) -> (&[u8], Option<&[u8]>) {
    let blank = text[start..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let (before, value) = text.split_at(start + blank);
    let first_of_line = before.is_empty() || before.ends_with(b"\n");
    if let Some(end) = value.iter().position(|&byte| byte == b'\n').filter(|_| first_of_line) {
        let (line, next) = (&value[..end], &value[end + 1..]);
        let next_begins = |opening: &[u8]| next.starts_with(opening) && line.starts_with(&opening[..1]);
        // Where a line has not even a whole first key, any brace will do.
        if next_begins(DOCUMENT) && (line.starts_with(DOCUMENT) || DOCUMENT.starts_with(line)) {
            return (line, Some(next));
        }
    }
    (value, None)
}

const DOCUMENT: &[u8] = b"{\"Records\"";

#[derive(Default)]
struct Events {
    events: Vec<(u64, String)>,
    index: u64,
}

impl Events {
    fn document(&mut self, text: &str) {
        if text.starts_with('[') {
            self.elements(text);
        } else if text.starts_with('{') {
            let members = members(text);
            match members.iter().find(|(name, _)| name == "Records" || name == "Events") {
                Some((_, elements)) => self.elements(elements.get()),
                None => self.element(text),
            }
        }
    }

    fn elements(&mut self, text: &str) {
        for element in serde_json::from_str::<Vec<Box<RawValue>>>(text).unwrap() {
            self.element(element.get());
        }
    }

    fn element(&mut self, text: &str) {
        if text != "null" {
            let members = members(text);
            let member =
                |wanted: &str| members.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.get());
            let event = match (member("eventVersion"), member("detail"), member("CloudTrailEvent")) {
                (Some(_), _, _) => text.to_owned(),
                (None, Some(detail), _) => detail.to_owned(),
                (None, None, event) => serde_json::from_str::<String>(event.unwrap()).unwrap(),
            };
            self.events.push((self.index, without_white_space(&event)));
        }
        self.index += 1;
    }
}

/// A document that was cut, up to its last complete element and closed behind it.
fn completed(text: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(text);
    let text = text.trim_start();
    let (of_elements, close) = if text.starts_with('[') { (1, "]") } else { (2, "]}") };
    let (mut depth, mut in_string, mut escaped, mut end) = (0, false, false, None);
    for (at, char) in text.char_indices() {
        if escaped {
            escaped = false;
            continue;
        }
        match char {
            '"' => in_string = !in_string,
            '\\' => escaped = in_string,
            _ if in_string => {}
            '{' | '[' => depth += 1,
            '}' | ']' => {
                depth -= 1;
                if depth == of_elements && char == '}' {
                    end = Some(at + 1);
                }
            }
            _ => {}
        }
    }
    let whole = format!("{}{close}", &text[..end?]);
    serde_json::from_str::<Box<RawValue>>(&whole).ok()?;
    // A single event that was cut is none, even if an array in it could be closed.
    let of_documents =
        close == "]" || members(&whole).iter().any(|(name, _)| name == "Records" || name == "Events");
    of_documents.then_some(whole)
}

fn without_white_space(text: &str) -> String {
    let (mut in_string, mut escaped) = (false, false);
    text.chars()
        .filter(|char| {
            let quote = *char == '"' && !escaped;
            escaped = *char == '\\' && !escaped;
            in_string ^= quote;
            in_string || !char.is_ascii_whitespace()
        })
        .collect()
}

/// The members of an object, in their order.
fn members(text: &str) -> Vec<(String, Box<RawValue>)> {
    struct Members(Vec<(String, Box<RawValue>)>);
    impl<'de> Deserialize<'de> for Members {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct All;
            impl<'de> Visitor<'de> for All {
                type Value = Members;
                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("an object")
                }
                fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                    let mut members = Vec::new();
                    while let Some(member) = map.next_entry()? {
                        members.push(member);
                    }
                    Ok(Members(members))
                }
            }
            deserializer.deserialize_map(All)
        }
    }
    serde_json::from_str::<Members>(text).unwrap().0
}

/// Both ways, for 1, 2 and 8 threads.
fn compare(folder: &Path) -> Result<Slow, TestCaseError> {
    let slow = slow(folder);
    for threads in ["1", "2", "8"] {
        let work = Folder::new();
        let mut command = command();
        command.args(["scan", "--threads", threads]).arg(folder);
        command.arg("--summary").arg(work.at("summary"));
        let done = feed(command, b"");
        let summary: Value = serde_json::from_slice(&std::fs::read(work.at("summary")).unwrap()).unwrap();
        if done.stdout != slow.text {
            let differs = done.stdout.lines().zip(slow.text.lines()).find(|(fast, slow)| fast != slow);
            let lines = (done.stdout.lines().count(), slow.text.lines().count());
            return Err(TestCaseError::fail(format!(
                "{threads} threads, {lines:?} lines: {differs:#?}\n{}",
                done.stderr
            )));
        }
        prop_assert_eq!(&summary["records"]["scanned"], slow.records, "{}", done.stderr);
        prop_assert_eq!(&summary["records"]["matched"], slow.matched);
    }
    Ok(slow)
}

#[test]
fn scan_of_sample_logs_agrees_with_the_slow_reader() {
    let slow = compare(Path::new("sample-logs")).unwrap();
    assert_eq!((slow.records, slow.matched, slow.text.lines().count()), (421, 43, 42));
}

/// Real objects, where `ROOTTRAIL_DATA` names a folder of them.
#[test]
fn scan_of_real_objects_agrees_with_the_slow_reader() {
    let Some(folder) = std::env::var_os("ROOTTRAIL_DATA") else { return };
    let slow = compare(Path::new(&folder)).unwrap();
    assert!(slow.matched > 0);
}

/// An event: what it is, which of a few ids it has, and how it is spelled.
#[derive(Clone, Debug)]
struct Spec {
    kind: usize,
    n: u64,
    spelling: u64,
}

#[derive(Clone, Copy, Debug)]
enum Shape {
    Records,
    Array,
    Lines,
    Envelopes,
    Lookup,
    Documents,
    /// One a line; of those that a bit is set of, so many thousandths.
    DocumentLines(u16, usize),
}

#[derive(Clone, Copy, Debug)]
enum Wrap {
    Plain,
    Gzip,
    Members,
}

#[derive(Clone, Copy, Debug)]
enum Tail {
    Sound,
    /// Cut behind so many thousandths of the text.
    Cut(usize),
    Garbage(&'static str),
}

#[derive(Clone, Debug)]
struct Object {
    shape: Shape,
    wrap: Wrap,
    tail: Tail,
    place: (u32, bool),
    events: Vec<Spec>,
}

fn object() -> impl Strategy<Value = Object> {
    let shape = prop_oneof![
        4 => Just(Shape::Records),
        1 => Just(Shape::Array),
        2 => Just(Shape::Lines),
        1 => Just(Shape::Envelopes),
        1 => Just(Shape::Lookup),
        1 => Just(Shape::Documents),
        2 => (any::<u16>(), 0_usize..1000).prop_map(|(broken, part)| Shape::DocumentLines(broken, part)),
    ];
    let wrap = prop_oneof![2 => Just(Wrap::Plain), 3 => Just(Wrap::Gzip), 1 => Just(Wrap::Members)];
    let tail = prop_oneof![
        6 => Just(Tail::Sound),
        3 => (0_usize..1000).prop_map(Tail::Cut),
        1 => prop_oneof![Just("x"), Just("]"), Just(" }"), Just("\0"), Just("\n{"), Just("\"")].prop_map(Tail::Garbage),
    ];
    let event =
        (0..KINDS, 0_u64..40, any::<u64>()).prop_map(|(kind, n, spelling)| Spec { kind, n, spelling });
    let events = prop_oneof![8 => prop::collection::vec(event.clone(), 0..12), 1 => prop::collection::vec(event, 60..200)];
    let place = (0_u32..60, any::<bool>());
    (shape, wrap, tail, place, events).prop_map(|(shape, wrap, tail, place, events)| Object {
        shape,
        wrap,
        tail,
        place,
        events,
    })
}

#[test]
fn scan_of_random_documents_agrees_with_the_slow_reader() {
    // The seed is fixed, so that a failure can be repeated; `PROPTEST_CASES` asks for more of them, as
    // `.ci/checks/45-kills` does.
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(3);
    let config = Config { failure_persistence: None, max_shrink_iters: 200, ..Config::with_cases(cases) };
    let mut runner = TestRunner::new_with_rng(
        config,
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    runner
        .run(&prop::collection::vec(object(), 1..40), |objects| {
            let folder = Folder::new();
            for object in &objects {
                let (n, in_layout) = object.place;
                let name = if in_layout {
                    key("CloudTrail", "us-east-1", 1 + n % 28, n)
                } else {
                    format!("x{n}.json")
                };
                folder.put(name, object.bytes());
            }
            compare(folder.path()).map(|_| ())
        })
        .unwrap();
}

impl Object {
    fn bytes(&self) -> Vec<u8> {
        // Reading goes on at the line behind a broken one, so events must stay on one line.
        let spaces: &[&str] = match self.shape {
            Shape::Records | Shape::Array | Shape::Documents => &["", "", " ", "\n", "\r\n  ", "\t"],
            _ => &["", "", " ", "\t"],
        };
        let spell = |spec: &Spec| {
            let mut speller = Speller { state: spec.spelling, spaces, out: String::new() };
            speller.value(&event(spec.kind, spec.n));
            speller.out
        };
        let events: Vec<String> = self.events.iter().map(spell).collect();
        let wrapped =
            |wrap: &dyn Fn(&str) -> String| events.iter().map(|event| wrap(event)).collect::<Vec<_>>();
        let mut text = match self.shape {
            Shape::Records => format!("{{\"Records\" :[{}]}}", events.join(" ,\n")),
            Shape::Array => format!("[{}]", events.join(",null,")),
            Shape::Lines => events.join("\n"),
            Shape::Envelopes => {
                wrapped(&|event| format!(r#"{{"version":"0","detail":{event},"resources":[]}}"#)).join("\n")
            }
            Shape::Lookup => {
                let one =
                    |event: &str| format!(r#"{{"Username":"root","CloudTrailEvent":{}}}"#, json!(event));
                format!(r#"{{"NextToken":"}}","Events":[{}]}}"#, wrapped(&one).join(","))
            }
            Shape::DocumentLines(broken, part) => {
                let documents = events.chunks(3).enumerate().map(|(n, events)| {
                    let mut line = format!("{{\"Records\":[{}]}}", events.join(","));
                    // Only some elements of the first document are examined for the next one, so it stays
                    // whole.
                    if n > 0 && broken >> (n % 16) & 1 == 1 {
                        let cut = (part * (n + 1) % 1000) * line.len() / 1000;
                        line.truncate((1..=cut).rev().find(|&at| line.is_char_boundary(at)).unwrap_or(1));
                    }
                    line
                });
                documents.collect::<Vec<_>>().join("\n")
            }
            Shape::Documents => wrapped(&|event| format!(r#"{{"Records":[{event}],"x":"]}}"}}"#)).concat(),
        }
        .into_bytes();
        match self.tail {
            Tail::Sound => {}
            Tail::Cut(part) => text.truncate(text.len() * part / 1000),
            Tail::Garbage(tail) => text.extend_from_slice(tail.as_bytes()),
        }
        let middle = text.len() / 3;
        match self.wrap {
            Wrap::Plain => text,
            Wrap::Gzip => gzip(text),
            Wrap::Members => [gzip(&text[..middle]), gzip(&text[middle..])].concat(),
        }
    }
}

const KINDS: usize = 24;

/// Event `n` of a kind. Equal arguments give equal events, and another kind under the same id a conflict.
fn event(kind: usize, n: u64) -> Value {
    let root = "arn:aws:iam::111122223333:root";
    let user =
        json!({"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/a", "accountId": "111122223333"});
    let mut event = json!({
        "eventVersion": "1.11",
        "userIdentity": user,
        "eventTime": format!("2026-02-03T04:05:{:02}Z", n % 60),
        "eventSource": "iam.amazonaws.com",
        "eventName": "ListUsers",
        "awsRegion": "us-east-1",
        "sourceIPAddress": "203.0.113.7",
        "userAgent": "x".repeat(n as usize * 3),
        "eventID": format!("event-{n}"),
        "eventType": "AwsApiCall",
        "recipientAccountId": "111122223333",
        "requestParameters": odd(n),
    });
    let identity = match kind {
        0..=2 => {
            json!({"type": "Root", "arn": root, "accountId": "111122223333", "accessKeyId": "AKIAIOSFODNN7EXAMPLE"})
        }
        3 => json!({"type": "root", "arn": root}),
        4 => json!({"type": "Unknown", "arn": root}),
        5 => json!({"arn": root}),
        6 => json!({"type": "FederatedUser", "arn": "arn:aws:sts::111122223333:federated-user/b",
                    "sessionContext": {"sessionIssuer": {"type": "Root", "arn": root}}}),
        7 => {
            json!({"type": "Root", "arn": root, "sessionContext": {"assumedRoot": "true", "attributes": {"creationDate": "2026-02-03T04:00:00Z"}}})
        }
        8 => {
            json!({"type": "AWSAccount", "accountId": "444455556666", "arn": "arn:aws:iam::444455556666:root"})
        }
        9 => json!({"type": "Root", "arn": root, "invokedBy": "ec2.amazonaws.com"}),
        10 => json!({"type": "IAMUser", "userName": "root", "arn": "arn:aws:iam::111122223333:user/root"}),
        11 => json!({"type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/root/Root"}),
        // Nothing else in the record tells.
        17..=21 => json!({"type": "Root"}),
        _ => user,
    };
    event["userIdentity"] = identity;
    match kind {
        1 => event["eventName"] = json!("ConsoleLogin"),
        2 => event["additionalEventData"] = json!({"MFAUsed": "Yes"}),
        12 => {
            event["eventName"] = json!("AssumeRoot");
            event["eventSource"] = json!("sts.amazonaws.com");
        }
        13 => {
            event["eventName"] = json!("PasswordRecoveryRequested");
            event["eventSource"] = json!("signin.amazonaws.com");
            event["eventType"] = json!("AwsConsoleSignIn");
        }
        14 => {
            event["requestParameters"] =
                json!({"policy": format!("{{\"AWS\":\"{root}\",\"type\":\"Root\"}}"), "Root": [root, "Root"]})
        }
        15 => {
            event["responseElements"] =
                json!({"a": "}{][\"\\", "userIdentity": {"type": "Root"}, "Records": [{"type": "Root"}]})
        }
        16 => event["errorMessage"] = json!("\\\"Root\" \\"),
        _ => {}
    }
    event
}

/// Values that a reader may stumble over.
fn odd(n: u64) -> Value {
    match n % 9 {
        0 => Value::Null,
        1 => json!({"": {"": [[], {}, [{}]]}}),
        2 => json!("\u{0}\u{1b}\"\\/\u{2028}é𝄞\u{fffd}"),
        3 => json!([1, -0.5, 1e300, 18_446_744_073_709_551_615_u64, true, false, null]),
        4 => json!("]}}}\",{\"type\":\"Root\"}".repeat(3)),
        5 => (0..80).fold(json!(1), |inner, _| json!([inner])),
        6 => json!("\\".repeat(n as usize)),
        7 => json!("a".repeat(300)),
        _ => json!({"Records": [{"eventVersion": "1.11"}], "detail": {"eventVersion": "1"}}),
    }
}

/// Writes a value in one of its many spellings.
struct Speller<'s> {
    state: u64,
    spaces: &'s [&'s str],
    out: String,
}

impl Speller<'_> {
    fn below(&mut self, n: usize) -> usize {
        // SplitMix64: good enough for any seed, zero included.
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z >> 33) as usize % n
    }

    fn space(&mut self) {
        let n = self.below(self.spaces.len());
        self.out.push_str(self.spaces[n]);
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.string(text),
            Value::Array(items) => {
                self.out.push('[');
                for (n, item) in items.iter().enumerate() {
                    self.out.push_str(if n > 0 { "," } else { "" });
                    self.space();
                    self.value(item);
                    self.space();
                }
                self.out.push(']');
            }
            Value::Object(members) => {
                let mut members: Vec<_> = members.iter().collect();
                for n in (1..members.len()).rev() {
                    let other = self.below(n + 1);
                    members.swap(n, other);
                }
                self.out.push('{');
                for (n, (name, value)) in members.into_iter().enumerate() {
                    self.out.push_str(if n > 0 { "," } else { "" });
                    self.space();
                    self.string(name);
                    self.space();
                    self.out.push(':');
                    self.space();
                    self.value(value);
                    self.space();
                }
                self.out.push('}');
            }
            other => self.out.push_str(&other.to_string()),
        }
    }

    /// Three in four strings plain, the others with some of their characters escaped.
    fn string(&mut self, text: &str) {
        let some = match self.below(4) {
            0 => 1 + self.below(3),
            _ => usize::MAX,
        };
        self.out.push('"');
        for char in text.chars() {
            let escape = some != usize::MAX && self.below(some + 1) == 0;
            match char {
                '"' | '\\' => self.out.extend(['\\', char]),
                '/' if escape => self.out.push_str("\\/"),
                '\n' => self.out.push_str("\\n"),
                _ if escape || char < ' ' => {
                    for unit in char.encode_utf16(&mut [0; 2]) {
                        let digits = match self.below(2) {
                            0 => format!("\\u{unit:04x}"),
                            _ => format!("\\u{unit:04X}"),
                        };
                        self.out.push_str(&digits);
                    }
                }
                _ => self.out.push(char),
            }
        }
        self.out.push('"');
    }
}
