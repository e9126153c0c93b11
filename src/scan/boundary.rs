//! Where a record ends, and whether it can concern root: one pass over its bytes, 64 at a time.
//!
//! The pass tracks strings and the depth of braces, which is all that finding the end takes. Within
//! the same pass it looks for what a record that concerns root must contain (see [`Found::candidate`])
//! and for the record's time.
//!
//! **No false negatives.** A record matters only if one of its strings decodes to something that ends in
//! `root` in any ASCII case (the type `Root`, the root ARN, `AssumeRoot`) or to a `PasswordRecovery…`
//! event name. Either those letters stand in the text as they are, before the closing quote, or at
//! least one is escaped; the grammar's only escape for a letter is `\u00XX`, with 4 to 7 as the third
//! digit. Both are looked for. Everything else is a false positive that parsing settles.

use super::block::{BEFORE, BLOCK, Masks};

/// The end of a record, and what was seen on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The offset behind the closing brace.
    pub end: usize,
    /// Whether the record must be parsed: it may concern root.
    pub candidate: bool,
    /// The offset of the 20 bytes of the last plainly spelled top-level `eventTime`, where they look like
    /// `2024-05-01T00:00:00Z`.
    pub time: Option<usize>,
}

/// The state of the pass over one record. It can stop at any block and go on when there are more bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Boundary {
    /// Bytes done.
    at: usize,
    depth: i64,
    /// All ones inside a string.
    in_string: u64,
    /// 1 where the last byte was an unescaped backslash.
    escaped: u64,
    candidate: bool,
    time: Option<usize>,
}

/// How many bytes behind a block are looked at: `u00XX` after a backslash, and the time after its key.
const LOOK_AHEAD: usize = 40;

impl Boundary {
    /// Goes on through `text`, which begins at the record's opening brace. `None`: the record goes on
    /// behind `text`; call again with the same bytes and more. `last` says that there are no more.
    #[inline(always)]
    pub(super) fn advance<M: Masks>(&mut self, text: &[u8], last: bool) -> Option<Found> {
        // A copy that never leaves the registers; rare work is called by value for that reason.
        let mut state = *self;
        if !last && text.len() < BEFORE + LOOK_AHEAD {
            return None;
        }
        if state.at == 0
            && let [b'{', b'"', letter, ..] = text
            && letter.is_ascii_alphanumeric()
        {
            // How a record begins: inside its first key, without a look at each byte.
            state = Self { at: BEFORE, depth: 1, in_string: u64::MAX, ..state };
        }
        while state.at < BEFORE {
            if text.len() <= state.at {
                return None;
            }
            if state.first_bytes(text) {
                return Some(state.found(state.at));
            }
        }
        let whole_blocks = text.len().saturating_sub(LOOK_AHEAD);
        while let Some(around) = text.get(state.at - BEFORE..whole_blocks).and_then(<[u8]>::first_chunk) {
            if let Some(end) = state.block::<M>(around, text) {
                return Some(state.found(end));
            }
        }
        while last && state.at < text.len() {
            let mut around = [b' '; BEFORE + BLOCK];
            let rest = &text[state.at - BEFORE..];
            let n = rest.len().min(around.len());
            around[..n].copy_from_slice(&rest[..n]);
            if let Some(end) = state.block::<M>(&around, text) {
                return Some(state.found(end));
            }
        }
        *self = state;
        None
    }

    /// How many bytes the pass has seen.
    pub fn seen(&self) -> usize {
        self.at
    }

    #[inline(always)]
    fn found(&self, end: usize) -> Found {
        Found { end, candidate: self.candidate, time: self.time }
    }

    /// The bytes that come before the first block's look back, one at a time. Whether the record ends.
    #[inline(always)]
    fn first_bytes(&mut self, text: &[u8]) -> bool {
        let byte = text[self.at];
        self.at += 1;
        if std::mem::take(&mut self.escaped) == 1 {
            if byte == b'"' {
                return false;
            }
        } else if byte == b'\\' {
            self.escaped = 1;
            self.candidate |= is_letter_escape(&text[self.at..]);
        }
        match byte {
            b'"' => self.in_string = !self.in_string,
            b'{' if self.in_string == 0 => self.depth += 1,
            b'}' if self.in_string == 0 => {
                self.depth -= 1;
                return self.depth <= 0;
            }
            _ => {}
        }
        false
    }

    #[inline(always)]
    fn block<M: Masks>(&mut self, around: &[u8; BEFORE + BLOCK], text: &[u8]) -> Option<usize> {
        let masks = M::of(around);
        let base = self.at;
        let mut quotes = masks.quote;
        let mut letter_escapes = 0;
        if (masks.backslash | self.escaped) != 0 {
            let escapes = escapes(masks.backslash, self.escaped, &text[base..]);
            self.escaped = escapes.carry;
            quotes &= !escapes.escaped;
            letter_escapes = escapes.letters;
        }
        let strings = M::prefix_xor(quotes) ^ self.in_string;
        self.in_string = (strings as i64 >> 63) as u64;
        let open = masks.open & !strings;
        let close = masks.close & !strings;
        self.at += BLOCK;

        let depth = self.depth;
        let closed = i64::from(close.count_ones());
        self.depth += i64::from(open.count_ones()) - closed;
        let mut within = u64::MAX;
        let mut end = None;
        if depth - closed < 1
            && let Some(bit) = zero_crossing(depth, open, close)
        {
            end = Some(base + bit as usize + 1);
            // Only what stands before the record's end is the record's.
            within = u64::MAX >> (63 - bit);
        }
        self.candidate |= letter_escapes & within != 0;
        let mut endings = masks.ending & quotes & within;
        while endings != 0 {
            let bit = endings.trailing_zeros();
            endings &= endings - 1;
            let quote = base + bit as usize;
            match Ending::of(text, quote) {
                Ending::Nothing => {}
                Ending::Candidate => self.candidate = true,
                Ending::Time => {
                    let before = (1_u64 << bit) - 1;
                    let opened = (open & before).count_ones();
                    let closed = (close & before).count_ones();
                    if depth + i64::from(opened) - i64::from(closed) == 1 {
                        self.time = time_after(text, quote).or(self.time);
                    }
                }
            }
        }
        end
    }
}

/// The first closing brace that brings the depth to nothing.
#[inline(always)]
fn zero_crossing(depth: i64, open: u64, mut close: u64) -> Option<u32> {
    let mut closed = 0;
    while close != 0 {
        let bit = close.trailing_zeros();
        closed += 1;
        let opened = (open & ((1_u64 << bit) - 1)).count_ones();
        if depth + i64::from(opened) - closed <= 0 {
            return Some(bit);
        }
        close &= close - 1;
    }
    None
}

struct Escapes {
    /// The bytes that a backslash before them escapes.
    escaped: u64,
    /// The backslashes of escapes that may stand for a letter.
    letters: u64,
    /// 1 where the first byte of the next block is escaped.
    carry: u64,
}

/// What the backslashes of a block do; `text` begins with the block.
#[inline(never)]
fn escapes(mut backslashes: u64, carry: u64, text: &[u8]) -> Escapes {
    let mut found = Escapes { escaped: carry, letters: 0, carry: 0 };
    backslashes &= !carry;
    while backslashes != 0 {
        let bit = backslashes.trailing_zeros();
        let next = bit as usize + 1;
        if text.len() > next && is_letter_escape(&text[next..]) {
            found.letters |= 1 << bit;
        }
        if bit == 63 {
            found.carry = 1;
            break;
        }
        found.escaped |= 2 << bit;
        // The escaped byte may be a backslash: it escapes nothing.
        backslashes &= !(3 << bit);
    }
    found
}

/// Whether what follows a backslash may stand for a letter.
fn is_letter_escape(text: &[u8]) -> bool {
    matches!(text, [b'u', b'0', b'0', b'4'..=b'7', ..])
}

/// What a string's last letters tell.
enum Ending {
    Nothing,
    /// The record may concern root.
    Candidate,
    /// The string is `eventTime`.
    Time,
}

impl Ending {
    #[inline(always)]
    fn of(text: &[u8], quote: usize) -> Self {
        let Some(last) = text[..quote].last_chunk::<8>() else { return Self::of_short(&text[..quote]) };
        let last = u64::from_le_bytes(*last);
        let half = last >> 32;
        if half | 0x2020_2020 == HALF_ROOT {
            return Ending::Candidate;
        }
        match last {
            LAST_TIME if text[..quote - 8].ends_with(b"\"e") => Ending::Time,
            LAST_REQUESTED | LAST_COMPLETED => Self::recovery(&text[..quote]),
            _ => Ending::Nothing,
        }
    }

    #[cold]
    fn of_short(before: &[u8]) -> Self {
        match before.last_chunk::<4>() {
            Some(last) if last.eq_ignore_ascii_case(b"root") => Ending::Candidate,
            _ => Ending::Nothing,
        }
    }

    #[cold]
    fn recovery(before: &[u8]) -> Self {
        if before.ends_with(b"PasswordRecoveryRequested") || before.ends_with(b"PasswordRecoveryCompleted") {
            Ending::Candidate
        } else {
            Ending::Nothing
        }
    }
}

const HALF_ROOT: u64 = u32::from_le_bytes(*b"root") as u64;
const LAST_TIME: u64 = u64::from_le_bytes(*b"ventTime");
const LAST_REQUESTED: u64 = u64::from_le_bytes(*b"equested");
const LAST_COMPLETED: u64 = u64::from_le_bytes(*b"ompleted");

/// Where the time stands that follows the key whose closing quote is at `quote`.
#[inline(always)]
fn time_after(text: &[u8], quote: usize) -> Option<usize> {
    let behind = text.get(quote + 1..)?;
    // As CloudTrail writes it; any other spacing takes the longer way.
    let at = if behind.starts_with(b":\"") { 2 } else { spaced_value(behind)? };
    let time = behind.get(at..at + 21)?;
    (time[20] == b'"' && is_time(&time[..20])).then_some(quote + 1 + at)
}

#[cold]
fn spaced_value(behind: &[u8]) -> Option<usize> {
    let mut at = 0;
    for expected in [b':', b'"'] {
        // White space is bounded: a time that is spelled so wide apart is not worth a longer look.
        at += behind[at..].iter().take(4).take_while(|byte| byte.is_ascii_whitespace()).count();
        if behind.get(at) != Some(&expected) {
            return None;
        }
        at += 1;
    }
    Some(at)
}

/// Whether 20 bytes look like `2024-05-01T00:00:00Z`.
#[inline]
pub fn is_time(time: &[u8]) -> bool {
    let Some(time) = time.first_chunk::<20>().filter(|_| time.len() == 20) else { return false };
    let (Some(day), Some(hour), Some(end)) =
        (time.first_chunk(), time[8..].first_chunk(), time[16..].first_chunk())
    else {
        return false;
    };
    let end: u32 = u32::from_le_bytes(*end);
    looks_like(u64::from_le_bytes(*day), *b"0000-00-")
        & looks_like(u64::from_le_bytes(*hour), *b"00T00:00")
        & looks_like(u64::from(end) | (u64::from(end) << 32), *b":00Z:00Z")
}

/// Whether eight bytes are digits where `form` has a zero, and what `form` has elsewhere. All at once,
/// since this runs for every record.
#[inline(always)]
fn looks_like(bytes: u64, form: [u8; 8]) -> bool {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    const ZEROS: u64 = 0x3030_3030_3030_3030;
    let digits = form.iter().rev().fold(0, |mask, &byte| (mask << 8) | if byte == b'0' { 0xff } else { 0 });
    let fixed = (bytes ^ u64::from_le_bytes(form)) & !digits;
    let digit = (bytes & digits) | (ZEROS & !digits);
    // 0x46 carries anything above `9` into the high bit; anything below `0` borrows it.
    let off = digit | digit.wrapping_sub(ZEROS) | (digit & !HIGH).wrapping_add(0x4646_4646_4646_4646);
    (fixed | (off & HIGH)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::kernel;
    use proptest::prelude::*;

    /// The same answers, a byte at a time.
    fn naive(text: &[u8]) -> Option<Found> {
        let (mut in_string, mut escaped, mut depth) = (false, false, 0_i64);
        let (mut candidate, mut time) = (false, None);
        for (at, &byte) in text.iter().enumerate() {
            if escaped {
                escaped = false;
                if byte == b'"' {
                    continue;
                }
            } else if byte == b'\\' {
                escaped = true;
                candidate |= matches!(text.get(at + 1..at + 5), Some([b'u', b'0', b'0', b'4'..=b'7']));
            }
            if byte == b'"' {
                in_string = !in_string;
                let before = &text[..at];
                let last = &before[before.len().saturating_sub(4)..];
                candidate |= last.eq_ignore_ascii_case(b"root")
                    || before.ends_with(b"PasswordRecoveryRequested")
                    || before.ends_with(b"PasswordRecoveryCompleted");
                if before.ends_with(b"\"eventTime") && depth == 1 {
                    time = time_after(text, at).or(time);
                }
            }
            if in_string {
                continue;
            }
            match byte {
                b'{' => depth += 1,
                b'}' => depth -= 1,
                _ => {}
            }
            if byte == b'}' && depth <= 0 {
                return Some(Found { end: at + 1, candidate, time });
            }
        }
        None
    }

    fn check(text: &[u8], windows: &[usize]) {
        let expected = naive(text);
        for (name, kernel) in kernel::all() {
            assert_eq!(kernel(&mut Boundary::default(), text, true), expected, "{name}");
            let mut boundary = Boundary::default();
            let mut found = None;
            let mut seen = 0;
            for window in windows {
                seen = (seen + window).min(text.len());
                found = found.or_else(|| kernel(&mut boundary, &text[..seen], false));
            }
            let found = found.or_else(|| kernel(&mut boundary, text, true));
            assert_eq!(found, expected, "{name} in windows {windows:?}");
        }
    }

    #[test]
    fn finds_ends_candidates_and_times() {
        let filler = "x".repeat(100);
        for (text, candidate, time) in [
            (r#"{"type":"Root"}"#, true, false),
            (r#"{"type":"rOOT"}"#, true, false),
            (r#"{"type":"\u0052oot"}"#, true, false),
            (r#"{"type":"IAMUser","n":"\u003d"}"#, false, false),
            (r#"{"arn":"arn:aws:iam::111122223333:root"}"#, true, false),
            (r#"{"eventName":"AssumeRoot"}"#, true, false),
            (r#"{"eventName":"PasswordRecoveryRequested"}"#, true, false),
            (r#"{"eventName":"PasswordRecoveryCompleted"}"#, true, false),
            (r#"{"eventName":"Requested","eventTime":"2024-05-01T00:00:00Z"}"#, false, true),
            (r#"{"a":{"eventTime":"2024-05-01T00:00:00Z"}}"#, false, false),
            (r#"{"eventTime" : "2024-05-01T00:00:00Z"}"#, false, true),
            (r#"{"eventTime":"yesterday"}"#, false, false),
            (r#"{"a":[1}"#, false, false),
            (r#"{"a":"}{\\\"","b":{"c":[]}}"#, false, false),
            ("{\"a\":\"FILLER\",\"type\":\"Root\"}", true, false),
        ] {
            let text = text.replace("FILLER", &filler);
            // What stands behind the record must not count.
            let text = format!("{text},{{\"type\":\"Root\",\"x\":\"\\u0052\"}}");
            let found = naive(text.as_bytes()).unwrap();
            assert_eq!((found.candidate, found.time.is_some()), (candidate, time), "{text}");
            check(text.as_bytes(), &[7, 60, 64, 1]);
        }
    }

    #[test]
    fn times_are_told_from_what_looks_like_one() {
        let time = *b"2024-05-01T23:59:60Z";
        assert!(is_time(&time));
        for at in 0..20 {
            for byte in 0..=255 {
                let mut other = time;
                other[at] = byte;
                let same_kind =
                    if time[at].is_ascii_digit() { byte.is_ascii_digit() } else { byte == time[at] };
                assert_eq!(is_time(&other), same_kind, "{at} {byte}");
            }
        }
    }

    proptest! {
        #[test]
        fn all_kernels_agree_with_the_naive_way(
            parts in prop::collection::vec(prop_oneof![
                Just("{"), Just("}"), Just("["), Just("]"), Just("\""), Just("\\"), Just("\\\\"), Just("\\\""),
                Just("\"Root\""), Just(":root\""), Just("\\u0052"), Just("\\u005"), Just("\"eventTime\":\"2024-05-01T00:00:00Z\""),
                Just("PasswordRecoveryRequested\""), Just("eted\""), Just("x"), Just("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
                Just("\"t\":"), Just("\n"), Just("é"),
            ], 0..80),
            windows in prop::collection::vec(0_usize..200, 0..6),
        ) {
            check(format!("{{{}", parts.concat()).as_bytes(), &windows);
        }
    }
}
