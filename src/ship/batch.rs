//! Cuts findings files into batches of items.
//!
//! Files are read one after another from where the cursor stands. Lines are rendered and added until the batch holds
//! as many bytes as a request may have, and a batch never reaches over the end of a file, so that the cursor can move
//! to its end. A line that is no finding becomes an item that cannot be sent, with its reason. An error of a file
//! waits until what stands before it has been delivered.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::value::RawValue;

use super::answer::{Item, Part};
use super::cursor::Cursor;
use super::dead::Refusal;
use super::input::{Input, Line};
use super::target::Target;
use super::{ShipError, ShipOptions};
use crate::finding::{Finding, SCHEMA};
use crate::findings::{LineKind, kind_of};
use crate::inflate::starts_gzip;
use crate::json::minify::minify;

/// Some lines of one file, rendered.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) items: Vec<Item>,
    /// Lines that cannot be sent at all.
    pub(super) unsendable: Vec<Unsendable>,
    /// How many findings `items` holds.
    pub(super) findings: u64,
    pub(super) end: Mark,
}

#[derive(Debug)]
pub(super) struct Unsendable {
    pub(super) line: Arc<Line>,
    pub(super) id: Option<String>,
    pub(super) refusal: Refusal,
}

/// A place in a file with everything before it.
#[derive(Debug)]
pub(super) struct Mark {
    pub(super) file: PathBuf,
    pub(super) offset: u64,
    pub(super) sha256: String,
}

/// Reads the files one after another.
#[derive(Debug)]
pub(super) struct Batches<'o> {
    files: std::slice::Iter<'o, PathBuf>,
    open: Option<(&'o Path, Input)>,
    /// An error that waits until what stands before it is delivered.
    failed: Option<ShipError>,
    /// Lowered when the server finds requests too large.
    pub(super) batch_bytes: usize,
}

impl<'o> Batches<'o> {
    pub(super) fn new(options: &'o ShipOptions) -> Self {
        let batch_bytes = options.batch_bytes.max(1);
        Self { files: options.files.iter(), open: None, failed: None, batch_bytes }
    }

    /// Returns the next batch, or `None` after the last. It does not reach over the end of a file.
    pub(super) fn next(&mut self, target: &Target, cursor: &Cursor) -> Result<Option<Batch>, ShipError> {
        loop {
            if let Some(error) = self.failed.take() {
                return Err(error);
            }
            if self.open.is_none() {
                let Some(path) = self.files.next() else { return Ok(None) };
                let input = Input::open(path, cursor.offset(path))?;
                cursor.check(path, input.offset(), &input.digest())?;
                self.open = Some((path, input));
            }
            if let Some(batch) = self.fill(target)? {
                return Ok(Some(batch));
            }
        }
    }

    fn fill(&mut self, target: &Target) -> Result<Option<Batch>, ShipError> {
        let Some((path, input)) = &mut self.open else { return Ok(None) };
        let path = *path;
        let (mut items, mut unsendable, mut bytes, mut findings) = (Vec::new(), Vec::new(), 0, 0);
        let mut ended = false;
        while bytes < self.batch_bytes {
            let line = match input.next_line() {
                Ok(Some(line)) => Arc::new(line),
                Ok(None) => {
                    ended = true;
                    break;
                }
                Err(error) => {
                    ended = true;
                    self.failed = Some(error);
                    break;
                }
            };
            match parts(&line, target) {
                Ok((id, parts)) => {
                    findings += 1;
                    for (part, payload) in parts {
                        bytes += payload.len();
                        items.push(Item { payload, line: Arc::clone(&line), id: id.clone(), part });
                    }
                }
                Err(one) if line.offset == 0 && one.id.is_none() => {
                    let why = std::io::Error::new(std::io::ErrorKind::InvalidData, one.refusal.reason);
                    return Err(ShipError::Input { path: line.file.clone(), source: why });
                }
                Err(one) => unsendable.push(one),
            }
        }
        let end = Mark { file: path.to_owned(), offset: input.offset(), sha256: input.digest() };
        if ended {
            self.open = None;
        }
        let empty = items.is_empty() && unsendable.is_empty();
        Ok((!empty).then_some(Batch { items, unsendable, findings, end }))
    }
}

type Parts = (String, Vec<Part>);

fn parts(line: &Arc<Line>, target: &Target) -> Result<Parts, Unsendable> {
    let unsendable = |id: Option<String>, kind: &str, reason: String| Unsendable {
        line: Arc::clone(line),
        id,
        refusal: Refusal { status: None, kind: kind.into(), reason },
    };
    let mut finding: Finding = serde_json::from_slice(&line.text).map_err(|error| {
        let is = match kind_of(&line.text) {
            LineKind::Other(name) => format!("this is {name}; ship reads {SCHEMA} lines"),
            // A file that is gzipped is no text, and the parser's words for it say nothing.
            _ if starts_gzip(&line.text) => format!("this is gzip; ship reads {SCHEMA} lines, inflated,"),
            _ => format!("not a {SCHEMA} line ({error})"),
        };
        unsendable(None, "not_a_finding", format!("{is} as `roottrail scan -f ndjson` writes them"))
    })?;
    let id = finding.id.to_string();
    if finding.schema != SCHEMA {
        return Err(unsendable(Some(id), "not_a_finding", format!("the schema is not {SCHEMA}")));
    }
    normalize(&mut finding).map_err(|why| unsendable(Some(id.clone()), "not_a_finding", why))?;
    match target.render(&finding) {
        Ok(parts) => Ok((id, parts)),
        Err(error) => Err(unsendable(Some(id), "no_record", error.to_string())),
    }
}

/// Returns the finding's record, minified as `scan` writes records: a file that went through other tools may have
/// white space.
fn normalize(finding: &mut Finding) -> Result<(), String> {
    let Some(raw) = &finding.cloudtrail else { return Ok(()) };
    let mut text = String::with_capacity(raw.get().len());
    minify(raw.get().as_bytes(), &mut text).map_err(|error| error.to_string())?;
    if text.len() != raw.get().len() {
        finding.cloudtrail = Some(RawValue::from_string(text).map_err(|error| error.to_string())?);
    }
    Ok(())
}
