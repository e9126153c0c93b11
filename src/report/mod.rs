//! The report: findings brought together into sessions, episodes and the study's measures.
//!
//! ```text
//! files ──lines──► rows ──sort, spill──► by account and time ──fold──► RootReport ──► text, Markdown, JSON, HTML
//! ```
//!
//! A scan judges each event by itself. A report looks at many: which sign-in opened the session of a call,
//! which call issued a key, what followed what. It reads findings once, keeps of each a row of some 400
//! bytes, sorts the rows by account and time with a temporary file, and goes through them once. Memory does
//! not grow with the findings: beside one run of the sort (96 MiB) there are the open sessions of one
//! account and lists with limits. The same findings give the same report, in whatever order of files.

mod addresses;
mod context;
mod event;
mod fold;
mod highlights;
mod html;
mod linked;
mod markdown;
mod measures;
mod model;
mod open_session;
mod posture;
mod read;
mod root_keys;
mod row;
mod session;
mod story;
mod study;
mod tables;
mod tally;
mod text;
mod time;
mod words;

use std::path::PathBuf;

pub use context::{ContextFiles, DayRead, Silence, Size};
pub use fold::MOST_FINDINGS;
pub use html::html;
pub use markdown::markdown;
pub use model::{
    AccountNumbers, AddressUse, AllNumbers, Covered, CoveredAccount, Highlight, KeyUse, Listed,
    OrganizationNumbers, Period, RootReport, RuleCount, SCHEMA, Week,
};
pub use posture::{
    PostureAccount, PostureCheck, PostureCounts, PostureDate, PostureFindings, PostureKey, PostureMismatch,
    PostureOrganization, PosturePractice, PostureScp, PostureSection,
};
pub use read::{Input, MOST_RECORDS, ReportError};
pub use session::{BySeverity, Opening, RootSession, SessionChange, SessionKind, SignIn};
pub use story::{Episode, StoryStep};
pub use study::{Share, SizeNumbers, Study, WeekNumbers};
pub use tally::{Count, Counts};
pub use text::{TextOptions, text};

use context::{Context, Scanned};
use fold::Fold;
use row::Row;

/// What a report is made of.
#[derive(Clone, Debug, Default)]
pub struct ReportOptions {
    /// Findings files.
    pub files: Vec<PathBuf>,
    /// Files beside them.
    pub beside: ContextFiles,
    /// Leave uses out that fall into so many first seconds of an account.
    pub new_account: Option<i64>,
}

/// Organizations and addresses that are listed.
const MOST_ORGANIZATIONS: usize = 200;
const MOST_ADDRESSES: usize = 500;
/// Weeks up to which those without findings are listed too.
const MOST_WEEKS: i64 = 1040;
/// Accounts and days in the chart of the coverage.
const MOST_LINES: usize = 60;
const MOST_DAYS: i64 = 740;

/// Makes a report.
///
/// # Errors
/// Fails where a file cannot be opened or is of another kind, and where the temporary file of the sort
/// cannot be used. Lines that are no findings are counted in [`RootReport::inputs`].
pub fn build(options: &ReportOptions) -> Result<RootReport, ReportError> {
    let context = Context::load(&options.beside)?;
    let read = read::read(&options.files)?;
    let mut fold = Fold::new(&context, &read.issued, options.new_account);
    let mut rows = read.rows.finish()?;
    while let Some(bytes) = rows.next()? {
        let row = Row::decode(bytes)
            .ok_or_else(|| std::io::Error::other("a row cannot be read back from the temporary file"))?;
        fold.add(&row);
    }
    fold.finish();
    fold.numbers.duplicates = rows.duplicates;
    fold.numbers.unread = read.inputs.iter().map(|input| input.unread).sum();
    fold.numbers.without_record = read.bare;
    let scanned = context.summary.as_ref().and_then(|summary| summary.span);
    let span = match (fold.span, scanned) {
        (Some((start, end)), Some((first, behind))) => Some((start.min(first), end.max(behind - 1))),
        (span, None) => span,
        (None, Some((first, behind))) => Some((first, behind - 1)),
    };
    let weeks = span.map_or(0, |(start, end)| time::week(end) - time::week(start) + 1);
    let mut report = RootReport {
        schema: SCHEMA,
        version: env!("CARGO_PKG_VERSION"),
        period: span.map(|(start, end)| Period {
            start: time::instant(start),
            end: time::instant(end),
            scanned: scanned.is_some(),
        }),
        highlights: Vec::new(),
        episodes: episodes(&mut fold),
        sessions: std::mem::take(&mut fold.sessions).into_values().collect(),
        sessions_by_kind: std::mem::take(&mut fold.kinds),
        study: fold.totals.study(u64::try_from(weeks).unwrap_or(0), &context),
        weeks: week_list(&fold, span),
        hours: fold.hours,
        organizations: fold.organizations(MOST_ORGANIZATIONS),
        keys: std::mem::take(&mut fold.keys).into_values().collect(),
        addresses: fold.addresses.uses(MOST_ADDRESSES),
        rules: fold.rule_counts(),
        coverage: context.summary.as_ref().map(covered),
        accounts: std::mem::take(&mut fold.accounts).into_values().collect(),
        findings: fold.findings(),
        posture: context.posture.clone(),
        notes: highlights::notes(&fold, &context, read.issued_beyond),
        totals: std::mem::take(&mut fold.numbers),
        records: read.records.into_iter().map(|((_, _, id), record)| (id, record)).collect(),
        inputs: read.inputs,
    };
    report.highlights = highlights::highlights(&report, fold.conflicts);
    Ok(report)
}

/// Returns the kept episodes, each with what the others say of its addresses.
fn episodes(fold: &mut Fold<'_>) -> Vec<Episode> {
    let kept = std::mem::take(&mut fold.story.kept);
    kept.into_iter()
        .map(|((_, start, _), mut episode)| {
            for address in &episode.addresses.listed {
                if let Some(first) = fold.addresses.first(&address.value).filter(|first| *first < start) {
                    let before = time::instant(first);
                    episode.notes.push(format!("{} was seen before, first at {before}", address.value));
                }
            }
            episode
        })
        .collect()
}

fn week_list(fold: &Fold<'_>, span: Option<(i64, i64)>) -> Vec<Week> {
    let Some((start, end)) = span else { return Vec::new() };
    let numbers = &fold.totals.weeks;
    let week = |number: i64| Week {
        start: time::day(time::week_start(number)),
        numbers: numbers.get(&number).copied().unwrap_or_default(),
    };
    let (first, last) = (time::week(start), time::week(end));
    if last - first < MOST_WEEKS {
        (first..=last).map(week).collect()
    } else {
        numbers.keys().copied().map(week).take(usize::try_from(MOST_WEEKS).unwrap_or(0)).collect()
    }
}

fn covered(summary: &Scanned) -> Covered {
    let mut lines: Vec<CoveredAccount> = Vec::new();
    let mut beyond = 0;
    let end = summary.days.keys().map(|(_, day)| *day).max().unwrap_or(0);
    for account in &summary.accounts {
        let days = summary.days.range((account.clone(), i64::MIN)..=(account.clone(), i64::MAX));
        let Some(first) = days.clone().next().map(|((_, day), _)| (*day).max(end - MOST_DAYS)) else {
            continue;
        };
        if lines.len() == MOST_LINES {
            beyond += 1;
            continue;
        }
        let mut line = CoveredAccount {
            account_id: account.clone(),
            start: time::day(first * time::DAY),
            days: vec![None; usize::try_from(end - first + 1).unwrap_or(0)],
            failed_days: Vec::new(),
        };
        for ((_, day), read) in days {
            let at = usize::try_from(day - first).ok();
            if at.is_some() && read.failed > 0 {
                line.failed_days.push(time::day(day * time::DAY));
            }
            if let Some(place) = at.and_then(|at| line.days.get_mut(at)).filter(|_| read.listed > 0) {
                *place = Some(read.records);
            }
        }
        lines.push(line);
    }
    Covered {
        complete: summary.complete,
        objects: summary.objects,
        failed: summary.failed,
        records: summary.records,
        accounts: summary.accounts.len() as u64,
        gaps: summary.gaps.clone(),
        lines,
        lines_beyond: beyond + u64::from(summary.days_beyond > 0),
    }
}
