//! The tables of the page as rows of cells: what the template fills in.

mod episodes;
mod findings;
mod others;
mod posture;
mod sessions;

use serde::Serialize;

pub(super) use self::episodes::{EpisodeView, episodes};
pub(super) use self::findings::findings;
pub(super) use self::others::others;
pub(super) use self::posture::posture;
pub(super) use self::sessions::sessions;
use crate::finding::{MfaDevice, MfaStatus, Severity};
use crate::report::tables::{mfa, moment, name};
use crate::report::words::thousands;

/// Rows that the page takes of a table which says nothing of its own, so that it stays small however much there is.
const ROWS: usize = 300;

#[derive(Debug, Default, Serialize)]
pub(super) struct Cell {
    text: String,
    class: &'static str,
    badge: &'static str,
    sort: Option<String>,
    goto: Option<String>,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Row {
    id: Option<String>,
    time: Option<String>,
    account: Option<String>,
    severity: Option<String>,
    cells: Vec<Cell>,
    facts: Vec<(&'static str, String)>,
    record: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Column {
    title: &'static str,
    number: bool,
}

/// A table that sorts, filters and pages.
#[derive(Debug, Serialize)]
pub(super) struct Grid {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    intro: String,
    columns: Vec<Column>,
    pub(super) rows: Vec<Row>,
}

fn columns(titles: &[&'static str]) -> Vec<Column> {
    // A title that begins with # is of numbers.
    titles
        .iter()
        .map(|title| Column { title: title.trim_start_matches('#'), number: title.starts_with('#') })
        .collect()
}

fn text(text: impl Into<String>) -> Cell {
    Cell { text: text.into(), ..Cell::default() }
}

fn mono(text: impl Into<String>) -> Cell {
    Cell { text: text.into(), class: "mono", ..Cell::default() }
}

fn time(time: &str) -> Cell {
    Cell { text: moment(time), class: "t", ..Cell::default() }
}

fn number(n: u64) -> Cell {
    Cell { text: thousands(n), class: "n", sort: Some(n.to_string()), ..Cell::default() }
}

fn severity(severity: Severity) -> Cell {
    Cell {
        text: name(severity),
        badge: super::charts::severity_class(severity),
        sort: Some((severity as u8).to_string()),
        ..Cell::default()
    }
}

fn mfa_cell(status: Option<MfaStatus>, device: Option<MfaDevice>) -> Cell {
    let badge = match status {
        Some(MfaStatus::Used) => "mfa",
        Some(MfaStatus::NotUsed) => "nomfa",
        _ => "",
    };
    Cell { text: mfa(status, device).text, badge, ..Cell::default() }
}

/// Returns about how many bytes a row takes in the page.
fn size(row: &Row) -> usize {
    let cells: usize = row.cells.iter().map(|cell| cell.text.len() + 60).sum();
    let facts: usize = row.facts.iter().map(|(name, fact)| name.len() + fact.len() + 20).sum();
    cells + facts + 200
}

/// Adds a fact, unless there is nothing to say.
fn fact(facts: &mut Vec<(&'static str, String)>, name: &'static str, text: impl Into<String>) {
    let text = text.into();
    if !text.is_empty() {
        facts.push((name, text));
    }
}

fn of(listed: usize, all: u64, what: &str) -> String {
    if (listed as u64) < all {
        format!("The {} most severe of {} {what}.", thousands(listed as u64), thousands(all))
    } else {
        String::new()
    }
}
