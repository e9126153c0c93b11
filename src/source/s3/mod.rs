//! Objects in S3. The only place that knows tokio and the AWS SDK; everything beyond sees a [`Source`].

mod answer;
mod body;
mod caller;
mod client;
mod credentials;
mod direct;
mod drive;
mod errors;
mod fetch;
mod layout;
mod limit;
mod list;
mod nodes;
mod options;
mod retry;
mod sign;
mod survey;
mod tls;
mod tree;
mod uri;

pub use caller::Caller;
pub use client::{Requests, S3Session};
pub use options::{S3Keys, S3Options};
pub use uri::{S3Uri, S3UriError};

use crate::cancel::Cancel;
use crate::error::Fatal;
use crate::keyscope::KeyScope;
use crate::object::ObjectRef;
use crate::source::{Feed, Source};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Everything below one prefix of a bucket.
#[derive(Debug)]
pub struct S3Source {
    bucket: client::Bucket,
    scope: Arc<layout::ListScope>,
    /// In place of a listing.
    given: Option<Vec<list::Entry>>,
}

impl S3Session {
    /// Opens one prefix. Makes one request, following it to the bucket's own region; fails where there is no
    /// such bucket, where it cannot be reached, or where S3 does not know the caller. A caller who may not
    /// list is told so by an item of the run.
    pub fn open(&self, uri: &S3Uri) -> Result<S3Source, Fatal> {
        Ok(S3Source { bucket: self.locate(uri)?, scope: Arc::default(), given: None })
    }
}

impl S3Source {
    /// A source with a session of its own. Runs with several sources share one: [`S3Session::open`].
    pub fn open(uri: &S3Uri, options: &S3Options) -> Result<Self, Fatal> {
        S3Session::start(options)?.open(uri)
    }

    /// The same, listing only what is in `scope`. What is not is no item of the run, and where names sort by
    /// account, region and day it costs no request either.
    #[must_use]
    pub fn within(self, scope: Arc<KeyScope>) -> Self {
        Self { scope: Arc::new(layout::ListScope(scope)), ..self }
    }

    /// The same, of just these objects, in this order: what an earlier listing of the same bucket found.
    #[must_use]
    pub fn only(self, objects: &[ObjectRef]) -> Self {
        let entries = objects.iter().filter_map(|object| list::Entry::of(&self.bucket.uri, object)).collect();
        Self { given: Some(entries), ..self }
    }

    /// The session, for what it counted and noted.
    pub fn session(&self) -> &S3Session {
        &self.bucket.session
    }
}

impl Source for S3Source {
    fn run(&mut self, first: u64, feed: &dyn Feed, cancel: &Cancel) -> u64 {
        let end = drive::drive(&self.bucket, &self.scope, self.given.take(), first, feed, cancel);
        let deletions = self.bucket.session.counters().delete_markers.swap(0, Ordering::Relaxed);
        if deletions > 0 {
            let uri = &self.bucket.uri;
            self.bucket
                .session
                .note(format!("{uri}: {deletions} delete markers; the versions below them are read"));
        }
        end
    }
}
