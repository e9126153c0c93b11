//! `eventTime` as it stands in a record's text: found and checked without parsing.

/// Returns where the time stands whose closing quote is at `quote`, if it is the value of a key `eventTime`.
#[inline(always)]
pub(crate) fn time_before(text: &[u8], quote: usize) -> Option<usize> {
    const KEY: &[u8; 13] = b"\"eventTime\":\"";
    let at = quote.checked_sub(20)?;
    let before = &text[..at];
    // The spelling of CloudTrail comes first; any other spacing takes the longer way.
    let is_key = before.last_chunk() == Some(KEY) || is_spaced_key(before);
    (is_key && is_time(&text[at..quote])).then_some(at)
}

#[inline(always)]
fn is_spaced_key(before: &[u8]) -> bool {
    let Some((b'"', before)) = before.split_last() else { return false };
    match before {
        [.., space, b':'] | [.., space] => space.is_ascii_whitespace() && ends_in_spaced_key(before),
        [] => false,
    }
}

#[cold]
fn ends_in_spaced_key(before: &[u8]) -> bool {
    // White space is bounded: a time that is spelled that wide apart does not matter.
    let trimmed = |text: &[u8]| {
        let spaces = text.iter().rev().take(4).take_while(|byte| byte.is_ascii_whitespace()).count();
        text.len() - spaces
    };
    let before = &before[..trimmed(before)];
    let Some((b':', before)) = before.split_last() else { return false };
    before[..trimmed(before)].ends_with(b"\"eventTime\"")
}

/// Returns whether 20 bytes look like `2024-05-01T00:00:00Z`.
#[inline]
pub(crate) fn is_time(time: &[u8]) -> bool {
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

/// The earliest and the latest of some times, by their texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventSpan {
    first: Sortable,
    last: Sortable,
}

/// The bytes of a time as numbers that compare as the bytes do. The comparison runs for every record, where a
/// call that compares twenty bytes would take longer.
type Sortable = (u64, u64, u32);

impl EventSpan {
    /// Returns the span of one time.
    pub fn of(time: &[u8; 20]) -> Self {
        Self { first: sortable(time), last: sortable(time) }
    }

    /// Widens the span by one time.
    #[inline]
    pub fn see(&mut self, time: &[u8; 20]) {
        let time = sortable(time);
        if time > self.last {
            self.last = time;
        } else if time < self.first {
            self.first = time;
        }
    }

    /// Returns the earliest time.
    pub fn first(&self) -> [u8; 20] {
        text(self.first)
    }

    /// Returns the latest time.
    pub fn last(&self) -> [u8; 20] {
        text(self.last)
    }
}

#[inline]
fn sortable(time: &[u8; 20]) -> Sortable {
    let (mut day, mut minute, mut second) = ([0; 8], [0; 8], [0; 4]);
    day.copy_from_slice(&time[..8]);
    minute.copy_from_slice(&time[8..16]);
    second.copy_from_slice(&time[16..]);
    (u64::from_be_bytes(day), u64::from_be_bytes(minute), u32::from_be_bytes(second))
}

fn text((day, minute, second): Sortable) -> [u8; 20] {
    let mut text = [0; 20];
    text[..8].copy_from_slice(&day.to_be_bytes());
    text[8..16].copy_from_slice(&minute.to_be_bytes());
    text[16..].copy_from_slice(&second.to_be_bytes());
    text
}

/// Returns whether eight bytes are digits where `form` has a zero, and equal `form` elsewhere. All are
/// compared at once, since this runs for every record.
#[inline(always)]
fn looks_like(bytes: u64, form: [u8; 8]) -> bool {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    const ZEROS: u64 = 0x3030_3030_3030_3030;
    let digits = form.iter().rev().fold(0, |mask, &byte| (mask << 8) | if byte == b'0' { 0xff } else { 0 });
    let fixed = (bytes ^ u64::from_le_bytes(form)) & !digits;
    let digit = (bytes & digits) | (ZEROS & !digits);
    // 0x46 carries any byte above `9` into the high bit; any byte below `0` borrows that bit.
    let off = digit | digit.wrapping_sub(ZEROS) | (digit & !HIGH).wrapping_add(0x4646_4646_4646_4646);
    (fixed | (off & HIGH)) == 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_differ_from_what_looks_like_one() {
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
        fn a_span_is_that_of_the_texts(
            times in prop::collection::vec("202[45]-0[1-3]-1[0-2]T0[0-3]:0[0-2]:0[0-9]Z", 1..20),
        ) {
            let texts: Vec<[u8; 20]> = times.iter().map(|time| time.as_bytes().try_into().unwrap()).collect();
            let mut span = EventSpan::of(&texts[0]);
            texts.iter().for_each(|time| span.see(time));
            let expected = (*texts.iter().min().unwrap(), *texts.iter().max().unwrap());
            prop_assert_eq!((span.first(), span.last()), expected);
        }
    }
}
