//! The report on a terminal.

use super::measures;
use super::model::RootReport;
use super::tables;
use super::words::{count, thousands};
use crate::text::table::{Table, cut};

/// How the text is drawn.
#[derive(Clone, Copy, Debug)]
pub struct TextOptions {
    /// Cells a line.
    pub width: usize,
    /// Whether colours are used.
    pub colour: bool,
}

/// Episodes that are printed, steps of each, and rows of the other tables.
const EPISODES: usize = 5;
const STEPS: usize = 40;
const ROWS: usize = 15;

/// Returns one line that says what the report is about.
pub(super) fn subject(report: &RootReport) -> String {
    let totals = &report.totals;
    let mut text = format!(
        "{} in {}",
        count(totals.findings, "finding", "findings"),
        count(totals.accounts, "account", "accounts")
    );
    if let Some(period) = &report.period {
        let day = |time: &str| time.split('T').next().unwrap_or_default().to_owned();
        text.push_str(&format!(", {} to {}", day(&period.start), day(&period.end)));
    }
    let by = &totals.severities;
    let parts = [(by.critical, "critical"), (by.high, "high"), (by.medium, "medium"), (by.low, "low")];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, name)| format!("{} {name}", thousands(n)))
        .collect();
    if !parts.is_empty() {
        text.push_str(&format!(" ({})", parts.join(", ")));
    }
    text
}

/// Draws the report.
pub fn text(report: &RootReport, options: TextOptions) -> String {
    let mut out = String::new();
    let paint = |code: &str, text: &str| {
        let text = cut(text, options.width);
        if options.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.into_owned() }
    };
    out.push_str(&paint("1", &format!("Root activity: {}", subject(report))));
    out.push('\n');
    for highlight in &report.highlights {
        let cell = tables::severity(highlight.severity);
        let line = format!("  {:<9} {}", cell.text, highlight.line());
        out.push_str(&paint(cell.colour.unwrap_or("0"), &line));
        out.push('\n');
    }
    if report.episodes.is_empty() {
        out.push_str("\nNo finding has a time: there is no story to tell.\n");
    }
    for (n, episode) in report.episodes.iter().take(EPISODES).enumerate() {
        let title = format!(
            "What happened ({} of {}): {}, {} to {}",
            n + 1,
            thousands(report.totals.episodes),
            tables::account(report, &episode.account_id),
            tables::moment(&episode.start),
            tables::moment_after(&episode.start, &episode.end)
        );
        section(&title, &tables::steps(episode, STEPS), options, &paint, &mut out);
        let beyond = episode.steps.len().saturating_sub(STEPS) as u64 + episode.steps_beyond;
        if beyond > 0 {
            out.push_str(&format!("  and {}\n", count(beyond, "more step", "more steps")));
        }
        for note in &episode.notes {
            out.push_str(&format!("  {}\n", cut(note, options.width.saturating_sub(2))));
        }
    }
    let sections = [
        (
            "Silence in the logs",
            tables::gaps(report, ROWS),
            report.coverage.as_ref().map_or(0, |c| c.gaps.len()),
        ),
        ("Sessions", tables::sessions(report, ROWS), report.sessions.len()),
        ("Access keys of root", tables::keys(report, ROWS), report.keys.len()),
        ("Addresses", tables::addresses(report, ROWS), report.addresses.len()),
        ("Accounts", tables::accounts(report, ROWS), report.accounts.len()),
        ("Organizations", tables::organizations(report, ROWS), report.organizations.len()),
        ("Rules", tables::rules(report, ROWS), report.rules.len()),
    ];
    for (title, table, all) in &sections {
        if !table.is_empty() {
            let shown = table.rows().len();
            let title =
                if shown < *all { format!("{title} ({shown} of {all})") } else { (*title).to_owned() };
            section(&title, table, options, &paint, &mut out);
        }
    }
    let weeks = count(report.study.weeks, "week", "weeks");
    section(
        &format!("The study's measures, over {weeks}"),
        &measures::study(&report.study),
        options,
        &paint,
        &mut out,
    );
    out.push_str("  a to h: see --markdown or --html\n");
    if !report.notes.is_empty() {
        out.push('\n');
        for note in &report.notes {
            out.push_str(&format!("{}\n", cut(&format!("note: {note}"), options.width)));
        }
    }
    out
}

fn section(
    title: &str,
    table: &Table,
    options: TextOptions,
    paint: &impl Fn(&str, &str) -> String,
    out: &mut String,
) {
    out.push('\n');
    out.push_str(&paint("1", title));
    out.push('\n');
    table.draw(options.width, "  ", options.colour, out);
}
