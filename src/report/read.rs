//! Reads findings files into sorted rows: one thread reads lines, all others take them apart.
//!
//! Whole lines travel in pieces of [`PIECE`] bytes through a short channel. Each piece is cut among the
//! threads, and what they made of it is taken in in order, so that the result does not depend on their
//! number. Beside the rows, two things are kept whose size is bounded: the credentials that calls issued
//! ([`MOST_ISSUED`]), and the records of the most severe findings ([`MOST_RECORDS`]).

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::Serialize;

use super::event::{Issue, Seen};
use super::row::order;
use crate::finding::{FindingId, Severity};
use crate::findings::{self, FindingLines, LineFault, LineKind};
use crate::sort::Sorter;

/// Bytes of rows that are sorted in memory.
const RUN: usize = 96 << 20;
/// Bytes of lines that are handed over at a time.
const PIECE: usize = 2 << 20;
/// Credentials whose issue is remembered.
pub(super) const MOST_ISSUED: usize = 200_000;
/// Findings whose records are kept, and characters of each.
pub const MOST_RECORDS: usize = 300;
const RECORD: usize = 16 << 10;

/// One file that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Input {
    /// The file as given.
    pub file: String,
    /// Findings in it.
    pub findings: u64,
    /// Lines that are no findings, and parts of the file that could not be read.
    pub unread: u64,
    /// The first of them, and why.
    pub fault: Option<String>,
}

/// Why no report can be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A file cannot be opened.
    #[error("cannot read {path}")]
    Open {
        /// The file.
        path: String,
        /// The reason.
        source: io::Error,
    },
    /// A file is not what its option asks for.
    #[error("{path} is not {what}: {why}")]
    Form {
        /// The file.
        path: String,
        /// What it should be.
        what: &'static str,
        /// Why it is not.
        why: String,
    },
    /// The temporary file of the sort cannot be used.
    #[error("cannot use a temporary file in {folder}", folder = std::env::temp_dir().display())]
    Spill(#[from] io::Error),
    /// The page cannot be made.
    #[error("cannot make the page")]
    Page(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// By severity, then time, then id: which records are kept.
pub(super) type Rank = (std::cmp::Reverse<Severity>, i64, FindingId);

/// What reading gave.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) rows: Sorter,
    pub(super) inputs: Vec<Input>,
    pub(super) issued: HashMap<String, Issue>,
    /// Issued credentials beyond [`MOST_ISSUED`].
    pub(super) issued_beyond: u64,
    pub(super) records: BTreeMap<Rank, Box<str>>,
    /// Findings without a record, written with `--no-raw`.
    pub(super) bare: u64,
}

/// Lines of one file.
struct Piece {
    file: usize,
    first_line: u64,
    text: Vec<u8>,
    fault: Option<String>,
}

/// Reads the files. Every one of them is opened before the first is read.
pub(super) fn read(files: &[PathBuf]) -> Result<Read, ReportError> {
    let open = |path: &PathBuf| {
        findings::open(path).map_err(|source| ReportError::Open { path: shown(path), source })
    };
    let opened = files.iter().map(open).collect::<Result<Vec<_>, _>>()?;
    let inputs = files.iter().map(|path| Input { file: shown(path), ..Input::default() }).collect();
    let mut read = Read {
        rows: Sorter::new(RUN, order),
        inputs,
        issued: HashMap::new(),
        issued_beyond: 0,
        records: BTreeMap::new(),
        bare: 0,
    };
    let (sender, pieces) = crossbeam_channel::bounded::<Piece>(2);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for (file, from) in opened.into_iter().enumerate() {
                if !cut(file, FindingLines::new(from, 0), &sender) {
                    return;
                }
            }
        });
        for piece in pieces {
            read.take(&piece)?;
        }
        Ok(read)
    })
}

fn shown(path: &Path) -> String {
    crate::text::table::inert(&path.display().to_string(), 1024).into_owned()
}

/// Sends the lines of a file in pieces; false where nobody takes them.
fn cut(
    file: usize,
    mut lines: FindingLines<Box<dyn io::BufRead + Send>>,
    to: &crossbeam_channel::Sender<Piece>,
) -> bool {
    let (mut line, mut first_line) = (0, 1);
    let mut text = Vec::new();
    loop {
        let fault = match lines.next_into(&mut text) {
            Ok(0) => None,
            Ok(_) => {
                line += 1;
                if text.len() < PIECE {
                    continue;
                }
                let text = std::mem::replace(&mut text, Vec::with_capacity(PIECE + PIECE / 8));
                if to.send(Piece { file, first_line, text, fault: None }).is_err() {
                    return false;
                }
                first_line = line + 1;
                continue;
            }
            Err(fault) => {
                let cause = match fault {
                    LineFault::Io(ref cause) => cause.to_string(),
                    LineFault::TooLong => fault.to_string(),
                };
                Some(format!("line {}: {cause}; what comes behind is not read", line + 1))
            }
        };
        return to.send(Piece { file, first_line, text, fault }).is_ok();
    }
}

/// What one thread made of its lines.
#[derive(Default)]
struct Part {
    rows: Vec<u8>,
    ends: Vec<usize>,
    issued: Vec<(String, Issue)>,
    records: Vec<(Rank, Box<str>)>,
    unread: u64,
    fault: Option<(usize, String)>,
    lines: usize,
    bare: u64,
}

impl Read {
    fn take(&mut self, piece: &Piece) -> io::Result<()> {
        let worst = (self.records.len() >= MOST_RECORDS)
            .then(|| self.records.last_key_value().map(|(rank, _)| *rank))
            .flatten();
        let parts: Vec<Part> = slices(&piece.text, 2 * rayon::current_num_threads())
            .into_par_iter()
            .map(|text| part(text, worst))
            .collect();
        let mut line = piece.first_line;
        for part in parts {
            let input = &mut self.inputs[piece.file];
            input.findings += part.ends.len() as u64;
            input.unread += part.unread;
            self.bare += part.bare;
            if let (None, Some((at, why))) = (&input.fault, part.fault) {
                input.fault = Some(format!("line {}: {why}", line + at as u64));
            }
            line += part.lines as u64;
            let mut start = 0;
            for end in part.ends {
                self.rows.push(&part.rows[start..end])?;
                start = end;
            }
            for (key, issue) in part.issued {
                self.issue(key, issue);
            }
            self.records.extend(part.records);
            while self.records.len() > MOST_RECORDS {
                self.records.pop_last();
            }
        }
        if let Some(fault) = &piece.fault {
            let input = &mut self.inputs[piece.file];
            input.unread += 1;
            input.fault.get_or_insert_with(|| fault.clone());
        }
        Ok(())
    }

    /// Notes what issued a key. The earlier of two calls counts: the other is a copy, or a forgery.
    fn issue(&mut self, key: String, issue: Issue) {
        let held = self.issued.len();
        match self.issued.get_mut(&key) {
            Some(known) if (issue.time, issue.id) < (known.time, known.id) => *known = issue,
            Some(_) => {}
            None if held < MOST_ISSUED => {
                self.issued.insert(key, issue);
            }
            None => self.issued_beyond += 1,
        }
    }
}

/// Cuts lines into up to `n` slices of whole lines.
fn slices(text: &[u8], n: usize) -> Vec<&[u8]> {
    let mut slices = Vec::with_capacity(n);
    let mut rest = text;
    let each = text.len() / n.max(1) + 1;
    while !rest.is_empty() {
        let end = memchr::memchr(b'\n', &rest[each.min(rest.len()) - 1..])
            .map_or(rest.len(), |at| each.min(rest.len()) + at);
        let (head, tail) = rest.split_at(end.min(rest.len()));
        slices.push(head);
        rest = tail;
    }
    slices
}

fn part(text: &[u8], worst: Option<Rank>) -> Part {
    let mut part = Part::default();
    let mut rest = text;
    while !rest.is_empty() {
        let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
        let (line, behind) = rest.split_at(end);
        rest = behind;
        let at = part.lines;
        part.lines += 1;
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        // A line that is text as a whole needs no look at each string.
        let seen = match std::str::from_utf8(line) {
            Ok(line) => serde_json::from_str::<Seen<'_>>(line),
            Err(_) => serde_json::from_slice(line),
        };
        let seen = match seen {
            Ok(seen) if seen.is_finding() => seen,
            result => {
                let why = match (findings::kind_of(line), result) {
                    (LineKind::Beside, _) => continue,
                    (LineKind::Other(name), _) => {
                        format!("this is {name}; report reads findings as scan -f ndjson writes them")
                    }
                    (LineKind::Finding, Err(error)) => format!("a finding that cannot be read: {error}"),
                    (_, Err(error)) if error.is_syntax() || error.is_eof() => format!("no JSON: {error}"),
                    (LineKind::Finding | LineKind::Unknown, _) => "no finding".to_owned(),
                };
                part.unread += 1;
                part.fault.get_or_insert((at, why));
                continue;
            }
        };
        let made = seen.encode(&mut part.rows);
        part.ends.push(part.rows.len());
        part.issued.extend(made.issued);
        part.bare += u64::from(seen.cloudtrail.is_none());
        let rank = (std::cmp::Reverse(made.severity), made.time.unwrap_or(i64::MAX), seen.id);
        if let Some(raw) = seen.cloudtrail
            && made.severity >= Severity::High
            && worst.is_none_or(|worst| rank < worst)
        {
            part.records.push((rank, crate::text::table::inert(raw.get(), RECORD).into()));
        }
    }
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_whole_lines_and_lose_none() {
        for text in
            ["", "a", "a\n", "a\nbb\nccc\n", "\n\n\n", "one long line without an end", "x\nyyyyyyyyyyyyyy\nz"]
        {
            for n in 1..6 {
                let slices = slices(text.as_bytes(), n);
                assert_eq!(slices.concat(), text.as_bytes(), "{text:?} in {n}");
                let inner = &slices[..slices.len().saturating_sub(1)];
                assert!(inner.iter().all(|slice| slice.ends_with(b"\n")), "{text:?} in {n}");
            }
        }
    }
}
