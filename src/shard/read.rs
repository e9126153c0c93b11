//! A part, read back line by line, and refused where it is not what its last line says.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};

use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::part::{ERROR, FINDING, LAST, OBJECT, PART_SCHEMA, PartEnd, PartObject};
use crate::detect::element::Judged;
use crate::error::{ErrorKind, ObjectError, Stage};
use crate::finding::Finding;
use crate::hex::hex;
use crate::json::canonical::Fingerprint;

/// A part that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {why}")]
pub struct PartError {
    /// The part.
    pub name: String,
    why: String,
}

/// One line.
#[derive(Debug)]
pub enum PartLine {
    /// The object that the lines behind it are of.
    Object(PartObject),
    /// An object or record that could not be read.
    Error(ObjectError),
    /// A finding.
    Finding(Box<Judged>),
    /// The last line.
    End(Box<PartEnd>),
}

#[derive(Deserialize)]
struct ErrorLine {
    uri: String,
    stage: Stage,
    kind: ErrorKind,
    message: String,
    record_index: Option<u64>,
    findings_salvaged: u64,
}

/// Bytes of a line: no finding is longer than an object may be.
const LONGEST: u64 = 4 << 30;

/// Reads a part.
#[derive(Debug)]
pub struct PartReader {
    name: String,
    lines: BufReader<MultiGzDecoder<BufReader<File>>>,
    line: Vec<u8>,
    hash: Sha256,
    shard: usize,
    plan_sha256: String,
    findings: u64,
    errors: u64,
}

impl PartReader {
    /// Opens the part of a shard of the plan with this hash.
    pub fn new(name: &str, file: File, shard: usize, plan_sha256: &str) -> Self {
        let inflated = MultiGzDecoder::new(BufReader::with_capacity(1 << 16, file));
        Self {
            name: name.to_owned(),
            lines: BufReader::with_capacity(1 << 18, inflated),
            line: Vec::new(),
            hash: Sha256::new(),
            shard,
            plan_sha256: plan_sha256.to_owned(),
            findings: 0,
            errors: 0,
        }
    }

    /// Returns the next line. The last one is the part's end; nothing may be asked for behind it.
    ///
    /// # Errors
    ///
    /// Fails where the part is cut short, changed, of another shard or plan, or does not add up.
    pub fn read_next(&mut self) -> Result<PartLine, PartError> {
        self.line.clear();
        let read = (&mut self.lines).take(LONGEST).read_until(b'\n', &mut self.line);
        let line = match read {
            Ok(0) => return Err(self.refused("it has no last line: it was cut short")),
            Ok(_) => &self.line,
            Err(error) => return Err(self.refused(&cause(&error))),
        };
        if line.last() != Some(&b'\n') {
            return Err(self.refused("its last line is cut short"));
        }
        if line.starts_with(LAST) {
            return self.end();
        }
        self.hash.update(line);
        let parsed = if line.starts_with(FINDING) {
            self.findings += 1;
            finding(line).map(|judged| PartLine::Finding(Box::new(judged)))
        } else if line.starts_with(ERROR) {
            self.errors += 1;
            error(line).map(PartLine::Error)
        } else if line.starts_with(OBJECT) {
            serde_json::from_slice(line).map(PartLine::Object).map_err(|error| error.to_string())
        } else {
            Err("a line is of no kind that parts have".to_owned())
        };
        parsed.map_err(|why| self.refused(&why))
    }

    /// Reads the part to its end, and returns that.
    ///
    /// # Errors
    ///
    /// Fails as [`PartReader::read_next`] does.
    pub fn to_end(mut self) -> Result<PartEnd, PartError> {
        loop {
            if let PartLine::End(end) = self.read_next()? {
                return Ok(*end);
            }
        }
    }

    fn end(&mut self) -> Result<PartLine, PartError> {
        let end: PartEnd =
            serde_json::from_slice(&self.line).map_err(|error| self.refused(&error.to_string()))?;
        let behind = self.lines.fill_buf().map(<[u8]>::len).map_err(|error| self.refused(&cause(&error)))?;
        let hash = hex(&std::mem::take(&mut self.hash).finalize());
        let (matched, errors) = (end.totals.matched, end.totals.errors);
        let why = match () {
            () if end.schema != PART_SCHEMA => "it is of another schema".to_owned(),
            () if behind > 0 => "something stands behind its last line".to_owned(),
            () if end.plan_sha256 != self.plan_sha256 => "it belongs to another plan".to_owned(),
            () if end.shard != self.shard => format!("it is the part of shard {}", end.shard),
            () if end.sha256 != hash => "it was changed: its SHA-256 is not that of its last line".to_owned(),
            () if [end.findings, matched] != [self.findings; 2] => {
                format!(
                    "it holds {} findings, and its last line says {} of {matched}",
                    self.findings, end.findings
                )
            }
            () if errors != self.errors => {
                format!("it holds {} error lines, and its last line says {errors}", self.errors)
            }
            () if !end.totals.balance() => "its counts do not add up".to_owned(),
            () => return Ok(PartLine::End(Box::new(end))),
        };
        Err(self.refused(&why))
    }

    fn refused(&self, why: &str) -> PartError {
        PartError { name: self.name.clone(), why: why.to_owned() }
    }
}

fn cause(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "it was cut short".to_owned(),
        _ => format!("it cannot be read: {error}"),
    }
}

fn finding(line: &[u8]) -> Result<Judged, String> {
    let digits =
        line.get(FINDING.len()..FINDING.len() + 32).and_then(|digits| std::str::from_utf8(digits).ok());
    let fingerprint = digits.and_then(|digits| u128::from_str_radix(digits, 16).ok());
    let fingerprint = fingerprint.ok_or("the fingerprint of a finding is unreadable")?;
    let finding: Finding = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    Ok(Judged { finding, fingerprint: Fingerprint(fingerprint) })
}

fn error(line: &[u8]) -> Result<ObjectError, String> {
    let line: ErrorLine = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let mut error = ObjectError::new(line.uri, line.stage, line.kind, line.message);
    (error.record_index, error.findings_salvaged) = (line.record_index, line.findings_salvaged);
    Ok(error)
}

#[cfg(test)]
mod tests {
    use std::io::{Seek as _, Write as _};
    use std::sync::Arc;

    use super::*;
    use crate::object::ObjectRef;
    use crate::scan::report::Report;
    use crate::shard::PartWriter;
    use crate::summary::Summary;
    use crate::summary::totals::Totals;

    const PLAN: &str = "77";

    /// The part of shard 3, with one object that failed.
    fn part(change: impl FnOnce(&mut PartEnd)) -> Vec<u8> {
        let mut writer = PartWriter::new(false).unwrap();
        let object = Arc::new(ObjectRef { uri: "s3://b/k".into(), size: 5, ..ObjectRef::default() });
        let error =
            ObjectError::new("s3://b/k", Stage::Get, ErrorKind::NotFound, "it is \u{1b} gone").at_record(7);
        writer.object(&mut Report { damaged: true, ..Report::failed(&object, error) }).unwrap();
        writer.object(&mut Report::new(&object)).unwrap();
        let mut summary = Summary { errors: 1, ..Summary::default() };
        (summary.objects.listed, summary.objects.failed, summary.objects.scanned) = (2, 1, 1);
        let totals = Totals::of(&summary);
        let mut end = PartEnd { shard: 3, plan_sha256: PLAN.into(), totals, ..PartEnd::default() };
        change(&mut end);
        let mut file = writer.finish(end).unwrap();
        let mut bytes = Vec::new();
        file.rewind().unwrap();
        file.read_to_end(&mut bytes).unwrap();
        bytes
    }

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.rewind().unwrap();
        file
    }

    fn why(bytes: &[u8]) -> String {
        PartReader::new("p", file(bytes), 3, PLAN).to_end().unwrap_err().to_string()
    }

    fn text(bytes: &[u8]) -> String {
        let mut text = String::new();
        MultiGzDecoder::new(bytes).read_to_string(&mut text).unwrap();
        text
    }

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_part_comes_back() {
        let bytes = part(|_| {});
        let mut reader = PartReader::new("p", file(&bytes), 3, PLAN);
        let PartLine::Object(object) = reader.read_next().unwrap() else { panic!() };
        let report = object.report();
        assert_eq!((object.uri.as_str(), report.object.size, report.damaged), ("s3://b/k", 5, true));
        let PartLine::Error(error) = reader.read_next().unwrap() else { panic!() };
        assert_eq!(error.to_string(), "s3://b/k: get: record 7: it is \\u{1b} gone");
        let PartLine::End(end) = reader.read_next().unwrap() else { panic!() };
        assert_eq!((end.shard, end.totals.failed, end.totals.errors), (3, 1, 1));
        assert_eq!(text(&bytes).lines().count(), 3, "of an object without findings there is nothing to say");
    }

    #[test]
    fn what_is_not_the_part_is_refused_by_name() {
        let sound = part(|_| {});
        assert!(PartReader::new("p", file(&sound), 3, PLAN).to_end().is_ok());
        let whole = text(&sound);
        let last = whole.lines().last().unwrap();
        for (bytes, words) in [
            (part(|end| end.shard = 4), "p: it is the part of shard 4"),
            (part(|end| end.plan_sha256 = "78".into()), "p: it belongs to another plan"),
            (part(|end| end.totals.errors = 2), "p: it holds 1 error lines"),
            (part(|end| end.totals.matched = 2), "p: it holds 0 findings"),
            (part(|end| end.totals.scanned = 2), "p: its counts do not add up"),
            (sound[..sound.len() - 9].to_vec(), "p: it was cut short"),
            (sound[..sound.len() / 2].to_vec(), "p: it was cut short"),
            (Vec::new(), "p: it was cut short"),
            (gzip(whole.replace(last, "").trim_end()), "p: its last line is cut short"),
            (gzip(&format!("{}\n", whole.replace(last, "").trim_end())), "p: it has no last line"),
            (gzip(&whole.replace("gone", "here")), "p: it was changed"),
            (gzip(&format!("{whole}{{}}\n")), "p: something stands behind its last line"),
            (gzip(&format!("{{}}\n{whole}")), "p: a line is of no kind"),
            (b"{} is no gzip\n".to_vec(), "p: it cannot be read"),
        ] {
            let why = why(&bytes);
            assert!(why.starts_with(words), "{words}: {why}");
        }
    }
}
