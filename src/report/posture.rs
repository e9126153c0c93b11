//! A posture, as far as the report shows it beside the findings.
//!
//! The section is read from the JSON of `roottrail posture`, of which only the members below are taken. Members that
//! a later version adds are ignored. Long lists are cut, those with violations first, and texts are made harmless
//! when they are read.

use serde::{Deserialize, Serialize};

use crate::text::table::inert;

/// Accounts and mismatches that are listed.
const MOST: usize = 500;

/// What `roottrail posture` says of accounts' settings.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PostureSection {
    /// Always `roottrail.posture/1`.
    pub schema: String,
    /// The practices of the study, with their violations.
    pub practices: Vec<PosturePractice>,
    /// The totals of each date.
    pub dates: Vec<PostureDate>,
    /// Organizations and their violations.
    pub organizations: Vec<PostureOrganization>,
    /// The accounts, up to a limit.
    pub accounts: Vec<PostureAccount>,
    /// Where reports and logs say different things.
    #[serde(default)]
    pub findings: Option<PostureFindings>,
}

/// One best practice.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PosturePractice {
    /// The practice's name in JSON.
    pub check: String,
    /// The explanation, in words.
    pub title: String,
    /// The number in CIS's benchmark.
    pub cis: Option<String>,
    /// The rule of AWS Config.
    pub config_rule: Option<String>,
    /// What is counted.
    pub definition: String,
    /// Accounts that were judged.
    pub accounts: u64,
    /// Accounts that violate it.
    pub violations: u64,
    /// The share.
    pub percent: f64,
    /// Violations by account-level settings alone.
    pub account_level: u64,
    /// Their share.
    pub account_level_percent: f64,
}

/// Violations, in accounts.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct PostureCounts<T> {
    /// Root was used.
    pub root_use: T,
    /// Root has an access key.
    pub root_access_key: T,
    /// Root has no MFA.
    pub root_mfa: T,
    /// Root has no hardware MFA.
    pub root_hardware_mfa: T,
    /// A key is old.
    pub key_rotation: T,
}

/// One date.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PostureDate {
    /// The day.
    pub date: String,
    /// Accounts with a report.
    pub accounts: u64,
    /// The shares, in percent.
    pub percent: PostureCounts<f64>,
}

/// One organization.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PostureOrganization {
    /// The organization's id; `None`: accounts in none.
    pub id: Option<String>,
    /// The accounts of the organization.
    pub accounts: u64,
    /// Their violations.
    pub violations: PostureCounts<u64>,
}

/// One account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PostureAccount {
    /// The account.
    pub account_id: String,
    /// The account's name.
    pub name: Option<String>,
    /// When it was created.
    pub created: Option<String>,
    /// Whether root has MFA.
    pub mfa: Option<bool>,
    /// Whether the device is a virtual one.
    pub virtual_mfa: Option<bool>,
    /// Root's active keys.
    pub access_keys: Vec<PostureKey>,
    /// The checks.
    pub checks: PostureCounts<PostureCheck>,
    /// The policies that reach it.
    pub scp: Option<PostureScp>,
}

/// One key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PostureKey {
    /// When it was made or last replaced.
    pub rotated: Option<String>,
    /// The key's age in days.
    pub age_days: Option<i64>,
    /// The key's last use.
    pub last_used: Option<String>,
}

/// One check of one account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PostureCheck {
    /// `pass`, `violation`, `mitigated`, `unproven`, `unknown`, `left_out`.
    pub status: String,
}

/// What policies say.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PostureScp {
    /// The verdict.
    pub verdict: String,
}

/// Reports held against logs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PostureFindings {
    /// Where they differ.
    pub mismatches: Vec<PostureMismatch>,
}

/// One difference.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PostureMismatch {
    /// The account.
    pub account_id: String,
    /// What differs.
    pub kind: String,
    /// When, as the report says.
    pub in_report: Option<String>,
    /// When, as the logs say.
    pub in_logs: Option<String>,
    /// The key.
    pub access_key_id: Option<String>,
}

impl PostureSection {
    /// Makes every text inert, and keeps the accounts with the most violations.
    pub(super) fn tidy(&mut self) {
        let short = |text: &mut String| *text = inert(text, 256).into_owned();
        let maybe = |text: &mut Option<String>| {
            if let Some(text) = text {
                *text = inert(text, 256).into_owned();
            }
        };
        for practice in &mut self.practices {
            short(&mut practice.check);
            short(&mut practice.title);
            practice.definition = inert(&practice.definition, 1024).into_owned();
            maybe(&mut practice.cis);
            maybe(&mut practice.config_rule);
        }
        for date in &mut self.dates {
            short(&mut date.date);
        }
        for one in &mut self.organizations {
            maybe(&mut one.id);
        }
        self.accounts.sort_by_key(|one| std::cmp::Reverse(one.checks.violations()));
        self.accounts.truncate(MOST);
        for one in &mut self.accounts {
            short(&mut one.account_id);
            maybe(&mut one.name);
            maybe(&mut one.created);
            for key in &mut one.access_keys {
                maybe(&mut key.rotated);
                maybe(&mut key.last_used);
            }
            for (_, check) in one.checks.each_mut() {
                short(&mut check.status);
            }
            if let Some(scp) = &mut one.scp {
                short(&mut scp.verdict);
            }
        }
        if let Some(findings) = &mut self.findings {
            findings.mismatches.truncate(MOST);
            for one in &mut findings.mismatches {
                short(&mut one.account_id);
                short(&mut one.kind);
                maybe(&mut one.in_report);
                maybe(&mut one.in_logs);
                maybe(&mut one.access_key_id);
            }
        }
    }
}

impl<T> PostureCounts<T> {
    /// Returns the checks by name.
    pub fn each(&self) -> [(&'static str, &T); 5] {
        [
            ("root_use", &self.root_use),
            ("root_access_key", &self.root_access_key),
            ("root_mfa", &self.root_mfa),
            ("root_hardware_mfa", &self.root_hardware_mfa),
            ("key_rotation", &self.key_rotation),
        ]
    }

    fn each_mut(&mut self) -> [(&'static str, &mut T); 5] {
        [
            ("root_use", &mut self.root_use),
            ("root_access_key", &mut self.root_access_key),
            ("root_mfa", &mut self.root_mfa),
            ("root_hardware_mfa", &mut self.root_hardware_mfa),
            ("key_rotation", &mut self.key_rotation),
        ]
    }
}

impl PostureCounts<PostureCheck> {
    fn violations(&self) -> usize {
        self.each().into_iter().filter(|(_, check)| check.status == "violation").count()
    }
}
