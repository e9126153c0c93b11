//! The first gzip member of an object, which is all that a digested log consists of, and its SHA-256.
//!
//! The hash is of inflated bytes, taken piece by piece while a piece is still in cache.
//! [`FirstMember::trailing`] says whether anything follows the member: a scan reads further members, and a
//! forger could hide events in one.

use std::io::{self, BufRead, Read as _};

use sha2::{Digest as _, Sha256};

use super::gzip::Member;
use super::peek::Peek;
use super::stream::{MAGIC, broken, starts_gzip, too_large};
use super::{Buffers, FirstMember};
use crate::cancel::Cancel;
use crate::error::{ErrorKind, Stage};
use crate::records::cursor::Break;

/// Inflated bytes that are hashed at a time.
const PIECE: usize = 64 << 10;

/// Inflates the first member of the bytes of a reader, or passes through bytes that are not gzip, and hands
/// the inflated bytes to `to` on the way.
///
/// # Errors
///
/// Fails where the reader does, where the member is damaged or cut, and where it inflates to more than
/// `limit`.
pub fn first_member(
    reader: impl BufRead,
    limit: u64,
    cancel: &Cancel,
    mut to: impl FnMut(&[u8]),
) -> Result<FirstMember, Break> {
    let mut reader = Peek::new(reader, cancel);
    let mut hash = Sha256::new();
    let mut bytes = 0;
    let mut piece = vec![0; PIECE];
    let mut take = |read: io::Result<usize>, piece: &[u8]| -> Result<bool, Break> {
        if cancel.is_set() {
            return Err(Break { stage: Stage::Read, kind: ErrorKind::Other, cause: "interrupted".into() });
        }
        let read = match read {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(true),
            read => read.map_err(broken)?,
        };
        bytes += read as u64;
        if bytes > limit {
            return Err(too_large(limit));
        }
        hash.update(&piece[..read]);
        to(&piece[..read]);
        Ok(read > 0)
    };
    if !starts_gzip(reader.peek(MAGIC.len()).map_err(broken)?) {
        while take(reader.read(&mut piece), &piece)? {}
        return Ok(FirstMember { sha256: hash.finalize().into(), bytes, trailing: false });
    }
    let mut member = Member::new(reader).map_err(broken)?;
    while take(member.read(&mut piece), &piece)? {}
    let trailing = !member.into_inner().peek(1).map_err(broken)?.is_empty();
    Ok(FirstMember { sha256: hash.finalize().into(), bytes, trailing })
}

/// Takes the SHA-256 of an object that is in memory, the fast way if the object is one sound member, and hands the
/// inflated bytes to `to`.
///
/// # Errors
///
/// Fails as [`first_member`] does.
pub fn hash_bytes(
    stored: &[u8],
    limit: u64,
    cancel: &Cancel,
    buffers: &mut Buffers,
    mut to: impl FnMut(&[u8]),
) -> Result<FirstMember, Break> {
    match buffers.hash_whole(stored, limit, &mut to) {
        Some(member) => Ok(member),
        None => first_member(stored, limit, cancel, to),
    }
}

/// An object that inflated well.
pub(crate) enum Checked {
    /// It is hashed.
    Hashed(FirstMember),
    /// So many bytes are to be hashed: [`Buffers::take_unhashed`] has them.
    Unhashed(u64),
}

/// Inflates the first member of an object that is in memory. One sound member waits in the buffers for its hash.
///
/// # Errors
///
/// Fails as [`first_member`] does.
pub(crate) fn check_bytes(
    stored: &[u8],
    limit: u64,
    cancel: &Cancel,
    buffers: &mut Buffers,
) -> Result<Checked, Break> {
    buffers.forget_unhashed();
    match buffers.check_whole(stored, limit) {
        Some(inflated) => Ok(Checked::Unhashed(inflated.bytes)),
        None => first_member(stored, limit, cancel, |_| {}).map(Checked::Hashed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn only_the_first_member_counts_and_what_follows_is_seen_by_both_ways() {
        let text: Vec<u8> = (0..500_000_u32).map(|n| (n % 251) as u8).collect();
        let sha256: [u8; 32] = Sha256::digest(&text).into();
        let one = gzip(&text);
        let cases = [
            (one.clone(), false),
            ([one.clone(), gzip(b"more")].concat(), true),
            ([one.clone(), vec![0]].concat(), true),
            ([one.clone(), b"text".to_vec()].concat(), true),
            (text.clone(), false),
        ];
        let mut buffers = Buffers::default();
        for (n, (stored, trailing)) in cases.iter().enumerate() {
            let expected = FirstMember { sha256, bytes: text.len() as u64, trailing: *trailing };
            let cancel = Cancel::default();
            let (mut came, mut streamed) = (Vec::new(), Vec::new());
            let whole =
                hash_bytes(stored, 1 << 20, &cancel, &mut buffers, |piece| came.extend_from_slice(piece));
            let member =
                first_member(&stored[..], 1 << 20, &cancel, |piece| streamed.extend_from_slice(piece));
            assert_eq!((whole.unwrap(), member.unwrap()), (expected, expected), "{n}");
            assert!(came == text && streamed == text, "{n}");
        }
        let mut flipped = one.clone();
        let at = one.len() - 6;
        flipped[at] ^= 1;
        for (stored, limit, kind) in [
            (flipped, 1 << 20, ErrorKind::CorruptGzip),
            (one[..one.len() / 2].to_vec(), 1 << 20, ErrorKind::CorruptGzip),
            (one, 499_999, ErrorKind::TooLarge),
            (text, 499_999, ErrorKind::TooLarge),
        ] {
            let error = hash_bytes(&stored, limit, &Cancel::default(), &mut buffers, |_| {}).unwrap_err();
            assert_eq!(error.kind, kind);
        }
    }
}
