//! Listing without fetching: what a scan of a prefix would read, skip and fail at.

use super::S3Source;
use super::entry::Listed;
use super::entry::unread;
use crate::cancel::Cancel;
use crate::error::{ErrorKind, ObjectError, Stage};
use crate::object::ObjectRef;
use crate::source::{Content, ListedOnly};
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// How soon a stop is seen.
const LOOK: Duration = Duration::from_millis(50);
/// Listed pages that may wait.
const PAGES_AHEAD: usize = 16;

impl S3Source {
    /// Hands every entry in scope to `visit`, in key order, without fetching any.
    pub fn survey(&self, cancel: &Cancel, visit: &mut dyn FnMut(ObjectRef, ListedOnly)) {
        let bucket = &self.bucket;
        let (out, mut pages) = mpsc::channel(PAGES_AHEAD);
        bucket.session.handle().block_on(async {
            let mut lister = JoinSet::new();
            self.listing.start(bucket, &self.scope, &mut lister, out);
            let mut look = tokio::time::interval(LOOK);
            while !cancel.is_set() {
                let listed = poll_fn(|cx| match pages.poll_recv(cx) {
                    Poll::Ready(listed) => Poll::Ready(Some(listed)),
                    Poll::Pending => look.poll_tick(cx).map(|_| None),
                });
                match listed.await {
                    None => {}
                    Some(None) => break,
                    Some(Some(Listed::Page(entries))) => {
                        for entry in entries {
                            let scope = entry.scope(&bucket.uri);
                            let object = entry.object(&bucket.uri, &scope);
                            let what = match unread(&entry, &object, scope.err()) {
                                Some(Content::Skipped(skip)) => ListedOnly::Skipped(skip),
                                Some(Content::Failed(error)) => ListedOnly::Failed(error),
                                _ => ListedOnly::Readable(entry.class),
                            };
                            visit(object, what);
                        }
                    }
                    Some(Some(Listed::Failed { uri, failure })) => {
                        let error = failure.into_error(uri.clone(), Stage::List);
                        visit(ObjectRef { uri, ..ObjectRef::default() }, ListedOnly::Failed(error));
                    }
                }
            }
            if !cancel.is_set()
                && let Some(Err(error)) = lister.join_next().await
            {
                let uri = bucket.uri.to_string();
                let cause = format!("a defect of roottrail ended the listing: {error}");
                let error = ObjectError::new(uri.clone(), Stage::List, ErrorKind::Other, cause);
                visit(ObjectRef { uri, ..ObjectRef::default() }, ListedOnly::Failed(error));
            }
        });
    }
}
