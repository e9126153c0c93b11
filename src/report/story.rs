//! The story: what happened to an account's root, step by step.
//!
//! An episode is what one account's findings show without a pause of [`PAUSE`]. Its steps are in order of
//! time; findings that say the same, one behind the other, are one step. Only the most serious episodes are
//! kept, and only so many steps of each: the numbers of the others stay.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use serde::Serialize;

use super::event::{Issue, Issuer};
use super::row::Row;
use super::session::BySeverity;
use super::tally::{Counts, Tally};
use super::time::instant;
use crate::finding::{CredentialType, FindingId, IdentityKind, Severity};
use crate::rules;
use crate::text::span;

/// A pause that ends an episode.
const PAUSE: i64 = 24 * 3600;
/// Episodes that are kept, and steps of each.
pub(super) const MOST_EPISODES: usize = 50;
const MOST_STEPS: usize = 250;
/// Values of a step that are counted apart.
const MOST_VALUES: usize = 8;
/// New keys of an account whose first use is looked for.
const MOST_KEYS: usize = 10_000;

/// One thing that happened, once or several times in a row.
#[derive(Clone, Debug, Serialize)]
pub struct StoryStep {
    /// When it began.
    pub start: String,
    /// When it ended.
    pub end: String,
    /// The highest severity in it.
    pub severity: Severity,
    /// What happened, in words.
    pub title: String,
    /// The rule that names it, where there is one beside `root-activity`.
    pub rule: Option<String>,
    /// Whether it failed.
    pub failed: bool,
    /// Findings.
    pub count: u64,
    /// Calls, by service and name.
    pub calls: Counts,
    /// Addresses.
    pub addresses: Counts,
    /// Regions.
    pub regions: Counts,
    /// The first request's parameters.
    pub request: String,
    /// The first error.
    pub error: String,
    /// What other findings say of it.
    pub note: String,
    /// The first finding.
    pub finding: FindingId,
}

impl StoryStep {
    /// Returns whether the title says by itself that it failed.
    pub(super) fn title_tells_it(&self) -> bool {
        ["failed", "tried"].iter().any(|word| self.title.contains(word))
    }
}

/// Rules that say with what root acted, or from where, and not what it did.
const GENERAL: [&str; 8] = [
    "root-activity",
    "root-access-key-used",
    "root-signature-v2",
    "root-presigned-url",
    "root-federated-session",
    "root-from-another-account",
    "root-from-untrusted-address",
    "assume-root-session",
];

/// What one account's findings show without a long pause.
#[derive(Clone, Debug, Serialize)]
pub struct Episode {
    /// The account.
    pub account_id: String,
    /// The first finding's time.
    pub start: String,
    /// The last finding's time.
    pub end: String,
    /// Findings.
    pub findings: u64,
    /// Findings by severity.
    pub severities: BySeverity,
    /// Addresses.
    pub addresses: Counts,
    /// What happened, in order.
    pub steps: Vec<StoryStep>,
    /// Steps that are not listed.
    pub steps_beyond: u64,
    /// What other episodes say of this one.
    pub notes: Vec<String>,
}

/// The most serious episodes first, then the earliest.
pub(super) type EpisodeRank = (std::cmp::Reverse<BySeverity>, i64, String);

#[derive(Debug)]
struct OpenStep {
    key: (String, bool, (IdentityKind, Option<CredentialType>)),
    start: i64,
    end: i64,
    calls: Tally,
    addresses: Tally,
    regions: Tally,
    step: StoryStep,
}

#[derive(Debug)]
struct OpenEpisode {
    start: i64,
    end: i64,
    severities: BySeverity,
    addresses: Tally,
    steps: Vec<StoryStep>,
    steps_beyond: u64,
    last: Option<OpenStep>,
}

/// Writes the story of one account after the other.
#[derive(Debug, Default)]
pub(super) struct Story {
    open: Option<OpenEpisode>,
    /// Issued keys of the account whose use was seen.
    seen: HashSet<String>,
    /// All episodes, and those that are kept.
    pub(super) count: u64,
    pub(super) kept: BTreeMap<EpisodeRank, Episode>,
}

impl Story {
    /// Takes in the account's next finding.
    pub(super) fn add(&mut self, row: &Row<'_>, issued: &HashMap<String, Issue>) {
        let Some(now) = row.time else { return };
        if self.open.as_ref().is_some_and(|episode| now > episode.end + PAUSE) {
            self.close(row.account);
        }
        let note = self.note(row, now, issued);
        let episode = self.open.get_or_insert_with(|| OpenEpisode {
            start: now,
            end: now,
            severities: BySeverity::default(),
            addresses: Tally::new(20),
            steps: Vec::new(),
            steps_beyond: 0,
            last: None,
        });
        episode.end = now;
        episode.severities.add(row.severity);
        episode.addresses.add(row.address);
        episode.step(row, now, note);
    }

    /// Ends the account's story.
    pub(super) fn finish(&mut self, account: &str) {
        self.close(account);
        self.seen.clear();
    }

    /// Returns what a finding means because of another one.
    fn note(&mut self, row: &Row<'_>, now: i64, issued: &HashMap<String, Issue>) -> String {
        let Some(issue) = issued.get(row.access_key) else { return String::new() };
        if issue.by != Issuer::AssumeRoot && issue.account != row.account {
            return String::new();
        }
        if self.seen.len() >= MOST_KEYS || !self.seen.insert(row.access_key.to_owned()) {
            return String::new();
        }
        let when = issue.time.map_or_else(|| "an unknown time".to_owned(), instant);
        let after = issue.time.map_or_else(String::new, |made| {
            format!(", {} later", span(Duration::from_secs(u64::try_from(now - made).unwrap_or(0))))
        });
        match issue.by {
            Issuer::AccessKey => format!("first use of the key that root made at {when}{after}"),
            Issuer::SessionToken => format!("with the session token that root got at {when}"),
            Issuer::AssumeRoot => format!("in the session that {} opened at {when}", issue.actor),
        }
    }

    fn close(&mut self, account: &str) {
        let Some(mut episode) = self.open.take() else { return };
        episode.end_step();
        self.count += 1;
        let rank = (std::cmp::Reverse(episode.severities), episode.start, account.to_owned());
        let full = self.kept.len() >= MOST_EPISODES;
        if full && self.kept.last_key_value().is_some_and(|(worst, _)| *worst < rank) {
            return;
        }
        self.kept.insert(
            rank,
            Episode {
                account_id: account.to_owned(),
                start: instant(episode.start),
                end: instant(episode.end),
                findings: episode.severities.sum(),
                severities: episode.severities,
                addresses: episode.addresses.counts(),
                steps: episode.steps,
                steps_beyond: episode.steps_beyond,
                notes: Vec::new(),
            },
        );
        if full {
            self.kept.pop_last();
        }
    }
}

impl OpenEpisode {
    fn step(&mut self, row: &Row<'_>, now: i64, note: String) {
        let rule = row.rules.split(' ').find(|rule| !rule.is_empty() && !GENERAL.contains(rule));
        let reads = row.read_only == Some(true) && !row.failed;
        // Calls that only read are one step whatever they are; others by rule, or by name.
        let what = match rule {
            Some(rule) => rule.to_owned(),
            None if reads => String::new(),
            None => row.call(),
        };
        let key = (what, row.failed, (row.identity, row.credential));
        if let Some(last) = self.last.as_mut().filter(|last| last.key == key && note.is_empty()) {
            last.take(row, now);
            return;
        }
        self.end_step();
        let mut open = OpenStep {
            start: now,
            end: now,
            calls: Tally::new(MOST_VALUES),
            addresses: Tally::new(MOST_VALUES),
            regions: Tally::new(MOST_VALUES),
            step: StoryStep {
                start: instant(now),
                end: String::new(),
                severity: row.severity,
                title: title(row, rule),
                rule: rule.map(str::to_owned),
                failed: row.failed,
                count: 0,
                calls: Counts::default(),
                addresses: Counts::default(),
                regions: Counts::default(),
                request: row.request.to_owned(),
                error: row.error.to_owned(),
                note,
                finding: row.id,
            },
            key,
        };
        open.take(row, now);
        self.last = Some(open);
    }

    fn end_step(&mut self) {
        let Some(open) = self.last.take() else { return };
        // Where a story is too long, its serious steps stay.
        let room = if open.step.severity >= Severity::High { MOST_STEPS } else { MOST_STEPS / 2 };
        if self.steps.len() >= room {
            self.steps_beyond += 1;
            return;
        }
        self.steps.push(StoryStep {
            end: instant(open.end.max(open.start)),
            calls: open.calls.counts(),
            addresses: open.addresses.counts(),
            regions: open.regions.counts(),
            ..open.step
        });
    }
}

impl OpenStep {
    fn take(&mut self, row: &Row<'_>, now: i64) {
        self.end = now;
        self.step.count += 1;
        self.step.severity = self.step.severity.max(row.severity);
        self.calls.add(&row.call());
        self.addresses.add(row.address);
        self.regions.add(row.region);
    }
}

/// Returns what a finding says, in words.
fn title(row: &Row<'_>, rule: Option<&str>) -> String {
    let by = match (row.identity, row.credential) {
        (IdentityKind::RootViaService, _) => ", by a service for root",
        (IdentityKind::RootAssumeRootSession, _) => ", in a session of AssumeRoot",
        (_, Some(CredentialType::LongTermAccessKey)) => ", with an access key",
        (_, Some(CredentialType::TemporaryCredentials)) => ", with temporary credentials",
        _ => "",
    };
    match rule.and_then(rules::by_id) {
        Some(rule) => rule.title_of(row.failed).to_owned(),
        None => match rule {
            Some(rule) => rule.to_owned(),
            None if row.read_only == Some(true) && !row.failed => format!("Calls that only read{by}"),
            None => format!("Root called {}{by}", row.call()),
        },
    }
}
