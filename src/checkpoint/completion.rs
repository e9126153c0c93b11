//! The end of a run that has listed everything: what the next run finds in the checkpoint.
//!
//! A day that is closed keeps its fingerprint, an open one the objects that are still there. What was not listed, since it
//! lies out of scope or could not be listed, stays as earlier runs left it. A closed day that is gone is a change, which the
//! summary names.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Checkpoint;
use super::saved::SavedFindings;
use crate::dedupe::Dedupe;
use crate::error::Fatal;
use crate::history::listing::Seen;
use crate::history::objects::{Closed, ReadObjects, SeriesTable, day_text};
use crate::history::pack;
use crate::object::Part;
use crate::output::partial::Committed;
use crate::summary::Summary;

impl Checkpoint {
    /// Completes the run, when everything has been listed and absorbed.
    pub(crate) fn complete(
        &mut self,
        summary: &mut Summary,
        dedupe: &Dedupe,
        committed: Vec<Committed>,
    ) -> Result<(), Fatal> {
        if self.look_only {
            summary.changed.clone_from(&self.memory.listing().changed);
            return Ok(());
        }
        self.commit(committed);
        let unlisted = self.memory.unlisted();
        self.loaded.findings = SavedFindings::of(dedupe).map_err(|why| self.damaged(&why))?;
        let memory = Arc::clone(&self.memory);
        let mut listing = memory.listing();
        let mut all = ReadObjects::default();
        let mut run = std::mem::take(&mut self.run);
        for (&part, seen) in &listing.seen {
            let before = self.before.closed.get(&part).filter(|_| seen.unchanged);
            // Objects read after a day was folded are those of a day that changed meanwhile and was read
            // again whole.
            let folded = run.closed.get(&part).filter(|_| !run.open.contains_key(&part));
            if let Some(&closed) = before.or(folded) {
                all.closed.insert(part, closed);
                continue;
            }
            let mut identities = still_there(&mut run, &self.earlier, part, seen);
            identities.extend_from_slice(&seen.known);
            identities.sort_unstable();
            identities.dedup();
            if part.day.is_some_and(|day| day < self.first_open) {
                all.closed.insert(part, Closed::of(identities));
            } else {
                all.open.insert(part, identities);
            }
        }
        for (&part, &closed) in &self.before.closed {
            if listing.seen.contains_key(&part) {
                continue;
            }
            // Objects that could not be listed may still be there.
            if unlisted || !self.in_scope(&listing.series, part) {
                all.closed.insert(part, closed);
            } else {
                listing.note_change(part, closed, 0);
            }
        }
        if unlisted {
            for (&part, identities) in &self.before.open {
                let kept = all.open.entry(part).or_insert_with(Vec::new);
                kept.extend_from_slice(identities);
                kept.sort_unstable();
                kept.dedup();
            }
        }
        summary.changed = std::mem::take(&mut listing.changed);
        self.before = all;
        let mut failed = std::mem::take(&mut self.run_failed);
        if unlisted {
            failed.extend(self.memory.failed_before());
        }
        self.loaded.failed = pack::numbers_to_text(&failed);
        Ok(())
    }

    /// Returns whether a listing within the present scope names this day: `--start 7d` moves on.
    fn in_scope(&self, series: &SeriesTable, part: Part) -> bool {
        series.get(part).is_some_and(|series| {
            self.keys.takes_account(&series.account)
                && self.keys.takes_region(&series.region)
                && part.day.is_none_or(|day| self.keys.takes_day(&day_text(day)))
        })
    }
}

/// Removes the objects of a part from a run and returns those still there. An object that an earlier part of
/// the run read may be gone or overwritten since.
pub(super) fn still_there(
    run: &mut ReadObjects,
    earlier: &BTreeMap<Part, usize>,
    part: Part,
    seen: &Seen,
) -> Vec<u64> {
    let mut identities = run.open.remove(&part).unwrap_or_default();
    let earlier = earlier.get(&part).copied().unwrap_or(0).min(identities.len());
    identities.drain(..earlier);
    identities.extend_from_slice(&seen.again);
    identities
}
