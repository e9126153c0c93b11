//! The library that makes a disk fail, or ends the program, at one of its calls: `faulty_disk.c`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Its path; it is compiled on the spot.
pub(crate) fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let place = Path::new(env!("CARGO_TARGET_TMPDIR"));
        // Other runs of the tests may compile it at the same time.
        let partial = place.join(format!("faulty_disk.{}.so", std::process::id()));
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/integration/support/faulty_disk.c");
        let mut cc = Command::new("cc");
        let done = cc.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&partial).args([source, "-ldl"]).status();
        assert!(done.expect("a C compiler, cc").success());
        let library = place.join("faulty_disk.so");
        fs::rename(partial, &library).unwrap();
        library
    })
}
