//! Find every use of the AWS root user in CloudTrail logs, with the field that proves it.

pub mod cancel;
pub mod error;
pub mod finding;
pub mod format;
pub mod json;
pub mod key;
pub mod object;
pub mod scan;
pub mod source;
