//! The places of structural bytes in 64 bytes of text: one bit a byte, found in three ways with one result.
//!
//! [`Masks`] has an implementation for AVX-512, for AVX2, and for any machine; the CPU is asked once which of
//! them it has. The masks say where quotes, backslashes and braces stand, and where a string may end in a way
//! that matters. `Eights` follows strings and depths through eight blocks at a time. Tests compare the three
//! ways; `benches/README.md` has their speeds.

/// Bytes a block.
pub(super) const BLOCK: usize = 64;
/// Bytes before a block that are read with it: the last letters of a string that ends in the block.
pub(super) const BEFORE: usize = 2;

/// One bit for each of the 64 bytes, the first byte lowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlockMasks {
    /// The places of `"`.
    pub quote: u64,
    /// The places of `\`.
    pub backslash: u64,
    /// The places of `{`.
    pub open: u64,
    /// The places of `}`.
    pub close: u64,
    /// The places of `"` behind `Z`, or behind two letters that are `ot` or `ed` in either case, or that look
    /// like them to the cheapest test. The text itself decides.
    pub ending: u64,
}

/// Folds `D T d t` into `t`, and nothing else: the last letter.
const LAST: u8 = 0x30;
/// Folds `E G M O e g m o` into `o`: the last letter but one.
const SECOND: u8 = 0x2a;

/// A way to find the masks of a block.
pub(super) trait Masks {
    /// Returns the masks of a block; `around` is the block with the two bytes before it.
    fn of(around: &[u8; BEFORE + BLOCK]) -> BlockMasks;

    /// Returns the places of `u`.
    fn u(around: &[u8; BEFORE + BLOCK]) -> u64;

    /// Returns a mask whose bit n is the parity of bits 0 to n.
    fn prefix_xor(bits: u64) -> u64;
}

/// The way for any machine.
#[derive(Debug)]
pub(super) struct Portable;

impl Masks for Portable {
    #[inline(always)]
    fn of(around: &[u8; BEFORE + BLOCK]) -> BlockMasks {
        let quote = equal_bytes(around, b'"');
        let mut ending = 0;
        let mut quotes = quote;
        while quotes != 0 {
            let bit = quotes.trailing_zeros();
            let [second, last] = [0, 1].map(|before| around[bit as usize + before]);
            let fits = last == b'Z' || (last | LAST == b't' && second | SECOND == b'o');
            ending |= u64::from(fits) << bit;
            quotes &= quotes - 1;
        }
        BlockMasks {
            quote,
            backslash: equal_bytes(around, b'\\'),
            open: equal_bytes(around, b'{'),
            close: equal_bytes(around, b'}'),
            ending,
        }
    }

    #[inline(always)]
    fn u(around: &[u8; BEFORE + BLOCK]) -> u64 {
        equal_bytes(around, b'u')
    }

    #[inline(always)]
    fn prefix_xor(bits: u64) -> u64 {
        [1, 2, 4, 8, 16, 32].iter().fold(bits, |bits, shift| bits ^ (bits << shift))
    }
}

/// Returns one bit for each byte that equals `byte`, found eight bytes at a time.
#[inline(always)]
fn equal_bytes(around: &[u8; BEFORE + BLOCK], byte: u8) -> u64 {
    const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let (words, _) = around[BEFORE..].as_chunks::<8>();
    words.iter().enumerate().fold(0, |bits, (i, word)| {
        let differs = u64::from_le_bytes(*word) ^ (u64::from(byte) * 0x0101_0101_0101_0101);
        // The high bit of each byte that is zero, exactly: nothing is carried from one byte to the next.
        let zero = !(((differs & LOW) + LOW) | differs | LOW);
        // Gathers the eight bits in the top byte.
        let eight = (zero >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        bits | (eight << (8 * i))
    })
}

#[cfg(target_arch = "x86_64")]
#[allow(
    unsafe_code,
    reason = "seven times the speed of the portable way, which would be slower than inflating (benches/README.md)"
)]
pub(super) mod x86 {
    //! # Safety
    //! Every function here needs the CPU features that its type is named after. The types are used
    //! only in [`crate::records::kernel`], inside functions that enable those features and that are
    //! called only after the CPU was asked for them.
    use super::{BEFORE, BLOCK, BlockMasks, LAST, Masks, SECOND};
    use std::arch::x86_64::{
        __m256i, __m512i, _MM_HINT_T0, _mm_clmulepi64_si128, _mm_cvtsi128_si64, _mm_prefetch, _mm_set_epi64x,
        _mm_set1_epi8, _mm256_and_si256, _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_movemask_epi8,
        _mm256_or_si256, _mm256_set1_epi8, _mm512_add_epi64, _mm512_alignr_epi64, _mm512_andnot_si512,
        _mm512_castsi512_si128, _mm512_clmulepi64_epi128, _mm512_cmpeq_epi8_mask, _mm512_cmple_epi64_mask,
        _mm512_loadu_si512, _mm512_mask_test_epi8_mask, _mm512_permutex2var_epi8, _mm512_permutexvar_epi64,
        _mm512_popcnt_epi64, _mm512_set1_epi8, _mm512_set1_epi64, _mm512_setzero_si512, _mm512_srai_epi64,
        _mm512_storeu_si512, _mm512_sub_epi64, _mm512_test_epi64_mask, _mm512_unpacklo_epi64,
        _mm512_xor_si512,
    };

    /// The way for AVX2 and PCLMULQDQ.
    #[derive(Debug)]
    pub(crate) struct Avx2;

    /// The way for AVX-512 F, BW, VBMI and VPOPCNTDQ, and VPCLMULQDQ.
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

    /// Compares 32 bytes and returns one bit each: quote, backslash, open, close, ending.
    ///
    /// # Safety
    /// AVX2, and 34 readable bytes from `around` on.
    #[inline(always)]
    unsafe fn half(around: *const u8) -> [u32; 5] {
        // No closures here: they would not inherit the CPU features and could not be inlined.
        // SAFETY: every load begins 0 to 2 bytes into the 34 and is 32 bytes long.
        unsafe {
            let second = _mm256_loadu_si256(around.cast::<__m256i>());
            let last = _mm256_loadu_si256(around.add(1).cast::<__m256i>());
            let block = _mm256_loadu_si256(around.add(BEFORE).cast::<__m256i>());
            let quote = _mm256_cmpeq_epi8(block, _mm256_set1_epi8(b'"' as i8));
            let z = _mm256_cmpeq_epi8(last, _mm256_set1_epi8(b'Z' as i8));
            let second = _mm256_or_si256(second, _mm256_set1_epi8(SECOND as i8));
            let second = _mm256_cmpeq_epi8(second, _mm256_set1_epi8(b'o' as i8));
            let last = _mm256_or_si256(last, _mm256_set1_epi8(LAST as i8));
            let last = _mm256_cmpeq_epi8(last, _mm256_set1_epi8(b't' as i8));
            let ending = _mm256_and_si256(quote, _mm256_or_si256(z, _mm256_and_si256(last, second)));
            [
                _mm256_movemask_epi8(quote) as u32,
                _mm256_movemask_epi8(_mm256_cmpeq_epi8(block, _mm256_set1_epi8(b'\\' as i8))) as u32,
                _mm256_movemask_epi8(_mm256_cmpeq_epi8(block, _mm256_set1_epi8(b'{' as i8))) as u32,
                _mm256_movemask_epi8(_mm256_cmpeq_epi8(block, _mm256_set1_epi8(b'}' as i8))) as u32,
                _mm256_movemask_epi8(ending) as u32,
            ]
        }
    }

    /// Returns the places of a byte in 32 bytes.
    ///
    /// # Safety
    /// AVX2, and 32 readable bytes from `half` on.
    #[inline(always)]
    unsafe fn equal(half: *const u8, byte: u8) -> u32 {
        // SAFETY: the load is of the 32 bytes.
        unsafe {
            let block = _mm256_loadu_si256(half.cast::<__m256i>());
            _mm256_movemask_epi8(_mm256_cmpeq_epi8(block, _mm256_set1_epi8(byte as i8))) as u32
        }
    }

    impl Masks for Avx2 {
        #[inline(always)]
        fn of(around: &[u8; BEFORE + BLOCK]) -> BlockMasks {
            // SAFETY: the module's rule; each half reads 34 of the 66 bytes, from 0 and from 32 on.
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
        fn u(around: &[u8; BEFORE + BLOCK]) -> u64 {
            // SAFETY: the module's rule; the halves are the last 64 of the 66 bytes.
            unsafe {
                let block = around.as_ptr().add(BEFORE);
                u64::from(equal(block, b'u')) | (u64::from(equal(block.add(32), b'u')) << 32)
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
            // SAFETY: the module's rule; every load begins 0 to 2 bytes into the 66 and is 64 bytes long.
            unsafe {
                // A prefetch is a hint and may point anywhere; it brings text back that is long enough to
                // have left the cache.
                _mm_prefetch::<_MM_HINT_T0>(around.as_ptr().wrapping_add(AHEAD).cast());
                let second = _mm512_loadu_si512(around.as_ptr().cast());
                let last = _mm512_loadu_si512(around.as_ptr().add(1).cast());
                let block = _mm512_loadu_si512(around.as_ptr().add(BEFORE).cast());
                let quote = _mm512_cmpeq_epi8_mask(block, _mm512_set1_epi8(b'"' as i8));
                let second = looked_up(second, &SECONDS);
                let last = looked_up(last, &LASTS);
                BlockMasks {
                    quote,
                    backslash: _mm512_cmpeq_epi8_mask(block, _mm512_set1_epi8(b'\\' as i8)),
                    open: _mm512_cmpeq_epi8_mask(block, _mm512_set1_epi8(b'{' as i8)),
                    close: _mm512_cmpeq_epi8_mask(block, _mm512_set1_epi8(b'}' as i8)),
                    ending: _mm512_mask_test_epi8_mask(quote, second, last),
                }
            }
        }

        #[inline(always)]
        fn u(around: &[u8; BEFORE + BLOCK]) -> u64 {
            // SAFETY: the module's rule; the load is the last 64 of the 66 bytes.
            unsafe {
                let block = _mm512_loadu_si512(around.as_ptr().add(BEFORE).cast());
                _mm512_cmpeq_epi8_mask(block, _mm512_set1_epi8(b'u' as i8))
            }
        }

        #[inline(always)]
        fn prefix_xor(bits: u64) -> u64 {
            carryless_prefix_xor(bits)
        }
    }

    /// Bytes by which memory is asked for ahead: 1.2 % of a whole scan of objects of 40 MB.
    const AHEAD: usize = 1024;

    /// Marks the last letters of the strings to look at, a bit for each kind: `ot` in either case, `ed`, and a
    /// digit before `Z`.
    const LASTS: [u8; 128] = marked(&[b"Tt", b"d", b"Z"]);
    /// Marks the letters before the last ones.
    const SECONDS: [u8; 128] = marked(&[b"Oo", b"e", b"0123456789"]);

    const fn marked(kinds: &[&[u8]; 3]) -> [u8; 128] {
        let mut marks = [0; 128];
        let mut kind = 0;
        while kind < kinds.len() {
            let mut i = 0;
            while i < kinds[kind].len() {
                marks[kinds[kind][i] as usize] |= 1 << kind;
                i += 1;
            }
            kind += 1;
        }
        marks
    }

    /// Returns the table's entry for each byte, without the byte's highest bit.
    ///
    /// # Safety
    /// AVX-512 VBMI.
    #[inline(always)]
    unsafe fn looked_up(bytes: __m512i, table: &[u8; 128]) -> __m512i {
        // SAFETY: the loads are of the two halves of the table.
        unsafe {
            let low = _mm512_loadu_si512(table.as_ptr().cast());
            let high = _mm512_loadu_si512(table.as_ptr().add(64).cast());
            _mm512_permutex2var_epi8(low, bytes, high)
        }
    }

    /// The state of strings and depths over eight blocks at a time.
    #[derive(Debug)]
    pub(crate) struct Eights {
        in_string: __m512i,
        depth: __m512i,
    }

    impl Eights {
        /// Returns the state behind some text: `in_string` is all ones inside a string, `depth` the number of
        /// open braces.
        #[inline(always)]
        pub(crate) fn new(in_string: u64, depth: i64) -> Self {
            // SAFETY: the module's rule.
            unsafe {
                Self { in_string: _mm512_set1_epi64(in_string as i64), depth: _mm512_set1_epi64(depth) }
            }
        }

        /// Returns the state behind the last block.
        #[inline(always)]
        pub(crate) fn state(&self) -> (u64, i64) {
            // SAFETY: the module's rule.
            unsafe {
                let in_string = _mm_cvtsi128_si64(_mm512_castsi512_si128(self.in_string));
                (in_string as u64, _mm_cvtsi128_si64(_mm512_castsi512_si128(self.depth)))
            }
        }

        /// Removes the braces inside strings, and writes the number of open braces before each block to
        /// `depth`. Returns a bit for each block that has texts, or in which the depth may come to nothing.
        #[inline(always)]
        pub(crate) fn follow(
            &mut self,
            quote: &[u64; 8],
            texts: &[u64; 8],
            open: &mut [u64; 8],
            close: &mut [u64; 8],
            depth: &mut [i64; 8],
        ) -> u8 {
            // SAFETY: the module's rule; each load and store is of eight whole values.
            unsafe {
                let nothing = _mm512_setzero_si512();
                let last = _mm512_set1_epi64(7);
                // The parity of the quotes up to each byte of each block: multiplied by all ones, without
                // carries; the even blocks and the odd ones.
                let quote = _mm512_loadu_si512(quote.as_ptr().cast());
                let even = _mm512_clmulepi64_epi128::<0x00>(quote, _mm512_set1_epi8(-1));
                let odd = _mm512_clmulepi64_epi128::<0x01>(quote, _mm512_set1_epi8(-1));
                let parity = _mm512_unpacklo_epi64(even, odd);
                // The parity up to each whole block, in three doublings.
                let turns = _mm512_srai_epi64::<63>(parity);
                let turned = _mm512_xor_si512(turns, _mm512_alignr_epi64::<7>(turns, nothing));
                let turned = _mm512_xor_si512(turned, _mm512_alignr_epi64::<6>(turned, nothing));
                let turned = _mm512_xor_si512(turned, _mm512_alignr_epi64::<4>(turned, nothing));
                let turned = _mm512_xor_si512(turned, self.in_string);
                self.in_string = _mm512_permutexvar_epi64(last, turned);
                let strings = _mm512_xor_si512(parity, _mm512_xor_si512(turned, turns));

                let opened = _mm512_andnot_si512(strings, _mm512_loadu_si512(open.as_ptr().cast()));
                let closed = _mm512_andnot_si512(strings, _mm512_loadu_si512(close.as_ptr().cast()));
                _mm512_storeu_si512(open.as_mut_ptr().cast(), opened);
                _mm512_storeu_si512(close.as_mut_ptr().cast(), closed);
                let closed = _mm512_popcnt_epi64(closed);
                let change = _mm512_sub_epi64(_mm512_popcnt_epi64(opened), closed);
                let sum = _mm512_add_epi64(change, _mm512_alignr_epi64::<7>(change, nothing));
                let sum = _mm512_add_epi64(sum, _mm512_alignr_epi64::<6>(sum, nothing));
                let sum = _mm512_add_epi64(sum, _mm512_alignr_epi64::<4>(sum, nothing));
                let after = _mm512_add_epi64(self.depth, sum);
                self.depth = _mm512_permutexvar_epi64(last, after);
                let before = _mm512_sub_epi64(after, change);
                _mm512_storeu_si512(depth.as_mut_ptr().cast(), before);

                let texts = _mm512_loadu_si512(texts.as_ptr().cast());
                _mm512_test_epi64_mask(texts, texts) | _mm512_cmple_epi64_mask(before, closed)
            }
        }
    }
}
