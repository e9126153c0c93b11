//! The report as it is written: the document `roottrail.report/1`.
//!
//! The structs are the JSON, member by member, and text, Markdown and HTML are drawn from them alone. Lists are cut
//! at the limits of `fold`, most serious first, and counters say how many there were. Times are RFC 3339 in UTC.

use std::collections::BTreeMap;

use serde::Serialize;

use super::context::Silence;
use super::posture::PostureSection;
use super::read::Input;
use super::session::{BySeverity, Opening, RootSession, SessionKind};
use super::story::Episode;
use super::study::{Study, WeekNumbers};
use super::tally::Counts;
use crate::finding::{CredentialType, FindingId, IdentityKind, MfaDevice, MfaStatus, Severity};

/// The name of the schema.
pub const SCHEMA: &str = "roottrail.report/1";

/// Everything that a report says.
#[derive(Debug, Serialize)]
pub struct RootReport {
    /// Always [`SCHEMA`].
    pub schema: &'static str,
    /// The program's version.
    pub version: &'static str,
    /// The files that were read.
    pub inputs: Vec<Input>,
    /// What the report is about; `None` where no finding has a time.
    pub period: Option<Period>,
    /// Numbers of the whole.
    pub totals: AllNumbers,
    /// What to know first, most serious first.
    pub highlights: Vec<Highlight>,
    /// What happened: the most serious episodes.
    pub episodes: Vec<Episode>,
    /// The most serious sessions.
    pub sessions: Vec<RootSession>,
    /// Sessions by kind.
    pub sessions_by_kind: BTreeMap<SessionKind, u64>,
    /// The study's measures.
    pub study: Study,
    /// Week by week.
    pub weeks: Vec<Week>,
    /// Findings by hour, for each day of the week from Monday on, in UTC.
    pub hours: [[u64; 24]; 7],
    /// The accounts that used root, or whose root was tried.
    pub accounts: Vec<AccountNumbers>,
    /// The organizations of those accounts.
    pub organizations: Vec<OrganizationNumbers>,
    /// Root's access keys.
    pub keys: Vec<KeyUse>,
    /// Where root acted from.
    pub addresses: Vec<AddressUse>,
    /// Rules that held.
    pub rules: Vec<RuleCount>,
    /// What the scan covered; `None` without a summary.
    pub coverage: Option<Covered>,
    /// The most serious findings.
    pub findings: Vec<Listed>,
    /// The posture that was given.
    pub posture: Option<PostureSection>,
    /// Limits that were reached, and what was left out.
    pub notes: Vec<String>,
    /// The records of the most serious findings, for the page.
    #[serde(skip)]
    pub(super) records: BTreeMap<FindingId, Box<str>>,
}

impl RootReport {
    /// Returns the record of one of the most serious findings, inert and cut.
    pub fn record(&self, id: FindingId) -> Option<&str> {
        self.records.get(&id).map(AsRef::as_ref)
    }
}

/// What a report is about.
#[derive(Clone, Debug, Serialize)]
pub struct Period {
    /// The first finding's time, or the first day of the scan.
    pub start: String,
    /// The last finding's time, or the end of the scan's last day.
    pub end: String,
    /// Whether the scan's summary tells it, or only the findings.
    pub scanned: bool,
}

/// Numbers of the whole.
#[derive(Clone, Debug, Default, Serialize)]
pub struct AllNumbers {
    /// Findings, each once.
    pub findings: u64,
    /// Findings that were read more than once.
    pub duplicates: u64,
    /// Lines that are no findings.
    pub unread: u64,
    /// Findings by severity.
    pub severities: BySeverity,
    /// Findings whose action failed.
    pub failed: u64,
    /// Findings without a time, which stand in no session, episode or week.
    pub without_time: u64,
    /// Findings without their record.
    pub without_record: u64,
    /// Accounts with findings.
    pub accounts: u64,
    /// Episodes.
    pub episodes: u64,
    /// Sessions.
    pub sessions: u64,
    /// Addresses, up to a limit.
    pub addresses: u64,
}

/// Something to know first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Highlight {
    /// How serious it is.
    pub severity: Severity,
    /// The explanation, in words.
    pub text: String,
    /// Where and when; empty where that takes more than a line.
    pub detail: String,
}

impl Highlight {
    /// Returns all of it in a line.
    pub fn line(&self) -> String {
        if self.detail.is_empty() { self.text.clone() } else { format!("{}: {}", self.text, self.detail) }
    }
}

/// One week.
#[derive(Clone, Debug, Serialize)]
pub struct Week {
    /// The Monday of the week.
    pub start: String,
    /// The numbers of the week.
    #[serde(flatten)]
    pub numbers: WeekNumbers,
}

/// One account.
#[derive(Clone, Debug, Serialize)]
pub struct AccountNumbers {
    /// The account.
    pub account_id: String,
    /// The account's name, from the list of the organization's accounts.
    pub name: Option<String>,
    /// The account's organization.
    pub organization: Option<String>,
    /// Findings.
    pub findings: u64,
    /// Findings by severity.
    pub severities: BySeverity,
    /// The first finding's time.
    pub first: Option<String>,
    /// The last finding's time.
    pub last: Option<String>,
    /// Weeks in which root was used.
    pub uses: u64,
    /// Sessions.
    pub sessions: u64,
    /// Sign-ins to the console.
    pub sign_ins: u64,
    /// Sign-ins without MFA.
    pub sign_ins_without_mfa: u64,
    /// Sign-ins that were refused.
    pub sign_ins_refused: u64,
    /// Access keys that were used.
    pub keys: u64,
}

/// One organization.
#[derive(Clone, Debug, Serialize)]
pub struct OrganizationNumbers {
    /// The organization's id.
    pub organization: String,
    /// Accounts with findings.
    pub accounts: u64,
    /// Accounts that used root.
    pub accounts_using: u64,
    /// Weeks in which an account used root, added up.
    pub uses: u64,
    /// Findings.
    pub findings: u64,
}

/// One of root's access keys.
#[derive(Clone, Debug, Serialize)]
pub struct KeyUse {
    /// The key.
    pub access_key_id: String,
    /// Whose root's it is.
    pub account_id: String,
    /// The call that made it, where there is a finding of it.
    pub created_by: Option<Opening>,
    /// When it was made, by that call or by the posture.
    pub created: Option<String>,
    /// The first use.
    pub first_used: String,
    /// The last use.
    pub last_used: String,
    /// Findings.
    pub findings: u64,
    /// Days from its making to its last use.
    pub age_days: Option<i64>,
    /// Addresses.
    pub addresses: Counts,
}

/// One address.
#[derive(Clone, Debug, Serialize)]
pub struct AddressUse {
    /// The address.
    pub address: String,
    /// Findings.
    pub findings: u64,
    /// Findings whose action failed.
    pub failed: u64,
    /// The highest severity.
    pub severity: Severity,
    /// Accounts whose root acted from here, up to a limit.
    pub accounts: u64,
    /// The first time.
    pub first: String,
    /// The last time.
    pub last: String,
}

/// How often a rule held.
#[derive(Clone, Debug, Serialize)]
pub struct RuleCount {
    /// The rule.
    pub id: String,
    /// The rule's title; empty for a rule of another version.
    pub title: &'static str,
    /// How serious it is.
    pub severity: Severity,
    /// Findings.
    pub findings: u64,
}

/// What the scan covered.
#[derive(Clone, Debug, Serialize)]
pub struct Covered {
    /// Whether everything in scope was read.
    pub complete: bool,
    /// Objects listed.
    pub objects: u64,
    /// Objects that were not read whole.
    pub failed: u64,
    /// Records read.
    pub records: u64,
    /// Accounts with logs.
    pub accounts: u64,
    /// Silence that should not be.
    pub gaps: Vec<Silence>,
    /// Accounts, and what was read of them each day.
    pub lines: Vec<CoveredAccount>,
    /// Accounts beyond those.
    pub lines_beyond: u64,
}

/// What was read of one account.
#[derive(Clone, Debug, Serialize)]
pub struct CoveredAccount {
    /// The account.
    pub account_id: String,
    /// The first day.
    pub start: String,
    /// Records of each day from then on; `None`: no object.
    pub days: Vec<Option<u64>>,
    /// Days with objects that were not read whole.
    pub failed_days: Vec<String>,
}

/// One finding, named.
#[derive(Clone, Debug, Serialize)]
pub struct Listed {
    /// The finding's id.
    pub id: FindingId,
    /// The finding's time.
    pub time: Option<String>,
    /// The account.
    pub account_id: String,
    /// How serious it is.
    pub severity: Severity,
    /// `service:Event`.
    pub event: String,
    /// Whether the action failed.
    pub failed: bool,
    /// The error.
    pub error: String,
    /// The region.
    pub region: String,
    /// The address.
    pub address: String,
    /// The user agent.
    pub user_agent: String,
    /// Who acted.
    pub identity: IdentityKind,
    /// The credential.
    pub credential: Option<CredentialType>,
    /// The access key.
    pub access_key_id: String,
    /// The MFA status.
    pub mfa: Option<MfaStatus>,
    /// The device.
    pub device: Option<MfaDevice>,
    /// The request's first parameters.
    pub request: String,
    /// The rules that hold.
    pub rules: String,
    /// The title of the first of them.
    pub title: String,
    /// The object with the record.
    pub uri: String,
    /// The record's place in it.
    pub record_index: u64,
    /// The object with another copy, where they differ.
    pub conflict_with: String,
    /// The session that it belongs to; credential and MFA are what that says.
    pub session: Option<String>,
}
