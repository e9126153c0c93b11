//! What several targets need: all that a walk tells of an object, and readers that give it in pieces.

use std::io::{self, BufRead, Read};

use roottrail::records::document::{Element, Elements, Walk};

/// An element's index, text, whether it is a candidate, whether it is doubtful, and its time.
pub type Seen = (u64, Vec<u8>, bool, bool, Option<Vec<u8>>);

/// All elements, and the indices of those that are malformed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told(pub Vec<Seen>, pub Vec<u64>);

impl Elements for Told {
    fn element(&mut self, element: Element<'_>) {
        let Element { index, text, candidate, doubtful, time, .. } = element;
        self.0.push((index, text.to_vec(), candidate, doubtful, time.map(|time| time.to_vec())));
    }

    fn malformed(&mut self, index: u64, _what: &'static str) {
        self.1.push(index);
    }
}

/// What a walk returned, as text that can be compared.
pub fn told_by(walk: &Walk) -> String {
    let Walk { events, any, fault, further, foreign, unread, .. } = walk;
    format!("{events} {any} {fault:?} {further:?} {foreign:?} {unread:?}")
}

/// Numbers that follow from a first one (xorshift).
#[derive(Clone, Copy, Debug)]
pub struct Numbers(u64);

impl Numbers {
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % limit
    }
}

/// A buffered reader whose buffers end anywhere and whose calls are interrupted.
#[derive(Debug)]
pub struct Cuts<'t> {
    rest: &'t [u8],
    /// What the buffer holds of it. 0: nothing has been read.
    held: usize,
    longest: usize,
    numbers: Numbers,
}

impl<'t> Cuts<'t> {
    /// `longest`: the longest piece.
    pub fn new(bytes: &'t [u8], longest: usize, seed: u64) -> Self {
        Self { rest: bytes, held: 0, longest, numbers: Numbers::new(seed) }
    }
}

impl Read for Cuts<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut there = self.fill_buf()?;
        let n = there.read(buf)?;
        self.consume(n);
        Ok(n)
    }
}

impl BufRead for Cuts<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.held == 0 && !self.rest.is_empty() {
            if self.numbers.below(4) == 0 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            self.held = (1 + self.numbers.below(self.longest)).min(self.rest.len());
        }
        Ok(&self.rest[..self.held])
    }

    fn consume(&mut self, n: usize) {
        self.rest = &self.rest[n..];
        self.held -= n;
    }
}
