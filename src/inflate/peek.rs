//! A reader that can be looked ahead in, as far as a decision needs, however few bytes come at a time.
//!
//! A pipe, a file system or a buffer's edge may part any two bytes, and a call may be interrupted. Neither
//! says anything about the input: [`Peek::peek`] gathers bytes until there are enough or the input ends, and
//! repeats interrupted calls. A run that is to stop makes the next call fail, so that no reader above has a
//! loop without an end.

use std::io::{self, BufRead, Read};

use crate::cancel::Cancel;

/// A reader whose next bytes can be looked at before they are read.
#[derive(Debug)]
pub(crate) struct Peek<R> {
    reader: R,
    /// Bytes that come before those of the reader, from `at` on.
    held: Vec<u8>,
    at: usize,
    cancel: Cancel,
}

impl<R: BufRead> Peek<R> {
    pub(crate) fn new(reader: R, cancel: &Cancel) -> Self {
        Self { reader, held: Vec::new(), at: 0, cancel: cancel.clone() }
    }

    /// Returns at least the next `n` bytes without passing over them; fewer only where the input ends.
    pub(crate) fn peek(&mut self, n: usize) -> io::Result<&[u8]> {
        if self.at == self.held.len() {
            (self.held, self.at) = (Vec::new(), 0);
            if fill(&mut self.reader, &self.cancel)?.len() >= n {
                return self.reader.fill_buf();
            }
        }
        while self.held.len() - self.at < n {
            let next = fill(&mut self.reader, &self.cancel)?;
            if next.is_empty() {
                break;
            }
            let taken = next.len().min(n - (self.held.len() - self.at));
            self.held.extend_from_slice(&next[..taken]);
            self.reader.consume(taken);
        }
        Ok(&self.held[self.at..])
    }
}

/// Returns the bytes that are there, or that come next; none at the end of the input.
fn fill<'r, R: BufRead>(reader: &'r mut R, cancel: &Cancel) -> io::Result<&'r [u8]> {
    loop {
        if cancel.is_set() {
            return Err(io::Error::other("interrupted"));
        }
        match reader.fill_buf() {
            Ok([]) => return Ok(&[]),
            // The second call, for the borrow checker's sake, returns the bytes of the first.
            Ok(_) => return reader.fill_buf(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

impl<R: BufRead> BufRead for Peek<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at < self.held.len() {
            return Ok(&self.held[self.at..]);
        }
        fill(&mut self.reader, &self.cancel)
    }

    fn consume(&mut self, n: usize) {
        if self.at < self.held.len() {
            self.at += n;
        } else {
            self.reader.consume(n);
        }
    }
}

impl<R: BufRead> Read for Peek<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut there = self.fill_buf()?;
        let n = there.read(buf)?;
        self.consume(n);
        Ok(n)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A reader of the given pieces, of which an empty one is an interrupted call.
    #[derive(Debug)]
    pub(in crate::inflate) struct Pieces<'t>(pub(in crate::inflate) Vec<&'t [u8]>);

    impl Read for Pieces<'_> {
        fn read(&mut self, _buf: &mut [u8]) -> io::Result<usize> {
            unreachable!("only looked into")
        }
    }

    impl BufRead for Pieces<'_> {
        fn fill_buf(&mut self) -> io::Result<&[u8]> {
            match self.0.first() {
                None => Ok(&[]),
                Some([]) => {
                    self.0.remove(0);
                    Err(io::ErrorKind::Interrupted.into())
                }
                Some(piece) => Ok(piece),
            }
        }

        fn consume(&mut self, n: usize) {
            if n > 0 {
                self.0[0] = &self.0[0][n..];
                if self.0[0].is_empty() {
                    self.0.remove(0);
                }
            }
        }
    }

    #[test]
    fn what_is_peeked_at_is_read_again_however_it_comes() {
        for pieces in [
            vec![&b"abcdef"[..]],
            vec![b"a", b"b", b"c", b"d", b"e", b"f"],
            vec![b"", b"abc", b"", b"", b"de", b"", b"f", b""],
        ] {
            let mut reader = Peek::new(Pieces(pieces), &Cancel::new());
            for n in [0, 1, 3, 2] {
                assert!(reader.peek(n).unwrap().len() >= n);
            }
            assert_eq!(&reader.peek(4).unwrap()[..4], b"abcd");
            let mut two = [0; 2];
            reader.read_exact(&mut two).unwrap();
            assert_eq!((&two, &reader.peek(2).unwrap()[..2]), (b"ab", &b"cd"[..]));
            reader.read_exact(&mut two).unwrap();
            assert_eq!(reader.peek(9).unwrap(), b"ef");
            let mut rest = Vec::new();
            reader.read_to_end(&mut rest).unwrap();
            assert_eq!((&rest[..], reader.peek(1).unwrap()), (&b"ef"[..], &b""[..]));
        }
    }

    #[test]
    fn a_run_that_is_to_stop_stops_reading() {
        let cancel = Cancel::new();
        let mut reader = Peek::new(io::repeat(b'a').take(u64::MAX).chain(&b""[..]).buffered(), &cancel);
        assert_eq!(reader.peek(3).unwrap()[..3], *b"aaa");
        cancel.set();
        assert!(io::copy(&mut reader, &mut io::sink()).is_err());
    }

    trait Buffered: Read + Sized {
        fn buffered(self) -> io::BufReader<Self> {
            io::BufReader::new(self)
        }
    }

    impl<R: Read> Buffered for R {}
}
