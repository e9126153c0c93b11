//! A whole gzip member (RFC 1952), inflated at once; its CRC comes later.
//!
//! [`Whole::inflate`] takes an object that is exactly one member of a size that fits, and inflates it with
//! libdeflate into a buffer that is used again for the next one. [`Sum`] takes the CRC while the bytes are
//! read, so that they pass through the cache once; only at the end is it known whether the bytes count. Each
//! worker has a buffer, and [`Room`] bounds what all buffers together may fill, however many workers there
//! are. Anything that does not fit this way is left to the stream.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crc_fast::{CrcAlgorithm, Digest};
use sha2::{Digest as _, Sha256};

use super::MAX_WHOLE;
use super::libdeflate::Decompressor;

/// Bytes that checksum and hash take at a time.
const PIECE: usize = 256 << 10;

/// The buffer for one inflated object, and what inflating needs.
#[derive(Debug, Default)]
pub(super) struct Whole {
    /// The inflated bytes. The system provides pages only as objects fill them.
    out: Vec<u8>,
    room: Room,
    decompressor: Option<Decompressor>,
}

/// An object that inflated well.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member<'w> {
    /// The inflated bytes, which count only if their sum is right.
    pub(super) bytes: &'w [u8],
    crc: u32,
}

impl Whole {
    /// Inflates an object that is exactly one member of a size that fits.
    pub(super) fn inflate(&mut self, stored: &[u8], limit: u64) -> Option<Member<'_>> {
        // The last four bytes give the length modulo 2³². A wrong length makes the inflating fail.
        let (stream, end) = stored.split_last_chunk::<8>()?;
        let [crc, length] =
            [&end[..4], &end[4..]].map(|word| word.first_chunk().copied().map(u32::from_le_bytes));
        let (crc, length) = (crc?, length? as usize);
        if length > MAX_WHOLE || length as u64 > limit {
            return None;
        }
        let deflated = after_header(stream)?;
        if WANTED.load(Ordering::Relaxed) && self.room.0 > 0 && WANTED.swap(false, Ordering::Relaxed) {
            (self.out, self.room) = (Vec::new(), Room::default());
        }
        if !self.room.reaches(length) {
            return None;
        }
        if self.decompressor.is_none() {
            self.decompressor = Decompressor::new();
        }
        if self.out.is_empty() {
            self.out = vec![0; MAX_WHOLE];
        }
        let out = self.out.get_mut(..length)?;
        let (read, written) = self.decompressor.as_mut()?.deflated(deflated, out)?;
        (read == deflated.len() && written == length).then_some(Member { bytes: out, crc })
    }
}

/// Bytes that each worker's buffer may fill by itself.
const OWN: usize = 4 << 20;
/// Bytes that all buffers together may fill beyond [`OWN`]: enough for two full ones, however many threads
/// there are.
const SHARED: usize = 2 * (MAX_WHOLE - OWN);

static FILLED: AtomicUsize = AtomicUsize::new(0);
/// Whether a worker found no room and took the way of a stream.
static WANTED: AtomicBool = AtomicBool::new(false);

/// The bytes beyond [`OWN`] that a buffer may be filled with.
#[derive(Debug, Default)]
struct Room(usize);

impl Room {
    /// Takes room for so many bytes. Returns whether there is any.
    fn reaches(&mut self, length: usize) -> bool {
        let more = length.saturating_sub(OWN).saturating_sub(self.0);
        let fits = |filled: usize| Some(filled + more).filter(|&filled| filled <= SHARED);
        if more > 0 && FILLED.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_err() {
            WANTED.store(true, Ordering::Relaxed);
            return false;
        }
        self.0 += more;
        true
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        FILLED.fetch_sub(self.0, Ordering::Relaxed);
    }
}

/// Returns what follows the header of a member that has at most a name in it.
fn after_header(stream: &[u8]) -> Option<&[u8]> {
    const FNAME: u8 = 8;
    match stream {
        [0x1f, 0x8b, 8, 0, _, _, _, _, _, _, deflated @ ..] => Some(deflated),
        [0x1f, 0x8b, 8, FNAME, _, _, _, _, _, _, rest @ ..] => Some(&rest[memchr::memchr(0, rest)? + 1..]),
        _ => None,
    }
}

impl<'w> Member<'w> {
    /// Returns the sum of the bytes, before any of them. `hash`: whether SHA-256 is taken as well.
    pub(super) fn sum(&self, hash: bool) -> Sum<'w> {
        let crc = Digest::new(CrcAlgorithm::Crc32IsoHdlc);
        let hash = hash.then(Sha256::new);
        Sum { bytes: self.bytes, done: 0, crc, hash, expected: self.crc }
    }
}

/// The CRC of the bytes so far.
#[derive(Debug)]
pub(super) struct Sum<'w> {
    bytes: &'w [u8],
    done: usize,
    crc: Digest,
    hash: Option<Sha256>,
    expected: u32,
}

impl Sum<'_> {
    /// Takes the sum up to a position.
    pub(super) fn up_to(&mut self, position: usize) {
        if let Some(piece) = self.bytes.get(self.done..position) {
            // Both read a piece while it is in cache.
            for piece in piece.chunks(PIECE) {
                self.crc.update(piece);
                if let Some(hash) = &mut self.hash {
                    hash.update(piece);
                }
            }
            self.done = position;
        }
    }

    /// Returns the SHA-256 where it was asked for. Returns `None` where the bytes, read or not, are not what
    /// was compressed.
    pub(super) fn proves_right(mut self) -> Option<Option<[u8; 32]>> {
        self.up_to(self.bytes.len());
        let right = self.crc.finalize() == u64::from(self.expected);
        right.then(|| self.hash.map(|hash| hash.finalize().into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_buffers_together_are_bounded() {
        let mut rooms: Vec<Room> = (0..8).map(|_| Room::default()).collect();
        assert!(rooms.iter_mut().all(|room| room.reaches(OWN)));
        let large = rooms.iter_mut().filter_map(|room| room.reaches(MAX_WHOLE).then_some(())).count();
        assert!(large <= 2, "{large}");
        let held: usize = rooms.iter().map(|room| room.0).sum();
        assert_eq!(held, large * (MAX_WHOLE - OWN));
        drop(rooms);
        assert!(FILLED.load(Ordering::Relaxed) <= SHARED - held);
    }
}
