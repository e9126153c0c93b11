//! How objects are read.

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
