//! What to know first, and what a report leaves out.
//!
//! Highlights are sentences with a severity, made from the counts of rules and from the study's numbers, and sorted
//! with the most serious first. Each names the first finding that it rests on. Notes say which limits were reached,
//! how much lies beyond each, and which files would make the report more complete.

use super::addresses::MOST_ADDRESSES;
use super::context::Context;
use super::fold::{Fold, MOST_ACCOUNTS, MOST_FINDINGS, MOST_KEYS, MOST_SESSIONS};
use super::model::{Highlight, Listed, RootReport};
use super::read::MOST_ISSUED;
use super::story::MOST_EPISODES;
use super::tables::{account, moment};
use super::words::{count, thousands};
use crate::finding::Severity;

/// Returns what to know first, most serious first.
pub(super) fn highlights(report: &RootReport, conflicts: u64) -> Vec<Highlight> {
    let mut all = Vec::new();
    let mut say = |severity, text: String, detail: String| all.push(Highlight { severity, text, detail });
    let rule = |id: &str| report.rules.iter().find(|rule| rule.id == id).map_or(0, |rule| rule.findings);
    let study = &report.study;
    // Where there is one, it is said which; of several, the first.
    let which = |n: u64, id: &str| {
        let has = |one: &&Listed| one.rules.split(' ').any(|rule| rule == id);
        let first = report.findings.iter().filter(has).min_by_key(|one| (&one.time, one.id));
        first.map_or_else(String::new, |one| {
            let before = if n == 1 { "" } else { "first in " };
            let time = moment(one.time.as_deref().unwrap_or("an unknown time"));
            format!("{before}{} at {time} from {}", account(report, &one.account_id), one.address)
        })
    };
    let accounts = report.accounts.iter().filter(|account| account.sign_ins_without_mfa > 0).count() as u64;
    let without: u64 = report.accounts.iter().map(|account| account.sign_ins_without_mfa).sum();
    if without > 0 {
        let text = format!(
            "Root signed in to the console without MFA {} in {}",
            count(without, "time", "times"),
            count(accounts, "account", "accounts"),
        );
        let text = text.replace(" 1 time in 1 account", "");
        say(Severity::Critical, text, which(without, "root-console-login-without-mfa"));
    }
    let made = rule("root-access-key-created");
    if made > 0 {
        let keys =
            if made == 1 { "an access key".to_owned() } else { count(made, "access key", "access keys") };
        say(Severity::Critical, format!("Root made itself {keys}"), which(made, "root-access-key-created"));
    }
    if study.keys > 0 {
        let text = if study.keys == 1 {
            let key = report.keys.first().map_or("", |key| key.access_key_id.as_str());
            format!("The access key {key} of root was used")
        } else {
            format!("{} of root were used", thousands(study.keys) + " access keys")
        };
        let uses = rule("root-access-key-used");
        say(Severity::Critical, text, which(uses.min(study.keys), "root-access-key-used"));
    }
    for (ids, text) in [
        (["root-trail-stopped", "root-trail-deleted"], "A trail was stopped or deleted"),
        (["root-mfa-removed", "root-mfa-registered"], "Root's MFA devices were changed"),
    ] {
        let n: u64 = ids.iter().map(|id| rule(id)).sum();
        if n > 0 {
            let first = ids.iter().map(|id| which(n, id)).find(|text| !text.is_empty()).unwrap_or_default();
            say(Severity::Critical, text.to_owned(), first);
        }
    }
    if conflicts > 0 {
        let text = format!("Copies of {} differ: a log was changed", count(conflicts, "event", "events"));
        say(Severity::Critical, text, which(conflicts, "conflicting-event-copies"));
    }
    if let Some(covered) = &report.coverage {
        if !covered.gaps.is_empty() {
            let stopped = covered.gaps.iter().any(|gap| gap.kind == "stopped");
            let severity = if stopped { Severity::Critical } else { Severity::High };
            let n = covered.gaps.len() as u64;
            let gap = covered.gaps.iter().find(|gap| gap.kind == "stopped" || !stopped);
            let gap = gap.map_or_else(String::new, |gap| {
                let place = [gap.account_id.as_deref(), gap.region.as_deref()];
                let place: Vec<&str> = place.into_iter().flatten().collect();
                let end = gap.end.as_deref().map_or_else(|| "the end".to_owned(), moment);
                format!("{} from {} to {end}: {}", place.join(" "), moment(&gap.start), gap.why)
            });
            say(
                severity,
                format!("The logs fell silent: {} that should not be", count(n, "gap", "gaps")),
                gap,
            );
        }
        if !covered.complete {
            let objects = format!("{} not read whole", count(covered.failed, "object", "objects"));
            say(
                Severity::High,
                "The scan could not read everything: findings may be missing".into(),
                objects,
            );
        }
    }
    if study.sign_ins_refused > 0 {
        let severity = if study.sign_ins_refused >= 10 { Severity::High } else { Severity::Medium };
        let text = count(study.sign_ins_refused, "sign-in of root was", "sign-ins of root were");
        let refused = "root-console-login-failed";
        let first = which(study.sign_ins_refused, refused);
        say(severity, format!("{text} refused"), first);
    }
    let shared = report.addresses.iter().filter(|address| address.accounts > 1).count() as u64;
    if shared > 0 {
        let text = count(shared, "address acted", "addresses acted");
        let first = report.addresses.iter().find(|address| address.accounts > 1);
        let first = first.map_or_else(String::new, |one| {
            format!("{} in {}", one.address, count(one.accounts, "account", "accounts"))
        });
        say(Severity::Medium, format!("{text} as root, or tried to, in more than one account"), first);
    }
    all.sort_by_key(|highlight| std::cmp::Reverse(highlight.severity));
    all
}

/// Limits that were reached, and what is missing.
pub(super) fn notes(fold: &Fold<'_>, context: &Context, issued_beyond: u64) -> Vec<String> {
    let mut notes = Vec::new();
    let numbers = &fold.numbers;
    let mut note = |when: bool, text: String| {
        if when {
            notes.push(text);
        }
    };
    let beyond = |all: u64, most: usize| all > most as u64;
    note(
        beyond(numbers.findings, MOST_FINDINGS),
        format!(
            "{} of {} findings are listed, the most severe ones.",
            MOST_FINDINGS,
            thousands(numbers.findings)
        ),
    );
    note(
        beyond(numbers.sessions, MOST_SESSIONS),
        format!(
            "{} of {} sessions are listed, the most severe ones.",
            MOST_SESSIONS,
            thousands(numbers.sessions)
        ),
    );
    note(
        beyond(numbers.episodes, MOST_EPISODES),
        format!(
            "{} of {} episodes are listed, the most severe ones.",
            MOST_EPISODES,
            thousands(numbers.episodes)
        ),
    );
    note(
        beyond(numbers.accounts, MOST_ACCOUNTS),
        format!(
            "{} of {} accounts are listed, the most severe ones.",
            MOST_ACCOUNTS,
            thousands(numbers.accounts)
        ),
    );
    note(
        beyond(fold.totals.keys, MOST_KEYS),
        format!(
            "{} of {} access keys are listed, the most used ones.",
            MOST_KEYS,
            thousands(fold.totals.keys)
        ),
    );
    note(
        fold.addresses.beyond > 0,
        format!(
            "{} addresses are kept apart; {} findings are of others.",
            thousands(MOST_ADDRESSES as u64),
            thousands(fold.addresses.beyond)
        ),
    );
    note(
        issued_beyond > 0,
        format!(
            "{} issued credentials are followed; {} more are not.",
            thousands(MOST_ISSUED as u64),
            thousands(issued_beyond)
        ),
    );
    note(
        fold.closed_early > 0,
        format!("{} sessions were closed early: too many were open at once.", thousands(fold.closed_early)),
    );
    note(
        numbers.without_record > 0,
        format!(
            "{} have no record (scan --no-raw): which call issued a credential is not known from them.",
            count(numbers.without_record, "finding", "findings")
        ),
    );
    note(
        numbers.without_time > 0,
        format!(
            "{} have no time, and stand in no session or week.",
            count(numbers.without_time, "finding", "findings")
        ),
    );
    note(
        fold.damaged > 0,
        format!("{} come from objects that broke part-way.", count(fold.damaged, "finding", "findings")),
    );
    note(
        context.summary.as_ref().is_some_and(|summary| summary.findings_written != numbers.findings),
        format!(
            "The summary counts {} findings, and {} were read: it is of another scan, or of part of it.",
            thousands(context.summary.as_ref().map_or(0, |summary| summary.findings_written)),
            thousands(numbers.findings)
        ),
    );
    notes
}
