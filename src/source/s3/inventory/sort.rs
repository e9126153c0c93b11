//! Rows in order, in bounded memory: what is more than a buffer goes to temporary files as sorted runs, which
//! are merged at the end. Many runs are merged into one before there are too many to have open.

use super::rows::Row;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Seek, SeekFrom};

/// Rows in memory, in bytes.
const BUFFER: usize = 64 << 20;
/// Runs of one size that are merged into one. A run costs an open file and about 100 KB while it is read.
const RUNS: usize = 64;

/// Takes rows in any order.
#[derive(Debug)]
pub(super) struct Sorter {
    buffer: usize,
    runs: usize,
    rows: Vec<Row>,
    bytes: usize,
    /// By how often their rows have been merged.
    levels: Vec<Vec<File>>,
}

impl Default for Sorter {
    fn default() -> Self {
        Self { buffer: BUFFER, runs: RUNS, rows: Vec::new(), bytes: 0, levels: Vec::new() }
    }
}

impl Sorter {
    /// Adds a row. Fails where a temporary file cannot be written.
    pub(super) fn push(&mut self, row: Row) -> io::Result<()> {
        self.bytes += row.bytes();
        self.rows.push(row);
        if self.bytes < self.buffer {
            return Ok(());
        }
        self.rows.sort_unstable();
        let run = write(self.rows.drain(..).map(Ok))?;
        self.bytes = 0;
        self.keep(0, run)
    }

    fn keep(&mut self, level: usize, run: File) -> io::Result<()> {
        if self.levels.len() <= level {
            self.levels.push(Vec::new());
        }
        let Some(runs) = self.levels.get_mut(level) else { return Ok(()) };
        runs.push(run);
        if runs.len() < self.runs {
            return Ok(());
        }
        let runs = std::mem::take(runs);
        let merged = write(merge(runs, Vec::new())?)?;
        self.keep(level + 1, merged)
    }

    /// Returns all rows in order; rows that are equal in everything come once. An error ends them.
    pub(super) fn finish(mut self) -> io::Result<impl Iterator<Item = io::Result<Row>>> {
        self.rows.sort_unstable();
        let mut last: Option<Row> = None;
        let rows = merge(self.levels.into_iter().flatten().collect(), self.rows)?;
        Ok(rows.filter(move |row| match row {
            Ok(row) if last.as_ref() == Some(row) => false,
            Ok(row) => {
                last = Some(row.clone());
                true
            }
            Err(_) => true,
        }))
    }
}

/// Writes a run. Neighbours have most of their keys in common, so that gzip shrinks them to a quarter.
fn write(rows: impl Iterator<Item = io::Result<Row>>) -> io::Result<File> {
    let gzip = GzEncoder::new(BufWriter::new(tempfile::tempfile()?), Compression::fast());
    let mut csv = csv::WriterBuilder::new().has_headers(false).from_writer(gzip);
    for row in rows {
        csv.serialize(row?).map_err(io::Error::from)?;
    }
    let gzip = csv.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
    let mut file = gzip.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(file)
}

type Rows = Box<dyn Iterator<Item = io::Result<Row>> + Send>;

fn read(run: File) -> Rows {
    let csv = csv::ReaderBuilder::new().has_headers(false).from_reader(GzDecoder::new(BufReader::new(run)));
    Box::new(csv.into_deserialize().map(|row| row.map_err(io::Error::from)))
}

/// Several sorted sequences as one.
struct Merge {
    sources: Vec<Rows>,
    /// The next row of each source that has one.
    next: BinaryHeap<Reverse<(Row, usize)>>,
    failed: Option<io::Error>,
}

fn merge(runs: Vec<File>, rows: Vec<Row>) -> io::Result<Merge> {
    let mut sources: Vec<Rows> = runs.into_iter().map(read).collect();
    sources.push(Box::new(rows.into_iter().map(Ok)));
    let mut next = BinaryHeap::with_capacity(sources.len());
    for (at, source) in sources.iter_mut().enumerate() {
        if let Some(row) = source.next() {
            next.push(Reverse((row?, at)));
        }
    }
    Ok(Merge { sources, next, failed: None })
}

impl Iterator for Merge {
    type Item = io::Result<Row>;

    fn next(&mut self) -> Option<io::Result<Row>> {
        if let Some(error) = self.failed.take() {
            self.next.clear();
            return Some(Err(error));
        }
        let Reverse((row, at)) = self.next.pop()?;
        match self.sources.get_mut(at).and_then(Iterator::next) {
            Some(Ok(following)) => self.next.push(Reverse((following, at))),
            Some(Err(error)) => self.failed = Some(error),
            None => {}
        }
        Some(Ok(row))
    }
}

#[cfg(test)]
mod tests {
    use super::super::manifest::Manifest;
    use super::super::rows::{Read, Reader};
    use super::*;
    use csv::ByteRecord;

    fn rows(keys: impl Iterator<Item = String>) -> impl Iterator<Item = Row> {
        let schema = r#"{"sourceBucket":"b","fileFormat":"CSV","fileSchema":"Key, Size, ETag","files":[]}"#;
        let (_, columns) = Manifest::parse(schema.as_bytes()).unwrap();
        keys.map(move |key| {
            let reader = Reader { columns, bucket: "b", prefix: "", all_versions: false };
            match reader.read(&ByteRecord::from(vec![key.as_str(), "7", "e"])).unwrap() {
                Read::Row(row) => row,
                other => panic!("{other:?}"),
            }
        })
    }

    #[test]
    fn any_number_of_runs_gives_the_same_order() {
        // 7919 is prime: all numbers below it, mixed up. Some keys have what CSV must quote.
        let key = |n: u64| format!("k%22%2C%0A{:05}", n * 4000 % 7919);
        let mut expected: Vec<Row> = rows((0..7919).map(key)).collect();
        expected.sort();
        for (buffer, runs) in [(1 << 30, 64), (20_000, 64), (20_000, 2), (3000, 5)] {
            let mut sorter = Sorter { buffer, runs, ..Sorter::default() };
            // Some come twice.
            for row in rows((0..7919).chain(100..200).map(key)) {
                sorter.push(row).unwrap();
            }
            assert!(sorter.levels.iter().all(|level| level.len() < runs));
            let sorted: Vec<Row> = sorter.finish().unwrap().map(Result::unwrap).collect();
            assert!(sorted == expected, "{buffer} {runs}");
        }
    }
}
