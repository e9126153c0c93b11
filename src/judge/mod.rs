//! The decision table: is a record root's, with which credential, with MFA or without, and which
//! field proves each.
//!
//! The judge is pure: no input, no output, no clock. Each event is judged alone; `report` correlates events.

mod credential;
mod identity;
mod mfa;
mod outcome;
mod record;
mod steps;
mod table;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub(crate) use identity::AGENT_PROXY;
pub(crate) use record::DIRECTORY_SIGN_INS;
pub use record::{Record, is_root_arn};
pub use steps::{Step, steps};

use crate::finding::{
    CredentialBasis, CredentialType, IdentityKind, MfaDevice, MfaEvidence, MfaStatus, Outcome,
};
use crate::json::Value;

/// What the table says of one record, and the rows that said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// `None`: not root, and no caller of `AssumeRoot`.
    pub identity: Option<IdentityKind>,
    /// `None` where root did not act.
    pub credential: Option<CredentialType>,
    /// What decided the credential type.
    pub basis: Option<CredentialBasis>,
    /// `None` where root did not act.
    pub mfa: Option<MfaStatus>,
    /// The field that proves the MFA status.
    pub evidence: Option<MfaEvidence>,
    /// The kind of MFA device.
    pub device: Option<MfaDevice>,
    /// Whether two MFA fields disagree.
    pub conflict: bool,
    /// Whether the action succeeded.
    pub outcome: Outcome,
    /// The rows that decided.
    pub rows: Rows,
}

/// The rows of the table that decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rows {
    /// `R1` to `R4`, `N1` or `N2`: root or not.
    pub standing: &'static str,
    /// `R5` to `R8`: in which form, where R2 to R4 said root.
    pub form: Option<&'static str>,
    /// `C1` to `C12`.
    pub credential: Option<&'static str>,
    /// `M1` to `M9`.
    pub mfa: Option<&'static str>,
    /// `O1` to `O8`.
    pub outcome: &'static str,
}

/// Judges one record.
pub fn verdict(record: &Value<'_>) -> Verdict {
    let record = Record::new(record);
    let (outcome, outcome_row) = outcome::outcome(&record);
    let mut facts = table::Facts { record, outcome, identity: None, credential: None };
    let (identity, standing, form) = identity::identity(&facts);
    let rows = Rows { standing, form, credential: None, mfa: None, outcome: outcome_row };
    let mut verdict = Verdict {
        identity,
        credential: None,
        basis: None,
        mfa: None,
        evidence: None,
        device: None,
        conflict: false,
        outcome,
        rows,
    };
    if matches!(identity, None | Some(IdentityKind::AssumeRootCaller)) {
        return verdict;
    }
    facts.identity = identity;
    if let Some((row, (kind, basis))) = table::first(credential::CREDENTIAL, &facts) {
        verdict.credential = Some(kind);
        verdict.basis = basis;
        verdict.rows.credential = Some(row.id);
        facts.credential = Some(kind);
    }
    if let Some((row, (status, evidence))) = table::first(mfa::MFA, &facts) {
        verdict.mfa = Some(status);
        verdict.evidence = evidence;
        verdict.rows.mfa = Some(row.id);
    }
    verdict.device = mfa::device(&facts, verdict.evidence);
    verdict.conflict = mfa::conflict(&facts.record);
    verdict
}
