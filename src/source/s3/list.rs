//! Listing a bucket page by page, ahead of the fetching, never as a whole.

use super::client::Bucket;
use super::errors::{Failure, Verdict};
use super::retry::backoff;
use super::uri::decode_listed;
use crate::error::ErrorKind;
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::types::{ObjectStorageClass, OptionalObjectAttributes};
use std::sync::atomic::Ordering;
use tokio::sync::mpsc::Sender;

/// One listed key.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// As S3 names it; percent-encoded where that is not UTF-8, and then it cannot be fetched.
    pub(super) key: String,
    pub(super) size: u64,
    /// Without quotes.
    pub(super) etag: Option<String>,
    pub(super) version_id: Option<String>,
    /// The storage class, where a restore is needed before a GET.
    pub(super) archived: Option<String>,
    /// The key could not be decoded.
    pub(super) unreadable_key: bool,
}

/// What a lister hands over.
#[derive(Debug)]
pub(super) enum Listed {
    /// Keys in byte order.
    Page(Vec<Entry>),
    /// The rest of this prefix could not be listed.
    Failed { prefix: String, failure: Failure },
}

/// Lists everything below the bucket's prefix into `out`. Ends early when nobody listens any more.
pub(super) async fn list_flat(bucket: Bucket, out: Sender<Listed>) {
    let prefix = bucket.uri.prefix.clone();
    let mut token: Option<String> = None;
    loop {
        let page = match list_page(&bucket, &prefix, None, token.as_deref()).await {
            Ok(page) => page,
            Err(failure) => {
                // The receiver is gone only when the run is over.
                let _ = out.send(Listed::Failed { prefix, failure }).await;
                return;
            }
        };
        let next = next_token(&page, token.as_deref());
        if out.send(Listed::Page(entries(page))).await.is_err() {
            return;
        }
        match next {
            Ok(Some(next)) => token = Some(next),
            Ok(None) => return,
            Err(failure) => {
                let _ = out.send(Listed::Failed { prefix, failure }).await;
                return;
            }
        }
    }
}

/// Where the listing goes on. A page that says there is more but not where would end it silently.
fn next_token(page: &ListObjectsV2Output, last: Option<&str>) -> Result<Option<String>, Failure> {
    if page.is_truncated() != Some(true) {
        return Ok(None);
    }
    match page.next_continuation_token() {
        Some(token) if !token.is_empty() && Some(token) != last => Ok(Some(token.to_owned())),
        _ => Err(Failure::new(
            ErrorKind::Other,
            Verdict::Final,
            "the listing is truncated, but the server does not say where it goes on",
        )),
    }
}

/// One page, with as many tries as an object gets.
pub(super) async fn list_page(
    bucket: &Bucket,
    prefix: &str,
    start_after: Option<&str>,
    token: Option<&str>,
) -> Result<ListObjectsV2Output, Failure> {
    let options = bucket.session.options();
    let counters = bucket.session.counters();
    let mut tries = 0;
    loop {
        tries += 1;
        counters.list.fetch_add(1, Ordering::Relaxed);
        let request = bucket
            .list()
            .prefix(prefix)
            .set_start_after(start_after.map(str::to_owned))
            .set_continuation_token(token.map(str::to_owned))
            .optional_object_attributes(OptionalObjectAttributes::RestoreStatus);
        let failure = match request.send().await {
            Ok(page) => return Ok(page),
            Err(error) => Failure::from_sdk(&error),
        };
        let again = match failure.verdict {
            Verdict::Retry => true,
            Verdict::SlowDown => {
                counters.slow_downs.fetch_add(1, Ordering::Relaxed);
                true
            }
            Verdict::Credentials => renewed(bucket).await,
            Verdict::Final | Verdict::Elsewhere => false,
        };
        if !again {
            return Err(failure);
        }
        if tries >= options.attempts {
            return Err(failure.context(format_args!("after {tries} tries")));
        }
        counters.retries.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(backoff(options.retry_base, tries)).await;
    }
}

/// Whether there may be good credentials after S3 refused the present ones.
pub(super) async fn renewed(bucket: &Bucket) -> bool {
    match bucket.session.credentials() {
        // The same credentials again, or none at the moment: somebody may be logging in just now.
        Some(credentials) => {
            let _ = credentials.renew().await;
            true
        }
        None => false,
    }
}

/// The keys of a page.
pub(super) fn entries(page: ListObjectsV2Output) -> Vec<Entry> {
    // A server that does not know the parameter sends keys as they are, and no such field.
    let encoded = page.encoding_type().is_some();
    page.contents.unwrap_or_default().into_iter().map(|object| entry(object, encoded)).collect()
}

fn entry(object: aws_sdk_s3::types::Object, encoded: bool) -> Entry {
    let restored = object.restore_status().is_some_and(|status| {
        status.restore_expiry_date().is_some() && status.is_restore_in_progress() != Some(true)
    });
    let archived = object
        .storage_class()
        .filter(|class| matches!(class, ObjectStorageClass::Glacier | ObjectStorageClass::DeepArchive))
        .filter(|_| !restored)
        .map(|class| class.as_str().to_owned());
    let listed = object.key.unwrap_or_default();
    let decoded = if encoded { decode_listed(&listed) } else { Some(listed.clone()) };
    Entry {
        unreadable_key: decoded.is_none(),
        key: decoded.unwrap_or(listed),
        size: object.size.and_then(|size| u64::try_from(size).ok()).unwrap_or(0),
        etag: object.e_tag.map(|tag| tag.trim_matches('"').to_owned()).filter(|tag| !tag.is_empty()),
        version_id: None,
        archived,
    }
}
