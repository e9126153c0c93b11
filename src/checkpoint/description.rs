//! The run that a checkpoint belongs to, and how that run continues.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use jiff::SignedDuration;

use super::file::SavedOutput;
use crate::key::selection::KeySelection;
use crate::output::partial::Committed;

/// The task of a run, as far as its checkpoint must know it.
#[derive(Clone, Debug, Default)]
pub struct Description {
    /// The command line.
    pub arguments: Vec<String>,
    /// The sources as given, with the folder that relative names start from.
    pub sources: Vec<String>,
    /// Options that decide what is read and what is found, as written.
    pub scope: BTreeMap<String, String>,
    /// Options that decide how findings are written.
    pub writing: BTreeMap<String, String>,
    /// Outputs that grow with the run: the option and the file, in the order of [`Sink::commit`].
    ///
    /// [`Sink::commit`]: crate::output::sink::Sink::commit
    pub outputs: Vec<(String, PathBuf)>,
    /// The keys that are listed at all.
    pub keys: Arc<KeySelection>,
    /// The delay after its day within which an object may be delivered.
    pub late_window: SignedDuration,
    /// The run is a verification: it counts afresh each time, and asks for the names of the objects that it need
    /// not read.
    pub verifies: bool,
}

/// The way in which a run continues from its checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Continuation {
    /// Nothing was read before.
    Start,
    /// An unfinished run goes on; its outputs have these lengths.
    Resume(Vec<Committed>),
    /// A finished run is followed by one over what is new.
    ReadNew {
        /// When the last run began.
        last: String,
    },
    /// The run is finished and its outputs are in place, so the run only looks whether anything is new.
    LookOnly {
        /// When the run began.
        last: String,
    },
}

/// Returns the outputs as the checkpoint names them.
pub(super) fn outputs_of(run: &Description) -> Vec<SavedOutput> {
    run.outputs
        .iter()
        .map(|(option, path)| SavedOutput {
            option: option.clone(),
            path: std::path::absolute(path).unwrap_or_else(|_| path.clone()).display().to_string(),
            committed: Committed::default(),
        })
        .collect()
}

/// Names the options that differ.
pub(super) fn compare(
    before: &BTreeMap<String, String>,
    now: &BTreeMap<String, String>,
    changes: &mut Vec<String>,
) {
    let all: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    for option in all {
        let [before, now] = [before, now].map(|map| map.get(option).map_or("not given", String::as_str));
        if before != now {
            changes.push(format!("{option} (was {before}, is {now})"));
        }
    }
}
