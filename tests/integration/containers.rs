//! Events in what log platforms put around them, and what is read and not judged.

use crate::support::cli::{Folder, Scan, command, scan, scan_with};
use crate::support::logs::{gzip, id, records, root, user};
use proptest::prelude::*;
use serde_json::{Value, json};

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn object(name: &str, bytes: impl AsRef<[u8]>) -> Scan {
    let folder = Folder::new();
    folder.put(name, bytes);
    scan([folder.path()])
}

fn indices(scan: &Scan) -> Vec<u64> {
    scan.each("/evidence/record_index").into_iter().map(|index| index.as_u64().unwrap()).collect()
}

/// Root, somebody else, root.
fn three() -> [String; 3] {
    [root(1), user(2), root(3)]
}

/// A document for each of the events, one a line.
fn lines(each: impl Fn(&str) -> String) -> String {
    three().iter().map(|event| each(event) + "\n").collect()
}

/// Returns the three events as an array.
fn array(each: impl Fn(&str) -> String) -> String {
    format!("[{}]", three().iter().map(|event| each(event)).collect::<Vec<_>>().join(","))
}

fn subscription(events: &[String]) -> String {
    let events: Vec<String> = events
        .iter()
        .map(|event| format!(r#"{{"id":"1","timestamp":1768446121000,"message":{}}}"#, quoted(event)))
        .collect();
    format!(
        r#"{{"messageType":"DATA_MESSAGE","owner":"111122223333","logGroup":"g","logStream":"s","subscriptionFilters":["f"],"logEvents":[{}]}}"#,
        events.join(",")
    )
}

const CONTROL: &str = r#"{"messageType":"CONTROL_MESSAGE","owner":"CloudwatchLogs","logGroup":"","logStream":"","subscriptionFilters":[],"logEvents":[{"id":"","timestamp":1,"message":"CWL CONTROL MESSAGE: Checking health of destination Firehose."}]}"#;

/// Each container with its three events in it.
fn containers() -> Vec<(&'static str, String)> {
    let string = |head: &str, event: &str, tail: &str| format!("{head}{}{tail}", quoted(event));
    let in_detail = |event: &str| format!(r#"{{"version":"0","source":"aws.signin","detail":{event}}}"#);
    vec![
        ("logEvents", subscription(&three())),
        ("logEvents, one document each", three().map(|event| subscription(&[event])).concat()),
        ("logEvents behind a control message", format!("{CONTROL}{}", subscription(&three()))),
        ("logEvents before a control message", format!("{}\n{CONTROL}\n", subscription(&three()))),
        ("logEvents in an array", format!("[{CONTROL},{}]", subscription(&three()))),
        (
            "filter-log-events",
            format!(
                r#"{{"events":{},"searchedLogStreams":[],"nextToken":"t"}}"#,
                array(|event| string(
                    r#"{"logStreamName":"s","timestamp":1,"message":"#,
                    event,
                    r#","eventId":"3"}"#
                ))
            ),
        ),
        (
            "get-log-events",
            format!(
                r#"{{"nextForwardToken":"f/1","events":{}}}"#,
                array(|event| string(r#"{"timestamp":1,"message":"#, event, "}"))
            ),
        ),
        (
            "Insights, from the console",
            array(|event| string(r#"{"@timestamp":"2026","@message":"#, event, "}")),
        ),
        ("Insights, a line each", lines(|event| string(r#"{"@message":"#, event, "}"))),
        (
            "Insights, get-query-results",
            format!(
                r#"{{"queryLanguage":"CWLI","results":{},"statistics":{{"recordsMatched":3.0}},"status":"Complete"}}"#,
                array(|event| string(
                    r#"[{"field":"@timestamp","value":"2026"},{"field":"@message","value":"#,
                    event,
                    r#"},{"field":"@ptr","value":"x"}]"#
                ))
            ),
        ),
        ("an export task", lines(|event| format!("2026-01-15T03:02:01.000Z {event}"))),
        (
            "_raw",
            lines(|event| string(r#"{"_time":"2026","_raw":"#, event, r#","sourcetype":"aws:cloudtrail"}"#)),
        ),
        (
            "_raw beside extracted fields",
            lines(|event| {
                string(
                    r#"{"eventName":"ListUsers","eventVersion":"1.11","userIdentity.type":"Root","_raw":"#,
                    event,
                    "}",
                )
            }),
        ),
        (
            "result",
            lines(|event| {
                string(r#"{"preview":false,"offset":0,"result":{"_raw":"#, event, r#"},"lastrow":false}"#)
            }),
        ),
        (
            "results",
            format!(
                r#"{{"preview":false,"fields":[{{"name":"_raw"}}],"results":{},"highlighted":{{}}}}"#,
                array(|event| string(r#"{"_raw":"#, event, "}"))
            ),
        ),
        (
            "rows",
            format!(
                r#"{{"fields":["_time","_raw","userIdentity"],"rows":{}}}"#,
                array(|event| string(r#"["2026","#, event, r#",null]"#))
            ),
        ),
        (
            "HEC, objects",
            lines(|event| format!(r#"{{"time":1,"sourcetype":"aws:cloudtrail","event":{event}}}"#)),
        ),
        ("HEC, one behind the other", lines(|event| format!(r#"{{"event":{event}}}"#)).replace('\n', "")),
        ("HEC, strings", lines(|event| string(r#"{"time":1,"event":"#, event, r#","host":"h"}"#))),
        ("event.original", lines(|event| string(r#"{"event":{"kind":"event","original":"#, event, "}}"))),
        ("event.original, flat", lines(|event| string(r#"{"event.original":"#, event, "}"))),
        (
            "message",
            lines(|event| string(r#"{"@timestamp":"2026","message":"#, event, r#","log":{"offset":1}}"#)),
        ),
        (
            "message and event.original alike",
            lines(|event| format!(r#"{{"message":{0},"event":{{"original":{0}}}}}"#, quoted(event))),
        ),
        (
            "_source",
            lines(|event| string(r#"{"_index":"i","_id":"1","_source":{"event":{"original":"#, event, "}}}")),
        ),
        ("_source is the event", lines(|event| format!(r#"{{"_index":"i","_source":{event}}}"#))),
        (
            "hits",
            format!(
                r#"{{"took":1,"_shards":{{"total":1}},"hits":{{"total":{{"value":3}},"hits":{}}}}}"#,
                array(|event| string(r#"{"_source":{"message":"#, event, "}}"))
            ),
        ),
        (
            "Messages",
            format!(
                r#"{{"Messages":{}}}"#,
                array(|event| string(r#"{"MessageId":"m","ReceiptHandle":"r","Body":"#, event, "}"))
            ),
        ),
        (
            "Messages around EventBridge",
            format!(
                r#"{{"Messages":{}}}"#,
                array(|event| string(r#"{"Body":"#, &in_detail(event), r#","MD5OfBody":"x"}"#))
            ),
        ),
        (
            "Messages around SNS around an object",
            format!(
                r#"{{"Messages":[{{"Body":{}}}]}}"#,
                quoted(&format!(r#"{{"Type":"Notification","Message":{}}}"#, quoted(&records(three()))))
            ),
        ),
        ("SNS", lines(|event| string(r#"{"Type":"Notification","MessageId":"m","Message":"#, event, "}"))),
        (
            "Lake",
            format!(
                r#"{{"QueryStatus":"FINISHED","QueryResultRows":{}}}"#,
                array(|event| string(r#"[{"eventVersion":"1.11"},{"eventJson":"#, event, "}]"))
            ),
        ),
        (
            "findings",
            lines(|event| {
                format!(
                    r#"{{"schema":"roottrail.finding/1","mfa":{{"evidence":"userIdentity.sessionContext.attributes.mfaAuthenticated"}},"cloudtrail":{event}}}"#
                )
            }),
        ),
        (
            "findings as HEC takes them",
            lines(|event| format!(r#"{{"event":{{"schema":"roottrail.finding/1","cloudtrail":{event}}}}}"#)),
        ),
        (
            "lookup-events in a finding's place",
            lines(|event| string(r#"{"cloudtrail":{"CloudTrailEvent":"#, event, "}}")),
        ),
        ("EventBridge in logEvents", subscription(&three().map(|event| in_detail(&event)))),
        ("an object in message", string(r#"{"message":"#, &records(three()), "}")),
        ("events one after another in a string", string(r#"{"message":"#, &lines(str::to_owned), "}")),
        ("an array in a string", string(r#"{"message":"#, &array(str::to_owned), "}")),
        ("strings of containers", array(|event| quoted(&string(r#"{"Message":"#, event, "}")))),
    ]
}

fn is_read(name: &str, what: &str, scan: &Scan) {
    assert_eq!(
        (scan.code, scan.objects()),
        (0, [0, 1, 0]),
        "{name}, {what}: {} {:?}",
        scan.stderr,
        scan.errors
    );
    assert_eq!((scan.ids(), indices(scan)), (vec![&*id(1), &*id(3)], vec![0, 2]), "{name}, {what}");
    assert_eq!(scan.records(), [3, 2, 0], "{name}, {what}");
    let event: Value = serde_json::from_str(&root(3)).unwrap();
    assert_eq!(scan.findings[1]["cloudtrail"], event, "{name}, {what}");
    assert!(scan.text.contains(&format!(r#""cloudtrail":{}"#, root(3))), "{name}, {what}: its own text");
}

#[test]
fn events_are_found_in_every_container() {
    for (name, text) in containers() {
        is_read(name, "as it is", &object("log.json", &text));
        is_read(name, "in pieces", &scan_with(command(), ["-"], text.as_bytes()));
        let marked = format!("\u{feff}{}", text.replace('\n', "\r\n"));
        is_read(name, "gzip, with a mark and CRLF", &object("log.json.gz", gzip(marked)));
        if let Ok(value) = serde_json::from_str::<Value>(&text) {
            let pretty = serde_json::to_string_pretty(&value).unwrap();
            let scan = object("log.json", &pretty);
            // Keys of events that are objects are in another order then.
            assert_eq!(
                (scan.code, scan.ids(), indices(&scan)),
                (0, vec![&*id(1), &*id(3)], vec![0, 2]),
                "{name}"
            );
        }
    }
}

/// Beside each other in one object, and beside a good one.
#[test]
fn containers_stand_before_between_and_behind_each_other() {
    let all = containers();
    let text: String = all.iter().map(|(_, text)| text.trim_end().to_owned() + "\n").collect();
    let found = object("log.json", &text);
    let n = all.len() as u64;
    assert_eq!((found.code, found.records(), found.counts()), (0, [3 * n, 2 * n, 0], [2, 2 * n - 2, 0]));
    let folder = Folder::new();
    for (i, (_, text)) in all.iter().enumerate() {
        folder.put(format!("{i:02}.json"), text);
    }
    folder.put("good.json.gz", gzip(records(three())));
    let found = scan([folder.path()]);
    assert_eq!((found.code, found.records()[1], found.counts()[0]), (0, 2 * n + 2, 2), "{}", found.stderr);
    let mixed = [records([root(7)]), subscription(&[root(8), user(9)]), root(10)].join("\n");
    let found = object("log.json", mixed);
    assert_eq!(
        (found.code, found.ids(), indices(&found)),
        (0, vec![&*id(7), &*id(8), &*id(10)], vec![0, 1, 3])
    );
}

/// What holds no events and cannot hold any is skipped in silence, whatever its names.
#[test]
fn containers_of_other_logs_are_skipped() {
    for text in [
        CONTROL.to_owned(),
        r#"{"events":[{"message":"START RequestId: 1"},{"message":"[INFO] x"},{"message":"{no json"}]}"#
            .into(),
        r#"{"results":[1,[2],{"a":"b"}],"rows":[],"x":[[["y"]]]}"#.into(),
        r#"{"message":"hello","event":{"original":"x"},"hits":{"hits":[]},"detail":{"a":1}}"#.into(),
        r#"{"QueryResultRows":[[{"c":"1"}]],"Messages":[{"Body":"[]"}],"Message":"{}"}"#.into(),
    ] {
        let found = object("log.json", &text);
        assert_eq!(
            (found.code, found.objects(), found.errors.len()),
            (5, [1, 0, 0], 0),
            "{text} {:?}",
            found.errors
        );
        let found = object("log.json", format!("{text}\n{}\n{text}", root(1)));
        assert_eq!((found.code, indices(&found)), (0, vec![0]), "{text}: {:?}", found.errors);
    }
}

/// Events in places that are not read.
fn elsewhere() -> Vec<String> {
    let event = root(1);
    vec![
        format!(r#"{{"foo":{event}}}"#),
        format!(r#"{{"foo":{}}}"#, quoted(&event)),
        format!(r#"{{"data":{{"records":[{event}]}}}}"#),
        format!(r#"{{"records":[{event}]}}"#),
        format!(r#"{{"events":[{event}]}}"#),
        format!(r#"{{"results":[{{"foo":{event}}}]}}"#),
        format!(r#"{{"Records":[{{"Sns":{{"Message":{}}}}}]}}"#, quoted(&event)),
        format!(r#"{{"Records":[{{"eventSource":"aws:sqs","body":{}}}]}}"#, quoted(&event)),
        format!(r#"[{{"eventName":"x","body":{event}}}]"#),
        format!(r#"{{"userIdentity":{event}}}"#),
        format!(r#"{{"eventVersion":"1","event":{}}}"#, quoted(&quoted(&event))),
        format!(r#"{{"Records":[],"foo":[[{event}]]}}"#),
        format!(r#"{{"foo":{event},"Records":[]}}"#),
        event.replace("eventVersion", "eventversion").replace("userIdentity", "useridentity"),
        format!("[{}]", event.to_ascii_lowercase()),
        r#"{"userIdentity.type":"Root","eventName":"ConsoleLogin"}"#.into(),
        format!("[[{event}]]"),
        format!(r#"{{"columns":[["2026"],[{}]]}}"#, quoted(&event)),
        format!(r#"{{"hits":{event}}}"#),
        format!(r#"{{"hits":{}}}"#, event.to_ascii_lowercase()),
    ]
}

#[test]
fn what_could_be_evidence_is_never_skipped() {
    for text in elsewhere() {
        let found = object("log.json", &text);
        assert_eq!((found.code, found.findings.len()), (3, 0), "{text}: {:?}", found.errors);
        assert!(
            found.kinds().iter().all(|kind| ["not_cloudtrail", "malformed_record"].contains(kind)),
            "{text}: {:?}",
            found.errors
        );
        for mixed in [
            format!("{}\n{text}", records([root(2)])),
            format!("{text}\n{}", subscription(&[root(2)])),
            format!("{}\n{text}\n{}", root(2), user(3)),
            format!("[{},{text}]", root(2)),
        ] {
            let found = object("log.json", &mixed);
            assert_eq!((found.code, found.ids()), (3, vec![&*id(2)]), "{mixed}: {:?}", found.errors);
            assert!(found.kinds().contains(&"malformed_record"), "{mixed}: {:?}", found.errors);
        }
    }
    // An event whose text is let go before it shows that it is one.
    let found = object("log.json", format!(r#"{{"Records":[],{}"#, &root(1)[1..]));
    assert_eq!((found.code, found.kinds()), (3, vec!["malformed_record"]));
    // Beside an event of its own, in the same document.
    for text in [
        format!(r#"{{"_raw":{},"foo":{}}}"#, quoted(&root(2)), root(1)),
        format!(r#"{{"foo":{},"logEvents":[{{"message":{}}}]}}"#, root(1), quoted(&root(2))),
        format!(r#"{{"logEvents":[{{"message":{}}}],"foo":[{}]}}"#, quoted(&root(2)), root(1)),
        format!(r#"{{"logEvents":[{{"message":{},"foo":{}}}]}}"#, quoted(&root(2)), quoted(&root(1))),
        format!(r#"{{"Records":[{}],"foo":{}}}"#, root(2), quoted(&root(1))),
    ] {
        let found = object("log.json", &text);
        assert_eq!(
            (found.code, found.ids(), found.kinds()),
            (3, vec![&*id(2)], vec!["malformed_record"]),
            "{text}"
        );
    }
}

#[test]
fn what_is_not_read_is_named() {
    for (text, kind, words) in [
        (root(1).to_ascii_lowercase(), "not_cloudtrail", "Athena"),
        (r#"{"class_uid":6003,"category_uid":6,"api":{"operation":"x"}}"#.into(), "not_cloudtrail", "OCSF"),
        (
            r#"{"event":{"kind":"event"},"aws":{"cloudtrail":{"user_identity":{"type":"Root"}}}}"#.into(),
            "not_cloudtrail",
            "event.original",
        ),
        (
            "[{eventVersion: '1.08', userIdentity: {type: 'Root'}}]".into(),
            "invalid_json",
            "a key in quotes at byte 2",
        ),
        ("{Records: [{eventVersion: '1.08'}]}\n{}".into(), "invalid_json", "a key in quotes at byte 1"),
        (format!(r#"{{"foo":{}}}"#, root(1)), "not_cloudtrail", "holds eventVersion or userIdentity"),
    ] {
        let found = object("log.json", &text);
        assert_eq!((found.code, found.kinds(), found.objects()), (3, vec![kind], [0, 0, 1]), "{text}");
        assert!(found.errors[0]["message"].as_str().unwrap().contains(words), "{:?}", found.errors);
    }
}

#[test]
fn a_broken_event_in_a_container_costs_only_itself() {
    let cut = &root(1)[..300];
    let text = subscription(&[root(2), cut.to_owned(), root(3)]);
    let found = object("log.json", &text);
    assert_eq!(
        (found.code, found.kinds(), indices(&found), found.records()),
        (3, vec!["malformed_record"], vec![0, 2], [2, 2, 1])
    );
    assert_eq!(found.errors[0]["record_index"], json!(1));
    let text = format!(
        "2026-01-15T03:02:01.000Z {}\n2026-01-15T03:02:01.000Z {cut}\n2026-01-15T03:02:01.000Z {}",
        root(2),
        root(3)
    );
    let found = object("log.json", &text);
    assert_eq!((found.code, found.kinds(), indices(&found)), (3, vec!["malformed_record"], vec![0, 2]));
    // Half a container is read as far as it goes.
    let text = subscription(&[root(2), root(3)]);
    let found = object("log.json", &text[..text.len() - 40]);
    assert_eq!((found.code, found.kinds(), indices(&found)), (3, vec!["invalid_json"], vec![0]));
}

/// Raw control characters in a string of a container are repaired and reported.
#[test]
fn repairs_of_the_container_are_those_of_the_event() {
    let text = format!(r#"{{"message":{}}}"#, quoted(&root(1)).replace("ListUsers", "List\u{1}Users"));
    let found = object("log.json", text);
    assert_eq!((found.code, found.kinds(), found.findings.len()), (3, vec!["malformed_record"], 1));
}

const WRAPPERS: [&str; 16] = [
    r#"{"foo":@}"#,
    r#"{"message":@,"foo":1}"#,
    r#"{"foo":[1,@]}"#,
    r#"{"Records":[@]}"#,
    r#"{"Records":[null,{"a":{"b":@}}]}"#,
    "[@]",
    r#"{"event":{"original":@}}"#,
    r#"{"event":{"other":@}}"#,
    r#"{"eventName":"x","payload":@}"#,
    r#"{"detail":@,"detail":{}}"#,
    r#"{"results":[[{"field":"f","value":@}]]}"#,
    r#"{"hits":{"hits":[{"_source":@}],"x":[]},"y":@}"#,
    r#"{"logEvents":[{"message":"CWL"},{"message":@}],"x":{"message":"y"}}"#,
    r#"{"logEvents":[],"foo":{"bar":[[@]]}}"#,
    r#"{"QueryResultRows":[[{"eventJson":@},{"b":"c"}]]}"#,
    "2026-01-15T03:02:01.000Z {\"_raw\":@}",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// Whatever stands around a root event: either the event is found, or the run names the object.
    #[test]
    fn an_event_in_any_wrapper_is_found_or_reported(
        objects in prop::collection::vec(
            (prop::collection::vec((0..WRAPPERS.len(), any::<bool>()), 0..5), 0_u8..4), 40),
    ) {
        let folder = Folder::new();
        let mut names = Vec::new();
        for (i, (wrappers, beside)) in objects.iter().enumerate() {
            let mut text = root(1000 + i as u64);
            for (wrapper, as_string) in wrappers {
                let inner = if *as_string { quoted(&text) } else { text };
                text = WRAPPERS[*wrapper].replace('@', &inner);
            }
            let text = match beside {
                0 => text,
                1 => format!("{}\n{text}", records([user(1)])),
                2 => format!("{text}\n{}", user(2)),
                _ => format!("{}\n{text}\n{}", subscription(&[user(1)]), CONTROL),
            };
            names.push((folder.put(format!("{i:02}.json"), &text), text));
        }
        let scan = scan([folder.path()]);
        for (i, (path, text)) in names.iter().enumerate() {
            let uri = json!(path);
            let found = scan.ids().contains(&&*id(1000 + i as u64));
            let named = scan.errors.iter().any(|error| error["uri"] == uri);
            prop_assert!(found || named, "{text}");
        }
    }
}
