//! Integration tests, one binary.

mod formats;
mod ocsf;
