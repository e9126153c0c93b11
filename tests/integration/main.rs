//! All integration tests in one binary: the AWS SDK links slowly.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "helpers of tests may panic as tests do, and say what they skip"
)]

mod examples;
mod cli;
mod dedupe;
mod faults;
mod formats;
mod listing;
mod ocsf;
mod plan;
mod s3;
mod ship;
mod order;
mod s3;
mod schema;
mod shapes;
mod support;
