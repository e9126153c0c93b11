//! `csv`: a table for people, one finding a line.
//!
//! Records hold text that an attacker chose (user agents, user names), so no cell may start a formula in a
//! spreadsheet, and no cell may break its line.

use super::write::Name;
use super::{Format, FormatError};
use crate::finding::Finding;

/// RFC 4180 text with a header line; lines end with a line feed.
#[derive(Clone, Copy, Debug)]
pub struct Csv;

type Column = (&'static str, fn(&Finding) -> String);

const COLUMNS: &[Column] = &[
    ("time", |f| text(&f.time)),
    ("severity", |f| Name(f.severity).to_string()),
    ("account_id", |f| text(&f.account_id)),
    ("region", |f| text(&f.region)),
    ("event_name", |f| text(&f.event.name)),
    ("event_source", |f| text(&f.event.source)),
    ("event_type", |f| text(&f.event.kind)),
    ("read_only", |f| f.event.read_only.map_or_else(String::new, |value| value.to_string())),
    ("outcome", |f| Name(f.outcome).to_string()),
    ("error_code", |f| text(&f.error_code)),
    ("error_message", |f| text(&f.error_message)),
    ("identity_kind", |f| Name(f.identity.kind).to_string()),
    ("identity_arn", |f| text(&f.identity.arn)),
    ("user_name", |f| text(&f.identity.user_name)),
    ("invoked_by", |f| text(&f.identity.invoked_by)),
    ("credential_type", |f| name(f.credential.kind)),
    ("access_key_id", |f| text(&f.credential.access_key_id)),
    ("mfa_status", |f| name(f.mfa.status)),
    ("mfa_device", |f| name(f.mfa.device)),
    ("mfa_evidence", |f| name(f.mfa.evidence)),
    ("mfa_conflict", |f| f.mfa.conflict.to_string()),
    ("source_address", |f| text(&f.source.address)),
    ("user_agent", |f| text(&f.source.user_agent)),
    ("rules", |f| f.rules.join(" ")),
    ("attack", |f| f.attack.join(" ")),
    ("session_id", |f| text(&f.session.id)),
    ("event_id", |f| text(&f.event.id)),
    ("request_id", |f| text(&f.event.request_id)),
    ("addendum", |f| text(&f.event.addendum)),
    ("recipient_account_id", |f| text(&f.recipient_account_id)),
    ("uri", |f| f.evidence.uri.clone()),
    ("record_index", |f| f.evidence.record_index.to_string()),
    ("integrity", |f| Name(f.evidence.integrity).to_string()),
    ("damaged", |f| f.evidence.damaged.to_string()),
    ("conflict_with", |f| text(&f.evidence.conflict_with)),
    ("id", |f| f.id.to_string()),
];

fn text(value: &Option<String>) -> String {
    value.clone().unwrap_or_default()
}

fn name(value: Option<impl serde::Serialize>) -> String {
    value.map_or_else(String::new, |value| Name(value).to_string())
}

impl Format for Csv {
    fn needs_record(&self) -> bool {
        false
    }

    fn header(&self, out: &mut Vec<u8>) {
        line(COLUMNS.iter().map(|(name, _)| (*name).to_owned()), out);
    }

    fn write(&self, finding: &Finding, out: &mut Vec<u8>) -> Result<(), FormatError> {
        line(COLUMNS.iter().map(|(_, value)| value(finding)), out);
        Ok(())
    }
}

/// Writes one line of cells, each of them text and nothing else.
pub(crate) fn line(cells: impl Iterator<Item = String>, out: &mut Vec<u8>) {
    for (index, value) in cells.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        cell(&value, out);
    }
    out.push(b'\n');
}

fn cell(value: &str, out: &mut Vec<u8>) {
    // Control characters, line breaks included, would cut the line for every tool that reads lines.
    let value: String = value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let formula = starts_formula(&value);
    let quoted = formula || value.contains(['"', ',', ';', '\'']) || value.trim() != value;
    if quoted {
        out.push(b'"');
    }
    if formula {
        out.push(b'\'');
    }
    out.extend_from_slice(if quoted { value.replace('"', "\"\"") } else { value }.as_bytes());
    if quoted {
        out.push(b'"');
    }
}

/// Returns whether a spreadsheet might take the cell for a formula. The full-width forms count, since some
/// spreadsheets convert them.
fn starts_formula(value: &str) -> bool {
    value.trim_start().starts_with(['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_text_and_nothing_else() {
        for (value, expected) in [
            ("us-east-1", "us-east-1"),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("=HYPERLINK(\"http://x\",\"y\")", "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("\t=1", "\"' =1\""),
            ("＝1", "\"'＝1\""),
            ("two\r\nlines", "two  lines"),
            ("", ""),
        ] {
            let mut out = Vec::new();
            cell(value, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
