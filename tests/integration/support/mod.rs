//! What several test modules use.

pub mod feed;
pub mod s3;
