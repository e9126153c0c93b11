//! All integration tests in one binary: the AWS SDK links slowly.

mod faults;
mod s3;
mod support;
