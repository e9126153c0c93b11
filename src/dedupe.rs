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
        let damaged = finding.evidence.damaged;
        let amends = finding.event.addendum.is_some();
        let id = words(finding.id.0);
        let Some(seen) = self.seen.get_mut(&id) else {
            let seen = Seen::new(*fingerprint, self.uri(&finding.evidence.uri), damaged);
            self.seen.insert(id, seen);
            if amends {
                self.amended.insert(finding.id, None);
                self.link(finding);
            }
            return Sighting::New;
        };
        if seen.fingerprint().fits(*fingerprint) {
            // A sound object is better evidence than the broken one that held the first copy.
            if seen.is_damaged() && !damaged {
                *seen = Seen::new(*fingerprint, seen.uri(), false);
                return Sighting::New;
            }
            return Sighting::Duplicate;
        }
        let first = seen.uri() as usize;
        // CloudTrail cannot have written two different copies that both lack an addendum.
        let rule = match self.amended.get_mut(&finding.id) {
            _ if amends => rules::AMENDED_COPY,
            None => rules::CONFLICTING_COPIES,
            Some(plain) => match plain.get_or_insert(*fingerprint).fits(*fingerprint) {
                true => rules::AMENDED_COPY,
                false => rules::CONFLICTING_COPIES,
            },
        };
        let half = (finding.id, fingerprint.first_half());
        let version = if self.conflicts.contains_key(&half) { half } else { (finding.id, *fingerprint) };
        match self.conflicts.entry(version) {
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
mod tests {
    use super::Sighting::{Duplicate, New};
    use super::*;
    use crate::detect::testing;

    /// What a copy of an event is like.
    #[derive(Clone, Copy, Default)]
    struct Like {
        event: u32,
        /// The spelling of the record: another spelling is another record.
        version: u32,
        damaged: bool,
        uri: &'static str,
        /// CloudTrail's addendum, and the event that it names.
        amends: Option<u32>,
    }

    fn copy(of: Like) -> Judged {
        let Like { event, version, damaged, uri, amends } = of;
        let addendum = amends.map_or(String::new(), |original| {
            format!(r#""addendum":{{"reason":"UPDATED_DATA","originalEventID":"e{original}"}},"#)
        });
        let text = format!(
            r#"{{"eventVersion":"1.08","userIdentity":{{"type":"Root","accountId":"1"}},{addendum}"eventID":"e{event}","recipientAccountId":"1","version":{version}}}"#
        );
        let mut finding = testing::judged(&text).unwrap();
        (finding.evidence.damaged, finding.evidence.uri) = (damaged, uri.into());
        // Two that share their first half are two all the same.
        Judged { finding, fingerprint: Fingerprint(1 << 64 | u128::from(version + 1)) }
    }

    /// Returns what becomes of a copy: the decision, the rule about copies and the object that it points to.
    fn see(dedupe: &mut Dedupe, of: Like) -> (Sighting, Option<&'static str>, Option<String>) {
        let mut judged = copy(of);
        let before = judged.finding.clone();
        let sighting = dedupe.see(&mut judged);
        let has = |id: &&&str| judged.finding.rules.iter().any(|rule| rule == **id);
        let rule = [rules::CONFLICTING_COPIES, rules::AMENDED_COPY].iter().find(has).copied();
        let own_id = sighting == Duplicate || rule.is_none() || of.amends.is_some_and(|id| id != of.event);
        let id = if own_id { before.id } else { detect::conflicting_id(&before) };
        assert_eq!(judged.finding.id, id);
        (sighting, rule, judged.finding.evidence.conflict_with)
    }

    const FIRST: Like = Like { event: 1, version: 0, damaged: false, uri: "a", amends: None };

    #[test]
    fn of_equal_copies_the_first_sound_one_counts() {
        let damaged = Like { damaged: true, ..FIRST };
        for (copies, expected) in [
            (&[FIRST, FIRST, damaged, FIRST][..], &[New, Duplicate, Duplicate, Duplicate][..]),
            (&[damaged, damaged, FIRST, FIRST, damaged], &[New, Duplicate, New, Duplicate, Duplicate]),
            (&[FIRST, Like { event: 2, ..FIRST }, Like { event: 2, ..FIRST }], &[New, New, Duplicate]),
        ] {
            let mut dedupe = Dedupe::default();
            let seen: Vec<_> = copies.iter().map(|&of| see(&mut dedupe, of)).collect();
            let expected: Vec<_> = expected.iter().map(|&sighting| (sighting, None, None)).collect();
            assert_eq!(seen, expected);
        }
    }

    #[test]
    fn each_version_is_written_once_and_points_to_the_first() {
        let mut dedupe = Dedupe::default();
        let conflict = |sighting| (sighting, Some(rules::CONFLICTING_COPIES), Some("b".to_owned()));
        let other = Like { version: 1, uri: "c", ..FIRST };
        let third = Like { version: 2, damaged: true, uri: "c", ..FIRST };
        for (of, expected) in [
            (Like { event: 9, ..FIRST }, (New, None, None)),
            (Like { uri: "b", ..FIRST }, (New, None, None)),
            (other, conflict(New)),
            (other, (Duplicate, None, None)),
            (Like { damaged: true, ..other }, (Duplicate, None, None)),
            (third, conflict(New)),
            (third, (Duplicate, None, None)),
            (Like { damaged: false, ..third }, conflict(New)),
            (Like { damaged: false, ..third }, (Duplicate, None, None)),
            (FIRST, (Duplicate, None, None)),
        ] {
            assert_eq!(see(&mut dedupe, of), expected);
        }
        assert_eq!(dedupe.uris().iter().map(|uri| &**uri).collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn an_amendment_is_no_conflict_but_two_plain_copies_are() {
        let amendment = Like { version: 1, amends: Some(1), uri: "b", ..FIRST };
        let with = |rule, uri: &str| (New, Some(rule), Some(uri.to_owned()));
        let mut dedupe = Dedupe::default();
        assert_eq!(see(&mut dedupe, FIRST), (New, None, None));
        assert_eq!(see(&mut dedupe, amendment), with(rules::AMENDED_COPY, "a"));
        let mut dedupe = Dedupe::default();
        assert_eq!(see(&mut dedupe, amendment), (New, None, None));
        let plain = [FIRST, Like { version: 2, ..FIRST }, FIRST];
        let seen = plain.map(|of| see(&mut dedupe, of));
        let expected =
            [with(rules::AMENDED_COPY, "b"), with(rules::CONFLICTING_COPIES, "b"), (Duplicate, None, None)];
        assert_eq!(seen, expected);
    }

    #[test]
    fn an_amendment_with_an_id_of_its_own_points_to_what_it_amends() {
        let mut dedupe = Dedupe::default();
        let amends = |original| Like { event: 2, amends: Some(original), uri: "b", ..FIRST };
        assert_eq!(see(&mut dedupe, amends(1)), (New, None, None), "what it amends has not come");
        let mut dedupe = Dedupe::default();
        see(&mut dedupe, FIRST);
        assert_eq!(see(&mut dedupe, amends(1)), (New, Some(rules::AMENDED_COPY), Some("a".to_owned())));
        let mut dedupe = Dedupe::default();
        assert_eq!(see(&mut dedupe, amends(2)), (New, None, None), "itself");
    }

    /// Through a checkpoint nothing changes, and the half fingerprints of an older one serve as well.
    #[test]
    fn what_is_taken_over_decides_as_before() {
        let versions = [FIRST, Like { version: 1, ..FIRST }, Like { version: 2, damaged: true, ..FIRST }];
        let amended = Like { event: 2, amends: Some(2), ..FIRST };
        let mut dedupe = Dedupe::default();
        for of in versions.into_iter().chain([amended, Like { event: 2, version: 1, ..FIRST }]) {
            assert_eq!(see(&mut dedupe, of).0, New);
        }
        let mut again = Dedupe::default();
        for uri in dedupe.uris() {
            again.add_uri(uri);
        }
        dedupe.known().into_iter().for_each(|known| again.add(known));
        dedupe.conflicts().for_each(|(id, print, damaged)| again.add_conflict(id, print, damaged));
        dedupe.amended().for_each(|(id, plain)| again.add_amended(id, plain));
        let decisions = [Duplicate, Duplicate, Duplicate].map(|sighting| (sighting, None, None));
        assert_eq!(versions.map(|of| see(&mut again, of)), decisions);
        assert_eq!(see(&mut again, Like { damaged: false, ..versions[2] }).0, New);
        let conflicting = see(&mut again, Like { event: 2, version: 5, ..FIRST });
        assert_eq!(conflicting, (New, Some(rules::CONFLICTING_COPIES), Some("a".to_owned())));

        let mut older = Dedupe::default();
        let uri = older.add_uri("a");
        let id = copy(FIRST).finding.id;
        older.add(Known { id, fingerprint: Fingerprint::half(7), uri, damaged: false });
        older.add_conflict(id, Fingerprint::half(1), false);
        assert_eq!(see(&mut older, FIRST), (Duplicate, None, None));
    }

    #[test]
    fn numbers_come_back_and_take_little_room() {
        for n in [0, 1, u128::MAX, 0x0123_4567_89ab_cdef_0fed_cba9_8765_4321] {
            assert_eq!(number(words(n)), n);
        }
        // A table is full at seven eighths, and has a byte beside each place.
        assert!((size_of::<(Words, Seen)>() + 1) * 8 / 7 <= 48);
    }
}
