//! The tables of accounts, keys, addresses, organizations, rules and gaps.

use super::{Cell, Grid, ROWS, Row, columns, mono, number, severity, text, time};
use crate::report::model::RootReport;
use crate::report::tables::account;

/// Returns the other tables, those without rows left out.
pub(in crate::report::html) fn others(report: &RootReport) -> Vec<Grid> {
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
