//! Whatever the bytes: they are a digest, a list of keys, a name, or an error, and nothing panics.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use roottrail::key::days::TimeRange;
use roottrail::verify::digest::Digest;
use roottrail::verify::keys::PublicKeys;
use roottrail::verify::place::{DigestName, aws_part, delivered};
use roottrail::verify::{DigestFile, LogObject, Verifier};

/// A digest's place, so that one that names it goes all the way.
const URI: &str = "AWSLogs/111122223333/CloudTrail-Digest/us-east-1/2024/05/01/111122223333_CloudTrail-Digest_us-east-1_t_us-east-1_20240501T010000Z.json.gz";

fuzz_target!(|data: &[u8]| {
    let _digest = Digest::parse(data);
    let mut keys = PublicKeys::default();
    let _count = keys.add_list(data);
    let _page = keys.add_page(data);
    if let Ok(text) = std::str::from_utf8(data) {
        let _name = DigestName::parse(text);
        let _place = (aws_part(text), delivered(text));
        let _check = keys.check("f", None, data, text);
    }
    let now = jiff::Timestamp::UNIX_EPOCH;
    let mut verifier = Verifier::new(Box::new(Arc::new(keys)), TimeRange::default(), Default::default(), now, true);
    let file = DigestFile { uri: URI, contents: data, signature: Some("00"), generated: None };
    for _ in 0..2 {
        verifier.digest(&file).unwrap();
    }
    verifier.digests_done().unwrap();
    let log = LogObject { uri: "x", key: None, hash: Some([0; 32]), trailing: false };
    let _verdict = verifier.log(&log).unwrap();
    let account = verifier.finish(true).unwrap();
    account.problems.each(|line| Ok(drop(serde_json::from_str::<serde_json::Value>(line)?))).unwrap();
});
