//! One pass over an object's bytes, 64 at a time, that notes the few places where something happens.
//!
//! The pass tracks strings and the depth of braces, which is all that finding the end of a record takes. The
//! pass does not stop at that end: it goes on into whatever follows, as if that were the next record, and
//! [`super::boundary`] drops what was noted where that was wrong. The code does not branch on anything that
//! is usual in a record, which makes it fast.

#[cfg(target_arch = "x86_64")]
use super::block::x86::Eights;
use super::block::{BEFORE, BLOCK, BlockMasks, Masks, Portable};

/// Blocks that a pass goes through at a time: 4 KiB of text stay in the nearest cache.
pub(super) const BLOCKS: usize = 64;

/// The state of the pass between two blocks.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pass {
    depth: i64,
    /// All ones inside a string.
    in_string: u64,
    /// 1 where the last byte was an unescaped backslash.
    escaped: u64,
}

/// The notes on some blocks: for each, one bit a byte.
#[derive(Clone, Copy, Debug)]
pub(super) struct Noted {
    quote: [u64; BLOCKS],
    /// The places of a `"` at the end of a string that may matter, or of a `\` before a `u`.
    texts: [u64; BLOCKS],
    /// The braces outside strings.
    open: [u64; BLOCKS],
    close: [u64; BLOCKS],
    /// The number of braces that are open before the block.
    depth: [i64; BLOCKS],
}

impl Default for Noted {
    fn default() -> Self {
        let none = [0; BLOCKS];
        Self { quote: none, texts: none, open: none, close: none, depth: [0; BLOCKS] }
    }
}

impl Noted {
    /// Returns the places in a block where something happens: a text to look at, or a closing brace that
    /// brings the depth to nothing, or below.
    #[inline(always)]
    pub(super) fn places(&self, block: usize) -> u64 {
        let (open, close, mut depth) = (self.open[block], self.close[block], self.depth[block]);
        let mut places = self.texts[block];
        if i64::from(close.count_ones()) < depth {
            return places;
        }
        let mut braces = open | close;
        while braces != 0 {
            let brace = braces & braces.wrapping_neg();
            braces &= braces - 1;
            depth += if open & brace != 0 { 1 } else { -1 };
            places |= if open & brace == 0 && depth <= 0 { brace } else { 0 };
        }
        places
    }

    /// Returns the number of braces that are open at a bit of a block.
    #[inline(always)]
    pub(super) fn depth_at(&self, block: usize, bit: u32) -> i64 {
        let before = (1_u64 << bit) - 1;
        let opened = (self.open[block] & before).count_ones();
        let closed = (self.close[block] & before).count_ones();
        self.depth[block] + i64::from(opened) - i64::from(closed)
    }
}

/// A way to make the pass.
pub(super) trait Way {
    /// Goes on through blocks, 64 at most, behind the two bytes before them, and notes what is found in each.
    /// Returns a bit for each block in which something may happen.
    fn advance(pass: &mut Pass, around: &[u8], noted: &mut Noted) -> u64;
}

impl Way for Portable {
    #[inline(always)]
    fn advance(pass: &mut Pass, around: &[u8], noted: &mut Noted) -> u64 {
        pass.one_by_one::<Self>(around, noted)
    }
}

impl Pass {
    #[inline(always)]
    pub(super) fn one_by_one<M: Masks>(&mut self, around: &[u8], noted: &mut Noted) -> u64 {
        let mut state = *self;
        let mut happens = 0;
        for i in 0..blocks(around) {
            let Some(around) = around[i * BLOCK..].first_chunk() else { break };
            let masks = M::of(around);
            let quote = state.unescaped::<M>(&masks, around, &mut noted.texts[i]);
            let strings = M::prefix_xor(quote) ^ state.in_string;
            state.in_string = (strings as i64 >> 63) as u64;
            let open = masks.open & !strings;
            let close = masks.close & !strings;
            (noted.open[i], noted.close[i], noted.depth[i]) = (open, close, state.depth);
            let closed = i64::from(close.count_ones());
            happens |= u64::from(noted.texts[i] != 0 || state.depth <= closed) << i;
            state.depth += i64::from(open.count_ones()) - closed;
        }
        *self = state;
        happens
    }

    /// Goes on through blocks in two steps: the masks of each block, and then what follows from them for
    /// eight at a time.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    pub(super) fn by_eights<M: Masks>(&mut self, around: &[u8], noted: &mut Noted) -> u64 {
        let mut state = *self;
        let n = blocks(around);
        for i in 0..n {
            let Some(around) = around[i * BLOCK..].first_chunk() else { break };
            let masks = M::of(around);
            (noted.open[i], noted.close[i]) = (masks.open, masks.close);
            noted.quote[i] = state.unescaped::<M>(&masks, around, &mut noted.texts[i]);
        }
        let Noted { quote, texts, open, close, depth } = noted;
        // Only whole groups of eight are followed.
        let whole = n.next_multiple_of(8);
        for masks in [&mut *quote, texts, open, close] {
            masks[n..whole].fill(0);
        }
        let quote = quote[..whole].as_chunks().0.iter().zip(texts.as_chunks().0);
        let braces = open.as_chunks_mut().0.iter_mut().zip(close.as_chunks_mut().0);
        let mut eights = Eights::new(state.in_string, state.depth);
        let mut happens = 0;
        for (i, (((quote, texts), (open, close)), depth)) in
            quote.zip(braces).zip(depth.as_chunks_mut().0).enumerate()
        {
            happens |= u64::from(eights.follow(quote, texts, open, close, depth)) << (8 * i);
        }
        (state.in_string, state.depth) = eights.state();
        *self = state;
        happens
    }

    /// Returns the quotes of a block that are not escaped, and sets `texts` to the places to look at.
    #[inline(always)]
    fn unescaped<M: Masks>(
        &mut self,
        masks: &BlockMasks,
        around: &[u8; BEFORE + BLOCK],
        texts: &mut u64,
    ) -> u64 {
        // A string cannot end in the mask's letters and an escaped quote, before which a backslash stands.
        *texts = masks.ending;
        if masks.backslash == 0 && self.escaped == 0 {
            return masks.quote;
        }
        let escaping = escaping(masks.backslash, self.escaped);
        let quote = masks.quote & !((escaping << 1) | self.escaped);
        // The byte that the block's last backslash escapes lies outside the block, so that backslash is
        // always looked at.
        *texts |= escaping & ((M::u(around) >> 1) | (1 << 63));
        self.escaped = escaping >> 63;
        quote
    }
}

/// Returns the number of whole blocks behind two bytes.
#[inline(always)]
fn blocks(around: &[u8]) -> usize {
    (around.len().saturating_sub(BEFORE) / BLOCK).min(BLOCKS)
}

/// Returns the backslashes of a block that escape a byte; `first_is_escaped` says that the first byte is
/// escaped.
#[inline(always)]
fn escaping(backslash: u64, first_is_escaped: u64) -> u64 {
    const ODD: u64 = 0xaaaa_aaaa_aaaa_aaaa;
    // In a run of backslashes every other one escapes, beginning with its first. Subtracting the runs from
    // what follows each backslash leaves, on even and odd places alike, the alternation from a run's start.
    let free = backslash & !first_is_escaped;
    let alternating = ((free << 1) | ODD).wrapping_sub(free) ^ ODD;
    alternating & backslash
}
