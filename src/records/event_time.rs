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
}
