//! The charts as geometry: boxes, lines and texts, which the template draws as SVG. Nothing here is markup.

use serde::Serialize;

use crate::finding::Severity;
use crate::report::model::RootReport;
use crate::report::posture::PostureSection;
use crate::report::tables::{account, moment, name};
use crate::report::time::{DAY, day, instant, seconds};
use crate::report::words::{count, thousands};

/// A drawing.
#[derive(Debug, Default, Serialize)]
pub(super) struct Chart {
    id: &'static str,
    title: &'static str,
    width: f64,
    height: f64,
    boxes: Vec<Box_>,
    lines: Vec<Line>,
    texts: Vec<Text>,
    legend: Vec<(&'static str, &'static str)>,
    /// What is not drawn.
    note: String,
}

/// A rectangle, with what it says and the findings that it leads to.
#[derive(Debug, Default, Serialize)]
struct Box_ {
    x: f64,
    y: f64,
    w: f64,
    h: f64,
    class: &'static str,
    says: String,
    /// The findings of a click: an account, a span of time, a day and hour of the week, a row's id.
    account: Option<String>,
    from: Option<String>,
    to: Option<String>,
    day: Option<usize>,
    hour: Option<usize>,
    goto: Option<String>,
}

#[derive(Debug, Serialize)]
struct Line {
    x1: f64,
    y1: f64,
    x2: f64,
    y2: f64,
    class: &'static str,
}

#[derive(Debug, Serialize)]
struct Text {
    x: f64,
    y: f64,
    anchor: &'static str,
    text: String,
}

impl Chart {
    fn text(&mut self, x: f64, y: f64, anchor: &'static str, text: impl Into<String>) {
        self.texts.push(Text { x: round(x), y: round(y), anchor, text: text.into() });
    }

    fn line(&mut self, x1: f64, y1: f64, x2: f64, y2: f64) {
        self.stroke(x1, y1, x2, y2, "");
    }

    fn stroke(&mut self, x1: f64, y1: f64, x2: f64, y2: f64, class: &'static str) {
        self.lines.push(Line { x1: round(x1), y1: round(y1), x2: round(x2), y2: round(y2), class });
    }

    fn put(&mut self, x: f64, y: f64, w: f64, h: f64, rest: Box_) {
        self.boxes.push(Box_ { x: round(x), y: round(y), w: round(w), h: round(h), ..rest });
    }
}

fn round(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

/// Bars that fit side by side.
const BARS: usize = 60;
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// Use by week: console with MFA and without, keys, others, one upon the other.
pub(super) fn weeks(report: &RootReport) -> Option<Chart> {
    let all = &report.weeks;
    if all.len() < 2 || all.iter().all(|week| week.numbers.accounts == 0) {
        return None;
    }
    let each = all.len().div_ceil(BARS);
    let (left, top, high) = (34.0, 12.0, 150.0);
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
pub(super) fn hours(report: &RootReport) -> Option<Chart> {
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

/// The accounts with the most use.
pub(super) fn accounts(report: &RootReport) -> Option<Chart> {
    let mut all: Vec<_> = report.accounts.iter().filter(|one| one.sessions > 0).collect();
    all.sort_by_key(|one| (std::cmp::Reverse((one.uses, one.sessions)), &one.account_id));
    all.truncate(12);
    let most = all.iter().map(|one| one.sessions).max()?;
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
        let w = (chart.width - left - 130.0) * one.sessions as f64 / most as f64;
        let says =
            format!("{} in {}", count(one.sessions, "session", "sessions"), count(one.uses, "week", "weeks"));
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

pub(super) fn severity_class(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::High => "high",
        Severity::Medium => "medium",
        Severity::Low => "low",
    }
}

/// Accounts and sessions in a chart of sessions.
const LANES: usize = 14;
const SESSIONS: usize = 400;

/// Sessions over time, a line for each account; episodes behind them.
pub(super) fn sessions(report: &RootReport, listed: usize) -> Option<Chart> {
    let mut lanes: Vec<&str> = Vec::new();
    for id in report
        .episodes
        .iter()
        .map(|one| &one.account_id)
        .chain(report.sessions.iter().map(|one| &one.account_id))
    {
        if lanes.len() < LANES && !lanes.contains(&id.as_str()) {
            lanes.push(id);
        }
    }
    let spans = report.episodes.iter().map(|one| (&one.start, &one.end));
    let spans = spans.chain(report.sessions.iter().map(|one| (&one.first_event, &one.last_event)));
    let spans = spans.filter_map(|(from, to)| Some((seconds(from)?, seconds(to)?))).collect();
    let (left, row, top) = (230.0, 30.0, 6.0);
    let mut chart = Chart {
        id: "chart-sessions",
        title: "Sessions over time; pauses of a day and more are left out",
        width: 1140.0,
        height: top + lanes.len() as f64 * row + 24.0,
        legend: vec![
            ("critical", "critical"),
            ("high", "high"),
            ("medium", "medium"),
            ("low", "low"),
            ("episode", "activity without a pause of a day"),
        ],
        ..Chart::default()
    };
    let scale = Scale::new(spans, left, chart.width - left - 8.0)?;
    let x = |time: i64| scale.x(time);
    for (at, lane) in lanes.iter().enumerate() {
        let y = top + at as f64 * row;
        chart.line(left, y + row, chart.width - 8.0, y + row);
        let label: String = account(report, lane).chars().take(30).collect();
        chart.text(left - 8.0, y + 19.0, "end", label);
    }
    let lane_of = |id: &str| lanes.iter().position(|lane| *lane == id);
    for one in &report.episodes {
        let (Some(at), Some(from), Some(to)) =
            (lane_of(&one.account_id), seconds(&one.start), seconds(&one.end))
        else {
            continue;
        };
        let rest = Box_ {
            class: "episode",
            says: format!(
                "{} to {}: {}",
                moment(&one.start),
                moment(&one.end),
                count(one.findings, "finding", "findings")
            ),
            account: Some(one.account_id.clone()),
            from: Some(one.start.clone()),
            to: Some(instant(to + 1)),
            ..Box_::default()
        };
        chart.put(x(from) - 3.0, top + at as f64 * row + 3.0, (x(to) - x(from)) + 6.0, row - 6.0, rest);
    }
    for (n, one) in report.sessions.iter().enumerate().take(SESSIONS) {
        let (Some(at), Some(from), Some(to)) =
            (lane_of(&one.account_id), seconds(&one.first_event), seconds(&one.last_event))
        else {
            continue;
        };
        let rest = Box_ {
            class: severity_class(one.severities.worst()),
            says: format!(
                "{} from {} to {}: {}",
                one.kind.label(),
                moment(&one.first_event),
                moment(&one.last_event),
                count(one.events, "finding", "findings")
            ),
            goto: (n < listed).then(|| format!("s-{n}")),
            ..Box_::default()
        };
        chart.put(
            x(from) - 1.5,
            top + at as f64 * row + 8.0,
            (x(to) - x(from)).max(0.0) + 5.0,
            row - 16.0,
            rest,
        );
    }
    scale.axis(&mut chart, top + lanes.len() as f64 * row + 16.0);
    let accounts = report.totals.accounts;
    if accounts > lanes.len() as u64 {
        chart.note = format!("{} of {} accounts are drawn.", lanes.len(), thousands(accounts));
    }
    Some(chart)
}

/// Time along a chart, without its long pauses.
struct Scale {
    /// Busy times: from, to, and where they lie on the chart.
    pieces: Vec<(i64, i64, f64, f64)>,
}

/// Busy times that are drawn apart, and the pause between two.
const PIECES: usize = 12;
const PAUSE: i64 = DAY;

impl Scale {
    fn new(mut spans: Vec<(i64, i64)>, left: f64, width: f64) -> Option<Self> {
        spans.sort_unstable();
        let mut pause = PAUSE;
        let pieces = loop {
            let mut pieces: Vec<(i64, i64)> = Vec::new();
            for &(from, to) in &spans {
                match pieces.last_mut() {
                    Some(last) if from <= last.1.saturating_add(pause) => last.1 = last.1.max(to),
                    _ => pieces.push((from, to)),
                }
            }
            if pieces.len() <= PIECES {
                break pieces;
            }
            pause = pause.saturating_mul(2);
        };
        // By the root of their length: a busy hour beside a busy month is still to be seen.
        let weight = |&(from, to): &(i64, i64)| ((to - from) as f64 + 3600.0).sqrt();
        let sum: f64 = pieces.iter().map(weight).sum();
        let mut at = left;
        let pieces: Vec<_> = pieces
            .into_iter()
            .map(|piece| {
                let room = width * weight(&piece) / sum;
                let margin = (piece.1 - piece.0) / 30 + 60;
                let placed = (piece.0 - margin, piece.1 + margin, at, at + room);
                at += room;
                placed
            })
            .collect();
        (!pieces.is_empty()).then_some(Self { pieces })
    }

    fn x(&self, time: i64) -> f64 {
        let piece = self.pieces.iter().rev().find(|piece| time >= piece.0).or(self.pieces.first());
        piece.map_or(0.0, |&(from, to, left, right)| {
            left + (right - left) * ((time - from) as f64 / (to - from).max(1) as f64).clamp(0.0, 1.0)
        })
    }

    fn axis(&self, chart: &mut Chart, y: f64) {
        let mut free = 0.0;
        for (n, &(from, to, left, right)) in self.pieces.iter().enumerate() {
            if n > 0 {
                chart.stroke(left, 0.0, left, y - 12.0, "break");
            }
            let long = to - from > 3 * DAY;
            let text = |time: i64| {
                moment(&instant(time)).get(if long { 0..10 } else { 5..16 }).unwrap_or_default().to_owned()
            };
            if left >= free {
                chart.text(left + 2.0, y, "start", text(from));
                free = left + 84.0;
            }
            if right - free > 100.0 {
                chart.text(right - 6.0, y, "end", text(to));
                free = right;
            }
        }
    }
}

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

/// What the scan read of each account, day by day, with the gaps.
pub(super) fn coverage(report: &RootReport) -> Option<Chart> {
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
            let (class, what) = match gap {
                Some(gap) => (
                    "gap",
                    format!("{} {}: {}", name(&gap.kind), gap.region.as_deref().unwrap_or(""), gap.why),
                ),
                None if n == 0 => ("none", "no logs".to_owned()),
                None => ("read", count(records, "record", "records")),
            };
            let rest = Box_ { class, says: format!("{}: {what}", day(from * DAY)), ..Box_::default() };
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

fn overlaps(gap: &crate::report::context::Silence, from: i64, to: i64) -> bool {
    let at = |text: &str| seconds(text).or_else(|| seconds(&format!("{text}T00:00:00Z")));
    let Some(start) = at(&gap.start) else { return false };
    // A day as an end is a whole day.
    let end = gap
        .end
        .as_deref()
        .map_or(Some(i64::MAX), |end| at(end).map(|time| if end.len() == 10 { time + DAY } else { time }));
    end.is_some_and(|end| start < to && end > from)
}

/// Dates in a chart of the posture.
const DATES: usize = 60;

/// Shares of accounts with keys, without MFA, and used, over the dates of the reports.
pub(super) fn posture(posture: &PostureSection) -> Option<Chart> {
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
