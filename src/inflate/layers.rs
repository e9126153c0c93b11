//! The layers around an object's text: gzip or zstd, once or twice, and UTF-16 inside.
//!
//! The first bytes identify each layer. Firehose compresses what CloudWatch Logs has compressed before, so a
//! second layer is inflated like the first; a third is refused. The limit of bytes holds for the output of
//! each layer, so that no layer can hide a bomb from the next.

use std::io::{self, BufRead, Read};
use std::sync::{Arc, Mutex, PoisonError};

use super::stream::{Stream, starts_gzip};
use super::utf16::{Utf16, starts_utf16};
use super::zstd::starts_zstd;
use crate::cancel::Cancel;
use crate::error::{ErrorKind, Stage};
use crate::records::cursor::{Break, Chunks};

/// Bytes that identify the layer around an object.
const TOLD_BY: usize = 4;

/// Returns whether an object is compressed, by its first bytes.
pub(super) fn is_compressed(bytes: &[u8]) -> bool {
    starts_gzip(bytes) || starts_zstd(bytes)
}

/// Returns whether the first bytes are not yet the text.
pub(super) fn is_wrapped(bytes: &[u8]) -> bool {
    is_compressed(bytes) || starts_utf16(bytes)
}

/// The text of an object, piece by piece.
pub(super) struct Layers<R: BufRead> {
    inner: Inner<R>,
    utf16: Option<Utf16>,
    /// The first piece, and how the bytes end if they end with it.
    first: Option<(Vec<u8>, Result<bool, Break>)>,
}

enum Inner<R: BufRead> {
    One(Stream<R>),
    Two { stream: Stream<Below<R>>, broken: Broken },
}

/// The reason why the layer below ended, which the decoder above it does not know.
type Broken = Arc<Mutex<Option<Break>>>;

impl<R: BufRead> Layers<R> {
    pub(super) fn new(reader: R, limit: u64, cancel: &Cancel) -> Result<Self, Break> {
        let mut stream = Stream::new(reader, limit, cancel)?;
        let (mut first, mut result) = begin(&mut stream);
        let inner = if stream.is_compressed() && is_compressed(&first) {
            let broken = Broken::default();
            let below = Below { stream, piece: first, at: 0, result, broken: Arc::clone(&broken) };
            let stream =
                Stream::new(below, limit, cancel).map_err(|error| taken(&broken).unwrap_or(error))?;
            let mut inner = Inner::Two { stream, broken };
            (first, result) = begin(&mut inner);
            if is_compressed(&first) {
                return Err(Break {
                    stage: Stage::Inflate,
                    kind: ErrorKind::InvalidJson,
                    cause: "compressed more than twice: unpack it first".into(),
                });
            }
            inner
        } else {
            Inner::One(stream)
        };
        Ok(Self { inner, utf16: Utf16::by_mark(&first), first: Some((first, result)) })
    }

    /// Returns the number of bytes that were inflated.
    pub(super) fn total(&self) -> u64 {
        match &self.inner {
            Inner::One(stream) => stream.total,
            Inner::Two { stream, .. } => stream.total,
        }
    }
}

/// Returns the first piece, long enough to identify its layer.
fn begin(stream: &mut impl Chunks) -> (Vec<u8>, Result<bool, Break>) {
    let mut first = Vec::new();
    loop {
        match stream.more(&mut first) {
            Ok(true) if first.len() < TOLD_BY => {}
            result => return (first, result),
        }
    }
}

fn taken(broken: &Broken) -> Option<Break> {
    broken.lock().unwrap_or_else(PoisonError::into_inner).take()
}

impl<R: BufRead> Chunks for Inner<R> {
    fn more(&mut self, window: &mut Vec<u8>) -> Result<bool, Break> {
        match self {
            Inner::One(stream) => stream.more(window),
            Inner::Two { stream, broken } => {
                stream.more(window).map_err(|error| taken(broken).unwrap_or(error))
            }
        }
    }
}

impl<R: BufRead> Chunks for Layers<R> {
    fn more(&mut self, window: &mut Vec<u8>) -> Result<bool, Break> {
        let Some(utf16) = &mut self.utf16 else {
            return match self.first.take() {
                Some((first, result)) => {
                    window.extend_from_slice(&first);
                    result
                }
                None => self.inner.more(window),
            };
        };
        let (bytes, result) = self.first.take().unwrap_or_else(|| {
            let mut bytes = Vec::new();
            let result = self.inner.more(&mut bytes);
            (bytes, result)
        });
        utf16.feed(&bytes, window);
        match result {
            Ok(false) => {
                let before = window.len();
                utf16.end(window)?;
                Ok(window.len() > before)
            }
            result => result,
        }
    }
}

/// A layer as the input of the next one.
struct Below<R: BufRead> {
    stream: Stream<R>,
    piece: Vec<u8>,
    at: usize,
    result: Result<bool, Break>,
    broken: Broken,
}

impl<R: BufRead> BufRead for Below<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.at == self.piece.len() {
            match std::mem::replace(&mut self.result, Ok(false)) {
                Ok(true) => {
                    self.piece.clear();
                    self.at = 0;
                    self.result = self.stream.more(&mut self.piece);
                }
                Ok(false) => break,
                Err(broken) => {
                    *self.broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(broken);
                    return Err(io::Error::other("the layer below is broken"));
                }
            }
        }
        Ok(&self.piece[self.at..])
    }

    fn consume(&mut self, n: usize) {
        self.at += n;
    }
}

impl<R: BufRead> Read for Below<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.fill_buf()?.read(buf)?;
        self.consume(n);
        Ok(n)
    }
}
