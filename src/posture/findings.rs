//! What the logs say of root, to be held against the reports.
//!
//! Findings are read line by line. Of each finding only account, time, key and kind of use are kept, by the day:
//! memory grows with accounts and days, not with findings. A report that knows of no use where the logs show one
//! disagrees, and so does a report with a use that lies between two findings and is none of them. CloudTrail and IAM
//! differ by minutes, so that a disagreement begins beyond their slack.

use std::collections::BTreeMap;
use std::io::BufRead;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::problem::{Problem, ProblemKind};
use super::reports::{Sample, When};
use crate::findings::FindingLines;

/// How a report and the logs disagree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Disagreement {
    /// The report knows of no use of the password, and the logs show a sign-in, or a session of one, before it.
    NeverUsedInReport,
    /// The report's last use is older than a sign-in, or a use of a key, that the logs show before it.
    UseMissingInReport,
    /// The logs show the use of a key, and the report has none.
    KeyNotInReport,
    /// The report has a use that lies between findings of the account and is not among them.
    UseMissingInFindings,
    /// The logs show uses after the last report.
    ReportOlderThanLogs,
    /// The logs show uses of an account that has no report.
    NoReport,
}

/// One disagreement.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Mismatch {
    /// The account.
    pub account_id: String,
    /// The time of its report; `null`: there is none.
    pub report: Option<Timestamp>,
    /// How the two disagree.
    pub kind: Disagreement,
    /// What the report says, where it says something.
    pub in_report: Option<Timestamp>,
    /// What the logs say.
    pub in_logs: Option<Timestamp>,
    /// The key, where it is about one.
    pub access_key_id: Option<String>,
}

/// The first and the last moment of a day.
type Day = (Timestamp, Timestamp);

#[derive(Clone, Debug, Default)]
struct Uses {
    days: BTreeMap<Date, Day>,
}

impl Uses {
    fn add(&mut self, time: Timestamp) {
        let date = time.to_zoned(TimeZone::UTC).date();
        let (first, last) = self.days.entry(date).or_insert((time, time));
        (*first, *last) = ((*first).min(time), (*last).max(time));
    }

    fn first(&self) -> Option<Timestamp> {
        self.days.first_key_value().map(|(_, (first, _))| *first)
    }

    fn last(&self) -> Option<Timestamp> {
        self.days.last_key_value().map(|(_, (_, last))| *last)
    }

    /// Returns the last one that is known to be no later than this.
    fn last_before(&self, time: Timestamp) -> Option<Timestamp> {
        let days = self.days.values().rev().flat_map(|(first, last)| [*last, *first]);
        days.into_iter().find(|use_| *use_ <= time)
    }
}

#[derive(Clone, Debug, Default)]
struct Account {
    /// Sign-ins, by their own events and by the sessions that they opened.
    sign_ins: Uses,
    /// Uses of console sessions that do not say when they were opened.
    sessions: Uses,
    keys: BTreeMap<String, Uses>,
    all: Uses,
    /// Every sign-in by the minute would be too much to hold; the hours in which there was one are enough.
    hours: std::collections::BTreeSet<i64>,
}

/// What the logs say of each account.
#[derive(Clone, Debug, Default)]
pub(super) struct Logs {
    accounts: BTreeMap<String, Account>,
    pub(super) given: bool,
    pub(super) findings: u64,
    pub(super) uses: u64,
}

#[derive(Deserialize)]
struct Line {
    schema: String,
    account_id: Option<String>,
    time: Option<String>,
    attempt: bool,
    event: Event,
    identity: Identity,
    credential: Credential,
}

#[derive(Deserialize)]
struct Event {
    name: Option<String>,
}

#[derive(Deserialize)]
struct Identity {
    kind: String,
}

#[derive(Deserialize)]
struct Credential {
    #[serde(rename = "type")]
    kind: Option<String>,
    access_key_id: Option<String>,
    session_created: Option<String>,
}

/// A sign-in within five minutes of another one is not recorded, a use of a key within fifteen is not; a report
/// takes a while to be made.
const SLACK: SignedDuration = SignedDuration::from_mins(20);

/// Lines that are named one by one; the others are only counted.
const MOST_NAMED: u64 = 20;

impl Logs {
    /// Reads findings as `scan -f ndjson` writes them.
    pub(super) fn read(&mut self, file: &str, reader: &mut dyn BufRead) -> Vec<Problem> {
        self.given = true;
        let mut problems = Vec::new();
        let (mut number, mut bad) = (0, 0);
        let mut lines = FindingLines::new(reader, 0);
        let mut line = Vec::new();
        loop {
            line.clear();
            number += 1;
            match lines.next_into(&mut line) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => {
                    let text = format!("it cannot be read: {error}");
                    problems.push(Problem::new(file, Some(number), ProblemKind::Unreadable, text));
                    break;
                }
            }
            let text = line.trim_ascii();
            let text = if number == 1 { text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text) } else { text };
            if text.is_empty() {
                continue;
            }
            let why = match serde_json::from_slice::<Line>(text) {
                Ok(finding) if finding.schema == "roottrail.finding/1" => {
                    self.findings += 1;
                    self.add(finding);
                    continue;
                }
                Ok(finding) => format!("schema {:?} in place of roottrail.finding/1", finding.schema),
                Err(error) => error.to_string(),
            };
            bad += 1;
            if bad <= MOST_NAMED {
                let text = format!("it is no finding: {why}");
                problems.push(Problem::new(file, Some(number), ProblemKind::BadFinding, text));
            }
        }
        if bad > MOST_NAMED {
            let text = format!("{} more lines are no findings", bad - MOST_NAMED);
            problems.push(Problem::new(file, None, ProblemKind::BadFinding, text));
        }
        problems
    }

    fn add(&mut self, finding: Line) {
        // A failed sign-in is no use, and neither a service nor an AssumeRoot session touches the report.
        if finding.attempt || finding.identity.kind != "root_user" {
            return;
        }
        let moment = |text: Option<&str>| text.and_then(|time| time.parse::<Timestamp>().ok());
        let (Some(account), Some(time)) = (finding.account_id, moment(finding.time.as_deref())) else {
            return;
        };
        self.uses += 1;
        let account = self.accounts.entry(account).or_default();
        account.all.add(time);
        if finding.event.name.as_deref() == Some("ConsoleLogin") {
            account.sign_ins.add(time);
            account.hours.insert(time.as_second().div_euclid(3600));
        } else if finding.credential.kind.as_deref() == Some("console_session") {
            // The sign-in itself may be in a log that nobody has: it is recorded in another region.
            match moment(finding.credential.session_created.as_deref()) {
                Some(opened) => account.sign_ins.add(opened),
                None => account.sessions.add(time),
            }
        }
        if let Some(key) = finding.credential.access_key_id.filter(|key| key.starts_with("AKIA")) {
            account.keys.entry(key).or_default().add(time);
        }
    }

    /// Holds the reports against the logs. `samples` are sorted by account and time.
    pub(super) fn compare(&self, samples: &[Sample]) -> Vec<Mismatch> {
        let mut mismatches = Vec::new();
        for sample in samples {
            if let Some(account) = self.accounts.get(&sample.account) {
                account.compare(sample, &mut mismatches);
            }
        }
        for (id, account) in &self.accounts {
            let last = samples.iter().rfind(|sample| sample.account == *id);
            let later = account.all.last().filter(|time| last.is_none_or(|last| *time > last.date.until));
            if let Some(time) = later {
                mismatches.push(Mismatch {
                    account_id: id.clone(),
                    report: last.map(|last| last.date.from),
                    kind: if last.is_some() {
                        Disagreement::ReportOlderThanLogs
                    } else {
                        Disagreement::NoReport
                    },
                    in_report: last.and_then(Sample::last_use),
                    in_logs: Some(time),
                    access_key_id: None,
                });
            }
        }
        mismatches.sort();
        mismatches
    }
}

impl Account {
    fn compare(&self, sample: &Sample, mismatches: &mut Vec<Mismatch>) {
        let Ok(known) = sample.date.from.checked_sub(SLACK) else { return };
        let mismatch = |kind, in_report, in_logs, key: Option<&str>| Mismatch {
            account_id: sample.account.clone(),
            report: Some(sample.date.from),
            kind,
            in_report,
            in_logs: Some(in_logs),
            access_key_id: key.map(str::to_owned),
        };
        let signed_in = self.sign_ins.last_before(known);
        match sample.password_last_used {
            When::Never => {
                if let Some(used) = signed_in.or_else(|| self.sessions.last_before(known)) {
                    mismatches.push(mismatch(Disagreement::NeverUsedInReport, None, used, None));
                }
            }
            When::At(time) => {
                if let Some(used) = signed_in.filter(|used| used.duration_since(time) > SLACK) {
                    mismatches.push(mismatch(Disagreement::UseMissingInReport, Some(time), used, None));
                }
            }
            When::Unknown => {}
        }
        let no_keys = sample.keys.iter().all(|key| key.exists() == Some(false));
        let columns = sample.keys.iter().all(|key| key.last_used != When::Unknown);
        for (id, uses) in &self.keys {
            let Some(used) = uses.last_before(known) else { continue };
            if no_keys {
                mismatches.push(mismatch(Disagreement::KeyNotInReport, None, used, Some(id)));
            } else if columns && sample.key_last_used().is_none_or(|time| used.duration_since(time) > SLACK) {
                let kind = Disagreement::UseMissingInReport;
                mismatches.push(mismatch(kind, sample.key_last_used(), used, Some(id)));
            }
        }
        // Between the account's own findings, a sign-in should be among them.
        if let (When::At(time), Some(first), Some(last)) =
            (sample.password_last_used, self.all.first(), self.all.last())
        {
            let hour = time.as_second().div_euclid(3600);
            let near = (hour - 1..=hour + 1).any(|hour| self.hours.contains(&hour));
            if first < time && time < last && !near {
                mismatches.push(Mismatch {
                    in_logs: None,
                    ..mismatch(Disagreement::UseMissingInFindings, Some(time), time, None)
                });
            }
        }
    }
}
