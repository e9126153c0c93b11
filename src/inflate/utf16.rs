//! UTF-16 with a byte order mark, as PowerShell writes it, to UTF-8.

use crate::error::{ErrorKind, Stage};
use crate::records::cursor::Break;

/// The byte for half a surrogate pair. No UTF-8 has this byte, so the record is repaired and reported.
const LONE: u8 = 0xff;

/// The state between two pieces.
#[derive(Debug)]
pub(super) struct Utf16 {
    unit: fn([u8; 2]) -> u16,
    /// The first byte of an unfinished unit.
    odd: Option<u8>,
    /// The first unit of an unfinished pair.
    high: Option<u16>,
    /// Whether the mark has been passed over.
    begun: bool,
}

/// Returns whether bytes begin with a byte order mark of UTF-16.
pub(super) fn starts_utf16(bytes: &[u8]) -> bool {
    Utf16::by_mark(bytes).is_some()
}

impl Utf16 {
    /// Returns a decoder for the mark that bytes begin with.
    pub(super) fn by_mark(bytes: &[u8]) -> Option<Self> {
        let unit: fn([u8; 2]) -> u16 = match bytes {
            // A mark of UTF-32, which nothing writes.
            [0xff, 0xfe, 0, 0, ..] => return None,
            [0xff, 0xfe, ..] => u16::from_le_bytes,
            [0xfe, 0xff, ..] => u16::from_be_bytes,
            _ => return None,
        };
        Some(Self { unit, odd: None, high: None, begun: false })
    }

    /// Appends the text of some bytes.
    pub(super) fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        out.reserve(bytes.len());
        let mut rest = bytes;
        if let (Some(first), [second, behind @ ..]) = (self.odd, rest) {
            self.odd = None;
            self.push([first, *second], out);
            rest = behind;
        }
        let (pairs, odd) = rest.as_chunks::<2>();
        pairs.iter().for_each(|pair| self.push(*pair, out));
        self.odd = odd.first().copied().or(self.odd);
    }

    #[inline]
    fn push(&mut self, pair: [u8; 2], out: &mut Vec<u8>) {
        let unit = (self.unit)(pair);
        if !std::mem::replace(&mut self.begun, true) {
            return;
        }
        if let (0..0x80, None) = (unit, self.high) {
            out.push(unit as u8);
            return;
        }
        // The first half of a pair waits for the second. If another unit comes instead, the half is marked
        // and the unit stands for itself.
        let pair = self.high.take().map(|high| [high, unit]);
        if let Some(Ok(char)) = pair.and_then(|pair| char::decode_utf16(pair).next()) {
            out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
            return;
        }
        if pair.is_some() {
            out.push(LONE);
        }
        match (unit, char::from_u32(unit.into())) {
            (_, Some(char)) => out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
            (0xd800..0xdc00, None) => self.high = Some(unit),
            (_, None) => out.push(LONE),
        }
    }

    /// Ends the text: half a pair is marked, half a unit is an error.
    pub(super) fn end(&mut self, out: &mut Vec<u8>) -> Result<(), Break> {
        if self.high.take().is_some() {
            out.push(LONE);
        }
        match self.odd.take() {
            None => Ok(()),
            Some(_) => Err(Break {
                stage: Stage::Parse,
                kind: ErrorKind::InvalidJson,
                cause: "the UTF-16 text ends within a character".into(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(bytes: &[u8], piece: usize) -> Option<Vec<u8>> {
        let (mut utf16, mut out) = (Utf16::by_mark(bytes)?, Vec::new());
        bytes.chunks(piece).for_each(|piece| utf16.feed(piece, &mut out));
        utf16.end(&mut out).ok()?;
        Some(out)
    }

    #[test]
    fn halves_of_pairs_are_marked() {
        let bytes = |units: &[u16]| {
            [&[0xfeff][..], units].concat().into_iter().flat_map(u16::to_be_bytes).collect::<Vec<_>>()
        };
        for (units, text) in [
            (&[0xd83d, 0xde00, 0x41][..], "\u{1f600}A".as_bytes()),
            (&[0xd83d, 0x41], b"\xffA"),
            (&[0xd83d, 0xd83d, 0xde00], b"\xff\xf0\x9f\x98\x80"),
            (&[0xde00, 0xd83d], b"\xff\xff"),
            (&[0xfeff], "\u{feff}".as_bytes()),
        ] {
            for piece in 1..5 {
                assert_eq!(decode(&bytes(units), piece).as_deref(), Some(text), "{units:x?}");
            }
        }
        assert_eq!(decode(b"\xff\xfeA\0B", 9), None, "half a unit");
        assert_eq!(decode(b"\xff\xfe\0\0A\0\0\0", 9), None, "UTF-32");
        assert_eq!(decode(b"{\"a\":1}", 9), None);
    }

    proptest! {
        #[test]
        fn any_text_comes_out_in_any_pieces(text: String, piece in 1_usize..9, big: bool) {
            let units = std::iter::once(0xfeff).chain(text.encode_utf16());
            let bytes: Vec<u8> =
                units.flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect();
            // A text that begins with NUL looks like UTF-32.
            prop_assume!(big || !text.starts_with('\0'));
            prop_assert_eq!(decode(&bytes, piece), Some(text.into_bytes()));
        }
    }
}
