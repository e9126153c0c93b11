//! A checkpoint whose state was changed, with a checksum that fits: it is read or refused, and what is read can begin a
//! run.
#![no_main]

use libfuzzer_sys::fuzz_target;
use roottrail::checkpoint::{Checkpoint, Description};
use sha2::{Digest as _, Sha256};

fuzz_target!(|state: &[u8]| {
    let sum: String = Sha256::digest(state).iter().map(|byte| format!("{byte:02x}")).collect();
    let mut file = format!(r#"{{"format":"roottrail.checkpoint/2","sha256":"{sum}","state":"#).into_bytes();
    file.extend_from_slice(state);
    file.push(b'}');
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    std::fs::write(&path, file).unwrap();
    let Ok(mut checkpoint) = Checkpoint::open(&path, true, false) else { return };
    let now = jiff::Timestamp::UNIX_EPOCH;
    let (_started, _arguments) = (checkpoint.started(), checkpoint.arguments().len());
    let _begun = checkpoint.begin(&Description::default(), now);
    let _history = checkpoint.history();
});
