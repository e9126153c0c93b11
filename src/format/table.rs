//! `table`: a line a finding, for people.
//!
//! A finding is written before the next one is known, so the widths of columns follow from the width of the
//! line alone. Columns have an order and a least width. From the left, as many columns are taken as the line
//! has room for; the room left over widens the event, then the address, and the title has the rest. Text is
//! cut with `…`. Text from a log is made inert first: it moves no cursor, turns no direction of writing and
//! ends no line.

use std::collections::BTreeMap;

use unicode_width::UnicodeWidthStr as _;

use super::{Format, FormatError};
use crate::finding::{CredentialType, Finding, MfaStatus, Outcome, Severity};
use crate::text::table::{ascii, cut, inert};

/// The options of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableOptions {
    /// The cells in a line.
    pub width: usize,
    /// Whether severities have colours.
    pub color: bool,
    /// Whether all text is ASCII, for a terminal that shows nothing else.
    pub ascii: bool,
    /// The titles of rules: of a success, and of an attempt that failed.
    pub titles: BTreeMap<&'static str, [String; 2]>,
}

impl Default for TableOptions {
    /// Returns 160 cells without colour, for files and pipes.
    fn default() -> Self {
        Self { width: 160, color: false, ascii: false, titles: BTreeMap::new() }
    }
}

/// The format of one line a finding.
#[derive(Clone, Debug)]
pub struct TableFormat {
    columns: Vec<(Column, usize)>,
    gap: &'static str,
    options: TableOptions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Time,
    Severity,
    Account,
    Event,
    Outcome,
    Mfa,
    Credential,
    Address,
    Title,
}

/// The columns with their headings and least widths, in the order in which they are taken.
const COLUMNS: [(Column, &str, usize); 9] = [
    (Column::Time, "TIME", 19),
    (Column::Severity, "SEVERITY", 8),
    (Column::Account, "ACCOUNT", 12),
    (Column::Event, "EVENT", 14),
    (Column::Outcome, "RESULT", 6),
    (Column::Mfa, "MFA", 3),
    (Column::Credential, "CREDENTIAL", 10),
    (Column::Address, "ADDRESS", 15),
    (Column::Title, "WHAT", 16),
];

/// Cells up to which the event and the address widen. 39 is the longest IPv6 address.
const EVENT: usize = 28;
const EVENT_SHORT: usize = 20;
const ADDRESS: usize = 39;
/// Width of a line below which columns stand closer, and the event stays short beside a title.
const NARROW: usize = 140;
/// Width of a line up to which the address stays short beside a title.
const ROOMY: usize = 180;

impl TableFormat {
    /// Returns a table for lines of a width.
    pub fn new(options: TableOptions) -> Self {
        let gap = if options.width < NARROW { " " } else { "  " };
        let mut columns: Vec<(Column, usize)> = Vec::new();
        let mut used = 0;
        for (column, _, least) in COLUMNS {
            let next = used + least + if columns.is_empty() { 0 } else { gap.len() };
            if next > options.width && !columns.is_empty() {
                break;
            }
            columns.push((column, least.min(options.width)));
            used = next;
        }
        let mut spare = options.width.saturating_sub(used);
        let titled = columns.last().is_some_and(|(column, _)| *column == Column::Title);
        for (column, width) in &mut columns {
            let most = match column {
                Column::Event if titled && options.width < NARROW => EVENT_SHORT,
                Column::Event => EVENT,
                Column::Address if titled && options.width < ROOMY => *width,
                Column::Address => ADDRESS,
                Column::Title => usize::MAX,
                _ => *width,
            };
            let more = spare.min(most - *width);
            *width += more;
            spare -= more;
        }
        Self { columns, gap, options }
    }

    fn cell(&self, column: Column, finding: &Finding) -> (String, Option<&'static str>) {
        let text = |text: &Option<String>| text.as_deref().map_or_else(|| "-".into(), safe);
        let plain = match column {
            Column::Time => finding.time.as_deref().map_or_else(|| "-".into(), time),
            Column::Severity => {
                let (name, code) = severity(finding.severity);
                return (name.into(), code);
            }
            Column::Account => text(&finding.account_id),
            Column::Event => text(&finding.event.name),
            Column::Outcome => match finding.outcome {
                Outcome::Success => "ok".into(),
                Outcome::Failure => "FAILED".into(),
            },
            Column::Mfa => mfa(finding.mfa.status).into(),
            Column::Credential => credential(finding.credential.kind).into(),
            Column::Address => text(&finding.source.address),
            Column::Title => {
                let rule = finding.rules.first().map_or("", |id| id.as_ref());
                match self.options.titles.get(rule) {
                    Some([_, attempt]) if finding.attempt => attempt.clone(),
                    Some([title, _]) => title.clone(),
                    None => safe(rule),
                }
            }
        };
        (plain, None)
    }

    fn line(&self, cells: impl Iterator<Item = (String, Option<&'static str>)>, out: &mut Vec<u8>) {
        let mut blank = 0;
        for (n, ((text, code), (_, width))) in cells.zip(&self.columns).enumerate() {
            let text = if self.options.ascii { ascii(&text).into_owned() } else { text };
            let text = cut(&text, *width);
            let text = if self.options.ascii { ascii(&text) } else { text };
            if n > 0 {
                blank += self.gap.len();
            }
            out.extend(std::iter::repeat_n(b' ', std::mem::take(&mut blank)));
            match code.filter(|_| self.options.color) {
                Some(code) => out.extend_from_slice(format!("\x1b[{code}m{text}\x1b[0m").as_bytes()),
                None => out.extend_from_slice(text.as_bytes()),
            }
            blank += width.saturating_sub(text.width());
        }
        out.push(b'\n');
    }
}

impl Format for TableFormat {
    fn needs_record(&self) -> bool {
        false
    }

    fn header(&self, out: &mut Vec<u8>) {
        let title = |(column, _): &(Column, usize)| {
            let title = COLUMNS.iter().find(|(this, ..)| this == column).map_or("", |(_, title, _)| title);
            (title.to_owned(), Some("1"))
        };
        self.line(self.columns.iter().map(title), out);
    }

    fn write(&self, finding: &Finding, out: &mut Vec<u8>) -> Result<(), FormatError> {
        self.line(self.columns.iter().map(|(column, _)| self.cell(*column, finding)), out);
        Ok(())
    }
}

/// Characters of one field that are looked at; more fit no column.
const FIELD: usize = 400;

fn safe(text: &str) -> String {
    inert(text, FIELD).into_owned()
}

/// Writes `2025-11-18T03:02:41Z` as `2025-11-18 03:02:41`, and any other text as it is.
fn time(text: &str) -> String {
    let usual = text.len() == 20 && text.ends_with('Z') && text.as_bytes().get(10) == Some(&b'T');
    let text = if usual { text.trim_end_matches('Z').replacen('T', " ", 1) } else { text.to_owned() };
    safe(&text)
}

/// Returns the name of a severity, and its colour.
fn severity(severity: Severity) -> (&'static str, Option<&'static str>) {
    match severity {
        Severity::Critical => ("critical", Some("1;31")),
        Severity::High => ("high", Some("31")),
        Severity::Medium => ("medium", Some("33")),
        Severity::Low => ("low", None),
    }
}

fn mfa(status: Option<MfaStatus>) -> &'static str {
    match status {
        Some(MfaStatus::Used) => "yes",
        Some(MfaStatus::NotUsed) => "no",
        Some(MfaStatus::Unknown) => "?",
        Some(MfaStatus::NotApplicable) | None => "-",
    }
}

/// Returns a name of ten cells at most.
fn credential(kind: Option<CredentialType>) -> &'static str {
    match kind {
        Some(CredentialType::ConsolePassword) => "password",
        Some(CredentialType::ConsoleSession) => "console",
        Some(CredentialType::LongTermAccessKey) => "access key",
        Some(CredentialType::TemporaryCredentials) => "temporary",
        Some(CredentialType::StsSessionToken) => "STS token",
        Some(CredentialType::FederationToken) => "federation",
        Some(CredentialType::AssumeRoot) => "AssumeRoot",
        Some(CredentialType::AwsService) => "service",
        Some(CredentialType::None) => "nobody",
        Some(CredentialType::Unknown) => "?",
        None => "-",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the first of the findings of sample-logs.
    fn finding() -> Finding {
        let golden = include_str!("../../tests/integration/golden/sample-logs/ndjson");
        serde_json::from_str(golden.lines().next().unwrap()).unwrap()
    }

    fn lines(width: usize, findings: &[Finding]) -> String {
        let titles = BTreeMap::from([(
            "root-console-login-without-mfa",
            ["Root signed in without MFA".into(), "x".into()],
        )]);
        let table = TableFormat::new(TableOptions { width, titles, ..TableOptions::default() });
        let mut out = Vec::new();
        table.header(&mut out);
        for finding in findings {
            table.write(finding, &mut out).unwrap();
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_come_from_the_left_as_far_as_the_width_reaches() {
        for (width, last) in
            [(60, "EVENT"), (80, "CREDENTIAL"), (100, "ADDRESS"), (120, "WHAT"), (200, "WHAT")]
        {
            let header = lines(width, &[]);
            assert!(header.trim_end().ends_with(last), "{width}: {header}");
        }
    }

    #[test]
    fn no_line_is_wider_than_asked_and_nothing_acts_whatever_a_log_holds() {
        let hostile =
            ["\x1b[2J\u{202e}", "日本語".repeat(40).as_str(), "\n\r\t", "e\u{301}".repeat(100).as_str()].map(
                |text| {
                    let mut finding = finding();
                    finding.event.name = Some(text.into());
                    finding.time = Some(text.into());
                    finding.account_id = Some(text.into());
                    finding.source.address = Some(text.into());
                    finding
                },
            );
        for width in 1..220 {
            let text = lines(width, &hostile);
            assert_eq!(text.lines().count(), 1 + hostile.len(), "{width}");
            for line in text.lines() {
                assert!(line.width() <= width, "{width}: {line:?}");
                assert!(!line.chars().any(|char| char.is_control() || char == '\u{202e}'), "{line:?}");
            }
        }
    }

    #[test]
    fn a_table_in_ascii_is_no_wider_and_all_of_it_is_ascii() {
        let mut one = finding();
        one.event.name = Some("Löschung…日本語".repeat(9));
        one.source.address = Some("é".into());
        for width in 1..220 {
            let table = TableFormat::new(TableOptions { width, ascii: true, ..TableOptions::default() });
            let mut out = Vec::new();
            table.write(&one, &mut out).unwrap();
            assert!(out.is_ascii() && out.len() <= width + 1, "{width}: {out:?}");
        }
    }

    #[test]
    fn colour_takes_no_room() {
        let one = finding();
        let plain = lines(100, std::slice::from_ref(&one));
        let table = TableFormat::new(TableOptions { width: 100, color: true, ..TableOptions::default() });
        let mut out = Vec::new();
        table.header(&mut out);
        table.write(&one, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("\x1b[1;31mcritical\x1b[0m") || one.severity != Severity::Critical, "{text}");
        let bare = ["\x1b[1;31m", "\x1b[31m", "\x1b[33m", "\x1b[1m", "\x1b[0m"]
            .iter()
            .fold(text, |text, code| text.replace(code, ""));
        assert_eq!(bare, plain);
    }
}
