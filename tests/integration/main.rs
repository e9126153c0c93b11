//! All integration tests in one binary: the AWS SDK links slowly.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod faults;
mod listing;
mod resume;
mod s3;
mod support;
