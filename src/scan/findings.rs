//! The findings of one object, in memory while they are few and in a file when they are many.
//!
//! An object's findings wait until the object has been read whole (its checksum decides whether they are
//! damaged) and until all objects before it have been written. The findings of an object that is all root
//! would fill the memory, so they wait in an unnamed temporary file instead.

use std::io::{self, BufRead, BufReader};

use serde::{Deserialize, Serialize};

use super::spill_file::{Piece, SpillFile};
use crate::detect::element::Judged;
use crate::finding::Finding;
use crate::json::canonical::Fingerprint;
use crate::records::large::Turn;

/// Findings held in memory for one object, in bytes, before they go to a file.
const IN_MEMORY: usize = 4 << 20;

/// Findings in the order of their records.
#[derive(Debug, Default)]
pub struct ObjectFindings {
    held: Vec<Judged>,
    held_bytes: usize,
    /// Pieces of the file, with the findings before those that are held.
    spilled: Vec<Piece>,
    /// Bytes held when the file could last not be written.
    refused: usize,
    count: u64,
}

#[derive(Serialize)]
struct Written<'a> {
    fingerprint: u128,
    finding: &'a Finding,
}

#[derive(Deserialize)]
struct Read {
    fingerprint: u128,
    finding: Finding,
}

impl ObjectFindings {
    /// Adds the next finding. Fails where the temporary file cannot be written; the finding is held in memory
    /// then.
    pub(super) fn push(&mut self, judged: Judged, spill_file: &SpillFile) -> io::Result<()> {
        self.count += 1;
        self.held_bytes += size_of::<Judged>() + text_bytes(&judged.finding);
        self.held.push(judged);
        if self.held_bytes <= IN_MEMORY.max(2 * self.refused) {
            return Ok(());
        }
        // A full disk is tried again when there is twice as much.
        self.spill(spill_file).inspect_err(|_| self.refused = self.held_bytes)
    }

    /// Returns the number of findings.
    pub fn len(&self) -> u64 {
        self.count
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Returns the bytes held in memory, about.
    pub fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// Moves the findings in memory to the file.
    pub(super) fn spill(&mut self, spill_file: &SpillFile) -> io::Result<()> {
        if self.held.is_empty() {
            return Ok(());
        }
        let piece = spill_file.append(|file| {
            self.held.iter().try_for_each(|judged| {
                let written = Written { fingerprint: judged.fingerprint.0, finding: &judged.finding };
                serde_json::to_writer(&mut *file, &written)?;
                file.write_all(b"\n")
            })
        })?;
        self.spilled.push(piece);
        self.held = Vec::new();
        self.held_bytes = 0;
        Ok(())
    }

    /// Hands all findings to `to`, in order.
    ///
    /// # Errors
    ///
    /// Fails where the temporary file cannot be read back, and where `to` fails.
    pub fn drain<E: From<io::Error>>(self, mut to: impl FnMut(Judged) -> Result<(), E>) -> Result<(), E> {
        for piece in self.spilled {
            // A piece that is much longer than what is held at a time has a large finding in it.
            let _turn = Turn::for_size(piece.bytes().saturating_sub(IN_MEMORY));
            for line in BufReader::with_capacity(1 << 18, piece.read()).lines() {
                let read: Read = serde_json::from_str(&line?).map_err(io::Error::from)?;
                to(Judged { finding: read.finding, fingerprint: Fingerprint(read.fingerprint) })?;
            }
        }
        self.held.into_iter().try_for_each(to)
    }
}

/// Returns the bytes of a finding. The record's text is most of it; its other strings come to about a KB.
fn text_bytes(finding: &Finding) -> usize {
    finding.cloudtrail.as_ref().map_or(0, |text| text.get().len()) + 1024
}
