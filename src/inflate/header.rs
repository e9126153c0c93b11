//! The header of a gzip member (RFC 1952, 2.3), of any length.
//!
//! flate2's own reader of headers takes a name or a comment of 64 KiB at most, while libdeflate, which inflates
//! objects as a whole, takes any; the compressed data depends on neither. Therefore the header is read here.

use std::io::{self, BufRead, Read as _};

use flate2::Crc;

use super::peek::Peek;

const FHCRC: u8 = 1 << 1;
const FEXTRA: u8 = 1 << 2;
const FNAME: u8 = 1 << 3;
const FCOMMENT: u8 = 1 << 4;
/// Flags that must be zero.
const RESERVED: u8 = 0b1110_0000;

/// Passes over the header that the reader is at. Fails where there is no header, or where it has no end.
pub(super) fn pass(reader: &mut Peek<impl BufRead>) -> io::Result<()> {
    let mut fixed = [0; 10];
    reader.read_exact(&mut fixed)?;
    let [0x1f, 0x8b, 8, flags, ..] = fixed else { return Err(invalid()) };
    if flags & RESERVED != 0 {
        return Err(invalid());
    }
    let mut sum = Crc::new();
    sum.update(&fixed);
    if flags & FEXTRA != 0 {
        let mut length = [0; 2];
        reader.read_exact(&mut length)?;
        sum.update(&length);
        let mut extra = vec![0; u16::from_le_bytes(length).into()];
        reader.read_exact(&mut extra)?;
        sum.update(&extra);
    }
    for field in [FNAME, FCOMMENT] {
        if flags & field != 0 {
            pass_text(reader, &mut sum)?;
        }
    }
    if flags & FHCRC != 0 {
        let mut expected = [0; 2];
        reader.read_exact(&mut expected)?;
        let expected = u32::from(u16::from_le_bytes(expected));
        if sum.sum() & 0xffff != expected {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the gzip header's checksum is wrong"));
        }
    }
    Ok(())
}

fn invalid() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "invalid gzip header")
}

/// Passes over a text and the zero byte at its end.
fn pass_text(reader: &mut Peek<impl BufRead>, sum: &mut Crc) -> io::Result<()> {
    loop {
        let there = reader.fill_buf()?;
        if there.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let end = memchr::memchr(0, there);
        let passed = end.map_or(there.len(), |end| end + 1);
        sum.update(&there[..passed]);
        reader.consume(passed);
        if end.is_some() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cancel::Cancel;

    fn with(flags: u8, fields: &[u8]) -> Vec<u8> {
        let mut header = vec![0x1f, 0x8b, 8, flags, 1, 2, 3, 4, 5, 6];
        header.extend_from_slice(fields);
        if flags & FHCRC != 0 {
            let mut sum = Crc::new();
            sum.update(&header);
            header.extend_from_slice(&sum.sum().to_le_bytes()[..2]);
        }
        header
    }

    #[test]
    fn every_field_is_passed_over() {
        let long = [&[b'n'; 200_000][..], b"\0", &[b'c'; 70_000], b"\0"].concat();
        for header in [
            with(0, b""),
            with(1, b""),
            with(FNAME, b"name\0"),
            with(FNAME | FCOMMENT | FHCRC, &long),
            with(FEXTRA | FNAME | FCOMMENT | FHCRC, b"\x03\x00abcn\0c\0"),
            with(FEXTRA, &[&[0xff, 0xff][..], &[7; 65_535]].concat()),
        ] {
            let whole = [&header[..], b"rest"].concat();
            let mut reader = Peek::new(&whole[..], &Cancel::new());
            pass(&mut reader).unwrap();
            let mut rest = Vec::new();
            reader.read_to_end(&mut rest).unwrap();
            assert_eq!(rest, b"rest");
            // A header that is cut anywhere has no end.
            for end in (0..header.len()).step_by(header.len() / 50 + 1) {
                let error = pass(&mut Peek::new(&header[..end], &Cancel::new())).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{end}");
            }
        }
    }

    #[test]
    fn what_is_no_header_is_refused() {
        let mut wrong_sum = with(FHCRC | FNAME, b"name\0");
        wrong_sum[12] ^= 1;
        let mut method = with(0, b"");
        method[2] = 7;
        for header in [wrong_sum, method, with(1 << 5, b""), with(1 << 7, b"")] {
            let error = pass(&mut Peek::new(&header[..], &Cancel::new())).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        }
    }
}
