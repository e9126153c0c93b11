use super::Sighting::{Duplicate, New};
use super::*;
use crate::detect::testing;

/// What a copy of an event is like.
#[derive(Clone, Copy, Debug, Default)]
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

/// A log of what was written, entered again, decides as the whole history did.
#[test]
fn a_log_that_is_entered_again_decides_as_before() {
    let mut random = fastrand::Rng::with_seed(7);
    let decide = |dedupe: &mut Dedupe, of: Like| {
        let mut judged = copy(of);
        let sighting = dedupe.see(&mut judged);
        let Finding { id, evidence, rules, .. } = judged.finding;
        (sighting, id, evidence.uri, evidence.conflict_with, rules)
    };
    for _ in 0..100 {
        let mut any = || {
            // Equal records have equal addenda.
            let (event, version) = (random.u32(1..4), random.u32(..4));
            let amends = (version == event).then_some(1 + version % 3);
            let uri = ["a", "b", "c"][random.usize(..3)];
            Like { event, version, damaged: random.bool(), uri, amends }
        };
        let history: Vec<Like> = (0..20).map(|_| any()).collect();
        let later: Vec<Like> = (0..20).map(|_| any()).collect();
        let mut whole = Dedupe::default();
        whole.take_log();
        history.iter().for_each(|&of| drop(decide(&mut whole, of)));
        let log = whole.take_log();
        assert!(log.len() < history.len(), "duplicates are in the log");
        let mut again = Dedupe::default();
        log.iter().for_each(|copy| again.replay(copy));
        for &of in &later {
            assert_eq!(decide(&mut again, of), decide(&mut whole, of), "{of:?} after {history:?}");
        }
    }
}

#[test]
fn numbers_come_back_and_take_little_room() {
    for n in [0, 1, u128::MAX, 0x0123_4567_89ab_cdef_0fed_cba9_8765_4321] {
        assert_eq!(number(words(n)), n);
    }
    // A table is full at seven eighths, and has a byte beside each place.
    assert!((size_of::<(Words, Seen)>() + 1) * 8 / 7 <= 48);
}
