//! What all reports together come to: the document `roottrail.posture/1`.
//!
//! An assessment holds the numbers of what was read, the practices with their violations, each account by its last
//! report, the totals of each day and organization, and what disagrees with the logs. The structs are the JSON,
//! member by member. An account counts once in each practice, under the status of its check. A status that is not
//! known is counted apart, and never taken for a pass.

use jiff::Timestamp;
use serde::Serialize;

use super::checks::{Check, Checks};
use super::findings::Mismatch;
use super::organization::Scp;
use super::problem::Problem;
use super::reports::DateBasis;

/// The schema's name.
pub const SCHEMA: &str = "roottrail.posture/1";

/// The whole assessment.
#[derive(Clone, Debug, Serialize)]
pub struct Assessment {
    /// Always [`SCHEMA`].
    pub schema: &'static str,
    /// The windows that were asked for.
    pub options: Windows,
    /// What was read.
    pub inputs: Inputs,
    /// The study's table, from the last report of each account.
    pub practices: Vec<Practice>,
    /// The last report of each account, by account.
    pub accounts: Vec<Account>,
    /// The accounts of each organization, by organization.
    pub organizations: Vec<OrganizationTotals>,
    /// The reports of each day.
    pub dates: Vec<DateTotals>,
    /// Uses over all reports.
    pub uses: Uses,
    /// Access keys in the last reports.
    pub keys: Keys,
    /// What the reports and the findings disagree on; `null`: no findings were given.
    pub findings: Option<Comparison>,
    /// What the policies that deny root cannot do, where one does.
    pub scp_limits: Vec<&'static str>,
    /// What a reader should know.
    pub notes: Vec<String>,
    /// What could not be read.
    pub problems: Vec<Problem>,
    /// Whether there are no problems.
    pub complete: bool,
}

/// The windows that were asked for.
#[derive(Clone, Debug, Serialize)]
pub struct Windows {
    /// `--as-of`
    pub as_of: Option<Timestamp>,
    /// A use this long before its report is recent.
    pub recent_seconds: i64,
    /// Accounts younger than this are left out of use.
    pub new_account_seconds: i64,
    /// Keys older than this are old.
    pub key_age_seconds: i64,
}

/// What was read.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Inputs {
    /// Files of reports, or answers of IAM.
    pub reports: u64,
    /// Rows of root users that were judged: one for each account and day.
    pub samples: u64,
    /// Accounts with at least one.
    pub accounts: u64,
    /// The number of them that are in an organization.
    pub in_organizations: u64,
    /// Reports that `--as-of` leaves out, because they are later.
    pub later_than_as_of: u64,
    /// Duplicates of an account and day.
    pub duplicates: u64,
}

/// One line of the study's table.
#[derive(Clone, Debug, Serialize)]
pub struct Practice {
    /// The name of the check in `accounts[].checks`.
    pub check: &'static str,
    /// What should be.
    pub title: &'static str,
    /// CIS's number; `null`: it has none of its own.
    pub cis: Option<&'static str>,
    /// The rule of AWS Config that asks the question otherwise.
    pub config_rule: Option<&'static str>,
    /// What counts as a violation here.
    pub definition: &'static str,
    /// Accounts that were judged: all but those that are too young.
    pub accounts: u64,
    /// Proven violations.
    pub violations: u64,
    /// Their share of the accounts judged, in percent, to a tenth.
    pub percent: f64,
    /// Violations by the account's own settings, whatever policies say.
    pub account_level: u64,
    /// Their share.
    pub account_level_percent: f64,
    /// Broken by the account's own settings, and made up for by a policy.
    pub mitigated: u64,
    /// Broken by the account's own settings, in an organization whose policies are not known.
    pub unproven: u64,
    /// Accounts whose report does not say.
    pub unknown: u64,
    /// Accounts that are too young.
    pub left_out: u64,
    /// For hardware MFA, the violations that are a virtual device and not the lack of any; else `null`.
    pub virtual_device: Option<u64>,
}

/// An account, by its last report.
#[derive(Clone, Debug, Serialize)]
pub struct Account {
    /// The account.
    pub account_id: String,
    /// The account's name, where a list of accounts gives one.
    pub name: Option<String>,
    /// The account's organization; `null`: none that is known.
    pub organization: Option<Membership>,
    /// The report.
    pub report: ReportRow,
    /// When root was made, which is the account's age.
    pub created: Option<Timestamp>,
    /// Whether root has a password, where the report says.
    pub password_enabled: Option<bool>,
    /// The last sign-in; `null`: none that IAM knows of, or not said.
    pub password_last_used: Option<Timestamp>,
    /// The last use of a key.
    pub key_last_used: Option<Timestamp>,
    /// Whether root has MFA.
    pub mfa: Option<bool>,
    /// Whether its device is virtual.
    pub virtual_mfa: Option<bool>,
    /// The active keys.
    pub access_keys: Vec<AccessKey>,
    /// The checks.
    pub checks: Checks,
    /// Reports of the account.
    pub samples: u64,
    /// The number of reports in which root had been used within the window.
    pub samples_used: u64,
    /// What service control policies leave root; `null`: no file speaks of policies.
    pub scp: Option<Scp>,
}

/// An account's place.
#[derive(Clone, Debug, Serialize)]
pub struct Membership {
    /// The organization's id; `null`: not known.
    pub id: Option<String>,
    /// Whether it is the management account; `null`: not known.
    pub management: Option<bool>,
}

/// Where an account's row stands.
#[derive(Clone, Debug, Serialize)]
pub struct ReportRow {
    /// The file, or what was asked.
    pub file: String,
    /// The row's line.
    pub line: u64,
    /// When the report was made: from then.
    pub from: Timestamp,
    /// The end of that time, where only the day is known.
    pub until: Timestamp,
    /// What says so.
    pub basis: DateBasis,
}

/// An active access key of root.
#[derive(Clone, Debug, Serialize)]
pub struct AccessKey {
    /// When it was made or switched on.
    pub rotated: Option<Timestamp>,
    /// The key's age at the time of the report, in whole days.
    pub age_days: Option<i64>,
    /// Whether it is older than `--key-age`.
    pub old: Option<bool>,
    /// The key's last use.
    pub last_used: Option<Timestamp>,
    /// In which region.
    pub region: Option<String>,
    /// The service of the last use.
    pub service: Option<String>,
}

/// The accounts of an organization, or those in none.
#[derive(Clone, Debug, Serialize)]
pub struct OrganizationTotals {
    /// The organization; `null`: the accounts that are in none that is known.
    pub id: Option<String>,
    /// Accounts with a report.
    pub accounts: u64,
    /// Violations by check.
    pub violations: Violations,
}

/// The reports of one day.
#[derive(Clone, Debug, Serialize)]
pub struct DateTotals {
    /// The day, in UTC.
    pub date: String,
    /// Accounts with a report of that day.
    pub accounts: u64,
    /// Organizations with one; accounts in none count as one organization each.
    pub organizations: u64,
    /// Organizations with an account that used root.
    pub organizations_used: u64,
    /// Accounts that were old enough for use to be judged.
    pub judged_for_use: u64,
    /// Proven violations by check.
    pub violations: Violations,
    /// Violations by the accounts' own settings.
    pub account_level: Violations,
    /// Their shares of the accounts, in percent; use: of those judged for it.
    pub percent: Shares,
}

/// Counts of violations, by check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Violations {
    /// CIS 1.7
    pub root_use: u64,
    /// CIS 1.4
    pub root_access_key: u64,
    /// CIS 1.5
    pub root_mfa: u64,
    /// CIS 1.6
    pub root_hardware_mfa: u64,
    /// Old keys.
    pub key_rotation: u64,
}

impl Violations {
    /// Counts the checks that `counts` takes.
    pub(super) fn add(&mut self, checks: &Checks, counts: impl Fn(&Check) -> bool) {
        self.root_use += u64::from(counts(&checks.root_use));
        self.root_access_key += u64::from(counts(&checks.root_access_key));
        self.root_mfa += u64::from(counts(&checks.root_mfa));
        self.root_hardware_mfa += u64::from(counts(&checks.root_hardware_mfa));
        self.key_rotation += u64::from(counts(&checks.key_rotation));
    }
}

/// Shares in percent, to a tenth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Shares {
    /// Used within the window.
    pub root_use: f64,
    /// Accounts with keys, in percent.
    pub root_access_key: f64,
    /// Without MFA by their own settings.
    pub root_mfa: f64,
    /// Without hardware MFA by their own settings.
    pub root_hardware_mfa: f64,
    /// Accounts with old keys, in percent.
    pub key_rotation: f64,
}

/// Uses over all reports, one for each report that shows a new one.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Uses {
    /// Reports that show a use within the window that no earlier report of the account showed.
    pub uses: u64,
    /// Uses by password. A report can show both.
    pub by_password: u64,
    /// Uses by key.
    pub by_key: u64,
    /// Uses by password in accounts without MFA.
    pub by_password_without_mfa: u64,
    /// Accounts with at least one.
    pub accounts: u64,
    /// Organizations with at least one; accounts in none count as one organization each.
    pub organizations: u64,
    /// Accounts with more than one.
    pub repeat_accounts: u64,
    /// The uses of those.
    pub repeat_uses: u64,
    /// The share of accounts with a use that have more than one, in percent.
    pub repeat_accounts_percent: f64,
    /// Their share of the uses.
    pub repeat_uses_percent: f64,
    /// The least number of accounts that make half of the uses.
    pub accounts_with_half: u64,
    /// Uses by keys that were old.
    pub by_old_key: u64,
}

/// Access keys in the last reports.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Keys {
    /// Accounts with an active key.
    pub accounts: u64,
    /// Active keys.
    pub active: u64,
    /// Active keys older than `--key-age`.
    pub old: u64,
    /// Old ones that were ever used.
    pub old_used: u64,
    /// Old ones that were used within the window.
    pub old_used_recently: u64,
    /// Active keys without a date.
    pub age_unknown: u64,
    /// Inactive keys that the report still has a date for.
    pub inactive: u64,
}

/// The reports held against the logs.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// Findings read.
    pub findings: u64,
    /// Findings that are a use of root in person, and succeeded.
    pub uses: u64,
    /// What the two disagree on.
    pub mismatches: Vec<Mismatch>,
}

impl Assessment {
    /// Returns whether any of the four practices is violated.
    pub fn has_violations(&self) -> bool {
        self.practices.iter().any(|practice| practice.violations > 0)
    }

    /// Returns the assessment as JSON, with the exit code of the run.
    pub fn to_json(&self, exit_code: u8) -> serde_json::Value {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        value["version"] = env!("CARGO_PKG_VERSION").into();
        value["exit_code"] = exit_code.into();
        value
    }
}
