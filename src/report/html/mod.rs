//! The report as one page of HTML: no network, no script but its own.
//!
//! The template escapes everything that it fills in; what stands in the page unescaped is the page's own
//! style and script. A Content Security Policy names these two by their hashes and allows nothing else, so
//! that even markup that slipped through would neither run nor load anything.

mod charts;
mod view;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use self::charts::Chart;
use self::view::{EpisodeView, Grid};
use super::measures::{FOOTNOTES, Measure, measures};
use super::model::{Highlight, RootReport};
use super::posture::PostureSection;
use super::read::{Input, ReportError};
use super::text::subject;
use super::words::{count, thousands};

const PAGE: &str = include_str!("page.html");
const CHART: &str = include_str!("chart.html");
const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

#[derive(Serialize)]
struct Page<'r> {
    csp: String,
    style: &'static str,
    script: &'static str,
    version: &'static str,
    subject: String,
    nav: Vec<(&'static str, &'static str)>,
    tiles: Vec<Tile>,
    highlights: &'r [Highlight],
    episodes: Vec<EpisodeView>,
    episodes_beyond: Option<String>,
    charts: Charts,
    sessions: Grid,
    tables: Vec<Grid>,
    coverage: Option<String>,
    study_intro: String,
    measures: Vec<Measure>,
    footnotes: &'static [(&'static str, &'static str)],
    posture: Option<PostureView>,
    findings: Grid,
    notes: &'r [String],
    inputs: &'r [Input],
}

#[derive(Serialize)]
struct Tile {
    value: String,
    label: &'static str,
    class: &'static str,
}

#[derive(Serialize)]
struct Charts {
    sessions: Option<Chart>,
    weeks: Option<Chart>,
    hours: Option<Chart>,
    accounts: Option<Chart>,
    coverage: Option<Chart>,
}

#[derive(Serialize)]
struct PostureView {
    intro: String,
    practices: Vec<PracticeView>,
    chart: Option<Chart>,
    tables: Vec<Grid>,
}

#[derive(Serialize)]
struct PracticeView {
    title: String,
    cis: String,
    violations: String,
    accounts: String,
    share: String,
    definition: String,
}

/// Makes the page.
///
/// # Errors
/// Fails where the template does not fit the page, which is a fault of the program.
pub fn html(report: &RootReport) -> Result<String, ReportError> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_name| AutoEscape::Html);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let fail = |error: minijinja::Error| ReportError::Page(Box::new(error));
    environment.add_template("chart.html", CHART).map_err(fail)?;
    environment.add_template("page.html", PAGE).map_err(fail)?;
    environment.get_template("page.html").and_then(|page| page.render(page_of(report))).map_err(fail)
}

/// Returns what the policy of the page allows: its own style and script, and an empty icon.
fn csp() -> String {
    let hash = |text: &str| BASE64_STANDARD.encode(Sha256::digest(text));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; img-src data:; base-uri 'none'; form-action \
         'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
}

fn page_of(report: &RootReport) -> Page<'_> {
    let findings = view::findings(report);
    let sessions = view::sessions(report);
    let tables = view::others(report);
    let episodes = view::episodes(report, &findings);
    let beyond = report.totals.episodes.saturating_sub(episodes.len() as u64);
    let charts = Charts {
        sessions: charts::sessions(report, sessions.rows.len()),
        weeks: charts::weeks(report),
        hours: charts::hours(report),
        accounts: charts::accounts(report),
        coverage: charts::coverage(report),
    };
    let mut nav = vec![("story", "What happened")];
    if charts.sessions.is_some() {
        nav.push(("timeline", "Timeline"));
    }
    nav.push(("sessions", "Sessions"));
    if charts.weeks.is_some() || charts.hours.is_some() || charts.accounts.is_some() {
        nav.push(("charts", "Use over time"));
    }
    if report.coverage.is_some() {
        nav.push(("coverage", "Coverage"));
    }
    let short = |grid: &Grid| match grid.id {
        "gaps" => "Gaps",
        "keys" => "Keys",
        _ => grid.title,
    };
    nav.extend(tables.iter().map(|grid| (grid.id, short(grid))));
    nav.push(("study", "Measures"));
    if report.posture.is_some() {
        nav.push(("posture", "Settings"));
    }
    nav.extend([("findings", "Findings"), ("about", "About")]);
    Page {
        csp: csp(),
        style: STYLE,
        script: SCRIPT,
        version: report.version,
        subject: subject(report),
        nav,
        tiles: tiles(report),
        highlights: &report.highlights,
        episodes,
        episodes_beyond: (beyond > 0)
            .then(|| format!("and {}", count(beyond, "more episode", "more episodes"))),
        charts,
        coverage: report.coverage.as_ref().map(|covered| {
            format!(
                "{} of {} in {} were read{}; {} that should not be.",
                count(covered.records, "record", "records"),
                count(covered.objects, "object", "objects"),
                count(covered.accounts, "account", "accounts"),
                if covered.complete {
                    " whole".to_owned()
                } else {
                    format!(", {} not whole", count(covered.failed, "object", "objects"))
                },
                count(covered.gaps.len() as u64, "silence", "silences"),
            )
        }),
        study_intro: format!(
            "Computed from CloudTrail, which shows every use, over {}, beside the numbers that the study published from \
             weekly credential reports.",
            count(report.study.weeks, "week", "weeks")
        ),
        measures: measures(&report.study),
        footnotes: &FOOTNOTES,
        posture: report.posture.as_ref().map(posture_of),
        sessions,
        tables,
        findings,
        notes: &report.notes,
        inputs: &report.inputs,
    }
}

fn tiles(report: &RootReport) -> Vec<Tile> {
    let by = &report.totals.severities;
    let tile = |n: u64, label, class: &'static str| Tile {
        value: thousands(n),
        label,
        class: if n > 0 { class } else { "" },
    };
    let study = &report.study;
    vec![
        tile(by.critical, "critical findings", "critical"),
        tile(by.high, "high findings", "high"),
        tile(report.totals.accounts, "accounts", ""),
        tile(study.sign_ins_without_mfa.count, "sign-ins without MFA", "critical"),
        tile(study.sign_ins_refused, "sign-ins refused", "medium"),
        tile(study.keys, "root keys used", "critical"),
    ]
}

fn posture_of(posture: &PostureSection) -> PostureView {
    let practices = posture.practices.iter().map(|practice| {
        let rule =
            practice.config_rule.as_deref().map_or_else(String::new, |rule| format!("AWS Config: {rule}. "));
        PracticeView {
            title: practice.title.clone(),
            cis: practice.cis.clone().unwrap_or_default(),
            violations: thousands(practice.violations),
            accounts: thousands(practice.accounts),
            share: format!("{:.1} %", practice.percent),
            definition: format!(
                "{rule}{} By account-level settings alone: {} ({:.1} %).",
                practice.definition,
                thousands(practice.account_level),
                practice.account_level_percent
            ),
        }
    });
    PostureView {
        intro: "From IAM credential reports: what is set, beside what the logs show.".into(),
        practices: practices.collect(),
        chart: charts::posture(posture),
        tables: view::posture(posture),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn style_and_script_cannot_end_their_elements() {
        assert!(!STYLE.to_lowercase().contains("</") && !SCRIPT.to_lowercase().contains("</script"));
        assert!(!PAGE.contains(" style=") && !PAGE.contains(" onclick") && !CHART.contains(" style="));
        // The template leaves two texts as they are: the page's own.
        assert_eq!(PAGE.matches("|safe").count() + CHART.matches("|safe").count(), 2);
    }
}
