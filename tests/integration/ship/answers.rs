//! Answers that do not say of each document that it was taken: none of them is a delivery.

use super::*;

/// Answers to three documents.
const ELASTIC: &[(&str, &str)] = &[
    ("no body", ""),
    ("an empty object", "{}"),
    ("no items", r#"{"errors":false}"#),
    ("an empty list", r#"{"errors":false,"items":[]}"#),
    ("null in place of the list", r#"{"errors":false,"items":null}"#),
    ("one too few", r#"{"errors":false,"items":[{"create":{"status":201}},{"create":{"status":201}}]}"#),
    (
        "one too many",
        r#"{"errors":false,"items":[{"create":{"status":201}},{"create":{"status":201}},{"create":{"status":201}},{"create":{"status":201}}]}"#,
    ),
    (
        "one without a status",
        r#"{"errors":false,"items":[{"create":{"status":201}},{"create":{}},{"create":{"status":201}}]}"#,
    ),
    (
        "a status that is a text",
        r#"{"errors":false,"items":[{"create":{"status":201}},{"create":{"status":"201"}},{"create":{"status":201}}]}"#,
    ),
    (
        "a status that is none",
        r#"{"errors":true,"items":[{"create":{"status":201}},{"create":{"status":0}},{"create":{"status":201}}]}"#,
    ),
    (
        "an action that nobody asked for",
        r#"{"errors":false,"items":[{"create":{"status":201}},{"delete":{"status":200}},{"create":{"status":201}}]}"#,
    ),
    (
        "an error, and errors is false",
        r#"{"errors":false,"items":[{"create":{"status":201}},{"create":{"status":503,"error":{"type":"x"}}},{"create":{"status":201}}]}"#,
    ),
    (
        "no error, and errors is true",
        r#"{"errors":true,"items":[{"create":{"status":201}},{"create":{"status":201}},{"create":{"status":201}}]}"#,
    ),
    (
        "taken, with an error",
        r#"{"errors":false,"items":[{"create":{"status":201}},{"create":{"status":201,"error":{"type":"x"}}},{"create":{"status":201}}]}"#,
    ),
    (
        "nothing of errors",
        r#"{"items":[{"create":{"status":201}},{"create":{"status":201}},{"create":{"status":201}}]}"#,
    ),
    (
        "cut in its last brace",
        r#"{"errors":false,"items":[{"create":{"status":201}},{"create":{"status":201}},{"create":{"status":201}}]"#,
    ),
    (
        "something behind its end",
        r#"{"errors":false,"items":[{"create":{"status":201}},{"create":{"status":201}},{"create":{"status":201}}]}{}"#,
    ),
    ("an answer of Splunk", r#"{"text":"Success","code":0}"#),
];

const SPLUNK: &[(&str, &str)] = &[
    ("no body", ""),
    ("an empty object", "{}"),
    ("a text alone", r#"{"text":"Success"}"#),
    ("null for the code", r#"{"text":"Success","code":null}"#),
    ("a code that is a text", r#"{"text":"Success","code":"0"}"#),
    ("a code below zero", r#"{"text":"Success","code":-1}"#),
    ("a code that is no success", r#"{"text":"Server is busy","code":9}"#),
    ("a code that nobody knows", r#"{"text":"Success","code":26}"#),
    ("two codes", r#"{"text":"Success","code":9,"code":0}"#),
    ("cut", r#"{"text":"Success","code":0"#),
    ("something behind its end", r#"{"text":"Success","code":0}{"code":9}"#),
    ("an acknowledgement number that is none", r#"{"text":"Success","code":0,"ackId":"x"}"#),
    ("an answer of Elasticsearch", r#"{"errors":false,"items":[]}"#),
];

/// Sends three documents: nothing counts as delivered, nothing is thrown away, and the next run brings all.
fn is_no_delivery(peer: Peer, name: &str, fault: Fault) {
    let bench = Bench::new(3);
    let server = Server::start(peer, TOKEN, &[fault], false);
    let mut options = bench.options(&server, peer);
    options.timing.give_up = Duration::ZERO;
    let result = deliver(&options);
    assert!(matches!(result, Err(ShipError::GaveUp { .. })), "{peer:?}, {name}: {result:?}");
    assert!(!bench.path("cursor").exists(), "{peer:?}, {name}");
    assert!(bench.dead_letters().is_empty(), "{peer:?}, {name}");
    let after = deliver(&bench.options(&server, peer)).unwrap();
    assert_eq!((after.settled_before, after.findings), (0, 3), "{peer:?}, {name}");
    bench.check_complete(&server, peer);
}

#[test]
fn an_answer_that_does_not_speak_of_each_document_is_no_delivery() {
    for peer in [Peer::Elastic, Peer::OpenSearch] {
        for (name, text) in ELASTIC {
            is_no_delivery(peer, name, Fault::Says(text));
        }
    }
    for (name, text) in SPLUNK {
        is_no_delivery(Peer::Splunk, name, Fault::Says(text));
    }
}

/// 64 MiB of an answer are read, whatever the time limit.
#[test]
fn an_answer_without_end_is_no_delivery() {
    for peer in [Peer::Elastic, Peer::Splunk] {
        is_no_delivery(peer, "endless", Fault::Endless);
    }
}

/// The queues fill up, but the events were taken: to send them again would double them.
#[test]
fn codes_24_and_25_are_deliveries() {
    for text in
        [r#"{"text":"Queue is nearly full","code":24}"#, r#"{"text":"Acks are nearly full","code":25}"#]
    {
        let bench = Bench::new(3);
        let server = Server::start(Peer::Splunk, TOKEN, &[Fault::Says(text)], false);
        let summary = deliver(&bench.options(&server, Peer::Splunk)).unwrap();
        assert_eq!((summary.delivered, summary.requests, summary.resent), (6, 1, 0), "{text}");
    }
}

/// What is said of a number that two batches have may be meant for either of them.
#[test]
fn a_number_that_two_batches_have_confirms_neither_second() {
    let bench = Bench::new(200);
    let faults = [Fault::OneNumber; 3];
    let server = Server::start(Peer::Splunk, TOKEN, &faults, true);
    let summary = deliver(&bench.options(&server, Peer::Splunk)).unwrap();
    assert!(summary.resent > 0, "{summary:?}");
    bench.check_complete(&server, Peer::Splunk);
}

/// Acknowledgements that nobody asked for neither settle a batch nor keep a run for ever.
#[test]
fn acknowledgements_of_others_are_no_progress() {
    let bench = Bench::new(3);
    let server = Server::start(Peer::Splunk, TOKEN, &[Fault::AcksOfOthers], true);
    let mut options = bench.options(&server, Peer::Splunk);
    options.timing.give_up = Duration::from_millis(200);
    let result = deliver(&options);
    assert!(matches!(result, Err(ShipError::GaveUp { .. })), "{result:?}");
    assert!(!bench.path("cursor").exists());
}
