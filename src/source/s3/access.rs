//! Whether S3 takes the caller's requests at all. Credentials expire and permissions are withdrawn in the middle
//! of a run. Then there is no use in every object under way trying on its own: one request asks from time to
//! time, all else waits for its outcome, and after a bounded time everything that is left fails.
//!
//! A key that is denied by itself looks the same as the first one of a bucket that has become closed. The last
//! object that was readable tells them apart, and the first one: they are asked for again.

use super::errors::RequestError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// What all requests of a session know of it.
#[derive(Debug, Default)]
pub(super) struct Access {
    /// Whoever holds this asks whether access is there; the others wait for it.
    pub(super) asking: tokio::sync::Mutex<()>,
    /// Look at the state before a request is sent.
    pub(super) closed: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// The first and the last object that was readable, of the bucket that is being read.
    pub(super) good: Option<[Good; 2]>,
    /// A request that was sent at this time was taken.
    pub(super) proof: Option<Instant>,
    /// Access that was lost came back.
    pub(super) back: Option<Instant>,
    pub(super) over: Option<Over>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Good {
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) version: Option<String>,
}

/// Access did not come back.
#[derive(Debug)]
pub(super) struct Over {
    /// Only to this bucket.
    pub(super) bucket: Option<String>,
    pub(super) failure: RequestError,
}

impl Access {
    /// Waits while access is being asked for. Fails where it is lost for good.
    pub(super) async fn enter(&self, bucket: &str) -> Result<(), RequestError> {
        if !self.closed.load(Ordering::Relaxed) {
            return Ok(());
        }
        let _waited = self.asking.lock().await;
        self.over(bucket)
    }

    /// Notes that an object was readable by a request sent at `sent`.
    pub(super) fn worked(&self, bucket: &str, key: &str, version: Option<&str>, sent: Instant) {
        let mut state = self.state();
        let now =
            || Good { bucket: bucket.to_owned(), key: key.to_owned(), version: version.map(str::to_owned) };
        match &mut state.good {
            Some([_, last]) if last.bucket == bucket => {
                key.clone_into(&mut last.key);
                last.version = version.map(str::to_owned);
            }
            other => *other = Some([now(), now()]),
        }
        state.proof = state.proof.max(Some(sent));
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn over(&self, bucket: &str) -> Result<(), RequestError> {
        match &self.state().over {
            Some(Over { bucket: only, failure }) if only.as_ref().is_none_or(|only| *only == bucket) => {
                Err(failure.clone())
            }
            _ => Ok(()),
        }
    }
}
