//! Whatever the bytes: the fast ways agree with the slow one, in one piece and in windows, and nothing panics.
#![no_main]

use libfuzzer_sys::fuzz_target;
use roottrail::records::cursor::{Break, Chunks, Cursor};
use roottrail::records::document::{Element, Elements, walk};
use roottrail::records::kernel;

/// An element's index, text, whether it is a candidate, and its time.
type Seen = (u64, Vec<u8>, bool, Option<Vec<u8>>);

/// Everything that a walk tells of an object.
#[derive(Clone, Debug, Default, PartialEq)]
struct Told(Vec<Seen>, Vec<u64>);

impl Elements for Told {
    fn element(&mut self, element: Element<'_>) {
        let time = element.time.map(<[u8]>::to_vec);
        self.0.push((element.index, element.text.to_vec(), element.candidate, time));
    }

    fn malformed(&mut self, index: u64, _what: &'static str) {
        self.1.push(index);
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

fuzz_target!(|input: (u8, &[u8])| {
    let (size, text) = input;
    let mut expected = None;
    for (name, kernel) in kernel::all() {
        let mut whole = Told::default();
        let walked = walk(&mut Cursor::whole(text).with_kernel(kernel), &mut whole);
        let mut windows = Told::default();
        let mut source = Windows(text, usize::from(size) + 1);
        let again = walk(&mut Cursor::windows(&mut source).with_kernel(kernel), &mut windows);
        assert_eq!(whole, windows, "{name} in windows of {}", usize::from(size) + 1);
        assert_eq!(
            (walked.events, walked.any, &walked.fault, &walked.further),
            (again.events, again.any, &again.fault, &again.further),
            "{name}"
        );
        let told = (whole, walked.events, walked.any, walked.fault, walked.further);
        assert_eq!(expected.get_or_insert_with(|| told.clone()), &told, "{name}");
    }
});
