//! Objects in S3. The only place that knows tokio and the AWS SDK; everything beyond sees a [`Source`].

mod access;
mod answer;
mod body;
mod bucket;
mod buffers;
mod caller;
mod credentials;
mod direct;
mod entry;
mod errors;
mod fetch;
mod get;
mod inventory;
mod keys;
mod limit;
mod list;
mod list_only;
mod listing;
mod login;
mod options;
mod profiles;
mod queue;
mod regain;
mod scheduler;
mod second_factor;
mod service;
mod session;
mod sign;
mod store;
mod there;
mod transcoded;
mod uri;
mod whole;

pub use caller::Caller;
pub use inventory::Inventory;
#[cfg(fuzzing)]
#[doc(hidden)]
pub use inventory::fuzzing::inventory as fuzz_inventory;
pub use options::{Ask, AskCode, S3Keys, S3Options};
pub use profiles::profile_names;
pub use queue::{Queue, QueueError, QueueLength, QueueMessage};
pub use service::{Question, Reply, Service};
pub use session::{Requests, S3Session};
pub use store::S3Store;
pub use there::There;
pub use uri::{S3Uri, S3UriError};

use crate::cancel::Cancel;
use crate::error::{ErrorKind, Fatal};
use crate::key::selection::KeySelection;
use crate::object::ObjectRef;
use crate::source::{Feed, Source};
use listing::Listing;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Everything below one prefix of a bucket.
#[derive(Clone, Debug)]
pub struct S3Source {
    bucket: bucket::Bucket,
    scope: Arc<list::range::ListScope>,
    listing: Listing,
}

impl S3Session {
    /// Opens one prefix with one request, which is followed to the bucket's own region. A caller who may not list
    /// learns so from an item of the run.
    ///
    /// # Errors
    ///
    /// Fails where there is no such bucket, where S3 cannot be reached, or where S3 does not know the caller.
    pub fn open(&self, uri: &S3Uri) -> Result<S3Source, Fatal> {
        self.try_to_open(uri).map_err(|(_, fatal)| fatal)
    }

    /// Opens one prefix as [`S3Session::open`] does, and says of which kind a failure is: a connection that breaks may
    /// come back.
    ///
    /// # Errors
    ///
    /// Fails as [`S3Session::open`] does.
    pub fn try_to_open(&self, uri: &S3Uri) -> Result<S3Source, (ErrorKind, Fatal)> {
        Ok(S3Source { bucket: self.try_to_locate(uri)?, scope: Arc::default(), listing: Listing::Tree })
    }
}

impl S3Source {
    /// Returns a source with a session of its own. Runs with several sources share one: [`S3Session::open`].
    ///
    /// # Errors
    ///
    /// Fails as [`S3Session::start`] and [`S3Session::open`] do.
    pub fn open(uri: &S3Uri, options: &S3Options) -> Result<Self, Fatal> {
        S3Session::start(options)?.open(uri)
    }

    /// Returns the source limited to `scope`. What lies outside is no item of the run, and where names sort by
    /// account, region and day it costs no request either.
    #[must_use]
    pub fn within(self, scope: Arc<KeySelection>) -> Self {
        Self { scope: Arc::new(list::range::ListScope(scope)), ..self }
    }

    /// Returns the source limited to these objects, in this order: what an earlier listing of the same bucket found.
    #[must_use]
    pub fn only(self, objects: &[ObjectRef]) -> Self {
        let entries =
            objects.iter().filter_map(|object| entry::Entry::of(&self.bucket.uri, object)).collect();
        Self { listing: Listing::Given(entries), ..self }
    }

    /// Returns the source with the inventory in place of a listing.
    ///
    /// # Errors
    ///
    /// Fails where the inventory is of another bucket, or does not tell versions apart and all of them are asked for.
    pub fn from_inventory(self, inventory: Arc<Inventory>) -> Result<Self, Fatal> {
        inventory.check(&self.bucket)?;
        Ok(Self { listing: Listing::Inventory(inventory), ..self })
    }

    /// Returns the session, for what it counted and noted.
    pub fn session(&self) -> &S3Session {
        &self.bucket.session
    }
}

impl Source for S3Source {
    fn run(&mut self, first: u64, feed: &dyn Feed, cancel: &Cancel) -> u64 {
        let end = scheduler::drive(&self.bucket, &self.scope, &self.listing, first, feed, cancel);
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
