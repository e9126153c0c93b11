//! One page of a listing: asked for, tried again, and read.

use super::access::another_try;
use super::client::{Bucket, payer};
use super::errors::{Failure, Verdict};
use super::retry::backoff;
use super::uri::{S3Uri, decode_listed};
use crate::error::ErrorKind;
use crate::key::{KeyInfo, Skip, key_info};
use crate::object::ObjectRef;
use crate::source::ReadClass;
use aws_sdk_s3::types::{
    CommonPrefix, EncodingType, Object, ObjectStorageClass, ObjectVersion, ObjectVersionStorageClass,
    OptionalObjectAttributes, RestoreStatus,
};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// One listed key.
#[derive(Clone, Debug, Default)]
pub(super) struct Entry {
    /// As S3 names it; percent-encoded where that is not UTF-8, and then it cannot be fetched.
    pub(super) key: String,
    pub(super) size: u64,
    /// Without quotes.
    pub(super) etag: Option<String>,
    pub(super) version_id: Option<String>,
    /// The storage class, where a restore is needed before a GET.
    pub(super) archived: Option<String>,
    /// What reading it costs.
    pub(super) class: ReadClass,
    /// The key could not be decoded.
    pub(super) unreadable_key: bool,
}

impl Entry {
    /// An entry of an earlier listing of this bucket.
    pub(super) fn of(bucket: &S3Uri, object: &ObjectRef) -> Option<Self> {
        Some(Self {
            key: bucket.key_of(&object.uri)?,
            size: object.size,
            etag: object.etag.clone(),
            version_id: object.version_id.clone(),
            archived: None,
            class: ReadClass::default(),
            unreadable_key: false,
        })
    }

    /// The entry as everything downstream names it.
    pub(super) fn object(&self, bucket: &S3Uri, scope: &Result<Option<Arc<KeyInfo>>, Skip>) -> ObjectRef {
        // What is skipped has its account, region and day as well.
        let key = scope.as_ref().map_or_else(|_skip| key_info(&self.key), Option::clone);
        ObjectRef {
            uri: bucket.of_key(&self.key),
            size: self.size,
            etag: self.etag.clone(),
            version_id: self.version_id.clone(),
            key,
            mark: None,
        }
    }
}

/// What a lister hands over.
#[derive(Debug)]
pub(super) enum Listed {
    /// Keys in byte order.
    Page(Vec<Entry>),
    /// Something that was to be listed, such as the rest of a prefix, could not be.
    Failed { uri: String, failure: Failure },
}

/// What to ask for in one request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page<'a> {
    pub(super) prefix: &'a str,
    /// Folders are named, not entered.
    pub(super) delimited: bool,
    pub(super) start_after: Option<&'a str>,
    pub(super) token: Option<&'a Token>,
}

impl<'a> Page<'a> {
    pub(super) fn of(prefix: &'a str) -> Self {
        Self { prefix, delimited: false, start_after: None, token: None }
    }
}

/// One page as it came.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) entries: Vec<Entry>,
    /// The folders, where asked for with a delimiter. `None`: one has a name that is not UTF-8.
    pub(super) folders: Option<Vec<String>>,
    /// Where the listing goes on, if it does.
    pub(super) next: Result<Option<Token>, Failure>,
}

/// Where the next page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// S3's own word for it.
    Continuation(String),
    /// After this version of this key.
    Version { key: String, version: Option<String> },
}

/// Where the listing goes on. A page that says there is more but not where would end it silently.
fn next(
    truncated: Option<bool>,
    next: Option<Token>,
    last: Option<&Token>,
) -> Result<Option<Token>, Failure> {
    if truncated != Some(true) {
        return Ok(None);
    }
    match next {
        Some(token) if Some(&token) != last => Ok(Some(token)),
        _ => Err(Failure::new(
            ErrorKind::Other,
            Verdict::Final,
            "the listing is truncated, but the server does not say where it goes on",
        )),
    }
}

/// One page, with as many tries as an object gets.
pub(super) async fn list_page(bucket: &Bucket, ask: Page<'_>) -> Result<Answer, Failure> {
    let options = bucket.session.options();
    let counters = bucket.session.counters();
    let mut tries = 0;
    loop {
        bucket.session.access().enter(bucket).await?;
        tries += 1;
        counters.list.fetch_add(1, Ordering::Relaxed);
        let answer =
            if options.all_versions { versions(bucket, ask).await } else { latest(bucket, ask).await };
        let failure = match answer {
            Ok(answer) => return Ok(answer),
            Err(failure) => failure,
        };
        if !another_try(bucket, &failure).await? {
            return Err(failure);
        }
        if tries >= options.attempts {
            return Err(failure.context(format_args!("after {tries} tries")));
        }
        counters.retries.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(backoff(options.retry_base, tries)).await;
    }
}

async fn latest(bucket: &Bucket, ask: Page<'_>) -> Result<Answer, Failure> {
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
    let page = request.send().await.map_err(|error| Failure::from_sdk(&error))?;
    // A server that does not know the parameter sends keys as they are, and no such field.
    let encoded = page.encoding_type().is_some();
    let token = page.next_continuation_token().filter(|token| !token.is_empty());
    Ok(Answer {
        next: next(page.is_truncated(), token.map(|token| Token::Continuation(token.to_owned())), ask.token),
        folders: folders(page.common_prefixes(), encoded),
        entries: page.contents.unwrap_or_default().into_iter().map(|object| entry(object, encoded)).collect(),
    })
}

/// All versions of each key, the newest first.
async fn versions(bucket: &Bucket, ask: Page<'_>) -> Result<Answer, Failure> {
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
    let page = request.send().await.map_err(|error| Failure::from_sdk(&error))?;
    let markers = page.delete_markers().len() as u64;
    bucket.session.counters().delete_markers.fetch_add(markers, Ordering::Relaxed);
    let encoded = page.encoding_type().is_some();
    let key = page.next_key_marker().and_then(|key| decoded(key, encoded));
    let token = key.map(|key| Token::Version { key, version: page.next_version_id_marker.clone() });
    Ok(Answer {
        next: next(page.is_truncated(), token, ask.token),
        folders: folders(page.common_prefixes(), encoded),
        entries: page
            .versions
            .unwrap_or_default()
            .into_iter()
            .map(|one| version_entry(one, encoded))
            .collect(),
    })
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
    let Object { key, size, e_tag, .. } = object;
    named(key, encoded, size, Entry { etag: e_tag, archived, class, ..Entry::default() })
}

fn version_entry(object: ObjectVersion, encoded: bool) -> Entry {
    let class = object.storage_class().map(ObjectVersionStorageClass::as_str);
    let archived = archived(class, object.restore_status());
    let class = ReadClass::of(class);
    let ObjectVersion { key, size, e_tag, version_id, .. } = object;
    named(key, encoded, size, Entry { etag: e_tag, version_id, archived, class, ..Entry::default() })
}

/// The storage class, where S3 wants a restore first and has none at hand.
pub(super) fn archived(class: Option<&str>, restore: Option<&RestoreStatus>) -> Option<String> {
    let restored = restore.is_some_and(|status| {
        status.restore_expiry_date().is_some() && status.is_restore_in_progress() != Some(true)
    });
    class.filter(|class| matches!(*class, "GLACIER" | "DEEP_ARCHIVE") && !restored).map(str::to_owned)
}

/// `rest` under its own name and size, its ETag without quotes.
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
