//! The values of a report's cells.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// A date of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::posture) enum When {
    /// The report does not say, or not in a way that can be understood.
    #[default]
    Unknown,
    /// `N/A` or `no_information`: not that IAM knows of.
    Never,
    /// The time that the cell gives.
    At(Timestamp),
}

impl When {
    /// Returns the time, where there is one.
    pub(in crate::posture) fn time(self) -> Option<Timestamp> {
        match self {
            When::At(time) => Some(time),
            When::Never | When::Unknown => None,
        }
    }
}

/// Reads a date; `Err` with the reason where the text is none.
pub(super) fn date(text: &str) -> Result<When, &'static str> {
    match text.to_ascii_lowercase().as_str() {
        "n/a" | "no_information" => return Ok(When::Never),
        "" | "not_supported" => return Ok(When::Unknown),
        _ => {}
    }
    match moment(text) {
        Some(time) if plausible(time) => Ok(When::At(time)),
        Some(_) => Err("out of range"),
        None => {
            let shaped = text.len() >= 10 && text.as_bytes()[4] == b'-' && text.as_bytes()[..4].is_ascii();
            let digits = text.bytes().take(4).all(|byte| byte.is_ascii_digit());
            Err(if shaped && digits { "out of range" } else { "no date" })
        }
    }
}

/// Reads a time: RFC 3339, or UTC where the offset is missing.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    // Most cells are no dates, and trying each would take longer than all the rest.
    if text.len() < 10 || !text.as_bytes()[0].is_ascii_digit() {
        return None;
    }
    text.parse().ok().or_else(|| {
        let local: DateTime = text.parse().ok()?;
        local.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    })
}

/// Returns whether a time can be one of an account: AWS began in 2002, and its accounts in 2006.
fn plausible(time: Timestamp) -> bool {
    let year = time.to_zoned(TimeZone::UTC).year();
    (2002..=9000).contains(&year)
}

/// Reads `true` or `false`; `Err` where the text is neither and no way of saying nothing.
pub(super) fn boolean(text: &str) -> Result<Option<bool>, &'static str> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Ok(Some(true)),
        "false" => Ok(Some(false)),
        "" | "n/a" | "not_supported" | "no_information" => Ok(None),
        _ => Err("neither true nor false"),
    }
}

/// Returns a text, where it says something.
pub(super) fn word(text: &str) -> Option<String> {
    let nothing =
        matches!(text.to_ascii_lowercase().as_str(), "" | "n/a" | "not_supported" | "no_information");
    (!nothing).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_dates_or_say_nothing() {
        let at = |text: &str| Ok(When::At(text.parse().unwrap()));
        for (text, expected) in [
            ("2025-11-18T03:02:41+00:00", at("2025-11-18T03:02:41Z")),
            ("2025-11-18T03:02:41Z", at("2025-11-18T03:02:41Z")),
            ("2025-11-18T03:02:41.000Z", at("2025-11-18T03:02:41Z")),
            ("2025-11-18 03:02:41", at("2025-11-18T03:02:41Z")),
            ("2025-11-18", at("2025-11-18T00:00:00Z")),
            ("N/A", Ok(When::Never)),
            ("no_information", Ok(When::Never)),
            ("not_supported", Ok(When::Unknown)),
            ("", Ok(When::Unknown)),
            ("yesterday", Err("no date")),
            ("2025-13-40T00:00:00Z", Err("out of range")),
            ("1899-01-01T00:00:00Z", Err("out of range")),
            ("99999-01-01T00:00:00Z", Err("no date")),
            ("9999-01-01T00:00:00Z", Err("out of range")),
        ] {
            assert_eq!(date(text), expected, "{text}");
        }
    }
}
