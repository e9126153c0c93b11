//! Integration tests, one binary.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test says what went wrong by panicking")]

mod formats;
mod ocsf;
mod ship;
