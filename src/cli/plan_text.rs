//! A plan as a table of 80 columns.

use std::fmt::Write as _;
use std::time::Duration;

use super::terminal::{folded, in_locale, plain};
use unicode_width::UnicodeWidthStr as _;

use super::units::{bytes, counted};
use roottrail::plan::{Amount, Plan, prices};
use roottrail::text::span;
use roottrail::text::table::cut;

/// Returns the whole text, with a newline at its end.
pub(super) fn text(plan: &Plan) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _infallible = write(plan, &mut out);
    // The days of a key are text from a bucket as well.
    in_locale(&out).into_owned()
}

fn write(plan: &Plan, out: &mut String) -> std::fmt::Result {
    if !plan.rows.is_empty() {
        writeln!(out, "{:<14}{:<16}{:<26}{:>11}{:>12}", "account", "region", "days", "objects", "bytes")?;
        for ((account, region), row) in &plan.rows {
            let days =
                row.days.as_ref().map_or_else(String::new, |(first, last)| format!("{first} to {last}"));
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
    note(out, &format!("skipped    {}{kinds}", counted(skipped, "object", "objects")))?;
    if plan.archived.objects > 0 {
        let Amount { objects, bytes: stored } = plan.archived;
        let (objects, stored) = (counted(objects, "object", "objects"), bytes(stored as f64));
        note(out, &format!("archived   {objects}, {stored}: restore them first, or they fail"))?;
    }
    let failures = plan.failures.len() as u64;
    let failures = counted(failures, "prefix or object", "prefixes or objects");
    note(out, &format!("failures   {failures} that a scan could not read"))?;
    if plan.fetched.objects > 0 {
        writeln!(
            out,
            "requests   {} LIST (made just now, {:.1} s), {} GET",
            plan.list_requests,
            plan.listing.as_secs_f64(),
            plan.fetched.objects
        )?;
        let cost = format!(
            "cost       ${:.2} for requests{}, ${:.2} more where the bytes leave AWS (prices of {})",
            plan.requests_cost(),
            retrieval(plan.retrieval_cost()),
            plan.transfer_cost(),
            prices::AS_OF
        );
        note(out, &cost)?;
    }
    let estimate = plan.estimate();
    let basis = match &plan.sample {
        Some(sample) => {
            format!("by a sample of {}", counted(sample.read.objects, "object", "objects"))
        }
        None => "by assumed rates; --sample N measures".to_owned(),
    };
    // An estimate beyond all years is one of no use, and no failure.
    let time = Duration::try_from_secs_f64(estimate.seconds.ceil()).unwrap_or(Duration::MAX);
    note(out, &format!("duration   about {} ({basis})", span(time)))?;
    if let (Some(records), Some(inflated)) = (estimate.records, estimate.inflated) {
        writeln!(out, "records    about {records} in {}", bytes(inflated as f64))?;
    }
    Ok(())
}

/// Returns the cost of retrieval, which only the colder storage classes ask for.
fn retrieval(cost: f64) -> String {
    if cost > 0.0 { format!(", ${cost:.2} for retrieval from colder classes") } else { String::new() }
}

/// Cells of a line.
const WIDTH: usize = 80;

/// Writes a line of words, folded where it is long.
fn note(out: &mut String, text: &str) -> std::fmt::Result {
    folded(text, WIDTH, 11).iter().try_for_each(|line| writeln!(out, "{line}"))
}

fn line(out: &mut String, account: &str, region: &str, days: &str, amount: Amount) -> std::fmt::Result {
    // A cell that is longer than its column has come from a bucket.
    let cell = |text: &str, width: usize| {
        let text = in_locale(text);
        let short = cut(&text, width - 1);
        let blanks = width - short.width();
        format!("{short}{}", " ".repeat(blanks))
    };
    let [account, region, days] = [cell(account, 14), cell(region, 16), cell(days, 26)];
    writeln!(out, "{account}{region}{days}{:>11}{:>12}", amount.objects, bytes(amount.bytes as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_a_strange_bucket_keep_to_their_columns() {
        for (account, region) in [("1".repeat(30), "é".repeat(80)), ("日本".repeat(9), "\u{1b}[2J".repeat(9))]
        {
            let mut out = String::new();
            let amount = Amount { objects: 99_999_999_999, bytes: u64::MAX };
            line(&mut out, &plain(&account), &plain(&region), "2025-11-17 to 2025-11-19", amount).unwrap();
            assert!(out.trim_end().width() <= WIDTH && !out.contains('\u{1b}'), "{out}");
        }
    }
}
