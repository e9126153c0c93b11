//! Values that users write: times, lengths of time, sizes.

use std::num::NonZeroUsize;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, civil};

use roottrail::key::days::TimeError;

/// Reads a time: RFC 3339, a day (UTC), or how long before `now`.
pub(super) fn parse_time(text: &str, now: Timestamp) -> Result<Timestamp, TimeError> {
    let bad = || TimeError::Time(text.to_owned());
    let text = text.trim();
    if let Some(ago) = span(text) {
        return now.checked_sub(ago).map_err(|_| bad());
    }
    if text.len() == "2024-05-01".len() {
        let day: civil::Date = text.parse().map_err(|_| bad())?;
        return day.to_zoned(TimeZone::UTC).map(|moment| moment.timestamp()).map_err(|_| bad());
    }
    text.parse().map_err(|_| bad())
}

/// Reads a length of time: `500ms`, `45s`, `30m`, `12h`, `1d`, `2w`, or `0`.
pub(super) fn parse_span(text: &str) -> Result<SignedDuration, TimeError> {
    match text.trim() {
        "0" => Ok(SignedDuration::ZERO),
        text => span(text).ok_or_else(|| TimeError::Span(text.to_owned())),
    }
}

fn span(text: &str) -> Option<SignedDuration> {
    let (number, unit) = text.split_at(text.find(|char: char| !char.is_ascii_digit())?);
    let number: i64 = number.parse().ok()?;
    let seconds: i64 = match unit {
        "ms" => return Some(SignedDuration::from_millis(number)),
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        "w" => 7 * 24 * 60 * 60,
        _ => return None,
    };
    number.checked_mul(seconds).map(SignedDuration::from_secs)
}

/// Reads a size: `1500`, `64k`, `100MB`, `2GiB`.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let digits = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
    let unit: u64 = match text[digits..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        _ => {
            return Err(
                "a number of bytes with an optional unit: k, M, G, T, KiB, MiB, GiB, kB, MB, GB".into()
            );
        }
    };
    text[..digits]
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(unit))
        .filter(|&bytes| bytes > 0)
        .ok_or_else(|| "a positive number of bytes, such as 512MiB".into())
}

/// Reads how many: a number from 1 on.
pub(super) fn how_many(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|_| "a number from 1 on".to_owned())
}

/// Reads a length of time as [`parse_span`] does, for what waits.
pub(super) fn duration(text: &str) -> Result<Duration, TimeError> {
    parse_span(text).map(SignedDuration::unsigned_abs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn every_form_of_a_time_is_read() {
        let now = at("2024-05-08T12:00:00Z");
        for (text, expected) in [
            ("2024-05-01T12:00:00Z", "2024-05-01T12:00:00Z"),
            ("2024-05-01T14:00:00+02:00", "2024-05-01T12:00:00Z"),
            ("2024-05-01", "2024-05-01T00:00:00Z"),
            ("7d", "2024-05-01T12:00:00Z"),
            ("12h", "2024-05-08T00:00:00Z"),
            (" 30m ", "2024-05-08T11:30:00Z"),
            ("2w", "2024-04-24T12:00:00Z"),
            ("0d", "2024-05-08T12:00:00Z"),
        ] {
            assert_eq!(parse_time(text, now), Ok(at(expected)), "{text}");
        }
        for text in [
            "",
            "d",
            "7",
            "-7d",
            "7 d",
            "7y",
            "2024-13-01",
            "2024-05-01T12:00:00",
            "99999999999999999999d",
            "999999999999w",
            "é",
        ] {
            assert_eq!(parse_time(text, now), Err(TimeError::Time(text.into())), "{text}");
        }
        assert_eq!(parse_span("0"), Ok(SignedDuration::ZERO));
        assert_eq!(parse_span("1d"), Ok(SignedDuration::from_hours(24)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        for text in ["", "1", "ms", "-1s", "+1s", "1.5h", "1 h", "1H", "9223372036854775807w"] {
            assert_eq!(duration(text), Err(TimeError::Span(text.into())), "{text}");
        }
    }

    proptest::proptest! {
        /// Any text that users type is a time or an error, and never a panic.
        #[test]
        fn any_text_is_a_time_or_an_error(text in ".{0,24}") {
            let _read = parse_time(&text, Timestamp::UNIX_EPOCH);
            let _length = parse_span(&text);
        }
    }
}
