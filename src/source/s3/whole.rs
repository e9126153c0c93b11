//! Whether the answer to a list request is there whole, in bounded memory and time.
//!
//! The SDK reads what XML there is and takes a body that ends between two elements for all of it: objects, even
//! accounts, would be missing without a word. So the body of a list answer goes through [`Whole`] on its way to the
//! SDK: it must end in the closing tag of its root, may not be longer than any page of S3's, and must come at
//! a pace that has an end.

use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextMut;
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use hyper::body::{Body, Frame};
use std::fmt;
use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// A page has a thousand keys of a kilobyte at most, some attributes each, and escapes.
const MOST: u64 = 64 << 20;
/// Tags of a page. A thousand keys have some forty thousand; what the SDK makes of an empty element takes twenty times its
/// bytes.
const TAGS: usize = 1 << 20;
/// Bytes a second that a body must bring at least.
const SLOWEST: u64 = 1024;
/// White space may follow the root.
const TAIL: usize = 64;
/// Bytes that tell what an answer is.
const HEAD: usize = 256;

/// An answer that cannot be believed: it is cut, too long or never ends.
#[derive(Debug)]
pub(super) struct Doubtful(String);

impl fmt::Display for Doubtful {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Doubtful {}

/// The answer of something else than S3, which another try does not change.
#[derive(Debug)]
pub(super) struct NotS3(&'static str);

impl fmt::Display for NotS3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the answer is {}, not S3's: not an S3 API; is the endpoint right?", self.0)
    }
}

impl std::error::Error for NotS3 {}

impl NotS3 {
    /// Tells the kind of an answer by its first bytes.
    pub(super) fn of(head: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(&head[..head.len().min(HEAD)]).to_ascii_lowercase();
        let mut text = text.trim_start_matches('\u{feff}').trim_start();
        while let Some((_, rest)) = text.strip_prefix("<!--").and_then(|rest| rest.split_once("-->")) {
            text = rest.trim_start();
        }
        match text {
            _ if text.starts_with("<!doctype html") || text.starts_with("<html") => Some(Self("HTML")),
            _ if text.starts_with(['{', '[']) => Some(Self("JSON")),
            _ => None,
        }
    }
}

/// How fast a body comes.
#[derive(Debug)]
pub(super) struct Pace {
    span: Duration,
    since: Instant,
    bytes: u64,
}

impl Pace {
    /// Looks once in a `span`.
    pub(super) fn new(span: Duration) -> Self {
        Self { span, since: Instant::now(), bytes: 0 }
    }

    /// Takes in a piece. Fails, in words, where the last span brought next to nothing.
    pub(super) fn takes(&mut self, bytes: usize) -> Result<(), String> {
        self.takes_after(bytes, self.since.elapsed())
    }

    fn takes_after(&mut self, bytes: usize, elapsed: Duration) -> Result<(), String> {
        self.bytes += bytes as u64;
        if elapsed < self.span {
            return Ok(());
        }
        let brought = std::mem::take(&mut self.bytes);
        self.since = Instant::now();
        if brought as f64 >= SLOWEST as f64 * elapsed.as_secs_f64() {
            return Ok(());
        }
        Err(format!("the body stalled: {brought} bytes came in {:.1} s", elapsed.as_secs_f32()))
    }
}

/// Has the bodies of list answers checked.
#[derive(Debug)]
pub(super) struct Proof {
    /// How long to wait for each further piece.
    pub(super) stall: Duration,
    /// How long a body may come slowly.
    pub(super) drip: Duration,
}

impl Intercept for Proof {
    fn name(&self) -> &'static str {
        "Proof"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let root = match config.load::<Metadata>().map(Metadata::name) {
            Some("ListObjectsV2") => "</ListBucketResult>",
            Some("ListObjectVersions") => "</ListVersionsResult>",
            _ => return Ok(()),
        };
        let response = context.response_mut();
        // An error's body tells why; what there is of it is better than nothing.
        let root = response.status().is_success().then_some(root);
        let body = std::mem::replace(response.body_mut(), SdkBody::taken());
        let whole = Whole {
            body: Box::pin(body),
            end: End { root, ..End::default() },
            pace: Pace::new(self.drip),
            stall: self.stall,
            patience: Box::pin(tokio::time::sleep(self.stall)),
        };
        *response.body_mut() = SdkBody::from_body_1_x(whole);
        Ok(())
    }
}

/// A body that ends in an error where it is not whole.
struct Whole {
    body: Pin<Box<SdkBody>>,
    end: End,
    pace: Pace,
    stall: Duration,
    patience: Pin<Box<Sleep>>,
}

/// How long a body is, and how it ends.
#[derive(Debug, Default)]
struct End {
    root: Option<&'static str>,
    bytes: u64,
    tags: usize,
    /// The first bytes.
    head: Vec<u8>,
    /// The last bytes.
    tail: Vec<u8>,
}

impl End {
    fn take(&mut self, data: &[u8]) -> Result<(), String> {
        self.bytes += data.len() as u64;
        if self.bytes > MOST {
            return Err(format!("the answer has more than {MOST} bytes"));
        }
        self.tags += memchr::memchr_iter(b'<', data).count();
        if self.tags > TAGS {
            return Err(format!("the answer has more than {TAGS} tags"));
        }
        let room = HEAD - self.head.len();
        self.head.extend_from_slice(&data[..data.len().min(room)]);
        // Blanks do not push the end out of sight.
        let data = data.trim_ascii_end();
        self.tail.extend_from_slice(&data[data.len().saturating_sub(TAIL)..]);
        self.tail.drain(..self.tail.len().saturating_sub(TAIL));
        Ok(())
    }

    fn check(&self) -> Result<(), String> {
        match self.root {
            Some(root) if !self.tail.ends_with(root.as_bytes()) => {
                Err(format!("the answer ends before {root}, after {} bytes", self.bytes))
            }
            _ => Ok(()),
        }
    }
}

impl Whole {
    fn take(&mut self, data: &[u8]) -> Result<(), String> {
        self.patience.as_mut().reset(Instant::now() + self.stall);
        self.end.take(data)?;
        self.pace.takes(data.len())
    }
}

impl Body for Whole {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let doubtful = |why: String| Poll::Ready(Some(Err(BoxError::from(Doubtful(why)))));
        match self.body.as_mut().poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => match frame.data_ref().map(|data| self.take(data)) {
                Some(Err(why)) => doubtful(why),
                _ => Poll::Ready(Some(Ok(frame))),
            },
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(error))),
            Poll::Ready(None) => match self.end.check() {
                Ok(()) => Poll::Ready(None),
                Err(why) => match NotS3::of(&self.end.head) {
                    Some(other) => Poll::Ready(Some(Err(BoxError::from(other)))),
                    None => doubtful(why),
                },
            },
            Poll::Pending => match self.patience.as_mut().poll(cx) {
                Poll::Ready(()) => doubtful(format!("the answer stalled for {} s", self.stall.as_secs_f32())),
                Poll::Pending => Poll::Pending,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_must_end_in_its_root() {
        let whole = |pieces: &[&str]| {
            let mut end = End { root: Some("</ListBucketResult>"), ..End::default() };
            pieces.iter().try_for_each(|piece| end.take(piece.as_bytes())).and_then(|()| end.check())
        };
        let blanks = " \n".repeat(1000);
        for pieces in [
            &["<ListBucketResult></ListBucketResult>"][..],
            &["<ListBucketResult></ListBucket", "Result>\n"],
            &["<ListBucketResult></ListBucketResult", ">", &blanks, &blanks],
        ] {
            assert_eq!(whole(pieces), Ok(()));
        }
        for pieces in [
            &[][..],
            &["<ListBucketResult>"],
            &["<ListBucketResult><Contents></Contents>"],
            &["<ListBucketResult></ListBucketResult", &blanks],
            &["<Error></Error>"],
        ] {
            assert!(whole(pieces).is_err(), "{pieces:?}");
        }
        let mut endless = End::default();
        assert!((0..70).any(|_| endless.take(&[b' '; 1 << 20]).is_err()));
        assert!(endless.tail.len() <= TAIL);
        let empty = b"<Contents/>".repeat(1 << 17);
        let mut end = End::default();
        assert_eq!((0..9).find(|_| end.take(&empty).is_err()), Some(8));
    }

    #[test]
    fn what_drips_has_stalled() {
        let second = Duration::from_secs(1);
        let mut pace = Pace::new(60 * second);
        for n in 0..600 {
            assert_eq!(pace.takes_after(1100, (n % 61) * second), Ok(()));
        }
        let mut pace = Pace::new(60 * second);
        assert!((0..59).all(|n| pace.takes_after(1000, n * second).is_ok()));
        assert!(pace.takes_after(1000, 60 * second).is_err());
    }
}
