//! The options of a scan.

use std::num::NonZeroUsize;

use crate::cancel::Cancel;

/// The options of a scan.
#[derive(Clone, Debug)]
pub struct ScanOptions {
    /// Bytes that one object may inflate to.
    pub max_object_size: u64,
    /// Whether objects are hashed as they are stored.
    pub sha256: bool,
    /// The job: what is done with an object.
    pub job: Job,
    /// Worker threads. More than one lets a large object inflate and be judged at the same time.
    pub threads: usize,
    /// The flag that stops the run.
    pub cancel: Cancel,
}

/// The job of a worker on an object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Job {
    /// The records are judged.
    #[default]
    Scan,
    /// The records are judged, and the inflated bytes are hashed.
    ScanAndHash,
    /// The inflated bytes are hashed, and nothing else.
    Hash,
    /// The object is a digest file, whose inflated bytes are handed over.
    Digest,
}

impl Default for ScanOptions {
    /// Returns the options of the command without arguments: 2 GiB an object, a thread for each core, no
    /// hashes.
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self { max_object_size: 2 << 30, sha256: false, job: Job::Scan, threads, cancel: Cancel::new() }
    }
}
