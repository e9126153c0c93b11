//! A manifest, and rows by the columns that it names, behind a line of two hashes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use roottrail::source::s3::fuzz_inventory;

const BREAK: &[u8] = b"\n##\n";

fuzz_target!(|data: &[u8]| {
    let at = data.windows(BREAK.len()).position(|window| window == BREAK);
    let (manifest, rows) = at.map_or((data, &[][..]), |at| (&data[..at], &data[at + BREAK.len()..]));
    fuzz_inventory(manifest, rows);
});
