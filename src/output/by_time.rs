//! Lines in the order of time, for an output that is written at its end.
//!
//! A row is the time, the number of the finding, and the line. Findings without a time come last, and findings of
//! one moment stay in the order of output. Rows beyond [`MEMORY`] are spilled, as the report's are.

use std::io;

use super::file::OutFile;
use super::sink::SinkError;
use crate::format::millis;
use crate::sort::Sorter;

/// Bytes of lines that are kept in memory.
const MEMORY: usize = 16 << 20;
/// Bytes of a row before the line: the time and the number.
const ORDER: usize = 16;

/// Lines that wait for the end of the run.
#[derive(Debug)]
pub(super) struct ByTime {
    sorter: Sorter,
    next: u64,
    row: Vec<u8>,
}

impl ByTime {
    pub(super) fn new() -> Self {
        Self::within(MEMORY)
    }

    fn within(memory: usize) -> Self {
        Self { sorter: Sorter::new(memory, |row| &row[..ORDER.min(row.len())]), next: 0, row: Vec::new() }
    }

    /// Takes the line of a finding.
    pub(super) fn add(&mut self, time: Option<&str>, line: &[u8]) -> io::Result<()> {
        // Numbers that are flipped about their middle sort as bytes do.
        let time = time.and_then(millis).map_or(u64::MAX, |millis| millis.cast_unsigned() ^ (1 << 63));
        self.row.clear();
        self.row.extend_from_slice(&time.to_be_bytes());
        self.row.extend_from_slice(&self.next.to_be_bytes());
        self.row.extend_from_slice(line);
        self.next += 1;
        self.sorter.push(&self.row)
    }

    /// Writes all lines in order.
    pub(super) fn write(self, file: &mut OutFile) -> Result<(), SinkError> {
        let mut sorted = self.sorter.finish()?;
        while let Some(row) = sorted.next()? {
            file.write(&row[ORDER..])?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_by_time_and_then_as_they_were_given_spilled_or_not() {
        let times = [
            (Some("2025-11-18T03:02:41Z"), "c"),
            (None, "f"),
            (Some("no time"), "g"),
            (Some("2025-11-18T03:02:41Z"), "d"),
            (Some("1969-12-31T23:59:59Z"), "a"),
            (Some("2025-11-18T04:02:41.5+01:00"), "e"),
            (Some("2025-11-17T03:02:41Z"), "b"),
        ];
        for memory in [1, 40, MEMORY] {
            let folder = tempfile::tempdir().unwrap();
            let place = folder.path().join("table");
            let mut file = OutFile::create(&place, false).unwrap();
            let mut lines = ByTime::within(memory);
            for (time, line) in times {
                lines.add(time, line.as_bytes()).unwrap();
            }
            lines.write(&mut file).unwrap();
            file.finish().unwrap();
            assert_eq!(std::fs::read_to_string(&place).unwrap(), "abcdefg", "{memory}");
        }
    }
}
