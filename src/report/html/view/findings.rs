//! The table of the findings, with the records of the most serious ones.

use super::{Grid, Row, columns, fact, mfa_cell, of, severity, size, text, time};
use crate::report::model::{Listed, RootReport};
use crate::report::tables::{account, name};
use crate::report::words::count;
use crate::text::table::cut;

/// About how many bytes the page takes of findings, and of their records.
const FINDING_BYTES: usize = 1_900_000;
const RECORD_BYTES: usize = 1_000_000;

/// Returns the findings, and for the most serious of them the records.
pub(in crate::report::html) fn findings(report: &RootReport) -> Grid {
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
    fact(&mut facts, "Session", one.session.clone().unwrap_or_default());
    fact(&mut facts, "Another copy", one.conflict_with.clone());
    fact(&mut facts, "Rules", one.rules.clone());
    fact(&mut facts, "Request", one.request.clone());
    fact(&mut facts, "Error", one.error.clone());
    fact(&mut facts, "Credential", one.credential.map_or_else(String::new, name));
    fact(&mut facts, "Access key", one.access_key_id.clone());
    fact(&mut facts, "Identity", name(one.identity));
    fact(&mut facts, "Region", one.region.clone());
    fact(&mut facts, "User agent", cut(&one.user_agent, 200).into_owned());
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

/// Returns JSON with a member a line. The record was minified, so that only what stands outside strings matters.
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
