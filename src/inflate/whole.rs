//! Objects that are inflated as a whole, and the buffers of one worker for them.

use std::time::Instant;

use sha2::{Digest as _, Sha256};

use super::layers::is_wrapped;
use super::member::Whole;
use super::sha256::Unhashed;
use super::{FirstMember, Inflated};
use crate::records::cursor::Cursor;

/// Buffers that one worker uses for one object after another.
#[derive(Debug, Default)]
pub struct Buffers {
    whole: Whole,
    /// The length of the last object, where it was read as a whole and is to be hashed.
    unhashed: Option<usize>,
}

impl Buffers {
    /// Reads an object that is exactly one sound member and fits.
    pub(super) fn whole<T>(
        &mut self,
        stored: &[u8],
        limit: u64,
        read: &mut impl FnMut(&mut Cursor<'_>) -> T,
    ) -> Option<(T, Inflated)> {
        let start = Instant::now();
        let member = self.whole.inflate(stored, limit)?;
        if is_wrapped(member.bytes) {
            return None;
        }
        let length = member.bytes.len();
        let inflated = Inflated { bytes: length as u64, time: start.elapsed() };
        let mut sum = member.sum();
        let result = read(&mut Cursor::watched(member.bytes, &mut |position| sum.up_to(position)));
        if !sum.proves_right() {
            return None;
        }
        self.unhashed = self.whole.hashes.then_some(length);
        Some((result, inflated))
    }

    /// Inflates an object that is exactly one sound member and fits, for [`Buffers::take_unhashed`].
    pub(super) fn check_whole(&mut self, stored: &[u8], limit: u64) -> Option<Inflated> {
        self.whole(stored, limit, &mut |_| ()).map(|((), inflated)| inflated)
    }

    /// Takes the SHA-256 of an object that is exactly one sound member and fits, and hands over its bytes.
    pub(super) fn hash_whole(
        &mut self,
        stored: &[u8],
        limit: u64,
        to: &mut impl FnMut(&[u8]),
    ) -> Option<FirstMember> {
        let member = self.whole.inflate(stored, limit)?;
        if is_wrapped(member.bytes) || !member.sum().proves_right() {
            return None;
        }
        to(member.bytes);
        let sha256 = Sha256::digest(member.bytes).into();
        Some(FirstMember { sha256, bytes: member.bytes.len() as u64, trailing: false })
    }

    /// Says whether the objects that follow are to be hashed.
    pub(crate) fn set_hashes(&mut self, hashes: bool) {
        self.whole.hashes = hashes;
    }

    /// Returns the last object, where it was read as a whole and is to be hashed.
    pub(crate) fn take_unhashed(&mut self) -> Option<Unhashed> {
        let length = self.unhashed.take()?;
        Some(Unhashed::new(self.whole.take(length)))
    }

    /// Returns whether the last object waits for [`Buffers::take_unhashed`].
    pub(crate) fn has_unhashed(&self) -> bool {
        self.unhashed.is_some()
    }

    /// Leaves the last object without a hash.
    pub(crate) fn forget_unhashed(&mut self) {
        self.unhashed = None;
    }

    /// Returns whether another worker has no room for a buffer, so that none is better kept for its hash.
    pub(crate) fn are_wanted(&self) -> bool {
        Whole::is_wanted()
    }

    /// Hashes what is left, and keeps the buffer.
    pub(crate) fn finish(&mut self, unhashed: Unhashed) -> FirstMember {
        let (member, filled) = unhashed.finish();
        self.whole.give_back(filled);
        member
    }
}
