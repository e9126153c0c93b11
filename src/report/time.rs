//! Times of the report: seconds since 1970 in UTC, weeks from Monday to Sunday.

use jiff::Timestamp;

pub(super) const DAY: i64 = 86_400;
const WEEK: i64 = 7 * DAY;
/// 1970-01-01 was a Thursday.
const FIRST_MONDAY: i64 = -3 * DAY;

/// Seconds since 1970 of a finding's time.
pub(super) fn seconds(text: &str) -> Option<i64> {
    crate::format::millis(text).map(|millis| millis.div_euclid(1000))
}

/// Returns a time as text: `2025-11-18T03:02:41Z`.
pub(super) fn instant(seconds: i64) -> String {
    Timestamp::from_second(seconds).map_or_else(|_| String::new(), |time| time.to_string())
}

/// Returns the day of a time: `2025-11-18`.
pub(super) fn day(seconds: i64) -> String {
    instant(seconds).split('T').next().unwrap_or_default().to_owned()
}

/// Returns the number of the week, counted from the one of 1970-01-01.
pub(super) fn week(seconds: i64) -> i64 {
    (seconds - FIRST_MONDAY).div_euclid(WEEK)
}

/// Returns when a week begins.
pub(super) fn week_start(week: i64) -> i64 {
    FIRST_MONDAY + week * WEEK
}

/// Returns the day of the week, 0 for Monday, and the hour.
pub(super) fn day_and_hour(seconds: i64) -> (usize, usize) {
    let day = (seconds - FIRST_MONDAY).div_euclid(DAY).rem_euclid(7);
    let hour = seconds.rem_euclid(DAY) / 3600;
    (usize::try_from(day).unwrap_or(0), usize::try_from(hour).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weeks_begin_on_mondays() {
        let at = |text| seconds(text).unwrap();
        assert_eq!(week(at("1970-01-01T00:00:00Z")), 0);
        assert_eq!(week(at("1970-01-04T23:59:59Z")), 0);
        assert_eq!(week(at("1970-01-05T00:00:00Z")), 1);
        assert_eq!(week(at("1969-12-28T23:59:59Z")), -1);
        assert_eq!(day(week_start(week(at("2025-11-18T03:02:41Z")))), "2025-11-17");
        assert_eq!(day_and_hour(at("2025-11-18T03:02:41Z")), (1, 3));
        assert_eq!(day_and_hour(at("1969-12-31T23:00:00Z")), (2, 23));
        assert_eq!(instant(at("2025-11-18T03:02:41.9Z")), "2025-11-18T03:02:41Z");
    }
}
