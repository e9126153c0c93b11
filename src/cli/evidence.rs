//! The findings in a file that scan wrote, and where their records are.
//!
//! NDJSON, gzipped or not, has the record in `cloudtrail` unless `--no-raw` left it out, OCSF has it in `raw_data`,
//! and CSV has none. Where the record is not in the file, `evidence.uri` and `evidence.record_index` say where it
//! lies. Other formats are read as the containers of events that they are.

use std::io::Read as _;

use anyhow::Context as _;
use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::UsageError;
use roottrail::bounded;
use roottrail::finding;
use roottrail::findings::{LineKind, kind_of};

/// Inflated bytes of a file of findings at most: it is held whole.
const MOST: u64 = 1 << 30;

/// One finding of a file.
#[derive(Debug)]
pub(super) struct Found {
    /// The finding's id.
    pub(super) id: String,
    /// The event's own id.
    pub(super) event_id: Option<String>,
    /// The object that holds the record, and the record's number there.
    pub(super) uri: String,
    pub(super) index: u64,
    /// The record, where the file has it.
    pub(super) text: Option<Box<RawValue>>,
}

/// Returns those findings in a file that are asked for; `None`: it is no file of findings.
///
/// # Errors
///
/// Fails where a line is no finding although the first one is.
pub(super) fn findings_in(
    stored: &[u8],
    is_wanted: &dyn Fn(&Found) -> bool,
) -> anyhow::Result<Option<Vec<Found>>> {
    let inflated;
    let bytes = if stored.starts_with(&[0x1f, 0x8b]) {
        let mut head = Vec::new();
        // The first line is enough to know the file by; one that is cut later is inflated whole and fails then.
        let _cut = MultiGzDecoder::new(stored).take(64 << 10).read_to_end(&mut head);
        if reader_of(&head).is_none() {
            return Ok(None);
        }
        inflated = bounded::read(MultiGzDecoder::new(stored), MOST)?;
        &inflated[..]
    } else {
        stored
    };
    reader_of(bytes).map(|read| read(bytes, is_wanted)).transpose()
}

type Reader = fn(&[u8], &dyn Fn(&Found) -> bool) -> anyhow::Result<Vec<Found>>;

/// Returns the reader of a file that begins so.
fn reader_of(bytes: &[u8]) -> Option<Reader> {
    let bytes = bytes.trim_ascii_start();
    let begins = |text: &str| bytes.starts_with(text.as_bytes());
    // The whole of the first line need not be there.
    if begins(&format!("{{\"schema\":\"{}\"", finding::SCHEMA)) {
        return Some(of_ndjson);
    }
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    match kind_of(line) {
        LineKind::Other(name) if name.starts_with("CSV") => Some(of_csv),
        LineKind::Other(name) if name.starts_with("OCSF") && ocsf(line).is_ok() => Some(of_ocsf),
        _ => None,
    }
}

/// Reads a file line by line.
fn lines(
    bytes: &[u8],
    is_wanted: &dyn Fn(&Found) -> bool,
    read: fn(&[u8]) -> anyhow::Result<Found>,
) -> anyhow::Result<Vec<Found>> {
    let lines = (1..).zip(bytes.split(|byte| *byte == b'\n'));
    let lines = lines.filter(|(_, line)| !line.iter().all(u8::is_ascii_whitespace));
    let found = lines.map(|(n, line)| read(line).with_context(|| format!("line {n}")));
    found.filter(|found| found.as_ref().map_or(true, is_wanted)).collect()
}

/// A line of `roottrail.finding/1`, with the fields that are needed here.
#[derive(Deserialize)]
struct Line {
    schema: String,
    id: String,
    event: LineEvent,
    evidence: LineEvidence,
    cloudtrail: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct LineEvent {
    id: Option<String>,
}

#[derive(Deserialize)]
struct LineEvidence {
    uri: String,
    record_index: u64,
}

fn of_ndjson(bytes: &[u8], is_wanted: &dyn Fn(&Found) -> bool) -> anyhow::Result<Vec<Found>> {
    lines(bytes, is_wanted, |line| {
        let line: Line = serde_json::from_slice(line)?;
        anyhow::ensure!(line.schema == finding::SCHEMA, "it is no finding");
        let Line { id, event, evidence, cloudtrail, .. } = line;
        let LineEvidence { uri, record_index: index } = evidence;
        Ok(Found { id, event_id: event.id, uri, index, text: cloudtrail })
    })
}

fn of_ocsf(bytes: &[u8], is_wanted: &dyn Fn(&Found) -> bool) -> anyhow::Result<Vec<Found>> {
    lines(bytes, is_wanted, ocsf)
}

/// Reads a finding in either of the OCSF classes that scan writes. Security Lake's own events are none.
fn ocsf(line: &[u8]) -> anyhow::Result<Found> {
    #[derive(Deserialize)]
    struct Event {
        raw_data: String,
        #[serde(default)]
        evidences: Vec<Data>,
        unmapped: Option<Unmapped>,
    }
    #[derive(Deserialize)]
    struct Data {
        data: Own,
    }
    #[derive(Deserialize)]
    struct Unmapped {
        roottrail: Own,
    }
    #[derive(Deserialize)]
    struct Own {
        finding_id: String,
        uri: String,
        record_index: u64,
    }
    let Event { raw_data, evidences, unmapped } = serde_json::from_slice(line)?;
    let own = unmapped.map(|of| of.roottrail).or(evidences.into_iter().next().map(|of| of.data));
    let Own { finding_id: id, uri, record_index: index } = own.context("it is no finding")?;
    let text = RawValue::from_string(raw_data).context("raw_data is no record")?;
    Ok(Found { id, event_id: None, uri, index, text: Some(text) })
}

fn of_csv(bytes: &[u8], is_wanted: &dyn Fn(&Found) -> bool) -> anyhow::Result<Vec<Found>> {
    let mut rows = csv::ReaderBuilder::new().from_reader(bytes.trim_ascii_start());
    let head = rows.headers()?.clone();
    let column = |name: &str| {
        let at = head.iter().position(|cell| cell == name);
        at.ok_or_else(|| UsageError(format!("the table has no column {name}")))
    };
    let [id, event_id, uri, index] =
        [column("id")?, column("event_id")?, column("uri")?, column("record_index")?];
    let mut found = Vec::new();
    for row in rows.records() {
        let row = row?;
        let cell = |at: usize| unguarded(row.get(at).unwrap_or_default()).to_owned();
        let line = row.position().map_or(0, csv::Position::line);
        let one = Found {
            id: cell(id),
            event_id: Some(cell(event_id)),
            uri: cell(uri),
            index: cell(index).parse().with_context(|| format!("record_index in line {line}"))?,
            text: None,
        };
        if is_wanted(&one) {
            found.push(one);
        }
    }
    Ok(found)
}

/// Returns a cell without the apostrophe that keeps spreadsheets from taking it for a formula.
fn unguarded(cell: &str) -> &str {
    let formula = |rest: &&str| rest.trim_start().starts_with(['=', '+', '-', '@']);
    cell.strip_prefix('\'').filter(formula).unwrap_or(cell)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_others_are_no_findings() {
        for text in [
            r#"{"Records":[]}"#,
            r#"{"class_uid":6003,"metadata":{"product":{"name":"CloudTrail"}},"raw_data":"{}","unmapped":{}}"#,
            "time,user\n",
            "",
        ] {
            assert!(findings_in(text.as_bytes(), &|_| true).unwrap().is_none(), "{text}");
        }
    }

    #[test]
    fn a_cell_that_was_guarded_is_itself_again() {
        assert_eq!(unguarded("'-logs/a.json"), "-logs/a.json");
        assert_eq!(unguarded("'quoted'"), "'quoted'");
        let table = "time,severity,account_id,uri,record_index,event_id,id\n,low,1,\"'@a,b\",7,e,f\n";
        let found = findings_in(table.as_bytes(), &|_| true).unwrap().unwrap();
        assert_eq!((found[0].uri.as_str(), found[0].index, found[0].text.is_some()), ("@a,b", 7, false));
    }
}
