//! Finds every use of the AWS root user in CloudTrail logs, with the field that proves it.
//!
//! ```text
//! source ──items──► queue ──► workers: inflate → scan → judge ──reports──► driver: order → dedupe → output
//! ```
//!
//! One object is one unit of work, done by one worker with buffers that it uses again. The driver puts the
//! reports back into input order, drops duplicates and writes. [`pipeline::Run`] does all of this in one call
//! that blocks, so async callers run it on a thread of its own.
//!
//! [`Scan`] is the short way to such a run, and [`judge()`] to the verdict on one event:
//!
//! ```
//! use roottrail::finding::{CredentialType, MfaStatus};
//!
//! let event = br#"{"eventVersion":"1.08","userIdentity":{"type":"Root","accessKeyId":"AKIAIOSFODNN7EXAMPLE"},"eventName":"ListBuckets"}"#;
//! let finding = roottrail::judge(event)?.expect("it is root's");
//! assert_eq!(finding.credential.kind, Some(CredentialType::LongTermAccessKey));
//! assert_eq!(finding.mfa.status, Some(MfaStatus::NotUsed));
//!
//! let summary = roottrail::Scan::new().source("sample-logs").run(|finding| {
//!     println!("{}: {}", finding.time.unwrap_or_default(), finding.rules.join(", "));
//! })?;
//! assert!(summary.complete());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The features `s3` and `ship` add S3 and delivery to SIEMs, `cli` the command. Without them the library needs
//! neither tokio nor the AWS SDK.

pub mod bounded;
pub mod cancel;
pub mod checkpoint;
pub mod coverage;
pub mod dedupe;
pub mod detect;
pub mod error;
pub mod filter;
pub mod finding;
pub mod findings;
#[cfg(all(feature = "s3", feature = "ship"))]
pub mod follow;
pub mod format;
pub(crate) mod hex;
pub mod history;
pub mod inflate;
pub mod json;
pub mod judge;
pub mod key;
#[cfg(any(feature = "s3", feature = "ship"))]
pub(crate) mod net;
#[cfg(feature = "s3")]
pub mod notification;
pub mod object;
pub mod output;
pub mod own_file;
pub mod pipeline;
pub mod plan;
pub mod posture;
pub mod printable;
pub(crate) mod random;
pub mod records;
pub mod report;
pub mod rules;
pub mod scan;
pub mod schema;
pub mod shard;
#[cfg(feature = "ship")]
pub mod ship;
pub(crate) mod sort;
pub mod source;
pub mod summary;
pub mod text;
pub mod verify;

pub use detect::single::{JudgeError, judge};
pub use pipeline::builder::Scan;
