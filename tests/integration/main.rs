//! All integration tests in one binary: the AWS SDK links slowly.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "helpers of tests may panic as tests do, and say what they skip"
)]

mod access;
mod ambiguous;
mod bounds;
mod bucket;
mod cancel;
mod cli;
mod clients;
mod containers;
mod dedupe;
mod encodings;
mod explain;
mod faults;
mod filters;
mod follow;
mod formats;
mod golden_scan;
mod hostile;
mod integrations;
mod inventory;
mod library;
mod listing;
mod names;
mod nesting;
mod ocsf;
mod oracle;
mod order;
mod places;
mod plan;
mod posture;
mod report;
mod resume;
mod rules;
mod s3;
mod schema;
mod secrets;
mod sentences;
mod servers;
mod shapes;
mod shard;
mod ship;
mod support;
mod threads;
mod verdicts;
mod verify;
mod verify_more;
mod waits;
mod windows;
