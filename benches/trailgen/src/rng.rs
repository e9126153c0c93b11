//! A small deterministic generator for the programs that make data: SplitMix64, and the random-looking texts
//! that AWS puts into its events. The generator has no clock and no randomness of the operating system: one
//! seed gives one sequence, on every machine. The numbers are not fit for secrets.

/// The generator SplitMix64 (Steele, Lea and Flood, 2014): 64 bits of state, good enough for test data, and
/// ten lines.
#[derive(Debug, Clone)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns a number below `n`. The bias of the multiplication is far below what test data could show.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next()) * n as u128) >> 64) as usize
    }

    /// Returns one of `items`, which is never empty.
    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// Appends `len` characters of `alphabet`, 256 at most.
    pub(crate) fn write_text(&mut self, out: &mut String, alphabet: &[u8], len: usize) {
        let mut bits = 0;
        for written in 0..len {
            if written % 8 == 0 {
                bits = self.next();
            }
            out.push(char::from(alphabet[((bits & 0xff) as usize * alphabet.len()) >> 8]));
            bits >>= 8;
        }
    }

    /// Appends a version 4 UUID, the form of `eventID` and of most request ids.
    pub(crate) fn write_uuid(&mut self, out: &mut String) {
        use std::fmt::Write as _;
        let (high, low) = (self.next(), self.next());
        let (a, b, c) = (high >> 32, high >> 16 & 0xffff, high & 0xfff);
        let (d, e) = (low >> 48 & 0x3fff | 0x8000, low & 0xffff_ffff_ffff);
        write!(out, "{a:08x}-{b:04x}-4{c:03x}-{d:04x}-{e:012x}").expect("a String takes every write");
    }
}
