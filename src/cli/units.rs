//! Amounts, as people read them.

/// Returns a number of bytes, rounded to the next unit where three digits and a decimal would not do.
pub(super) fn size(bytes: u64) -> String {
    in_units(bytes as f64, 999.5, &["B", "kB", "MB", "GB", "TB"])
}

/// Returns a number with its noun: `1 finding`, `2 findings`.
pub(super) fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

pub(super) fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 1.0 => "a second".to_owned(),
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

/// Returns a number of bytes in the largest unit that keeps it above 1.
pub(super) fn bytes(n: f64) -> String {
    in_units(n, 1000.0, &["B", "kB", "MB", "GB", "TB", "PB"])
}

/// Returns a number in the first unit that leaves less than `most`, or in the last one.
fn in_units(mut n: f64, most: f64, units: &[&str]) -> String {
    let mut unit = 0;
    while n >= most && unit + 1 < units.len() {
        n /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{n:.0} B") } else { format!("{n:.1} {}", units[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_durations_are_short() {
        assert_eq!([0, 999, 1000, 1_500_000].map(size), ["0 B", "999 B", "1.0 kB", "1.5 MB"]);
        assert_eq!([0.2, 90.0, 600.0, 18_000.0].map(duration), ["a second", "90 s", "10 min", "5.0 h"]);
    }
}
