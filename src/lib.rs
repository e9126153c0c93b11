//! Find every use of the AWS root user in CloudTrail logs, with the field that proves it.
//!
//! ```text
//! source ──items──► queue ──► workers: inflate → scan → judge ──reports──► driver: order → dedupe → output
//! ```
//!
//! One object is one unit of work, done by one worker with buffers that it uses again. The driver puts
//! the reports back into input order, drops duplicates and writes. [`pipeline::Run`] is the whole of it;
//! it blocks, so async callers run it on a thread of its own.

pub mod cancel;
pub mod checkpoint;
pub mod coverage;
pub mod dedupe;
pub mod detect;
pub mod error;
pub mod filter;
pub mod finding;
pub mod findings;
pub mod format;
pub(crate) mod hex;
pub mod history;
pub mod inflate;
pub mod json;
pub mod judge;
pub mod key;
pub(crate) mod net;
pub mod object;
pub mod output;
pub mod pipeline;
pub mod plan;
pub mod posture;
pub(crate) mod random;
pub mod records;
pub mod report;
pub mod rules;
pub mod scan;
pub mod schema;
pub mod ship;
pub mod source;
pub mod summary;
pub mod table;
pub mod text;
pub mod verify;
