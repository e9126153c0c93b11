//! Which policies reach an account, and what its root user is left.
//!
//! The management account, an account outside of an organization, and an organization without service control
//! policies are judged at once: no policy reaches root there. For all others the levels from the root down to the
//! account are walked, as far as the files name them, and each policy that is attached to one of the levels is
//! collected with its document. A policy whose text or target is missing leaves a gap, under which no denial is
//! certain. `policy::verdict` then judges what was collected, and the answer names what was not known.

use jiff::Timestamp;
use serde::Serialize;

use super::directory::{Directory, FULL_ACCESS};
use crate::posture::policy::verdict::{Attached, Fact, Facts, Memory, Open, Proof, Subject, judge};

/// What service control policies do to an account's root user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ScpVerdict {
    /// Everything that root asks for is denied.
    RootDenied,
    /// Everything that root asks for without MFA is denied: sessions without it, and access keys.
    RootWithoutMfaDenied,
    /// Everything that root asks for from most of the internet, and from unnamed VPC endpoints, is denied.
    RootFromElsewhereDenied,
    /// None of these.
    NotDenied,
    /// The verdict hangs on what the files do not say.
    Unknown,
}

/// The verdict on an account, with what proves it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Scp {
    /// The strongest of the facts that is sure.
    pub verdict: ScpVerdict,
    /// All requests of root.
    pub root: Fact,
    /// Whether root's requests without MFA are denied.
    pub without_mfa: Fact,
    /// Whether root's requests from elsewhere are denied.
    pub from_elsewhere: Fact,
    /// The statements that deny, or the level where nothing is allowed.
    pub proof: Vec<Proof>,
    /// A request that passes, where one does.
    pub open: Option<Open>,
    /// Further Denies that take something from root.
    pub in_part: Vec<Proof>,
    /// Why, where no statement says it.
    pub reason: Option<String>,
}

impl Scp {
    fn plain(fact: Fact, reason: &str) -> Self {
        let verdict = if fact == Fact::Unknown { ScpVerdict::Unknown } else { ScpVerdict::NotDenied };
        Self {
            verdict,
            root: fact,
            without_mfa: fact,
            from_elsewhere: fact,
            proof: Vec::new(),
            open: None,
            in_part: Vec::new(),
            reason: Some(reason.to_owned()),
        }
    }

    fn of(facts: Facts, reason: Option<String>) -> Self {
        let Facts { root, without_mfa, from_elsewhere, proof, open, in_part } = facts;
        let verdict = match (root, without_mfa, from_elsewhere) {
            (Fact::Denied, ..) => ScpVerdict::RootDenied,
            (_, Fact::Denied, _) => ScpVerdict::RootWithoutMfaDenied,
            (.., Fact::Denied) => ScpVerdict::RootFromElsewhereDenied,
            // Whatever is not known, these three are not so.
            (_, Fact::NotDenied, Fact::NotDenied) => ScpVerdict::NotDenied,
            _ => ScpVerdict::Unknown,
        };
        let reason = reason.filter(|_| [root, without_mfa, from_elsewhere].contains(&Fact::Unknown));
        Self { verdict, root, without_mfa, from_elsewhere, proof, open, in_part, reason }
    }
}

/// Whether a policy is attached above an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    Surely,
    Perhaps,
    Not,
}

impl Directory {
    /// Returns the verdict on an account at a time. `arn` is its root user's. `memory` is of this directory.
    pub(in crate::posture) fn verdict(
        &self,
        account: &str,
        arn: &str,
        now: Timestamp,
        memory: &Memory,
    ) -> Scp {
        if self.is_management(account) {
            return Scp::plain(
                Fact::NotDenied,
                "the management account: no service control policy reaches it",
            );
        }
        if !self.is_member(account) {
            return Scp::plain(Fact::NotDenied, "the account is in no organization");
        }
        if !self.policies_given {
            return Scp::plain(Fact::Unknown, "no file says which service control policies there are");
        }
        let organization = self.organization_of(account);
        let own = organization.and_then(|id| self.organizations.get(id));
        if own.is_some_and(|own| own.policies_enabled == Some(false)) {
            let text = "service control policies are not switched on in the organization";
            return Scp::plain(Fact::NotDenied, text);
        }
        if self.management_of(account).is_none() {
            let text = "no file says which account is the management account, and this may be it";
            return Scp::plain(Fact::Unknown, text);
        }
        let chain = self.levels(account);
        let mut missing = Vec::new();
        let (mut attached, mut open_levels) = (Vec::new(), Vec::new());
        for (number, (key, policy)) in self.policies.iter().enumerate() {
            let name = policy.name.as_deref().or(policy.id.as_deref()).unwrap_or(key);
            let Some(targets) = &policy.targets else {
                if key != FULL_ACCESS {
                    missing.push(format!("what {name} is attached to"));
                }
                continue;
            };
            for target in targets {
                let certain = match self.reaches(target, account, chain.as_deref()) {
                    Reach::Surely => true,
                    Reach::Perhaps => false,
                    Reach::Not => continue,
                };
                match &policy.document {
                    Some(document) => {
                        if !document.flaws.is_empty() {
                            missing.push(format!("what {name} says in full"));
                            open_levels.push(target.as_str());
                        }
                        let (policy_id, policy_name) = (policy.id.as_deref(), policy.name.as_deref());
                        attached.push(Attached { number, policy_id, policy_name, target, document, certain });
                    }
                    None => {
                        missing.push(format!("what {name} says"));
                        open_levels.push(target.as_str());
                    }
                }
            }
        }
        if chain.is_none() && attached.iter().any(|one: &Attached<'_>| !one.certain) {
            missing.push("where the account is in the organization".to_owned());
        }
        // Where nothing is said of FullAWSAccess, it is where AWS puts it: everywhere.
        let allows_known = self.policies.get(FULL_ACCESS).is_some_and(|policy| policy.targets.is_some());
        let mut levels = chain.clone().filter(|_| allows_known).unwrap_or_default();
        levels.retain(|level| !open_levels.contains(level));
        let texts_missing = missing.iter().any(|text| !text.starts_with("where "));
        let path = chain.as_ref().zip(organization.filter(|id| !id.is_empty())).map(|(chain, id)| {
            let steps: Vec<&str> = chain.iter().skip(1).rev().copied().collect();
            format!("{id}/{}/", steps.join("/"))
        });
        let subject = Subject {
            account,
            arn,
            organization: organization.filter(|id| !id.is_empty()),
            path: path.as_deref(),
            now,
            attached,
            levels,
            gaps: texts_missing,
        };
        let facts = judge(&subject, memory);
        missing.sort();
        missing.dedup();
        let reason = (!missing.is_empty()).then(|| format!("not known: {}", missing.join(", ")));
        Scp::of(facts, reason)
    }

    fn reaches(&self, target: &str, account: &str, chain: Option<&[&str]>) -> Reach {
        if let Some(chain) = chain {
            return if chain.contains(&target) { Reach::Surely } else { Reach::Not };
        }
        if target == account {
            return Reach::Surely;
        }
        if target.starts_with("r-") {
            let own = self.organization_of(account).and_then(|id| self.organizations.get(id));
            let known = own.and_then(|own| own.root.as_deref());
            return match known {
                Some(root) if root == target => Reach::Surely,
                Some(_) => Reach::Not,
                // The only organization has only one root.
                None if self.organizations.len() <= 1 => Reach::Surely,
                None => Reach::Perhaps,
            };
        }
        if target.starts_with("ou-") { Reach::Perhaps } else { Reach::Not }
    }
}
