//! What the scan read, day by day, and where the logs are silent.

use super::{Box_, Chart};
use crate::report::context::Silence;
use crate::report::model::RootReport;
use crate::report::tables::{account, moment, name};
use crate::report::time::{DAY, day, instant, seconds};
use crate::report::words::{count, thousands};

/// Days or times along the foot of a chart.
fn axis(chart: &mut Chart, start: i64, end: i64, left: f64, width: f64, y: f64) {
    let length = end - start;
    let steps =
        [3600, 3 * 3600, 6 * 3600, 12 * 3600, DAY, 2 * DAY, 7 * DAY, 14 * DAY, 30 * DAY, 91 * DAY, 365 * DAY];
    let step = steps.into_iter().find(|step| length / step <= 9).unwrap_or((length / 9).max(1));
    let mut at = start.div_euclid(step) * step + step;
    while at < end {
        let x = left + width * (at - start) as f64 / length as f64;
        let text = instant(at);
        let text =
            if step >= DAY { day(at) } else { moment(&text).get(5..16).unwrap_or_default().to_owned() };
        chart.line(x, 0.0, x, y - 12.0);
        chart.text(x, y, "middle", text);
        at += step;
    }
}

/// Days in a chart of the coverage.
const CELLS: i64 = 120;

/// Returns what the scan read of each account, day by day, with the gaps.
pub(in crate::report::html) fn coverage(report: &RootReport) -> Option<Chart> {
    let covered = report.coverage.as_ref()?;
    let bounds = covered.lines.iter().filter_map(|line| {
        let first = seconds(&format!("{}T00:00:00Z", line.start))?.div_euclid(DAY);
        Some((first, first + i64::try_from(line.days.len()).ok()?))
    });
    let (start, end) = bounds.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
    let each = ((end - start) + CELLS - 1) / CELLS;
    let cells = ((end - start) + each - 1) / each;
    let (left, row, top) = (230.0, 22.0, 6.0);
    let mut chart = Chart {
        id: "chart-coverage",
        title: "Logs read, day by day",
        width: 1140.0,
        height: top + covered.lines.len() as f64 * row + 24.0,
        legend: vec![
            ("read", "logs read"),
            ("gap", "silence that should not be"),
            ("failed", "not all could be read"),
            ("none", "no logs"),
        ],
        ..Chart::default()
    };
    let width = (chart.width - left - 8.0) / cells as f64;
    for (at, line) in covered.lines.iter().enumerate() {
        let y = top + at as f64 * row;
        let label: String = account(report, &line.account_id).chars().take(30).collect();
        chart.text(left - 8.0, y + 15.0, "end", label);
        let Some(first) = seconds(&format!("{}T00:00:00Z", line.start)) else { continue };
        let first = first.div_euclid(DAY);
        for cell in 0..cells {
            let (from, to) = (start + cell * each, start + (cell + 1) * each);
            let days =
                (from..to).filter_map(|day| line.days.get(usize::try_from(day - first).ok()?)).flatten();
            let (n, records) = days.fold((0, 0), |(n, sum), records| (n + 1, sum + records));
            let gap = covered.gaps.iter().find(|gap| {
                gap.account_id.as_deref() == Some(&line.account_id) && overlaps(gap, from * DAY, to * DAY)
            });
            let part = day(from * DAY)..day(to * DAY);
            let (class, what) = match gap {
                Some(gap) => (
                    "gap",
                    format!("{} {}: {}", name(&gap.kind), gap.region.as_deref().unwrap_or(""), gap.why),
                ),
                None if line.failed_days.iter().any(|day| part.contains(day)) => {
                    ("failed", format!("not all could be read; {}", count(records, "record", "records")))
                }
                None if n == 0 => ("none", "no logs".to_owned()),
                None => ("read", count(records, "record", "records")),
            };
            let rest = Box_ { class, says: format!("{}: {what}", part.start), ..Box_::default() };
            chart.put(left + width * cell as f64, y + 2.0, (width - 1.5).max(1.0), row - 5.0, rest);
        }
    }
    let width = chart.width - left - 8.0;
    axis(&mut chart, start * DAY, end * DAY, left, width, top + covered.lines.len() as f64 * row + 16.0);
    if covered.lines_beyond > 0 {
        chart.note = format!("{} more accounts are not drawn.", thousands(covered.lines_beyond));
    }
    Some(chart)
}

fn overlaps(gap: &Silence, from: i64, to: i64) -> bool {
    let at = |text: &str| seconds(text).or_else(|| seconds(&format!("{text}T00:00:00Z")));
    let Some(start) = at(&gap.start) else { return false };
    // A day as an end is a whole day.
    let end = gap
        .end
        .as_deref()
        .map_or(Some(i64::MAX), |end| at(end).map(|time| if end.len() == 10 { time + DAY } else { time }));
    end.is_some_and(|end| start < to && end > from)
}
