//! A plan as a table.

use std::fmt::Write as _;
use std::time::Duration;

use super::terminal::plain;
use super::units::bytes;
use roottrail::plan::{Amount, Plan, prices};
use roottrail::text::span;

/// Returns the whole text, with a newline at its end.
pub(super) fn text(plan: &Plan) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _infallible = write(plan, &mut out);
    out
}

fn write(plan: &Plan, out: &mut String) -> std::fmt::Result {
    if !plan.rows.is_empty() {
        writeln!(out, "{:<14}{:<18}{:<26}{:>12}{:>12}", "account", "region", "days", "objects", "bytes")?;
        for ((account, region), row) in &plan.rows {
            let days =
                row.days.as_ref().map_or_else(String::new, |(first, last)| format!("{first} – {last}"));
            // A key may have any text in the place of the region.
            line(out, &plain(account), &plain(region), &days, row.readable)?;
            if row.archived.objects > 0 {
                line(out, "", "", "  archived", row.archived)?;
            }
        }
    }
    if plan.elsewhere.objects > 0 {
        line(out, "other names", "", "", plan.elsewhere)?;
    }
    line(out, "all", "", "", plan.readable)?;
    writeln!(out)?;
    let skipped: u64 = plan.skipped.values().map(|amount| amount.objects).sum();
    let kinds: Vec<String> =
        plan.skipped.iter().map(|(skip, amount)| format!("{} {}", amount.objects, skip.label())).collect();
    let kinds = if kinds.is_empty() { String::new() } else { format!(" ({})", kinds.join(", ")) };
    writeln!(out, "skipped    {skipped} objects{kinds}")?;
    if plan.archived.objects > 0 {
        let Amount { objects, bytes: stored } = plan.archived;
        writeln!(
            out,
            "archived   {objects} objects, {}: restore them first, or they fail",
            bytes(stored as f64)
        )?;
    }
    writeln!(out, "failures   {} prefixes or objects that a scan could not read", plan.failures.len())?;
    if plan.fetched.objects > 0 {
        writeln!(
            out,
            "requests   {} LIST (made just now, {:.1} s), {} GET",
            plan.list_requests,
            plan.listing.as_secs_f64(),
            plan.fetched.objects
        )?;
        writeln!(
            out,
            "cost       ${:.2} for requests{}, ${:.2} more where the bytes leave AWS (prices of {})",
            plan.requests_cost(),
            retrieval(plan.retrieval_cost()),
            plan.transfer_cost(),
            prices::AS_OF
        )?;
    }
    let estimate = plan.estimate();
    let basis = match &plan.sample {
        Some(sample) => format!("by a sample of {} objects", sample.read.objects),
        None => "by assumed rates; --sample N measures".to_owned(),
    };
    // An estimate beyond all years is one of no use, and no failure.
    let time = Duration::try_from_secs_f64(estimate.seconds.ceil()).unwrap_or(Duration::MAX);
    writeln!(out, "duration   about {} ({basis})", span(time))?;
    if let (Some(records), Some(inflated)) = (estimate.records, estimate.inflated) {
        writeln!(out, "records    about {records} in {}", bytes(inflated as f64))?;
    }
    Ok(())
}

/// Returns the cost of retrieval, which only the colder storage classes ask for.
fn retrieval(cost: f64) -> String {
    if cost > 0.0 { format!(", ${cost:.2} for retrieval from colder classes") } else { String::new() }
}

fn line(out: &mut String, account: &str, region: &str, days: &str, amount: Amount) -> std::fmt::Result {
    writeln!(
        out,
        "{account:<14}{region:<18}{days:<26}{:>12}{:>12}",
        amount.objects,
        bytes(amount.bytes as f64)
    )
}
