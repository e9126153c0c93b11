//! Brings sorted rows together: one account after the other, each in order of time.
//!
//! The fold holds one open account with its open sessions, keys and story. Whatever could grow with the findings is
//! closed and turned into numbers as soon as nothing can be added to it, or kept only where it is among the most
//! serious. When the account changes, its numbers go into the totals of its organization and of the study. Each limit
//! stands beside what it limits, and reaching a limit becomes a note of the report.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use super::addresses::Addresses;
use super::context::Context;
use super::event::Issue;
use super::linked::Linked;
use super::model::{AccountNumbers, AllNumbers, KeyUse, Listed, OrganizationNumbers, RuleCount};
use super::open_session::{Closed, OpenSessions};
use super::read::Rank;
use super::root_keys::RootKeys;
use super::row::Row;
use super::session::{BySeverity, RootSession, SessionKind};
use super::story::Story;
use super::study::{AccountUse, Totals};
use super::time::{day_and_hour, instant, week};
use crate::finding::{IdentityKind, MfaStatus, Severity};
use crate::rules;

/// Findings, sessions, accounts, organizations and keys that are listed.
pub const MOST_FINDINGS: usize = 2000;
pub(super) const MOST_SESSIONS: usize = 500;
pub(super) const MOST_ACCOUNTS: usize = 1000;
pub(super) const MOST_KEYS: usize = 500;
/// Organizations that are kept apart.
const MOST_ORGANIZATIONS: usize = 100_000;
/// Rules that are kept apart: those of this version, and others that a findings file may name.
const MOST_RULES: usize = 1000;

type SessionRank = (Reverse<BySeverity>, String, String);
type AccountRank = (Reverse<BySeverity>, String);
type KeyRank = (Reverse<u64>, String, String);

/// What comes of all rows.
pub(super) struct Fold<'c> {
    context: &'c Context,
    issued: &'c HashMap<String, Issue>,
    /// An account is new for so many seconds; `None`: no use is left out.
    new_account: Option<i64>,
    pub(super) numbers: AllNumbers,
    pub(super) span: Option<(i64, i64)>,
    pub(super) hours: [[u64; 24]; 7],
    pub(super) totals: Totals,
    pub(super) story: Story,
    pub(super) sessions: BTreeMap<SessionRank, RootSession>,
    pub(super) kinds: BTreeMap<SessionKind, u64>,
    pub(super) accounts: BTreeMap<AccountRank, AccountNumbers>,
    pub(super) keys: BTreeMap<KeyRank, KeyUse>,
    pub(super) addresses: Addresses,
    organizations: HashMap<String, OrganizationNumbers>,
    rules: HashMap<String, (u64, Severity)>,
    listed: BTreeMap<Rank, Listed>,
    linked: Linked,
    pub(super) conflicts: u64,
    pub(super) damaged: u64,
    pub(super) closed_early: u64,
    account: Option<Account>,
}

/// The account that rows are of.
#[derive(Debug, Default)]
struct Account {
    numbers: Numbers,
    open: OpenSessions,
    used: AccountUse,
    keys: RootKeys,
}

#[derive(Debug, Default)]
struct Numbers {
    id: String,
    organization: Option<String>,
    joined: Option<i64>,
    findings: u64,
    severities: BySeverity,
    first: Option<i64>,
    last: Option<i64>,
    sign_ins: u64,
    without_mfa: u64,
    refused: u64,
}

/// Adds an entry to a map that keeps the first so many in order; whether it is one of them.
fn keep<K: Ord, V>(map: &mut BTreeMap<K, V>, most: usize, rank: K, value: impl FnOnce() -> V) -> bool {
    let kept = map.len() < most || map.last_key_value().is_some_and(|(worst, _)| rank < *worst);
    if kept {
        map.insert(rank, value());
        while map.len() > most {
            map.pop_last();
        }
    }
    kept
}

impl<'c> Fold<'c> {
    pub(super) fn new(
        context: &'c Context,
        issued: &'c HashMap<String, Issue>,
        new_account: Option<i64>,
    ) -> Self {
        Self {
            context,
            issued,
            new_account,
            numbers: AllNumbers::default(),
            span: None,
            hours: [[0; 24]; 7],
            totals: Totals::default(),
            story: Story::default(),
            sessions: BTreeMap::new(),
            kinds: BTreeMap::new(),
            accounts: BTreeMap::new(),
            keys: BTreeMap::new(),
            addresses: Addresses::default(),
            organizations: HashMap::new(),
            rules: HashMap::new(),
            listed: BTreeMap::new(),
            linked: Linked::default(),
            conflicts: 0,
            damaged: 0,
            closed_early: 0,
            account: None,
        }
    }

    /// Takes in the next row.
    pub(super) fn add(&mut self, row: &Row<'_>) {
        if self.account.as_ref().is_none_or(|account| account.numbers.id != row.account) {
            self.end_account();
            let joined = self.context.accounts.get(row.account).and_then(|known| known.joined);
            let numbers = Numbers { id: row.account.to_owned(), joined, ..Numbers::default() };
            self.account = Some(Account { numbers, ..Account::default() });
        }
        let is_listed = self.count(row);
        let Some(mut account) = self.account.take() else { return };
        self.of_account(&mut account, row);
        if is_listed && let Some(id) = account.open.id_of(row) {
            self.linked.wait_for(&id, self.listed.values());
            if let Some(one) = self.listed.get_mut(&rank_of(row)) {
                one.session = Some(id);
            }
        }
        self.account = Some(account);
    }

    /// Adds a row to the numbers of the whole, and returns whether the row is listed.
    fn count(&mut self, row: &Row<'_>) -> bool {
        self.numbers.findings += 1;
        self.numbers.severities.add(row.severity);
        self.numbers.failed += u64::from(row.failed);
        self.conflicts += u64::from(!row.conflict.is_empty());
        self.damaged += u64::from(row.damaged);
        for rule in row.rules.split(' ').filter(|rule| !rule.is_empty()) {
            if let Some((count, severity)) = self.rules.get_mut(rule) {
                (*count, *severity) = (*count + 1, row.severity.max(*severity));
            } else if self.rules.len() < MOST_RULES {
                self.rules.insert(rule.to_owned(), (1, row.severity));
            }
        }
        let is_listed = keep(&mut self.listed, MOST_FINDINGS, rank_of(row), || listed(row));
        let Some(now) = row.time else {
            self.numbers.without_time += 1;
            return is_listed;
        };
        let (first, last) = self.span.unwrap_or((now, now));
        self.span = Some((first.min(now), last.max(now)));
        let (day, hour) = day_and_hour(now);
        self.hours[day][hour] += 1;
        if let Some(numbers) = self.totals.week(week(now)) {
            numbers.findings += 1;
        }
        self.addresses.add(row, now);
        is_listed
    }

    /// Adds a row to its account.
    fn of_account(&mut self, account: &mut Account, row: &Row<'_>) {
        let numbers = &mut account.numbers;
        numbers.findings += 1;
        numbers.severities.add(row.severity);
        if numbers.organization.is_none() {
            let organization = self.context.organization(row.account, row.organization);
            numbers.organization = organization.map(str::to_owned);
        }
        let Some(now) = row.time else { return };
        numbers.first.get_or_insert(now);
        numbers.last = Some(now);
        if row.is_sign_in() && row.identity != IdentityKind::AssumeRootCaller {
            if row.failed {
                numbers.refused += 1;
            } else {
                numbers.sign_ins += 1;
                numbers.without_mfa += u64::from(row.mfa == Some(MfaStatus::NotUsed));
            }
            if row.failed || !is_new(numbers.joined, self.new_account, now) {
                self.totals.sign_in(week(now), row.failed, row.mfa);
            }
        }
        if row.access_key.starts_with("AKIA") && row.identity != IdentityKind::AssumeRootCaller {
            account.keys.add(row, now);
        }
        self.story.add(row, self.issued);
        let mut closed = Vec::new();
        account.open.add(row, self.issued, &mut closed);
        self.close(account, closed);
    }

    /// Takes in sessions that have ended.
    fn close(&mut self, account: &mut Account, closed: Vec<Closed>) {
        for Closed { session, weeks, used, span } in closed {
            self.numbers.sessions += 1;
            *self.kinds.entry(session.kind).or_default() += 1;
            if used {
                let by_key = session.kind == SessionKind::LongTermAccessKey
                    || session.opened_by.as_ref().is_some_and(|by| by.access_key_id.starts_with("AKIA"));
                let new = is_new(account.numbers.joined, self.new_account, span.0);
                account.used.add(session.kind, by_key, &weeks, new);
                for week in weeks.iter().filter(|_| !new) {
                    let Some(numbers) = self.totals.week(*week) else { continue };
                    *match (session.kind, session.mfa) {
                        (SessionKind::ConsoleSession, Some(MfaStatus::Used)) => &mut numbers.with_mfa,
                        (SessionKind::ConsoleSession, Some(MfaStatus::NotUsed)) => &mut numbers.without_mfa,
                        (SessionKind::LongTermAccessKey | SessionKind::StsSessionToken, _) if by_key => {
                            &mut numbers.by_key
                        }
                        _ => &mut numbers.other,
                    } += 1;
                }
            }
            self.linked.closed(&session);
            let rank = (Reverse(session.severities), session.first_event.clone(), session.id.clone());
            keep(&mut self.sessions, MOST_SESSIONS, rank, || session);
        }
    }

    fn end_account(&mut self) {
        let Some(mut account) = self.account.take() else { return };
        let mut closed = Vec::new();
        account.open.finish(&account.numbers.id, &mut closed);
        self.closed_early += account.open.early;
        self.close(&mut account, closed);
        self.story.finish(&account.numbers.id);
        self.numbers.accounts += 1;
        let Account { numbers, used, keys, .. } = account;
        let mut key_count = 0;
        for key in keys.uses(&numbers.id, self.issued, self.context) {
            key_count += 1;
            self.key(key);
        }
        self.totals.account(&numbers.id, numbers.organization.as_deref(), &used, self.context);
        if let Some(id) = &numbers.organization
            && (self.organizations.len() < MOST_ORGANIZATIONS || self.organizations.contains_key(id))
        {
            let sum = self.organizations.entry(id.clone()).or_insert_with(|| OrganizationNumbers {
                organization: id.clone(),
                accounts: 0,
                accounts_using: 0,
                uses: 0,
                findings: 0,
            });
            sum.accounts += 1;
            sum.accounts_using += u64::from(!used.weeks.is_empty());
            sum.uses += used.weeks.len() as u64;
            sum.findings += numbers.findings;
        }
        let known = self.context.accounts.get(&numbers.id);
        let rank = (Reverse(numbers.severities), numbers.id.clone());
        keep(&mut self.accounts, MOST_ACCOUNTS, rank, || AccountNumbers {
            name: known.and_then(|known| known.name.clone()),
            organization: numbers.organization,
            findings: numbers.findings,
            severities: numbers.severities,
            first: numbers.first.map(instant),
            last: numbers.last.map(instant),
            uses: used.weeks.len() as u64,
            sessions: used.sessions,
            sign_ins: numbers.sign_ins,
            sign_ins_without_mfa: numbers.without_mfa,
            sign_ins_refused: numbers.refused,
            keys: key_count,
            account_id: numbers.id,
        });
    }

    fn key(&mut self, key: KeyUse) {
        self.totals.key(key.age_days);
        let rank = (Reverse(key.findings), key.account_id.clone(), key.access_key_id.clone());
        keep(&mut self.keys, MOST_KEYS, rank, || key);
    }

    /// Closes what is open.
    pub(super) fn finish(&mut self) {
        self.end_account();
        self.numbers.episodes = self.story.count;
        self.numbers.addresses = self.addresses.count();
    }

    /// Returns the most severe findings, as their sessions know them.
    pub(super) fn findings(&mut self) -> Vec<Listed> {
        let mut all: Vec<Listed> = std::mem::take(&mut self.listed).into_values().collect();
        all.iter_mut().for_each(|one| self.linked.upgrade(one));
        all
    }

    /// Returns the rules that held, most severe first.
    pub(super) fn rule_counts(&self) -> Vec<RuleCount> {
        let mut counts: Vec<RuleCount> = self
            .rules
            .iter()
            .map(|(id, (findings, severity))| {
                let rule = rules::by_id(id);
                RuleCount {
                    id: id.clone(),
                    title: rule.map_or("", |rule| rule.title),
                    severity: rule.map_or(*severity, |rule| rule.severity),
                    findings: *findings,
                }
            })
            .collect();
        counts.sort_by(|a, b| {
            (Reverse(a.severity), Reverse(a.findings), &a.id).cmp(&(
                Reverse(b.severity),
                Reverse(b.findings),
                &b.id,
            ))
        });
        counts
    }

    /// Returns the organizations with the most uses.
    pub(super) fn organizations(&self, most: usize) -> Vec<OrganizationNumbers> {
        let mut all: Vec<&OrganizationNumbers> = self.organizations.values().collect();
        all.sort_by_key(|one| (Reverse(one.uses), Reverse(one.findings), one.organization.as_str()));
        all.into_iter().take(most).cloned().collect()
    }
}

/// Returns whether something happened while the account was new.
fn is_new(joined: Option<i64>, new_account: Option<i64>, time: i64) -> bool {
    match (joined, new_account) {
        (Some(joined), Some(span)) => (joined..joined.saturating_add(span)).contains(&time),
        _ => false,
    }
}

fn rank_of(row: &Row<'_>) -> Rank {
    (Reverse(row.severity), row.time.unwrap_or(i64::MAX), row.id)
}

fn listed(row: &Row<'_>) -> Listed {
    let mut ids = row.rules.split(' ');
    let first = ids.next().unwrap_or_default();
    Listed {
        id: row.id,
        time: row.time.map(instant),
        account_id: row.account.to_owned(),
        severity: row.severity,
        event: row.call(),
        failed: row.failed,
        error: row.error.to_owned(),
        region: row.region.to_owned(),
        address: row.address.to_owned(),
        user_agent: row.agent.to_owned(),
        identity: row.identity,
        credential: row.credential,
        access_key_id: row.access_key.to_owned(),
        mfa: row.mfa,
        device: row.device,
        request: row.request.to_owned(),
        rules: row.rules.to_owned(),
        title: rules::by_id(first).map_or(first, |rule| rule.title_of(row.failed)).to_owned(),
        uri: row.uri.to_owned(),
        record_index: row.record_index,
        conflict_with: row.conflict.to_owned(),
        session: None,
    }
}
