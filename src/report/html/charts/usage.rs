//! How root is used: by week, by hour, by account.
//!
//! Each chart is made of boxes with a text and a link to the findings behind them. Weeks are bars of several kinds of
//! use, one upon the other; where there are more weeks than bars fit, neighbours are drawn together. Hours are a grid
//! of seven days whose shade follows the order of magnitude. Accounts are bars by their number of findings.

use super::{Box_, Chart, severity_class};
use crate::report::model::{AccountNumbers, RootReport};
use crate::report::tables::account;
use crate::report::words::{count, thousands};

/// Returns about how wide a text is drawn.
fn wide(text: &str) -> f64 {
    7.0 * text.chars().count() as f64
}

/// Bars that fit side by side.
const BARS: usize = 60;
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// Draws the use by week: console with MFA and without, keys, others, one upon the other.
pub(in crate::report::html) fn weeks(report: &RootReport) -> Option<Chart> {
    let all = &report.weeks;
    if all.len() < 2 || all.iter().all(|week| week.numbers.accounts == 0) {
        return None;
    }
    let each = all.len().div_ceil(BARS);
    let (top, high) = (12.0, 150.0);
    let mut chart = Chart {
        id: "chart-weeks",
        title: if each == 1 { "Sessions by week" } else { "Sessions by week, several weeks a bar" },
        width: 560.0,
        height: 200.0,
        legend: vec![
            ("nomfa", "console, no MFA"),
            ("mfa", "console, MFA"),
            ("key", "access key"),
            ("other", "other"),
        ],
        ..Chart::default()
    };
    let groups: Vec<[u64; 4]> = all
        .chunks(each)
        .map(|weeks| {
            weeks.iter().fold([0; 4], |sum, week| {
                let n = &week.numbers;
                [sum[0] + n.without_mfa, sum[1] + n.with_mfa, sum[2] + n.by_key, sum[3] + n.other]
            })
        })
        .collect();
    let most = groups.iter().map(|group| group.iter().sum::<u64>()).max().unwrap_or(1).max(1);
    let left = 13.0 + wide(&thousands(most));
    let room = (chart.width - left - 6.0) / groups.len() as f64;
    for part in [0.0, 0.5, 1.0] {
        let y = top + high * (1.0 - part);
        let value = most as f64 * part;
        if value.fract() == 0.0 {
            chart.line(left, y, chart.width - 6.0, y);
            chart.text(left - 6.0, y + 4.0, "end", thousands(value as u64));
        }
    }
    for (at, group) in groups.iter().enumerate() {
        let x = left + room * at as f64;
        let from = &all[at * each].start;
        let behind = all.get((at + 1) * each).map(|week| week.start.clone());
        let mut y = top + high;
        for ((class, label), n) in
            [("nomfa", "without MFA"), ("mfa", "with MFA"), ("key", "by access key"), ("other", "other")]
                .into_iter()
                .zip(group)
        {
            if *n == 0 {
                continue;
            }
            let h = high * *n as f64 / most as f64;
            y -= h;
            let rest = Box_ {
                class,
                says: format!("from {from}: {} {label}", count(*n, "session", "sessions")),
                from: Some(from.clone()),
                to: Some(behind.clone().unwrap_or_else(|| "9999".into())),
                ..Box_::default()
            };
            chart.put(x + room * 0.12, y, (room * 0.76).max(1.0), h.max(1.0), rest);
        }
    }
    let marks = groups.len().div_ceil(6).max(1);
    for at in (0..groups.len()).step_by(marks) {
        let x = left + room * (at as f64 + 0.5);
        chart.text(x, top + high + 18.0, "middle", all[at * each].start.clone());
    }
    Some(chart)
}

/// Findings by hour and day of the week.
pub(in crate::report::html) fn hours(report: &RootReport) -> Option<Chart> {
    let most = report.hours.iter().flatten().copied().max().filter(|most| *most > 0)?;
    const CLASSES: [&str; 6] = ["h0", "h1", "h2", "h3", "h4", "h5"];
    let (left, top, w, h) = (40.0, 8.0, 21.0, 21.0);
    let mut chart = Chart {
        id: "chart-hours",
        title: "Findings by hour and day of the week (UTC)",
        width: 560.0,
        height: top + 7.0 * h + 26.0,
        ..Chart::default()
    };
    for (day, hours) in report.hours.iter().enumerate() {
        chart.text(left - 8.0, top + h * (day as f64 + 0.68), "end", DAYS[day]);
        for (hour, &n) in hours.iter().enumerate() {
            // By orders of magnitude: one busy hour must not make the others look empty.
            let level = if n == 0 {
                0
            } else {
                1 + (4.0 * (n as f64).ln() / (most as f64).ln().max(1e-9)).round() as usize
            };
            let level = if most == 1 { level.min(3) } else { level };
            let rest = Box_ {
                class: CLASSES[level.min(5)],
                says: format!("{} {hour:02}:00: {}", DAYS[day], count(n, "finding", "findings")),
                day: (n > 0).then_some(day),
                hour: (n > 0).then_some(hour),
                ..Box_::default()
            };
            chart.put(left + w * hour as f64, top + h * day as f64, w - 2.0, h - 2.0, rest);
        }
    }
    for hour in (0..24).step_by(3) {
        chart.text(left + w * (hour as f64 + 0.45), top + 7.0 * h + 14.0, "middle", format!("{hour:02}"));
    }
    Some(chart)
}

/// Returns the accounts with the most use.
pub(in crate::report::html) fn accounts(report: &RootReport) -> Option<Chart> {
    let mut all: Vec<_> = report.accounts.iter().filter(|one| one.sessions > 0).collect();
    all.sort_by_key(|one| (std::cmp::Reverse((one.uses, one.sessions)), &one.account_id));
    all.truncate(12);
    let most = all.iter().map(|one| one.sessions).max()?;
    let says = |one: &AccountNumbers| {
        format!("{} in {}", count(one.sessions, "session", "sessions"), count(one.uses, "week", "weeks"))
    };
    let right = all.iter().map(|one| wide(&says(one))).fold(0.0, f64::max) + 8.0;
    let (left, row) = (220.0, 24.0);
    let mut chart = Chart {
        id: "chart-accounts",
        title: "Accounts by use: sessions, and weeks with use",
        width: 560.0,
        height: all.len() as f64 * row + 10.0,
        ..Chart::default()
    };
    for (at, one) in all.iter().enumerate() {
        let y = 6.0 + at as f64 * row;
        let label: String = account(report, &one.account_id).chars().take(28).collect();
        chart.text(left - 8.0, y + 14.0, "end", label);
        let w = (chart.width - left - right) * one.sessions as f64 / most as f64;
        let says = says(one);
        chart.text(left + w.max(2.0) + 6.0, y + 14.0, "start", says.clone());
        let rest = Box_ {
            class: severity_class(one.severities.worst()),
            says,
            account: Some(one.account_id.clone()),
            ..Box_::default()
        };
        chart.put(left, y, w.max(2.0), row - 7.0, rest);
    }
    Some(chart)
}
