//! A root session as a report says it.
//!
//! A session is everything under one credential: a console session with its sign-in, temporary credentials with the
//! call that issued them, or an access key until it rests. The struct holds what the open session has counted by its
//! end, with lists cut to their most frequent values. Severities are counted, and the worst of them ranks the
//! session.

use serde::Serialize;

use super::event::{Issue, Issuer};
use super::tally::Counts;
use super::time::instant;
use crate::finding::{FindingId, MfaDevice, MfaStatus, Severity};

/// What opened a session, or acts in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionKind {
    /// A sign-in to the console.
    ConsoleSession,
    /// A root access key.
    LongTermAccessKey,
    /// `GetSessionToken`.
    StsSessionToken,
    /// `AssumeRoot`, from another account.
    AssumeRoot,
    /// `GetFederationToken`.
    FederationToken,
    /// Temporary credentials whose origin no finding tells.
    TemporaryCredentials,
    /// A service that acts for root.
    AwsService,
    /// The findings do not tell.
    Unknown,
}

impl SessionKind {
    /// Returns a few words for tables.
    pub fn label(self) -> &'static str {
        match self {
            SessionKind::ConsoleSession => "console",
            SessionKind::LongTermAccessKey => "access key",
            SessionKind::StsSessionToken => "session token",
            SessionKind::AssumeRoot => "AssumeRoot",
            SessionKind::FederationToken => "federation",
            SessionKind::TemporaryCredentials => "temporary key",
            SessionKind::AwsService => "AWS service",
            SessionKind::Unknown => "unknown",
        }
    }
}

/// The sign-in that opened a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SignIn {
    /// The time.
    pub time: String,
    /// The finding of the sign-in.
    pub finding: FindingId,
    /// The MFA status, which the whole session inherits.
    pub mfa: Option<MfaStatus>,
    /// The device.
    pub device: Option<MfaDevice>,
    /// The address of the sign-in.
    pub address: String,
    /// The user agent of the sign-in.
    pub user_agent: String,
}

/// The call that issued a session's or key's credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Opening {
    /// `GetSessionToken`, `AssumeRoot`, `CreateAccessKey`.
    pub event: &'static str,
    /// The time.
    pub time: Option<String>,
    /// The finding of the call.
    pub finding: FindingId,
    /// The caller's account.
    pub account_id: String,
    /// The caller's ARN.
    pub actor: String,
    /// The caller's own access key.
    pub access_key_id: String,
    /// The task policy of `AssumeRoot`.
    pub task_policy: String,
}

impl Opening {
    pub(super) fn of(issue: &Issue) -> Self {
        Self {
            event: match issue.by {
                Issuer::SessionToken => "GetSessionToken",
                Issuer::AssumeRoot => "AssumeRoot",
                Issuer::AccessKey => "CreateAccessKey",
            },
            time: issue.time.map(instant),
            finding: issue.id,
            account_id: issue.account.clone(),
            actor: issue.actor.clone(),
            access_key_id: issue.with_key.clone(),
            task_policy: issue.policy.clone(),
        }
    }
}

/// A call that changed something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SessionChange {
    /// The time.
    pub time: String,
    /// `service:Event`.
    pub event: String,
    /// The request's first parameters.
    pub request: String,
    /// Where the call went.
    pub region: String,
    /// How serious it is.
    pub severity: Severity,
    /// The finding of the call.
    pub finding: FindingId,
}

/// How many findings there are of each severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct BySeverity {
    /// Critical ones.
    pub critical: u64,
    /// High ones.
    pub high: u64,
    /// Medium ones.
    pub medium: u64,
    /// Low ones.
    pub low: u64,
}

impl BySeverity {
    pub(super) fn add(&mut self, severity: Severity) {
        *match severity {
            Severity::Critical => &mut self.critical,
            Severity::High => &mut self.high,
            Severity::Medium => &mut self.medium,
            Severity::Low => &mut self.low,
        } += 1;
    }

    /// Returns the highest severity that there is.
    pub fn worst(&self) -> Severity {
        match self {
            Self { critical: 1.., .. } => Severity::Critical,
            Self { high: 1.., .. } => Severity::High,
            Self { medium: 1.., .. } => Severity::Medium,
            _ => Severity::Low,
        }
    }

    /// Returns all of them.
    pub fn sum(&self) -> u64 {
        self.critical + self.high + self.medium + self.low
    }
}

/// One root session.
#[derive(Clone, Debug, Serialize)]
pub struct RootSession {
    /// `account_id/creationDate`, or `account_id/access key/first use`.
    pub id: String,
    /// What opened it.
    pub kind: SessionKind,
    /// The account whose root acted.
    pub account_id: String,
    /// When the session was created, or the key first used.
    pub start: String,
    /// The first finding's time.
    pub first_event: String,
    /// The last finding's time.
    pub last_event: String,
    /// Findings.
    pub events: u64,
    /// Findings by severity.
    pub severities: BySeverity,
    /// The MFA status: as the sign-in says, else as the calls do.
    pub mfa: Option<MfaStatus>,
    /// The device, where the sign-in or a call names it.
    pub device: Option<MfaDevice>,
    /// The sign-in, where there is a finding of it.
    pub sign_in: Option<SignIn>,
    /// The call that issued the credential, where there is a finding of it.
    pub opened_by: Option<Opening>,
    /// Access keys.
    pub access_keys: Counts,
    /// Addresses.
    pub addresses: Counts,
    /// User agents.
    pub user_agents: Counts,
    /// Regions.
    pub regions: Counts,
    /// Calls, by service and name.
    pub calls: Counts,
    /// Rules that held.
    pub rules: Counts,
    /// Calls that were refused, with the error.
    pub denied: Counts,
    /// How many calls changed something.
    pub changed: u64,
    /// The first of them.
    pub changes: Vec<SessionChange>,
    /// The first critical and high findings.
    pub notable: Vec<FindingId>,
}
