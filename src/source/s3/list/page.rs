//! One page of a listing: asked for, tried again, and read.
//!
//! The page is asked for by ListObjectsV2, or by ListObjectVersions where all versions are wanted. An answer is
//! checked before it is believed: its count of keys, its word on whether there is more, and, by `progress`, that it
//! goes on from the pages before it. A doubtful answer is asked for again a few times and then reported. Keys come
//! percent-encoded and are decoded here; a key that is not UTF-8 stays as listed and is marked.

use super::ask::{Page, Token};
use super::progress::{Brought, Progress};
use crate::net::backoff::backoff;
use crate::source::ReadClass;
use crate::source::s3::bucket::{Bucket, payer};
use crate::source::s3::entry::{Entry, archived};
use crate::source::s3::errors::{RequestError, doubtful};
use crate::source::s3::regain::another_try;
use crate::source::s3::uri::decode_listed;
use aws_sdk_s3::types::{
    CommonPrefix, EncodingType, Object, ObjectStorageClass, ObjectVersion, ObjectVersionStorageClass,
    OptionalObjectAttributes,
};
use std::sync::atomic::Ordering;

/// One page as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) entries: Vec<Entry>,
    /// The folders, where asked for with a delimiter. `None`: one has a name that is not UTF-8.
    pub(crate) folders: Option<Vec<String>>,
    /// Where the listing goes on, if it does.
    pub(crate) next: Option<Token>,
    /// Delete markers, which are no entries.
    pub(crate) markers: usize,
}

/// Tries for an answer that came, but cannot be believed.
const DOUBTFUL: u32 = 4;

/// Returns where the listing goes on. A page that does not say whether there is more, or says so but not where, would
/// end it silently.
fn next(truncated: Option<bool>, next: Option<Token>) -> Result<Option<Token>, RequestError> {
    match (truncated, next) {
        (Some(true), Some(token)) => Ok(Some(token)),
        (Some(false), None) => Ok(None),
        (Some(true), None) => {
            Err(doubtful("the listing is truncated, but the server does not say where it goes on".to_owned()))
        }
        (Some(false), Some(_)) => {
            Err(doubtful("the server says where the listing goes on, and that it does not".to_owned()))
        }
        (None, _) => Err(doubtful("the server does not say whether the listing is truncated".to_owned())),
    }
}

/// Fetches one page, with as many tries as an object gets. The page must go on from those that `progress` knows.
pub(crate) async fn list_page(
    bucket: &Bucket,
    ask: Page<'_>,
    progress: &mut Progress,
) -> Result<Answer, RequestError> {
    let options = bucket.session.options();
    let counters = bucket.session.counters();
    let ask = Page { versions: options.all_versions, ..ask };
    let (mut tries, mut doubts) = (0, 0);
    loop {
        bucket.session.access().enter(&bucket.uri.bucket).await?;
        tries += 1;
        counters.list.fetch_add(1, Ordering::Relaxed);
        let asked =
            async { if ask.versions { versions(bucket, ask).await } else { latest(bucket, ask).await } };
        let answer = bucket.session.patiently(bucket.session.server(), asked).await;
        let checked = answer.and_then(|answer| {
            let Answer { entries, folders, next, markers } = &answer;
            let (folders, next, markers) = (folders.as_deref(), next.as_ref(), *markers);
            let advance = progress.check(&ask, Brought { entries, folders, next, markers })?;
            Ok((answer, advance))
        });
        let failure = match checked {
            Ok((answer, advance)) => {
                counters.delete_markers.fetch_add(answer.markers as u64, Ordering::Relaxed);
                progress.go_on(advance);
                return Ok(answer);
            }
            Err(failure) => failure,
        };
        doubts += u32::from(failure.doubtful);
        if !another_try(bucket, &failure).await? {
            return Err(failure);
        }
        if tries >= options.attempts || doubts >= DOUBTFUL {
            return Err(failure.context(format_args!("after {tries} tries")));
        }
        counters.retries.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(backoff(options.retry_base, tries)).await;
    }
}

async fn latest(bucket: &Bucket, ask: Page<'_>) -> Result<Answer, RequestError> {
    let token = match ask.token {
        Some(Token::Continuation(token)) => Some(token.clone()),
        _ => None,
    };
    let request = bucket
        .list()
        .prefix(ask.prefix)
        .set_delimiter(ask.delimited.then(|| "/".to_owned()))
        .set_start_after(ask.start_after.map(str::to_owned))
        .set_continuation_token(token)
        .optional_object_attributes(OptionalObjectAttributes::RestoreStatus);
    let page = request.send().await.map_err(RequestError::from_sdk)?;
    // A server that does not know the parameter sends keys as they are, and no such field.
    let encoded = page.encoding_type().is_some();
    let token = page.next_continuation_token().filter(|token| !token.is_empty());
    let there = page.contents().len() + page.common_prefixes().len();
    if let Some(count) = page.key_count().filter(|&count| usize::try_from(count) != Ok(there)) {
        return Err(doubtful(format!("the page is said to have {count} keys and folders, and has {there}")));
    }
    Ok(Answer {
        next: next(page.is_truncated(), token.map(|token| Token::Continuation(token.to_owned())))?,
        markers: 0,
        folders: folders(page.common_prefixes(), encoded),
        entries: {
            let listed = page.contents.unwrap_or_default();
            sizes(listed.iter().map(|object| (object.key(), object.size())))?;
            listed.into_iter().map(|object| entry(object, encoded)).collect()
        },
    })
}

/// Fetches a page of all versions of each key, the newest first.
async fn versions(bucket: &Bucket, ask: Page<'_>) -> Result<Answer, RequestError> {
    let options = bucket.session.options();
    let (key, version) = match ask.token {
        Some(Token::Version { key, version }) => (Some(key.clone()), version.clone()),
        _ => (ask.start_after.map(str::to_owned), None),
    };
    let request = bucket
        .client
        .list_object_versions()
        .bucket(&bucket.uri.bucket)
        .encoding_type(EncodingType::Url)
        .set_request_payer(payer(options))
        .set_expected_bucket_owner(options.expected_bucket_owner.clone())
        .prefix(ask.prefix)
        .set_delimiter(ask.delimited.then(|| "/".to_owned()))
        .set_key_marker(key)
        .set_version_id_marker(version)
        .optional_object_attributes(OptionalObjectAttributes::RestoreStatus);
    let page = request.send().await.map_err(RequestError::from_sdk)?;
    let markers = page.delete_markers().len();
    let encoded = page.encoding_type().is_some();
    let key = page.next_key_marker().filter(|key| !key.is_empty()).and_then(|key| decoded(key, encoded));
    let token = key.map(|key| Token::Version { key, version: page.next_version_id_marker.clone() });
    Ok(Answer {
        next: next(page.is_truncated(), token)?,
        markers,
        folders: folders(page.common_prefixes(), encoded),
        entries: {
            let listed = page.versions.unwrap_or_default();
            sizes(listed.iter().map(|one| (one.key(), one.size())))?;
            listed.into_iter().map(|one| version_entry(one, encoded)).collect()
        },
    })
}

/// Refuses a page with a negative size.
fn sizes<'k>(mut listed: impl Iterator<Item = (Option<&'k str>, Option<i64>)>) -> Result<(), RequestError> {
    match listed.find(|(_, size)| size.is_some_and(|size| size < 0)) {
        Some((key, size)) => {
            let (key, size) = (key.unwrap_or_default(), size.unwrap_or_default());
            Err(doubtful(format!("the key {key:?} is said to have {size} bytes")))
        }
        None => Ok(()),
    }
}

fn decoded(text: &str, encoded: bool) -> Option<String> {
    if encoded { decode_listed(text) } else { Some(text.to_owned()) }
}

fn folders(listed: &[CommonPrefix], encoded: bool) -> Option<Vec<String>> {
    listed.iter().filter_map(CommonPrefix::prefix).map(|folder| decoded(folder, encoded)).collect()
}

fn entry(object: Object, encoded: bool) -> Entry {
    let class = object.storage_class().map(ObjectStorageClass::as_str);
    let archived = archived(class, object.restore_status());
    let class = ReadClass::of(class);
    let modified = object.last_modified().and_then(|time| time.to_millis().ok());
    let Object { key, size, e_tag, .. } = object;
    named(key, encoded, size, Entry { etag: e_tag, archived, class, modified, ..Entry::default() })
}

fn version_entry(object: ObjectVersion, encoded: bool) -> Entry {
    let class = object.storage_class().map(ObjectVersionStorageClass::as_str);
    let archived = archived(class, object.restore_status());
    let class = ReadClass::of(class);
    let modified = object.last_modified().and_then(|time| time.to_millis().ok());
    let ObjectVersion { key, size, e_tag, version_id, .. } = object;
    named(
        key,
        encoded,
        size,
        Entry { etag: e_tag, version_id, archived, class, modified, ..Entry::default() },
    )
}

/// Returns `rest` with its name and size, its ETag without quotes.
fn named(key: Option<String>, encoded: bool, size: Option<i64>, rest: Entry) -> Entry {
    let listed = key.unwrap_or_default();
    let decoded = decoded(&listed, encoded);
    Entry {
        unreadable_key: decoded.is_none(),
        key: decoded.unwrap_or(listed),
        size: size.and_then(|size| u64::try_from(size).ok()).unwrap_or(0),
        etag: rest.etag.map(|tag| tag.trim_matches('"').to_owned()).filter(|tag| !tag.is_empty()),
        ..rest
    }
}
