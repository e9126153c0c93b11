//! All integration tests in one binary: the AWS SDK links slowly.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod bucket;
mod cancel;
mod cli;
mod dedupe;
mod faults;
mod filters;
mod listing;
mod oracle;
mod order;
mod rules;
mod s3;
mod schema;
mod shapes;
mod support;
