//! The rules: which root events matter, how much, and which peers' rules each one covers.
//!
//! There is one table per family. A new rule is a new row; a new family is a new file and one line in
//! [`FAMILIES`]. Most rules look at one judged record; four are added by the run ([`Scope::Run`]).

mod account;
mod activity;
mod alarms;
mod assume_root;
mod compute;
mod defences;
mod destruction;
mod example;
mod exposure;
mod iam;
mod keys;
mod mfa_devices;
mod organization;
mod outside;
mod recovery;
mod rule;
mod run;
mod secrets;
mod sessions;
mod sign_in;
#[cfg(test)]
mod tests;
mod trails;
mod trusted;

use std::borrow::Cow;
use std::cmp::Reverse;

pub use rule::{Api, Case, Example, Lowered, Only, Reference, Rule, Scope, System, WhyNot};
pub use run::{AMBIGUOUS_RECORD, AMENDED_COPY, CONFLICTING_COPIES, LOG_TAMPERED, UNTRUSTED_ADDRESS};
pub use trusted::{BadNetwork, TrustedNetworks};

use crate::finding::{Finding, Severity};
use crate::judge::{Record, Verdict};

/// All rules by family, in the order that decides between rules of one severity: the specific before the
/// general.
pub static FAMILIES: &[&[Rule]] = &[
    run::RULES,
    sign_in::RULES,
    recovery::RULES,
    keys::RULES,
    mfa_devices::RULES,
    sessions::RULES,
    assume_root::RULES,
    account::RULES,
    organization::RULES,
    trails::RULES,
    defences::RULES,
    alarms::RULES,
    exposure::RULES,
    outside::RULES,
    iam::RULES,
    destruction::RULES,
    secrets::RULES,
    compute::RULES,
    activity::RULES,
];

/// Returns every rule, in stable order.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    FAMILIES.iter().flat_map(|family| family.iter())
}

/// Returns the rule of this id.
pub fn by_id(id: &str) -> Option<&'static Rule> {
    all().find(|rule| rule.id == id)
}

/// Sets the rules that hold, and with them severity and techniques.
pub(crate) fn apply(record: &Record<'_>, verdict: &Verdict, finding: &mut Finding) {
    let case = Case::new(record, verdict);
    finding.rules = all().filter(|rule| rule.matches(&case)).map(|rule| Cow::Borrowed(rule.id)).collect();
    rank(finding);
}

/// Adds a rule that the run decides, and ranks the finding's rules. Returns `false` where there is no such
/// rule.
pub fn add(finding: &mut Finding, id: &str) -> bool {
    let Some(rule) = by_id(id) else { return false };
    if !finding.rules.iter().any(|held| held == rule.id) {
        finding.rules.push(Cow::Borrowed(rule.id));
    }
    rank(finding);
    true
}

/// Sorts the rules, the most severe first, ties in the order of [`FAMILIES`]; severity and techniques follow
/// from them.
pub(crate) fn rank(finding: &mut Finding) {
    let mut held: Vec<(Severity, &'static Rule)> = all()
        .filter(|rule| finding.rules.iter().any(|id| id == rule.id))
        .map(|rule| (rule.severity_in(finding), rule))
        .collect();
    held.sort_by_key(|(severity, _)| Reverse(*severity));
    finding.severity = held.first().map_or(Severity::Low, |(severity, _)| *severity);
    finding.attack.clear();
    for technique in held.iter().flat_map(|(_, rule)| rule.attack) {
        if !finding.attack.iter().any(|known| known == technique) {
            finding.attack.push(Cow::Borrowed(technique));
        }
    }
    finding.rules = held.into_iter().map(|(_, rule)| Cow::Borrowed(rule.id)).collect();
}
