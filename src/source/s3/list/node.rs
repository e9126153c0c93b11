//! The work of one node of the listing.
//!
//! A node is a folder to look into, a range of keys to list, or keys that are there already. Looking asks for one
//! page with a delimiter: the folders in it become nodes, and so does the rest of a long page. Listing asks page
//! after page, and splits off the later part of its range where many more pages are expected, so that lists that have
//! nothing to do take that part. Where the caller may not look into folders, the node lists its prefix as a part of
//! what the user named. Pages leave a node in the order of their keys.

use super::ask::{Page, Token};
use super::page::{Answer, list_page};
use super::progress::Progress;
use super::range::{Range, past};
use super::work::{GoesOn, Piece, Shared, Split, Work};
use crate::error::ErrorKind;
use crate::key::layout::{Level, folder_of, level};
use crate::source::s3::entry::{Entry, Listed};
use crate::source::s3::errors::{Remedy, RequestError};
use crate::source::s3::uri::S3Uri;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::mpsc::Sender;

/// Looks into folders outside of `AWSLogs/`, before such a bucket is listed flat.
const LOOKS: u64 = 64;
/// A range is split when it had this many pages, and at least as many more are expected. A trail may have
/// ended long ago, so that the later parts are empty: the requests for those stay a fraction of the others.
const WORTH: usize = 4;

/// The receiver of the listing is gone.
struct Gone;

pub(crate) async fn work_on(shared: Arc<Shared>, id: u64, work: Work, pieces: Sender<Piece>) {
    let node = NodeTask { shared, id, pieces };
    let done = match work {
        Work::Ready(keys) => node.page(keys).await,
        Work::Folder { prefix, goes_on } => node.look(prefix, goes_on).await,
        Work::Range(range) => node.list(range).await,
    };
    if done.is_ok() {
        // The row is gone only when the run is over.
        let _ = node.pieces.send(Piece::End).await;
    }
}

struct NodeTask {
    shared: Arc<Shared>,
    id: u64,
    pieces: Sender<Piece>,
}

impl NodeTask {
    async fn page(&self, keys: Vec<Entry>) -> Result<(), Gone> {
        self.shared.waiting.fetch_add(keys.len() as u64, Ordering::Relaxed);
        self.pieces.send(Piece::Listed(Listed::Page(keys))).await.map_err(|_| Gone)
    }

    async fn failed(&self, prefix: String, failure: RequestError) -> Result<(), Gone> {
        let uri = self.shared.bucket.uri.with_prefix(prefix);
        self.pieces.send(Piece::Listed(Listed::Failed { uri, failure })).await.map_err(|_| Gone)
    }

    fn split(&self, works: Vec<Work>) -> Result<(), Gone> {
        for work in &works {
            if let Work::Ready(keys) = work {
                self.shared.waiting.fetch_add(keys.len() as u64, Ordering::Relaxed);
            }
        }
        self.shared.splits.send(Split { id: self.id, works }).map_err(|_| Gone)
    }

    /// Fetches one page of a folder: its own keys and the folders in it become nodes, and the rest one more node.
    async fn look(&self, prefix: String, goes_on: Option<Box<GoesOn>>) -> Result<(), Gone> {
        let bucket = &self.shared.bucket;
        let (token, mut progress) = match goes_on {
            Some(goes_on) => (Some(goes_on.token), goes_on.progress),
            None => (None, Progress::default()),
        };
        let ask = Page { delimited: true, token: token.as_ref(), ..Page::of(&prefix) };
        let Answer { entries: mut keys, folders, next, .. } =
            match list_page(bucket, ask, &mut progress).await {
                Ok(answer) => answer,
                Err(failure) if failure.kind == ErrorKind::AccessDenied && token.is_none() => {
                    if prefix != bucket.uri.prefix {
                        bucket.session.note(format!(
                            "{}: may not be listed by itself ({failure}); listing it as a part of {}",
                            S3Uri { prefix: prefix.clone(), ..bucket.uri.clone() },
                            bucket.uri
                        ));
                    }
                    return self.flat(&prefix);
                }
                Err(failure) => return self.failed(prefix, failure).await,
            };
        let Some(mut folders) = folders else {
            if token.is_none() {
                return self.flat(&prefix);
            }
            let text = "a folder in it has a name that is not UTF-8";
            return self.failed(prefix, RequestError::new(ErrorKind::Other, Remedy::Final, text)).await;
        };
        // Some servers list in an order of their own.
        folders.sort_unstable();
        keys.sort_by(|a, b| a.key.cmp(&b.key));
        let admits = |entry: &Entry| self.shared.scope.admits(&entry.key, entry.modified);
        let mut works = Vec::new();
        let mut keys = keys.into_iter().filter(admits).peekable();
        for folder in folders {
            let before: Vec<Entry> =
                std::iter::from_fn(|| keys.next_if(|entry| entry.key < folder)).collect();
            if !before.is_empty() {
                works.push(Work::Ready(before));
            }
            works.extend(self.shared.enter(&folder));
        }
        let rest: Vec<Entry> = keys.collect();
        if !rest.is_empty() {
            works.push(Work::Ready(rest));
        }
        if let Some(token) = next {
            works.push(Work::Folder { prefix, goes_on: Some(Box::new(GoesOn { token, progress })) });
        }
        self.split(works)
    }

    /// Lists a folder as a part of what the user named, which is all that some callers may ask for.
    fn flat(&self, prefix: &str) -> Result<(), Gone> {
        self.split(vec![Work::Range(Range::part(&self.shared.bucket.uri.prefix, prefix))])
    }

    /// Lists a range page by page, or hands its later parts to lists that have nothing to do.
    async fn list(&self, range: Range) -> Result<(), Gone> {
        let bucket = &self.shared.bucket;
        let Some(range) = range.stretched(self.shared.scope.0.stretch()) else { return Ok(()) };
        let mut token: Option<Token> = None;
        let mut progress = Progress::default();
        let mut seen = 0;
        loop {
            let after = if token.is_none() { range.start_after() } else { None };
            let ask = Page {
                start_after: after.as_deref(),
                token: token.as_ref(),
                ends: range.hi.is_some() || after.is_some(),
                ..Page::of(&range.prefix)
            };
            let Answer { entries: listed, next, .. } = match list_page(bucket, ask, &mut progress).await {
                Ok(answer) => answer,
                // Perhaps only the prefix that the user named may be listed.
                Err(failure)
                    if failure.kind == ErrorKind::AccessDenied
                        && token.is_none()
                        && range.prefix != bucket.uri.prefix =>
                {
                    let prefix = bucket.uri.prefix.clone();
                    let range = Range { lo: range.lo.clone().max(range.prefix.clone()), ..range.clone() };
                    let hi = range.hi.clone().or_else(|| past(&range.prefix));
                    return self.split(vec![Work::Range(Range { prefix, hi, ..range })]);
                }
                Err(failure) => return self.failed(range.name(), failure).await,
            };
            let ends = listed.iter().any(|entry| range.is_past(&entry.key));
            let ordered = listed.is_sorted_by(|a, b| a.key <= b.key);
            let span = match (listed.first(), listed.last()) {
                (Some(first), Some(last)) => Some((first.key.clone(), last.key.clone())),
                _ => None,
            };
            let scope = &self.shared.scope;
            let wanted = listed
                .into_iter()
                .filter(|entry| range.holds(&entry.key) && scope.admits(&entry.key, entry.modified));
            self.page(wanted.collect()).await?;
            match next {
                _ if ends && ordered => return Ok(()),
                None => return Ok(()),
                Some(next) => token = Some(next),
            }
            seen += 1;
            // A page may end among the versions of one key.
            let cuttable = ordered && !bucket.session.options().all_versions;
            if cuttable
                && seen >= WORTH
                && let Some((first, last)) = span
            {
                let today = &self.shared.today;
                let left = range.pages_left(&first, &last, today);
                let idle = self.shared.idle.load(Ordering::Relaxed);
                let parts = if left < WORTH { 0 } else { idle.min(left / 2).min(seen / 2) };
                let ranges = range.split_after(&last, today, parts + 1);
                if !ranges.is_empty() {
                    return self.split(ranges.into_iter().map(Work::Range).collect());
                }
            }
        }
    }
}

impl Shared {
    /// Returns the work for a prefix: a folder that a look found, or what the user named.
    pub(crate) fn enter(&self, prefix: &str) -> Option<Work> {
        if !self.scope.0.stretch().touches(prefix.as_bytes()) {
            return None;
        }
        let look = || Some(Work::Folder { prefix: prefix.to_owned(), goes_on: None });
        let folder = folder_of(prefix);
        let level = level(folder);
        let kind = matches!(level, Level::Regions { .. } | Level::Days { .. } | Level::OtherService);
        if kind && self.scope.0.only_digests() && !folder.contains("/CloudTrail-Digest/") {
            return None;
        }
        match level {
            Level::Outside if self.looks.fetch_add(1, Ordering::Relaxed) < LOOKS => look(),
            Level::Outside => Some(Work::Range(Range::all(prefix))),
            Level::Accounts => look(),
            Level::Kinds { account } | Level::Regions { account } => {
                if self.scope.0.takes_account(account) {
                    look()
                } else {
                    None
                }
            }
            Level::Days { account, region, base } => {
                if !self.scope.0.takes_account(account) || !self.scope.0.takes_region(region) {
                    return None;
                }
                self.scope.days(base, prefix).map(Work::Range)
            }
            Level::OtherService if !self.scope.is_restricted() => Some(Work::Range(Range::all(prefix))),
            // Nothing of another service is read, but somebody may keep a trail below its folder.
            Level::OtherService if prefix.ends_with('/') => {
                Some(Work::Folder { prefix: format!("{prefix}AWSLogs/"), goes_on: None })
            }
            Level::OtherService => Some(Work::Range(Range::all(prefix))),
        }
    }
}
