//! Whatever is stored: the way of a whole object and the way of a stream, however the stream is cut and interrupted,
//! tell of the same events and the same faults.
#![no_main]

use std::io::Write as _;

use flate2::{Compression, GzBuilder};
use libfuzzer_sys::fuzz_target;
use roottrail::cancel::Cancel;
use roottrail::inflate::{Buffers, inflate_bytes, inflate_stream};
use roottrail::records::cursor::Cursor;
use roottrail::records::document::walk;
use roottrail_fuzz::{Cuts, Numbers, Told, told_by};

/// No object may inflate beyond this.
const LIMIT: u64 = 4 << 20;

/// Members with these texts, with headers of all kinds and what may stand between and behind them; then a cut or a
/// damaged byte.
fn stored(how: u8, seed: u64, texts: &[u8]) -> Vec<u8> {
    let mut numbers = Numbers::new(seed);
    let mut stored = Vec::new();
    for text in texts.split(|byte| *byte == 0xff) {
        let mut header = GzBuilder::new();
        if how & 1 != 0 {
            // Longer than a buffer, now and then.
            header = header.filename(vec![b'n'; 1 << numbers.below(18)]);
        }
        if how & 2 != 0 {
            header = header.comment(vec![b'c'; 1 << numbers.below(18)]).extra(vec![7; numbers.below(300)]);
        }
        let mut member = header.write(Vec::new(), Compression::new(numbers.below(3) as u32));
        member.write_all(text).unwrap();
        stored.extend(member.finish().unwrap());
        if how & 4 != 0 {
            stored.extend(vec![0; numbers.below(70)]);
        }
    }
    if how & 8 != 0 {
        stored.truncate(numbers.below(stored.len() + 1));
    }
    if how & 16 != 0 && !stored.is_empty() {
        let at = numbers.below(stored.len());
        stored[at] ^= 1 << numbers.below(8);
    }
    stored
}

/// What a walk told, what it returned, and what broke it off.
fn read(cursor: &mut Cursor<'_>) -> (Told, String, Option<String>) {
    let mut told = Told::default();
    let walked = told_by(&walk(cursor, &mut told));
    (told, walked, cursor.take_break().map(|broken| format!("{broken:?}")))
}

fuzz_target!(|input: (u8, u64, &[u8])| {
    let (how, seed, bytes) = input;
    let stored = if how & 32 != 0 { bytes.to_vec() } else { stored(how, seed, bytes) };
    let cancel = Cancel::new();
    let (expected, size) = inflate_bytes(&stored, LIMIT, false, &cancel, &mut Buffers::default(), read);
    let expected = (expected.map_err(|broken| format!("{broken:?}")), size.bytes);
    for longest in [1, 1 + usize::from(how >> 4), 70_000] {
        // A name of 128 KiB is not read byte by byte for ever.
        if longest == 1 && stored.len() > 20_000 {
            continue;
        }
        let (told, size) = inflate_stream(Cuts::new(&stored, longest, seed), LIMIT, false, &cancel, read);
        let told = (told.map_err(|broken| format!("{broken:?}")), size.bytes);
        assert_eq!(expected, told, "in pieces of up to {longest}");
    }
});
