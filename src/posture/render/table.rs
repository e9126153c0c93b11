//! The assessment for people: 80 columns of ASCII.
//!
//! The table begins with what was read, goes on with the four practices and the accounts that break them, and ends
//! with policies, dates, uses, keys and disagreements, each only where there is something to say. Long lists are cut,
//! and the text says how many lines are missing. Sentences wrap at 80 columns, so that the output fits a mail.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::posture::{
    Account, Assessment, Comparison, DateTotals, Disagreement, Mismatch, Practice, ScpVerdict, Status, Uses,
};
use crate::text;

/// Accounts that are listed one by one, those with violations first.
const MOST_ACCOUNTS: usize = 100;
const MOST_MISMATCHES: usize = 100;
const MOST_DATES: usize = 60;

/// Renders the assessment. Lines end with a line feed; account names may hold anything that a JSON text can.
pub fn table(assessment: &Assessment) -> String {
    let mut out = String::new();
    // Writing to a String does not fail.
    let _ = write_all(assessment, &mut out);
    out
}

fn write_all(assessment: &Assessment, out: &mut String) -> std::fmt::Result {
    let inputs = &assessment.inputs;
    writeln!(
        out,
        "{}, {} of them in an organization; {} in {}",
        many(inputs.accounts, "account"),
        inputs.in_organizations,
        many(inputs.samples, "sample"),
        many(inputs.reports, "report")
    )?;
    practices(assessment, out)?;
    accounts(&assessment.accounts, out)?;
    scp(assessment, out)?;
    if assessment.dates.len() > 1 {
        dates(&assessment.dates, out)?;
        uses(&assessment.uses, out)?;
    }
    keys(assessment, out)?;
    if let Some(found) = &assessment.findings {
        findings(found, out)?;
    }
    for note in &assessment.notes {
        writeln!(out)?;
        wrapped(out, note, "")?;
    }
    Ok(())
}

fn practices(assessment: &Assessment, out: &mut String) -> std::fmt::Result {
    writeln!(out)?;
    let heads = ["best practice", "CIS", "violations", "%", "by settings", "%", "unproven"];
    let [title, cis, violations, share, settings, its_share, unproven] = heads;
    writeln!(
        out,
        "{title:<25} {cis:<4}{violations:>13} {share:>6} {settings:>11} {its_share:>6} {unproven:>8}"
    )?;
    for practice in &assessment.practices {
        let Practice { title, cis, accounts, violations, percent, .. } = practice;
        writeln!(
            out,
            "{title:<25} {:<4}{:>13} {percent:>6.1} {:>11} {:>6.1} {:>8}",
            cis.unwrap_or("-"),
            format!("{violations} of {accounts}"),
            practice.account_level,
            practice.account_level_percent,
            practice.unproven
        )?;
    }
    let (recent, young) = (assessment.options.recent_seconds, assessment.options.new_account_seconds);
    let key_age = assessment.options.key_age_seconds;
    let mut text = format!(
        "Used: within {} before the report. Hardware: no MFA counts, and so does a virtual device. Old: over {}. \
         By settings: whatever policies say. Unproven: in an organization whose policies are not known.",
        span(recent),
        span(key_age)
    );
    let [root_use, ..] = assessment.practices.as_slice() else { return Ok(()) };
    if root_use.left_out > 0 {
        let _ = write!(
            text,
            " Left out of use: {} younger than {}.",
            many(root_use.left_out, "account"),
            span(young)
        );
    }
    for practice in &assessment.practices {
        if practice.mitigated > 0 {
            let policies = "is made up for by a service control policy";
            let _ =
                write!(text, " {}: {} {policies}.", practice.title, many(practice.mitigated, "violation"));
        }
        if practice.unknown > 0 {
            let _ = write!(text, " {}: not known of {}.", practice.title, many(practice.unknown, "account"));
        }
    }
    wrapped(out, &text, "")
}

fn accounts(accounts: &[Account], out: &mut String) -> std::fmt::Result {
    writeln!(out)?;
    writeln!(out, "account       report      last use     keys       MFA        device     policies")?;
    let broken = |account: &Account| {
        let checks = &account.checks;
        let all = [&checks.root_use, &checks.root_access_key, &checks.root_mfa, &checks.root_hardware_mfa];
        all.iter().filter(|check| check.status == Status::Violation).count()
    };
    let mut order: Vec<&Account> = accounts.iter().collect();
    order.sort_by_key(|account| std::cmp::Reverse(broken(account)));
    for account in order.iter().take(MOST_ACCOUNTS) {
        let checks = &account.checks;
        let mark = |status: Status| match status {
            Status::Violation => " !",
            Status::Unproven => " ?",
            Status::Mitigated => " ok",
            Status::LeftOut => " new",
            Status::Pass | Status::Unknown => "",
        };
        let last = account.password_last_used.max(account.key_last_used).map_or("never".to_owned(), day);
        let last = if checks.root_use.status == Status::Unknown { "unknown".to_owned() } else { last };
        let keys = match (checks.root_access_key.status, account.access_keys.len()) {
            (Status::Unknown, _) => "unknown".to_owned(),
            // The account summary speaks of a key that the report does not show.
            (Status::Violation, 0) => "some".to_owned(),
            (_, number) => number.to_string(),
        };
        let mfa = match account.mfa {
            Some(true) => "yes",
            Some(false) => "no",
            None => "unknown",
        };
        let device = match (account.mfa, account.virtual_mfa) {
            (Some(false), _) => "none",
            (_, Some(true)) => "virtual",
            (_, Some(false)) => "hardware",
            (_, None) => "unknown",
        };
        let policies = match account.scp.as_ref().map(|scp| scp.verdict) {
            Some(ScpVerdict::RootDenied) => "root denied",
            Some(ScpVerdict::RootWithoutMfaDenied) => "MFA asked for",
            Some(ScpVerdict::RootFromElsewhereDenied) => "by address",
            Some(ScpVerdict::NotDenied) => "none",
            Some(ScpVerdict::Unknown) => "unknown",
            None if account.organization.is_some() => "not given",
            None => "-",
        };
        writeln!(
            out,
            "{:<13} {:<11} {:<12} {:<10} {:<10} {:<10} {policies}",
            account.account_id,
            day(account.report.from),
            format!("{last}{}", mark(checks.root_use.status)),
            format!("{keys}{}", mark(checks.root_access_key.status)),
            format!("{mfa}{}", mark(checks.root_mfa.status)),
            format!("{device}{}", mark(checks.root_hardware_mfa.status)),
        )?;
    }
    if order.len() > MOST_ACCOUNTS {
        writeln!(out, "and {} more: --format csv or json has them all", order.len() - MOST_ACCOUNTS)?;
    }
    writeln!(out, "! violation  ? unproven  ok: a policy makes up for it  new: too young to judge")
}

/// Returns what proves the verdicts, each statement once.
fn scp(assessment: &Assessment, out: &mut String) -> std::fmt::Result {
    let mut said = std::collections::BTreeMap::<String, u64>::new();
    for account in &assessment.accounts {
        let Some(scp) = &account.scp else { continue };
        for proof in &scp.proof {
            let name = proof.policy_name.as_deref().or(proof.policy_id.as_deref());
            let text = match (name, proof.statement) {
                (Some(name), Some(statement)) => {
                    let sid = proof.sid.as_deref().map(|sid| format!(" ({sid})")).unwrap_or_default();
                    format!("{name}, statement {statement}{sid}, at {}", proof.target)
                }
                _ => format!("nothing is allowed at {}", proof.target),
            };
            *said.entry(text).or_default() += 1;
        }
        if let Some(reason) = scp.reason.as_ref().filter(|_| scp.verdict == ScpVerdict::Unknown) {
            *said.entry(format!("unknown: {reason}")).or_default() += 1;
        }
    }
    if said.is_empty() {
        return Ok(());
    }
    writeln!(out, "\npolicies:")?;
    for (text, accounts) in said {
        wrapped(out, &format!("{text}: {}", many(accounts, "account")), "  ")?;
    }
    if !assessment.scp_limits.is_empty() {
        writeln!(out, "What a service control policy cannot do:")?;
        for limit in &assessment.scp_limits {
            wrapped(out, limit, "  ")?;
        }
    }
    Ok(())
}

fn dates(dates: &[DateTotals], out: &mut String) -> std::fmt::Result {
    writeln!(out)?;
    writeln!(out, "date       accounts  used     %  keys     %  no MFA     %  no hardware     %")?;
    let left_out = dates.len().saturating_sub(MOST_DATES);
    if left_out > 0 {
        writeln!(out, "({left_out} earlier dates: --format json has them all)")?;
    }
    for DateTotals { date, accounts, account_level, percent, .. } in &dates[left_out..] {
        writeln!(
            out,
            "{date:<10} {accounts:>8} {:>5} {:>5.1} {:>5} {:>5.1} {:>7} {:>5.1} {:>12} {:>5.1}",
            account_level.root_use,
            percent.root_use,
            account_level.root_access_key,
            percent.root_access_key,
            account_level.root_mfa,
            percent.root_mfa,
            account_level.root_hardware_mfa,
            percent.root_hardware_mfa,
        )?;
    }
    Ok(())
}

fn uses(uses: &Uses, out: &mut String) -> std::fmt::Result {
    writeln!(out)?;
    let text = format!(
        "{} in {} and {}: {} by password ({} without MFA), {} by key ({} by an old one). {} ({:.1} %) used root \
         in more than one report and made {:.1} % of the uses; {} made half of them. A report keeps only the last \
         use, so what is counted is reports with a new use, not sign-ins.",
        many(uses.uses, "use"),
        many(uses.accounts, "account"),
        many(uses.organizations, "organization"),
        uses.by_password,
        uses.by_password_without_mfa,
        uses.by_key,
        uses.by_old_key,
        many(uses.repeat_accounts, "account"),
        uses.repeat_accounts_percent,
        uses.repeat_uses_percent,
        many(uses.accounts_with_half, "account"),
    );
    wrapped(out, &text, "")
}

fn keys(assessment: &Assessment, out: &mut String) -> std::fmt::Result {
    let keys = &assessment.keys;
    if keys.active == 0 {
        return Ok(());
    }
    writeln!(out)?;
    let age = span(assessment.options.key_age_seconds);
    let text = format!(
        "{} in {}: {} older than {age}, {} of these used at some time, {} within {}.",
        many(keys.active, "active key"),
        many(keys.accounts, "account"),
        keys.old,
        keys.old_used,
        keys.old_used_recently,
        span(assessment.options.recent_seconds),
    );
    wrapped(out, &text, "")
}

fn findings(found: &Comparison, out: &mut String) -> std::fmt::Result {
    writeln!(out)?;
    writeln!(
        out,
        "held against {} ({} of root in person): {}",
        many(found.findings, "finding"),
        many(found.uses, "use"),
        many(found.mismatches.len() as u64, "disagreement")
    )?;
    for mismatch in found.mismatches.iter().take(MOST_MISMATCHES) {
        wrapped(out, &sentence(mismatch), "  ")?;
    }
    if found.mismatches.len() > MOST_MISMATCHES {
        let more = found.mismatches.len() - MOST_MISMATCHES;
        writeln!(out, "  and {more} more: --format json has them all")?;
    }
    Ok(())
}

fn sentence(mismatch: &Mismatch) -> String {
    let at = |time: Option<Timestamp>| time.map_or_else(|| "-".to_owned(), |time| time.to_string());
    let (report, logs) = (at(mismatch.report), at(mismatch.in_logs));
    let what = match mismatch.access_key_id.as_deref() {
        Some(key) => format!("a use of the key {key}"),
        None => "a sign-in".to_owned(),
    };
    let text = match mismatch.kind {
        Disagreement::NeverUsedInReport => {
            format!("the report of {report} knows of no use, and the logs show {what} at {logs}")
        }
        Disagreement::UseMissingInReport => format!(
            "the last use in the report of {report} is {}, and the logs show {what} at {logs}",
            at(mismatch.in_report)
        ),
        Disagreement::KeyNotInReport => {
            format!("the report of {report} has no key, and the logs show {what} at {logs}")
        }
        Disagreement::UseMissingInFindings => {
            format!(
                "the report of {report} has a sign-in at {} that is in no finding",
                at(mismatch.in_report)
            )
        }
        Disagreement::ReportOlderThanLogs => {
            format!("the last report is of {report}, and the logs show root until {logs}")
        }
        Disagreement::NoReport => format!("there is no report, and the logs show root until {logs}"),
    };
    format!("{}: {text}", mismatch.account_id)
}

fn many(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

fn day(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC).date().to_string()
}

fn span(seconds: i64) -> String {
    text::span(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

/// Breaks a text between its words, at 80 columns.
fn wrapped(out: &mut String, text: &str, indent: &str) -> std::fmt::Result {
    let mut line = indent.to_owned();
    for word in text.split(' ') {
        let empty = line.trim().is_empty();
        if !empty && line.chars().count() + 1 + word.chars().count() > 80 {
            writeln!(out, "{line}")?;
            line = format!("{indent}{}", if indent.is_empty() { "" } else { "  " });
        } else if !empty {
            line.push(' ');
        }
        line.push_str(word);
    }
    writeln!(out, "{line}")
}
