//! The closing summary, for a person: doubts about the logs, then who, when and from where, then counts.
//!
//! The text is written from the [`Summary`] alone. Notices that cast doubt on the logs come first: gaps,
//! changed days, signs of tampering. The highlights follow, and then the counters, folded at 80 cells. A list
//! of one kind of notice is cut after some lines; the summary file has all of them. Every text from a log or
//! a bucket is escaped.

use std::fmt::Write as _;

use super::highlights_text::{self, WIDTH, Where, severity};
use super::terminal::{folded, plain};
use super::units::{bytes, counted};
use roottrail::coverage::{Gap, GapKind};
use roottrail::finding::{CredentialType, MfaStatus};
use roottrail::summary::Summary;

/// Returns the whole text, without a newline at its end. `place` is where `explain` finds the events, `nothing` the
/// reason why nothing was read.
pub(super) fn text(summary: &Summary, place: &Where, color: bool, nothing: &str) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _infallible = write(summary, place, color, nothing, &mut out);
    out.truncate(out.trim_end().len());
    out
}

/// Returns the names that are no log's, by extension: `3 .parquet, 1 .csv`.
pub(super) fn other_names(summary: &Summary) -> String {
    let mut names: Vec<_> = summary.other_names.iter().map(|(name, n, _)| (n, name)).collect();
    names.sort_by(|(a, _), (b, _)| b.cmp(a));
    let shown: Vec<String> =
        names
            .iter()
            .take(4)
            .map(|(n, name)| {
                if name.is_empty() {
                    format!("{n} without extension")
                } else {
                    format!("{n} {}", plain(name))
                }
            })
            .collect();
    let rest = if names.len() > 4 { ", …" } else { "" };
    shown.join(", ") + rest
}

fn write(summary: &Summary, place: &Where, color: bool, nothing: &str, out: &mut String) -> std::fmt::Result {
    let paint = |code: &str, text: String| if color { format!("\x1b[{code}m{text}\x1b[0m") } else { text };
    let Summary { objects, records, findings, bytes: read, .. } = summary;
    gaps(summary, &paint, out)?;
    changed(summary, &paint, out)?;
    highlights_text::tampering(summary, &paint, out)?;
    highlights_text::write(summary, place, &paint, out)?;
    let skipped: Vec<String> = summary
        .skipped_by
        .iter()
        .map(|(skip, n)| format!("{n} {}", skip.label()).replace(' ', "\u{a0}"))
        .collect();
    let skipped = if skipped.is_empty() { String::new() } else { format!(" ({})", skipped.join(", ")) };
    let text = format!(
        "objects   {} listed: {} scanned, {} skipped{skipped}, {} failed",
        objects.listed, objects.scanned, objects.skipped, objects.failed
    );
    let failed = format!("{} failed", objects.failed);
    let code = if objects.failed > 0 { "1;31" } else { "0" };
    lines(&text, &[(failed.clone(), paint(code, failed))], out)?;
    let names = other_names(summary);
    if !names.is_empty() {
        writeln!(out, "not read  by name: {names}")?;
    }
    writeln!(
        out,
        "records   {} scanned, {} of root or opening a root session, {} malformed",
        records.scanned, records.matched, records.malformed
    )?;
    let by_severity: Vec<(String, String)> = summary
        .by_severity
        .iter()
        .rev()
        .map(|(kind, n)| {
            let (code, name) = severity(*kind);
            let text = format!("{n} {name}");
            (text.clone(), paint(code, text))
        })
        .collect();
    let names: Vec<&str> = by_severity.iter().map(|(text, _)| text.as_str()).collect();
    let names = if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) };
    let text = format!(
        "findings  {} written{names}, {}, {}\u{a0}filtered",
        findings.written,
        counted(findings.duplicates, "duplicate", "duplicates"),
        findings.filtered
    );
    lines(&text, &by_severity, out)?;
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
    if summary.interrupted {
        writeln!(
            out,
            "{}",
            paint("1;31", "INTERRUPTED: what is written is whole, but not all was read".into())
        )?;
    } else if !summary.complete() {
        let text = format!(
            "INCOMPLETE: {}; the findings are those of what could be read",
            counted(summary.errors, "error", "errors")
        );
        writeln!(out, "{}", paint("1;31", text))?;
    } else if summary.nothing_matched() {
        writeln!(out, "{}", paint("33", format!("NOTHING READ: {nothing}")))?;
    }
    Ok(())
}

/// Writes a counter's text in lines of 80 cells, with some of its parts painted.
fn lines(text: &str, painted: &[(String, String)], out: &mut String) -> std::fmt::Result {
    // The no-break spaces keep a number beside its noun.
    let text = folded(text, WIDTH, 10).join("\n").replace('\u{a0}', " ");
    let text = painted.iter().fold(text, |text, (plain, painted)| text.replacen(plain.as_str(), painted, 1));
    writeln!(out, "{text}")
}

/// Lines for one kind of notice; the summary file has all of them.
const LINES: usize = 20;

/// Writes silence that should not be.
fn gaps(summary: &Summary, paint: &impl Fn(&str, String) -> String, out: &mut String) -> std::fmt::Result {
    for gap in summary.gaps.iter().take(LINES) {
        let Gap { account, region, start, end, kind, why } = gap;
        let until = end.as_deref().unwrap_or("the end of what was listed");
        let text = match kind {
            GapKind::Stopped => format!("{why}, then no logs from {start} to {until}"),
            GapKind::MissingDays if Some(start) == end.as_ref() => format!("no logs on {start} ({why})"),
            GapKind::MissingDays => format!("no logs from {start} to {until} ({why})"),
            GapKind::MissingHours => format!("no logs delivered from {start} to {until} ({why})"),
            GapKind::MissingLogs => {
                format!("logs of {start} to {} are missing ({why})", end.as_deref().unwrap_or("…"))
            }
            GapKind::Ends => format!("no logs any more from {start} on ({why})"),
        };
        let text = format!("GAP: {} {}: {}", plain(account), plain(region), plain(&text));
        let code = if *kind == GapKind::Stopped { "1;31" } else { "1;33" };
        for line in folded(&text, WIDTH, 5) {
            writeln!(out, "{}", paint(code, line))?;
        }
    }
    if summary.gaps.len() > LINES {
        writeln!(out, "and {} more gaps; --summary has them all", summary.gaps.len() - LINES)?;
    }
    Ok(())
}

/// Writes days whose objects are not those that an earlier run read.
fn changed(summary: &Summary, paint: &impl Fn(&str, String) -> String, out: &mut String) -> std::fmt::Result {
    for change in summary.changed.iter().take(LINES) {
        let text = format!(
            "CHANGED: {}{} had {} objects when it was read, now {}: added late, deleted or overwritten?",
            plain(&change.folder),
            change.day,
            change.before,
            change.now
        );
        for line in folded(&text, WIDTH, 9) {
            writeln!(out, "{}", paint("1;33", line))?;
        }
    }
    if summary.changed.len() > LINES {
        writeln!(out, "and {} more such days; --summary has them all", summary.changed.len() - LINES)?;
    }
    Ok(())
}

/// Writes root findings by credential and MFA.
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
        let calls = counted(summary.assume_root_callers, "call", "calls");
        writeln!(out, "and {calls} of AssumeRoot by others")?;
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
