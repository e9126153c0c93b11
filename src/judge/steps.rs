//! The way to a verdict, for `explain`: each row that was tried, the fields it read, and their values.

use super::record::Record;
use super::table::Row;
use super::{Verdict, credential, identity, mfa, outcome};
use crate::json::{Value, plain};

/// One row of the table that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The question that the row helps to answer: `root`, `form`, `credential`, `mfa`, `outcome`.
    pub question: &'static str,
    /// `R1`, `C9`, `M3`, `O2`.
    pub row: &'static str,
    /// The condition in words.
    pub condition: &'static str,
    /// Whether it holds, and so decides.
    pub holds: bool,
    /// The JSON paths that the row reads, each with its value as JSON text, `None` where it is absent.
    pub fields: Vec<(String, Option<String>)>,
}

/// Returns every row that was tried on the way to a verdict, in order.
pub fn steps(record: &Value<'_>, verdict: &Verdict) -> Vec<Step> {
    let record = Record::new(record);
    let mut steps = Vec::new();
    tried(&mut steps, "root", identity::STANDING, Some(verdict.rows.standing), &record);
    tried(&mut steps, "form", identity::FORM, verdict.rows.form, &record);
    tried(&mut steps, "credential", credential::CREDENTIAL, verdict.rows.credential, &record);
    tried(&mut steps, "mfa", mfa::MFA, verdict.rows.mfa, &record);
    if verdict.identity.is_some() {
        tried(&mut steps, "outcome", outcome::OUTCOME, Some(verdict.rows.outcome), &record);
    }
    steps
}

fn tried<T>(
    steps: &mut Vec<Step>,
    question: &'static str,
    rows: &'static [Row<T>],
    decided: Option<&'static str>,
    record: &Record<'_>,
) {
    let Some(decided) = decided else { return };
    for row in rows {
        let holds = row.id == decided;
        let fields = row.paths.iter().map(|path| field(record, path)).collect();
        steps.push(Step { question, row: row.id, condition: row.condition, holds, fields });
        if holds {
            return;
        }
    }
}

fn field(record: &Record<'_>, path: &str) -> (String, Option<String>) {
    match path.strip_suffix(".<eventName>") {
        None => (path.to_owned(), record.value(path).map(|value| plain(value).to_string())),
        // An event's name may hold dots.
        Some(member) => {
            let said = record.named(member).map(|said| serde_json::Value::from(said).to_string());
            (format!("{member}.{}", record.event_name()), said)
        }
    }
}
