//! A data file of an inventory, from S3 to a temporary file, and whether it is what the manifest says.

use super::super::errors::{Remedy, RequestError};
use super::super::fetch::cut;
use super::manifest::DataFile;
use crate::error::ErrorKind;
use crate::net::backoff::backoff;
use crate::source::s3::answer::Wanted;
use crate::source::s3::bucket::Bucket;
use crate::source::s3::get::ask;
use crate::source::s3::regain::another_try;
use crate::source::s3::whole::Pace;
use md5::{Digest as _, Md5};
use std::fs::File;
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::sync::atomic::Ordering;

/// A file that came whole this often and is not what the manifest says is another file.
const WHOLE: u32 = 2;
/// No file of an inventory is longer, where nobody says how long one is.
const MOST: u64 = 64 << 30;

/// What a broken download left behind.
#[derive(Debug)]
struct Partial {
    file: File,
    bytes: u64,
    etag: Option<String>,
}

/// Fetches a file under this key. A body that breaks goes on where it broke.
pub(super) async fn download(bucket: &Bucket, wanted: &DataFile, key: &str) -> Result<File, RequestError> {
    let options = bucket.session.options();
    let counters = bucket.session.counters();
    let file = tempfile::tempfile().map_err(unwritable)?;
    let mut partial = Partial { file, bytes: 0, etag: None };
    let (mut tries, mut whole) = (0, 0);
    loop {
        bucket.session.access().enter(&bucket.uri.bucket).await?;
        if tries > 0 {
            counters.retries.fetch_add(1, Ordering::Relaxed);
        }
        tries += 1;
        let failure = match attempt(bucket, key, wanted.size, &mut partial).await {
            Ok(()) => match differs(&mut partial.file, wanted).map_err(unwritable)? {
                None => return Ok(partial.file),
                Some(why) => {
                    whole += 1;
                    partial.etag = None;
                    let remedy = if whole < WHOLE { Remedy::Retry } else { Remedy::Final };
                    RequestError::new(ErrorKind::Other, remedy, why)
                }
            },
            Err(failure) => failure,
        };
        if !another_try(bucket, &failure).await? || tries >= options.attempts {
            return Err(if tries > 1 {
                failure.context(format_args!("after {tries} tries"))
            } else {
                failure
            });
        }
        tokio::time::sleep(backoff(options.retry_base, tries)).await;
    }
}

async fn attempt(
    bucket: &Bucket,
    key: &str,
    size: Option<u64>,
    partial: &mut Partial,
) -> Result<(), RequestError> {
    // Without an ETag the rest could be another file's.
    let from = if partial.etag.is_some() { partial.bytes } else { 0 };
    let range = (from > 0).then(|| format!("bytes={from}-"));
    let asked = ask(bucket, Wanted { key, version: None, etag: partial.etag.take(), range }).await;
    let (head, mut stream) = match asked {
        // Nothing after the bytes at hand.
        Err(failure) if failure.status == Some(416) && from > 0 => return Err(failure.retryable()),
        asked => asked?,
    };
    let goes_on = head.range.as_deref().is_some_and(|range| range.starts_with(&format!("bytes {from}-")));
    partial.bytes = if goes_on { from } else { 0 };
    partial.file.set_len(partial.bytes).map_err(unwritable)?;
    partial.file.seek(SeekFrom::Start(partial.bytes)).map_err(unwritable)?;
    partial.etag = head.etag.filter(|etag| !etag.starts_with("W/"));
    let end = head.length.map(|length| partial.bytes + length);
    let options = bucket.session.options();
    let stall = options.read_timeout;
    let mut pace = Pace::new(options.drip);
    let bound = size.or(end).unwrap_or(MOST);
    loop {
        match tokio::time::timeout(stall, stream.next()).await {
            Ok(None) => break,
            Ok(Some(Ok(chunk))) => {
                partial.file.write_all(&chunk).map_err(unwritable)?;
                partial.bytes += chunk.len() as u64;
                if partial.bytes > bound {
                    // However long it is: it is not what the manifest says.
                    return Ok(());
                }
                let dripped = |text| RequestError::new(ErrorKind::Timeout, Remedy::Retry, text);
                pace.takes(chunk.len()).map_err(dripped)?;
            }
            Ok(Some(Err(broken))) => return Err(cut(format!("the body broke: {}", broken.reason))),
            Err(_) => {
                let text = format!("the body stalled for {} s", stall.as_secs_f32());
                return Err(RequestError::new(ErrorKind::Timeout, Remedy::Retry, text));
            }
        }
    }
    match end {
        Some(end) if partial.bytes < end => {
            Err(cut(format!("the body ended after {} of {end} bytes", partial.bytes)))
        }
        _ => Ok(()),
    }
}

fn unwritable(error: io::Error) -> RequestError {
    RequestError::of(ErrorKind::Io, Remedy::Final, error).context("cannot keep it in a temporary file")
}

/// Returns how a file differs from what the manifest says of it. Leaves the file at its beginning.
pub(super) fn differs(file: &mut File, wanted: &DataFile) -> io::Result<Option<String>> {
    let bytes = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(0))?;
    if let Some(size) = wanted.size.filter(|&size| size != bytes) {
        return Ok(Some(format!("it has {bytes} bytes, and {size} by the manifest")));
    }
    let Some(expected) = &wanted.md5 else { return Ok(None) };
    let mut hash = Md5::new();
    let mut reader = BufReader::with_capacity(1 << 16, &*file);
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = reader.read(&mut buffer)?;
        let Some(part) = buffer.get(..read).filter(|part| !part.is_empty()) else { break };
        hash.update(part);
    }
    drop(reader);
    file.seek(SeekFrom::Start(0))?;
    let found = crate::hex::hex(&hash.finalize());
    if found.eq_ignore_ascii_case(expected) {
        return Ok(None);
    }
    Ok(Some(format!("its MD5 is {found}, and {expected} by the manifest")))
}
