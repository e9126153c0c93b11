//! `ndjson`: the finding itself, one a line.

use super::{Format, FormatError};
use crate::finding::Finding;

/// The format of roottrail's own schema, `roottrail.finding/1`.
#[derive(Clone, Copy, Debug)]
pub struct Ndjson;

impl Format for Ndjson {
    fn needs_record(&self) -> bool {
        false
    }

    fn header(&self, _out: &mut Vec<u8>) {}

    fn write(&self, finding: &Finding, out: &mut Vec<u8>) -> Result<(), FormatError> {
        let start = out.len();
        if let Err(source) = serde_json::to_writer(&mut *out, finding) {
            out.truncate(start);
            return Err(FormatError::Json { id: finding.id.to_string(), source });
        }
        out.push(b'\n');
        Ok(())
    }
}
