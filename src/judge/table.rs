//! The shape of the decision table: rows that are tried in order, of which the first that holds decides.

use super::record::Record;
use crate::finding::{CredentialType, IdentityKind, Outcome};

/// One row: the fields that the row reads, its condition, and what a match says.
#[derive(Debug)]
pub(super) struct Row<T: 'static> {
    /// `R1`, `C9`, `M3`.
    pub(super) id: &'static str,
    /// The condition in words.
    pub(super) condition: &'static str,
    /// The fields that the condition reads.
    pub(super) paths: &'static [&'static str],
    pub(super) decide: fn(&Facts<'_>) -> Option<T>,
}

/// What the rows may look at: the record, and what earlier parts of the table decided.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts<'r> {
    pub(super) record: Record<'r>,
    pub(super) outcome: Outcome,
    pub(super) identity: Option<IdentityKind>,
    pub(super) credential: Option<CredentialType>,
}

/// Returns the first row that holds, and what it says.
pub(super) fn first<T>(rows: &'static [Row<T>], facts: &Facts<'_>) -> Option<(&'static Row<T>, T)> {
    rows.iter().find_map(|row| (row.decide)(facts).map(|said| (row, said)))
}
