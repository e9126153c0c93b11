//! However an object's bytes come, and whichever way the CPU allows, a walk tells the same of it.

use proptest::prelude::*;
use roottrail::records::cursor::{Break, Chunks, Cursor};
use roottrail::records::document::{Element, Elements, walk};
use roottrail::records::kernel;

/// An element's index, text, whether it is a candidate, and its time.
type Seen = (u64, Vec<u8>, bool, Option<Vec<u8>>);

#[derive(Clone, Debug, Default, PartialEq)]
struct Walked {
    elements: Vec<Seen>,
    malformed: Vec<u64>,
}

impl Elements for Walked {
    fn element(&mut self, element: Element<'_>) {
        let time = element.time.map(|time| time.to_vec());
        self.elements.push((element.index, element.text.to_vec(), element.candidate, time));
    }

    fn malformed(&mut self, index: u64, _what: &'static str) {
        self.malformed.push(index);
    }
}

struct Windows<'t>(&'t [u8], usize);

impl Chunks for Windows<'_> {
    fn more(&mut self, window: &mut Vec<u8>) -> Result<bool, Break> {
        let (now, later) = self.0.split_at(self.1.min(self.0.len()));
        window.extend_from_slice(now);
        self.0 = later;
        Ok(!now.is_empty())
    }
}

fn check(text: &[u8], size: usize) {
    let mut expected = None;
    for (name, kernel) in kernel::all() {
        let mut whole = Walked::default();
        let walked = walk(&mut Cursor::whole(text).with_kernel(kernel), &mut whole);
        let mut windows = Walked::default();
        let mut source = Windows(text, size);
        let again = walk(&mut Cursor::windows(&mut source).with_kernel(kernel), &mut windows);
        assert_eq!(whole, windows, "{name} in windows of {size}");
        assert_eq!(
            (walked.events, walked.any, &walked.fault, &walked.further),
            (again.events, again.any, &again.fault, &again.further),
            "{name}"
        );
        let walked = (whole, walked.events, walked.any, walked.fault, walked.further);
        assert_eq!(expected.get_or_insert_with(|| walked.clone()), &walked, "{name}");
    }
}

const PIECES: &[&str] = &[
    "{\"Records\":[",
    "\n{\"Records\":[",
    "\n{\"Records\":[{\"eventVersion\":\"1.08\",\"eventName\":\"z\"}]}",
    "\n{\"Events\":[{\"CloudTrailEvent\":\"{}\"}]}",
    "]}",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "\"",
    "\\",
    "\\\"",
    "\n",
    " ",
    "null",
    "1e400",
    "true",
    "{\"eventVersion\":\"1.08\",\"userIdentity\":{\"type\":\"Root\"},\"eventTime\":\"2024-05-01T00:00:00Z\"}",
    "{\"eventName\":\"x\",\"a\":[{\"b\":\"}{\\\\\"}],\"t\":\"\\u0052oot\"}",
    "{\"detail\":{\"eventName\":\"y\"}}",
    "{\"Events\":[{\"CloudTrailEvent\":\"{}\"}]}",
    "\"Records\"",
    "\"detail\":",
    "{}",
    "\u{feff}",
    "é",
    "\"pad\":\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"",
];

proptest! {
    #[test]
    fn any_bytes_are_told_alike(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..24), size in 1_usize..300) {
        check(pieces.concat().as_bytes(), size);
    }

    #[test]
    fn noise_is_told_alike(text: Vec<u8>, size in 1_usize..40) {
        check(&text, size);
    }
}

/// A beginning, and then the same bytes again and again, 150 MiB in all.
struct Long {
    beginning: &'static str,
    again: Vec<u8>,
    left: usize,
    held: usize,
}

impl Chunks for Long {
    fn more(&mut self, window: &mut Vec<u8>) -> Result<bool, Break> {
        window.extend_from_slice(std::mem::take(&mut self.beginning).as_bytes());
        window.extend_from_slice(&self.again);
        self.held = self.held.max(window.len());
        self.left = self.left.saturating_sub(1);
        Ok(self.left > 0)
    }
}

/// What is never done: how it begins, and how it goes on.
const ENDLESS: [(&str, &str); 7] = [
    ("{\"a\":[1", ",1"),
    ("{\"Records\":[{\"a\":\"", "b"),
    ("{", " "),
    ("\"", "\\\""),
    ("{\"Records\":[{}],\"z\":{\"a\":[1", ",1"),
    ("{\"Records\":[{}],\"z\"", "\n"),
    ("[{\"Records\":[{\"a\":", "[1,"),
];

#[test]
#[ignore = "takes long: .ci/checks/45-kills"]
fn what_goes_on_and_on_does_not_fill_the_memory() {
    for (beginning, again) in ENDLESS {
        let again = again.as_bytes().repeat((1 << 20) / again.len());
        let mut source = Long { beginning, again, left: 150, held: 0 };
        let mut cursor = Cursor::windows(&mut source);
        let walked = walk(&mut cursor, &mut Walked::default());
        let what = cursor.take_break().map(|broken| broken.cause.to_string());
        let what = what.or(walked.fault.map(|fault| fault.to_string())).unwrap_or_default();
        assert!(what.starts_with("a single value of more than 64 MiB"), "{beginning:?}: {what}");
        assert!(source.held < 80 << 20, "{beginning:?} took {} bytes", source.held);
    }
}
