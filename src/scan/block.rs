//! What stands where in 64 bytes: one bit a byte. Three ways to find out, the same answer.
//!
//! AVX-512 and AVX2 are used where the machine has them, which is asked once; everything else takes
//! the portable way. `benches/README.md` has what each is worth.

/// Bytes a block.
pub(super) const BLOCK: usize = 64;

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
    /// `[`
    pub open_bracket: u64,
    /// `]`
    pub close_bracket: u64,
    /// `E G M O` in either case: the last letter but one of `root`, `eventTime`, `…Requested`.
    pub e: u64,
    /// `D E T U` in either case: the last letter of the same.
    pub t: u64,
}

/// Folds `E G M O e g m o` into `o`.
const E_FOLD: u8 = 0x2a;
/// Folds `D E T U d e t u` into `u`.
const T_FOLD: u8 = 0x31;

/// A way to look at a block.
pub(super) trait Masks {
    fn of(block: &[u8; BLOCK]) -> BlockMasks;

    /// Bit n of the answer is the parity of bits 0 to n.
    fn prefix_xor(bits: u64) -> u64;
}

/// Any machine.
#[derive(Debug)]
pub(super) struct Portable;

impl Masks for Portable {
    #[inline(always)]
    fn of(block: &[u8; BLOCK]) -> BlockMasks {
        let mask = |test: fn(u8) -> bool| {
            block.iter().enumerate().fold(0, |bits, (i, &byte)| bits | (u64::from(test(byte)) << i))
        };
        BlockMasks {
            quote: mask(|byte| byte == b'"'),
            backslash: mask(|byte| byte == b'\\'),
            open: mask(|byte| byte == b'{'),
            close: mask(|byte| byte == b'}'),
            open_bracket: mask(|byte| byte == b'['),
            close_bracket: mask(|byte| byte == b']'),
            e: mask(|byte| byte | E_FOLD == b'o'),
            t: mask(|byte| byte | T_FOLD == b'u'),
        }
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
    use super::{BLOCK, BlockMasks, E_FOLD, Masks, T_FOLD};
    use std::arch::x86_64::{
        __m256i, _mm_clmulepi64_si128, _mm_cvtsi128_si64, _mm_set_epi64x, _mm_set1_epi8, _mm256_cmpeq_epi8,
        _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi8, _mm512_cmpeq_epi8_mask,
        _mm512_loadu_si512, _mm512_or_si512, _mm512_set1_epi8,
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
        fn of(block: &[u8; BLOCK]) -> BlockMasks {
            // SAFETY: the module's rule; both loads lie inside the 64 bytes of `block`.
            unsafe {
                let low = _mm256_loadu_si256(block.as_ptr().cast::<__m256i>());
                let high = _mm256_loadu_si256(block.as_ptr().add(32).cast::<__m256i>());
                let equal = |low, high, byte: u8| {
                    let byte = _mm256_set1_epi8(byte as i8);
                    let low = _mm256_movemask_epi8(_mm256_cmpeq_epi8(low, byte)) as u32;
                    let high = _mm256_movemask_epi8(_mm256_cmpeq_epi8(high, byte)) as u32;
                    u64::from(low) | (u64::from(high) << 32)
                };
                let folded = |fold: u8, byte: u8| {
                    let fold = _mm256_set1_epi8(fold as i8);
                    equal(_mm256_or_si256(low, fold), _mm256_or_si256(high, fold), byte)
                };
                BlockMasks {
                    quote: equal(low, high, b'"'),
                    backslash: equal(low, high, b'\\'),
                    open: equal(low, high, b'{'),
                    close: equal(low, high, b'}'),
                    open_bracket: equal(low, high, b'['),
                    close_bracket: equal(low, high, b']'),
                    e: folded(E_FOLD, b'o'),
                    t: folded(T_FOLD, b'u'),
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
        fn of(block: &[u8; BLOCK]) -> BlockMasks {
            // SAFETY: the module's rule; the load is the 64 bytes of `block`.
            unsafe {
                let all = _mm512_loadu_si512(block.as_ptr().cast());
                let equal = |byte: u8| _mm512_cmpeq_epi8_mask(all, _mm512_set1_epi8(byte as i8));
                let folded = |fold: u8, byte: u8| {
                    let folded = _mm512_or_si512(all, _mm512_set1_epi8(fold as i8));
                    _mm512_cmpeq_epi8_mask(folded, _mm512_set1_epi8(byte as i8))
                };
                BlockMasks {
                    quote: equal(b'"'),
                    backslash: equal(b'\\'),
                    open: equal(b'{'),
                    close: equal(b'}'),
                    open_bracket: equal(b'['),
                    close_bracket: equal(b']'),
                    e: folded(E_FOLD, b'o'),
                    t: folded(T_FOLD, b'u'),
                }
            }
        }

        #[inline(always)]
        fn prefix_xor(bits: u64) -> u64 {
            carryless_prefix_xor(bits)
        }
    }
}
