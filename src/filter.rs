//! Which findings are written. Nothing is hidden by default, and what is hidden is counted.
//!
//! A filter only answers yes or no: it never changes a finding.

use crate::finding::{CredentialType, Finding, IdentityKind, MfaStatus, Severity};
use crate::key::days::TimeRange;

/// The choice of the findings that are written.
pub trait Keep {
    /// Returns whether this finding is written; a finding that is not is counted as filtered.
    fn keeps(&self, finding: &Finding) -> bool;
}

/// The conditions that a finding must meet to be written. An empty list asks for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// The rules of which the finding must carry one.
    pub rules: Vec<&'static str>,
    /// The least severity.
    pub min_severity: Option<Severity>,
    /// The identities of which the finding must have one.
    pub identities: Vec<IdentityKind>,
    /// The credentials of which the finding must have one.
    pub credentials: Vec<CredentialType>,
    /// The MFA statuses of which the finding must have one.
    pub mfa: Vec<MfaStatus>,
    /// The event names of which the finding must have one, whatever the case of the letters.
    pub event_names: Vec<String>,
    /// The span in which the event must have happened.
    pub time: TimeRange,
}

impl Keep for Filter {
    fn keeps(&self, finding: &Finding) -> bool {
        Filter::keeps(self, finding)
    }
}

impl Filter {
    /// Returns whether the finding is to be written.
    pub fn keeps(&self, finding: &Finding) -> bool {
        let one_of = |known: bool, list_is_empty: bool| list_is_empty || known;
        one_of(finding.rules.iter().any(|id| self.rules.iter().any(|rule| rule == id)), self.rules.is_empty())
            && self.min_severity.is_none_or(|least| finding.severity >= least)
            && one_of(self.identities.contains(&finding.identity.kind), self.identities.is_empty())
            && one_of(
                finding.credential.kind.is_some_and(|kind| self.credentials.contains(&kind)),
                self.credentials.is_empty(),
            )
            && one_of(
                finding.mfa.status.is_some_and(|status| self.mfa.contains(&status)),
                self.mfa.is_empty(),
            )
            && one_of(self.names(finding.event.name.as_deref()), self.event_names.is_empty())
            && self.time.holds(finding.time.as_deref())
    }

    /// Returns whether the filter keeps everything.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn names(&self, name: Option<&str>) -> bool {
        name.is_some_and(|name| self.event_names.iter().any(|wanted| wanted.eq_ignore_ascii_case(name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::testing::judged;

    fn finding() -> Finding {
        judged(
            r#"{"userIdentity":{"type":"Root","accessKeyId":"AKIAX"},"eventName":"ListBuckets","eventTime":"2024-05-01T12:00:00Z","readOnly":true}"#,
        )
        .unwrap()
    }

    #[test]
    fn each_condition_keeps_and_drops() {
        let keeps = |filter: Filter| filter.keeps(&finding());
        assert!(keeps(Filter::default()));
        for (kept, filter) in [
            (true, Filter { rules: vec!["root-mfa-removed", "root-access-key-used"], ..Filter::default() }),
            (false, Filter { rules: vec!["root-mfa-removed"], ..Filter::default() }),
            (true, Filter { min_severity: Some(Severity::Critical), ..Filter::default() }),
            (true, Filter { identities: vec![IdentityKind::RootUser], ..Filter::default() }),
            (false, Filter { identities: vec![IdentityKind::RootFederated], ..Filter::default() }),
            (true, Filter { credentials: vec![CredentialType::LongTermAccessKey], ..Filter::default() }),
            (false, Filter { credentials: vec![CredentialType::Unknown], ..Filter::default() }),
            (true, Filter { mfa: vec![MfaStatus::NotUsed, MfaStatus::Used], ..Filter::default() }),
            (false, Filter { mfa: vec![MfaStatus::Used], ..Filter::default() }),
            (true, Filter { event_names: vec!["listbuckets".into()], ..Filter::default() }),
            (false, Filter { event_names: vec!["ListBucket".into()], ..Filter::default() }),
        ] {
            assert_eq!(keeps(filter.clone()), kept, "{filter:?}");
            assert!(!filter.is_empty());
        }
        let low = judged(r#"{"userIdentity":{"type":"Root"},"readOnly":true}"#).unwrap();
        assert!(!Filter { min_severity: Some(Severity::Medium), ..Filter::default() }.keeps(&low));
    }

    #[test]
    fn callers_of_assume_root_have_no_credential_to_filter_on() {
        let caller = judged(
            r#"{"userIdentity":{"type":"IAMUser"},"eventName":"AssumeRoot","eventSource":"sts.amazonaws.com"}"#,
        )
        .unwrap();
        assert!(!Filter { credentials: vec![CredentialType::Unknown], ..Filter::default() }.keeps(&caller));
        assert!(!Filter { mfa: vec![MfaStatus::Unknown], ..Filter::default() }.keeps(&caller));
    }
}
