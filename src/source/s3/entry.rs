//! One listed key, and what a lister hands over.

use super::errors::RequestError;
use super::uri::S3Uri;
use crate::error::{ErrorKind, ObjectError, Stage};
use crate::key::{KeyInfo, Skip, classify, key_info};
use crate::object::ObjectRef;
use crate::source::{Content, ReadClass, archive};
use aws_sdk_s3::types::RestoreStatus;
use std::sync::Arc;

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
    /// When it was last written to, in milliseconds since 1970.
    pub(super) modified: Option<i64>,
    /// The key could not be decoded.
    pub(super) unreadable_key: bool,
}

impl Entry {
    /// Returns an entry of an earlier listing of this bucket.
    pub(super) fn of(bucket: &S3Uri, object: &ObjectRef) -> Option<Self> {
        Some(Self {
            key: bucket.key_of(&object.uri)?,
            size: object.size,
            etag: object.etag.clone(),
            version_id: object.version_id.clone(),
            archived: None,
            class: ReadClass::default(),
            modified: object.modified,
            unreadable_key: false,
        })
    }

    /// Returns what its key says of it. What a user names is read, whatever it is called.
    pub(super) fn scope(&self, bucket: &S3Uri) -> Result<Option<Arc<KeyInfo>>, Skip> {
        if self.key == bucket.prefix && !self.key.is_empty() && !self.key.ends_with('/') {
            return Ok(key_info(&self.key));
        }
        classify(&self.key, self.size)
    }

    /// Returns the entry as everything downstream names it.
    pub(super) fn object(&self, bucket: &S3Uri, scope: &Result<Option<Arc<KeyInfo>>, Skip>) -> ObjectRef {
        // What is skipped has its account, region and day as well.
        let key = scope.as_ref().map_or_else(|_skip| key_info(&self.key), Option::clone);
        ObjectRef {
            uri: bucket.of_key(&self.key),
            size: self.size,
            etag: self.etag.clone(),
            version_id: self.version_id.clone(),
            key,
            unsure: *scope == Err(Skip::Unsure),
            modified: self.modified,
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
    Failed { uri: String, failure: RequestError },
}

/// Returns the storage class, where S3 wants a restore first and has none at hand.
pub(super) fn archived(class: Option<&str>, restore: Option<&RestoreStatus>) -> Option<String> {
    let restored = restore.is_some_and(|status| {
        status.restore_expiry_date().is_some() && status.is_restore_in_progress() != Some(true)
    });
    class.filter(|class| matches!(*class, "GLACIER" | "DEEP_ARCHIVE") && !restored).map(str::to_owned)
}

/// Returns what becomes of an entry that is not fetched.
pub(super) fn unread(entry: &Entry, object: &ObjectRef, skip: Option<Skip>) -> Option<Content> {
    let failed = |stage, kind, text: String| {
        Some(Content::Failed(ObjectError::new(object.uri.clone(), stage, kind, text)))
    };
    match (skip, &entry.archived) {
        (Some(Skip::Archive), _) => Some(Content::Failed(archive(&object.uri))),
        (Some(skip), _) if skip != Skip::Unsure => Some(Content::Skipped(skip)),
        (_, Some(class)) => {
            let text = format!("it lies in storage class {class} and must be restored before it can be read");
            failed(Stage::Get, ErrorKind::Archived, text)
        }
        (_, None) if entry.unreadable_key => {
            let text = "its key is not UTF-8, so it cannot be asked for".to_owned();
            failed(Stage::List, ErrorKind::Other, text)
        }
        (_, None) => None,
    }
}
