//! What a scan of the sample logs writes, in every format: `tests/integration/golden/sample-logs`.
//!
//! `BLESS=1 cargo test --test integration golden_scan` rewrites the files; read the difference before
//! committing it: it is what users see, and a change of it belongs in the changelog.

use std::fs;
use std::path::Path;

use crate::support::cli::command;

#[test]
fn every_format_of_the_sample_logs_is_as_it_was() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join("tests/integration/golden/sample-logs");
    for format in ["ndjson", "ecs", "ocsf", "hec", "bulk", "csv"] {
        let done =
            command().current_dir(root).args(["scan", "sample-logs", "-q", "-f", format]).output().unwrap();
        assert!(done.status.success(), "{format}: {}", String::from_utf8_lossy(&done.stderr));
        let file = folder.join(format);
        if std::env::var_os("BLESS").is_some() {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&file, &done.stdout).unwrap();
        }
        let expected = fs::read(&file).unwrap();
        let lines = |bytes: &[u8]| bytes.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>();
        for (n, (ours, golden)) in lines(&done.stdout).iter().zip(&lines(&expected)).enumerate() {
            assert_eq!(
                String::from_utf8_lossy(ours),
                String::from_utf8_lossy(golden),
                "{format}, line {}",
                n + 1
            );
        }
        assert_eq!(done.stdout.len(), expected.len(), "{format}");
    }
}
