//! Copies of one event: which are written, which are only counted, which are a sign of tampering.
//!
//! [`Dedupe`] keeps the id and the fingerprint of every finding that was written. A finding with a new id is
//! written. A copy with the fingerprint of the first one is a duplicate, unless only damaged objects held the
//! event so far. A copy with another fingerprint is a version of the event: the first copy of each version is
//! written, with an id of its own and a link to the object of the first copy. CloudTrail itself delivers an
//! event a second time with an addendum, so a version is an amendment where one of the two has an addendum,
//! and a conflict where neither has one.
//!
//! A decision depends on the copies before it alone: a log of those that were written, entered again one by
//! one, decides as before.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::detect;
use crate::detect::element::Judged;
use crate::finding::{Finding, FindingId};
use crate::json::canonical::Fingerprint;
use crate::rules;

/// The events written so far, at 36 bytes each and the spare room of the table.
#[derive(Debug, Default)]
pub struct Dedupe {
    seen: HashMap<Words, Seen>,
    /// Further versions of events that have more than one, and whether only damaged objects held them.
    conflicts: HashMap<(FindingId, Fingerprint), bool>,
    /// Events whose first copy has an addendum, and the first copy of each that has none.
    amended: HashMap<FindingId, Option<Fingerprint>>,
    /// The objects that first copies came from.
    uris: Vec<Box<str>>,
    /// The copies that were written since the log was taken, where somebody asked for one.
    log: Option<Vec<CopySeen>>,
}

/// What a decision on a copy depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CopySeen {
    pub(crate) id: FindingId,
    pub(crate) fingerprint: Fingerprint,
    /// Whether the object that held the copy was damaged.
    pub(crate) damaged: bool,
    /// Whether the copy has an addendum.
    pub(crate) amends: bool,
    pub(crate) uri: String,
}

/// What becomes of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    First,
    /// A sound copy of what only damaged objects held.
    Better,
    Duplicate,
    /// The first sound, or the first damaged copy of a further version: the place of the first copy's object, and the
    /// rule that the two raise.
    Version(usize, &'static str),
}

/// A number of 128 bits that needs not begin at every sixteenth byte.
type Words = [u32; 4];

fn words(number: u128) -> Words {
    [number >> 96, number >> 64, number >> 32, number].map(|word| word as u32)
}

fn number(words: Words) -> u128 {
    words.into_iter().fold(0, |number, word| number << 32 | u128::from(word))
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    fingerprint: Words,
    /// The place of its object's name among `uris`, and in the last bit whether the object was damaged.
    from: u32,
}

impl Seen {
    fn new(fingerprint: Fingerprint, uri: u32, damaged: bool) -> Self {
        Self { fingerprint: words(fingerprint.0), from: uri << 1 | u32::from(damaged) }
    }

    fn fingerprint(self) -> Fingerprint {
        Fingerprint(number(self.fingerprint))
    }

    fn uri(self) -> u32 {
        self.from >> 1
    }

    fn is_damaged(self) -> bool {
        self.from & 1 == 1
    }
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
        let copy = CopySeen {
            id: finding.id,
            fingerprint: *fingerprint,
            damaged: finding.evidence.damaged,
            amends: finding.event.addendum.is_some(),
            uri: std::mem::take(&mut finding.evidence.uri),
        };
        let verdict = self.decide(&copy);
        finding.evidence.uri.clone_from(&copy.uri);
        match verdict {
            Verdict::Duplicate => return Sighting::Duplicate,
            Verdict::First if copy.amends => self.link(finding),
            Verdict::First | Verdict::Better => {}
            Verdict::Version(first, rule) => {
                finding.id = detect::conflicting_id(finding);
                finding.evidence.conflict_with = self.uris.get(first).map(|uri| uri.to_string());
                rules::add(finding, rule);
            }
        }
        if let Some(log) = &mut self.log {
            log.push(copy);
        }
        Sighting::New
    }

    /// Takes the latest copy out of the log: a filter has let it go, so that nobody has it.
    pub(crate) fn unwritten(&mut self) {
        if let Some(log) = &mut self.log {
            log.pop();
        }
    }

    /// Enters a copy that was written before.
    #[cfg(any(test, all(feature = "s3", feature = "ship")))]
    pub(crate) fn replay(&mut self, copy: &CopySeen) {
        self.decide(copy);
    }

    /// Returns the copies that were written since the last call, and goes on to note them.
    #[cfg(any(test, all(feature = "s3", feature = "ship")))]
    pub(crate) fn take_log(&mut self) -> Vec<CopySeen> {
        self.log.replace(Vec::new()).unwrap_or_default()
    }

    fn decide(&mut self, copy: &CopySeen) -> Verdict {
        let CopySeen { id, fingerprint, damaged, amends, ref uri } = *copy;
        let Some(seen) = self.seen.get_mut(&words(id.0)) else {
            let seen = Seen::new(fingerprint, self.uri(uri), damaged);
            self.seen.insert(words(id.0), seen);
            if amends {
                self.amended.insert(id, None);
            }
            return Verdict::First;
        };
        if seen.fingerprint().fits(fingerprint) {
            // A sound object is better evidence than the broken one that held the first copy.
            if seen.is_damaged() && !damaged {
                *seen = Seen::new(fingerprint, seen.uri(), false);
                return Verdict::Better;
            }
            return Verdict::Duplicate;
        }
        let first = seen.uri() as usize;
        // CloudTrail cannot have written two different copies that both lack an addendum.
        let rule = match self.amended.get_mut(&id) {
            _ if amends => rules::AMENDED_COPY,
            None => rules::CONFLICTING_COPIES,
            Some(plain) => match plain.get_or_insert(fingerprint).fits(fingerprint) {
                true => rules::AMENDED_COPY,
                false => rules::CONFLICTING_COPIES,
            },
        };
        let half = (id, fingerprint.first_half());
        let version = if self.conflicts.contains_key(&half) { half } else { (id, fingerprint) };
        match self.conflicts.entry(version) {
            Entry::Vacant(entry) => {
                entry.insert(damaged);
            }
            // A sound copy of a version that only damaged objects held. The link and, for the same spelling,
            // the id are those of the damaged copy.
            Entry::Occupied(mut entry) if *entry.get() && !damaged => {
                entry.insert(false);
            }
            Entry::Occupied(_) => return Verdict::Duplicate,
        }
        Verdict::Version(first, rule)
    }

    /// Marks an amendment that has its own id, where the event that it amends came before it.
    fn link(&self, finding: &mut Finding) {
        let Some(original) = detect::amended_id(finding).filter(|id| *id != finding.id) else { return };
        if let Some(seen) = self.seen.get(&words(original.0)) {
            finding.evidence.conflict_with = self.uris.get(seen.uri() as usize).map(|uri| uri.to_string());
            rules::add(finding, rules::AMENDED_COPY);
        }
    }

    /// Returns every event, in no order.
    pub(crate) fn known(&self) -> Vec<Known> {
        let known = |(&id, seen): (&Words, &Seen)| Known {
            id: FindingId(number(id)),
            fingerprint: seen.fingerprint(),
            uri: seen.uri(),
            damaged: seen.is_damaged(),
        };
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
        self.seen.insert(words(id.0), Seen::new(fingerprint, uri, damaged));
    }

    pub(crate) fn add_uri(&mut self, uri: &str) -> u32 {
        self.uris.push(uri.into());
        self.last_uri()
    }

    pub(crate) fn add_conflict(&mut self, id: FindingId, fingerprint: Fingerprint, damaged: bool) {
        self.conflicts.insert((id, fingerprint), damaged);
    }

    fn last_uri(&self) -> u32 {
        // Beyond that it is nobody's place.
        u32::try_from(self.uris.len().saturating_sub(1)).unwrap_or(u32::MAX).min(u32::MAX >> 1)
    }

    fn uri(&mut self, uri: &str) -> u32 {
        // Findings come object by object.
        if self.uris.last().is_none_or(|last| **last != *uri) {
            self.uris.push(uri.into());
        }
        self.last_uri()
    }
}

#[cfg(test)]
mod tests;
