//! One GET: by the short way where there is one, else by the SDK.

use super::answer::{Head, Stream, Wanted, of_response, of_sdk};
use super::bucket::{Bucket, payer};
use super::errors::RequestError;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Sends one GET, by the short way where there is one, and waits for the head of the answer.
pub(super) async fn ask(bucket: &Bucket, wanted: Wanted<'_>) -> Result<(Head, Stream), RequestError> {
    bucket.session.counters().get.fetch_add(1, Ordering::Relaxed);
    let sent = Instant::now();
    let answer = match bucket.direct.as_deref().filter(|direct| !direct.is_refused()) {
        Some(direct) => match direct.get(&bucket.session, &wanted).await {
            // Just found out: the SDK's signature may be another.
            Err(_) if direct.is_refused() => by_sdk(bucket, &wanted).await,
            answer => answer.map(of_response),
        },
        None => by_sdk(bucket, &wanted).await,
    };
    if answer.is_ok() {
        bucket.session.access().worked(&bucket.uri.bucket, wanted.key, wanted.version, sent);
    }
    answer
}

/// Asks through the SDK. The SDK's future of many KB is boxed, so that the short way stays small.
async fn by_sdk(bucket: &Bucket, wanted: &Wanted<'_>) -> Result<(Head, Stream), RequestError> {
    let options = bucket.session.options();
    let client = if wanted.range.is_some() { &bucket.part_client } else { &bucket.client };
    let request = client
        .get_object()
        .bucket(&bucket.uri.bucket)
        .key(wanted.key)
        .set_version_id(wanted.version.map(str::to_owned))
        .set_if_match(wanted.etag.clone())
        .set_range(wanted.range.clone())
        .set_request_payer(payer(options))
        .set_expected_bucket_owner(options.expected_bucket_owner.clone());
    Box::pin(request.send()).await.map(of_sdk).map_err(RequestError::from_sdk)
}
