//! Whatever the text: our check of the grammar accepts what serde_json accepts, what it gives out is stable, and
//! both ways to a tree give the same one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use roottrail::json::canonical::fingerprint;
use roottrail::json::minify::minify;
use roottrail::json::parse::{Scratch, parse, parse_plain};
use serde_json::value::RawValue;

fuzz_target!(|text: &[u8]| {
    let mut record = String::new();
    let repairs = minify(text, &mut record);
    // serde_json stops at 128 levels, and has no limit of its own for a raw value's numbers.
    let theirs = serde_json::from_slice::<&RawValue>(text);
    let Ok(repairs) = repairs else {
        assert!(theirs.is_err(), "refused: {repairs:?}");
        return;
    };
    if !repairs.any() {
        let deep = theirs.as_ref().is_err_and(|error| error.to_string().starts_with("recursion limit"));
        assert!(theirs.is_ok() || deep, "accepted: {theirs:?}");
    }
    let mut again = String::new();
    let repairs = minify(record.as_bytes(), &mut again).expect("a minified text is JSON");
    assert!(!repairs.any() && again == record, "minified twice");
    let mut scratch = Scratch::default();
    let (fast, plain) = (parse(&record, &mut scratch), parse_plain(&record));
    assert_eq!(fast, plain);
    assert_eq!(fingerprint(&fast, &record), fingerprint(&plain, &record));
});
