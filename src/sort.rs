//! Sorts rows in bounded memory: runs of rows are sorted and spilled, and merged when they are read.
//!
//! A run holds up to [`RUN`] bytes of rows. As long as there is only one, nothing is written; beyond it,
//! every run goes to one temporary file without a name, which vanishes with the process however it ends.
//! What rows are ordered by is a part of each ([`Sorter::new`]); of rows that are ordered alike the first one stays.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek as _, SeekFrom, Write as _};

use rayon::slice::ParallelSliceMut as _;

/// Bytes that the merge reads of a run at a time.
const READ: usize = 256 << 10;

/// Where a row lies in a run, how long it is, and how many of its bytes it is ordered by.
#[derive(Clone, Copy, Debug)]
struct Place {
    at: u32,
    length: u32,
    order: u32,
}

impl Place {
    fn row<'r>(&self, rows: &'r [u8]) -> &'r [u8] {
        &rows[self.at as usize..(self.at + self.length) as usize]
    }

    fn order<'r>(&self, rows: &'r [u8]) -> &'r [u8] {
        &rows[self.at as usize..(self.at + self.order) as usize]
    }
}

/// Returns the part of a row that it is ordered by, which stands at its beginning.
type Order = fn(&[u8]) -> &[u8];

/// Rows on the way in.
#[derive(Debug)]
pub(crate) struct Sorter {
    most: usize,
    order: Order,
    rows: Vec<u8>,
    places: Vec<Place>,
    file: Option<BufWriter<File>>,
    /// Where each run lies in the file.
    runs: Vec<(u64, u64)>,
    written: u64,
}

impl Sorter {
    /// Returns a sorter whose runs have up to `most` bytes.
    pub(crate) fn new(most: usize, order: Order) -> Self {
        Self { most, order, rows: Vec::new(), places: Vec::new(), file: None, runs: Vec::new(), written: 0 }
    }

    /// Adds a row.
    pub(crate) fn push(&mut self, row: &[u8]) -> io::Result<()> {
        if !self.places.is_empty() && self.rows.len() + row.len() > self.most {
            self.spill()?;
        }
        let number = |at: usize| u32::try_from(at).map_err(|_| io::Error::other("a row is too large"));
        let (at, length, order) =
            (number(self.rows.len())?, number(row.len())?, number((self.order)(row).len())?);
        self.places.push(Place { at, length, order });
        self.rows.extend_from_slice(row);
        Ok(())
    }

    /// Sorts stably, so that of rows ordered alike the first one read stays first.
    fn sort(&mut self) {
        let rows = &self.rows;
        self.places.par_sort_unstable_by(|a, b| a.order(rows).cmp(b.order(rows)).then(a.at.cmp(&b.at)));
    }

    fn spill(&mut self) -> io::Result<()> {
        self.sort();
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(BufWriter::with_capacity(1 << 20, tempfile::tempfile()?)),
        };
        let start = self.written;
        for place in self.places.drain(..) {
            file.write_all(&place.length.to_be_bytes())?;
            file.write_all(place.row(&self.rows))?;
            self.written += 4 + u64::from(place.length);
        }
        self.rows.clear();
        self.runs.push((start, self.written));
        Ok(())
    }

    /// Returns the rows in order, each finding once.
    pub(crate) fn finish(mut self) -> io::Result<Sorted> {
        if self.file.is_none() {
            self.sort();
            let memory = Memory { rows: self.rows, places: self.places, next: 0 };
            return Ok(Sorted {
                order: self.order,
                from: From::Memory(memory),
                last: Vec::new(),
                row: Vec::new(),
                duplicates: 0,
            });
        }
        if !self.places.is_empty() {
            self.spill()?;
        }
        let Some(file) = self.file.take() else { return Err(io::Error::other("no run was spilled")) };
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        self.rows = Vec::new();
        let mut merge = Merge { order: self.order, file, runs: Vec::new(), heap: BinaryHeap::new() };
        for (start, end) in std::mem::take(&mut self.runs) {
            merge.runs.push(Run { at: start, end, buffer: Vec::new(), used: 0 });
        }
        for run in 0..merge.runs.len() {
            merge.refill(run)?;
        }
        Ok(Sorted {
            order: self.order,
            from: From::Merge(merge),
            last: Vec::new(),
            row: Vec::new(),
            duplicates: 0,
        })
    }
}

/// Rows on the way out.
#[derive(Debug)]
pub(crate) struct Sorted {
    order: Order,
    from: From,
    /// What the last row was ordered by.
    last: Vec<u8>,
    row: Vec<u8>,
    /// Rows that were left out because their finding was there before.
    pub(crate) duplicates: u64,
}

#[derive(Debug)]
enum From {
    Memory(Memory),
    Merge(Merge),
}

#[derive(Debug)]
struct Memory {
    rows: Vec<u8>,
    places: Vec<Place>,
    next: usize,
}

impl Sorted {
    /// Returns the next row, or `None` behind the last.
    pub(crate) fn next(&mut self) -> io::Result<Option<&[u8]>> {
        loop {
            match &mut self.from {
                From::Memory(memory) => {
                    let Some(place) = memory.places.get(memory.next) else { return Ok(None) };
                    memory.next += 1;
                    self.row.clear();
                    self.row.extend_from_slice(place.row(&memory.rows));
                }
                From::Merge(merge) => {
                    if !merge.next(&mut self.row)? {
                        return Ok(None);
                    }
                }
            }
            if (self.order)(&self.row) == self.last.as_slice() {
                self.duplicates += 1;
                continue;
            }
            self.last.clear();
            self.last.extend_from_slice((self.order)(&self.row));
            return Ok(Some(&self.row));
        }
    }
}

/// Runs that are read side by side; the heap has the first row of each.
#[derive(Debug)]
struct Merge {
    order: Order,
    file: File,
    runs: Vec<Run>,
    heap: BinaryHeap<Reverse<(Vec<u8>, usize)>>,
}

#[derive(Debug)]
struct Run {
    at: u64,
    end: u64,
    buffer: Vec<u8>,
    used: usize,
}

impl Merge {
    fn next(&mut self, row: &mut Vec<u8>) -> io::Result<bool> {
        let Some(Reverse((_, run))) = self.heap.pop() else { return Ok(false) };
        let from = &mut self.runs[run];
        let length = from.length().ok_or(io::ErrorKind::UnexpectedEof)?;
        row.clear();
        row.extend_from_slice(&from.buffer[from.used + 4..from.used + 4 + length]);
        from.used += 4 + length;
        self.refill(run)?;
        Ok(true)
    }

    /// Puts the first row of a run into the heap, reading on where the buffer does not hold it whole.
    fn refill(&mut self, at: usize) -> io::Result<()> {
        let run = &mut self.runs[at];
        loop {
            let rest = run.buffer.len() - run.used;
            if let Some(length) = run.length().filter(|length| rest >= 4 + length) {
                let row = &run.buffer[run.used + 4..run.used + 4 + length];
                self.heap.push(Reverse(((self.order)(row).to_vec(), at)));
                return Ok(());
            }
            if run.at == run.end {
                return if rest == 0 { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
            run.buffer.drain(..run.used);
            run.used = 0;
            let more = READ.min(usize::try_from(run.end - run.at).unwrap_or(READ));
            let held = run.buffer.len();
            run.buffer.resize(held + more, 0);
            self.file.seek(SeekFrom::Start(run.at))?;
            self.file.read_exact(&mut run.buffer[held..])?;
            run.at += more as u64;
        }
    }
}

impl Run {
    fn length(&self) -> Option<usize> {
        let word = self.buffer.get(self.used..self.used + 4)?.first_chunk::<4>()?;
        Some(u32::from_be_bytes(*word) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows are ordered by eight bytes, as many of which as 4000 differ.
    fn sorted(most: usize) -> (Vec<Vec<u8>>, u64) {
        let mut sorter = Sorter::new(most, |row| &row[..8]);
        let mut random = fastrand::Rng::with_seed(14);
        let mut seen = std::collections::BTreeMap::new();
        for n in 0..5000u64 {
            let mut row = (n % 4000).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes().to_vec();
            // The copy is ordered alike, whatever else it says.
            let length = random.usize(0..300);
            row.extend(std::iter::repeat_with(|| random.u8(..)).take(length));
            seen.entry(n % 4000).or_insert_with(|| row.clone());
            sorter.push(&row).unwrap();
        }
        let mut sorted = sorter.finish().unwrap();
        let mut all = Vec::new();
        while let Some(row) = sorted.next().unwrap() {
            all.push(row.to_vec());
        }
        let mut first: Vec<Vec<u8>> = seen.into_values().collect();
        first.sort();
        assert!(all == first, "of rows ordered alike the first one stays");
        (all, sorted.duplicates)
    }

    #[test]
    fn spilled_runs_merge_to_what_memory_sorts() {
        let (whole, duplicates) = sorted(usize::MAX);
        assert!(whole.is_sorted() && duplicates == 1000 && whole.len() == 4000);
        for most in [1, 700, 10_000, 300_000] {
            assert_eq!(sorted(most), (whole.clone(), duplicates), "{most}");
        }
    }
}
