//! The ways to a bucket: by scan or by plan, its latest versions or all, by its list or by an inventory.

use std::time::Duration;

use super::inventory::MANIFEST;
use crate::support::cli::CERTIFICATE;
use crate::support::feed::{Outcome, run};
use roottrail::cancel::Cancel;
use roottrail::error::Fatal;
use roottrail::source::ListedOnly;
use roottrail::source::s3::{S3Keys, S3Options, S3Session, S3Source, S3Uri};

/// Options with few tries and short waits.
pub(super) fn options(url: String, all_versions: bool) -> S3Options {
    S3Options {
        region: Some("us-east-1".into()),
        endpoint_url: Some(url),
        keys: Some(S3Keys { access_key_id: "a".into(), secret_access_key: "b".into(), session_token: None }),
        force_path_style: true,
        attempts: 2,
        retry_base: Duration::from_millis(1),
        read_timeout: Duration::from_secs(2),
        drip: Duration::from_millis(500),
        ca_bundle: Some(CERTIFICATE.into()),
        all_versions,
        ..S3Options::default()
    }
}

/// The bucket, by its list or by an inventory.
pub(super) fn source(options: &S3Options, by_inventory: bool) -> Result<S3Source, Fatal> {
    let session = S3Session::start(options)?;
    let source = session.open(&S3Uri::parse("s3://trail").unwrap())?;
    if !by_inventory {
        return Ok(source);
    }
    let inventory = session.inventory(format!("s3://lists/{MANIFEST}").as_ref())?;
    source.from_inventory(inventory)
}

/// The messages of what failed, and how many did not, by a scan or by a plan.
pub(super) fn failures(mut source: S3Source, plan: bool) -> (Vec<String>, usize) {
    let (mut failed, mut sound) = (Vec::new(), 0);
    if plan {
        source.survey(&Cancel::new(), &mut |_, what| match what {
            ListedOnly::Failed(error) => failed.push(error.message()),
            _ => sound += 1,
        });
        return (failed, sound);
    }
    for one in run(&mut source) {
        match one.outcome {
            Outcome::Failed { message, .. } => failed.push(message),
            _ => sound += 1,
        }
    }
    (failed, sound)
}
