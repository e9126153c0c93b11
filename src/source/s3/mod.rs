//! Objects in S3. The only place that knows tokio and the AWS SDK; everything beyond sees a [`Source`].

mod body;
mod client;
mod credentials;
mod drive;
mod errors;
mod fetch;
mod list;
mod options;
mod retry;
mod uri;

pub use client::{Requests, S3Session};
pub use options::{S3Keys, S3Options};
pub use uri::{S3Uri, S3UriError};

use crate::cancel::Cancel;
use crate::error::Fatal;
use crate::source::{Feed, Source};

/// Everything below one prefix of a bucket.
#[derive(Debug)]
pub struct S3Source {
    bucket: client::Bucket,
}

impl S3Session {
    /// Opens one prefix. Makes one request, following it to the bucket's own region; fails where there is no
    /// such bucket, where it cannot be reached, or where S3 does not know the caller. A caller who may not
    /// list is told so by an item of the run.
    pub fn open(&self, uri: &S3Uri) -> Result<S3Source, Fatal> {
        Ok(S3Source { bucket: self.locate(uri)? })
    }
}

impl S3Source {
    /// A source with a session of its own. Runs with several sources share one: [`S3Session::open`].
    pub fn open(uri: &S3Uri, options: &S3Options) -> Result<Self, Fatal> {
        S3Session::start(options)?.open(uri)
    }
}

impl Source for S3Source {
    fn run(&mut self, first: u64, feed: &dyn Feed, cancel: &Cancel) -> u64 {
        drive::drive(&self.bucket, first, feed, cancel)
    }
}
