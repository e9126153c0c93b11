//! All integration tests in one binary: the AWS SDK links slowly.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod cli;
mod dedupe;
mod faults;
mod listing;
mod order;
mod s3;
mod schema;
mod shapes;
mod support;
