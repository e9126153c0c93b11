//! The forms that a credential report comes in: CSV, base64 of it, and what `aws iam get-credential-report`
//! prints; in UTF-8, or in UTF-16 as PowerShell redirects it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::Value;

use super::rows::{self, Dates};
use super::sample::{Read, ReportDate};
use super::value::moment;
use crate::posture::names;
use crate::posture::problem::{Problem, ProblemKind};

/// Returns the text of a file, whatever Unicode it is in.
pub(in crate::posture) fn text_of(bytes: &[u8]) -> Result<String, &'static str> {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = bytes.chunks(2).map(|pair| match pair {
            [one, two] => unit([*one, *two]),
            _ => 0xfffd,
        });
        char::decode_utf16(units).collect::<Result<String, _>>().map_err(|_| "it is no UTF-16")
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0x1f, 0x8b, ..] => Err("it is compressed: inflate it with gunzip first"),
        [b'P', b'K', 3, 4, ..] => Err("it is a zip archive: unpack it first"),
        [0xef, 0xbb, 0xbf, rest @ ..] | rest => {
            String::from_utf8(rest.to_vec()).map_err(|_| "it is no text in UTF-8 or UTF-16")
        }
    }
}

/// Reads one file. `as_of`: the time of reports that say none.
pub(in crate::posture) fn read(file: &str, bytes: &[u8], as_of: Option<ReportDate>) -> Read {
    let mut reader = Reader { file, as_of, read: Read::default() };
    match text_of(bytes) {
        Ok(text) => reader.text(&text, None),
        Err(why) => reader.bad(None, why),
    }
    reader.read
}

struct Reader<'r> {
    file: &'r str,
    as_of: Option<ReportDate>,
    read: Read,
}

impl Reader<'_> {
    fn bad(&mut self, line: Option<u64>, text: impl Into<String>) {
        self.read.problems.push(Problem::new(self.file, line, ProblemKind::NotAReport, text));
    }

    fn text(&mut self, text: &str, generated: Option<Timestamp>) {
        let start = text.trim_start();
        if start.starts_with(['{', '[']) || (start.starts_with('"') && !is_csv(start)) {
            self.json(text);
        } else if is_csv(start) {
            self.csv(text, generated);
        } else if let Some(inner) = from_base64(start) {
            self.csv(&inner, generated);
        } else if start.is_empty() {
            self.bad(None, "it is empty");
        } else {
            let text = "it is no credential report: neither CSV with the columns user and arn, nor base64 of it, \
                        nor what aws iam get-credential-report prints";
            self.bad(Some(1), text);
        }
    }

    fn json(&mut self, text: &str) {
        for value in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
            match value {
                Ok(value) => self.value(&value),
                Err(error) => self.bad(Some(error.line() as u64), format!("it is no JSON: {error}")),
            }
        }
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Array(list) => list.iter().for_each(|value| self.value(value)),
            Value::String(content) => self.content(content, None),
            Value::Object(object) => {
                let generated = match object.get("GeneratedTime") {
                    None | Some(Value::Null) => None,
                    Some(Value::String(text)) => moment(text).or_else(|| self.no_time(text)),
                    Some(Value::Number(seconds)) => {
                        // Older versions of aws-cli print seconds.
                        let time = seconds.as_f64().map(|seconds| seconds as i64);
                        time.and_then(|time| Timestamp::from_second(time).ok())
                            .or_else(|| self.no_time(&seconds.to_string()))
                    }
                    Some(other) => self.no_time(&other.to_string()),
                };
                match object.get("Content") {
                    Some(Value::String(content)) => self.content(content, generated),
                    _ => self
                        .bad(None, "an object without Content: no answer of aws iam get-credential-report"),
                }
            }
            _ => self.bad(None, "a value that is no answer of aws iam get-credential-report"),
        }
    }

    fn no_time(&mut self, text: &str) -> Option<Timestamp> {
        let message = format!("GeneratedTime {text:?} is no time");
        self.read.problems.push(Problem::new(self.file, None, ProblemKind::BadValue, message));
        None
    }

    fn content(&mut self, content: &str, generated: Option<Timestamp>) {
        if is_csv(content.trim_start()) {
            return self.csv(content, generated);
        }
        match from_base64(content) {
            Some(inner) => self.csv(&inner, generated),
            None => self.bad(None, "its Content is neither base64 nor CSV"),
        }
    }

    fn csv(&mut self, text: &str, generated: Option<Timestamp>) {
        let dates =
            Dates { generated, named: names::date(self.file).and_then(ReportDate::day), as_of: self.as_of };
        rows::read(self.file, text, dates, &mut self.read);
    }
}

/// Returns whether the first line has the columns of a report.
fn is_csv(text: &str) -> bool {
    let line = text.lines().next().unwrap_or_default().to_ascii_lowercase();
    let mut cells = line.split(',').map(|cell| cell.trim().trim_matches('"'));
    cells.clone().any(|cell| cell == "user" || cell == "arn")
        && cells.any(|cell| {
            cell.starts_with("password_") || cell.starts_with("access_key_") || cell == "mfa_active"
        })
}

fn from_base64(text: &str) -> Option<String> {
    let packed: String = text.chars().filter(|char| !char.is_ascii_whitespace()).collect();
    let text = text_of(&STANDARD.decode(packed.as_bytes()).ok()?).ok()?;
    is_csv(text.trim_start()).then_some(text)
}
