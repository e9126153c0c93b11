//! From stored bytes to a [`Cursor`] over the inflated ones.
//!
//! The first bytes decide whether an object is gzip, zstd or UTF-16, never a name (`layers`). An object of
//! usual size is one member and is inflated as a whole by libdeflate, into a buffer that is used again for
//! the next one. The CRC of an object is taken while the object is read, of bytes that are still in cache;
//! where the CRC is wrong, what was read does not count. An object that this way does not accept (several
//! members, a cut, damage, a size beyond the buffer) takes the certain way of a stream, from the start.

mod beginning;
mod first;
mod gzip;
mod header;
mod layers;
#[cfg(feature = "libdeflate")]
mod libdeflate;
#[cfg(feature = "libdeflate")]
mod member;
#[cfg(not(feature = "libdeflate"))]
mod no_whole;
mod peek;
#[cfg(feature = "libdeflate")]
mod sha256;
mod stream;
mod utf16;
#[cfg(feature = "libdeflate")]
mod whole;
mod zstd;

use std::io::BufRead;
use std::thread;
use std::time::{Duration, Instant};

use crate::cancel::Cancel;
use crate::error::{ErrorKind, Stage};
use crate::records::cursor::{Break, Chunks, Cursor};
pub(crate) use beginning::{ENOUGH, may_be_log};
pub(crate) use first::{Checked, check_bytes};
pub use first::{first_member, hash_bytes};
use layers::{Layers, is_wrapped};
#[cfg(not(feature = "libdeflate"))]
pub use no_whole::NoBuffers as Buffers;
#[cfg(not(feature = "libdeflate"))]
pub(crate) use no_whole::NoUnhashed as Unhashed;
pub(crate) use peek::Peek;
#[cfg(feature = "libdeflate")]
pub(crate) use sha256::Unhashed;
pub(crate) use stream::MAGIC;
pub(crate) use stream::starts_gzip;
#[cfg(feature = "libdeflate")]
pub use whole::Buffers;

/// Inflated sizes up to this are held as a whole. Two threads with one such object each stay below 128 MB
/// together with everything else.
pub const MAX_WHOLE: usize = 56 << 20;

/// The inflated bytes of an object's first member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstMember {
    /// SHA-256 of the inflated bytes.
    pub sha256: [u8; 32],
    /// The number of inflated bytes.
    pub bytes: u64,
    /// Whether something follows the member.
    pub trailing: bool,
}

/// The cost and the yield of inflating.
#[derive(Clone, Copy, Debug, Default)]
pub struct Inflated {
    /// Inflated bytes.
    pub bytes: u64,
    /// Time spent inflating (and reading, where a file is streamed).
    pub time: Duration,
}

/// Gives `read` a cursor over the inflated bytes of an object that is in memory. Where the bytes prove to be
/// damaged, `read` is called a second time, from the start, and must discard the result of the first call.
///
/// # Errors
///
/// Fails where the object is compressed more than twice, or is damaged at its start. Damage further on ends
/// the cursor's bytes, with the reason in [`Cursor::take_break`].
pub fn inflate_bytes<T>(
    stored: &[u8],
    limit: u64,
    overlap: bool,
    cancel: &Cancel,
    buffers: &mut Buffers,
    mut read: impl FnMut(&mut Cursor<'_>) -> T,
) -> (Result<T, Break>, Inflated) {
    buffers.forget_unhashed();
    if !is_wrapped(stored) && stored.len() as u64 <= limit {
        let inflated = Inflated { bytes: stored.len() as u64, time: Duration::ZERO };
        return (Ok(read(&mut Cursor::whole(stored))), inflated);
    }
    if let Some((result, inflated)) = buffers.whole(stored, limit, &mut read) {
        return (Ok(result), inflated);
    }
    inflate_stream(stored, limit, overlap && stored.len() > (4 << 20), cancel, read)
}

/// Gives `read` a cursor over the inflated bytes of `reader`, in windows. With `overlap`, inflating runs
/// ahead on a thread of its own.
///
/// # Errors
///
/// Fails as [`inflate_bytes`] does, and where the reader fails at the start.
pub fn inflate_stream<T>(
    reader: impl BufRead + Send,
    limit: u64,
    overlap: bool,
    cancel: &Cancel,
    read: impl FnOnce(&mut Cursor<'_>) -> T,
) -> (Result<T, Break>, Inflated) {
    let start = Instant::now();
    let stream = match Layers::new(reader, limit, cancel) {
        Ok(stream) => stream,
        Err(broken) => return (Err(broken), Inflated::default()),
    };
    let mut timed = Timed { stream, time: start.elapsed(), cancel };
    let ahead = thread::scope(|scope| {
        // A few windows ahead are enough to keep both sides busy.
        let (sender, receiver) = crossbeam_channel::bounded(4);
        let timed = &mut timed;
        let run = move || timed.send_all(&sender);
        // Without a thread for it, nothing runs ahead.
        if overlap && thread::Builder::new().spawn_scoped(scope, run).is_ok() {
            Ok(read(&mut Cursor::windows(&mut Ahead { receiver })))
        } else {
            Err(read)
        }
    });
    let result = match ahead {
        Ok(result) => result,
        Err(read) => read(&mut Cursor::windows(&mut timed)),
    };
    (Ok(result), Inflated { bytes: timed.stream.total(), time: timed.time })
}

struct Timed<'c, R: BufRead> {
    stream: Layers<R>,
    time: Duration,
    cancel: &'c Cancel,
}

impl<R: BufRead> Timed<'_, R> {
    fn send_all(&mut self, to: &crossbeam_channel::Sender<(Vec<u8>, Result<bool, Break>)>) {
        loop {
            let mut window = Vec::new();
            let result = self.more(&mut window);
            let goes_on = matches!(result, Ok(true));
            // Without a receiver, which is gone where reading stopped early, no further bytes are needed.
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
        // The sender is dropped only after it has sent the end.
        let Ok((bytes, result)) = self.receiver.recv() else { return Ok(false) };
        window.extend_from_slice(&bytes);
        result
    }
}
