//! Spans of time.

use jiff::Timestamp;

/// A span of time from `start` to before `end`, open on a side without a bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeRange {
    /// The first moment inside.
    pub start: Option<Timestamp>,
    /// The first moment after.
    pub end: Option<Timestamp>,
}

/// A time that cannot be read, or a range that holds nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TimeError {
    /// Not a time.
    #[error(
        "`{0}` is not a time: give 2024-05-01T12:00:00Z, 2024-05-01 (UTC), or how long ago, like 7d, 12h, 30m or 2w"
    )]
    Time(String),
    /// Not a length of time.
    #[error("`{0}` is not a length of time: give 1d, 12h, 30m, 45s, 2w or 0")]
    Span(String),
    /// The end is not after the start.
    #[error("the end ({end}) is not after the start ({start}): exchange them, or leave one out")]
    Empty {
        /// The start.
        start: Timestamp,
        /// The end.
        end: Timestamp,
    },
}

impl TimeRange {
    /// Returns a range that holds something.
    ///
    /// # Errors
    ///
    /// Fails where the end is not after the start.
    pub fn new(start: Option<Timestamp>, end: Option<Timestamp>) -> Result<Self, TimeError> {
        match (start, end) {
            (Some(start), Some(end)) if end <= start => Err(TimeError::Empty { start, end }),
            _ => Ok(Self { start, end }),
        }
    }

    /// Returns whether an `eventTime` is inside. A time that is missing or cannot be read counts as inside,
    /// so that doubt stays visible.
    pub fn holds(&self, event_time: Option<&str>) -> bool {
        if self.start.is_none() && self.end.is_none() {
            return true;
        }
        let Some(Ok(time)) = event_time.map(|text| text.trim().parse::<Timestamp>()) else { return true };
        self.start.is_none_or(|start| time >= start) && self.end.is_none_or(|end| time < end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn ranges_are_half_open_and_doubt_stays_visible() {
        let range =
            TimeRange::new(Some(at("2024-05-01T12:00:00Z")), Some(at("2024-05-01T13:00:00Z"))).unwrap();
        for (time, held) in [
            (Some("2024-05-01T11:59:59Z"), false),
            (Some("2024-05-01T11:59:59.999Z"), false),
            (Some("2024-05-01T12:00:00Z"), true),
            (Some("2024-05-01T14:30:00+02:00"), true),
            (Some("2024-05-01T12:59:59.999Z"), true),
            (Some("2024-05-01T13:00:00Z"), false),
            (Some("yesterday"), true),
            (Some(""), true),
            (None, true),
        ] {
            assert_eq!(range.holds(time), held, "{time:?}");
        }
        assert!(TimeRange::new(Some(at("2024-05-01T12:00:00Z")), Some(at("2024-05-01T12:00:00Z"))).is_err());
    }

    proptest::proptest! {
        /// The range before a moment and the one from that moment on are together everything, and share only
        /// doubt.
        #[test]
        fn two_halves_make_the_whole(second in 0_i64..4_000_000_000, cut in 0_i64..4_000_000_000, text in ".{0,24}") {
            let at = |second| Timestamp::from_second(second).unwrap();
            let before = TimeRange { start: None, end: Some(at(cut)) };
            let after = TimeRange { start: Some(at(cut)), end: None };
            let time = at(second).to_string();
            proptest::prop_assert!(before.holds(Some(&time)) != after.holds(Some(&time)));
            proptest::prop_assert!(before.holds(Some(&text)) || after.holds(Some(&text)));
        }
    }
}
