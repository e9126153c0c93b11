//! What stands where in 64 bytes: one bit a byte. Three ways to find out, the same answer.
//!
//! AVX-512 and AVX2 are used where the machine has them, which is asked once; everything else takes
//! the portable way. `benches/README.md` has what each is worth.

/// Bytes a block.
pub(super) const BLOCK: usize = 64;
/// Bytes before a block that are looked at with it: the last letters of a string that ends in it.
pub(super) const BEFORE: usize = 3;

/// One bit for each of the 64 bytes, the first byte lowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlockMasks {
    /// `"`
    pub quote: u64,
    /// `\`
    pub backslash: u64,
    /// `{`
    pub open: u64,
    /// `}`
    pub close: u64,
    /// A `"` behind three letters of which each is one that `oot`, `ime` or `ted` has in its place, in
    /// either case, or one of the few that look like it to the cheapest test.
    pub ending: u64,
}

/// Folds `D E T U d e t u` into `u`: the last letter.
const LAST: u8 = 0x31;
/// Folds `E G M O e g m o` into `o`: the last but one.
const SECOND: u8 = 0x2a;
/// Folds `I K M O i k m o` into `o`; `t` is asked for by itself: the last but two.
const THIRD: u8 = 0x26;

/// A way to look at a block.
pub(super) trait Masks {
    /// `around` is the block with the three bytes before it.
    fn of(around: &[u8; BEFORE + BLOCK]) -> BlockMasks;

    /// Bit n of the answer is the parity of bits 0 to n.
    fn prefix_xor(bits: u64) -> u64;
}

/// Any machine.
#[derive(Debug)]
pub(super) struct Portable;

impl Masks for Portable {
    #[inline(always)]
    fn of(around: &[u8; BEFORE + BLOCK]) -> BlockMasks {
        let block = &around[BEFORE..];
        let mask = |byte: u8| {
            block.iter().enumerate().fold(0, |bits, (i, &found)| bits | (u64::from(found == byte) << i))
        };
        let quote = mask(b'"');
        let mut ending = 0;
        let mut quotes = quote;
        while quotes != 0 {
            let bit = quotes.trailing_zeros();
            let [third, second, last] = [0, 1, 2].map(|before| around[bit as usize + before]);
            let fits =
                last | LAST == b'u' && second | SECOND == b'o' && (third | THIRD == b'o' || third == b't');
            ending |= u64::from(fits) << bit;
            quotes &= quotes - 1;
        }
        BlockMasks { quote, backslash: mask(b'\\'), open: mask(b'{'), close: mask(b'}'), ending }
    }

    #[inline(always)]
    fn prefix_xor(bits: u64) -> u64 {
        [1, 2, 4, 8, 16, 32].iter().fold(bits, |bits, shift| bits ^ (bits << shift))
    }
}

#[cfg(target_arch = "x86_64")]
#[allow(
    unsafe_code,
    reason = "benches/README.md: the portable way reaches 0.5 of the ceiling, these 0.8 and more"
)]
pub(super) mod x86 {
    //! # Safety
    //! Every function here needs the CPU features that its type is named after. The types are used
    //! only in [`super::super::kernel`], inside functions that enable those features and that are
    //! called only after the CPU was asked for them.
    use super::{BEFORE, BLOCK, BlockMasks, LAST, Masks, SECOND, THIRD};
    use std::arch::x86_64::{
        __m256i, _mm_clmulepi64_si128, _mm_cvtsi128_si64, _mm_set_epi64x, _mm_set1_epi8, _mm256_and_si256,
        _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi8,
        _mm512_cmpeq_epi8_mask, _mm512_loadu_si512, _mm512_mask_cmpeq_epi8_mask, _mm512_or_si512,
        _mm512_set1_epi8,
    };

    /// AVX2 and PCLMULQDQ.
    #[derive(Debug)]
    pub(crate) struct Avx2;

    /// AVX-512BW and PCLMULQDQ.
    #[derive(Debug)]
    pub(crate) struct Avx512;

    #[inline(always)]
    fn carryless_prefix_xor(bits: u64) -> u64 {
        // SAFETY: the module's rule; PCLMULQDQ is enabled in every caller.
        unsafe {
            let product = _mm_clmulepi64_si128::<0>(_mm_set_epi64x(0, bits as i64), _mm_set1_epi8(-1));
            _mm_cvtsi128_si64(product) as u64
        }
    }

    impl Masks for Avx2 {
        #[inline(always)]
        fn of(around: &[u8; BEFORE + BLOCK]) -> BlockMasks {
            // SAFETY: the module's rule; every load begins 0 to 3 or 32 to 35 bytes into the 67 of
            // `around` and is 32 bytes long.
            unsafe {
                let at = |offset: usize| _mm256_loadu_si256(around.as_ptr().add(offset).cast::<__m256i>());
                let halves = [0, 32].map(|half| {
                    let block = at(half + 3);
                    let equal = |byte: u8| _mm256_cmpeq_epi8(block, _mm256_set1_epi8(byte as i8));
                    let folded = |offset: usize, fold: u8, byte: u8| {
                        let fold = _mm256_or_si256(at(half + offset), _mm256_set1_epi8(fold as i8));
                        _mm256_cmpeq_epi8(fold, _mm256_set1_epi8(byte as i8))
                    };
                    let bits = |equal| _mm256_movemask_epi8(equal) as u32;
                    let quote = equal(b'"');
                    let third = _mm256_or_si256(folded(0, THIRD, b'o'), folded(0, 0, b't'));
                    let pair = _mm256_and_si256(folded(1, SECOND, b'o'), folded(2, LAST, b'u'));
                    let ending = _mm256_and_si256(quote, _mm256_and_si256(third, pair));
                    [bits(quote), bits(equal(b'\\')), bits(equal(b'{')), bits(equal(b'}')), bits(ending)]
                });
                let joined = |i: usize| u64::from(halves[0][i]) | (u64::from(halves[1][i]) << 32);
                BlockMasks {
                    quote: joined(0),
                    backslash: joined(1),
                    open: joined(2),
                    close: joined(3),
                    ending: joined(4),
                }
            }
        }

        #[inline(always)]
        fn prefix_xor(bits: u64) -> u64 {
            carryless_prefix_xor(bits)
        }
    }

    impl Masks for Avx512 {
        #[inline(always)]
        fn of(around: &[u8; BEFORE + BLOCK]) -> BlockMasks {
            // SAFETY: the module's rule; every load begins 0 to 3 bytes into the 67 of `around` and is 64
            // bytes long.
            unsafe {
                let at = |offset: usize| _mm512_loadu_si512(around.as_ptr().add(offset).cast());
                let byte = |byte: u8| _mm512_set1_epi8(byte as i8);
                let block = at(3);
                let quote = _mm512_cmpeq_epi8_mask(block, byte(b'"'));
                let third = at(0);
                let ending =
                    _mm512_mask_cmpeq_epi8_mask(quote, _mm512_or_si512(at(2), byte(LAST)), byte(b'u'));
                let ending =
                    _mm512_mask_cmpeq_epi8_mask(ending, _mm512_or_si512(at(1), byte(SECOND)), byte(b'o'));
                let ending =
                    _mm512_mask_cmpeq_epi8_mask(ending, _mm512_or_si512(third, byte(THIRD)), byte(b'o'))
                        | _mm512_mask_cmpeq_epi8_mask(ending, third, byte(b't'));
                BlockMasks {
                    quote,
                    backslash: _mm512_cmpeq_epi8_mask(block, byte(b'\\')),
                    open: _mm512_cmpeq_epi8_mask(block, byte(b'{')),
                    close: _mm512_cmpeq_epi8_mask(block, byte(b'}')),
                    ending,
                }
            }
        }

        #[inline(always)]
        fn prefix_xor(bits: u64) -> u64 {
            carryless_prefix_xor(bits)
        }
    }
}
