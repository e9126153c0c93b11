//! Amounts, as people read them.

/// Returns a number with its noun: `1 finding`, `2 findings`.
pub(super) fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// Returns a number of bytes in the first unit that leaves three digits at most, or in the last one.
pub(super) fn bytes(mut n: f64) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    let mut unit = 0;
    while n >= 999.5 && unit + 1 < UNITS.len() {
        n /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{n:.0} B") } else { format!("{n:.1} {}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_three_digits_and_a_unit() {
        let texts = [0.0, 999.0, 999.7, 1000.0, 1_500_000.0].map(bytes);
        assert_eq!(texts, ["0 B", "999 B", "1.0 kB", "1.0 kB", "1.5 MB"]);
    }
}
