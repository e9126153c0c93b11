//! One line of the error file, schema `roottrail.error/1`.

use serde::Serialize;

use crate::error::{ErrorKind, ObjectError, Stage};
use crate::text::table::inert;

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
    let message = error.message();
    let line = Line {
        schema: SCHEMA,
        uri: &error.uri,
        stage: error.stage,
        kind: error.kind,
        // The line quotes servers and logs, and is read on terminals.
        message: &inert(&message, usize::MAX),
        record_index: error.record_index,
        findings_salvaged: error.findings_salvaged,
    };
    // Strings, numbers and fixed names always serialize, and a Vec always takes them.
    serde_json::to_writer(&mut *out, &line).expect("a flat struct of strings and numbers serializes");
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a server or a log wrote is quoted in messages.
    #[test]
    fn nothing_in_a_message_acts_on_a_terminal() {
        let said = "it says \u{202e}txt\u{200b}\u{61c}\u{2028}\u{1b}[2J\u{9b}1m\u{feff}, as is é";
        let error = ObjectError::new("s3://b/k", Stage::Get, ErrorKind::Other, said);
        let mut line = Vec::new();
        write(&error, &mut line);
        let line: serde_json::Value = serde_json::from_slice(&line).unwrap();
        let message = r"it says \u{202e}txt\u{200b}\u{61c}\u{2028}\u{1b}[2J\u{9b}1m\u{feff}, as is é";
        assert_eq!(line["message"], message);
    }
}
