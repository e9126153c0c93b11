//! The measures of the study, over findings.
//!
//! The study read credential reports once a week and saw whether root's password or keys had been used in
//! the seven days before. Its unit of use is therefore an account and a week, and so is it here: a week,
//! Monday to Sunday in UTC, counts once for an account however often root was used in it. CloudTrail shows
//! every use, so that sessions and sign-ins are counted beside it. Accounts come one after the other; of a
//! closed account only numbers stay: how many accounts had how many uses is enough for repeat offenders and
//! for the concentration, exactly.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde::Serialize;

use super::context::{Context, Size};
use super::session::SessionKind;
use crate::finding::MfaStatus;

/// Weeks for which numbers are kept. More than these only a forged time can bring.
const MOST_WEEKS: usize = 20_000;
/// Pairs of organization and week that are kept apart.
const MOST_PAIRS: usize = 2_000_000;
/// Accounts that are remembered by id, to count those that no list names.
const MOST_ACCOUNTS: usize = 1_000_000;

/// A key older than so many days should have been replaced.
const OLD_KEY: i64 = 90;

/// One week.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WeekNumbers {
    /// Accounts that used root.
    pub accounts: u64,
    /// Organizations of those accounts.
    pub organizations: u64,
    /// Sessions after a sign-in with MFA.
    pub with_mfa: u64,
    /// Sessions after a sign-in without MFA.
    pub without_mfa: u64,
    /// Sessions by access key.
    pub by_key: u64,
    /// Other sessions.
    pub other: u64,
    /// Sign-ins that were refused.
    pub refused: u64,
    /// Findings.
    pub findings: u64,
}

/// A part of a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Share {
    /// The part.
    pub count: u64,
    /// The whole; `None` where it is not known.
    pub of: Option<u64>,
}

impl Share {
    /// Returns a part of a known whole.
    pub fn of(count: u64, of: u64) -> Self {
        Self { count, of: Some(of) }
    }

    /// Returns the share in percent.
    pub fn percent(&self) -> Option<f64> {
        self.of.filter(|of| *of > 0).map(|of| self.count as f64 * 100.0 / of as f64)
    }
}

/// The measures.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Study {
    /// Weeks of the period, those without use included.
    pub weeks: u64,
    /// Accounts that used root, of all accounts that are known.
    pub accounts: Share,
    /// Organizations of such accounts, of all that are known.
    pub organizations: Share,
    /// Accounts that used root in an average week.
    pub accounts_per_week: f64,
    /// Organizations in an average week.
    pub organizations_per_week: f64,
    /// Uses: accounts × weeks.
    pub uses: u64,
    /// Accounts with more than one use, of those with any.
    pub repeaters: Share,
    /// Uses of those accounts, of all uses.
    pub repeaters_uses: Share,
    /// The fewest accounts that make half of the uses, of those with any.
    pub half: Share,
    /// Uses of the console.
    pub console_uses: Share,
    /// Uses of access keys.
    pub key_uses: Share,
    /// Uses of both in one week.
    pub both_uses: u64,
    /// Accounts that used an access key, of those that used root.
    pub key_accounts: Share,
    /// Sessions that CloudTrail shows.
    pub sessions: u64,
    /// Accounts with more than one session, of those with any.
    pub session_repeaters: Share,
    /// Sign-ins to the console without MFA, of all that succeeded.
    pub sign_ins_without_mfa: Share,
    /// Sign-ins whose MFA the record does not tell.
    pub sign_ins_unknown: u64,
    /// Sign-ins that were refused.
    pub sign_ins_refused: u64,
    /// Access keys in use whose age is known and over 90 days, of those whose age is known.
    pub old_keys: Share,
    /// Access keys in use.
    pub keys: u64,
    /// Uses left out because the account was new.
    pub new_account_uses: u64,
    /// By size of the account, where an inventory is given.
    pub sizes: Vec<SizeNumbers>,
}

/// The accounts of one size.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct SizeNumbers {
    /// The size.
    pub size: Size,
    /// Accounts that used root, of all of that size.
    pub accounts: Share,
    /// Uses of those accounts.
    pub uses: u64,
}

/// What one account did, as far as the study asks.
#[derive(Clone, Debug, Default)]
pub(super) struct AccountUse {
    pub(super) weeks: BTreeSet<i64>,
    pub(super) console_weeks: BTreeSet<i64>,
    pub(super) key_weeks: BTreeSet<i64>,
    pub(super) sessions: u64,
    pub(super) left_out: u64,
}

impl AccountUse {
    /// Takes in a session's use. What lies before `from`, as long as the account was new, is left out.
    pub(super) fn add(&mut self, kind: SessionKind, by_key: bool, weeks: &BTreeSet<i64>, is_new: bool) {
        if is_new {
            self.left_out += 1;
            return;
        }
        self.sessions += 1;
        self.weeks.extend(weeks);
        match kind {
            SessionKind::ConsoleSession => self.console_weeks.extend(weeks),
            SessionKind::LongTermAccessKey => self.key_weeks.extend(weeks),
            SessionKind::StsSessionToken if by_key => self.key_weeks.extend(weeks),
            _ => {}
        }
    }
}

/// Adds up accounts.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) weeks: BTreeMap<i64, WeekNumbers>,
    /// How many accounts had so many uses, and sessions.
    by_uses: BTreeMap<u64, u64>,
    by_sessions: BTreeMap<u64, u64>,
    pairs: HashSet<(u32, i64)>,
    organizations: BTreeMap<String, u32>,
    organizations_using: BTreeSet<u32>,
    uses: [u64; 4],
    key_accounts: u64,
    sessions: u64,
    left_out: u64,
    sizes: BTreeMap<Size, (u64, u64)>,
    unlisted: HashSet<String>,
    sign_ins: [u64; 4],
    refused: u64,
    pub(super) keys: u64,
    aged_keys: u64,
    old_keys: u64,
}

impl Totals {
    /// Returns the numbers of a week; `None` where there are too many weeks already.
    pub(super) fn week(&mut self, week: i64) -> Option<&mut WeekNumbers> {
        if self.weeks.len() >= MOST_WEEKS && !self.weeks.contains_key(&week) {
            return None;
        }
        Some(self.weeks.entry(week).or_default())
    }

    /// Takes in a sign-in to the console.
    pub(super) fn sign_in(&mut self, week: i64, refused: bool, mfa: Option<MfaStatus>) {
        if refused {
            self.refused += 1;
            if let Some(numbers) = self.week(week) {
                numbers.refused += 1;
            }
        } else {
            self.sign_ins[mfa.unwrap_or(MfaStatus::Unknown) as usize] += 1;
        }
    }

    /// Takes in an access key that was used; its age is that at its last use, in days.
    pub(super) fn key(&mut self, age: Option<i64>) {
        self.keys += 1;
        if let Some(age) = age {
            self.aged_keys += 1;
            self.old_keys += u64::from(age > OLD_KEY);
        }
    }

    /// Takes in an account that is closed.
    pub(super) fn account(
        &mut self,
        account: &str,
        organization: Option<&str>,
        used: &AccountUse,
        context: &Context,
    ) {
        if !context.accounts.contains_key(account)
            && !context.summary.as_ref().is_some_and(|summary| summary.accounts.contains(account))
            && self.unlisted.len() < MOST_ACCOUNTS
        {
            self.unlisted.insert(account.to_owned());
        }
        let next = u32::try_from(self.organizations.len()).unwrap_or(u32::MAX);
        let organization = organization.map(|id| *self.organizations.entry(id.to_owned()).or_insert(next));
        self.left_out += used.left_out;
        if used.weeks.is_empty() {
            return;
        }
        for &week in &used.weeks {
            let first =
                organization.is_some_and(|id| self.pairs.len() < MOST_PAIRS && self.pairs.insert((id, week)));
            if let Some(numbers) = self.week(week) {
                numbers.accounts += 1;
                numbers.organizations += u64::from(first);
            }
        }
        self.organizations_using.extend(organization);
        let uses = used.weeks.len() as u64;
        *self.by_uses.entry(uses).or_default() += 1;
        *self.by_sessions.entry(used.sessions).or_default() += 1;
        let both = used.console_weeks.intersection(&used.key_weeks).count();
        for (sum, part) in
            self.uses.iter_mut().zip([uses as usize, used.console_weeks.len(), used.key_weeks.len(), both])
        {
            *sum += part as u64;
        }
        self.key_accounts += u64::from(!used.key_weeks.is_empty());
        self.sessions += used.sessions;
        if let Some(size) = context.accounts.get(account).and_then(|known| known.size) {
            let numbers = self.sizes.entry(size).or_default();
            *numbers = (numbers.0 + 1, numbers.1 + uses);
        }
    }

    /// Returns the measures over a period of so many weeks.
    pub(super) fn study(&self, weeks: u64, context: &Context) -> Study {
        let using: u64 = self.by_uses.values().sum();
        let [uses, console, key, both] = self.uses;
        let known = context.accounts.len() as u64;
        let scanned = context.summary.iter().flat_map(|summary| &summary.accounts);
        let scanned = scanned.filter(|account| !context.accounts.contains_key(*account)).count() as u64;
        // Without a list of accounts the findings' own are no whole: they are there because root acted.
        let whole = context.has_organizations
            || context.has_inventory
            || context.summary.is_some()
            || context.posture.is_some();
        let mut organizations: BTreeSet<&str> = context.organizations.iter().map(String::as_str).collect();
        organizations.extend(self.organizations.keys().map(String::as_str));
        let repeaters = |by: &BTreeMap<u64, u64>| {
            let more = by.range(2..).map(|(_, accounts)| accounts).sum();
            let of_them = by.range(2..).map(|(uses, accounts)| uses * accounts).sum();
            (Share::of(more, by.values().sum()), of_them)
        };
        let (repeat, repeat_uses) = repeaters(&self.by_uses);
        let average = |sum: u64| if weeks == 0 { 0.0 } else { sum as f64 / weeks as f64 };
        let per_week = |of: fn(&WeekNumbers) -> u64| average(self.weeks.values().map(of).sum());
        Study {
            weeks,
            accounts: Share {
                count: using,
                of: whole.then_some(known + scanned + self.unlisted.len() as u64),
            },
            organizations: Share {
                count: self.organizations_using.len() as u64,
                of: context.has_organizations.then_some(organizations.len() as u64),
            },
            accounts_per_week: per_week(|week| week.accounts),
            organizations_per_week: per_week(|week| week.organizations),
            uses,
            repeaters: repeat,
            repeaters_uses: Share::of(repeat_uses, uses),
            half: Share::of(half(&self.by_uses, uses), using),
            console_uses: Share::of(console, uses),
            key_uses: Share::of(key, uses),
            both_uses: both,
            key_accounts: Share::of(self.key_accounts, using),
            sessions: self.sessions,
            session_repeaters: repeaters(&self.by_sessions).0,
            sign_ins_without_mfa: Share::of(
                self.sign_ins[MfaStatus::NotUsed as usize],
                self.sign_ins.iter().sum(),
            ),
            sign_ins_unknown: self.sign_ins[MfaStatus::Unknown as usize],
            sign_ins_refused: self.refused,
            old_keys: Share::of(self.old_keys, self.aged_keys),
            keys: self.keys,
            new_account_uses: self.left_out,
            sizes: if context.has_inventory { self.sizes(context) } else { Vec::new() },
        }
    }

    fn sizes(&self, context: &Context) -> Vec<SizeNumbers> {
        Size::ALL
            .iter()
            .map(|&size| {
                let all = context.accounts.values().filter(|known| known.size == Some(size)).count() as u64;
                let (accounts, uses) = self.sizes.get(&size).copied().unwrap_or_default();
                SizeNumbers { size, accounts: Share::of(accounts, all), uses }
            })
            .collect()
    }
}

/// Returns the fewest accounts that together make at least half of the uses.
fn half(by_uses: &BTreeMap<u64, u64>, uses: u64) -> u64 {
    let (mut made, mut accounts) = (0, 0);
    for (&each, &with) in by_uses.iter().rev() {
        let missing = uses.div_ceil(2).saturating_sub(made);
        if missing == 0 || each == 0 {
            break;
        }
        let needed = missing.div_ceil(each).min(with);
        accounts += needed;
        made += needed * each;
    }
    accounts
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts one by one, from the list of all accounts' uses.
    fn half_slowly(mut uses: Vec<u64>) -> u64 {
        uses.sort_unstable_by(|a, b| b.cmp(a));
        let all: u64 = uses.iter().sum();
        let mut made = 0;
        for (n, each) in uses.iter().enumerate() {
            if 2 * made >= all {
                return n as u64;
            }
            made += each;
        }
        uses.len() as u64
    }

    #[test]
    fn half_of_the_uses_takes_the_fewest_accounts() {
        let mut random = fastrand::Rng::with_seed(3);
        for _ in 0..500 {
            let uses: Vec<u64> = (0..random.usize(0..40)).map(|_| random.u64(1..9)).collect();
            let mut by_uses = BTreeMap::new();
            for each in &uses {
                *by_uses.entry(*each).or_default() += 1;
            }
            assert_eq!(half(&by_uses, uses.iter().sum()), half_slowly(uses.clone()), "{uses:?}");
        }
    }
}
