//! A whole gzip member (RFC 1952), inflated at once; its CRC comes later.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crc_fast::{CrcAlgorithm, Digest};
use sha2::{Digest as _, Sha256};

use super::MAX_WHOLE;
use super::libdeflate::Decompressor;

/// Bytes that checksum and hash take at a time.
const PIECE: usize = 256 << 10;

/// Room for one inflated object, and what inflating it takes.
#[derive(Debug, Default)]
pub(super) struct Whole {
    /// Pages that no object has filled yet are none of ours: the system gives them when they are written to.
    out: Vec<u8>,
    room: Room,
    decompressor: Option<Decompressor>,
}

/// An object that inflated well.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member<'w> {
    /// The inflated bytes. What they are worth only their sum tells.
    pub(super) bytes: &'w [u8],
    crc: u32,
}

impl Whole {
    /// Inflates an object that is exactly one member of a size that fits.
    pub(super) fn inflate(&mut self, stored: &[u8], limit: u64) -> Option<Member<'_>> {
        // The last four bytes give the length modulo 2³²; they may lie, and then this way fails.
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

/// Bytes of its own that each worker's buffer may fill.
const OWN: usize = 4 << 20;
/// Bytes that all buffers together may fill beyond that: two of them may be full. However many threads there are, no
/// more than this many bytes wait in them.
const SHARED: usize = 2 * (MAX_WHOLE - OWN);

static FILLED: AtomicUsize = AtomicUsize::new(0);
/// Somebody found no room, and took the way of a stream.
static WANTED: AtomicBool = AtomicBool::new(false);

/// How far beyond [`OWN`] a buffer may be filled.
#[derive(Debug, Default)]
struct Room(usize);

impl Room {
    /// Whether there is room for so many bytes.
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

/// What follows the header of a member that has no more than a name in it.
fn after_header(stream: &[u8]) -> Option<&[u8]> {
    const FNAME: u8 = 8;
    match stream {
        [0x1f, 0x8b, 8, 0, _, _, _, _, _, _, deflated @ ..] => Some(deflated),
        [0x1f, 0x8b, 8, FNAME, _, _, _, _, _, _, rest @ ..] => Some(&rest[memchr::memchr(0, rest)? + 1..]),
        _ => None,
    }
}

impl<'w> Member<'w> {
    /// The sum of the bytes, of which none have been seen yet. `hash`: their SHA-256 is wanted as well.
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
    /// Goes on to a position.
    pub(super) fn up_to(&mut self, position: usize) {
        if let Some(piece) = self.bytes.get(self.done..position) {
            // A piece that is in cache is read by both while it is.
            for piece in piece.chunks(PIECE) {
                self.crc.update(piece);
                if let Some(hash) = &mut self.hash {
                    hash.update(piece);
                }
            }
            self.done = position;
        }
    }

    /// The SHA-256, where it is wanted. `None` where the bytes, those included that nobody read, are not what was
    /// compressed.
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
