//! Who, when, from where: what a person wants to know of a run before its counts.
//!
//! The findings that are written are noted one by one, in output order, so that the result is the same
//! whatever the threads do. Counts are kept by account and by address. An attacker who writes logs could
//! write any number of addresses, so beyond [`DISTINCT`] of each only those already known are counted, and
//! the result is marked as partial. Of single findings the five most severe stay, earlier ones first.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::finding::{Finding, IdentityKind, Severity};

/// Accounts, and addresses, that are counted apart.
pub const DISTINCT: usize = 10_000;
/// Entries of each kind that are named.
pub const NAMED: usize = 5;
/// Characters kept of a text from a log.
const TEXT: usize = 256;
/// Rules that speak of the logs themselves.
const TAMPERING: [&str; 4] =
    ["conflicting-event-copies", "ambiguous-record", "log-tampered", "event-copy-amended"];

/// The highlights, as far as the run has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Highlights {
    first: Option<Headline>,
    last: Option<Headline>,
    accounts: Groups,
    addresses: Groups,
    events: Vec<Headline>,
    tampering: BTreeMap<String, u64>,
}

/// Findings by account or by address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Groups {
    groups: BTreeMap<String, Group>,
    /// Whether there were more than are counted apart.
    partial: bool,
}

/// The findings of one account or address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// By severity: critical, high, medium, low.
    pub findings: [u64; 4],
    /// The earliest `eventTime`.
    pub first: Option<String>,
    /// The latest `eventTime`.
    pub last: Option<String>,
}

/// One finding, in brief.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Headline {
    /// `eventTime`
    pub time: Option<String>,
    /// The severity.
    pub severity: Severity,
    /// Whether the action failed.
    pub attempt: bool,
    /// The account whose root acted.
    pub account: Option<String>,
    /// `eventName`
    pub name: Option<String>,
    /// The most severe rule.
    pub rule: String,
    /// The finding's id.
    pub id: String,
    /// `eventID`
    pub event_id: Option<String>,
    /// The object that holds the record.
    pub uri: String,
    /// The record's place in the object, from 0.
    pub record_index: u64,
}

impl Group {
    /// Returns the number of findings of the group.
    pub fn total(&self) -> u64 {
        self.findings.iter().sum()
    }

    fn note(&mut self, finding: &Finding, time: Option<&str>) {
        let place = match finding.severity {
            Severity::Critical => 0,
            Severity::High => 1,
            Severity::Medium => 2,
            Severity::Low => 3,
        };
        self.findings[place] += 1;
        let Some(time) = time else { return };
        if self.first.as_deref().is_none_or(|first| time < first) {
            self.first = Some(time.to_owned());
        }
        if self.last.as_deref().is_none_or(|last| time > last) {
            self.last = Some(time.to_owned());
        }
    }
}

impl Groups {
    fn note(&mut self, name: &Option<String>, finding: &Finding, time: Option<&str>) {
        let Some(name) = name.as_deref().map(brief) else { return };
        if let Some(group) = self.groups.get_mut(&name) {
            group.note(finding, time);
        } else if self.groups.len() < DISTINCT {
            self.groups.entry(name).or_default().note(finding, time);
        } else {
            self.partial = true;
        }
    }

    /// Returns the number of groups that are counted apart.
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Returns whether there were more than are counted apart.
    pub fn partial(&self) -> bool {
        self.partial
    }

    /// Returns the worst groups: those with the most critical findings, then the most high ones, and so on.
    pub fn worst(&self) -> Vec<(&str, &Group)> {
        let mut all: Vec<(&str, &Group)> = self.groups.iter().map(|(name, group)| (&**name, group)).collect();
        all.sort_by_key(|(name, group)| (Reverse(group.findings), *name));
        all.truncate(NAMED);
        all
    }

    fn to_json(&self, key: &str) -> Value {
        let worst = self.worst().into_iter().map(|(name, group)| {
            let [critical, high, medium, low] = group.findings;
            json!({
                key: name, "findings": group.total(), "critical": critical, "high": high, "medium": medium,
                "low": low, "first": group.first, "last": group.last,
            })
        });
        json!({"distinct": self.len(), "partial": self.partial, "worst": worst.collect::<Vec<Value>>()})
    }
}

impl Headline {
    fn of(finding: &Finding) -> Self {
        let text = |text: &Option<String>| text.as_deref().map(brief);
        Self {
            time: text(&finding.time),
            severity: finding.severity,
            attempt: finding.attempt,
            account: text(&finding.account_id),
            name: text(&finding.event.name),
            rule: finding.rules.first().map(|rule| rule.clone().into_owned()).unwrap_or_default(),
            id: finding.id.to_string(),
            event_id: text(&finding.event.id),
            uri: finding.evidence.uri.clone(),
            record_index: finding.evidence.record_index,
        }
    }

    fn to_json(&self) -> Value {
        json!({
            "time": self.time, "severity": self.severity, "attempt": self.attempt, "account_id": self.account,
            "event_name": self.name, "rule": self.rule, "id": self.id, "event_id": self.event_id,
            "uri": self.uri, "record_index": self.record_index,
        })
    }
}

impl Highlights {
    /// Notes a finding that is written.
    pub fn note(&mut self, finding: &Finding) {
        let time = finding.time.as_deref().filter(|time| is_time(time));
        for rule in &finding.rules {
            if TAMPERING.contains(&&**rule) {
                *self.tampering.entry(rule.clone().into_owned()).or_default() += 1;
            }
        }
        self.note_event(finding);
        if finding.identity.kind == IdentityKind::AssumeRootCaller {
            return;
        }
        self.accounts.note(&finding.account_id, finding, time);
        self.addresses.note(&finding.source.address, finding, time);
        let Some(time) = time else { return };
        let known = |event: &Option<Headline>| event.as_ref().and_then(|event| event.time.clone());
        if known(&self.first).is_none_or(|first| time < &*first) {
            self.first = Some(Headline::of(finding));
        }
        if known(&self.last).is_none_or(|last| time > &*last) {
            self.last = Some(Headline::of(finding));
        }
    }

    fn note_event(&mut self, finding: &Finding) {
        // A finding without a time comes last.
        let rank = |severity: Severity, time: &Option<String>| {
            (Reverse(severity), time.is_none(), time.as_deref().map(brief))
        };
        let new = rank(finding.severity, &finding.time);
        let place = self.events.partition_point(|event| rank(event.severity, &event.time) <= new);
        if place < NAMED {
            self.events.insert(place, Headline::of(finding));
            self.events.truncate(NAMED);
        }
    }

    /// Returns root's earliest event with a readable time.
    pub fn first(&self) -> Option<&Headline> {
        self.first.as_ref()
    }

    /// Returns root's latest event with a readable time.
    pub fn last(&self) -> Option<&Headline> {
        self.last.as_ref()
    }

    /// Returns root's findings by account.
    pub fn accounts(&self) -> &Groups {
        &self.accounts
    }

    /// Returns root's findings by `sourceIPAddress`.
    pub fn addresses(&self) -> &Groups {
        &self.addresses
    }

    /// Returns the most severe findings, the earliest first among equals.
    pub fn events(&self) -> &[Headline] {
        &self.events
    }

    /// Returns the findings with rules that speak of the logs themselves, counted by rule.
    pub fn tampering(&self) -> &BTreeMap<String, u64> {
        &self.tampering
    }

    /// Returns `highlights` of the summary file.
    pub fn to_json(&self) -> Value {
        json!({
            "first": self.first.as_ref().map(Headline::to_json),
            "last": self.last.as_ref().map(Headline::to_json),
            "accounts": self.accounts.to_json("account_id"),
            "addresses": self.addresses.to_json("address"),
            "events": self.events.iter().map(Headline::to_json).collect::<Vec<Value>>(),
            "tampering": self.tampering,
        })
    }
}

/// Returns the beginning of a text from a log.
fn brief(text: &str) -> String {
    text.chars().take(TEXT).collect()
}

/// Returns whether a text is an `eventTime` as CloudTrail writes it, so that texts compare as times do.
fn is_time(text: &str) -> bool {
    text.len() == 20
        && text.bytes().zip(b"0000-00-00T00:00:00Z").all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            form => byte == *form,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(severity: Severity, time: &str, address: &str) -> Finding {
        let golden = include_str!("../../tests/integration/golden/sample-logs/ndjson");
        let mut finding: Finding = serde_json::from_str(golden.lines().next().unwrap()).unwrap();
        finding.severity = severity;
        finding.time = Some(time.into());
        finding.source.address = Some(address.into());
        finding
    }

    #[test]
    fn the_most_severe_stay_and_the_earliest_come_first() {
        let mut highlights = Highlights::default();
        for n in [7, 3, 9, 1, 5, 8, 2] {
            highlights.note(&finding(Severity::High, &format!("2025-01-0{n}T00:00:00Z"), "192.0.2.1"));
        }
        highlights.note(&finding(Severity::Critical, "2025-02-01T00:00:00Z", "192.0.2.2"));
        highlights.note(&finding(Severity::Low, "2024-01-01T00:00:00Z", "192.0.2.2"));
        highlights.note(&finding(Severity::Low, "soon", "192.0.2.2"));
        let days: Vec<&str> = highlights
            .events()
            .iter()
            .filter_map(|event| event.time.as_deref())
            .map(|time| &time[..10])
            .collect();
        assert_eq!(days, ["2025-02-01", "2025-01-01", "2025-01-02", "2025-01-03", "2025-01-05"]);
        assert_eq!(highlights.first().unwrap().time.as_deref(), Some("2024-01-01T00:00:00Z"));
        assert_eq!(highlights.last().unwrap().time.as_deref(), Some("2025-02-01T00:00:00Z"));
        let worst: Vec<(&str, [u64; 4])> =
            highlights.addresses().worst().iter().map(|(name, group)| (*name, group.findings)).collect();
        assert_eq!(worst, [("192.0.2.2", [1, 0, 0, 2]), ("192.0.2.1", [0, 7, 0, 0])]);
    }

    #[test]
    fn beyond_the_bound_the_answer_says_that_it_is_partial() {
        let mut highlights = Highlights::default();
        for n in 0..DISTINCT + 10 {
            highlights.note(&finding(Severity::Low, "2025-01-01T00:00:00Z", &format!("{n:x}")));
            assert_eq!(highlights.addresses().partial(), n >= DISTINCT);
        }
        assert_eq!(highlights.addresses().len(), DISTINCT);
        highlights.note(&finding(Severity::Critical, "2025-01-01T00:00:00Z", "7"));
        assert_eq!(highlights.addresses().worst()[0].0, "7");
        assert!(!highlights.accounts().partial());
    }
}
