//! The name and place of one stored object.

use crate::key::KeyInfo;

/// One object of a listing, as everything downstream names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectRef {
    /// `s3://bucket/key`, or the path on disk, percent-encoded where it is not UTF-8; `-` for standard input.
    pub uri: String,
    /// Stored (compressed) bytes, 0 where not known.
    pub size: u64,
    /// The ETag without its quotes; S3 only.
    pub etag: Option<String>,
    /// The version; versioned S3 listings only.
    pub version_id: Option<String>,
    /// What the key tells: account, region, day. `None` outside the CloudTrail layout.
    pub key: Option<KeyInfo>,
}
