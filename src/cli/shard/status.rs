//! `roottrail shard status`: which parts are there, and what they hold.

use std::collections::HashSet;
use std::io::Write;
use std::process::ExitCode;

use clap::{ArgMatches, ValueEnum};
use serde_json::json;

use super::place::{OpenPlan, PlanArgs};
use crate::cli::{aws, code, units};
use roottrail::shard::{Depot, PartReader, ShardPlan, part_name};

/// Arguments of `shard status`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    plan: PlanArgs,

    #[command(flatten)]
    aws: aws::Args,

    /// How to print it
    #[arg(short, long, value_enum, default_value = "table", help_heading = "Output")]
    format: StatusFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum StatusFormat {
    /// For people
    Table,
    /// For machines
    Json,
}

/// The shards whose parts are not there.
pub(super) fn missing(depot: &Depot, plan: &ShardPlan) -> anyhow::Result<Vec<usize>> {
    let there: HashSet<String> = depot.names("parts")?.into_iter().map(|(name, _)| name).collect();
    Ok((0..plan.shards.len()).filter(|&shard| !there.contains(&part_name(shard))).collect())
}

#[derive(Default)]
struct Sum {
    parts: u64,
    scanned: u64,
    failed: u64,
    skipped: u64,
    records: u64,
    findings: u64,
    errors: u64,
    bytes: u64,
    seconds: f64,
}

pub(super) fn run(args: &Args, matches: &ArgMatches, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let OpenPlan { depot, plan, sha256, .. } = args.plan.open(matches)?;
    let missing = missing(&depot, &plan)?;
    let mut sum = Sum::default();
    for shard in (0..plan.shards.len()).filter(|shard| missing.binary_search(shard).is_err()) {
        let name = part_name(shard);
        let Some(file) = depot.open(&name)? else { anyhow::bail!("{}: it has gone", depot.name(&name)) };
        let end = PartReader::new(&depot.name(&name), file, shard, &sha256).to_end()?;
        sum.parts += 1;
        sum.scanned += end.totals.scanned;
        sum.failed += end.totals.failed;
        sum.skipped += end.totals.skipped();
        sum.records += end.totals.records;
        sum.findings += end.findings;
        sum.errors += end.totals.errors;
        sum.bytes += end.totals.bytes;
        sum.seconds += end.elapsed_seconds;
    }
    let exit = if missing.is_empty() { code::COMPLETE } else { code::INCOMPLETE };
    match args.format {
        StatusFormat::Table => write!(out, "{}", table(&plan, &sum, &missing))?,
        StatusFormat::Json => {
            let json = json!({
                "schema": "roottrail.shard-status/1",
                "shards": plan.shards.len(),
                "committed": sum.parts,
                "missing": missing,
                "planned": {"objects": plan.objects, "bytes": plan.bytes},
                "objects": {"scanned": sum.scanned, "failed": sum.failed, "skipped": sum.skipped},
                "records": sum.records,
                "findings": sum.findings,
                "errors": sum.errors,
                "bytes": sum.bytes,
                "elapsed_seconds": sum.seconds,
                "complete": missing.is_empty(),
                "exit_code": exit,
            });
            writeln!(out, "{json:#}")?;
        }
    }
    out.flush()?;
    Ok(ExitCode::from(exit))
}

fn table(plan: &ShardPlan, sum: &Sum, missing: &[usize]) -> String {
    let mut text = String::new();
    let mut row = |name: &str, value: String| {
        text.push_str(&format!("{name:<10} {value}\n"));
    };
    row("parts", format!("{} of {}", sum.parts, plan.shards.len()));
    if !missing.is_empty() {
        row("missing", spans(missing));
    }
    row(
        "objects",
        format!(
            "{} read, {} failed, {} skipped, of {} planned",
            sum.scanned, sum.failed, sum.skipped, plan.objects
        ),
    );
    row("bytes", format!("{} of {}", units::bytes(sum.bytes as f64), units::bytes(plan.bytes as f64)));
    row("records", sum.records.to_string());
    row("findings", format!("{} before copies and filters", sum.findings));
    row("errors", sum.errors.to_string());
    row("worked", format!("{:.1} s in all workers", sum.seconds));
    text
}

/// Returns numbers in few words: `0-3, 7, 9-12`.
pub(super) fn spans(numbers: &[usize]) -> String {
    let mut spans: Vec<(usize, usize)> = Vec::new();
    for &number in numbers {
        match spans.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => spans.push((number, number)),
        }
    }
    const SHOWN: usize = 20;
    let text = |&(first, last): &(usize, usize)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    let mut words: Vec<String> = spans.iter().take(SHOWN).map(text).collect();
    if spans.len() > SHOWN {
        words.push("…".to_owned());
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_a_row_are_one_span() {
        for (numbers, text) in [(&[][..], ""), (&[3], "3"), (&[0, 1, 2, 4, 7, 8], "0-2, 4, 7-8")] {
            assert_eq!(spans(numbers), text);
        }
        let odd: Vec<usize> = (0..50).map(|n| 2 * n).collect();
        assert!(spans(&odd).ends_with("38, …"));
    }
}
