//! The name and place of one stored object.

use std::sync::Arc;

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
    /// Account, region and day of the key; `None` outside the CloudTrail layout.
    pub key: Option<Arc<KeyInfo>>,
    /// Whether the name leaves open if the object is a log; the first bytes decide then.
    pub unsure: bool,
    /// When it was last written to, in milliseconds since 1970, where the listing says so.
    pub modified: Option<i64>,
    /// The mark by which a checkpoint knows the object; `None` where there is no checkpoint.
    pub mark: Option<Mark>,
}

/// The mark by which a checkpoint knows an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// A hash of the object's name and of what distinguishes its versions.
    pub identity: u64,
    /// The part of the listing that named the object; `None` for what is no object, such as a prefix that
    /// could not be listed.
    pub part: Option<Part>,
}

/// A stretch of a listing that a checkpoint can remember as one: mostly the objects of one account, region
/// and day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Part {
    /// The folder above the day, numbered by the checkpoint.
    pub series: u32,
    /// Days since 1970; `None` outside the CloudTrail layout.
    pub day: Option<i32>,
    /// The number of this visit: a listing may come back to the same day after others.
    pub visit: u32,
}
