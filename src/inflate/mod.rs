//! From stored bytes to a [`Cursor`] over the inflated ones.
//!
//! Gzip is decided by its magic bytes, never by a name. An object of usual size is one member and is
//! inflated as a whole by libdeflate, into a buffer that is used again for the next one. Whatever that
//! way does not accept (several members, a cut, damage, a size beyond the buffer) takes the certain way
//! of a stream, from the start.

#[cfg(feature = "libdeflate")]
mod libdeflate;
mod stream;

use std::io::BufRead;
use std::thread;
use std::time::{Duration, Instant};

use crate::cancel::Cancel;
use crate::error::{ErrorKind, Stage};
use crate::scan::cursor::{Break, Chunks, Cursor};
use stream::{Stream, starts_gzip};

/// Inflated sizes up to this are held as a whole. Two threads with one such object each stay below
/// 128 MB together with everything else.
pub const MAX_WHOLE: usize = 56 << 20;

/// Buffers that one worker uses for one object after another.
#[derive(Debug, Default)]
pub struct Buffers {
    out: Vec<u8>,
    #[cfg(feature = "libdeflate")]
    decompressor: Option<libdeflate::Decompressor>,
}

/// What inflating cost and yielded.
#[derive(Clone, Copy, Debug, Default)]
pub struct Inflated {
    /// Inflated bytes.
    pub bytes: u64,
    /// Time spent inflating (and reading, where a file is streamed).
    pub time: Duration,
}

/// Gives `read` a cursor over the inflated bytes of an object that is in memory.
pub fn inflate_bytes<T>(
    stored: &[u8],
    limit: u64,
    overlap: bool,
    cancel: &Cancel,
    buffers: &mut Buffers,
    read: impl FnOnce(&mut Cursor<'_>) -> T,
) -> (Result<T, Break>, Inflated) {
    if !starts_gzip(stored) && stored.len() as u64 <= limit {
        let inflated = Inflated { bytes: stored.len() as u64, time: Duration::ZERO };
        return (Ok(read(&mut Cursor::whole(stored))), inflated);
    }
    let start = Instant::now();
    if let Some(bytes) = buffers.whole(stored, limit) {
        let time = start.elapsed();
        let inflated = Inflated { bytes: bytes.len() as u64, time };
        return (Ok(read(&mut Cursor::whole(bytes))), inflated);
    }
    inflate_stream(stored, limit, overlap && stored.len() > (4 << 20), cancel, read)
}

/// Gives `read` a cursor over the inflated bytes of whatever `reader` yields, in windows. With
/// `overlap`, inflating runs ahead on a thread of its own.
pub fn inflate_stream<T>(
    reader: impl BufRead + Send,
    limit: u64,
    overlap: bool,
    cancel: &Cancel,
    read: impl FnOnce(&mut Cursor<'_>) -> T,
) -> (Result<T, Break>, Inflated) {
    let start = Instant::now();
    let stream = match Stream::new(reader, limit) {
        Ok(stream) => stream,
        Err(broken) => return (Err(broken), Inflated::default()),
    };
    let mut timed = Timed { stream, time: start.elapsed(), cancel };
    let result = if overlap {
        thread::scope(|scope| {
            // A few windows ahead are enough to keep both sides busy.
            let (sender, receiver) = crossbeam_channel::bounded(4);
            let timed = &mut timed;
            scope.spawn(move || timed.send_all(&sender));
            read(&mut Cursor::windows(&mut Ahead { receiver }))
        })
    } else {
        read(&mut Cursor::windows(&mut timed))
    };
    (Ok(result), Inflated { bytes: timed.stream.total, time: timed.time })
}

impl Buffers {
    /// The inflated bytes of an object that is exactly one sound member and fits.
    #[cfg(feature = "libdeflate")]
    fn whole(&mut self, stored: &[u8], limit: u64) -> Option<&[u8]> {
        // The last four bytes give the length modulo 2³²; they may lie, and then this way fails.
        let length = u32::from_le_bytes(*stored.last_chunk::<4>()?) as usize;
        if length > MAX_WHOLE || length as u64 > limit {
            return None;
        }
        if self.decompressor.is_none() {
            self.decompressor = libdeflate::Decompressor::new();
        }
        if self.out.is_empty() {
            // Zeroed memory of this size comes from the system untouched: only pages that are written to
            // count, and growing step by step would touch them anew each time.
            self.out = vec![0; MAX_WHOLE];
        }
        let (read, written) = self.decompressor.as_mut()?.member(stored, &mut self.out[..length])?;
        (read == stored.len()).then(|| &self.out[..written])
    }

    #[cfg(not(feature = "libdeflate"))]
    fn whole(&mut self, _stored: &[u8], _limit: u64) -> Option<&[u8]> {
        None
    }
}

struct Timed<'c, R: BufRead> {
    stream: Stream<R>,
    time: Duration,
    cancel: &'c Cancel,
}

impl<R: BufRead> Timed<'_, R> {
    fn send_all(&mut self, to: &crossbeam_channel::Sender<(Vec<u8>, Result<bool, Break>)>) {
        loop {
            let mut window = Vec::new();
            let result = self.more(&mut window);
            let goes_on = matches!(result, Ok(true));
            // The receiver is gone where reading stopped early; then nothing more is wanted.
            if to.send((window, result)).is_err() || !goes_on {
                return;
            }
        }
    }
}

impl<R: BufRead> Chunks for Timed<'_, R> {
    fn more(&mut self, window: &mut Vec<u8>) -> Result<bool, Break> {
        if self.cancel.is_set() {
            return Err(Break { stage: Stage::Read, kind: ErrorKind::Other, cause: "interrupted".into() });
        }
        let start = Instant::now();
        let result = self.stream.more(window);
        self.time += start.elapsed();
        result
    }
}

struct Ahead {
    receiver: crossbeam_channel::Receiver<(Vec<u8>, Result<bool, Break>)>,
}

impl Chunks for Ahead {
    fn more(&mut self, window: &mut Vec<u8>) -> Result<bool, Break> {
        // The sender goes only after it has sent the end.
        let Ok((bytes, result)) = self.receiver.recv() else { return Ok(false) };
        window.extend_from_slice(&bytes);
        result
    }
}
