//! The tables of a posture.

use super::{Cell, Grid, ROWS, Row, columns, mono, number, text, time};
use crate::report::posture::PostureSection;

/// Returns the tables of a posture.
pub(in crate::report::html) fn posture(posture: &PostureSection) -> Vec<Grid> {
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
