//! A fetched object on its way through a worker, and the way to fetch it again.

use super::bucket::Bucket;
use super::entry::Entry;
use super::errors::RequestError;
use super::fetch::{ALIKE, Fetched, fetch, md5_matches};
use crate::cancel::Cancel;
use crate::error::{ObjectError, Stage};
use crate::source::{Body, Metadata};
use futures_util::future::{Either, select};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often a waiting worker looks whether the run is over.
const LOOK: Duration = Duration::from_millis(50);

/// The bytes of one object.
#[derive(Debug)]
pub(super) struct S3Body {
    bucket: Arc<Bucket>,
    entry: Entry,
    bytes: Vec<u8>,
    certified: bool,
    broken: Option<RequestError>,
    metadata: Metadata,
    tries: u32,
    /// How often these very bytes came.
    alike: u32,
    spent: Duration,
    cancel: Cancel,
}

impl S3Body {
    pub(super) fn new(
        bucket: Arc<Bucket>,
        entry: Entry,
        fetched: Fetched,
        tries: u32,
        spent: Duration,
        cancel: Cancel,
    ) -> Self {
        let Fetched { bytes, certified, broken, metadata } = fetched;
        Self { bucket, entry, bytes, certified, broken, metadata, tries, alike: 1, spent, cancel }
    }

    fn error(&self, failure: RequestError) -> ObjectError {
        failure.into_error(self.bucket.uri.of_key(&self.entry.key), Stage::Get)
    }

    /// Fetches the whole once more; gives up when the run is over.
    fn refetch(&mut self) -> Option<Result<Fetched, RequestError>> {
        let started = Instant::now();
        let Self { bucket, entry, tries, cancel, .. } = self;
        let handle = bucket.session.handle().clone();
        let outcome = handle.block_on(async {
            let stopped = async {
                while !cancel.is_set() {
                    tokio::time::sleep(LOOK).await;
                }
            };
            match select(pin!(fetch(bucket, entry, false, tries)), pin!(stopped)).await {
                Either::Left((fetched, _)) => Some(fetched),
                Either::Right(((), _)) => None,
            }
        });
        self.spent += started.elapsed();
        outcome
    }
}

impl Drop for S3Body {
    fn drop(&mut self) {
        self.bucket.session.buffers().give(std::mem::take(&mut self.bytes));
    }
}

impl Body for S3Body {
    fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn again(&mut self) -> Result<bool, ObjectError> {
        if let Some(failure) = self.broken.clone() {
            return Err(self.error(failure));
        }
        self.certified = self.certified || md5_matches(&self.entry, &self.bytes) == Some(true);
        // What S3 itself stores is damaged, or seen to be so often enough: fetching cannot mend it.
        while !self.certified
            && self.alike < ALIKE
            && self.tries < self.bucket.session.options().attempts
            && !self.cancel.is_set()
        {
            let fetched = match self.refetch() {
                Some(Ok(fetched)) => fetched,
                Some(Err(failure)) => return Err(self.error(failure)),
                None => break,
            };
            if let Some(failure) = fetched.broken {
                return Err(self.error(failure));
            }
            self.certified = fetched.certified;
            if fetched.bytes == self.bytes {
                self.alike += 1;
            } else {
                self.bytes = fetched.bytes;
                self.alike = 1;
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn cut_short(&mut self) -> Option<ObjectError> {
        self.broken.clone().map(|failure| self.error(failure))
    }

    fn metadata(&self) -> Metadata {
        self.metadata.clone()
    }

    fn is_cut_short(&self) -> bool {
        self.broken.is_some()
    }

    fn get_ms(&self) -> u64 {
        u64::try_from(self.spent.as_millis()).unwrap_or(u64::MAX)
    }
}
