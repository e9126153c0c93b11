//! The reader of findings, which `ship`, `report` and `posture` share, against the lines as they are split in memory:
//! however the input is cut and interrupted, every line comes once, in order, and each is of some kind.
#![no_main]

use libfuzzer_sys::fuzz_target;
use roottrail::findings::{FindingLines, LineKind, kind_of};
use roottrail_fuzz::Cuts;

fuzz_target!(|input: (u64, u8, &[u8])| {
    let (seed, longest, bytes) = input;
    let mut lines = FindingLines::new(Cuts::new(bytes, usize::from(longest) + 1, seed), 0);
    let (mut text, mut came) = (Vec::new(), Vec::new());
    while lines.next_into(&mut text).unwrap() > 0 {
        came.push(std::mem::take(&mut text));
    }
    let expected: Vec<&[u8]> = bytes.split_inclusive(|&byte| byte == b'\n').collect();
    assert_eq!(came, expected);
    assert_eq!(lines.offset(), bytes.len() as u64);
    for line in expected {
        // Only the beginning of a line decides, so that a finding that is cut is called one.
        let finding: Option<serde_json::Value> = serde_json::from_slice(line).ok();
        let schema = finding.as_ref().and_then(|finding| finding["schema"].as_str());
        if matches!(kind_of(line), LineKind::Beside) {
            assert_ne!(schema, Some("roottrail.finding/1"));
        }
    }
});
