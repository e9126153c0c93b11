//! The table of the sessions.

use super::{Cell, Grid, Row, columns, fact, mfa_cell, number, of, severity, size, text, time};
use crate::report::model::RootReport;
use crate::report::session::RootSession;
use crate::report::tables::{self, account, name, opened};

/// Sessions that the page takes, and about how many bytes of them.
const SESSIONS: usize = 200;
const SESSION_BYTES: usize = 500_000;

pub(in crate::report::html) fn sessions(report: &RootReport) -> Grid {
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
