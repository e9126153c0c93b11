//! The sessions over time, without the pauses between them.
//!
//! Sessions of an account lie on one line, episodes behind them. The axis is not the calendar: times with sessions
//! are joined where less than a day lies between them, or more where there would be too many pieces, and a stroke
//! marks each pause. A piece gets its share of the width by the root of its length, so that an hour beside a month
//! stays visible.

use super::{Box_, Chart, severity_class};
use crate::report::model::RootReport;
use crate::report::tables::{account, moment};
use crate::report::time::{DAY, instant, seconds};
use crate::report::words::{count, thousands};

/// Accounts and sessions in a chart of sessions.
const LANES: usize = 14;
const SESSIONS: usize = 400;

/// Sessions over time, a line for each account; episodes behind them.
pub(in crate::report::html) fn sessions(report: &RootReport, listed: usize) -> Option<Chart> {
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
