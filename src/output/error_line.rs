//! One line of the error file, schema `roottrail.error/1`.

use serde::Serialize;

use crate::error::{ErrorKind, ObjectError, Stage};

/// The name of the schema.
pub const SCHEMA: &str = "roottrail.error/1";

#[derive(Serialize)]
struct Line<'a> {
    schema: &'static str,
    uri: &'a str,
    stage: Stage,
    kind: ErrorKind,
    message: &'a str,
    record_index: Option<u64>,
    findings_salvaged: u64,
}

/// Appends the line.
pub fn write(error: &ObjectError, out: &mut Vec<u8>) {
    let line = Line {
        schema: SCHEMA,
        uri: &error.uri,
        stage: error.stage,
        kind: error.kind,
        message: &error.message(),
        record_index: error.record_index,
        findings_salvaged: error.findings_salvaged,
    };
    // Strings, numbers and fixed names always serialize, and a Vec always takes them.
    serde_json::to_writer(&mut *out, &line).expect("a flat struct of strings and numbers serializes");
    out.push(b'\n');
}
