//! The checks on one row of a root user: whether root is used, has keys, has MFA, and whether the MFA is hardware.
//!
//! Each check first asks the report alone whether the account's own settings break the practice, and answers
//! "unknown" where the report does not say. Of MFA, a service control policy that denies what the setting leaves open
//! mends the violation; policies that are not known in full leave the violation unproven. Use is counted from the
//! report's own time back over the window. Accounts that are younger than the window for new accounts are left out of
//! use, and of nothing else.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::organization::{Scp, ScpVerdict};
use super::reports::{Sample, When};

/// What a check comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The practice is kept.
    Pass,
    /// The practice is not kept, and that is proven.
    Violation,
    /// The account's own settings break it, and a service control policy makes up for that.
    Mitigated,
    /// The account's own settings break it, and whether a service control policy makes up for that is not known.
    Unproven,
    /// The report does not say.
    Unknown,
    /// The account is too young to be judged.
    LeftOut,
}

/// One check of one account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What it comes to.
    pub status: Status,
    /// Whether the account's own settings break the practice, whatever policies say; `null`: not known.
    pub account_level: Option<bool>,
}

impl Check {
    fn plain(broken: Option<bool>) -> Self {
        let status = match broken {
            Some(true) => Status::Violation,
            Some(false) => Status::Pass,
            None => Status::Unknown,
        };
        Self { status, account_level: broken }
    }

    /// Returns a practice that a policy can make up for.
    fn with_policies(
        broken: Option<bool>,
        policies: Policies,
        makes_up: impl Fn(&Scp) -> Option<bool>,
    ) -> Self {
        let mut check = Self::plain(broken);
        if check.status == Status::Violation {
            check.status = match policies {
                Policies::None => Status::Violation,
                Policies::NotGiven => Status::Unproven,
                Policies::Given(scp) => match makes_up(scp) {
                    Some(true) => Status::Mitigated,
                    Some(false) => Status::Violation,
                    None => Status::Unproven,
                },
            };
        }
        check
    }
}

/// The four practices of the study, and the age of keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Checks {
    /// CIS 1.7: root is not used.
    pub root_use: Check,
    /// CIS 1.4: root has no access key.
    pub root_access_key: Check,
    /// CIS 1.5: root has MFA.
    pub root_mfa: Check,
    /// CIS 1.6: root's MFA is hardware.
    pub root_hardware_mfa: Check,
    /// Root's active keys are not old.
    pub key_rotation: Check,
}

/// What is known of the policies that reach an account.
#[derive(Clone, Copy, Debug)]
pub(super) enum Policies<'a> {
    /// The account is in no organization, or there is no word of one.
    None,
    /// The account is in an organization whose policies nobody gave.
    NotGiven,
    /// The verdict on it.
    Given(&'a Scp),
}

/// The windows of the checks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Windows {
    pub(super) recent: SignedDuration,
    pub(super) new_account: SignedDuration,
    pub(super) key_age: SignedDuration,
}

/// Which of root's credentials were used within the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Recent {
    pub(super) password: bool,
    pub(super) key: bool,
}

impl Sample {
    /// Returns whether the account is younger than new accounts are.
    pub(super) fn is_new(&self, windows: &Windows) -> bool {
        let age = self.created.time().map(|created| self.date.until.duration_since(created));
        age.is_some_and(|age| age < windows.new_account)
    }

    /// Returns the last use of a key.
    pub(super) fn key_last_used(&self) -> Option<Timestamp> {
        self.keys.iter().filter_map(|key| key.last_used.time()).max()
    }

    /// Returns the last use of any credential.
    pub(super) fn last_use(&self) -> Option<Timestamp> {
        self.password_last_used.time().max(self.key_last_used())
    }

    fn within(&self, when: Option<Timestamp>, window: SignedDuration) -> bool {
        when.is_some_and(|time| self.date.from.duration_since(time) <= window)
    }

    /// Returns what was used within the window.
    pub(super) fn recent(&self, windows: &Windows) -> Recent {
        Recent {
            password: self.within(self.password_last_used.time(), windows.recent),
            key: self.within(self.key_last_used(), windows.recent),
        }
    }

    fn used(&self, windows: &Windows) -> Option<bool> {
        let Recent { password, key } = self.recent(windows);
        if password || key {
            return Some(true);
        }
        // A key that is not there was not used, whatever its column says.
        let keys = self.keys.iter();
        let unknown = self.password_last_used == When::Unknown
            || keys.filter(|key| key.exists() != Some(false)).any(|key| key.last_used == When::Unknown);
        (!unknown).then_some(false)
    }

    fn has_key(&self) -> Option<bool> {
        let [one, two] = self.keys.each_ref().map(|key| key.active);
        match (self.keys_present, one, two) {
            (Some(true), ..) | (_, Some(true), _) | (.., Some(true)) => Some(true),
            (_, Some(false), Some(false)) | (Some(false), ..) => Some(false),
            _ => None,
        }
    }

    /// Returns whether root has MFA.
    pub(super) fn has_mfa(&self) -> Option<bool> {
        self.mfa_active.or(self.mfa_enabled)
    }

    /// Returns the ages of active keys, in days; `None` where the report has no date.
    pub(super) fn key_ages(&self) -> impl Iterator<Item = (&super::reports::Key, Option<SignedDuration>)> {
        let active = self.keys.iter().filter(|key| key.active == Some(true));
        active.map(|key| (key, key.rotated.time().map(|time| self.date.until.duration_since(time))))
    }

    fn old_keys(&self, windows: &Windows) -> Option<bool> {
        let ages: Vec<Option<SignedDuration>> = self.key_ages().map(|(_, age)| age).collect();
        if ages.iter().any(|age| age.is_some_and(|age| age > windows.key_age)) {
            Some(true)
        } else if ages.iter().any(Option::is_none) || self.keys.iter().any(|key| key.active.is_none()) {
            None
        } else {
            Some(false)
        }
    }

    /// Returns all checks. `virtual_mfa`: whether root's device is a virtual one.
    pub(super) fn check(
        &self,
        windows: &Windows,
        virtual_mfa: Option<bool>,
        policies: Policies<'_>,
    ) -> Checks {
        let mut root_use = Check::plain(self.used(windows));
        if self.is_new(windows) {
            root_use.status = Status::LeftOut;
        }
        let mfa = self.has_mfa();
        // AWS Config's rule: no device at all breaks it as a virtual one does.
        let not_hardware = match (mfa, virtual_mfa) {
            (Some(false), _) => Some(true),
            (Some(true), virtual_mfa) => virtual_mfa,
            (None, _) => None,
        };
        let root_denied = |scp: &Scp| match scp.verdict {
            ScpVerdict::RootDenied => Some(true),
            ScpVerdict::Unknown => None,
            _ => Some(false),
        };
        let without_mfa_denied = |scp: &Scp| match scp.verdict {
            ScpVerdict::RootDenied | ScpVerdict::RootWithoutMfaDenied => Some(true),
            ScpVerdict::Unknown => None,
            _ => Some(false),
        };
        let root_hardware_mfa = if mfa == Some(true) {
            // That MFA is asked for does not make the device another one.
            Check::with_policies(not_hardware, policies, root_denied)
        } else {
            Check::with_policies(not_hardware, policies, without_mfa_denied)
        };
        Checks {
            root_use,
            root_access_key: Check::plain(self.has_key()),
            root_mfa: Check::with_policies(mfa.map(|mfa| !mfa), policies, without_mfa_denied),
            root_hardware_mfa,
            key_rotation: Check::plain(self.old_keys(windows)),
        }
    }
}
