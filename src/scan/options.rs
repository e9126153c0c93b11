//! How objects are read.

use std::num::NonZeroUsize;

use crate::cancel::Cancel;

/// How objects are read.
#[derive(Clone, Debug)]
pub struct ScanOptions {
    /// What one object may inflate to, in bytes.
    pub max_object_size: u64,
    /// Whether objects are hashed as they are stored.
    pub sha256: bool,
    /// What is done with an object.
    pub job: Job,
    /// Worker threads. More than one lets a large object inflate and be judged at the same time.
    pub threads: usize,
    /// Set when the run is to stop.
    pub cancel: Cancel,
}

/// What is done with an object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Job {
    /// Its records are judged.
    #[default]
    Scan,
    /// Its records are judged, and its inflated bytes are hashed.
    ScanAndHash,
    /// Its inflated bytes are hashed, and nothing else.
    Hash,
    /// Its inflated bytes are handed over: it is a digest file.
    Digest,
}

impl Default for ScanOptions {
    /// What the command does without options: 2 GiB an object, a thread for each core, no hashes.
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self { max_object_size: 2 << 30, sha256: false, job: Job::Scan, threads, cancel: Cancel::new() }
    }
}
