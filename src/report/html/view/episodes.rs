//! The story as the page tells it.

use std::collections::HashSet;

use serde::Serialize;

use super::Grid;
use crate::report::model::RootReport;
use crate::report::story::{Episode, StoryStep};
use crate::report::tables::{self, account, detail, moment, name};
use crate::report::words::count;

/// Episodes that the page tells, and about how many bytes of them.
const EPISODES: usize = 20;
const EPISODE_BYTES: usize = 400_000;

/// An episode as the page tells it.
#[derive(Debug, Serialize)]
pub(in crate::report::html) struct EpisodeView {
    severity: String,
    account: String,
    when: String,
    size: String,
    steps: Vec<StepView>,
    beyond: Option<String>,
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct StepView {
    day: Option<String>,
    clock: String,
    datetime: String,
    severity: String,
    title: String,
    count: Option<u64>,
    failed: bool,
    from: String,
    detail: String,
    note: String,
    goto: Option<String>,
}

/// Returns the episodes, the most serious first, up to a size.
pub(in crate::report::html) fn episodes(report: &RootReport, findings: &Grid) -> Vec<EpisodeView> {
    let listed: HashSet<&str> = findings.rows.iter().filter_map(|row| row.id.as_deref()).collect();
    let mut bytes = 0;
    let mut views = Vec::new();
    for episode in report.episodes.iter().take(EPISODES) {
        let mut before = String::new();
        let mut steps = Vec::new();
        let mut beyond = episode.steps_beyond;
        for step in &episode.steps {
            bytes += 400 + step.title.len() + step.request.len() + step.note.len();
            if bytes > EPISODE_BYTES {
                beyond += 1;
                continue;
            }
            steps.push(step_view(step, &mut before, &listed));
        }
        views.push(EpisodeView {
            severity: name(episode.severities.worst()),
            account: account(report, &episode.account_id),
            when: when(episode),
            size: count(episode.findings, "finding", "findings"),
            steps,
            beyond: (beyond > 0).then(|| format!("and {}", count(beyond, "more step", "more steps"))),
            notes: episode.notes.clone(),
        });
    }
    views
}

fn when(episode: &Episode) -> String {
    let (start, end) = (moment(&episode.start), tables::moment_after(&episode.start, &episode.end));
    if episode.start == episode.end { start } else { format!("{start} to {end}") }
}

fn step_view(step: &StoryStep, before: &mut String, listed: &HashSet<&str>) -> StepView {
    let whole = moment(&step.start);
    let (day, clock) = whole.split_once(' ').unwrap_or((&whole, ""));
    let new_day = (*before != day).then(|| day.to_owned());
    day.clone_into(before);
    let goto = format!("f-{}", step.finding);
    StepView {
        day: new_day,
        clock: clock.to_owned(),
        datetime: step.start.clone(),
        severity: name(step.severity),
        title: step.title.clone(),
        count: (step.count > 1).then_some(step.count),
        failed: step.failed && !step.title_tells_it(),
        from: step.addresses.words(3),
        detail: detail(step),
        note: step.note.clone(),
        goto: listed.contains(goto.as_str()).then_some(goto),
    }
}
