//! Brings sorted rows together: one account after the other, each in order of time.
//!
//! Whatever could grow with the findings is closed and turned into numbers as soon as nothing can be added
//! to it, or kept only where it is among the most serious; the limits stand here and beside what they limit.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use super::context::Context;
use super::event::{Issue, Issuer};
use super::model::{AccountNumbers, AddressUse, AllNumbers, KeyUse, Listed, OrganizationNumbers, RuleCount};
use super::read::Rank;
use super::row::Row;
use super::session::{BySeverity, Closed, OpenSessions, Opening, RootSession, SessionKind, call};
use super::story::Story;
use super::study::{AccountUse, Totals};
use super::tally::Tally;
use super::time::{DAY, day_and_hour, instant, week};
use crate::finding::{IdentityKind, MfaStatus, Severity};
use crate::rules;

/// Findings, sessions, accounts, organizations and keys that are listed.
pub const MOST_FINDINGS: usize = 2000;
pub(super) const MOST_SESSIONS: usize = 500;
pub(super) const MOST_ACCOUNTS: usize = 1000;
pub(super) const MOST_KEYS: usize = 500;
/// Addresses and organizations that are told apart, and keys of one account.
pub(super) const MOST_ADDRESSES: usize = 100_000;
const MOST_ORGANIZATIONS: usize = 100_000;
const MOST_KEYS_OF_ACCOUNT: usize = 10_000;
/// Rules that are told apart: those of this version, and others that a findings file may name.
const MOST_RULES: usize = 1000;

/// A key older than this should have been replaced.
const OLD_KEY: i64 = 90;

#[derive(Debug)]
pub(super) struct Address {
    findings: u64,
    failed: u64,
    severity: Severity,
    accounts: u64,
    last_account: String,
    pub(super) first: i64,
    last: i64,
}

#[derive(Debug)]
struct Key {
    severity: Severity,
    first: i64,
    last: i64,
    findings: u64,
    addresses: Tally,
}

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
    pub(super) addresses: HashMap<String, Address>,
    pub(super) addresses_beyond: u64,
    organizations: HashMap<String, OrganizationNumbers>,
    rules: HashMap<String, (u64, Severity)>,
    pub(super) listed: BTreeMap<Rank, Listed>,
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
    keys: HashMap<String, Key>,
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

/// Adds an entry to a map that keeps the first so many in order.
fn keep<K: Ord, V>(map: &mut BTreeMap<K, V>, most: usize, rank: K, value: impl FnOnce() -> V) {
    if map.len() < most || map.last_key_value().is_some_and(|(worst, _)| rank < *worst) {
        map.insert(rank, value());
        while map.len() > most {
            map.pop_last();
        }
    }
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
            addresses: HashMap::new(),
            addresses_beyond: 0,
            organizations: HashMap::new(),
            rules: HashMap::new(),
            listed: BTreeMap::new(),
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
        self.count(row);
        let Some(mut account) = self.account.take() else { return };
        self.of_account(&mut account, row);
        self.account = Some(account);
    }

    /// What a row adds to the numbers of the whole.
    fn count(&mut self, row: &Row<'_>) {
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
        let rank = (Reverse(row.severity), row.time.unwrap_or(i64::MAX), row.id);
        keep(&mut self.listed, MOST_FINDINGS, rank, || listed(row));
        let Some(now) = row.time else {
            self.numbers.without_time += 1;
            return;
        };
        let (first, last) = self.span.unwrap_or((now, now));
        self.span = Some((first.min(now), last.max(now)));
        let (day, hour) = day_and_hour(now);
        self.hours[day][hour] += 1;
        if let Some(numbers) = self.totals.week(week(now)) {
            numbers.findings += 1;
        }
        self.address(row, now);
    }

    fn address(&mut self, row: &Row<'_>, now: i64) {
        if row.address.is_empty() {
            return;
        }
        if let Some(known) = self.addresses.get_mut(row.address) {
            known.findings += 1;
            known.failed += u64::from(row.failed);
            known.severity = known.severity.max(row.severity);
            (known.first, known.last) = (known.first.min(now), known.last.max(now));
            // Rows come account by account.
            if known.last_account != row.account {
                known.accounts += 1;
                row.account.clone_into(&mut known.last_account);
            }
        } else if self.addresses.len() < MOST_ADDRESSES {
            let address = Address {
                findings: 1,
                failed: u64::from(row.failed),
                severity: row.severity,
                accounts: 1,
                last_account: row.account.to_owned(),
                first: now,
                last: now,
            };
            self.addresses.insert(row.address.to_owned(), address);
        } else {
            self.addresses_beyond += 1;
        }
    }

    /// What a row adds to its account.
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
            if let Some(key) = account.keys.get_mut(row.access_key) {
                key.severity = key.severity.max(row.severity);
                key.last = now;
                key.findings += 1;
                key.addresses.add(row.address);
            } else if account.keys.len() < MOST_KEYS_OF_ACCOUNT {
                let mut key = Key {
                    severity: row.severity,
                    first: now,
                    last: now,
                    findings: 1,
                    addresses: Tally::new(20),
                };
                key.addresses.add(row.address);
                account.keys.insert(row.access_key.to_owned(), key);
            }
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
        let key_count = keys.len() as u64;
        for (id, key) in keys {
            self.key(&numbers.id, id, &key);
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

    fn key(&mut self, account: &str, id: String, key: &Key) {
        let issue =
            self.issued.get(&id).filter(|issue| issue.by == Issuer::AccessKey && issue.account == account);
        let reported = self.context.accounts.get(account).and_then(|known| known.key_made);
        // A key that was made after its first use is another one.
        let reported = reported.filter(|made| *made <= key.first);
        let created = issue.map_or(reported, |issue| issue.time);
        let age = created.map(|created| (key.last - created).max(0) / DAY);
        self.totals.keys += 1;
        if let Some(age) = age {
            self.totals.aged_keys += 1;
            self.totals.old_keys += u64::from(age > OLD_KEY);
        }
        keep(&mut self.keys, MOST_KEYS, (Reverse(key.findings), account.to_owned(), id.clone()), || KeyUse {
            access_key_id: id,
            account_id: account.to_owned(),
            created_by: issue.map(Opening::of),
            created: created.map(instant),
            first_used: instant(key.first),
            last_used: instant(key.last),
            findings: key.findings,
            age_days: age,
            addresses: key.addresses.counts(),
        });
    }

    /// Closes what is open.
    pub(super) fn finish(&mut self) {
        self.end_account();
        self.numbers.episodes = self.story.count;
        self.numbers.addresses = self.addresses.len() as u64;
    }

    /// The rules that held, most severe first.
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

    /// The organizations with the most uses.
    pub(super) fn organizations(&self, most: usize) -> Vec<OrganizationNumbers> {
        let mut all: Vec<&OrganizationNumbers> = self.organizations.values().collect();
        all.sort_by_key(|one| (Reverse(one.uses), Reverse(one.findings), one.organization.as_str()));
        all.into_iter().take(most).cloned().collect()
    }

    /// The addresses with the most serious findings.
    pub(super) fn address_uses(&self, most: usize) -> Vec<AddressUse> {
        let mut all: Vec<(&String, &Address)> = self.addresses.iter().collect();
        all.sort_by_key(|(name, one)| {
            (Reverse(one.severity), Reverse(one.accounts), Reverse(one.findings), name.as_str())
        });
        all.into_iter()
            .take(most)
            .map(|(name, one)| AddressUse {
                address: name.clone(),
                findings: one.findings,
                failed: one.failed,
                severity: one.severity,
                accounts: one.accounts,
                first: instant(one.first),
                last: instant(one.last),
            })
            .collect()
    }
}

/// Whether something happened while the account was new.
fn is_new(joined: Option<i64>, new_account: Option<i64>, time: i64) -> bool {
    match (joined, new_account) {
        (Some(joined), Some(span)) => (joined..joined.saturating_add(span)).contains(&time),
        _ => false,
    }
}

fn listed(row: &Row<'_>) -> Listed {
    let mut ids = row.rules.split(' ');
    let first = ids.next().unwrap_or_default();
    Listed {
        id: row.id,
        time: row.time.map(instant),
        account_id: row.account.to_owned(),
        severity: row.severity,
        event: call(row),
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
    }
}
