//! The accounts' settings over the dates of their reports.

use super::{Box_, Chart};
use crate::report::posture::PostureSection;

/// Dates in a chart of the posture.
const DATES: usize = 60;

/// Shares of accounts with keys, without MFA, and used, over the dates of the reports.
pub(in crate::report::html) fn posture(posture: &PostureSection) -> Option<Chart> {
    let each = posture.dates.len().div_ceil(DATES).max(1);
    let dates: Vec<_> = posture.dates.iter().step_by(each).collect();
    if dates.len() < 2 {
        return None;
    }
    let (left, top, high) = (44.0, 12.0, 150.0);
    let mut chart = Chart {
        id: "chart-posture",
        title: "Share of accounts over time",
        width: 1140.0,
        height: 200.0,
        legend: vec![("nomfa", "without root MFA"), ("key", "with a root key"), ("other", "root used")],
        ..Chart::default()
    };
    let shares = |at: usize| {
        let percent = &dates[at].percent;
        [("nomfa", percent.root_mfa), ("key", percent.root_access_key), ("other", percent.root_use)]
    };
    let most = (0..dates.len()).flat_map(shares).map(|(_, share)| share).fold(1.0, f64::max);
    for part in [0.0, 0.5, 1.0] {
        let y = top + high * (1.0 - part);
        chart.line(left, y, chart.width - 8.0, y);
        chart.text(left - 6.0, y + 4.0, "end", format!("{:.1} %", most * part));
    }
    let step = (chart.width - left - 60.0) / (dates.len() - 1) as f64;
    let place = |at: usize, share: f64| (left + 20.0 + step * at as f64, top + high * (1.0 - share / most));
    for at in 0..dates.len() {
        for (n, (class, share)) in shares(at).into_iter().enumerate() {
            let (x, y) = place(at, share);
            if let Some((_, before)) = at.checked_sub(1).and_then(|before| shares(before).into_iter().nth(n))
            {
                let (from_x, from_y) = place(at - 1, before);
                chart.stroke(from_x, from_y, x, y, class);
            }
            let says = format!("{}: {share:.1} %", dates[at].date);
            chart.put(x - 3.0, y - 3.0, 6.0, 6.0, Box_ { class, says, ..Box_::default() });
        }
        if at % dates.len().div_ceil(8) == 0 {
            chart.text(place(at, 0.0).0, top + high + 18.0, "middle", dates[at].date.clone());
        }
    }
    Some(chart)
}
