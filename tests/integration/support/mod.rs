//! What several test modules use.

pub(crate) mod feed;
pub(crate) mod s3;
