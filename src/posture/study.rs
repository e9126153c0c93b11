//! The study's arithmetic: samples by account and day to shares, uses and repeat offenders.
//!
//! A report keeps only the last use. Sampled once a week, a use shows in the first report after it, unless a
//! later one in the same week hides it; so a use counts once, in the first report that shows it, and uses are
//! weeks with use, not sign-ins.

use std::collections::{BTreeMap, BTreeSet};

use super::assessment::{Account, DateTotals, Keys, OrganizationTotals, Shares, Uses, Violations};
use super::checks::{Check, Checks, Recent, Status, Windows};
use super::practices::percent;
use super::reports::{Sample, When};

/// A sample with its checks.
pub(super) struct Checked<'s> {
    pub(super) sample: &'s Sample,
    pub(super) checks: Checks,
    /// The organization, or the account itself where it is in none.
    pub(super) group: String,
}

/// Returns the totals of each day.
pub(super) fn dates(samples: &[Checked<'_>]) -> Vec<DateTotals> {
    let mut days = BTreeMap::<_, Vec<&Checked<'_>>>::new();
    for checked in samples {
        days.entry(checked.sample.date.date()).or_default().push(checked);
    }
    let days = days.into_iter().map(|(date, samples)| {
        let (mut violations, mut account_level) = (Violations::default(), Violations::default());
        let mut judged_for_use = 0;
        let (mut groups, mut used) = (BTreeSet::new(), BTreeSet::new());
        for Checked { checks, group, .. } in &samples {
            violations.add(checks, |check| check.status == Status::Violation);
            account_level
                .add(checks, |check| check.status != Status::LeftOut && check.account_level == Some(true));
            judged_for_use += u64::from(checks.root_use.status != Status::LeftOut);
            groups.insert(group);
            if checks.root_use.status == Status::Violation {
                used.insert(group);
            }
        }
        let accounts = samples.len() as u64;
        DateTotals {
            date: date.to_string(),
            accounts,
            organizations: groups.len() as u64,
            organizations_used: used.len() as u64,
            judged_for_use,
            violations,
            account_level,
            percent: Shares {
                root_use: percent(account_level.root_use, judged_for_use),
                root_access_key: percent(account_level.root_access_key, accounts),
                root_mfa: percent(account_level.root_mfa, accounts),
                root_hardware_mfa: percent(account_level.root_hardware_mfa, accounts),
                key_rotation: percent(account_level.key_rotation, accounts),
            },
        }
    });
    days.collect()
}

/// Uses over all samples, which are sorted by account and time.
pub(super) fn uses(samples: &[Checked<'_>], windows: &Windows) -> Uses {
    let mut uses = Uses::default();
    let mut by_account = BTreeMap::<&str, u64>::new();
    let mut groups = BTreeSet::new();
    let mut seen = BTreeSet::new();
    for Checked { sample, checks, group } in samples {
        if checks.root_use.status != Status::Violation {
            continue;
        }
        let Recent { password, key } = sample.recent(windows);
        // What the report before this one showed already is no new use.
        let mut new =
            |is: bool, what: &'static str, time| is && seen.insert((sample.account.as_str(), what, time));
        let password = new(password, "password", sample.password_last_used.time());
        let key = new(key, "key", sample.key_last_used());
        if !password && !key {
            continue;
        }
        uses.uses += 1;
        uses.by_password += u64::from(password);
        uses.by_key += u64::from(key);
        uses.by_password_without_mfa += u64::from(password && sample.has_mfa() == Some(false));
        let old = sample.key_ages().any(|(one, age)| {
            one.last_used.time() == sample.key_last_used() && age.is_some_and(|age| age > windows.key_age)
        });
        uses.by_old_key += u64::from(key && old);
        *by_account.entry(&sample.account).or_default() += 1;
        groups.insert(group);
    }
    uses.accounts = by_account.len() as u64;
    uses.organizations = groups.len() as u64;
    let repeats = || by_account.values().filter(|uses| **uses > 1);
    (uses.repeat_accounts, uses.repeat_uses) = (repeats().count() as u64, repeats().sum());
    uses.repeat_accounts_percent = percent(uses.repeat_accounts, uses.accounts);
    uses.repeat_uses_percent = percent(uses.repeat_uses, uses.uses);
    let mut counts: Vec<u64> = by_account.into_values().collect();
    counts.sort_unstable_by(|one, other| other.cmp(one));
    let mut sum = 0;
    uses.accounts_with_half = counts
        .iter()
        .take_while(|count| {
            let go_on = sum * 2 < uses.uses;
            sum += **count;
            go_on
        })
        .count() as u64;
    uses
}

/// Returns the keys of the last reports.
pub(super) fn keys<'s>(samples: impl Iterator<Item = &'s Sample>, windows: &Windows) -> Keys {
    let mut keys = Keys::default();
    for sample in samples {
        let mut any = false;
        for (key, age) in sample.key_ages() {
            any = true;
            keys.active += 1;
            let old = age.is_some_and(|age| age > windows.key_age);
            let recent = key
                .last_used
                .time()
                .is_some_and(|time| sample.date.from.duration_since(time) <= windows.recent);
            keys.age_unknown += u64::from(age.is_none());
            keys.old += u64::from(old);
            keys.old_used += u64::from(old && key.last_used.time().is_some());
            keys.old_used_recently += u64::from(old && recent);
        }
        keys.accounts += u64::from(any);
        let inactive = sample.keys.iter().filter(|key| key.active == Some(false));
        keys.inactive += inactive.filter(|key| matches!(key.rotated, When::At(_))).count() as u64;
    }
    keys
}

/// Returns the totals of each organization, those in none last.
pub(super) fn organizations(accounts: &[Account]) -> Vec<OrganizationTotals> {
    let mut totals = BTreeMap::<(bool, Option<&str>), OrganizationTotals>::new();
    for account in accounts {
        let id = account.organization.as_ref().map(|own| own.id.as_deref().unwrap_or("(unnamed)"));
        let own = totals.entry((id.is_none(), id)).or_insert_with(|| OrganizationTotals {
            id: id.map(str::to_owned),
            accounts: 0,
            violations: Violations::default(),
        });
        own.accounts += 1;
        own.violations.add(&account.checks, |check: &Check| check.status == Status::Violation);
    }
    totals.into_values().collect()
}
