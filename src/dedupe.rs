//! Copies of one event: which are written, which are only counted, which are a sign of tampering.
//!
//! [`Dedupe`] keeps the id and the fingerprint of every finding that was written. A finding with a new id is
//! written. A copy with the fingerprint of the first one is a duplicate, unless only damaged objects held the
//! event so far. A copy with another fingerprint is a version of the event: the first copy of each version is
//! written, with an id of its own and a link to the object of the first copy. CloudTrail itself delivers an
//! event a second time with an addendum, so a version is an amendment where one of the two has an addendum,
//! and a conflict where neither has one.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::detect;
use crate::detect::element::Judged;
use crate::finding::{Finding, FindingId};
use crate::json::canonical::Fingerprint;
use crate::rules;

/// The events written so far, at about 40 bytes each.
#[derive(Debug, Default)]
pub struct Dedupe {
    seen: HashMap<FindingId, Seen>,
    /// Further versions of events that have more than one, and whether only damaged objects held them.
    conflicts: HashMap<(FindingId, Fingerprint), bool>,
    /// Events whose first copy has an addendum, and the first copy of each that has none.
    amended: HashMap<FindingId, Option<Fingerprint>>,
    /// The objects that first copies came from.
    uris: Vec<Box<str>>,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    fingerprint: Fingerprint,
    uri: u32,
    damaged: bool,
}

/// One event, for a checkpoint.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub(crate) id: FindingId,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) uri: u32,
    pub(crate) damaged: bool,
}

/// The decision on a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sighting {
    /// The copy is written.
    New,
    /// The copy is counted.
    Duplicate,
}

impl Dedupe {
    /// Decides on one finding, and marks it where an earlier copy of the same event differs from it.
    pub fn see(&mut self, judged: &mut Judged) -> Sighting {
        let Judged { finding, fingerprint } = judged;
        let damaged = finding.evidence.damaged;
        let amends = finding.event.addendum.is_some();
        let Some(seen) = self.seen.get_mut(&finding.id) else {
            let seen = Seen { fingerprint: *fingerprint, uri: self.uri(&finding.evidence.uri), damaged };
            self.seen.insert(finding.id, seen);
            if amends {
                self.amended.insert(finding.id, None);
                self.link(finding);
            }
            return Sighting::New;
        };
        if seen.fingerprint == *fingerprint {
            // A sound object is better evidence than the broken one that held the first copy.
            if seen.damaged && !damaged {
                seen.damaged = false;
                return Sighting::New;
            }
            return Sighting::Duplicate;
        }
        let first = seen.uri as usize;
        // CloudTrail cannot have written two different copies that both lack an addendum.
        let rule = match self.amended.get_mut(&finding.id) {
            _ if amends => rules::AMENDED_COPY,
            None => rules::CONFLICTING_COPIES,
            Some(plain) => match *plain.get_or_insert(*fingerprint) == *fingerprint {
                true => rules::AMENDED_COPY,
                false => rules::CONFLICTING_COPIES,
            },
        };
        match self.conflicts.entry((finding.id, *fingerprint)) {
            Entry::Vacant(entry) => {
                entry.insert(damaged);
            }
            // A sound copy of a version that only damaged objects held. The link and, for the same spelling,
            // the id are those of the damaged copy.
            Entry::Occupied(mut entry) if *entry.get() && !damaged => {
                entry.insert(false);
            }
            Entry::Occupied(_) => return Sighting::Duplicate,
        }
        finding.id = detect::conflicting_id(finding);
        finding.evidence.conflict_with = self.uris.get(first).map(|uri| uri.to_string());
        rules::add(finding, rule);
        Sighting::New
    }

    /// Marks an amendment that has its own id, where the event that it amends came before it.
    fn link(&self, finding: &mut Finding) {
        let Some(original) = detect::amended_id(finding).filter(|id| *id != finding.id) else { return };
        if let Some(seen) = self.seen.get(&original) {
            finding.evidence.conflict_with = self.uris.get(seen.uri as usize).map(|uri| uri.to_string());
            rules::add(finding, rules::AMENDED_COPY);
        }
    }

    /// Returns every event, in no order.
    pub(crate) fn known(&self) -> Vec<Known> {
        let known = |(&id, &Seen { fingerprint, uri, damaged })| Known { id, fingerprint, uri, damaged };
        self.seen.iter().map(known).collect()
    }

    pub(crate) fn uris(&self) -> &[Box<str>] {
        &self.uris
    }

    /// Returns the further versions, in no order, and whether only damaged objects held them.
    pub(crate) fn conflicts(&self) -> impl Iterator<Item = (FindingId, Fingerprint, bool)> {
        self.conflicts.iter().map(|(&(id, fingerprint), &damaged)| (id, fingerprint, damaged))
    }

    /// Returns the events whose first copy has an addendum, in no order, and the first copy of each that has
    /// none.
    pub(crate) fn amended(&self) -> impl Iterator<Item = (FindingId, Option<Fingerprint>)> {
        self.amended.iter().map(|(&id, &plain)| (id, plain))
    }

    pub(crate) fn add_amended(&mut self, id: FindingId, plain: Option<Fingerprint>) {
        self.amended.insert(id, plain);
    }

    pub(crate) fn add(&mut self, known: Known) {
        let Known { id, fingerprint, uri, damaged } = known;
        self.seen.insert(id, Seen { fingerprint, uri, damaged });
    }

    pub(crate) fn add_uri(&mut self, uri: &str) -> u32 {
        self.uris.push(uri.into());
        self.last_uri()
    }

    pub(crate) fn add_conflict(&mut self, id: FindingId, fingerprint: Fingerprint, damaged: bool) {
        self.conflicts.insert((id, fingerprint), damaged);
    }

    fn last_uri(&self) -> u32 {
        u32::try_from(self.uris.len().saturating_sub(1)).unwrap_or(u32::MAX)
    }

    fn uri(&mut self, uri: &str) -> u32 {
        // Findings come object by object.
        if self.uris.last().is_none_or(|last| **last != *uri) {
            self.uris.push(uri.into());
        }
        self.last_uri()
    }
}
