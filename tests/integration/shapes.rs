//! Every shape that input comes in, sound and broken: what is found, what is counted, what is reported.

use crate::support::cli::{Folder, Scan, scan, scan_with};
use crate::support::logs::{event, gzip, id, key, records, root, uncompressed, user};
use crate::support::readers::same_in_pieces;
use serde_json::{Value, json};

/// Scans a folder that holds just this, which must read alike however its bytes come.
fn object(name: &str, bytes: impl AsRef<[u8]>) -> Scan {
    same_in_pieces(name, bytes.as_ref());
    let folder = Folder::new();
    folder.put(name, bytes);
    scan([folder.path()])
}

const SKIPPED: [u64; 3] = [1, 0, 0];
const SCANNED: [u64; 3] = [0, 1, 0];
const FAILED: [u64; 3] = [0, 0, 1];

fn indices(scan: &Scan) -> Vec<u64> {
    scan.each("/evidence/record_index").into_iter().map(|index| index.as_u64().unwrap()).collect()
}

fn quoted(event: &str) -> String {
    Value::from(event).to_string()
}

/// Objects that are read whole, and the places of their root records.
#[test]
fn sound_shapes_are_read() {
    let (one, two, other) = (root(1), root(2), user(3));
    let pretty = serde_json::to_string_pretty(&serde_json::from_str::<Value>(&one).unwrap()).unwrap();
    let lookup = |event: &str| {
        format!(r#"{{"EventId":"x","Username":"root","Resources":[],"CloudTrailEvent":{}}}"#, quoted(event))
    };
    let envelope =
        |event: &str| format!(r#"{{"version":"0","source":"aws.signin","detail":{event},"resources":[]}}"#);
    let cases: Vec<(&str, Vec<u8>, u64, Vec<u64>)> = vec![
        ("gzip", gzip(records([&one, &other, &two])), 3, vec![0, 2]),
        ("plain", records([&other, &one]).into(), 2, vec![1]),
        ("no events in it", r#"{"Records":[]}"#.into(), 0, vec![]),
        ("an empty array", "[]".into(), 0, vec![]),
        ("Records is null", r#"{"Records":null}"#.into(), 0, vec![]),
        ("several members", [gzip(records([&one])), gzip(records([&other, &two]))].concat(), 3, vec![0, 2]),
        (
            "a document cut into members",
            [gzip(&records([&one, &two])[..900]), gzip(&records([&one, &two])[900..])].concat(),
            2,
            vec![0, 1],
        ),
        ("an empty member between", [gzip(records([&one])), gzip(""), gzip("\n")].concat(), 1, vec![0]),
        (
            "documents one after another",
            [records([&one]), records([&other, &two])].concat().into(),
            3,
            vec![0, 2],
        ),
        ("Records twice", format!(r#"{{"Records":[{other}],"Records":[{one}]}}"#).into(), 2, vec![1]),
        (
            "keys before and after",
            format!(r#"{{"a":{{"Records":[1]}},"Records":[{one}],"b":[[]],"c":1e400}}"#).into(),
            1,
            vec![0],
        ),
        ("an escaped key", format!(r#"{{"\u0052ecords":[{one}]}}"#).into(), 1, vec![0]),
        ("a byte order mark", format!("\u{feff}{}", records([&one])).into(), 1, vec![0]),
        ("a byte order mark, gzip", gzip(format!("\u{feff}{}", records([&one]))), 1, vec![0]),
        (
            "white space all over",
            format!(" \r\n\t{{ \"Records\" :\n[ {pretty} , {other}\t] }}\n\n").into(),
            2,
            vec![0],
        ),
        ("nulls", format!(r#"{{"Records":[null,{one},null,{two}]}}"#).into(), 2, vec![1, 3]),
        ("an array", format!("[{other},{one}]").into(), 2, vec![1]),
        ("one event", one.clone().into(), 1, vec![0]),
        ("one event, pretty", pretty.clone().into(), 1, vec![0]),
        ("one event of another", other.clone().into(), 1, vec![]),
        ("an event a line", format!("{other}\n{one}\n{two}").into(), 3, vec![1, 2]),
        ("an event a line, CRLF", format!("{other}\r\n\r\n{one}\r\n").into(), 2, vec![1]),
        ("pretty events after another", format!("{pretty}\n{pretty}").into(), 2, vec![0]),
        ("an envelope", envelope(&one).into(), 1, vec![0]),
        ("envelopes a line", format!("{}\n{}\n", envelope(&other), envelope(&one)).into(), 2, vec![1]),
        ("an array of envelopes", format!("[{}]", envelope(&one)).into(), 1, vec![0]),
        (
            "lookup-events",
            format!(r#"{{"Events":[{},{}],"NextToken":"x"}}"#, lookup(&other), lookup(&one)).into(),
            2,
            vec![1],
        ),
        ("lookup-events, none", r#"{"Events":[]}"#.into(), 0, vec![]),
        (
            "lookup-events --query Events",
            format!("[{},{}]", lookup(&one), lookup(&two)).into(),
            2,
            vec![0, 1],
        ),
        ("lookup-events --query Events[0]", lookup(&one).into(), 1, vec![0]),
        (
            "lookup-events --query Events[].CloudTrailEvent",
            format!("[\n{},\n{}\n]", quoted(&other), quoted(&one)).into(),
            2,
            vec![1],
        ),
        ("lookup-events --query Events[0].CloudTrailEvent", quoted(&one).into(), 1, vec![0]),
        (
            "a string of an event a line, as jq prints them",
            format!("{}\n{}\n{}\n", quoted(&other), quoted(&one), quoted(&two)).into(),
            3,
            vec![1, 2],
        ),
        (
            "lookup-events --query Events[].CloudTrailEvent --output text",
            format!("{other}\t{one}\t{two}\n").into(),
            3,
            vec![1, 2],
        ),
        (
            "lookup-events --query Events[].{e:CloudTrailEvent}, renamed back",
            format!(r#"[{{"CloudTrailEvent":{}}}]"#, quoted(&one)).into(),
            1,
            vec![0],
        ),
        (
            "documents in one array, as jq -s puts them",
            format!(
                r#"[{{"Records":[]}}, {}, {{"Events":[{}]}}, {two}]"#,
                records([&other, &one, &other]),
                lookup(&root(3))
            )
            .into(),
            5,
            vec![1, 3, 4],
        ),
        (
            "shapes in one array",
            format!("[{},{},{two}]", lookup(&one), envelope(&other)).into(),
            3,
            vec![0, 2],
        ),
        (
            "shapes after another",
            format!("{}\n[{other}]{}", records([&one]), envelope(&two)).into(),
            3,
            vec![0, 2],
        ),
    ];
    for (name, bytes, scanned, found) in cases {
        let scan = object("log.json", bytes);
        assert_eq!((scan.code, scan.objects()), (0, SCANNED), "{name}: {}", scan.stderr);
        assert_eq!((scan.records()[0], indices(&scan)), (scanned, found), "{name}");
        assert!(scan.findings.iter().all(|finding| finding["evidence"]["damaged"] == false), "{name}");
    }
}

/// A string that is no event is no record, and must not pass in silence where records are.
#[test]
fn other_strings_are_malformed() {
    for text in ["text", "{", "{}", "{\"a\":1}"] {
        let found = object("log.json", format!("[{},{}]", quoted(text), root(1)));
        assert_eq!(
            (found.code, found.kinds(), indices(&found)),
            (3, vec!["malformed_record"], vec![1]),
            "{text}"
        );
    }
    // An event that breaks off is one, and broken.
    let cut = quoted(&root(1)[..200]);
    for text in [format!("[{cut}]"), cut] {
        let found = object("log.json", text);
        assert_eq!((found.code, found.kinds(), found.records()), (3, vec!["malformed_record"], [0, 0, 1]));
    }
    // In CloudTrail's own array no string is an event.
    let found = object("log.json", records([quoted(&root(1))]));
    assert_eq!((found.code, found.kinds()), (3, vec!["malformed_record"]));
}

#[test]
fn shape_is_decided_by_bytes_not_by_names() {
    for (name, bytes) in [
        ("log.json", gzip(records([root(1)]))),
        ("log.gz", records([root(1)]).into()),
        ("log.jsonl", records([root(1)]).into()),
        ("LOG.JSON", root(1).into()),
    ] {
        assert_eq!(object(name, bytes).findings.len(), 1, "{name}");
    }
}

/// Objects that break: the error, and what is saved of them.
#[test]
fn broken_objects_fail_and_keep_what_they_have() {
    let (one, two) = (root(1), root(2));
    let whole = records([&one, &two]);
    let packed = gzip(&whole);
    let with_last = |change: fn(&mut Vec<u8>)| {
        let mut bytes = packed.clone();
        change(&mut bytes);
        bytes
    };
    let first = format!(r#"{{"Records":[{one},"#);
    let cases: Vec<(&str, Vec<u8>, &str, &str, usize)> = vec![
        ("nothing", Vec::new(), "parse", "empty", 0),
        ("white space", b" \n".to_vec(), "parse", "empty", 0),
        ("gzip of nothing", gzip(""), "parse", "empty", 0),
        ("a flipped magic byte", with_last(|bytes| bytes[0] ^= 1), "parse", "invalid_json", 0),
        ("another magic byte", with_last(|bytes| bytes[1] ^= 1), "parse", "invalid_json", 0),
        ("only the magic", packed[..2].to_vec(), "inflate", "corrupt_gzip", 0),
        ("another method", with_last(|bytes| bytes[2] = 7), "inflate", "corrupt_gzip", 0),
        (
            "a wrong checksum",
            with_last(|bytes| {
                let n = bytes.len();
                bytes[n - 8] ^= 1;
            }),
            "inflate",
            "corrupt_gzip",
            2,
        ),
        (
            "a wrong length",
            with_last(|bytes| {
                let n = bytes.len();
                bytes[n - 4] ^= 1;
            }),
            "inflate",
            "corrupt_gzip",
            2,
        ),
        ("gzip without its end", packed[..packed.len() - 1].to_vec(), "inflate", "corrupt_gzip", 2),
        (
            "a broken second member",
            [gzip(&whole), gzip("{}")[..9].to_vec()].concat(),
            "inflate",
            "corrupt_gzip",
            2,
        ),
        ("bytes after gzip", [gzip(&whole), b"xyz".to_vec()].concat(), "inflate", "corrupt_gzip", 2),
        ("text", b"hello".to_vec(), "parse", "invalid_json", 0),
        ("UTF-16", one.encode_utf16().flat_map(u16::to_le_bytes).collect(), "parse", "invalid_json", 0),
        (
            "a document cut in a record",
            whole.as_bytes()[..whole.len() - 40].to_vec(),
            "parse",
            "invalid_json",
            1,
        ),
        (
            "a document cut behind a record",
            whole.as_bytes()[..whole.len() - 2].to_vec(),
            "parse",
            "invalid_json",
            2,
        ),
        (
            "a document cut behind its array",
            whole.as_bytes()[..whole.len() - 1].to_vec(),
            "parse",
            "invalid_json",
            2,
        ),
        ("a cut string", format!("{first}\"abc").into(), "parse", "invalid_json", 1),
        ("garbage behind", format!("{whole} garbage").into(), "parse", "invalid_json", 2),
        ("a bracket behind", format!("{whole}]").into(), "parse", "invalid_json", 2),
        ("NUL bytes behind", format!("{whole}\0\0").into(), "parse", "invalid_json", 2),
        ("no comma", format!(r#"{{"Records":[{one}{two}]}}"#).into(), "parse", "invalid_json", 2),
        ("two commas", format!(r#"{{"Records":[{one},,{two}]}}"#).into(), "parse", "invalid_json", 1),
        ("a comma at the end", format!(r#"{{"Records":[{one},]}}"#).into(), "parse", "invalid_json", 1),
        ("a missing colon", format!(r#"{{"Records"[{one}]}}"#).into(), "parse", "invalid_json", 0),
        ("a bare word", format!(r#"{{"Records":[{one},nil,{two}]}}"#).into(), "parse", "invalid_json", 1),
        ("a broken key behind", format!(r#"{{"Records":[{one}],x:1}}"#).into(), "parse", "invalid_json", 1),
    ];
    for (name, bytes, stage, kind, saved) in cases {
        let scan = object("log.json.gz", bytes);
        assert_eq!((scan.code, scan.objects()), (3, FAILED), "{name}");
        let of_object: Vec<&Value> =
            scan.errors.iter().filter(|error| error["record_index"].is_null()).collect();
        assert_eq!(of_object.len(), 1, "{name}: {:?}", scan.errors);
        let error = of_object[0];
        assert_eq!((&error["stage"], &error["kind"]), (&json!(stage), &json!(kind)), "{name}: {error}");
        assert_eq!((scan.findings.len(), &error["findings_salvaged"]), (saved, &json!(saved)), "{name}");
        assert!(scan.findings.iter().all(|finding| finding["evidence"]["damaged"] == true), "{name}");
    }
}

/// Wherever a gzip stream is cut, what stands complete before the cut is found.
#[test]
fn a_stream_cut_anywhere_yields_what_came_before() {
    let all: Vec<String> = (0..40).map(root).collect();
    let packed = gzip(records(&all));
    let folder = Folder::new();
    for n in 1..20 {
        folder.put(format!("{n:02}.json.gz"), &packed[..packed.len() * n / 20]);
    }
    let scan = scan([folder.path()]);
    assert_eq!((scan.code, scan.objects()), (3, [0, 0, 19]));
    assert_eq!(scan.kinds(), ["corrupt_gzip"; 19]);
    let saved: Vec<u64> =
        scan.errors.iter().map(|error| error["findings_salvaged"].as_u64().unwrap()).collect();
    assert!(saved.is_sorted() && saved[18] >= 30, "{saved:?}");
    // Each event was written from the first object that held it; the other copies are duplicates.
    assert_eq!(scan.findings.len() as u64, saved[18]);
}

#[test]
fn a_bomb_costs_an_error_line() {
    let mut text = format!(r#"{{"Records":[{},{{"x":""#, root(1));
    text.push_str(&"0".repeat(3 << 20));
    text.push_str(r#""}]}"#);
    let folder = Folder::new();
    let path = folder.put("bomb.json.gz", gzip(&text));
    let limited = scan([path.as_os_str(), "--max-object-size".as_ref(), "1MiB".as_ref()]);
    assert_eq!((limited.code, limited.objects(), limited.kinds()), (3, FAILED, vec!["too_large"]));
    assert_eq!(limited.findings.len(), 1);
    assert_eq!(scan([&path]).code, 0);
    folder.put("bomb.json.gz", &text);
    let plain = scan([path.as_os_str(), "--max-object-size".as_ref(), "1MiB".as_ref()]);
    assert_eq!((plain.code, plain.kinds(), plain.findings.len()), (3, vec!["too_large"], 1));
}

#[test]
#[ignore = "takes long: .ci/checks/45-kills"]
fn a_single_value_beyond_the_limit_is_too_large() {
    let huge = format!(r#"{{"Records":[{},{{"x":"{}"}}]}}"#, root(1), "0".repeat(65 << 20));
    let scan = object("huge.json.gz", gzip(huge));
    assert_eq!((scan.code, scan.kinds()), (3, vec!["too_large"]));
    assert_eq!(scan.findings.len(), 1);
}

#[test]
fn elements_that_are_no_records_are_malformed() {
    for element in ["1", "true", r#""text""#, "[]", "[{}]", "-0.5e-7"] {
        let scan = object("log.json", format!(r#"{{"Records":[{},{element},{}]}}"#, root(1), root(2)));
        assert_eq!((scan.code, scan.objects(), scan.records()), (3, SCANNED, [2, 2, 1]), "{element}");
        assert_eq!((scan.kinds(), indices(&scan)), (vec!["malformed_record"], vec![0, 2]), "{element}");
        assert_eq!(scan.errors[0]["record_index"], 1);
    }
    // On lines of their own, before the first event as well.
    for element in ["1", "true", r#""text""#, "-0.5e-7"] {
        let scan = object("log.json", format!("{element}\nnull\n{}\n{element}\n{}\n", root(1), root(2)));
        assert_eq!((scan.code, scan.objects(), scan.records()), (3, SCANNED, [2, 2, 2]), "{element}");
        let places: Vec<_> = scan.errors.iter().map(|error| error["record_index"].as_u64()).collect();
        assert_eq!((places, indices(&scan)), (vec![Some(2), Some(0)], vec![1, 3]), "{element}");
    }
    for value in ["{}", "1", r#""text""#, "true"] {
        let scan = object("log.json", format!(r#"{{"Records":{value}}}"#));
        assert_eq!((scan.code, scan.kinds()), (3, vec!["malformed_record"]), "{value}");
    }
    for element in ["{}", r#"{"EventId":"x"}"#, r#"{"CloudTrailEvent":7}"#, r#"{"CloudTrailEvent":"no"}"#] {
        let scan = object("log.json", format!(r#"{{"Events":[{element}]}}"#));
        assert_eq!((scan.code, scan.kinds()), (3, vec!["malformed_record"]), "{element}");
    }
}

#[test]
fn a_root_record_that_is_no_json_is_malformed() {
    let broken = root(1).replace(r#""readOnly":true"#, r#""readOnly":yes"#);
    let scan = object("log.json", records([broken, root(2)]));
    assert_eq!((scan.code, scan.objects(), scan.records()), (3, SCANNED, [1, 1, 1]));
    assert_eq!((scan.kinds(), indices(&scan)), (vec!["malformed_record"], vec![1]));
}

#[test]
fn many_malformed_elements_are_counted_and_not_all_listed() {
    let elements = vec!["7"; 1500].join(",");
    let scan = object("log.json", format!(r#"{{"Records":[{elements},{}]}}"#, root(1)));
    assert_eq!((scan.code, scan.records()), (3, [1, 1, 1500]));
    assert_eq!(scan.errors.len(), 1001);
    assert!(scan.errors[1000]["message"].as_str().unwrap().contains("only counted"));
    assert!(scan.stderr.contains("901 more errors"), "{}", scan.stderr);
}

/// Whatever the grammar allows is judged and written as it was delivered.
#[test]
fn odd_but_grammatical_records_are_judged_and_kept() {
    for odd in [
        "1e400",
        "-1E-400",
        "123456789012345678901234567890",
        "0.1000000000000000055511151231257827",
        "-0",
        "1.0",
        r#""\ud83d""#,
        r#""\udc00\ud800""#,
        r#""\u0000\u001b\u2028""#,
        r#""\/\b\f\n\r\t\"\\""#,
        "\"\u{7f}\u{9b}\u{202e}é𝄞\"",
        r#"{"a":1,"a":2,"":{}}"#,
        &format!("{}1{}", "[".repeat(2000), "]".repeat(2000)),
        &format!("{}1{}", r#"{"a":"#.repeat(300), "}".repeat(300)),
    ] {
        let event = root(1).replace(r#""requestParameters":null"#, &format!(r#""requestParameters":{odd}"#));
        let folder = Folder::new();
        folder.put("log.json", records([&event]));
        let done = crate::support::cli::roottrail(["scan".as_ref(), folder.path().as_os_str()]);
        assert_eq!(done.code, 0, "{odd}: {}", done.stderr);
        assert!(done.stdout.ends_with(&format!(",\"cloudtrail\":{event}}}\n")), "{odd}: {}", done.stdout);
    }
}

#[test]
fn the_record_is_written_without_white_space_and_otherwise_as_delivered() {
    let spaced = r#"{ "userIdentity" : {"type":"Root" , "accountId":"111122223333"},
        "b" : [ 1 , 2.50 , { } ] ,	"a" : " two  spaces " }"#;
    let scan = object("log.json", format!("[{spaced}]"));
    assert!(scan.text.ends_with(
        "\"cloudtrail\":{\"userIdentity\":{\"type\":\"Root\",\"accountId\":\"111122223333\"},\"b\":[1,2.50,{}],\"a\":\" two  spaces \"}}\n"
    ));
}

#[test]
fn root_is_found_however_it_is_spelled() {
    let spellings = [
        r#"{"type":"Root"}"#,
        r#"{ "type" : "Root" }"#,
        r#"{"\u0074ype":"Root"}"#,
        r#"{"type":"\u0052\u006f\u006F\u0074"}"#,
        r#"{"type":"\u0052oot"}"#,
        r#"{"type":"Roo\u0074"}"#,
        r#"{"type":"IAMUser","type":"Root"}"#,
        r#"{"arn":"arn:aws:iam::111122223333:root","type":"Unknown"}"#,
        r#"{"type":"Unknown","arn":"arn\u003aaws:iam::111122223333\u003Aroot"}"#,
    ];
    let events: Vec<String> = (0..).zip(spellings).map(|(n, identity)| event(n, identity)).collect();
    let found = object("log.json", records(&events));
    assert_eq!(found.ids(), (0..9).map(id).collect::<Vec<_>>());
    // Each reading of a duplicate key counts.
    let twice = object("log.json", records([event(0, r#"{"type":"Root","type":"IAMUser"}"#)]));
    assert_eq!(twice.ids(), [id(0)]);
    assert!(twice.text.contains("ambiguous-record"), "{}", twice.text);
    let others = [r#"{"type":"IAMUser","userName":"Root"}"#, r#"{"type":"IAMUser","x":{"type":"Root"}}"#];
    let events: Vec<String> = (0..).zip(others).map(|(n, identity)| event(n, identity)).collect();
    assert_eq!(object("log.json", records(events)).ids(), Vec::<&str>::new());
}

#[test]
fn bytes_that_are_not_utf_8_cost_an_error_line_and_no_finding() {
    let mut bytes = records([root(1), root(2)]).into_bytes();
    let at = bytes.windows(7).position(|part| part == b"aws-cli").unwrap();
    bytes[at] = 0xff;
    let scan = object("log.json", &bytes);
    assert_eq!((scan.code, scan.objects(), scan.records()), (3, SCANNED, [2, 2, 0]));
    assert_eq!(scan.kinds(), ["malformed_record"]);
    assert_eq!(scan.errors[0]["record_index"], 0);
    assert_eq!(scan.findings[0]["source"]["user_agent"], "\u{fffd}ws-cli/2.17.0");
    assert_eq!(scan.findings.len(), 2);
    bytes[at] = 0x1b;
    let scan = object("log.json", &bytes);
    assert_eq!((scan.code, scan.findings.len()), (3, 2));
    assert!(scan.text.contains(r#""userAgent":"\u001bws-cli"#), "{}", scan.text);
}

#[test]
fn a_broken_line_costs_only_itself() {
    let text =
        format!("{}\n{{\"eventVersion\":\"1.11\",\"userIdentity\":{{\n{}\n{}\n", root(1), root(2), user(3));
    let scan = object("log.jsonl", text);
    assert_eq!((scan.code, scan.objects(), scan.records()), (3, SCANNED, [3, 2, 1]));
    assert_eq!((scan.kinds(), indices(&scan)), (vec!["malformed_record"], vec![0, 2]));
    for broken in [
        r#"{"eventVersion":"1.11""#,
        r#"{"eventVersion":"1.11"}}"#,
        r#"{"eventVersion" "1.11"}"#,
        r#"{"eventVersion":"1.11"#,
        "hello",
        "]",
        "\"half a string",
        "\u{1}\u{2}",
    ] {
        let scan = object("log.jsonl", format!("{}\n{broken}\n{}\n", root(1), root(2)));
        assert_eq!((scan.code, scan.findings.len()), (3, 2), "{broken}: {:?}", scan.errors);
    }
}

/// Documents one a line: a broken one is named with its place, and costs only what is behind its break.
#[test]
fn a_broken_document_costs_only_itself() {
    let whole = |n| records([root(n), root(n + 1)]);
    let (first, last) = (whole(1), whole(8));
    let cut = |end: usize| whole(4)[..end].to_owned();
    let behind_one = r#"{"Records":["#.len() + root(4).len();
    for (name, broken, saved, says) in [
        ("in a string", cut(behind_one + 100), 1, "unterminated object"),
        ("behind a record", cut(behind_one), 1, "another document begins"),
        ("behind a comma", cut(behind_one + 1), 1, "another document begins"),
        ("behind its array", cut(whole(4).len() - 1), 2, "expected a comma or a closing brace"),
        ("in an empty array", cut(r#"{"Records":["#.len()), 0, "another document begins"),
        ("in the first record", cut(40), 0, "object"),
        ("a bare word", whole(4).replacen(",{", ",nil,{", 1), 1, "expected a value"),
        ("garbage", format!(r#"{{"Records":[{}}}}}"#, root(4)), 1, "closing bracket"),
        ("behind its records", format!(r#"{},"a":"b"#, cut(whole(4).len() - 1)), 2, "runs into another"),
        ("twice", format!("{}\n{}", cut(behind_one + 50), cut(behind_one)), 1, "object"),
    ] {
        for newline in ["\n", "\r\n"] {
            let text = [&*first, &broken.replace('\n', newline), &last].join(newline);
            let again = &format!("{text}{newline}{last}{newline}");
            let at_first = object("log.json", &text[first.len() + newline.len()..]);
            assert_eq!((at_first.code, at_first.findings.len() as u64), (3, 2 + saved), "{name} {newline:?}");
            for (text, copies) in [(&text, 0), (again, 2)] {
                let scan = object("log.json", text);
                let [written, duplicates, _] = scan.counts();
                // Cut twice, the same record comes twice.
                let twice = u64::from(name == "twice");
                let expected = (3, FAILED, 4 + saved, copies + twice);
                assert_eq!((scan.code, scan.objects(), written, duplicates), expected, "{name} {newline:?}");
                assert!(scan.findings.iter().all(|finding| finding["evidence"]["damaged"] == true), "{name}");
                let lines: Vec<&Value> =
                    scan.errors.iter().filter(|error| error["record_index"].is_null()).collect();
                assert_eq!(lines.len() as u64, 1 + twice, "{name}: {lines:?}");
                let message = lines[0]["message"].as_str().unwrap();
                assert!(message.contains(says) && message.contains(" at byte "), "{name}: {message}");
            }
        }
    }
}

/// What a line inside a broken document begins with is no new document, whatever it looks like.
#[test]
fn the_inside_of_a_broken_document_is_no_document() {
    let inner = records([root(7)]);
    let nested = |spaces: &str| {
        user(2).replace(
            r#""requestParameters":null"#,
            &format!(r#""requestParameters":{spaces}{{"a":1,{spaces}"b":{spaces}{inner}}}"#),
        )
    };
    for spaces in ["\n", "\n  ", " "] {
        for (name, text) in [
            ("pretty", format!("{{\"Records\":[\n{},\n{},\n{}", root(1), nested(spaces), &root(3)[..50])),
            (
                "cut inside",
                format!("{{\"Records\":[\n{},\n{}", root(1), &nested(spaces)[..nested(spaces).len() - 100]),
            ),
            ("one line", format!("{{\"Records\":[{},{},{}", root(1), nested(spaces), &root(3)[..50])),
            ("a word", format!("{{\"Records\":[{},nil,\n{}]}}", root(1), nested(spaces))),
            ("no indent", format!("{{\n\"Records\":[\n{},nil,\n{}]}}", root(1), nested(spaces))),
        ] {
            let scan = object("log.json", text);
            assert_eq!((scan.code, scan.objects(), scan.ids()), (3, FAILED, vec![&*id(1)]), "{name}");
        }
    }
}

#[test]
fn a_document_that_breaks_in_an_array_has_its_place() {
    let broken = format!(r#"[{{"Records":[{},{} x]}},{{"Records":[{}]}}]"#, root(1), root(2), root(3));
    let scan = object("log.json", &broken);
    assert_eq!((scan.code, scan.objects(), scan.kinds()), (3, FAILED, vec!["invalid_json"]));
    assert_eq!(indices(&scan), [0, 1, 2]);
    let place = format!("at byte {} of", broken.find('x').unwrap());
    assert!(scan.errors[0]["message"].as_str().unwrap().contains(&place), "{}", scan.errors[0]);
}

#[test]
fn json_without_events_is_skipped_and_counted() {
    for text in ["{}", "null", "7", "{\"a\":[1]}", "{\"Records \":[]}", "\"text\"", "[1]"] {
        let scan = object("other.json", text);
        if text == "[1]" {
            assert_eq!((scan.code, scan.kinds()), (3, vec!["malformed_record"]));
        } else {
            assert_eq!((scan.code, scan.objects()), (5, SKIPPED), "{text}");
        }
    }
}

#[test]
fn other_kinds_of_keys_are_skipped_without_being_read() {
    let folder = Folder::new();
    let broken = b"not a log";
    for (n, kind) in
        ["CloudTrail-Digest", "CloudTrail-Insight", "CloudTrail-Aggregated", "Config", "vpcflowlogs"]
            .into_iter()
            .enumerate()
    {
        folder.put(key(kind, "us-east-1", 3, n as u32), broken);
    }
    folder.put("AWSLogs/111122223333/elasticloadbalancing/us-east-1/2026/02/03/x.log.gz", broken);
    folder.put("notes.txt", broken);
    folder.put(key("CloudTrail", "us-east-1", 3, 1), gzip(records([root(1)])));
    folder.put(key("CloudTrail-NetworkActivity", "us-east-1", 3, 1), gzip(records([root(2)])));
    let scan = scan([folder.path()]);
    assert_eq!((scan.code, scan.objects()), (0, [7, 2, 0]));
    assert_eq!(scan.ids(), [id(2), id(1)], "`CloudTrail-…/` comes before `CloudTrail/`");
    for words in ["1 digest", "1 insight", "1 aggregated", "3 other service", "1 other name"] {
        assert!(scan.stderr.contains(words), "{words} in {}", scan.stderr);
    }
    // A flipped byte must not hide a log.
    let other = object(&key("CloudTrail", "us-east-1", 3, 1), broken);
    assert_eq!((other.code, other.kinds()), (3, vec!["invalid_json"]));
    let bare = key("CloudTrail", "us-east-1", 3, 1);
    let other = object(bare.trim_end_matches(".json.gz"), b"");
    assert_eq!((other.code, other.kinds()), (3, vec!["empty"]));
}

#[test]
fn a_file_that_is_named_is_read_whatever_its_name() {
    let folder = Folder::new();
    for name in ["notes.txt", "no-extension", "111122223333_CloudTrail-Digest_us-east-1_x.json.gz"] {
        let scan = scan([folder.put(name, records([root(1)]))]);
        assert_eq!((scan.code, scan.findings.len()), (0, 1), "{name}");
        let scan = crate::support::cli::scan([folder.put(name, "no log")]);
        assert_eq!((scan.code, scan.kinds()), (3, vec!["invalid_json"]), "{name}");
    }
}

#[test]
fn standard_input_takes_every_shape() {
    for bytes in [records([root(1)]).into_bytes(), gzip(records([root(1)])), format!("{}\n", root(1)).into()]
    {
        let scan = scan_with(crate::support::cli::command(), ["-"], &bytes);
        assert_eq!((scan.code, scan.each("/evidence/uri")), (0, vec![&json!("-")]));
    }
    let nothing = scan_with(crate::support::cli::command(), ["-"], b"");
    assert_eq!((nothing.code, nothing.kinds()), (3, vec!["empty"]));
}

/// What parts two members says nothing of them, and a name above 64 KiB is a name.
#[test]
fn members_begin_anywhere() {
    let named = |name: usize, text: String| {
        let mut header = vec![0x1f, 0x8b, 8, 8 | 16, 0, 0, 0, 0, 0, 0xff];
        header.extend([&vec![b'n'; name][..], b"\0", &vec![b'c'; name], b"\0"].concat());
        [&header[..], &gzip(text)[10..]].concat()
    };
    let long = named(70_000, records([root(1)]));
    let sound = object("log.json.gz", &long);
    assert_eq!((sound.code, sound.findings.len()), (0, 1), "{}", sound.stderr);
    let two = [long, gzip(records([root(2)])), named(3, records([root(3)])), vec![0; 9]].concat();
    let sound = object("log.json.gz", &two);
    assert_eq!((sound.code, indices(&sound)), (0, vec![0, 1, 2]), "{}", sound.stderr);

    // Beyond what is read as a whole, the first byte of the second member ends a buffer.
    let buffer = 256 << 10;
    let stored = uncompressed(format!("{}{}", records([root(1)]), " ".repeat(25 << 20)));
    let empty = named(0, String::new());
    let missing = 2 * buffer - 1 - (stored.len() + empty.len()) % buffer;
    let first = [&empty[..10], &vec![b'n'; missing], &empty[10..], &stored].concat();
    assert_eq!(first.len() % buffer, buffer - 1);
    let folder = Folder::new();
    folder.put("log.json.gz", [first, gzip(records([root(2)]))].concat());
    let sound = scan([folder.path()]);
    assert_eq!((sound.code, sound.findings.len()), (0, 2), "{}", sound.stderr);
}
