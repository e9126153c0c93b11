//! Find every use of the AWS root user in CloudTrail logs, with the field that proves it.

pub mod cancel;
pub mod choice;
pub mod error;
pub mod filter;
pub mod finding;
pub mod json;
pub mod judge;
pub mod key;
pub mod keyscope;
pub mod object;
pub mod rules;
pub mod source;
