//! The result of a verification for people.

use std::io::{self, Write};

use super::terminal::plain;
use roottrail::verify::problems::{IntegrityProblem, Line, NoteKind};
use roottrail::verify::{RunFacts, Trail, Verification};

/// Problems and notes that the table shows.
const SHOWN: u64 = 100;

/// Writes the whole table.
pub(super) fn table(
    result: &mut Verification,
    facts: &RunFacts,
    verbose: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    let digests = result.digests;
    writeln!(
        out,
        "digests    {} valid, {} invalid, {} missing, {} unverified",
        digests.valid, digests.invalid, digests.missing, digests.unverified
    )?;
    let logs = result.logs;
    writeln!(
        out,
        "logs       {} valid, {} changed, {} missing, {} in no digest, {} unverified",
        logs.valid, logs.mismatch, logs.missing, logs.not_in_digest, logs.unverified
    )?;
    if result.known > 0 {
        writeln!(out, "           {} of the valid ones were verified by an earlier run", result.known)?;
    }
    for Trail { account_id, region, trail, proven, unproven } in &result.trails {
        let place = plain(&format!("{account_id}  {region}  {trail}"));
        for (start, end) in proven {
            writeln!(out, "proven     {place}  {start} to {end}")?;
        }
        for open in unproven {
            let start = open.start.map_or_else(|| "an unknown time".to_owned(), |start| start.to_string());
            writeln!(out, "unproven   {place}  {start} to {}: {}", open.end, plain(&open.why))?;
        }
    }
    for ((account_id, region), unknown) in &result.unknown {
        let place = plain(&format!("{account_id}  {region}"));
        let times = unknown.times.map_or_else(String::new, |(first, last)| format!("  {first} to {last}"));
        writeln!(out, "unverified {place}{times}: {} logs that nothing proves", unknown.logs)?;
    }
    if !result.problems.is_empty() {
        writeln!(out, "\nproblems")?;
        let mut count = 0;
        result.problems.each(|line| {
            count += 1;
            if count > SHOWN && !verbose {
                return Ok(());
            }
            let Line { kind, uri, detail } = serde_json::from_str::<Line<IntegrityProblem>>(line)?;
            writeln!(out, "  {}  {}\n    {}", name(kind), plain(&uri), plain(&detail))
        })?;
        if count > SHOWN && !verbose {
            writeln!(out, "  … and {} more; --verbose or --format ndjson shows all", count - SHOWN)?;
        }
    }
    if !result.notes.is_empty() {
        writeln!(out, "\nnotes")?;
        let mut count = 0;
        result.notes.each(|line| {
            count += 1;
            if count > SHOWN && !verbose {
                return Ok(());
            }
            let Line { kind, uri, detail } = serde_json::from_str::<Line<NoteKind>>(line)?;
            let colon = if detail.is_empty() { "" } else { ": " };
            writeln!(out, "  {}  {}{colon}{}", name(kind), plain(&uri), plain(&detail))
        })?;
        if count > SHOWN && !verbose {
            writeln!(out, "  … and {} more; --verbose shows all", count - SHOWN)?;
        }
    }
    writeln!(out, "\n{}", verdict(result, facts))
}

/// Returns one line for the end of a run whose result went elsewhere.
pub(super) fn closing(result: &Verification) -> String {
    let (digests, logs) = (result.digests, result.logs);
    format!(
        "roottrail: digests {} valid, {} invalid, {} missing; logs {} valid, {} changed, {} missing, {} in no digest",
        digests.valid,
        digests.invalid,
        digests.missing,
        logs.valid,
        logs.mismatch,
        logs.missing,
        logs.not_in_digest
    )
}

fn verdict(result: &Verification, facts: &RunFacts) -> &'static str {
    match facts.exit_code {
        4 => "integrity FAILED: what stands under problems was changed, added or deleted",
        3 => "incomplete: not everything could be read or checked",
        5 => "no digest was found: nothing can be proven",
        130 => "interrupted",
        _ if !result.complete() => {
            "no sign of tampering; what stands under unproven and unverified is not proven"
        }
        _ => "every log of the time asked for is there as CloudTrail delivered it",
    }
}

/// Returns the kind as JSON has it.
fn name(kind: impl serde::Serialize) -> String {
    serde_json::to_value(kind).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}
