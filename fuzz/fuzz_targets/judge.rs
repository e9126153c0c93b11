//! Whatever an event says: what the search for candidates passes over, the full table does not find to be root's.
#![no_main]

use libfuzzer_sys::fuzz_target;
use roottrail::detect::Place;
use roottrail::detect::element::{ElementScratch, examine};
use roottrail::json::minify::Repairs;
use roottrail::object::ObjectRef;
use roottrail::records::cursor::Cursor;
use roottrail::records::document::walk;
use roottrail_fuzz::Told;

/// What events are made of, and what hides it. A byte of the input names one.
const PARTS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    " ",
    "\n",
    "null",
    "true",
    "1",
    "\\",
    "\\u0052",
    "\\u006F",
    "\\u0074",
    "root",
    "Root",
    "ROOT",
    "r",
    "R",
    "oot",
    "rOOT",
    "\"Root\"",
    "\"root\"",
    "\"IAMUser\"",
    "\"Unknown\"",
    "\"eventVersion\":\"1.08\",",
    "\"userIdentity\":",
    "\"userIdentity\":{",
    "\"userIdentity\":null,",
    "\"type\":",
    "\"type\":\"Root\"",
    "\"type\":\"root\"",
    "\"type\":\"IAMUser\"",
    "\"type\":\"AssumedRole\"",
    "\"t\\u0079pe\":\"R\\u006fot\"",
    "\"ty\\u0070e\":\"\\u0052oot\"",
    "\"us\\u0065rIdentity\":",
    "\"arn\":\"arn:aws:iam::111122223333:root\"",
    "\"arn\":\"arn:aws:iam::111122223333:user/a\"",
    "\"arn\":\"arn:aws-cn:iam::111122223333:\\u0072oot\"",
    "\"arn\":\"arn:aws:sts::111122223333:assumed-root\"",
    "\"principalId\":\"111122223333\"",
    "\"accountId\":\"111122223333\"",
    "\"userName\":\"root\"",
    "\"sessionContext\":{",
    "\"sessionIssuer\":{",
    "\"attributes\":{",
    "\"assumedRoot\":\"true\"",
    "\"invokedBy\":\"AWS Internal\"",
    "\"eventName\":\"AssumeRoot\"",
    "\"eventName\":\"ConsoleLogin\"",
    "\"eventName\":\"PasswordRecoveryRequested\"",
    "\"eventName\":\"GetSessionToken\"",
    "\"eventSource\":\"sts.amazonaws.com\"",
    "\"eventSource\":\"signin.amazonaws.com\"",
    "\"eventType\":\"AwsConsoleSignIn\"",
    "\"eventType\":\"AwsServiceEvent\"",
    "\"errorMessage\":\"No username found in supplied account\"",
    "\"additionalEventData\":{",
    "\"requestParameters\":{",
    "\"responseElements\":{",
    "\"targetPrincipal\":\"111122223333\"",
    "\"eventTime\":\"2026-01-01T00:00:00Z\"",
    "\"eventID\":\"e\"",
    "\"recipientAccountId\":\"111122223333\"",
    "\"addendum\":{",
    "\"serviceEventDetails\":{",
    "\"detail\":{",
    "\"CloudTrailEvent\":\"",
    "\"x\":",
    "\"\":",
];

fuzz_target!(|input: (bool, bool, &[u8])| {
    let (parts, wrapped, bytes) = input;
    let mut text = Vec::new();
    if wrapped {
        text.extend_from_slice(b"{\"Records\":[{\"eventVersion\":\"1.08\",");
    }
    for byte in bytes {
        match PARTS.get(usize::from(*byte)).filter(|_| parts) {
            Some(part) => text.extend_from_slice(part.as_bytes()),
            None => text.push(*byte),
        }
    }
    if wrapped {
        // What is open is closed, so that few texts are no JSON.
        let (mut open, mut quoted, mut escaped) = (Vec::new(), false, false);
        for byte in &text {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                b'{' if !quoted => open.push(b'}'),
                b'[' if !quoted => open.push(b']'),
                b'}' | b']' if !quoted => drop(open.pop()),
                _ => {}
            }
        }
        text.extend(quoted.then_some(b'"'));
        text.extend(open.iter().rev());
    }
    let mut told = Told::default();
    walk(&mut Cursor::whole(&text), &mut told);
    let object = ObjectRef::default();
    let mut scratch = ElementScratch::default();
    for (index, text, candidate, ..) in told.0 {
        let place = Place { object: &object, record_index: index };
        // What is no JSON is nobody's: the docs say that it is not diagnosed where it is no candidate.
        let Ok(examined) = examine(&text, Repairs::default(), &place, &mut scratch) else { continue };
        assert!(candidate || examined.judged.is_none(), "passed over: {}", String::from_utf8_lossy(&text));
    }
});
