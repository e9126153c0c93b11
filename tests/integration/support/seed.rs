//! Seeds of the tests that choose at random.

use std::io::Write as _;

/// Another one for each run, unless `ROOTTRAIL_SEED` names it. Written past the harness, which shows what a test
/// prints only where it fails.
pub(crate) fn seed(test: &str) -> u64 {
    let named =
        std::env::var("ROOTTRAIL_SEED").ok().map(|seed| seed.parse().expect("ROOTTRAIL_SEED, a number"));
    let clock = || std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
    // Zero would stay zero for ever.
    let seed = named.unwrap_or_else(|| clock() % 1_000_000).max(1);
    std::io::stderr().write_all(format!("{test}: ROOTTRAIL_SEED={seed}\n").as_bytes()).unwrap();
    seed
}
