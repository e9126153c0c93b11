//! One object over the network: GET and body as one unit with its own tries.
//!
//! A try begins where the last one broke: what has come is kept, and the next GET asks for the rest, under the ETag
//! of what came before. An object that has changed since it was listed is an error that says so. A body that has come
//! whole is believed where gzip's own check, the MD5 in the ETag or S3's checksum speaks for it. What looks damaged
//! is fetched again, and bytes that came alike [`ALIKE`] times are what the server holds. Objects under names that
//! may be no log's are dropped after their first bytes.

use super::answer::{Checksum, Head, Stream, Wanted};
use super::bucket::Bucket;
use super::entry::Entry;
use super::errors::{Remedy, RequestError};
use super::get::ask;
use super::options::S3Options;
use super::regain::another_try;
use super::transcoded::{self, tag};
use super::whole::Pace;
use crate::error::ErrorKind;
use crate::inflate::{ENOUGH, may_be_log};
use crate::net::backoff::backoff;
use crate::source::Metadata;
use bytes::Bytes;
use md5::{Digest, Md5};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Bytes that came this often alike are what the server holds, damaged or not.
pub(super) const ALIKE: u32 = 4;
/// No allocation is made in advance beyond this, whatever a listing says.
const RESERVE: u64 = 64 << 20;

/// The outcome of the tries for one object.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) bytes: Vec<u8>,
    /// The bytes are those that S3 stores: their checksum or MD5 says so.
    pub(super) certified: bool,
    /// Set where the bytes are only the beginning of the object.
    pub(super) broken: Option<RequestError>,
    pub(super) metadata: Metadata,
}

/// What one try left behind for the next.
#[derive(Debug, Default)]
struct Partial {
    bytes: Vec<u8>,
    /// The ETag that the bytes belong to, quoted as the server sent it.
    etag: Option<String>,
    /// Bytes of the whole object, as the server says.
    total: Option<u64>,
    certified: bool,
    kms: bool,
    metadata: Metadata,
    /// Whether the first bytes decide that it is read at all.
    unsure: bool,
}

/// Fetches `entry`, adding to `tries` until `attempts` of the options are used up.
///
/// An object that is `unsure` is dropped after its first bytes, where these are no log's.
pub(super) async fn fetch(
    bucket: &Bucket,
    entry: &Entry,
    unsure: bool,
    tries: &mut u32,
) -> Result<Fetched, RequestError> {
    let options = bucket.session.options();
    let counters = bucket.session.counters();
    let mut partial = Partial { unsure, ..Partial::default() };
    let mut suspect: (Vec<u8>, u32) = (Vec::new(), 0);
    let mut failures = 0;
    loop {
        if let Err(lost) = bucket.session.access().enter(&bucket.uri.bucket).await {
            return partial.given_up(lost);
        }
        if *tries > 0 {
            counters.retries.fetch_add(1, Ordering::Relaxed);
        }
        *tries += 1;
        let failure = match attempt(bucket, entry, &mut partial).await {
            Ok(()) => {
                if believable(entry, &mut partial) {
                    let Partial { bytes, certified, metadata, .. } = partial;
                    return Ok(Fetched { bytes, certified, broken: None, metadata });
                }
                // Not its MD5. Some stores have ETags of their own making: four times the same settles it.
                let bytes = std::mem::take(&mut partial.bytes);
                suspect = if suspect.0 == bytes { (bytes, suspect.1 + 1) } else { (bytes, 1) };
                if suspect.1 >= ALIKE || *tries >= options.attempts {
                    let metadata = partial.metadata;
                    return Ok(Fetched { bytes: suspect.0, certified: false, broken: None, metadata });
                }
                RequestError::new(ErrorKind::Connection, Remedy::Retry, "the body does not match its ETag")
            }
            Err(failure) => failure,
        };
        failures += 1;
        let (failure, again) = match another_try(bucket, &failure).await {
            Ok(again) => (failure, again),
            Err(lost) => (lost, false),
        };
        if again && *tries < options.attempts {
            tokio::time::sleep(backoff(options.retry_base, failures)).await;
            continue;
        }
        let failure = if *tries > 1 { failure.context(format_args!("after {tries} tries")) } else { failure };
        return partial.given_up(failure);
    }
}

impl Partial {
    /// Returns whether the first bytes have come and are no log's.
    fn is_no_log(&self) -> bool {
        self.unsure && self.bytes.len() >= ENOUGH && !may_be_log(&self.bytes[..ENOUGH])
    }

    /// Ends the tries: what came of the object is all that there is.
    fn given_up(self, failure: RequestError) -> Result<Fetched, RequestError> {
        if self.bytes.is_empty() {
            return Err(failure);
        }
        let Self { bytes, metadata, .. } = self;
        Ok(Fetched { bytes, certified: false, broken: Some(failure), metadata })
    }
}

/// Returns whether a whole body can be passed on. Gzip carries its own check; anything else is held against its MD5
/// where the ETag is one.
fn believable(entry: &Entry, partial: &mut Partial) -> bool {
    if partial.certified || partial.is_no_log() || partial.bytes.starts_with(&[0x1f, 0x8b]) || partial.kms {
        return true;
    }
    match md5_matches(entry, &partial.bytes) {
        Some(matches) => {
            partial.certified = matches;
            matches
        }
        None => true,
    }
}

/// Returns whether the listed ETag is the MD5 of `bytes`; `None` where it is no MD5 (several parts, none listed).
pub(super) fn md5_matches(entry: &Entry, bytes: &[u8]) -> Option<bool> {
    let etag = entry.etag.as_deref().filter(|etag| etag.len() == 32)?;
    let mut expected = [0_u8; 16];
    for (byte, digits) in expected.iter_mut().zip(etag.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(Md5::digest(bytes).as_slice() == expected)
}

/// Sends one GET, for the whole object or for what is missing of it.
async fn attempt(bucket: &Bucket, entry: &Entry, partial: &mut Partial) -> Result<(), RequestError> {
    let options = bucket.session.options();
    // Without an ETag the rest could be another object's.
    if partial.etag.is_none() {
        partial.bytes.clear();
    }
    let from = partial.bytes.len() as u64;
    let wanted = Wanted {
        key: &entry.key,
        version: entry.version_id.as_deref(),
        etag: partial.etag.clone().or_else(|| entry.etag.as_ref().map(|etag| format!("\"{etag}\""))),
        range: (from > 0).then(|| format!("bytes={from}-")),
    };
    let (head, mut stream) = match ask(bucket, wanted).await {
        Ok(answer) => answer,
        Err(failure) => return refused(failure, partial),
    };
    let checksum = head.checksum;
    let first = match from == 0 && transcoded::suspected(entry, &head) {
        true => piece(&mut stream, options.read_timeout).await?,
        false => None,
    };
    if let Some(first) = first.as_deref().filter(|first| transcoded::begins_as_json(first)) {
        return inflated(bucket, entry, first, stream, partial).await;
    }
    begin(bucket, head, entry, partial)?;
    partial.bytes.extend_from_slice(first.as_deref().unwrap_or_default());
    let bound = expected(entry, partial).unwrap_or(options.max_memory);
    receive(stream, options, bound, partial).await?;
    if partial.is_no_log() {
        return Ok(());
    }
    if let Checksum::Crc(algorithm, sum) = checksum {
        partial.certified = crc_fast::checksum(algorithm, &partial.bytes) == sum;
        if !partial.certified {
            partial.bytes.clear();
            return Err(cut("the body does not match its checksum".to_owned()));
        }
    }
    let got = partial.bytes.len() as u64;
    match expected(entry, partial) {
        Some(expected) if got < expected => {
            partial.certified = false;
            Err(cut(format!("the body ended after {got} of {expected} bytes")))
        }
        Some(expected) if got > expected => {
            partial.bytes.clear();
            Err(cut(format!("the body has {got} bytes in place of {expected}")))
        }
        _ => Ok(()),
    }
}

/// Reads a body that the server inflated, which begins so.
async fn inflated(
    bucket: &Bucket,
    entry: &Entry,
    first: &[u8],
    stream: Stream,
    partial: &mut Partial,
) -> Result<(), RequestError> {
    let options = bucket.session.options();
    *partial = Partial { unsure: partial.unsure, bytes: first.to_vec(), ..Partial::default() };
    let received = receive(stream, options, options.max_memory, partial).await;
    if partial.is_no_log() {
        return Ok(());
    }
    let unsound = || transcoded::unsound(entry, partial.bytes.len());
    received.map_err(|failure| failure.context(unsound()))?;
    if !transcoded::is_sound(&partial.bytes) {
        return Err(cut(unsound()));
    }
    partial.certified = true;
    bucket.session.note_once(transcoded::note(&bucket.uri.to_string()));
    Ok(())
}

/// Returns the next piece of a body.
async fn piece(stream: &mut Stream, stall: Duration) -> Result<Option<Bytes>, RequestError> {
    match tokio::time::timeout(stall, stream.next()).await {
        Ok(Some(Ok(piece))) => Ok(Some(piece)),
        Ok(None) => Ok(None),
        Ok(Some(Err(broken))) => Err(cut(format!("the body broke: {}", broken.reason))),
        Err(_) => {
            let text = format!("the body stalled for {} s", stall.as_secs_f32());
            Err(RequestError::new(ErrorKind::Timeout, Remedy::Retry, text))
        }
    }
}

/// Returns how long the whole object is: as it was listed, or else as the server says.
fn expected(entry: &Entry, partial: &Partial) -> Option<u64> {
    let listed = entry.etag.is_some() || entry.size > 0;
    listed.then_some(entry.size).or(partial.total)
}

pub(super) fn cut(text: String) -> RequestError {
    RequestError::new(ErrorKind::Connection, Remedy::Retry, text)
}

/// Returns a refusal of the GET itself.
fn refused(failure: RequestError, partial: &mut Partial) -> Result<(), RequestError> {
    match failure.status {
        // Nothing after the bytes at hand: the object may be shorter than listed. Start over, to be sure.
        Some(416) if !partial.bytes.is_empty() => {
            *partial = Partial { unsure: partial.unsure, ..Partial::default() };
            Err(failure.retryable())
        }
        Some(412) => Err(failure.context("the object has changed since it was listed")),
        _ => Err(failure),
    }
}

/// Takes in the head of an answer.
fn begin(bucket: &Bucket, head: Head, entry: &Entry, partial: &mut Partial) -> Result<(), RequestError> {
    // A server that does not know `If-Match` sends whatever is there now.
    if let (Some(listed), Some(got)) = (entry.etag.as_deref().map(tag), head.etag.as_deref().map(tag))
        && listed != got
    {
        let text =
            format!("the object has changed since it was listed: its ETag was {listed:?} and is {got:?}");
        return Err(RequestError::new(ErrorKind::Other, Remedy::Final, text));
    }
    let from = partial.bytes.len() as u64;
    if from > 0
        && let Some(range) = head.range
    {
        // `bytes 100-199/200`
        let starts = range.trim_start_matches("bytes ").split('-').next().and_then(|at| at.parse().ok());
        if starts != Some(from) {
            *partial = Partial { unsure: partial.unsure, ..Partial::default() };
            return Err(cut(format!("asked for the bytes from {from} on, got {range}")));
        }
        partial.certified = false;
    } else {
        // The whole object, asked for or not.
        let listed = if entry.etag.is_some() || entry.size > 0 { entry.size } else { RESERVE };
        let expected = head.length.unwrap_or(listed).min(listed).min(RESERVE);
        let expected = usize::try_from(expected).unwrap_or(0);
        partial.bytes.clear();
        if partial.bytes.capacity() < expected {
            partial.bytes = bucket.session.buffers().take(expected);
        }
        partial.total = head.length;
        partial.certified = head.checksum == Checksum::BySdk;
    }
    partial.etag = head.etag.filter(|etag| !etag.starts_with("W/"));
    partial.kms = head.kms;
    partial.metadata = head.metadata;
    Ok(())
}

/// Reads the body, keeping what came before a break.
///
/// What goes on beyond the object's size, or beyond the memory for all bodies where no size is known, is not read.
async fn receive(
    mut stream: Stream,
    options: &S3Options,
    bound: u64,
    partial: &mut Partial,
) -> Result<(), RequestError> {
    let stall = options.read_timeout;
    let mut pace = Pace::new(options.drip);
    loop {
        match tokio::time::timeout(stall, stream.next()).await {
            Ok(None) => return Ok(()),
            Ok(Some(Ok(chunk))) => {
                partial.bytes.extend_from_slice(&chunk);
                if partial.is_no_log() {
                    return Ok(());
                }
                if partial.bytes.len() as u64 > bound {
                    partial.bytes = Vec::new();
                    partial.certified = false;
                    return Err(cut(format!("the body goes on beyond {bound} bytes")));
                }
                if let Err(text) = pace.takes(chunk.len()) {
                    partial.certified = false;
                    return Err(RequestError::new(ErrorKind::Timeout, Remedy::Retry, text));
                }
            }
            Ok(Some(Err(broken))) => {
                partial.certified = false;
                if broken.wrong_checksum {
                    partial.bytes.clear();
                }
                return Err(cut(format!("the body broke: {}", broken.reason)));
            }
            Err(_) => {
                partial.certified = false;
                let text = format!("the body stalled for {} s", stall.as_secs_f32());
                return Err(RequestError::new(ErrorKind::Timeout, Remedy::Retry, text));
            }
        }
    }
}
