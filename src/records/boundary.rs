//! Where a record ends, and whether it can concern root: the decisions at the few places that a `Pass` noted.
//!
//! **No false negatives.** A record matters only if one of its strings decodes to a text that ends in `root`
//! in any ASCII case (the type `Root`, the root ARN, `AssumeRoot`) or to the name of an event that only root
//! has, `PasswordRecovery…` or `EmailUpdated`. Either those letters stand in the text as they are, before the
//! closing quote, or at least one is escaped; the grammar's only escape for a letter is `\u00XX`, with 4 to 7
//! as the third digit. Both are looked for. Every other candidate is a false positive that parsing settles.

use super::block::{BEFORE, BLOCK};
use super::event_time::time_before;
use super::pass::{BLOCKS, Noted, Pass, Way};

/// A function that goes on through the records of a text. The arguments are the state so far, all bytes that
/// are there, whether these are the last ones, the number of blocks to look ahead, and the receiver. See
/// [`Boundary::many`].
pub type Kernel = fn(&mut Boundary, &[u8], bool, usize, Each<'_>) -> Option<usize>;

/// The end of a record, and the findings on the way.
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

impl Found {
    /// Returns the time in the text of a record whose offsets count from its own start.
    #[inline]
    pub(super) fn time_in<'t>(&self, text: &'t [u8]) -> Option<&'t [u8; 20]> {
        text.get(self.time?..)?.first_chunk()
    }
}

/// The receiver of the start of each record and of what was found; returns whether to go on.
pub type Each<'e> = &'e mut dyn FnMut(usize, Found) -> bool;

/// Blocks that a pass goes ahead where one record is asked for: it may be short.
const AHEAD: usize = 8;
/// Bytes that must be there behind a block: `u00XX` after a backslash, and the beginning of the next record.
const LOOK_AHEAD: usize = 8;

/// A reader of records that follow each other as `{…},{…}`, from the first byte on. The reader can stop where
/// the bytes end and go on when further bytes are there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Boundary {
    pass: Pass,
    /// Bytes that the pass has seen.
    seen: usize,
    /// Where the current record begins.
    start: usize,
    candidate: bool,
    time: Option<usize>,
}

impl Boundary {
    /// Goes on through the record at the start of `text`. Returns `None` where the record goes on behind
    /// `text`; the next call must have the same bytes and further ones. `last` says that these bytes are all.
    pub fn one(&mut self, kernel: Kernel, text: &[u8], last: bool) -> Option<Found> {
        let mut one = None;
        kernel(self, text, last, AHEAD, &mut |_, found| {
            one = Some(found);
            false
        });
        one
    }

    /// Goes on through records, and calls `each` with the start of each one and what was found, until `each`
    /// returns `false`. Returns where the last record ends; `None` as in [`Boundary::one`].
    pub fn many(&mut self, kernel: Kernel, text: &[u8], last: bool, each: Each<'_>) -> Option<usize> {
        kernel(self, text, last, BLOCKS, each)
    }

    #[inline(always)]
    pub(super) fn advance<W: Way>(
        &mut self,
        text: &[u8],
        last: bool,
        ahead: usize,
        each: Each<'_>,
    ) -> Option<usize> {
        let mut noted = Noted::default();
        loop {
            let from = self.seen;
            let mut happens = self.step::<W>(text, last, ahead, &mut noted)?;
            while happens != 0 {
                let block = happens.trailing_zeros() as usize;
                happens &= happens - 1;
                let mut places = noted.places(block);
                while places != 0 {
                    let bit = places.trailing_zeros();
                    places &= places - 1;
                    let place = from + BLOCK * block + bit as usize;
                    if text[place] != b'}' {
                        self.see(text, place, || noted.depth_at(block, bit));
                        continue;
                    }
                    let end = place + 1;
                    let goes_on = each(self.start, Found { end, candidate: self.candidate, time: self.time });
                    match text[end..] {
                        [b',', b'{', ..] if goes_on => self.start = end + 1,
                        [b',', b' ', b'{', ..] if goes_on => self.start = end + 2,
                        _ => return Some(end),
                    }
                    (self.candidate, self.time) = (false, None);
                }
            }
        }
    }

    /// Looks at a string that ends at `place`, or an escape that begins there.
    #[inline(always)]
    fn see(&mut self, text: &[u8], place: usize, depth: impl Fn() -> i64) {
        let before = &text[..place];
        match before.last_chunk::<4>() {
            _ if text[place] == b'\\' => self.candidate |= is_letter_escape(&text[place + 1..]),
            Some([.., b'Z']) => {
                if let Some(time) = time_before(text, place)
                    && depth() == 1
                {
                    self.time = Some(time);
                }
            }
            Some([b's' | b'e' | b'a', b't', b'e', b'd']) => self.candidate |= ends_in_root_only(before),
            Some(last) => self.candidate |= u32::from_le_bytes(*last) | 0x2020_2020 == ROOT,
            None => {}
        }
    }

    /// Goes on with the pass; `None`: there are not enough bytes.
    #[inline(always)]
    fn step<W: Way>(&mut self, text: &[u8], last: bool, ahead: usize, noted: &mut Noted) -> Option<u64> {
        let rest = text.get(self.seen..)?;
        let sure = if last { rest.len() } else { rest.len().saturating_sub(LOOK_AHEAD) };
        let blocks = (sure / BLOCK).min(ahead);
        if let Some(before) = self.seen.checked_sub(BEFORE)
            && blocks > 0
        {
            self.seen += blocks * BLOCK;
            return Some(W::advance(&mut self.pass, &text[before..self.seen], noted));
        }
        // Nothing stands before the first block, and the last block ends early.
        let n = sure.min(BLOCK);
        if n == 0 || (n < BLOCK && !last) {
            return None;
        }
        let mut around = [b' '; BEFORE + BLOCK];
        let before = self.seen.min(BEFORE);
        around[BEFORE - before..BEFORE + n].copy_from_slice(&text[self.seen - before..self.seen + n]);
        self.seen += n;
        Some(W::advance(&mut self.pass, &around, noted))
    }

    /// Returns the number of bytes that have been seen.
    pub fn seen(&self) -> usize {
        self.seen
    }

    /// Returns the start of the unfinished record.
    pub fn start(&self) -> usize {
        self.start
    }

    /// Releases bytes that need not be seen again, and returns their number: the next call is without them.
    pub fn release(&mut self) -> usize {
        // A record may begin behind what was seen.
        let gone = self.start.min(self.seen);
        self.start -= gone;
        self.seen -= gone;
        self.time = self.time.map(|time| time - gone);
        gone
    }
}

/// Returns whether a text ends in the name of an event that only root has.
fn ends_in_root_only(before: &[u8]) -> bool {
    before.ends_with(b"PasswordRecoveryRequested")
        || before.ends_with(b"PasswordRecoveryCompleted")
        || before.ends_with(b"EmailUpdated")
}

/// Returns whether what follows a backslash may stand for a letter.
fn is_letter_escape(text: &[u8]) -> bool {
    matches!(text, [b'u', b'0', b'0', b'4'..=b'7', ..])
}

const ROOT: u32 = u32::from_le_bytes(*b"root");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::kernel;
    use proptest::prelude::*;

    /// Finds a record a byte at a time.
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
                    || before.ends_with(b"PasswordRecoveryCompleted")
                    || before.ends_with(b"EmailUpdated");
                if depth == 1 {
                    time = time_before(text, at).or(time);
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

    /// Finds records that follow each other, and where the last one ends, a byte at a time.
    fn naive_many(text: &[u8]) -> (Vec<(usize, Found)>, Option<usize>) {
        let (mut start, mut all) = (0, Vec::new());
        loop {
            let Some(found) = naive(&text[start..]) else { return (all, None) };
            let (end, time) = (start + found.end, found.time.map(|time| start + time));
            all.push((start, Found { end, time, ..found }));
            start = match text[end..] {
                [b',', b'{', ..] => end + 1,
                [b',', b' ', b'{', ..] => end + 2,
                _ => return (all, Some(end)),
            };
        }
    }

    fn many(kernel: Kernel, text: &[u8], windows: &[usize]) -> (Vec<(usize, Found)>, Option<usize>) {
        let (mut boundary, mut all, mut base, mut seen) = (Boundary::default(), Vec::new(), 0, 0);
        for &window in windows.iter().chain([&usize::MAX]) {
            seen = text.len().min(seen + window.min(text.len()));
            let end = boundary.many(kernel, &text[base..seen], window == usize::MAX, &mut |start, found| {
                let (end, time) = (base + found.end, found.time.map(|time| base + time));
                all.push((base + start, Found { end, time, ..found }));
                true
            });
            if let Some(end) = end {
                return (all, Some(base + end));
            }
            // The text moves on like a window.
            base += boundary.release();
        }
        (all, None)
    }

    fn check(text: &[u8], windows: &[usize]) {
        let expected = naive(text);
        for (name, kernel) in kernel::all() {
            assert_eq!(Boundary::default().one(kernel, text, true), expected, "{name}");
            let mut boundary = Boundary::default();
            let mut found = None;
            let mut seen = 0;
            for window in windows {
                seen = (seen + window).min(text.len());
                found = found.or_else(|| boundary.one(kernel, &text[..seen], false));
            }
            let found = found.or_else(|| boundary.one(kernel, text, true));
            assert_eq!(found, expected, "{name} in windows {windows:?}");
            assert_eq!(many(kernel, text, &[]), naive_many(text), "{name}, many");
            assert_eq!(many(kernel, text, windows), naive_many(text), "{name}, many in windows {windows:?}");
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
            (r#"{"eventName":"EmailUpdated"}"#, true, false),
            (r#"{"eventName":"Email\u0055pdated"}"#, true, false),
            (r#"{"eventName":"emailUpdated","status":"Updated"}"#, false, false),
            (r#"{"eventName":"Requested","eventTime":"2024-05-01T00:00:00Z"}"#, false, true),
            (r#"{"a":{"eventTime":"2024-05-01T00:00:00Z"}}"#, false, false),
            (r#"{"eventTime" : "2024-05-01T00:00:00Z"}"#, false, true),
            (r#"{"eventTime":"yesterday"}"#, false, false),
            (r#"{"a":[1}"#, false, false),
            (r#"{"a":"}{\\\"","b":{"c":[]}}"#, false, false),
            ("{\"a\":\"FILLER\",\"type\":\"Root\"}", true, false),
        ] {
            let text = text.replace("FILLER", &filler);
            // A text behind the record must not count.
            let text = format!("{text},{{\"type\":\"Root\",\"x\":\"\\u0052\"}}");
            let found = naive(text.as_bytes()).unwrap();
            assert_eq!((found.candidate, found.time.is_some()), (candidate, time), "{text}");
            check(text.as_bytes(), &[7, 60, 64, 1]);
        }
    }

    #[test]
    fn kernels_agree_where_they_once_did_not() {
        let long = "x".repeat(33);
        let long = long.as_str();
        let begins_late = [
            r#""\u0052:root"},{[\\},{PasswordRecoveryRequested"{"eventTime" :"2024-05-01T00:00:00Z"},{"#,
            long,
            r#"}, {""#,
            long,
            "eted\"},\n{",
            r#"\\é"Root""}, {"{:root"},{"#,
            long,
        ];
        check(format!("{{{}", begins_late.concat()).as_bytes(), &[180, 20]);
        check(br#"{\u0052"eted""eted""eted"\}"#, &[]);
    }

    proptest! {
        #[test]
        fn all_kernels_agree_with_the_naive_way(
            parts in prop::collection::vec(prop_oneof![
                Just("{"), Just("}"), Just("["), Just("]"), Just("\""), Just("\\"), Just("\\\\"), Just("\\\""),
                Just("\"Root\""), Just("rOOT\""), Just(":root\""), Just("\\u0052"), Just("\\u005"), Just("\"eventTime\":\"2024-05-01T00:00:00Z\""),
                Just("PasswordRecoveryRequested\""), Just("eted\""), Just("EmailUpdated\""), Just("ated\""), Just("x"), Just("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
                Just("\"t\":"), Just("\n"), Just("é"), Just("},{"), Just("}, {\""), Just("},\n{"),
                Just("{\"eventTime\" :\"2024-05-01T00:00:00Z\"},{"),
            ], 0..80),
            windows in prop::collection::vec(0_usize..200, 0..6),
        ) {
            check(format!("{{{}", parts.concat()).as_bytes(), &windows);
        }
    }
}
