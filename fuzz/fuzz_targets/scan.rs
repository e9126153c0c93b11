//! Whatever the bytes: the fast ways agree with the slow one, in one piece and in windows that end anywhere, and
//! nothing panics.
#![no_main]

use libfuzzer_sys::fuzz_target;
use roottrail::records::cursor::{Break, Chunks, Cursor};
use roottrail::records::document::walk;
use roottrail::records::kernel;
use roottrail_fuzz::{Numbers, Told, told_by};

/// Windows of random sizes, up to the longest. 1: byte by byte.
struct Windows<'t>(&'t [u8], usize, Numbers);

impl Chunks for Windows<'_> {
    fn more(&mut self, window: &mut Vec<u8>) -> Result<bool, Break> {
        let (now, later) = self.0.split_at((1 + self.2.below(self.1)).min(self.0.len()));
        window.extend_from_slice(now);
        self.0 = later;
        Ok(!now.is_empty())
    }
}

fuzz_target!(|input: (u8, u64, &[u8])| {
    let (longest, seed, text) = input;
    let mut expected = None;
    for (name, kernel) in kernel::all() {
        let mut whole = Told::default();
        let walked = told_by(&walk(&mut Cursor::whole(text).with_kernel(kernel), &mut whole));
        for longest in [1, usize::from(longest) + 1] {
            let mut windows = Told::default();
            let mut source = Windows(text, longest, Numbers::new(seed));
            let again = walk(&mut Cursor::windows(&mut source).with_kernel(kernel), &mut windows);
            assert_eq!(whole, windows, "{name} in windows of up to {longest}");
            assert_eq!(walked, told_by(&again), "{name} in windows of up to {longest}");
        }
        let told = (whole, walked);
        assert_eq!(expected.get_or_insert_with(|| told.clone()), &told, "{name}");
    }
});
