//! One gzip member (RFC 1952), inflated as it comes, with every byte before damage.
//!
//! [`Member`] inflates with flate2's raw decoder, since its gzip decoders drop the bytes that a call inflated
//! before it met damage: what is read would depend on how the input is cut. The decoder counts its output also
//! where it fails, so that [`Member::read`] returns the bytes first and the error with the next call. The
//! checksum and the length at the member's end are compared when all bytes are out.

use std::io::{self, BufRead, Read};

use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::header;
use super::peek::Peek;

/// A member whose header was read.
pub(super) struct Member<R> {
    reader: Peek<R>,
    inflate: Decompress,
    sum: Crc,
    next: Next,
}

/// What the next call does.
enum Next {
    Inflate,
    /// Compares the sum and the length, which stand behind the compressed bytes.
    Compare,
    Fail(&'static str),
    End,
}

impl<R: BufRead> Member<R> {
    /// Reads the header that the reader is at. Fails where there is none, or where it has no end.
    pub(super) fn new(mut reader: Peek<R>) -> io::Result<Self> {
        header::pass(&mut reader)?;
        Ok(Self { reader, inflate: Decompress::new(false), sum: Crc::new(), next: Next::Inflate })
    }

    /// Returns the reader, which is behind the member where the member was read to its end.
    pub(super) fn into_inner(self) -> Peek<R> {
        self.reader
    }

    /// Inflates some bytes. Returns none of them where more input is needed, and at the end.
    fn inflate(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let input = self.reader.fill_buf()?;
        let ended = input.is_empty();
        let (read, written) = (self.inflate.total_in(), self.inflate.total_out());
        let status = self.inflate.decompress(input, out, FlushDecompress::None);
        // Neither difference exceeds the length of a slice.
        let read = (self.inflate.total_in() - read) as usize;
        let written = (self.inflate.total_out() - written) as usize;
        self.reader.consume(read);
        self.sum.update(&out[..written]);
        match status {
            // At the end of its input the decoder may hold bits of a byte that it has not written yet.
            Ok(Status::Ok | Status::BufError) if ended && written == 0 => {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            Ok(Status::Ok | Status::BufError) => {}
            Ok(Status::StreamEnd) => self.next = Next::Compare,
            Err(_) => self.next = Next::Fail("corrupt deflate stream"),
        }
        Ok(written)
    }

    fn compare(&mut self) -> io::Result<()> {
        let mut end = [0; 8];
        self.reader.read_exact(&mut end)?;
        let expected = u64::from(self.sum.amount()) << 32 | u64::from(self.sum.sum());
        self.next = if u64::from_le_bytes(end) == expected {
            Next::End
        } else {
            Next::Fail("corrupt gzip stream does not have a matching checksum")
        };
        Ok(())
    }
}

impl<R: BufRead> Read for Member<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            match self.next {
                Next::Inflate => match self.inflate(out)? {
                    0 => {}
                    written => return Ok(written),
                },
                Next::Compare => self.compare()?,
                Next::Fail(why) => return Err(io::Error::new(io::ErrorKind::InvalidInput, why)),
                Next::End => return Ok(0),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::super::peek::tests::Pieces;
    use super::*;
    use crate::cancel::Cancel;

    /// Returns what comes out, and the text of the error that ends it.
    fn read(pieces: Vec<&[u8]>) -> (Vec<u8>, Option<String>) {
        let member = Member::new(Peek::new(Pieces(pieces), &Cancel::new()));
        let mut out = Vec::new();
        let result = member.and_then(|mut member| {
            member.read_to_end(&mut out)?;
            // The end stays the end.
            assert_eq!(member.read(&mut [0])?, 0);
            Ok(())
        });
        (out, result.err().map(|error| error.to_string()))
    }

    fn stored(level: u32) -> (Vec<u8>, Vec<u8>) {
        let text: Vec<u8> = (0..400_u32).flat_map(|n| format!("{} ", n * n % 97).into_bytes()).collect();
        let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
        encoder.write_all(&text).unwrap();
        (text, encoder.finish().unwrap())
    }

    #[test]
    fn damage_takes_no_byte_before_it_however_the_input_comes() {
        for level in [0, 1, 9] {
            let (text, whole) = stored(level);
            assert_eq!(read(vec![&whole]), (text, None));
            let mut before_damage = 0;
            for at in (10..whole.len()).step_by(whole.len() / 60 + 1) {
                let mut damaged = whole.clone();
                damaged[at] ^= 0x5a;
                let one_by_one = read(damaged.chunks(1).collect());
                assert_eq!(read(vec![&damaged]), one_by_one, "level {level}, byte {at}");
                assert_eq!(read(damaged.chunks(7).collect()), one_by_one, "level {level}, byte {at}");
                assert!(one_by_one.1.is_some());
                before_damage += one_by_one.0.len();
                let cut = read(vec![&whole[..at]]);
                assert_eq!(read(whole[..at].chunks(1).collect()), cut, "level {level}, cut at {at}");
            }
            assert!(before_damage > 0);
        }
    }

    #[test]
    fn a_wrong_sum_and_a_wrong_length_are_damage_behind_all_bytes() {
        let (text, whole) = stored(6);
        for at in whole.len() - 8..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            let (came, error) = read(vec![&damaged]);
            assert_eq!(came, text);
            assert!(error.unwrap().contains("matching checksum"));
        }
    }
}
