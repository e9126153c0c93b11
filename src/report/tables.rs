//! The parts of a report as tables: what the terminal and Markdown show alike.
//!
//! Each function takes a report and the number of rows to show, and returns a `Table` of cells. Columns say how they
//! give way on a narrow terminal: some shrink to a width, some are dropped in the order of their numbers. The study's
//! measures stand beside its published numbers, each with a footnote on how the two are counted. HTML takes the
//! measures and small texts from here and draws its own tables.

use serde::Serialize;

use super::model::RootReport;
use super::session::{RootSession, SignIn};
use super::story::Episode;
use super::words::thousands;
use crate::finding::{MfaDevice, MfaStatus, Severity};
use crate::text::table::{Cell, Column, Table};

/// Returns a value's name, as findings spell it.
pub(super) fn name(value: impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}

pub(super) fn severity(severity: Severity) -> Cell {
    let colour = match severity {
        Severity::Critical => Some("1;31"),
        Severity::High => Some("31"),
        Severity::Medium => Some("33"),
        Severity::Low => None,
    };
    Cell { text: name(severity), colour }
}

/// Returns the MFA status with its device: `no MFA`, `MFA (virtual)`.
pub(super) fn mfa(status: Option<MfaStatus>, device: Option<MfaDevice>) -> Cell {
    let text = match status {
        Some(MfaStatus::Used) => "MFA",
        Some(MfaStatus::NotUsed) => "no MFA",
        Some(MfaStatus::NotApplicable) => "n/a",
        Some(MfaStatus::Unknown) | None => "?",
    };
    let device = device.filter(|device| *device != MfaDevice::Unknown && status == Some(MfaStatus::Used));
    let colour = (status == Some(MfaStatus::NotUsed)).then_some("1;31");
    match device {
        Some(device) => Cell { text: format!("{text} ({})", name(device)), colour },
        None => Cell { text: text.to_owned(), colour },
    }
}

/// Returns a time for people, without the letters of RFC 3339: `2025-11-18 03:02:41`.
pub(super) fn moment(time: &str) -> String {
    time.trim_end_matches('Z').replace('T', " ")
}

/// Returns the time alone, where the day was said before.
pub(super) fn moment_after(before: &str, time: &str) -> String {
    let text = moment(time);
    match text.split_once(' ') {
        Some((day, clock)) if moment(before).starts_with(day) => clock.to_owned(),
        _ => text,
    }
}

/// Returns the account, with its name where there is one.
pub(super) fn account(report: &RootReport, id: &str) -> String {
    let name =
        report.accounts.iter().find(|account| account.account_id == id).and_then(|one| one.name.as_deref());
    match (id, name) {
        ("", _) => "(no account)".to_owned(),
        (id, Some(name)) => format!("{id} {name}"),
        (id, None) => id.to_owned(),
    }
}

/// Returns an episode's steps.
pub(super) fn steps(episode: &Episode, most: usize) -> Table {
    let mut table = Table::new([
        Column::text("time"),
        Column::text("severity").drops(3),
        Column::text("what").shrinks_to(44),
        Column::text("from").shrinks_to(15).drops(1),
        Column::text("about").shrinks_to(24).drops(2),
    ]);
    let mut before = "";
    for step in episode.steps.iter().take(most) {
        let mut what = step.title.clone();
        if step.failed && !step.title_tells_it() {
            what.push_str(" (refused)");
        }
        if step.count > 1 {
            what.push_str(&format!(" ×{}", step.count));
        }
        let about =
            if step.note.is_empty() { detail(step) } else { format!("{}; {}", step.note, detail(step)) };
        table.row([
            moment_after(before, &step.start).into(),
            severity(step.severity),
            what.into(),
            step.addresses.words(1).into(),
            about.trim_end_matches("; ").into(),
        ]);
        before = &step.start;
    }
    table
}

/// Returns the call and what it was about.
pub(super) fn detail(step: &super::story::StoryStep) -> String {
    let calls = step.calls.words(3);
    let parts = [calls.as_str(), step.request.as_str(), step.error.as_str()];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(" · ")
}

/// Returns who or what opened a session.
pub(super) fn opened(session: &RootSession) -> String {
    match (&session.sign_in, &session.opened_by) {
        (_, Some(by)) if by.event == "AssumeRoot" => format!("AssumeRoot by {}", by.actor),
        (_, Some(by)) => format!("{} at {}", by.event, moment(by.time.as_deref().unwrap_or("?"))),
        (Some(SignIn { time, .. }), None) => format!("sign-in at {}", moment(time)),
        (None, None) => String::new(),
    }
}

pub(super) fn sessions(report: &RootReport, most: usize) -> Table {
    let mut table = Table::new([
        Column::text("start"),
        Column::text("account").shrinks_to(12),
        Column::text("severity").drops(2),
        Column::text("by"),
        Column::text("MFA").drops(1),
        Column::number("findings"),
        Column::number("refused").drops(4),
        Column::number("changed").drops(3),
        Column::text("from").shrinks_to(13),
        Column::text("opened by").shrinks_to(16).drops(5),
    ]);
    for session in report.sessions.iter().take(most) {
        let refused: u64 =
            session.denied.listed.iter().map(|one| one.count).sum::<u64>() + session.denied.others;
        table.row([
            moment(&session.first_event).into(),
            account(report, &session.account_id).into(),
            severity(session.severities.worst()),
            session.kind.label().into(),
            mfa(session.mfa, session.device),
            thousands(session.events).into(),
            thousands(refused).into(),
            thousands(session.changed).into(),
            session.addresses.words(2).into(),
            opened(session).into(),
        ]);
    }
    table
}

pub(super) fn accounts(report: &RootReport, most: usize) -> Table {
    let mut table = Table::new([
        Column::text("account").shrinks_to(12),
        Column::text("organization").drops(2),
        Column::number("findings"),
        Column::number("critical"),
        Column::number("high").drops(4),
        Column::number("sign-ins").drops(1),
        Column::number("no MFA").drops(1),
        Column::number("refused").drops(3),
        Column::number("keys").drops(3),
        Column::number("weeks used"),
        Column::text("last").drops(5),
    ]);
    for one in report.accounts.iter().take(most) {
        table.row([
            account(report, &one.account_id).into(),
            one.organization.clone().unwrap_or_default().into(),
            thousands(one.findings).into(),
            thousands(one.severities.critical).into(),
            thousands(one.severities.high).into(),
            thousands(one.sign_ins).into(),
            thousands(one.sign_ins_without_mfa).into(),
            thousands(one.sign_ins_refused).into(),
            thousands(one.keys).into(),
            thousands(one.uses).into(),
            moment(one.last.as_deref().unwrap_or_default()).into(),
        ]);
    }
    table
}

pub(super) fn keys(report: &RootReport, most: usize) -> Table {
    let mut table = Table::new([
        Column::text("key"),
        Column::text("account").shrinks_to(12),
        Column::text("made").drops(1),
        Column::text("first used"),
        Column::text("last used"),
        Column::number("age").drops(1),
        Column::number("findings"),
        Column::text("from").shrinks_to(13).drops(2),
    ]);
    for key in report.keys.iter().take(most) {
        table.row([
            key.access_key_id.clone().into(),
            account(report, &key.account_id).into(),
            key.created.as_deref().map_or_else(|| "not seen".to_owned(), moment).into(),
            moment(&key.first_used).into(),
            moment(&key.last_used).into(),
            key.age_days.map_or_else(|| "?".to_owned(), |days| format!("{days} d")).into(),
            thousands(key.findings).into(),
            key.addresses.words(2).into(),
        ]);
    }
    table
}

pub(super) fn addresses(report: &RootReport, most: usize) -> Table {
    let mut table = Table::new([
        Column::text("address").shrinks_to(15),
        Column::text("severity").drops(1),
        Column::number("accounts"),
        Column::number("findings"),
        Column::number("failed"),
        Column::text("first"),
        Column::text("last").drops(2),
    ]);
    for one in report.addresses.iter().take(most) {
        table.row([
            one.address.clone().into(),
            severity(one.severity),
            thousands(one.accounts).into(),
            thousands(one.findings).into(),
            thousands(one.failed).into(),
            moment(&one.first).into(),
            moment(&one.last).into(),
        ]);
    }
    table
}

pub(super) fn organizations(report: &RootReport, most: usize) -> Table {
    let mut table = Table::new([
        Column::text("organization"),
        Column::number("accounts"),
        Column::number("that used root"),
        Column::number("uses"),
        Column::number("findings"),
    ]);
    for one in report.organizations.iter().take(most) {
        table.row([
            one.organization.clone().into(),
            thousands(one.accounts).into(),
            thousands(one.accounts_using).into(),
            thousands(one.uses).into(),
            thousands(one.findings).into(),
        ]);
    }
    table
}

pub(super) fn gaps(report: &RootReport, most: usize) -> Table {
    let mut table = Table::new([
        Column::text("account").shrinks_to(12),
        Column::text("region"),
        Column::text("from"),
        Column::text("until").drops(1),
        Column::text("why").shrinks_to(20),
    ]);
    for gap in report.coverage.iter().flat_map(|covered| &covered.gaps).take(most) {
        table.row([
            account(report, gap.account_id.as_deref().unwrap_or_default()).into(),
            gap.region.clone().unwrap_or_default().into(),
            moment(&gap.start).into(),
            gap.end.as_deref().map_or_else(|| "the end".to_owned(), moment).into(),
            gap.why.clone().into(),
        ]);
    }
    table
}

pub(super) fn rules(report: &RootReport, most: usize) -> Table {
    let mut table = Table::new([
        Column::text("rule").drops(1),
        Column::text("severity"),
        Column::number("findings"),
        Column::text("title").shrinks_to(20),
    ]);
    for rule in report.rules.iter().take(most) {
        table.row([
            rule.id.clone().into(),
            severity(rule.severity),
            thousands(rule.findings).into(),
            rule.title.into(),
        ]);
    }
    table
}

pub(super) fn findings(report: &RootReport, most: usize) -> Table {
    let mut table = Table::new([
        Column::text("time"),
        Column::text("severity").drops(2),
        Column::text("account").shrinks_to(12),
        Column::text("event").shrinks_to(16),
        Column::text("outcome").drops(3),
        Column::text("from").shrinks_to(15).drops(1),
        Column::text("what").shrinks_to(20).drops(4),
        Column::text("id").drops(5),
        Column::text("object").drops(6),
    ]);
    for one in report.findings.iter().take(most) {
        table.row([
            moment(one.time.as_deref().unwrap_or("?")).into(),
            severity(one.severity),
            account(report, &one.account_id).into(),
            one.event.clone().into(),
            if one.failed { "failed" } else { "ok" }.into(),
            one.address.clone().into(),
            one.title.clone().into(),
            one.id.to_string().into(),
            format!("{} record {}", one.uri, one.record_index).into(),
        ]);
    }
    table
}
