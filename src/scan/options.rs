//! How objects are read.

use crate::cancel::Cancel;

/// How objects are read.
#[derive(Clone, Debug)]
pub struct ScanOptions {
    /// What one object may inflate to, in bytes.
    pub max_object_size: u64,
    /// Whether objects are hashed as they are stored.
    pub sha256: bool,
    /// Worker threads. More than one lets a large object inflate and be judged at the same time.
    pub threads: usize,
    /// Set when the run is to stop.
    pub cancel: Cancel,
}
