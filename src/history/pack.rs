//! Compact parts of a checkpoint: numbers and names as base64 text.
//!
//! Numbers take 8 bytes each, or seven bits a byte where most are small. A name is written as the length that
//! it shares with the name before it, and the rest. Parts that repeat themselves are deflated. A checkpoint
//! may come from anybody's disk, so every reader checks what it takes, and nothing inflates out of proportion
//! to its text.

use std::io::{Read as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

/// A part that does not hold what it should.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct BadPack(pub(crate) String);

pub(crate) fn unreadable(what: impl std::fmt::Display) -> BadPack {
    BadPack(what.to_string())
}

pub(crate) fn to_text(bytes: &[u8]) -> String {
    STANDARD_NO_PAD.encode(bytes)
}

pub(crate) fn from_text(text: &str) -> Result<Vec<u8>, BadPack> {
    STANDARD_NO_PAD.decode(text).map_err(unreadable)
}

/// Packs each number into 8 bytes.
pub(crate) fn numbers_to_text(numbers: &[u64]) -> String {
    let mut bytes = Vec::with_capacity(8 * numbers.len());
    for number in numbers {
        bytes.extend_from_slice(&number.to_be_bytes());
    }
    to_text(&bytes)
}

pub(crate) fn numbers_from_text(text: &str) -> Result<Vec<u64>, BadPack> {
    let bytes = from_text(text)?;
    let mut parts = Parts(&bytes);
    let mut numbers = Vec::with_capacity(bytes.len() / 8);
    while !parts.is_empty() {
        numbers.push(u64::from_be_bytes(parts.take()?));
    }
    Ok(numbers)
}

/// Ratio up to which a part may expand. Names in key order deflate to a tenth or a twentieth.
const RATIO: u64 = 100;
/// Bytes that any part may expand to.
const LEAST_ROOM: u64 = 16 << 20;
/// Bytes of the longest name.
const LONGEST_NAME: usize = 64 << 10;

/// Deflates bytes that repeat themselves, and returns text.
pub(crate) fn squeeze(bytes: &[u8]) -> Result<String, BadPack> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).map_err(unreadable)?;
    Ok(to_text(&encoder.finish().map_err(unreadable)?))
}

pub(crate) fn expand(text: &str) -> Result<Vec<u8>, BadPack> {
    let packed = from_text(text)?;
    let most = LEAST_ROOM.max(packed.len() as u64 * RATIO);
    let mut bytes = Vec::new();
    let mut decoder = DeflateDecoder::new(&*packed).take(most + 1);
    decoder.read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > most {
        return Err(unreadable(format!("{} bytes expand to more than {most}", packed.len())));
    }
    Ok(bytes)
}

/// Appends a name as its difference from the name before.
pub(crate) fn put_name(out: &mut Vec<u8>, before: &str, name: &str) {
    let same = before.bytes().zip(name.bytes()).take_while(|(a, b)| a == b).count();
    put_number(out, same as u64);
    put_number(out, (name.len() - same) as u64);
    out.extend_from_slice(&name.as_bytes()[same..]);
}

/// Appends a number, seven bits a byte, the lowest first.
pub(crate) fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Bytes that are taken from the front.
#[derive(Debug)]
pub(crate) struct Parts<'b>(pub(crate) &'b [u8]);

impl Parts<'_> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn take<const N: usize>(&mut self) -> Result<[u8; N], BadPack> {
        let (first, rest) = self.0.split_first_chunk().ok_or_else(|| unreadable("it ends too early"))?;
        self.0 = rest;
        Ok(*first)
    }

    pub(crate) fn number(&mut self) -> Result<u64, BadPack> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let [byte] = self.take()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(unreadable("a number without an end"))
    }

    pub(crate) fn name(&mut self, before: &str) -> Result<String, BadPack> {
        let same = usize::try_from(self.number()?).map_err(unreadable)?;
        let more = usize::try_from(self.number()?).map_err(unreadable)?;
        if same.saturating_add(more) > LONGEST_NAME {
            return Err(unreadable("a name without an end"));
        }
        let head = before.as_bytes().get(..same).ok_or_else(|| unreadable("a name without its head"))?;
        let (tail, rest) = self.0.split_at_checked(more).ok_or_else(|| unreadable("it ends too early"))?;
        self.0 = rest;
        String::from_utf8([head, tail].concat()).map_err(unreadable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_come_back() {
        let names = ["s3://b/é/1.gz", "s3://b/è/2.gz", "", "s3://b/è/2.gz"];
        let mut out = Vec::new();
        let mut before = "";
        for name in names {
            put_name(&mut out, before, name);
            before = name;
        }
        put_number(&mut out, u64::MAX);
        put_number(&mut out, 127);
        let bytes = expand(&squeeze(&out).unwrap()).unwrap();
        let mut parts = Parts(&bytes);
        let mut before = String::new();
        for name in names {
            before = parts.name(&before).unwrap();
            assert_eq!(before, name);
        }
        assert_eq!(parts.number().unwrap(), u64::MAX);
        assert_eq!(parts.number().unwrap(), 127);
        assert!(parts.is_empty());
        assert!(parts.number().is_err());
        assert_eq!(numbers_from_text(&numbers_to_text(&[1, u64::MAX])).unwrap(), [1, u64::MAX]);
        assert!(numbers_from_text("AAAA").is_err());
        // Two hundred kilobytes must not fill the memory.
        let zeros = vec![0; 64 << 20];
        assert!(expand(&squeeze(&zeros).unwrap()).is_err());
        assert_eq!(expand(&squeeze(&zeros[..1 << 20]).unwrap()).unwrap().len(), 1 << 20);
        let mut long = Vec::new();
        put_name(&mut long, "", &"n".repeat(LONGEST_NAME + 1));
        assert!(Parts(&long).name("").is_err());
    }
}
