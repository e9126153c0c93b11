//! The rows of a report in CSV: those of root users are read, the others only looked at for dates.
//!
//! Columns are found by their names, whatever their order, and a missing column is a problem that leaves its cells
//! unknown. A second header in a file begins another report. Rows of root users wait until their report ends, since
//! the report's time may be the latest date of any of its rows. A value that its column cannot have, or that is later
//! than its report, is a problem and counts as unknown.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::sample::{DateBasis, Key, Read, ReportDate, Sample};
use super::value::{When, boolean, date, moment, word};
use crate::posture::names;
use crate::posture::problem::{Problem, ProblemKind};

/// What says when the report was made, the surest first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dates {
    pub(super) generated: Option<Timestamp>,
    pub(super) named: Option<ReportDate>,
    pub(super) as_of: Option<ReportDate>,
}

/// The columns that checks need.
const NEEDED: [&str; 10] = [
    "user_creation_time",
    "password_last_used",
    "mfa_active",
    "access_key_1_active",
    "access_key_1_last_rotated",
    "access_key_1_last_used_date",
    "access_key_2_active",
    "access_key_2_last_rotated",
    "access_key_2_last_used_date",
    "arn",
];

/// The other columns that are known.
const KNOWN: [&str; 14] = [
    "user",
    "password_enabled",
    "password_last_changed",
    "password_next_rotation",
    "access_key_1_last_used_region",
    "access_key_1_last_used_service",
    "access_key_2_last_used_region",
    "access_key_2_last_used_service",
    "cert_1_active",
    "cert_1_last_rotated",
    "cert_2_active",
    "cert_2_last_rotated",
    "generated_time",
    "additional_credentials_info",
];

/// A value may be this much later than its report: clocks differ, and the report takes a while to make.
const SLACK: SignedDuration = SignedDuration::from_hours(1);

/// Reads the rows of a report, or of several put behind one another.
pub(super) fn read(file: &str, text: &str, dates: Dates, read: &mut Read) {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let mut table = Table { file, dates, read, columns: BTreeMap::new(), width: 0, header: 0, latest: None };
    let (mut roots, mut record) = (Vec::new(), csv::StringRecord::new());
    let mut found = 0;
    loop {
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                let line = error.position().map(csv::Position::line);
                table.problem(line, ProblemKind::NotAReport, format!("it is no CSV: {error}"));
                break;
            }
        }
        let line = record.position().map_or(0, csv::Position::line);
        if is_header(&record) {
            // A report put behind another one.
            found += table.judge(&mut roots);
            table.head(&record, line);
            continue;
        }
        table.row(&record, line, &mut roots);
    }
    found += table.judge(&mut roots);
    if found == 0 {
        let line = Some(table.header);
        table.problem(line, ProblemKind::NoRoot, "the report has no row of a root user (<root_account>)");
    }
}

fn is_header(record: &csv::StringRecord) -> bool {
    let has = |name: &str| record.iter().any(|cell| cell.eq_ignore_ascii_case(name));
    (has("user") || has("arn"))
        && (has("mfa_active") || has("password_last_used") || has("access_key_1_active"))
}

/// A row of a root user, before its report's date is known.
struct Root {
    cells: Vec<String>,
    line: u64,
}

struct Table<'t> {
    file: &'t str,
    dates: Dates,
    read: &'t mut Read,
    columns: BTreeMap<String, usize>,
    width: usize,
    header: u64,
    /// The latest date that any row shows.
    latest: Option<Timestamp>,
}

impl Table<'_> {
    fn problem(&mut self, line: Option<u64>, kind: ProblemKind, message: impl Into<String>) {
        self.read.problems.push(Problem::new(self.file, line, kind, message));
    }

    fn head(&mut self, record: &csv::StringRecord, line: u64) {
        let columns = record.iter().enumerate().map(|(at, name)| (name.to_ascii_lowercase(), at));
        self.columns = columns.collect();
        (self.width, self.header, self.latest) = (record.len(), line, None);
        let missing: Vec<&str> =
            NEEDED.into_iter().filter(|name| !self.columns.contains_key(*name)).collect();
        if !missing.is_empty() {
            let text = format!("columns are missing: {}", missing.join(", "));
            self.problem(Some(line), ProblemKind::MissingColumn, text);
        }
        let known = |name: &str| NEEDED.contains(&name) || KNOWN.contains(&name);
        let new: Vec<&str> = self.columns.keys().map(String::as_str).filter(|name| !known(name)).collect();
        if !new.is_empty() {
            self.read.notes.push(format!("{}: columns that are not known: {}", self.file, new.join(", ")));
        }
    }

    fn row(&mut self, record: &csv::StringRecord, line: u64, roots: &mut Vec<Root>) {
        let Dates { generated, named, as_of } = self.dates;
        if generated.is_none() && named.is_none() && as_of.is_none() {
            // When a password must be changed lies in the future.
            let next = self.columns.get("password_next_rotation");
            let cells = record.iter().enumerate().filter(|(at, _)| next != Some(at));
            self.latest = self.latest.max(cells.filter_map(|(_, cell)| date(cell).ok()?.time()).max());
        }
        let cell = |name: &str| self.columns.get(name).and_then(|at| record.get(*at)).unwrap_or_default();
        let root = cell("user") == "<root_account>"
            || cell("user") == "<root account>"
            || (cell("arn").contains(":iam::") && cell("arn").ends_with(":root"));
        if !root {
            return;
        }
        if record.len() != self.width {
            let text = format!("the row has {} cells, and the header {}", record.len(), self.width);
            self.problem(Some(line), ProblemKind::BadValue, text);
        }
        roots.push(Root { cells: record.iter().map(str::to_owned).collect(), line });
    }

    /// Reads the rows that were gathered, and returns how many there were.
    fn judge(&mut self, roots: &mut Vec<Root>) -> usize {
        let found = roots.len();
        for root in roots.drain(..) {
            if let Some(sample) = self.sample(&root) {
                self.read.samples.push(sample);
            }
        }
        found
    }

    fn cell<'r>(&self, root: &'r Root, name: &str) -> &'r str {
        self.columns.get(name).and_then(|at| root.cells.get(*at)).map_or("", String::as_str)
    }

    fn sample(&mut self, root: &Root) -> Option<Sample> {
        let (account, arn) = self.account(root)?;
        let (span, basis) = self.date(root);
        let mut cells = Cells { table: self, root, account: &account, until: span.until };
        let sample = Sample {
            created: cells.date("user_creation_time"),
            password_enabled: cells.boolean("password_enabled"),
            password_last_used: cells.date("password_last_used"),
            mfa_active: cells.boolean("mfa_active"),
            keys: [1, 2].map(|number| Key {
                active: cells.boolean(&format!("access_key_{number}_active")),
                rotated: cells.date(&format!("access_key_{number}_last_rotated")),
                last_used: cells.date(&format!("access_key_{number}_last_used_date")),
                region: cells.word(&format!("access_key_{number}_last_used_region")),
                service: cells.word(&format!("access_key_{number}_last_used_service")),
            }),
            date: span,
            basis,
            file: self.file.to_owned(),
            line: root.line,
            arn,
            account,
            keys_present: None,
            mfa_enabled: None,
        };
        Some(sample)
    }

    fn account(&mut self, root: &Root) -> Option<(String, String)> {
        let arn = self.cell(root, "arn");
        if let Some(account) = names::account(self.file).filter(|_| arn.is_empty()) {
            return Some((account.to_owned(), format!("arn:aws:iam::{account}:root")));
        }
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        match parts[..] {
            ["arn", partition, "iam", "", account, "root"]
                if partition.starts_with("aws") && names::is_account(account) =>
            {
                Some((account.to_owned(), arn.to_owned()))
            }
            _ => {
                let text = format!("the root user's ARN {arn:?} names no account of twelve digits");
                self.problem(Some(root.line), ProblemKind::BadAccount, text);
                None
            }
        }
    }

    fn date(&mut self, root: &Root) -> (ReportDate, DateBasis) {
        let own = self.cell(root, "generated_time").to_owned();
        let own = match moment(&own) {
            None if !own.is_empty() => {
                let text = format!("generated_time {own:?} is no time");
                self.problem(Some(root.line), ProblemKind::BadValue, text);
                None
            }
            time => time,
        };
        let Dates { generated, named, as_of } = self.dates;
        if let Some(time) = generated.or(own) {
            (ReportDate::at(time), DateBasis::GeneratedTime)
        } else if let Some(span) = named {
            (span, DateBasis::FileName)
        } else if let Some(span) = as_of {
            (span, DateBasis::AsOf)
        } else {
            (ReportDate::at(self.latest.unwrap_or(Timestamp::UNIX_EPOCH)), DateBasis::LatestDate)
        }
    }
}

struct Cells<'c, 't> {
    table: &'c mut Table<'t>,
    root: &'c Root,
    account: &'c str,
    until: Timestamp,
}

impl Cells<'_, '_> {
    fn bad(&mut self, kind: ProblemKind, column: &str, text: &str, why: &str) {
        let message = format!("account {}: {column} {text:?} is {why}", self.account);
        self.table.problem(Some(self.root.line), kind, message);
    }

    fn date(&mut self, column: &str) -> When {
        let text = self.table.cell(self.root, column);
        match date(text) {
            // That a value is later than its report shows that one of the two dates is wrong.
            Ok(When::At(time)) if time.duration_since(self.until) > SLACK => {
                self.bad(ProblemKind::DateOutOfRange, column, text, "later than the report");
                When::Unknown
            }
            Ok(when) => when,
            Err(why) => {
                let kind =
                    if why == "out of range" { ProblemKind::DateOutOfRange } else { ProblemKind::BadValue };
                self.bad(kind, column, text, why);
                When::Unknown
            }
        }
    }

    fn boolean(&mut self, column: &str) -> Option<bool> {
        let text = self.table.cell(self.root, column);
        boolean(text).unwrap_or_else(|why| {
            self.bad(ProblemKind::BadValue, column, text, why);
            None
        })
    }

    fn word(&mut self, column: &str) -> Option<String> {
        word(self.table.cell(self.root, column))
    }
}
