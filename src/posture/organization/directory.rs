//! What the files say of organizations, put together.

use std::collections::{BTreeMap, BTreeSet};

use crate::posture::policy::document::Document;

/// An organization.
#[derive(Clone, Debug, Default)]
pub(in crate::posture) struct Organization {
    pub(in crate::posture) management_account: Option<String>,
    pub(in crate::posture) root: Option<String>,
    /// Whether service control policies are switched on, where a file says so.
    pub(in crate::posture) policies_enabled: Option<bool>,
}

/// An account that a file about an organization names.
#[derive(Clone, Debug, Default)]
pub(in crate::posture) struct Member {
    /// The organization's id, where it is known.
    pub(in crate::posture) organization: Option<String>,
    pub(in crate::posture) name: Option<String>,
}

/// A service control policy.
#[derive(Clone, Debug, Default)]
pub(in crate::posture) struct Policy {
    /// `p-…`
    pub(in crate::posture) id: Option<String>,
    /// The policy's name, or the file that the text stands in.
    pub(in crate::posture) name: Option<String>,
    pub(in crate::posture) document: Option<Document>,
    /// What it is attached to, where a file says so.
    pub(in crate::posture) targets: Option<BTreeSet<String>>,
}

/// All that the files say of organizations.
#[derive(Clone, Debug, Default)]
pub(in crate::posture) struct Directory {
    /// By id; one whose id is not known has the id "".
    pub(in crate::posture) organizations: BTreeMap<String, Organization>,
    pub(in crate::posture) members: BTreeMap<String, Member>,
    /// The root or unit above an account or a unit.
    pub(in crate::posture) parents: BTreeMap<String, String>,
    /// By id, or by the file's name.
    pub(in crate::posture) policies: BTreeMap<String, Policy>,
    /// Whether a file lists the accounts of an organization.
    pub(in crate::posture) accounts_listed: bool,
    /// Whether anything was read.
    pub(in crate::posture) given: bool,
    /// Whether any file speaks of service control policies.
    pub(in crate::posture) policies_given: bool,
}

/// The policy that AWS attaches to everything at first.
pub(in crate::posture) const FULL_ACCESS: &str = "p-FullAWSAccess";

impl Directory {
    /// Returns the organization of an account.
    pub(in crate::posture) fn organization_of(&self, account: &str) -> Option<&str> {
        self.members.get(account)?.organization.as_deref().or_else(|| self.only())
    }

    /// Returns whether an account is in an organization.
    pub(in crate::posture) fn is_member(&self, account: &str) -> bool {
        self.members.contains_key(account) || (self.given && !self.accounts_listed && self.policies_given)
    }

    /// Returns the management account of an account's organization.
    pub(in crate::posture) fn management_of(&self, account: &str) -> Option<&str> {
        let id = self.organization_of(account).or_else(|| self.only())?;
        self.organizations.get(id)?.management_account.as_deref()
    }

    /// Returns whether the account is the management account of an organization.
    pub(in crate::posture) fn is_management(&self, account: &str) -> bool {
        self.organizations.values().any(|one| one.management_account.as_deref() == Some(account))
    }

    /// Returns the organization, where there is just one.
    pub(super) fn only(&self) -> Option<&str> {
        let mut ids = self.organizations.keys();
        match (ids.next(), ids.next()) {
            (Some(id), None) => Some(id),
            _ => None,
        }
    }

    /// Joins what a list says of a policy with the text of a file that has the policy's name. To be called once
    /// all files are read.
    pub(in crate::posture) fn settle(&mut self) {
        let named: Vec<(String, String)> = self
            .policies
            .iter()
            .filter(|(_, policy)| policy.document.is_none())
            .filter_map(|(key, policy)| Some((key.clone(), policy.name.clone()?)))
            .filter(|(key, name)| key != name)
            .collect();
        for (key, name) in named {
            let text =
                self.policies.get(&name).is_some_and(|other| other.document.is_some() && other.id.is_none());
            let other = if text { self.policies.remove(&name) } else { None };
            if let (Some(policy), Some(other)) = (self.policies.get_mut(&key), other) {
                policy.document = other.document;
                policy.targets = policy.targets.take().or(other.targets);
            }
        }
    }

    pub(super) fn organization(&mut self, id: &str) -> &mut Organization {
        self.organizations.entry(id.to_owned()).or_default()
    }

    /// Returns the roots and units from an account's own up to the root, the account first; `None` where a step is
    /// not known.
    pub(in crate::posture) fn levels<'d>(&'d self, account: &'d str) -> Option<Vec<&'d str>> {
        let mut levels = vec![account];
        let mut at = account;
        while !at.starts_with("r-") {
            at = self.parents.get(at)?;
            // Units are nested five deep at most; a circle must not hold the run.
            if levels.len() > 16 {
                return None;
            }
            levels.push(at);
        }
        Some(levels)
    }
}
