//! The accounts as CSV, one a line, for spreadsheets.

use jiff::Timestamp;
use serde::Serialize;

use crate::format::csv::line;
use crate::posture::{Account, Assessment, Check};

type Column = (&'static str, fn(&Account) -> String);

const COLUMNS: &[Column] = &[
    ("account_id", |a| a.account_id.clone()),
    ("name", |a| a.name.clone().unwrap_or_default()),
    ("organization", |a| {
        let organization = a.organization.as_ref();
        organization.map_or_else(String::new, |own| own.id.clone().unwrap_or_else(|| "unknown".to_owned()))
    }),
    ("management_account", |a| flag(a.organization.as_ref().and_then(|own| own.management))),
    ("report", |a| a.report.from.to_string()),
    ("report_basis", |a| name(&a.report.basis)),
    ("created", |a| time(a.created)),
    ("password_last_used", |a| time(a.password_last_used)),
    ("key_last_used", |a| time(a.key_last_used)),
    ("active_keys", |a| a.access_keys.len().to_string()),
    ("oldest_key_days", |a| {
        let oldest = a.access_keys.iter().filter_map(|key| key.age_days).max();
        oldest.map_or_else(String::new, |days| days.to_string())
    }),
    ("mfa", |a| flag(a.mfa)),
    ("virtual_mfa", |a| flag(a.virtual_mfa)),
    ("root_use", |a| status(&a.checks.root_use)),
    ("root_access_key", |a| status(&a.checks.root_access_key)),
    ("root_mfa", |a| status(&a.checks.root_mfa)),
    ("root_hardware_mfa", |a| status(&a.checks.root_hardware_mfa)),
    ("key_rotation", |a| status(&a.checks.key_rotation)),
    ("samples", |a| a.samples.to_string()),
    ("samples_used", |a| a.samples_used.to_string()),
    ("scp", |a| a.scp.as_ref().map_or_else(String::new, |scp| name(&scp.verdict))),
    ("scp_proof", |a| {
        let proofs = a.scp.iter().flat_map(|scp| &scp.proof);
        let proofs = proofs.map(|proof| {
            let policy =
                proof.policy_id.as_deref().or(proof.policy_name.as_deref()).unwrap_or("nothing allowed");
            let statement = proof.statement.map(|number| format!("#{number}")).unwrap_or_default();
            format!("{policy}{statement}@{}", proof.target)
        });
        proofs.collect::<Vec<String>>().join(" ")
    }),
    ("file", |a| a.report.file.clone()),
    ("line", |a| a.report.line.to_string()),
];

/// Renders the accounts: a header line, then one line an account.
pub fn csv(assessment: &Assessment) -> Vec<u8> {
    let mut out = Vec::new();
    line(COLUMNS.iter().map(|(name, _)| (*name).to_owned()), &mut out);
    for account in &assessment.accounts {
        line(COLUMNS.iter().map(|(_, value)| value(account)), &mut out);
    }
    out
}

fn time(time: Option<Timestamp>) -> String {
    time.map_or_else(String::new, |time| time.to_string())
}

fn flag(value: Option<bool>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

fn status(check: &Check) -> String {
    name(&check.status)
}

fn name(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}
