//! Asks again after a refusal, and waits for access to come back.
//!
//! A refusal may be of the key or of the caller, and an answer does not always say which. Only one task of the
//! session asks at a time, for one byte of an object that was readable before: where S3 gives the byte, only the key
//! is denied. Where S3 refuses it as well, access is lost: all requests of the session wait while the task renews the
//! credentials and asks again, with growing pauses. Access that does not come back within `--access-wait` fails
//! everything that is left.

use super::access::{Access, Good, Over};
use super::answer::Wanted;
use super::bucket::Bucket;
use super::errors::{Remedy, RequestError};
use super::get::ask;
use crate::error::ErrorKind;
use crate::net::backoff::backoff;
use crate::text::span;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// The first wait between two questions, in first waits between tries.
const FIRST: u32 = 10;
/// The longest wait between two questions.
const LONGEST: Duration = Duration::from_secs(30);

/// Whom an answer refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refused {
    /// The caller, whatever is asked for.
    Caller,
    /// The caller, or just this key.
    Unclear,
}

enum Probe {
    Taken,
    Refused(RequestError),
    /// A fault of the moment.
    Unclear,
}

/// Returns whether another try can help, after a wait for what it needs. Fails with what to report where access is lost
/// for good.
pub(super) async fn another_try(bucket: &Bucket, failure: &RequestError) -> Result<bool, RequestError> {
    let access = bucket.session.access();
    match failure.remedy {
        Remedy::Retry => Ok(true),
        Remedy::SlowDown => {
            bucket.session.counters().slow_downs.fetch_add(1, Ordering::Relaxed);
            Ok(true)
        }
        Remedy::Credentials if bucket.session.credentials().is_none() => Ok(false),
        // Boxed: these are rare, and what they hold would make every GET's task several times as large.
        Remedy::Credentials => Box::pin(access.regain(bucket, Refused::Caller)).await,
        Remedy::Final if failure.kind == ErrorKind::AccessDenied && failure.status == Some(403) => {
            Box::pin(access.regain(bucket, Refused::Unclear)).await
        }
        Remedy::Final | Remedy::Elsewhere => Ok(false),
    }
}

impl Access {
    /// Waits, after a refusal, until access is back, and returns whether to send the request again.
    async fn regain(&self, bucket: &Bucket, who: Refused) -> Result<bool, RequestError> {
        let refused = Some(Instant::now());
        let _asking = self.asking.lock().await;
        self.over(&bucket.uri.bucket)?;
        let taken = who == Refused::Caller;
        {
            let state = self.state();
            if state.back > refused {
                return Ok(true);
            }
            // A request sent later was taken: if this refusal meant more than its key, that has passed.
            if state.proof > refused {
                return Ok(taken);
            }
            let known = state.good.as_ref().is_some_and(|[_, last]| last.bucket == bucket.uri.bucket);
            if who == Refused::Unclear && !known {
                return Ok(false);
            }
        }
        if who == Refused::Caller {
            renew(bucket).await;
        }
        let options = bucket.session.options();
        for failures in 1..=options.attempts {
            match self.probe(bucket, who).await {
                Probe::Taken => return Ok(taken),
                Probe::Refused(failure) => return self.wait(bucket, who, failure).await,
                Probe::Unclear => tokio::time::sleep(backoff(options.retry_base, failures)).await,
            }
        }
        Ok(true)
    }

    /// Asks until access is there again or the time is over.
    async fn wait(
        &self,
        bucket: &Bucket,
        who: Refused,
        mut last: RequestError,
    ) -> Result<bool, RequestError> {
        let session = &bucket.session;
        let (patience, base) = (session.options().access_wait, session.options().retry_base);
        let (since, mut pause) = (Instant::now(), base.saturating_mul(FIRST));
        let place = format!("access to s3://{}", bucket.uri.bucket);
        self.closed.store(true, Ordering::Relaxed);
        session
            .tell(&format!("{place} is lost; waiting up to {} for it to come back: {last}", span(patience)));
        loop {
            let left = patience.saturating_sub(since.elapsed());
            if left.is_zero() {
                break;
            }
            tokio::time::sleep(pause.min(left)).await;
            pause = pause.saturating_mul(2).min(LONGEST);
            renew(bucket).await;
            match self.probe(bucket, who).await {
                Probe::Taken => {
                    self.state().back = Some(Instant::now());
                    self.closed.store(false, Ordering::Relaxed);
                    session.tell(&format!("{place} is back after {}", span(since.elapsed())));
                    return Ok(true);
                }
                Probe::Refused(failure) => last = failure,
                Probe::Unclear => {}
            }
        }
        let failure = last.context(format_args!("{place} was lost and not back within {}", span(patience)));
        session.tell(&format!("{failure}; all that is left is reported as failed"));
        let only = (who == Refused::Unclear).then(|| bucket.uri.bucket.clone());
        self.state().over = Some(Over { bucket: only, failure: failure.clone() });
        Err(failure)
    }

    /// Asks for one byte of the last good object, and where that is refused, of the first; where there was none
    /// yet, for one key.
    async fn probe(&self, bucket: &Bucket, who: Refused) -> Probe {
        let good = self.state().good.clone().filter(|[_, last]| last.bucket == bucket.uri.bucket);
        let Some([first, last]) = good else {
            bucket.session.counters().list.fetch_add(1, Ordering::Relaxed);
            let sent = Instant::now();
            let request = bucket.list().max_keys(1).set_prefix(Some(bucket.uri.prefix.clone()));
            let failure = request.send().await.err().map(RequestError::from_sdk);
            return self.judge(who, sent, failure);
        };
        match self.one_byte(bucket, who, &last).await {
            // Something may have happened to just this one.
            Probe::Refused(_) if who == Refused::Unclear => self.one_byte(bucket, who, &first).await,
            probe => probe,
        }
    }

    async fn one_byte(&self, bucket: &Bucket, who: Refused, good: &Good) -> Probe {
        let sent = Instant::now();
        let range = Some("bytes=0-0".to_owned());
        let wanted = Wanted { key: &good.key, version: good.version.as_deref(), etag: None, range };
        let failure = ask(bucket, wanted).await.err();
        self.judge(who, sent, failure)
    }

    fn judge(&self, who: Refused, sent: Instant, failure: Option<RequestError>) -> Probe {
        match failure {
            Some(failure)
                if failure.remedy == Remedy::Credentials
                    || (who == Refused::Unclear && failure.kind == ErrorKind::AccessDenied) =>
            {
                Probe::Refused(failure)
            }
            Some(RequestError { remedy: Remedy::Retry | Remedy::SlowDown, .. }) => Probe::Unclear,
            // Any other refusal is of this key, not of the caller.
            _ => {
                let mut state = self.state();
                state.proof = state.proof.max(Some(sent));
                Probe::Taken
            }
        }
    }
}

/// Reads the credentials again. That they are the same, or that there are none at the moment, the next request
/// tells: somebody may be logging in just now.
async fn renew(bucket: &Bucket) {
    if let Some(credentials) = bucket.session.credentials() {
        let _seen_by_the_next_request = credentials.renew().await;
    }
}
