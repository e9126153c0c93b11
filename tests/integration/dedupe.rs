//! Copies of one event: counted, marked, or written again where they are better evidence.

use crate::support::cli::{Folder, roottrail, scan};
use crate::support::logs::{gzip, id, records, root};
use serde_json::{Value, json};

fn uri(folder: &Folder, name: &str) -> Value {
    json!(folder.at(name).to_str().unwrap())
}

#[test]
fn equal_copies_are_counted() {
    let folder = Folder::new();
    folder.put("a.json", records([root(1), root(2), root(1)]));
    folder.put("b.json.gz", gzip(records([root(2), root(3)])));
    let found = scan([folder.path()]);
    assert_eq!((found.code, found.counts(), found.ids()), (0, [3, 2, 0], vec![&*id(1), &id(2), &id(3)]));
    // A source that is given twice is one run, not two.
    let twice = scan([folder.path(), folder.path()]);
    assert_eq!((twice.code, twice.counts()), (0, [3, 7, 0]));
    assert_eq!(twice.text, found.text);
}

#[test]
fn a_copy_spelled_otherwise_is_the_same_event() {
    let event =
        root(1).replace(r#""requestParameters":null"#, r#""requestParameters":{"n":[1.50,"é/"],"b":true}"#);
    let value: Value = serde_json::from_str(&event).unwrap();
    // serde_json sorts the keys.
    let sorted = value.to_string();
    assert_ne!(sorted, event);
    let copies = [
        event.clone(),
        sorted,
        serde_json::to_string_pretty(&value).unwrap(),
        event.replace("1.50", "15e-1"),
        event.replace('é', r"\u00e9"),
        event.replace("é/", r"é\/"),
        event.replace("\"Root\"", r#""\u0052oot""#),
        event.replace(r#""b":true"#, r#""b":false,"b":true"#),
    ];
    let found = scan_all(&copies);
    assert_eq!((found.code, found.counts()), (0, [1, copies.len() as u64 - 1, 0]));
    assert!(found.text.ends_with(&format!("\"cloudtrail\":{event}}}\n")));
}

fn scan_all(events: &[String]) -> crate::support::cli::Scan {
    let folder = Folder::new();
    for (n, event) in events.iter().enumerate() {
        folder.put(format!("{n}.json"), records([event]));
    }
    scan([folder.path()])
}

/// Values that differ only where a careless comparison would not look.
#[test]
fn small_differences_are_differences() {
    let with = |value: &str| {
        root(1).replace(r#""requestParameters":null"#, &format!(r#""requestParameters":{value}"#))
    };
    for (one, other) in [
        ("null", "{}"),
        ("1", r#""1""#),
        ("[1,2]", "[2,1]"),
        ("[[1],2]", "[1,[2]]"),
        (r#"{"a":"b"}"#, r#"{"a":"B"}"#),
        (r#""a ""#, r#""a""#),
        ("9007199254740993", "9007199254740992"),
        ("0", "-0.1"),
        ("true", "false"),
    ] {
        let found = scan_all(&[with(one), with(other)]);
        assert_eq!((found.counts(), found.findings.len()), ([2, 0, 0], 2), "{one} {other}");
        assert_eq!(found.findings[1]["rules"][0], "conflicting-event-copies", "{one} {other}");
    }
}

/// Values that the JSON library of these tests does not take.
#[test]
fn values_that_libraries_refuse_are_told_apart_as_well() {
    let with = |text: &str| root(1).replace("aws-cli", text);
    let folder = Folder::new();
    folder.put("a.json", records([with(r"\ud800"), with(r"\ud801"), with(r"\ud800"), with(r"\uD800")]));
    let done = crate::support::cli::roottrail(["scan".as_ref(), folder.path().as_os_str()]);
    assert_eq!((done.code, done.stdout.lines().count()), (0, 3), "{}", done.stderr);
    assert_eq!(done.stdout.matches("conflicting-event-copies").count(), 2);
    let with = |number: &str| root(1).replace(r#""readOnly":true"#, &format!(r#""n":{number}"#));
    folder.put("a.json", records([with("1e400"), with("1e401"), with("10E399"), with("0.1e402")]));
    let done = crate::support::cli::roottrail(["scan".as_ref(), folder.path().as_os_str()]);
    assert_eq!((done.code, done.stdout.lines().count()), (0, 2), "{}", done.stderr);
}

#[test]
fn conflicting_copies_are_findings_of_their_own() {
    let folder = Folder::new();
    let genuine = root(1);
    let forged = genuine.replace("203.0.113.7", "198.51.100.1");
    let other = genuine.replace("203.0.113.7", "198.51.100.2");
    // The forged copy has the earlier key; it must not hide the genuine one.
    folder.put("a.json", records([&forged]));
    folder.put("b.json", records([&genuine]));
    folder.put("c.json", records([&other]));
    folder.put("d.json", records([&genuine, &forged, &other]));
    let found = scan([folder.path()]);
    assert_eq!((found.code, found.counts()), (0, [3, 3, 0]));
    assert_eq!(found.each("/source/address"), ["198.51.100.1", "203.0.113.7", "198.51.100.2"]);
    let first = uri(&folder, "a.json");
    assert_eq!(found.each("/evidence/conflict_with"), [&Value::Null, &first, &first]);
    for finding in &found.findings[1..] {
        assert_eq!(
            (&finding["rules"][0], &finding["severity"]),
            (&json!("conflicting-event-copies"), &json!("critical"))
        );
    }
    assert_eq!(found.findings[0]["severity"], "critical", "a root access key was used");
    let mut names = found.each("/id");
    names.dedup();
    assert_eq!(names.len(), 3);
    // The ids do not depend on what else is scanned, nor on the run.
    assert_eq!(scan([folder.path()]).text, found.text);
    assert_eq!(scan([folder.at("b.json")]).findings[0]["id"], found.findings[0]["id"]);
}

#[test]
fn another_recipient_or_no_id_is_another_event() {
    let elsewhere =
        root(1).replace(r#""recipientAccountId":"111122223333""#, r#""recipientAccountId":"444455556666""#);
    assert_eq!(scan_all(&[root(1), elsewhere]).counts(), [2, 0, 0]);
    let nameless = |n| root(n).replace(&format!(r#""eventID":"{}","#, id(n)), "");
    assert_eq!(scan_all(&[nameless(1), nameless(2), nameless(1)]).counts(), [2, 1, 0]);
}

#[test]
fn a_sound_copy_follows_one_from_a_damaged_object() {
    let folder = Folder::new();
    let mut packed = gzip(records([root(1), root(2)]));
    let n = packed.len();
    packed[n - 8] ^= 1;
    folder.put("a.json.gz", &packed);
    folder.put("b.json.gz", &packed);
    folder.put("c.json", records([root(1)]));
    folder.put("d.json", records([root(1)]));
    let found = scan([folder.path()]);
    assert_eq!((found.code, found.counts()), (3, [3, 3, 0]));
    assert_eq!(found.ids(), [id(1), id(2), id(1)]);
    assert_eq!(found.each("/evidence/damaged"), [true, true, false]);
    assert_eq!(found.each("/evidence/conflict_with"), [&Value::Null; 3]);
    assert_eq!(found.findings[0]["id"], found.findings[2]["id"]);
}

/// Bytes of an object whose checksum does not hold.
fn damaged(events: &[&str]) -> Vec<u8> {
    let mut packed = gzip(records(events));
    let n = packed.len();
    packed[n - 8] ^= 1;
    packed
}

/// Two versions of an event, each first in a sound or in a damaged object, then each once more in both, in one
/// run and in one run an object: a version is written once for what a damaged object held, and once sound.
#[test]
fn a_sound_copy_follows_of_every_version() {
    let (first, other) = (root(1), root(1).replace("203.0.113.7", "198.51.100.1"));
    for n in 0..4 {
        let body = |event: &str, sound: bool| match sound {
            true => records([event]).into_bytes(),
            false => damaged(&[event]),
        };
        let (first_sound, other_sound) = (n & 1 == 1, n & 2 == 2);
        let objects = [
            ("0.json", body(&first, first_sound)),
            ("1.json", body(&other, other_sound)),
            ("2.json", damaged(&[&other, &first])),
            ("3.json", records([&other]).into_bytes()),
            ("4.json", records([&first]).into_bytes()),
            ("5.json", damaged(&[&other, &first])),
            ("6.json", records([&first, &other]).into_bytes()),
        ];
        let mut expected = vec![("0.json", &first, !first_sound), ("1.json", &other, !other_sound)];
        expected.extend((!other_sound).then_some(("3.json", &other, false)));
        expected.extend((!first_sound).then_some(("4.json", &first, false)));

        let (at_once, in_parts) = (Folder::new(), Folder::new());
        let mut lines = String::new();
        for (n, (name, body)) in objects.iter().enumerate() {
            at_once.put(name, body);
            in_parts.put(format!("logs/{name}"), body);
            let (out, logs, state) =
                (in_parts.at(format!("out{n}")), in_parts.at("logs"), in_parts.at("state"));
            let [out, logs, state] = [&out, &logs, &state].map(|path| path.to_str().unwrap());
            let done = roottrail(["scan", logs, "-o", out, "--checkpoint", state, "--resume"]);
            assert!([0, 3].contains(&done.code), "{}", done.stderr);
            lines += &std::fs::read_to_string(out).unwrap();
        }
        let found = scan([at_once.path()]);
        assert_eq!(found.counts()[..2], [expected.len() as u64, 10 - expected.len() as u64]);
        assert_eq!(
            lines,
            found.text.replace(at_once.path().to_str().unwrap(), in_parts.at("logs").to_str().unwrap()),
            "runs in a row and one run say the same"
        );
        let mut ids = std::collections::BTreeMap::new();
        for (finding, (name, event, damaged)) in found.findings.iter().zip(expected) {
            let evidence = &finding["evidence"];
            assert_eq!(evidence["uri"], uri(&at_once, name), "{n}");
            assert_eq!(evidence["damaged"], damaged, "{n}");
            assert_eq!(finding["cloudtrail"], serde_json::from_str::<Value>(event).unwrap());
            let conflict = event == &other;
            let of = if conflict { uri(&at_once, "0.json") } else { Value::Null };
            assert_eq!(evidence["conflict_with"], of, "{n}");
            assert_eq!(finding["rules"][0] == "conflicting-event-copies", conflict);
            let id = ids.entry(conflict).or_insert_with(|| finding["id"].clone());
            assert_eq!(*id, finding["id"], "a version keeps its id");
        }
        assert_ne!(ids[&true], ids[&false]);
    }
}

#[test]
fn filtered_findings_still_are_first_copies() {
    let folder = Folder::new();
    folder.put("a.json", records([root(1), root(1)]));
    let found = scan([folder.path().as_os_str(), "--event-name".as_ref(), "ConsoleLogin".as_ref()]);
    assert_eq!((found.code, found.counts()), (0, [0, 1, 1]));
}
