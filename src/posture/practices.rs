//! The practices: what each is called, which rule says so, and how many accounts keep it.

use super::assessment::{Account, Practice};
use super::checks::{Check, Checks, Status};

pub(super) type Read = fn(&Checks) -> &Check;

pub(super) struct Definition {
    pub(super) check: &'static str,
    pub(super) title: &'static str,
    pub(super) cis: Option<&'static str>,
    pub(super) config_rule: Option<&'static str>,
    pub(super) definition: &'static str,
    pub(super) read: Read,
}

/// The four practices of the study in its order, and rotation.
pub(super) const PRACTICES: [Definition; 5] = [
    Definition {
        check: "root_use",
        title: "Root is not used",
        cis: Some("1.7"),
        config_rule: None,
        definition: "the last sign-in or the last use of a key lies within --recent of the report; accounts \
                     younger than --new-account are left out",
        read: |checks| &checks.root_use,
    },
    Definition {
        check: "root_access_key",
        title: "Root has no access key",
        cis: Some("1.4"),
        config_rule: Some("iam-root-access-key-check"),
        definition: "an access key of root is active",
        read: |checks| &checks.root_access_key,
    },
    Definition {
        check: "root_mfa",
        title: "Root has MFA",
        cis: Some("1.5"),
        config_rule: Some("root-account-mfa-enabled"),
        definition: "no MFA device, and no service control policy that denies root without MFA; in an \
                     organization whose policies are not known it is not proven",
        read: |checks| &checks.root_mfa,
    },
    Definition {
        check: "root_hardware_mfa",
        title: "Root's MFA is hardware",
        cis: Some("1.6"),
        config_rule: Some("root-account-hardware-mfa-enabled"),
        definition: "no MFA device, or a virtual one; policies as for MFA",
        read: |checks| &checks.root_hardware_mfa,
    },
    Definition {
        check: "key_rotation",
        title: "Root's keys are not old",
        cis: None,
        config_rule: None,
        definition: "an active access key of root is older than --key-age",
        read: |checks| &checks.key_rotation,
    },
];

/// Returns a share in percent, to a tenth.
pub(super) fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { (part as f64 * 1000.0 / whole as f64).round() / 10.0 }
}

pub(super) fn practice(definition: &Definition, accounts: &[Account]) -> Practice {
    let checks = || accounts.iter().map(|account| (definition.read)(&account.checks));
    let count = |status: Status| checks().filter(|check| check.status == status).count() as u64;
    let left_out = count(Status::LeftOut);
    let judged = accounts.len() as u64 - left_out;
    let counted = |check: &&Check| check.status != Status::LeftOut && check.account_level == Some(true);
    let account_level = checks().filter(counted).count() as u64;
    let violations = count(Status::Violation);
    Practice {
        check: definition.check,
        title: definition.title,
        cis: definition.cis,
        config_rule: definition.config_rule,
        definition: definition.definition,
        accounts: judged,
        violations,
        percent: percent(violations, judged),
        account_level,
        account_level_percent: percent(account_level, judged),
        mitigated: count(Status::Mitigated),
        unproven: count(Status::Unproven),
        unknown: count(Status::Unknown),
        left_out,
        virtual_device: (definition.check == "root_hardware_mfa").then(|| {
            let with = accounts.iter().filter(|account| account.mfa == Some(true));
            with.filter(|account| account.checks.root_hardware_mfa.status == Status::Violation).count() as u64
        }),
    }
}
