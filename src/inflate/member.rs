//! A whole gzip member (RFC 1952), inflated at once; its CRC comes later.
//!
//! [`Whole::inflate`] takes an object that is exactly one member of a size that fits, and inflates it with
//! libdeflate into a buffer that is used again for the next one. [`Sum`] takes the CRC while the bytes are
//! read, so that they pass through the cache once; only at the end is it known whether the bytes count. Each
//! worker has a buffer, and a second one while the hash of an object waits for that of the next ([`Filled`]).
//! [`Room`] bounds what all buffers together may fill, however many workers there are. Anything that does not fit
//! this way is left to the stream.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::MAX_WHOLE;
use super::libdeflate::Decompressor;
use crc_fast::{CrcAlgorithm, Digest};

/// The buffer for one inflated object, and what inflating needs.
#[derive(Debug, Default)]
pub(super) struct Whole {
    buffer: Buffer,
    /// The buffer of an object that is hashed.
    spare: Buffer,
    /// Whether objects are hashed, so that each worker may have two buffers.
    pub(super) hashes: bool,
    decompressor: Option<Decompressor>,
}

/// A buffer for inflated bytes.
#[derive(Debug, Default)]
struct Buffer {
    /// The system provides pages only as objects fill them.
    out: Vec<u8>,
    room: Room,
}

/// A buffer and how much of it an object fills.
#[derive(Debug)]
pub(super) struct Filled {
    buffer: Buffer,
    length: usize,
}

impl Filled {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer.out[..self.length]
    }

    #[cfg(test)]
    pub(super) fn of(out: Vec<u8>) -> Self {
        let length = out.len();
        Self { buffer: Buffer { out, room: Room::default() }, length }
    }
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
        let held = self.buffer.room.0 + self.spare.room.0;
        if WANTED.load(Ordering::Relaxed) && held > 0 && WANTED.swap(false, Ordering::Relaxed) {
            (self.buffer, self.spare) = Default::default();
        }
        let Buffer { out, room } = &mut self.buffer;
        if !room.reaches(length, if self.hashes { SHARED_WITH_HASHES } else { SHARED }) {
            return None;
        }
        if self.decompressor.is_none() {
            self.decompressor = Decompressor::new();
        }
        if out.is_empty() {
            *out = vec![0; MAX_WHOLE];
        }
        let out = out.get_mut(..length)?;
        let (read, written) = self.decompressor.as_mut()?.deflated(deflated, out)?;
        (read == deflated.len() && written == length).then_some(Member { bytes: out, crc })
    }

    /// Returns whether a worker found no room, so that a buffer is better not kept for the hash.
    pub(super) fn is_wanted() -> bool {
        WANTED.load(Ordering::Relaxed)
    }

    /// Takes the last object's bytes, so that the next object goes into another buffer.
    pub(super) fn take(&mut self, length: usize) -> Filled {
        Filled { buffer: std::mem::replace(&mut self.buffer, std::mem::take(&mut self.spare)), length }
    }

    /// Takes a buffer back.
    pub(super) fn give_back(&mut self, filled: Filled) {
        let to = if self.buffer.out.is_empty() { &mut self.buffer } else { &mut self.spare };
        *to = filled.buffer;
    }
}

/// Bytes that each worker's buffer may fill by itself.
const OWN: usize = 4 << 20;
/// Bytes that all buffers together may fill beyond [`OWN`], however many threads there are: enough for two full
/// ones, and for two whose hashes wait.
const SHARED: usize = 2 * (MAX_WHOLE - OWN);
const SHARED_WITH_HASHES: usize = 2 * SHARED;

static FILLED: AtomicUsize = AtomicUsize::new(0);
/// Whether a worker found no room and took the way of a stream.
static WANTED: AtomicBool = AtomicBool::new(false);

/// The bytes beyond [`OWN`] that a buffer may be filled with.
#[derive(Debug, Default)]
struct Room(usize);

impl Room {
    /// Takes room for so many bytes, of `shared` for all. Returns whether there is any.
    fn reaches(&mut self, length: usize, shared: usize) -> bool {
        let more = length.saturating_sub(OWN).saturating_sub(self.0);
        let fits = |filled: usize| Some(filled + more).filter(|&filled| filled <= shared);
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
    /// Returns the sum of the bytes, before any of them.
    pub(super) fn sum(&self) -> Sum<'w> {
        let crc = Digest::new(CrcAlgorithm::Crc32IsoHdlc);
        Sum { bytes: self.bytes, done: 0, crc, expected: self.crc }
    }
}

/// The CRC of the bytes so far.
#[derive(Debug)]
pub(super) struct Sum<'w> {
    bytes: &'w [u8],
    done: usize,
    crc: Digest,
    expected: u32,
}

impl Sum<'_> {
    /// Takes the sum up to a position.
    pub(super) fn up_to(&mut self, position: usize) {
        if let Some(piece) = self.bytes.get(self.done..position) {
            self.crc.update(piece);
            self.done = position;
        }
    }

    /// Returns whether the bytes, read or not, are what was compressed.
    pub(super) fn proves_right(mut self) -> bool {
        self.up_to(self.bytes.len());
        self.crc.finalize() == u64::from(self.expected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_buffers_together_are_bounded() {
        let mut rooms: Vec<Room> = (0..8).map(|_| Room::default()).collect();
        assert!(rooms.iter_mut().all(|room| room.reaches(OWN, SHARED)));
        let large = rooms.iter_mut().filter_map(|room| room.reaches(MAX_WHOLE, SHARED).then_some(())).count();
        assert!(large <= 2, "{large}");
        let held: usize = rooms.iter().map(|room| room.0).sum();
        assert_eq!(held, large * (MAX_WHOLE - OWN));
        drop(rooms);
        assert!(FILLED.load(Ordering::Relaxed) <= SHARED - held);
    }

    #[test]
    fn two_buffers_serve_any_number_of_objects() {
        let text = [b'a'; 1000];
        let stored = {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            std::io::Write::write_all(&mut encoder, &text).unwrap();
            encoder.finish().unwrap()
        };
        let mut whole = Whole { hashes: true, ..Whole::default() };
        let mut waits: Option<Filled> = None;
        let mut places = std::collections::BTreeSet::new();
        for _ in 0..6 {
            assert_eq!(whole.inflate(&stored, 1 << 20).unwrap().bytes, text);
            let filled = whole.take(text.len());
            places.insert(filled.bytes().as_ptr());
            if let Some(before) = waits.replace(filled) {
                whole.give_back(before);
            }
        }
        assert_eq!(places.len(), 2);
    }
}
