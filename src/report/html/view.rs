//! The tables of the page as rows of cells: what the template fills in.

use serde::Serialize;

use crate::finding::{MfaDevice, MfaStatus};
use crate::report::model::{Listed, RootReport};
use crate::report::posture::PostureSection;
use crate::report::session::RootSession;
use crate::report::story::{Episode, StoryStep};
use crate::report::tables::{self, account, detail, mfa, moment, name, opened};
use crate::report::words::{count, thousands};

/// Rows and bytes that the page takes of each part, so that it stays small however much there is.
const SESSIONS: usize = 200;
const SESSION_BYTES: usize = 500_000;
const FINDING_BYTES: usize = 1_900_000;
const RECORD_BYTES: usize = 1_000_000;
const EPISODES: usize = 20;
const EPISODE_BYTES: usize = 400_000;
const ROWS: usize = 300;

#[derive(Debug, Default, Serialize)]
pub(super) struct Cell {
    text: String,
    class: &'static str,
    badge: &'static str,
    sort: Option<String>,
    goto: Option<String>,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Row {
    id: Option<String>,
    time: Option<String>,
    account: Option<String>,
    severity: Option<String>,
    cells: Vec<Cell>,
    facts: Vec<(&'static str, String)>,
    record: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Column {
    title: &'static str,
    number: bool,
}

/// A table that sorts, filters and pages.
#[derive(Debug, Serialize)]
pub(super) struct Grid {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    intro: String,
    columns: Vec<Column>,
    pub(super) rows: Vec<Row>,
}

fn columns(titles: &[&'static str]) -> Vec<Column> {
    // A title that begins with # is of numbers.
    titles
        .iter()
        .map(|title| Column { title: title.trim_start_matches('#'), number: title.starts_with('#') })
        .collect()
}

fn text(text: impl Into<String>) -> Cell {
    Cell { text: text.into(), ..Cell::default() }
}

fn mono(text: impl Into<String>) -> Cell {
    Cell { text: text.into(), class: "mono", ..Cell::default() }
}

fn time(time: &str) -> Cell {
    Cell { text: moment(time), class: "t", ..Cell::default() }
}

fn number(n: u64) -> Cell {
    Cell { text: thousands(n), class: "n", sort: Some(n.to_string()), ..Cell::default() }
}

fn severity(severity: crate::finding::Severity) -> Cell {
    Cell {
        text: name(severity),
        badge: super::charts::severity_class(severity),
        sort: Some((severity as u8).to_string()),
        ..Cell::default()
    }
}

fn mfa_cell(status: Option<MfaStatus>, device: Option<MfaDevice>) -> Cell {
    let badge = match status {
        Some(MfaStatus::Used) => "mfa",
        Some(MfaStatus::NotUsed) => "nomfa",
        _ => "",
    };
    Cell { text: mfa(status, device).text, badge, ..Cell::default() }
}

/// About how many bytes a row takes in the page.
fn size(row: &Row) -> usize {
    let cells: usize = row.cells.iter().map(|cell| cell.text.len() + 60).sum();
    let facts: usize = row.facts.iter().map(|(name, fact)| name.len() + fact.len() + 20).sum();
    cells + facts + 200
}

/// Adds a fact, unless there is nothing to say.
fn fact(facts: &mut Vec<(&'static str, String)>, name: &'static str, text: impl Into<String>) {
    let text = text.into();
    if !text.is_empty() {
        facts.push((name, text));
    }
}

pub(super) fn sessions(report: &RootReport) -> Grid {
    let mut grid = Grid {
        id: "sessions",
        title: "Sessions",
        intro: String::new(),
        columns: columns(&[
            "Start",
            "End",
            "Severity",
            "Account",
            "By",
            "MFA",
            "#Findings",
            "#Refused",
            "#Changed",
            "From",
        ]),
        rows: Vec::new(),
    };
    let mut bytes = 0;
    for (n, session) in report.sessions.iter().enumerate().take(SESSIONS) {
        let row = session_row(report, n, session);
        bytes += size(&row);
        if bytes > SESSION_BYTES {
            break;
        }
        grid.rows.push(row);
    }
    grid.intro = format!(
        "A sign-in with its calls, temporary credentials, or an access key until it rests for 12 hours. {}",
        of(grid.rows.len(), report.totals.sessions, "sessions")
    );
    grid
}

fn of(listed: usize, all: u64, what: &str) -> String {
    if (listed as u64) < all {
        format!("The {} most severe of {} {what}.", thousands(listed as u64), thousands(all))
    } else {
        String::new()
    }
}

fn session_row(report: &RootReport, n: usize, session: &RootSession) -> Row {
    let refused: u64 = session.denied.listed.iter().map(|one| one.count).sum::<u64>() + session.denied.others;
    let mut facts = Vec::new();
    fact(&mut facts, "Session", &*session.id);
    fact(&mut facts, "Opened by", opened(session));
    if let Some(by) = &session.opened_by {
        fact(&mut facts, "Caller", by.actor.clone());
        fact(&mut facts, "Task policy", by.task_policy.clone());
    }
    fact(&mut facts, "Calls", session.calls.words(12));
    fact(&mut facts, "Refused", session.denied.words(12));
    fact(&mut facts, "Access keys", session.access_keys.words(9));
    fact(&mut facts, "Addresses", session.addresses.words(8));
    fact(&mut facts, "Regions", session.regions.words(12));
    fact(&mut facts, "User agents", session.user_agents.words(3));
    fact(&mut facts, "Rules", session.rules.words(12));
    let changes: Vec<String> = session
        .changes
        .iter()
        .take(12)
        .map(|change| {
            let at = tables::moment_after(&session.first_event, &change.time);
            format!("{at} {} {}", change.event, change.request).trim_end().to_owned()
        })
        .collect();
    let more = session.changed.saturating_sub(changes.len() as u64);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    fact(&mut facts, "Changed", changes.join("; ") + if changes.is_empty() { "" } else { &more });
    Row {
        id: Some(format!("s-{n}")),
        time: Some(session.first_event.clone()),
        account: Some(session.account_id.clone()),
        severity: Some(name(session.severities.worst())),
        cells: vec![
            time(&session.first_event),
            Cell {
                text: tables::moment_after(&session.first_event, &session.last_event),
                sort: Some(session.last_event.clone()),
                class: "t",
                ..Cell::default()
            },
            severity(session.severities.worst()),
            text(account(report, &session.account_id)),
            text(session.kind.label()),
            mfa_cell(session.mfa, session.device),
            number(session.events),
            number(refused),
            number(session.changed),
            text(session.addresses.words(3)),
        ],
        facts,
        record: None,
    }
}

/// The findings, and for the most serious of them the records.
pub(super) fn findings(report: &RootReport) -> Grid {
    let mut grid = Grid {
        id: "findings",
        title: "Findings",
        intro: String::new(),
        columns: columns(&["Time", "Severity", "Account", "Event", "Outcome", "MFA", "From", "What"]),
        rows: Vec::new(),
    };
    let (mut bytes, mut record_bytes, mut records) = (0, 0, 0);
    for one in &report.findings {
        let mut row = finding_row(report, one);
        bytes += size(&row);
        if bytes > FINDING_BYTES {
            break;
        }
        if let Some(record) = report.record(one.id) {
            let record = indented(record);
            record_bytes += record.len();
            if record_bytes <= RECORD_BYTES {
                row.record = Some(record);
                records += 1;
            }
        }
        grid.rows.push(row);
    }
    let listed = of(grid.rows.len(), report.totals.findings, "findings");
    grid.intro = format!(
        "{listed} Each opens to its place in the logs; {} (critical and high) to the record itself.",
        count(records, "finding", "findings")
    );
    grid
}

fn finding_row(report: &RootReport, one: &Listed) -> Row {
    let mut facts = Vec::new();
    fact(&mut facts, "Finding", one.id.to_string());
    fact(&mut facts, "Object", one.uri.clone());
    fact(&mut facts, "Record", format!("{} of the object, from 0", one.record_index));
    fact(&mut facts, "Another copy", one.conflict_with.clone());
    fact(&mut facts, "Rules", one.rules.clone());
    fact(&mut facts, "Request", one.request.clone());
    fact(&mut facts, "Error", one.error.clone());
    fact(&mut facts, "Credential", one.credential.map_or_else(String::new, name));
    fact(&mut facts, "Access key", one.access_key_id.clone());
    fact(&mut facts, "Identity", name(one.identity));
    fact(&mut facts, "Region", one.region.clone());
    fact(&mut facts, "User agent", crate::text::table::cut(&one.user_agent, 200).into_owned());
    Row {
        id: Some(format!("f-{}", one.id)),
        time: one.time.clone(),
        account: Some(one.account_id.clone()),
        severity: Some(name(one.severity)),
        cells: vec![
            time(one.time.as_deref().unwrap_or("?")),
            severity(one.severity),
            text(account(report, &one.account_id)),
            text(one.event.clone()),
            text(if one.failed { "failed" } else { "ok" }),
            mfa_cell(one.mfa, one.device),
            text(one.address.clone()),
            text(one.title.clone()),
        ],
        facts,
        record: None,
    }
}

/// JSON with a member a line. The record was minified, so that only what stands outside strings matters.
fn indented(json: &str) -> String {
    let mut text = String::with_capacity(json.len() * 3 / 2);
    let (mut depth, mut in_string, mut escaped, mut before) = (0usize, false, false, ' ');
    let line = |text: &mut String, depth: usize| {
        text.push('\n');
        text.extend(std::iter::repeat_n("  ", depth.min(20)));
    };
    for char in json.chars() {
        if in_string {
            in_string = escaped || char != '"';
            escaped = char == '\\' && !escaped;
            text.push(char);
        } else {
            match char {
                '}' | ']' => {
                    depth = depth.saturating_sub(1);
                    if !matches!(before, '{' | '[') {
                        line(&mut text, depth);
                    }
                    text.push(char);
                }
                _ => {
                    if matches!(before, '{' | '[') {
                        line(&mut text, depth);
                    }
                    in_string = char == '"';
                    text.push(char);
                    match char {
                        '{' | '[' => depth += 1,
                        ',' => line(&mut text, depth),
                        ':' => text.push(' '),
                        _ => {}
                    }
                }
            }
        }
        before = char;
    }
    text
}

/// The other tables, those without rows left out.
pub(super) fn others(report: &RootReport) -> Vec<Grid> {
    let grid = |id, title, intro: &str, titles: &[&'static str], rows: Vec<Vec<Cell>>| Grid {
        id,
        title,
        intro: intro.to_owned(),
        columns: columns(titles),
        rows: rows.into_iter().map(|cells| Row { cells, ..Row::default() }).collect(),
    };
    let gaps = report.coverage.iter().flat_map(|covered| &covered.gaps).take(ROWS).map(|gap| {
        vec![
            text(account(report, gap.account_id.as_deref().unwrap_or_default())),
            text(gap.region.clone().unwrap_or_default()),
            time(&gap.start),
            time(gap.end.as_deref().unwrap_or("the end")),
            text(gap.kind.replace('_', " ")),
            text(gap.why.clone()),
        ]
    });
    let keys = report.keys.iter().take(ROWS).map(|key| {
        vec![
            mono(key.access_key_id.clone()),
            text(account(report, &key.account_id)),
            key.created.as_deref().map_or_else(|| text("not seen"), time),
            time(&key.first_used),
            time(&key.last_used),
            Cell {
                text: key.age_days.map_or_else(|| "?".into(), |days| format!("{days} d")),
                class: "n",
                sort: Some(key.age_days.map_or_else(String::new, |days| days.to_string())),
                ..Cell::default()
            },
            number(key.findings),
            text(key.addresses.words(3)),
        ]
    });
    let addresses = report.addresses.iter().take(ROWS).map(|one| {
        vec![
            mono(one.address.clone()),
            severity(one.severity),
            number(one.accounts),
            number(one.findings),
            number(one.failed),
            time(&one.first),
            time(&one.last),
        ]
    });
    let accounts = report.accounts.iter().take(ROWS).map(|one| {
        vec![
            text(account(report, &one.account_id)),
            text(one.organization.clone().unwrap_or_default()),
            severity(one.severities.worst()),
            number(one.findings),
            number(one.severities.critical),
            number(one.sign_ins),
            number(one.sign_ins_without_mfa),
            number(one.sign_ins_refused),
            number(one.keys),
            number(one.sessions),
            number(one.uses),
            time(one.last.as_deref().unwrap_or_default()),
        ]
    });
    let organizations = report.organizations.iter().map(|one| {
        vec![
            mono(one.organization.clone()),
            number(one.accounts),
            number(one.accounts_using),
            number(one.uses),
            number(one.findings),
        ]
    });
    let rules = report.rules.iter().take(ROWS).map(|rule| {
        vec![text(rule.title), mono(rule.id.clone()), severity(rule.severity), number(rule.findings)]
    });
    let all = vec![
        grid(
            "gaps",
            "Silence in the logs",
            "",
            &["Account", "Region", "From", "Until", "Kind", "Why"],
            gaps.collect(),
        ),
        grid(
            "keys",
            "Root's access keys",
            "Age is that at the last use.",
            &["Key", "Account", "Made", "First used", "Last used", "#Age", "#Findings", "From"],
            keys.collect(),
        ),
        grid(
            "addresses",
            "Addresses",
            "",
            &["Address", "Severity", "#Accounts", "#Findings", "#Failed", "First", "Last"],
            addresses.collect(),
        ),
        grid(
            "accounts",
            "Accounts",
            "",
            &[
                "Account",
                "Organization",
                "Severity",
                "#Findings",
                "#Critical",
                "#Sign-ins",
                "#No MFA",
                "#Refused",
                "#Keys",
                "#Sessions",
                "#Weeks used",
                "Last",
            ],
            accounts.collect(),
        ),
        grid(
            "organizations",
            "Organizations",
            "",
            &["Organization", "#Accounts", "#That used root", "#Uses", "#Findings"],
            organizations.collect(),
        ),
        grid("rules", "Rules", "", &["What", "Rule", "Severity", "#Findings"], rules.collect()),
    ];
    all.into_iter().filter(|grid| !grid.rows.is_empty()).collect()
}

/// The tables of a posture.
pub(super) fn posture(posture: &PostureSection) -> Vec<Grid> {
    let accounts = posture.accounts.iter().take(ROWS).map(|one| {
        let yes = |flag: Option<bool>| flag.map_or("?", |flag| if flag { "yes" } else { "no" });
        let status = one.checks.each().map(|(_, check)| Cell {
            text: check.status.replace('_', " "),
            badge: if check.status == "violation" { "critical" } else { "low" },
            ..Cell::default()
        });
        let account = one
            .name
            .as_ref()
            .map_or_else(|| one.account_id.clone(), |name| format!("{} {name}", one.account_id));
        let scp = one.scp.as_ref().map_or("", |scp| &scp.verdict).replace('_', " ");
        [text(account), text(yes(one.mfa)), text(scp)].into_iter().chain(status).collect()
    });
    let row = |cells| Row { cells, ..Row::default() };
    let accounts = Grid {
        id: "posture-accounts",
        title: "Settings by account",
        intro: String::new(),
        columns: columns(&[
            "Account",
            "MFA",
            "Policies",
            "Root used",
            "Root key",
            "Root MFA",
            "Hardware MFA",
            "Key rotation",
        ]),
        rows: accounts.map(row).collect(),
    };
    let organizations = posture.organizations.iter().take(ROWS).map(|one| {
        let counts = one.violations.each().map(|(_, n)| number(*n));
        let id = one.id.clone().unwrap_or_else(|| "(none)".into());
        [mono(id), number(one.accounts)].into_iter().chain(counts).collect()
    });
    let organizations = Grid {
        id: "posture-organizations",
        title: "Settings by organization",
        intro: "Accounts that violate each practice.".into(),
        columns: columns(&[
            "Organization",
            "#Accounts",
            "#Root used",
            "#Root key",
            "#No MFA",
            "#No hardware MFA",
            "#Old key",
        ]),
        rows: organizations.map(row).collect(),
    };
    let mismatches = posture.findings.iter().flat_map(|findings| &findings.mismatches).map(|one| {
        vec![
            text(one.account_id.clone()),
            text(one.kind.replace('_', " ")),
            time(one.in_report.as_deref().unwrap_or_default()),
            time(one.in_logs.as_deref().unwrap_or_default()),
            mono(one.access_key_id.clone().unwrap_or_default()),
        ]
    });
    let mismatches = Grid {
        id: "posture-mismatches",
        title: "Where reports and logs differ",
        intro: String::new(),
        columns: columns(&["Account", "Kind", "In the report", "In the logs", "Key"]),
        rows: mismatches.map(row).collect(),
    };
    [accounts, organizations, mismatches].into_iter().filter(|grid| !grid.rows.is_empty()).collect()
}

/// An episode as the page tells it.
#[derive(Debug, Serialize)]
pub(super) struct Told {
    severity: String,
    account: String,
    when: String,
    size: String,
    steps: Vec<ToldStep>,
    beyond: Option<String>,
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct ToldStep {
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

/// The episodes, the most serious first, up to a size.
pub(super) fn episodes(report: &RootReport, findings: &Grid) -> Vec<Told> {
    let listed: std::collections::HashSet<&str> =
        findings.rows.iter().filter_map(|row| row.id.as_deref()).collect();
    let mut bytes = 0;
    let mut told = Vec::new();
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
            steps.push(told_step(step, &mut before, &listed));
        }
        told.push(Told {
            severity: name(episode.severities.worst()),
            account: account(report, &episode.account_id),
            when: when(episode),
            size: count(episode.findings, "finding", "findings"),
            steps,
            beyond: (beyond > 0).then(|| format!("and {}", count(beyond, "more step", "more steps"))),
            notes: episode.notes.clone(),
        });
    }
    told
}

fn when(episode: &Episode) -> String {
    let (start, end) = (moment(&episode.start), tables::moment_after(&episode.start, &episode.end));
    if episode.start == episode.end { start } else { format!("{start} to {end}") }
}

fn told_step(step: &StoryStep, before: &mut String, listed: &std::collections::HashSet<&str>) -> ToldStep {
    let whole = moment(&step.start);
    let (day, clock) = whole.split_once(' ').unwrap_or((&whole, ""));
    let new_day = (*before != day).then(|| day.to_owned());
    day.clone_into(before);
    let goto = format!("f-{}", step.finding);
    ToldStep {
        day: new_day,
        clock: clock.to_owned(),
        datetime: step.start.clone(),
        severity: name(step.severity),
        title: step.title.clone(),
        count: (step.count > 1).then_some(step.count),
        failed: step.failed && !["failed", "tried"].iter().any(|word| step.title.contains(word)),
        from: step.addresses.words(3),
        detail: detail(step),
        note: step.note.clone(),
        goto: listed.contains(goto.as_str()).then_some(goto),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_indented_and_nothing_is_lost() {
        let json = r#"{"a":{"x":[],"y":"a\",:{"},"b":[1,true]}"#;
        let text = indented(json);
        assert_eq!(
            text,
            "{\n  \"a\": {\n    \"x\": [],\n    \"y\": \"a\\\",:{\"\n  },\n  \"b\": [\n    1,\n    true\n  ]\n}"
        );
        // A record that was cut is shown as far as it goes.
        assert_eq!(indented("{\"a\":\"b…"), "{\n  \"a\": \"b…");
        assert_eq!(indented("]]}"), "\n]\n]\n}");
    }
}
