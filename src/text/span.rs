//! Lengths of time, as people read them.

use std::time::Duration;

/// Returns a length of time in its two largest units: `7 days`, `1 hour 3 minutes`, `300 ms`.
pub fn span(time: Duration) -> String {
    const UNITS: [(u64, &str); 4] = [(24 * 60 * 60, "day"), (60 * 60, "hour"), (60, "minute"), (1, "second")];
    let seconds = time.as_secs();
    if seconds == 0 && !time.is_zero() {
        return format!("{} ms", time.as_millis());
    }
    let first = UNITS.iter().position(|(unit, _)| *unit <= seconds).unwrap_or(UNITS.len() - 1);
    let mut left = seconds;
    let mut words = Vec::new();
    for (unit, name) in UNITS.iter().skip(first).take(2) {
        let n = left / unit;
        left %= unit;
        if n > 0 || words.is_empty() {
            words.push(format!("{n} {name}{}", if n == 1 { "" } else { "s" }));
        }
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_two_units_at_most() {
        for (seconds, expected) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (90, "1 minute 30 seconds"),
            (600, "10 minutes"),
            (3780, "1 hour 3 minutes"),
            (3605, "1 hour"),
            (24 * 60 * 60, "1 day"),
            (90 * 24 * 60 * 60, "90 days"),
            (90_061, "1 day 1 hour"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), expected);
        }
        assert_eq!(span(Duration::from_millis(300)), "300 ms");
        assert_eq!(span(Duration::from_millis(1300)), "1 second");
    }
}
