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
    /// either case, or looks like it to the cheapest test. More may be set: the text itself decides.
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
            let mut words = block.chunks_exact(8).enumerate();
            words
                .try_fold(0, |bits, (i, word)| {
                    Some(bits | (equal_bytes(*word.first_chunk()?, byte) << (8 * i)))
                })
                .unwrap_or(0)
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

/// One bit for each of eight bytes that equals `byte`.
#[inline(always)]
fn equal_bytes(word: [u8; 8], byte: u8) -> u64 {
    const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let differs = u64::from_le_bytes(word) ^ (u64::from(byte) * 0x0101_0101_0101_0101);
    // The high bit of each byte that is zero, exactly: nothing is carried from one byte to the next.
    let zero = !(((differs & LOW) + LOW) | differs | LOW);
    // Gathers the eight bits in the top byte.
    (zero >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

#[cfg(target_arch = "x86_64")]
#[allow(
    unsafe_code,
    reason = "seven times the speed of the portable way, which would be slower than inflating (benches/README.md)"
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
        _mm512_cmpeq_epi8_mask, _mm512_loadu_si512, _mm512_or_si512, _mm512_set1_epi8,
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

    /// The comparisons of 32 bytes, one bit each: quote, backslash, open, close, ending.
    ///
    /// # Safety
    /// AVX2, and 35 readable bytes from `around` on.
    #[inline(always)]
    unsafe fn half(around: *const u8) -> [u32; 5] {
        // No closures here: they would not inherit the CPU features and could not be inlined.
        // SAFETY: every load begins 0 to 3 bytes into the 35 and is 32 bytes long.
        unsafe {
            let third = _mm256_loadu_si256(around.cast::<__m256i>());
            let second = _mm256_loadu_si256(around.add(1).cast::<__m256i>());
            let last = _mm256_loadu_si256(around.add(2).cast::<__m256i>());
            let block = _mm256_loadu_si256(around.add(3).cast::<__m256i>());
            let quote = _mm256_cmpeq_epi8(block, _mm256_set1_epi8(b'"' as i8));
            let last = _mm256_or_si256(last, _mm256_set1_epi8(LAST as i8));
            let last = _mm256_cmpeq_epi8(last, _mm256_set1_epi8(b'u' as i8));
            let second = _mm256_or_si256(second, _mm256_set1_epi8(SECOND as i8));
            let second = _mm256_cmpeq_epi8(second, _mm256_set1_epi8(b'o' as i8));
            let third = _mm256_or_si256(
                _mm256_cmpeq_epi8(third, _mm256_set1_epi8(b't' as i8)),
                _mm256_cmpeq_epi8(
                    _mm256_or_si256(third, _mm256_set1_epi8(THIRD as i8)),
                    _mm256_set1_epi8(b'o' as i8),
                ),
            );
            let ending = _mm256_and_si256(_mm256_and_si256(quote, last), _mm256_and_si256(second, third));
            [
                _mm256_movemask_epi8(quote) as u32,
                _mm256_movemask_epi8(_mm256_cmpeq_epi8(block, _mm256_set1_epi8(b'\\' as i8))) as u32,
                _mm256_movemask_epi8(_mm256_cmpeq_epi8(block, _mm256_set1_epi8(b'{' as i8))) as u32,
                _mm256_movemask_epi8(_mm256_cmpeq_epi8(block, _mm256_set1_epi8(b'}' as i8))) as u32,
                _mm256_movemask_epi8(ending) as u32,
            ]
        }
    }

    impl Masks for Avx2 {
        #[inline(always)]
        fn of(around: &[u8; BEFORE + BLOCK]) -> BlockMasks {
            // SAFETY: the module's rule; each half reads 35 of the 67 bytes, from 0 and from 32 on.
            let (low, high) = unsafe { (half(around.as_ptr()), half(around.as_ptr().add(32))) };
            BlockMasks {
                quote: u64::from(low[0]) | (u64::from(high[0]) << 32),
                backslash: u64::from(low[1]) | (u64::from(high[1]) << 32),
                open: u64::from(low[2]) | (u64::from(high[2]) << 32),
                close: u64::from(low[3]) | (u64::from(high[3]) << 32),
                ending: u64::from(low[4]) | (u64::from(high[4]) << 32),
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
            // SAFETY: the module's rule; the load is the last 64 of the 67 bytes.
            unsafe {
                // One load and shifted masks: three more loads, each across a cache line, cost more. Of the
                // letters before the block nothing is known here, so a quote behind them counts.
                let block = _mm512_loadu_si512(around.as_ptr().add(BEFORE).cast());
                let o = _mm512_set1_epi8(b'o' as i8);
                let last = _mm512_or_si512(block, _mm512_set1_epi8(LAST as i8));
                let last = _mm512_cmpeq_epi8_mask(last, _mm512_set1_epi8(b'u' as i8));
                let second = _mm512_or_si512(block, _mm512_set1_epi8(SECOND as i8));
                let second = _mm512_cmpeq_epi8_mask(second, o);
                let third = _mm512_or_si512(block, _mm512_set1_epi8(THIRD as i8));
                let third = _mm512_cmpeq_epi8_mask(third, o)
                    | _mm512_cmpeq_epi8_mask(block, _mm512_set1_epi8(b't' as i8));
                let quote = _mm512_cmpeq_epi8_mask(block, _mm512_set1_epi8(b'"' as i8));
                BlockMasks {
                    quote,
                    backslash: _mm512_cmpeq_epi8_mask(block, _mm512_set1_epi8(b'\\' as i8)),
                    open: _mm512_cmpeq_epi8_mask(block, _mm512_set1_epi8(b'{' as i8)),
                    close: _mm512_cmpeq_epi8_mask(block, _mm512_set1_epi8(b'}' as i8)),
                    ending: quote & ((last << 1) | 1) & ((second << 2) | 3) & ((third << 3) | 7),
                }
            }
        }

        #[inline(always)]
        fn prefix_xor(bits: u64) -> u64 {
            carryless_prefix_xor(bits)
        }
    }
}
