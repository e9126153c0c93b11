//! The closing summary, for a person.

use std::fmt::Write as _;

use super::terminal::plain;
use super::units::bytes;
use roottrail::coverage::{Gap, GapKind};
use roottrail::finding::{CredentialType, MfaStatus, Severity};
use roottrail::summary::Summary;

/// The whole text, without a newline at its end.
pub(super) fn text(summary: &Summary, color: bool) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _infallible = write(summary, color, &mut out);
    out.truncate(out.trim_end().len());
    out
}

fn write(summary: &Summary, color: bool, out: &mut String) -> std::fmt::Result {
    let paint = |code: &str, text: String| if color { format!("\x1b[{code}m{text}\x1b[0m") } else { text };
    let Summary { objects, records, findings, bytes: read, .. } = summary;
    let skipped: Vec<String> =
        summary.skipped_by.iter().map(|(skip, n)| format!("{n} {}", skip.label())).collect();
    let skipped = if skipped.is_empty() { String::new() } else { format!(" ({})", skipped.join(", ")) };
    writeln!(
        out,
        "objects   {} listed: {} scanned, {} skipped{skipped}, {}",
        objects.listed,
        objects.scanned,
        objects.skipped,
        paint(if objects.failed > 0 { "1;31" } else { "0" }, format!("{} failed", objects.failed)),
    )?;
    writeln!(
        out,
        "records   {} scanned, {} of root or opening a root session, {} malformed",
        records.scanned, records.matched, records.malformed
    )?;
    let severities: Vec<String> = summary
        .by_severity
        .iter()
        .rev()
        .map(|(severity, n)| {
            let (code, name) = match severity {
                Severity::Critical => ("1;31", "critical"),
                Severity::High => ("31", "high"),
                Severity::Medium => ("33", "medium"),
                Severity::Low => ("0", "low"),
            };
            paint(code, format!("{n} {name}"))
        })
        .collect();
    let severities =
        if severities.is_empty() { String::new() } else { format!(" ({})", severities.join(", ")) };
    writeln!(
        out,
        "findings  {} written{severities}, {} duplicates, {} filtered",
        findings.written, findings.duplicates, findings.filtered
    )?;
    credentials(summary, out)?;
    let seconds = summary.elapsed.as_secs_f64();
    writeln!(
        out,
        "time      {seconds:.2} s, {} read, {} inflated, {}/s, {:.0} records/s",
        bytes(read.compressed as f64),
        bytes(read.uncompressed as f64),
        bytes(read.uncompressed as f64 / seconds.max(1e-6)),
        records.scanned as f64 / seconds.max(1e-6),
    )?;
    gaps(summary, &paint, out)?;
    changed(summary, &paint, out)?;
    if summary.interrupted {
        writeln!(
            out,
            "{}",
            paint("1;31", "INTERRUPTED: what is written is whole, but not all was read".into())
        )?;
    } else if !summary.complete() {
        let text =
            format!("INCOMPLETE: {} errors; the findings are those of what could be read", summary.errors);
        writeln!(out, "{}", paint("1;31", text))?;
    } else if summary.nothing_matched() {
        writeln!(
            out,
            "{}",
            paint("33", "NOTHING READ: no object in scope; is the path or prefix right?".into())
        )?;
    }
    Ok(())
}

/// Lines for one kind of notice; the summary file has them all.
const LINES: usize = 20;

/// Silence that should not be.
fn gaps(summary: &Summary, paint: &impl Fn(&str, String) -> String, out: &mut String) -> std::fmt::Result {
    for gap in summary.gaps.iter().take(LINES) {
        let Gap { account, region, start, end, kind, why } = gap;
        let until = end.as_deref().unwrap_or("the end of what was listed");
        let text = match kind {
            GapKind::Stopped => format!("{why}, then no logs from {start} to {until}"),
            GapKind::MissingDays if Some(start) == end.as_ref() => format!("no logs on {start} ({why})"),
            GapKind::MissingDays => format!("no logs from {start} to {until} ({why})"),
            GapKind::MissingHours => format!("no logs delivered from {start} to {until} ({why})"),
            GapKind::Ends => format!("no logs any more from {start} on ({why})"),
        };
        let text = format!("GAP: {} {}: {}", plain(account), plain(region), plain(&text));
        writeln!(out, "{}", paint(if *kind == GapKind::Stopped { "1;31" } else { "1;33" }, text))?;
    }
    if summary.gaps.len() > LINES {
        writeln!(out, "and {} more gaps; --summary has them all", summary.gaps.len() - LINES)?;
    }
    Ok(())
}

/// Days whose objects are not those that an earlier run read.
fn changed(summary: &Summary, paint: &impl Fn(&str, String) -> String, out: &mut String) -> std::fmt::Result {
    for change in summary.changed.iter().take(LINES) {
        let text = format!(
            "CHANGED: {}{} had {} objects when it was read, now {}: added late, deleted or overwritten?",
            plain(&change.folder),
            change.day,
            change.before,
            change.now
        );
        writeln!(out, "{}", paint("1;33", text))?;
    }
    if summary.changed.len() > LINES {
        writeln!(out, "and {} more such days; --summary has them all", summary.changed.len() - LINES)?;
    }
    Ok(())
}

/// Root findings by credential and MFA.
fn credentials(summary: &Summary, out: &mut String) -> std::fmt::Result {
    if summary.by_credential.is_empty() && summary.assume_root_callers == 0 {
        return Ok(());
    }
    const MFA: [(MfaStatus, &str); 4] = [
        (MfaStatus::NotUsed, "no MFA"),
        (MfaStatus::Used, "MFA"),
        (MfaStatus::Unknown, "unknown"),
        (MfaStatus::NotApplicable, "n/a"),
    ];
    writeln!(out)?;
    write!(out, "{:<24}", "root findings by")?;
    for (_, name) in MFA {
        write!(out, "{name:>9}")?;
    }
    writeln!(out, "{:>9}", "all")?;
    let mut credentials: Vec<CredentialType> =
        summary.by_credential.keys().map(|(credential, _)| *credential).collect();
    credentials.dedup();
    for credential in credentials {
        write!(out, "{:<24}", credential_name(credential))?;
        let of = |mfa| summary.by_credential.get(&(credential, mfa)).copied().unwrap_or(0);
        for (mfa, _) in MFA {
            match of(mfa) {
                0 => write!(out, "{:>9}", "-")?,
                n => write!(out, "{n:>9}")?,
            }
        }
        writeln!(out, "{:>9}", MFA.iter().map(|(mfa, _)| of(*mfa)).sum::<u64>())?;
    }
    if summary.assume_root_callers > 0 {
        writeln!(out, "and {} calls of AssumeRoot by others", summary.assume_root_callers)?;
    }
    writeln!(out)
}

fn credential_name(credential: CredentialType) -> &'static str {
    match credential {
        CredentialType::ConsolePassword => "console password",
        CredentialType::ConsoleSession => "console session",
        CredentialType::LongTermAccessKey => "long-term access key",
        CredentialType::TemporaryCredentials => "temporary credentials",
        CredentialType::StsSessionToken => "STS session token",
        CredentialType::FederationToken => "federation token",
        CredentialType::AssumeRoot => "AssumeRoot session",
        CredentialType::AwsService => "AWS service",
        CredentialType::None => "nobody signed in",
        CredentialType::Unknown => "unknown credential",
    }
}
