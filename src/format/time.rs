//! Event times: ISO 8601 text to milliseconds since 1970 and back.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Returns milliseconds since 1970 of an extended ISO 8601 time; a time without an offset is taken as UTC.
///
/// The basic form (`20131102T010628Z`) is no time here, as in Elastic's pipeline.
pub(crate) fn millis(text: &str) -> Option<i64> {
    if let Some(seconds) = plain_seconds(text.as_bytes()) {
        return Some(seconds * 1000);
    }
    if text.as_bytes().get(4) != Some(&b'-') {
        return None;
    }
    let instant = text.parse::<Timestamp>().ok().or_else(|| {
        let local = text.parse::<DateTime>().ok()?;
        Some(local.to_zoned(TimeZone::UTC).ok()?.timestamp())
    })?;
    Some(instant.as_millisecond())
}

/// Appends `YYYY-MM-DDTHH:MM:SS.mmmZ`, the form that Elasticsearch's date processor writes. Returns whether
/// the text was a time; if it was not, nothing is appended.
pub(super) fn write_iso_millis(text: &str, out: &mut Vec<u8>) -> bool {
    if plain_seconds(text.as_bytes()).is_some() {
        out.extend_from_slice(&text.as_bytes()[..19]);
        out.extend_from_slice(b".000Z");
        return true;
    }
    let Some(instant) = millis(text).and_then(|millis| Timestamp::from_millisecond(millis).ok()) else {
        return false;
    };
    out.extend_from_slice(instant.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string().as_bytes());
    true
}

/// Returns the seconds since 1970 of `YYYY-MM-DDTHH:MM:SSZ`, the one form that CloudTrail writes.
fn plain_seconds(text: &[u8]) -> Option<i64> {
    let text: &[u8; 20] = text.try_into().ok()?;
    if [text[4], text[7], text[10], text[13], text[16], text[19]] != *b"--T::Z" {
        return None;
    }
    let number = |from: usize, to: usize| {
        text[from..to]
            .iter()
            .try_fold(0i64, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
    };
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_in_month = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(leap),
        _ => return None,
    };
    if year == 0 || !(1..=days_in_month).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // March counts as the first month, so that a leap day is a year's last day.
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let shifted_month = (month + 9) % 12;
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let days = shifted_year * 365 + shifted_year / 4 - shifted_year / 100 + shifted_year / 400 + day_of_year
        - 719_468;
    Some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quick_way_agrees_with_jiff() {
        for seconds in (-62_000_000_000i64..=4_000_000_000).step_by(86_399 * 97) {
            let text = Timestamp::from_second(seconds).unwrap().to_string();
            assert_eq!(plain_seconds(text.as_bytes()), Some(seconds), "{text}");
        }
    }

    #[test]
    fn other_forms_and_what_is_no_time() {
        for (text, expected) in [
            ("1970-01-01T00:00:01.5Z", Some(1500)),
            ("1970-01-01T01:00:00+01:00", Some(0)),
            ("1970-01-01T00:00:02", Some(2000)),
            ("19700101T000000Z", None),
            ("2023-02-29T00:00:00Z", None),
            ("2023-13-01T00:00:00Z", None),
            ("Jan 2, 2026 3:05:05 AM", None),
            ("", None),
        ] {
            assert_eq!(millis(text), expected, "{text}");
        }
    }

    #[test]
    fn milliseconds_are_always_written() {
        for (text, expected) in [
            ("2021-07-29T12:54:17Z", "2021-07-29T12:54:17.000Z"),
            ("2021-07-29T12:54:17.1239Z", "2021-07-29T12:54:17.123Z"),
            ("2021-07-29T12:54:17+02:00", "2021-07-29T10:54:17.000Z"),
            ("yesterday", ""),
        ] {
            let mut out = Vec::new();
            write_iso_millis(text, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
