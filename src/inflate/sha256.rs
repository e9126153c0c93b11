//! SHA-256 of inflated bytes, of two objects at a time.
//!
//! One SHA-256 keeps a core waiting: each round needs the result of the one before. The rounds of a second stream fit
//! into the gaps, so that two objects side by side cost little more than one (docs/performance.md). An [`Unhashed`]
//! therefore waits for a second one; [`Unhashed::with`] takes both as far as the shorter one goes, and what is left of
//! the longer one waits for a third. [`Unhashed::finish`] hashes the rest alone. Where the processor has no
//! instructions for SHA-256, everything is hashed alone.

use sha2::block_api::compress256;

use super::FirstMember;
use super::member::Filled;

const BLOCK: usize = 64;

/// The state before the first block (FIPS 180-4, 5.3.3).
const FIRST: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// Inflated bytes whose hash is not complete.
#[derive(Debug)]
pub(crate) struct Unhashed {
    bytes: Filled,
    /// Blocks that the state holds.
    done: usize,
    state: [u32; 8],
}

impl Unhashed {
    pub(super) fn new(bytes: Filled) -> Self {
        Self { bytes, done: 0, state: FIRST }
    }

    fn blocks(&self) -> &[[u8; BLOCK]] {
        &self.bytes.bytes().as_chunks().0[self.done..]
    }

    /// Returns whether only the last, incomplete block is left.
    pub(crate) fn is_done(&self) -> bool {
        self.blocks().is_empty()
    }

    /// Hashes both, as far as the shorter one goes.
    pub(crate) fn with(&mut self, other: &mut Self) {
        let blocks = self.blocks().len().min(other.blocks().len());
        let mut states = [self.state, other.state];
        compress_two(&mut states, [&self.blocks()[..blocks], &other.blocks()[..blocks]]);
        [self.state, other.state] = states;
        self.done += blocks;
        other.done += blocks;
    }

    /// Hashes what is left. Returns the hash, and the bytes' buffer for others.
    pub(super) fn finish(self) -> (FirstMember, Filled) {
        let mut state = self.state;
        compress256(&mut state, self.blocks());
        let bytes = self.bytes.bytes();
        // FIPS 180-4, 5.1.1: a bit, zeros, and the length in bits.
        let rest = bytes.as_chunks::<BLOCK>().1;
        let mut last = [[0; BLOCK]; 2];
        last.as_flattened_mut()[..rest.len()].copy_from_slice(rest);
        last.as_flattened_mut()[rest.len()] = 0x80;
        let used = if rest.len() < BLOCK - 8 { 1 } else { 2 };
        let bits = bytes.len() as u64 * 8;
        last[used - 1][BLOCK - 8..].copy_from_slice(&bits.to_be_bytes());
        compress256(&mut state, &last[..used]);
        let mut sha256 = [0; 32];
        for (word, value) in sha256.as_chunks_mut().0.iter_mut().zip(state) {
            *word = value.to_be_bytes();
        }
        (FirstMember { sha256, bytes: bytes.len() as u64, trailing: false }, self.bytes)
    }
}

/// Takes as many blocks into each state.
fn compress_two(states: &mut [[u32; 8]; 2], blocks: [&[[u8; BLOCK]]; 2]) {
    #[cfg(target_arch = "x86_64")]
    if x86::compress_two(states, blocks) {
        return;
    }
    for (state, blocks) in states.iter_mut().zip(blocks) {
        compress256(state, blocks);
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    #![allow(
        unsafe_code,
        reason = "the one call of a function that needs the SHA extensions; two streams side by side take 0.6 of the \
                  time of one after the other (docs/performance.md), and no crate has them"
    )]

    use std::arch::is_x86_feature_detected;
    use std::arch::x86_64::{
        __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_blend_epi16, _mm_extract_epi32, _mm_set_epi64x,
        _mm_setr_epi32, _mm_sha256msg1_epu32, _mm_sha256msg2_epu32, _mm_sha256rnds2_epu32, _mm_shuffle_epi8,
        _mm_shuffle_epi32,
    };

    use super::BLOCK;

    /// The constants of the rounds (FIPS 180-4, 4.2.2), four by four.
    #[rustfmt::skip]
    const ROUNDS: [[u32; 4]; 16] = [
        [0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5], [0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5],
        [0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3], [0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174],
        [0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc], [0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da],
        [0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7], [0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967],
        [0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13], [0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85],
        [0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3], [0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070],
        [0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5], [0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3],
        [0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208], [0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2],
    ];

    /// Returns whether the processor can.
    pub(super) fn compress_two(states: &mut [[u32; 8]; 2], blocks: [&[[u8; BLOCK]]; 2]) -> bool {
        let can = is_x86_feature_detected!("sha")
            && is_x86_feature_detected!("ssse3")
            && is_x86_feature_detected!("sse4.1");
        if can {
            // SAFETY: the processor has the features that the function is compiled for, which is all that it asks.
            unsafe { two(states, blocks) }
        }
        can
    }

    /// A state as the instructions want it: words a, b, e and f, and words c, d, g and h.
    #[derive(Clone, Copy)]
    struct State {
        abef: __m128i,
        cdgh: __m128i,
    }

    #[target_feature(enable = "sha,ssse3,sse4.1")]
    fn load(words: [u32; 8]) -> State {
        let [a, b, c, d, e, f, g, h] = words.map(u32::cast_signed);
        State { abef: _mm_setr_epi32(f, e, b, a), cdgh: _mm_setr_epi32(h, g, d, c) }
    }

    #[target_feature(enable = "sha,ssse3,sse4.1")]
    fn store(state: State) -> [u32; 8] {
        let feba = _mm_shuffle_epi32::<0x1b>(state.abef);
        let dchg = _mm_shuffle_epi32::<0xb1>(state.cdgh);
        let abcd = _mm_blend_epi16::<0xf0>(feba, dchg);
        let efgh = _mm_alignr_epi8::<8>(dchg, feba);
        let (abcd, efgh) = (words(abcd), words(efgh));
        [abcd[0], abcd[1], abcd[2], abcd[3], efgh[0], efgh[1], efgh[2], efgh[3]]
    }

    #[target_feature(enable = "sha,ssse3,sse4.1")]
    fn words(four: __m128i) -> [u32; 4] {
        [
            _mm_extract_epi32::<0>(four),
            _mm_extract_epi32::<1>(four),
            _mm_extract_epi32::<2>(four),
            _mm_extract_epi32::<3>(four),
        ]
        .map(i32::cast_unsigned)
    }

    /// Returns four words of a block, from word 4 × `four`.
    #[target_feature(enable = "sha,ssse3,sse4.1")]
    fn message(block: &[u8; BLOCK], four: usize) -> __m128i {
        let (low, high) = (&block.as_chunks::<8>().0[2 * four], &block.as_chunks::<8>().0[2 * four + 1]);
        let bytes = _mm_set_epi64x(i64::from_le_bytes(*high), i64::from_le_bytes(*low));
        // The words are big-endian.
        _mm_shuffle_epi8(bytes, _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203))
    }

    /// Returns words 4 × `N` and following of a block, with their constants. `words` holds the last sixteen words.
    #[inline]
    #[target_feature(enable = "sha,ssse3,sse4.1")]
    fn four<const N: usize>(words: &mut [__m128i; 4]) -> __m128i {
        let at = N % 4;
        if N >= 4 {
            let early = _mm_sha256msg1_epu32(words[at], words[(at + 1) % 4]);
            let seven_before = _mm_alignr_epi8::<4>(words[(at + 3) % 4], words[(at + 2) % 4]);
            let sum = _mm_add_epi32(early, seven_before);
            words[at] = _mm_sha256msg2_epu32(sum, words[(at + 3) % 4]);
        }
        let [k, l, m, n] = ROUNDS[N].map(u32::cast_signed);
        _mm_add_epi32(words[at], _mm_setr_epi32(k, l, m, n))
    }

    /// Does four rounds of both streams, turn by turn: one runs while the other waits for its result.
    #[inline]
    #[target_feature(enable = "sha,ssse3,sse4.1")]
    fn four_rounds<const N: usize>(states: &mut [State; 2], words: &mut [[__m128i; 4]; 2]) {
        let [first, second] = states;
        let sums = (four::<N>(&mut words[0]), four::<N>(&mut words[1]));
        first.cdgh = _mm_sha256rnds2_epu32(first.cdgh, first.abef, sums.0);
        second.cdgh = _mm_sha256rnds2_epu32(second.cdgh, second.abef, sums.1);
        first.abef = _mm_sha256rnds2_epu32(first.abef, first.cdgh, _mm_shuffle_epi32::<0x0e>(sums.0));
        second.abef = _mm_sha256rnds2_epu32(second.abef, second.cdgh, _mm_shuffle_epi32::<0x0e>(sums.1));
    }

    #[target_feature(enable = "sha,ssse3,sse4.1")]
    fn two(words: &mut [[u32; 8]; 2], [first, second]: [&[[u8; BLOCK]]; 2]) {
        let mut states = [load(words[0]), load(words[1])];
        for (first, second) in first.iter().zip(second) {
            let before = states;
            let mut messages = [first, second].map(|block| [0, 1, 2, 3].map(|four| message(block, four)));
            macro_rules! rounds {
                ($($n:literal)*) => {$(
                    four_rounds::<$n>(&mut states, &mut messages);
                )*};
            }
            rounds!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
            for (state, before) in states.iter_mut().zip(before) {
                state.abef = _mm_add_epi32(state.abef, before.abef);
                state.cdgh = _mm_add_epi32(state.cdgh, before.cdgh);
            }
        }
        *words = [store(states[0]), store(states[1])];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest as _, Sha256};

    fn unhashed(bytes: &[u8]) -> Unhashed {
        Unhashed::new(Filled::of(bytes.to_vec()))
    }

    fn text(length: usize, seed: usize) -> Vec<u8> {
        (0..length).map(|n| (n * 131 + n / 7 + seed) as u8).collect()
    }

    fn is_right(hashed: Unhashed, text: &[u8]) {
        let (member, buffer) = hashed.finish();
        assert_eq!(member.sha256, <[u8; 32]>::from(Sha256::digest(text)), "{} bytes", text.len());
        assert_eq!((member.bytes, member.trailing, buffer.bytes()), (text.len() as u64, false, text));
    }

    #[test]
    fn texts_of_all_lengths_are_hashed_as_sha2_does() {
        for length in (0..200).chain([1000, 65_536, 100_001]) {
            let (one, other) = (text(length, 1), text((length * 7 + 13) % 301, 2));
            is_right(unhashed(&one), &one);
            let [mut first, mut second] = [&one, &other].map(|text| unhashed(text));
            first.with(&mut second);
            assert!(first.is_done() || second.is_done());
            is_right(first, &one);
            is_right(second, &other);
        }
    }

    #[test]
    fn what_is_left_of_the_longer_one_goes_on_with_others() {
        let long = text(10_000, 3);
        let mut first = unhashed(&long);
        for length in [100, 3000, 64, 63, 5000] {
            let other = text(length, length);
            let mut second = unhashed(&other);
            first.with(&mut second);
            is_right(second, &other);
        }
        is_right(first, &long);
    }

    /// The way of processors without the instructions.
    #[test]
    fn both_ways_are_one() {
        let texts = [text(640, 5), text(640, 6)];
        let blocks = [&texts[0], &texts[1]].map(|text| text.as_chunks::<BLOCK>().0);
        let (mut together, mut alone) = ([FIRST; 2], [FIRST; 2]);
        compress_two(&mut together, blocks);
        for (state, blocks) in alone.iter_mut().zip(blocks) {
            compress256(state, blocks);
        }
        assert_eq!(together, alone);
    }
}
