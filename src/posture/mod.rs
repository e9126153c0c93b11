//! Account posture: IAM credential reports to checks of the root user (CIS 1.4, 1.5, 1.6, 1.7).
//!
//! A [`Posture`] takes files as bytes with their names, in any order: credential reports, lists of virtual MFA
//! devices, what AWS Organizations says of accounts and service control policies, and findings of a scan.
//! [`Posture::assess`] then judges each report at its own time, the last one of each account for the table, and
//! says what could not be read. Nothing here touches the network or the disk.

mod assessment;
mod checks;
mod devices;
mod findings;
mod names;
mod organization;
mod policy;
mod practices;
mod problem;
mod reports;
mod study;

pub mod live;
pub mod render;

#[cfg(test)]
mod tests;

use std::io::BufRead;

use jiff::{SignedDuration, Timestamp};

pub use assessment::{
    AccessKey, Account, Assessment, Comparison, DateTotals, Inputs, Keys, Membership, OrganizationTotals,
    Practice, ReportRow, SCHEMA, Shares, Uses, Violations, Windows,
};
pub use checks::{Check, Checks, Status};
pub use findings::{Disagreement, Mismatch};
pub use organization::{Scp, ScpVerdict};
pub use policy::request::RootCredential;
pub use policy::verdict::{Fact, Open, Proof};
pub use problem::{Problem, ProblemKind};
pub use reports::{DateBasis, ReportDate};

use checks::Policies;
use devices::Devices;
use findings::Logs;
use organization::Directory;
use policy::verdict::Memory;
use reports::Sample;
use study::Checked;

/// How to judge.
#[derive(Clone, Copy, Debug)]
pub struct PostureOptions {
    /// The time of reports that do not say theirs; later reports are left out.
    pub as_of: Option<ReportDate>,
    /// A use this long before its report is recent.
    pub recent: SignedDuration,
    /// Accounts younger than this are left out of use.
    pub new_account: SignedDuration,
    /// Keys older than this are old.
    pub key_age: SignedDuration,
}

impl Default for PostureOptions {
    /// Returns the study's windows: 7 days, 30 days, 90 days.
    fn default() -> Self {
        let days = |days: i64| SignedDuration::from_hours(24 * days);
        Self { as_of: None, recent: days(7), new_account: days(30), key_age: days(90) }
    }
}

/// Takes what there is to read, and judges it.
#[derive(Debug, Default)]
pub struct Posture {
    options: PostureOptions,
    samples: Vec<Sample>,
    devices: Devices,
    directory: Directory,
    logs: Logs,
    problems: Vec<Problem>,
    notes: Vec<String>,
    reports: u64,
}

impl Posture {
    /// Returns a posture that has read nothing yet.
    pub fn new(options: PostureOptions) -> Self {
        Self { options, ..Self::default() }
    }

    /// Reads a credential report: CSV, base64, or the JSON of `aws iam get-credential-report`.
    pub fn credential_report(&mut self, file: &str, bytes: &[u8]) {
        self.reports += 1;
        let read = reports::read(file, bytes, self.options.as_of);
        self.samples.extend(read.samples);
        self.problems.extend(read.problems);
        self.notes.extend(read.notes);
    }

    /// Adds what `aws iam get-account-summary` says to the account's reports that were read before:
    /// `AccountAccessKeysPresent` and `AccountMFAEnabled`.
    pub fn account_summary(&mut self, account: &str, keys_present: Option<bool>, mfa_enabled: Option<bool>) {
        for sample in self.samples.iter_mut().filter(|sample| sample.account == account) {
            (sample.keys_present, sample.mfa_enabled) = (keys_present, mfa_enabled);
        }
    }

    /// Returns the accounts of the reports that were read.
    pub fn accounts(&self) -> std::collections::BTreeSet<&str> {
        self.samples.iter().map(|sample| sample.account.as_str()).collect()
    }

    /// Reads an output of `aws iam list-virtual-mfa-devices`.
    pub fn virtual_mfa(&mut self, file: &str, bytes: &[u8]) {
        match reports::text_of(bytes) {
            Ok(text) => self.problems.extend(self.devices.read(file, &text)),
            Err(why) => self.problem(file, ProblemKind::BadDevices, why),
        }
    }

    /// Reads what AWS Organizations says: outputs of `list-accounts`, `describe-organization`, `list-roots`,
    /// `list-policies`, `describe-policy`, `list-targets-for-policy` and their kin, a policy document, or a
    /// mapping of documents to targets.
    pub fn organization(&mut self, file: &str, bytes: &[u8]) {
        match reports::text_of(bytes) {
            Ok(text) => self.problems.extend(organization::read(&mut self.directory, file, &text)),
            Err(why) => self.problem(file, ProblemKind::BadOrganization, why),
        }
    }

    /// Reads findings, as `scan -f ndjson` writes them.
    pub fn findings(&mut self, file: &str, reader: &mut dyn BufRead) {
        self.problems.extend(self.logs.read(file, reader));
    }

    /// Adds a problem of the caller's own, such as a file that cannot be opened.
    pub fn problem(&mut self, file: &str, kind: ProblemKind, message: impl Into<String>) {
        self.problems.push(Problem::new(file, None, kind, message));
    }

    /// Adds something that a reader should know.
    pub fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// Judges all that was read.
    pub fn assess(mut self) -> Assessment {
        self.directory.settle();
        let mut inputs = Inputs { reports: self.reports, ..Inputs::default() };
        self.samples.sort_by(|one, other| {
            let key = |sample: &Sample| (sample.account.clone(), sample.date);
            key(one).cmp(&key(other))
        });
        if let Some(as_of) = self.options.as_of {
            let before = self.samples.len();
            self.samples.retain(|sample| sample.date.from <= as_of.until);
            inputs.later_than_as_of = (before - self.samples.len()) as u64;
        }
        inputs.duplicates = self.drop_duplicates();
        let windows = checks::Windows {
            recent: self.options.recent,
            new_account: self.options.new_account,
            key_age: self.options.key_age,
        };
        let last_of = |at: usize, sample: &Sample| {
            self.samples.get(at + 1).is_none_or(|next| next.account != sample.account)
        };
        let only = self
            .samples
            .first()
            .is_some_and(|first| self.samples.iter().all(|sample| sample.account == first.account));
        let mut accounts: Vec<Account> = Vec::new();
        let mut checked: Vec<Checked<'_>> = Vec::new();
        let mut of_account = (0, 0);
        let memory = Memory::default();
        for (at, sample) in self.samples.iter().enumerate() {
            let scp = self.scp(sample, &memory);
            let member = self.directory.given && self.directory.is_member(&sample.account);
            let policies = match &scp {
                Some(scp) if member => Policies::Given(scp),
                None if member && !self.directory.is_management(&sample.account) => Policies::NotGiven,
                _ => Policies::None,
            };
            // The devices of today say nothing of a device of last year but its kind; that is the best there is.
            let virtual_mfa =
                if sample.has_mfa() == Some(true) { self.devices.of(&sample.account, only) } else { None };
            let checks = sample.check(&windows, virtual_mfa, policies);
            let used = u64::from(checks.root_use.status == Status::Violation);
            of_account = (of_account.0 + 1, of_account.1 + used);
            let organization = member.then(|| self.membership(&sample.account));
            let id = organization.as_ref().and_then(|own| own.id.clone());
            let group = if organization.is_some() { id.unwrap_or_default() } else { sample.account.clone() };
            if last_of(at, sample) {
                let (samples, samples_used) = std::mem::take(&mut of_account);
                accounts.push(Account {
                    account_id: sample.account.clone(),
                    name: self.directory.members.get(&sample.account).and_then(|member| member.name.clone()),
                    organization,
                    report: ReportRow {
                        file: sample.file.clone(),
                        line: sample.line,
                        from: sample.date.from,
                        until: sample.date.until,
                        basis: sample.basis,
                    },
                    created: sample.created.time(),
                    password_enabled: sample.password_enabled,
                    password_last_used: sample.password_last_used.time(),
                    key_last_used: sample.key_last_used(),
                    mfa: sample.has_mfa(),
                    virtual_mfa,
                    access_keys: access_keys(sample, &windows),
                    checks: checks.clone(),
                    samples,
                    samples_used,
                    scp,
                });
            }
            checked.push(Checked { sample, checks, group });
        }
        inputs.samples = self.samples.len() as u64;
        inputs.accounts = accounts.len() as u64;
        inputs.in_organizations =
            accounts.iter().filter(|account| account.organization.is_some()).count() as u64;
        let last = self.samples.iter().enumerate().filter(|(at, sample)| last_of(*at, sample));
        let keys = study::keys(last.map(|(_, sample)| sample), &windows);
        let (dates, uses) = (study::dates(&checked), study::uses(&checked, &windows));
        let findings = self.logs.given.then(|| Comparison {
            findings: self.logs.findings,
            uses: self.logs.uses,
            mismatches: self.logs.compare(&self.samples),
        });
        let denied = |account: &Account| {
            account
                .scp
                .as_ref()
                .is_some_and(|scp| !matches!(scp.verdict, ScpVerdict::NotDenied | ScpVerdict::Unknown))
        };
        let scp_limits = if accounts.iter().any(denied) { SCP_LIMITS.to_vec() } else { Vec::new() };
        let notes = self.say(&accounts);
        self.problems.sort();
        Assessment {
            schema: SCHEMA,
            options: Windows {
                as_of: self.options.as_of.map(|as_of| as_of.until),
                recent_seconds: windows.recent.as_secs(),
                new_account_seconds: windows.new_account.as_secs(),
                key_age_seconds: windows.key_age.as_secs(),
            },
            inputs,
            practices: practices::PRACTICES
                .iter()
                .map(|definition| practices::practice(definition, &accounts))
                .collect(),
            organizations: study::organizations(&accounts),
            accounts,
            dates,
            uses,
            keys,
            findings,
            scp_limits,
            notes,
            complete: self.problems.is_empty(),
            problems: self.problems,
        }
    }

    /// Drops all reports of an account and a day but the first, in the order of their times, then of their files.
    fn drop_duplicates(&mut self) -> u64 {
        let mut kept: Vec<Sample> = Vec::with_capacity(self.samples.len());
        let mut dropped = 0;
        for sample in std::mem::take(&mut self.samples) {
            match kept.last() {
                Some(before)
                    if before.account == sample.account && before.date.date() == sample.date.date() =>
                {
                    let text = format!(
                        "account {} has a report of {} already: {}, line {}",
                        sample.account,
                        sample.date.date(),
                        before.file,
                        before.line
                    );
                    let kind = ProblemKind::Duplicate;
                    self.problems.push(Problem::new(&sample.file, Some(sample.line), kind, text));
                    dropped += 1;
                }
                _ => kept.push(sample),
            }
        }
        self.samples = kept;
        dropped
    }

    fn scp(&self, sample: &Sample, memory: &Memory) -> Option<Scp> {
        let asked = self.directory.policies_given;
        asked.then(|| self.directory.verdict(&sample.account, &sample.arn, sample.date.until, memory))
    }

    fn membership(&self, account: &str) -> Membership {
        let id = self.directory.organization_of(account).filter(|id| !id.is_empty());
        let management = self.directory.management_of(account).map(|management| management == account);
        Membership { id: id.map(str::to_owned), management }
    }

    fn say(&mut self, accounts: &[Account]) -> Vec<String> {
        let mut notes = std::mem::take(&mut self.notes);
        if !self.directory.given {
            notes.push(
                "No file speaks of an organization: every account is judged as one that stands alone."
                    .to_owned(),
            );
        } else if !self.directory.policies_given {
            notes.push(
                "No file speaks of service control policies: without them, missing MFA is proven for accounts \
                 outside organizations and for management accounts only."
                    .to_owned(),
            );
        }
        if !self.devices.given && accounts.iter().any(|account| account.mfa == Some(true)) {
            notes.push(
                "No list of virtual MFA devices is there: whether a device is hardware is not known."
                    .to_owned(),
            );
        }
        if accounts.iter().any(|account| account.report.basis == DateBasis::LatestDate) {
            notes.push(
                "Reports that say no date are judged at the latest date in them: --as-of gives a better one."
                    .to_owned(),
            );
        }
        if self.directory.policies_given && !self.directory.accounts_listed {
            notes.push(
                "No file lists the accounts of the organization: every account is taken for a member."
                    .to_owned(),
            );
        }
        notes.dedup();
        notes
    }
}

/// What no service control policy can do about root.
const SCP_LIMITS: [&str; 5] = [
    "It does not reach the management account of the organization, nor any account outside.",
    "It does not stop a sign-in: a password without MFA still opens the console, where every call is then \
     denied.",
    "It does not stop the recovery of the password by mail, nor what AWS Support does.",
    "Where it denies everything without MFA, root cannot register its first device either.",
    "A few tasks are beyond it, such as CloudFront's trusted signers and support plans, and so is what a \
     service does with its own role.",
];

fn access_keys(sample: &Sample, windows: &checks::Windows) -> Vec<AccessKey> {
    let keys = sample.key_ages().map(|(key, age)| AccessKey {
        rotated: key.rotated.time(),
        age_days: age.map(|age| age.as_hours() / 24),
        old: age.map(|age| age > windows.key_age),
        last_used: key.last_used.time(),
        region: key.region.clone(),
        service: key.service.clone(),
    });
    keys.collect()
}

/// Returns the time of a value that options name: RFC 3339, or a day.
///
/// # Errors
///
/// Where the text is neither.
pub fn parse_as_of(text: &str) -> Result<ReportDate, String> {
    let text = text.trim();
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(ReportDate::at(time));
    }
    let day = text.parse().ok().and_then(ReportDate::day);
    day.ok_or_else(|| format!("{text:?} is neither a day (2025-11-19) nor a time (2025-11-19T12:00:00Z)"))
}
