//! Whatever a server answers to a batch: a finding is delivered only where the answer says so of that finding.
#![no_main]

use libfuzzer_sys::fuzz_target;
use roottrail::ship::fuzzing::answer;

// A status of two bytes, a count of one, and the body.
fuzz_target!(|data: &[u8]| {
    let [high, low, count, body @ ..] = data else { return };
    answer(u16::from_be_bytes([*high, *low]), body, usize::from(count % 8));
});
