//! Opens a findings file, gzipped or not, and tells what a line is.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use serde::Deserialize;

use crate::cancel::Cancel;
use crate::inflate::{MAGIC, Peek, starts_gzip};

/// How much is read at a time.
const BUFFER: usize = 1 << 20;

/// Opens a findings file; `-` is standard input. Gzip is decided by its magic bytes, and all members are
/// read.
///
/// # Errors
/// Fails where the file cannot be opened, or is a directory.
pub fn open(path: &Path) -> io::Result<Box<dyn BufRead + Send>> {
    if path.as_os_str() == "-" {
        return inflated(BufReader::with_capacity(BUFFER, io::stdin()));
    }
    let file = open_file(path)?;
    inflated(BufReader::with_capacity(BUFFER, file))
}

/// Opens a file, and refuses a directory.
///
/// # Errors
/// Fails where the file cannot be opened, or is a directory.
pub fn open_file(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        let text = "is a directory: name files of findings, which `roottrail scan SOURCE -o FILE` writes";
        return Err(io::Error::new(io::ErrorKind::IsADirectory, text));
    }
    Ok(file)
}

fn inflated(from: impl BufRead + Send + 'static) -> io::Result<Box<dyn BufRead + Send>> {
    let mut from = Peek::new(from, &Cancel::new());
    if starts_gzip(from.peek(MAGIC.len())?) {
        return Ok(Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(from))));
    }
    Ok(Box::new(from))
}

/// What a line of a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineKind {
    /// `roottrail.finding/1`
    Finding,
    /// Another of roottrail's own lines, which may stand between findings: an error, the end of a part.
    Beside,
    /// A finding in another of roottrail's formats, or something else that has a name.
    Other(&'static str),
    /// A line of an unknown kind.
    Unknown,
}

/// The members that tell formats apart.
#[derive(Deserialize)]
struct Marks<'a> {
    #[serde(borrow, default)]
    schema: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow, default)]
    ecs: Option<&'a serde_json::value::RawValue>,
    #[serde(borrow, default)]
    class_uid: Option<&'a serde_json::value::RawValue>,
    #[serde(borrow, default)]
    sourcetype: Option<&'a serde_json::value::RawValue>,
    #[serde(borrow, default)]
    create: Option<&'a serde_json::value::RawValue>,
    #[serde(borrow, default, rename = "Records")]
    records: Option<&'a serde_json::value::RawValue>,
    #[serde(borrow, default, rename = "eventVersion")]
    event_version: Option<&'a serde_json::value::RawValue>,
}

/// Tells what a line is, for a message that names it.
pub fn kind_of(line: &[u8]) -> LineKind {
    let line = line.trim_ascii();
    if line.starts_with(b"time,severity,account_id,") {
        return LineKind::Other("CSV (scan -f csv)");
    }
    let Ok(marks) = serde_json::from_slice::<Marks<'_>>(line) else {
        return LineKind::Unknown;
    };
    match marks.schema.as_deref() {
        Some(crate::finding::SCHEMA) => return LineKind::Finding,
        Some("roottrail.error/1" | "roottrail.part/1") => return LineKind::Beside,
        Some("roottrail.summary/1") => return LineKind::Other("a summary (give it to --summary)"),
        Some("roottrail.posture/1") => return LineKind::Other("a posture (give it to --posture)"),
        Some(schema) if schema.starts_with("roottrail.") => {
            return LineKind::Other("another of roottrail's files");
        }
        _ => {}
    }
    if marks.sourcetype.is_some() {
        LineKind::Other("Splunk envelopes (scan -f hec)")
    } else if marks.create.is_some() {
        LineKind::Other("requests for _bulk (scan -f bulk)")
    } else if marks.class_uid.is_some() {
        LineKind::Other("OCSF (scan -f ocsf)")
    } else if marks.ecs.is_some() {
        LineKind::Other("ECS documents (scan -f ecs)")
    } else if marks.records.is_some() || marks.event_version.is_some() {
        LineKind::Other("a CloudTrail log (scan it first)")
    } else {
        LineKind::Unknown
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;

    #[test]
    fn every_gzip_member_is_read_whatever_the_name() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut both = Vec::new();
        for part in ["one\n", "two\n"] {
            let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            gzip.write_all(part.as_bytes()).unwrap();
            both.extend(gzip.finish().unwrap());
        }
        std::fs::write(file.path(), both).unwrap();
        let mut text = String::new();
        open(file.path()).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "one\ntwo\n");
        assert!(open(file.path().parent().unwrap()).is_err(), "a directory");
    }

    #[test]
    fn other_kinds_are_named() {
        for (line, kind) in [
            (r#"{"schema":"roottrail.finding/1"}"#, LineKind::Finding),
            (r#"{"schema":"roottrail.error/1","uri":"x"}"#, LineKind::Beside),
            (r#"{"a":1}"#, LineKind::Unknown),
            ("no JSON", LineKind::Unknown),
        ] {
            assert_eq!(kind_of(line.as_bytes()), kind, "{line}");
        }
        for (line, word) in [
            ("time,severity,account_id,region\n", "csv"),
            (r#"{"time":1,"sourcetype":"aws:cloudtrail","event":{}}"#, "hec"),
            (r#"{"create":{"_index":"x"}}"#, "bulk"),
            (r#"{"class_uid":3002}"#, "ocsf"),
            (r#"{"ecs":{"version":"8"}}"#, "ecs"),
            (r#"{"Records":[]}"#, "scan it first"),
            (r#"{"schema":"roottrail.summary/1"}"#, "--summary"),
        ] {
            let LineKind::Other(name) = kind_of(line.as_bytes()) else { panic!("{line}") };
            assert!(name.contains(word), "{name}");
        }
    }
}
