//! Several trails, regions, accounts and buckets; backfill; what was asked for.

use super::*;

#[test]
fn trails_regions_accounts_and_prefixes_stand_side_by_side() {
    let mut files = Files::new();
    for (account, region, name, prefix, organization) in [
        ("111122223333", "us-east-1", "a", "", ""),
        ("111122223333", "us-east-1", "a_b.c+d", "", ""),
        ("111122223333", "eu-west-1", "a", "", ""),
        ("444455556666", "us-east-1", "a", "p/AWSLogs/x/", "o-abc123/"),
    ] {
        let mut trail = Trail {
            prefix: prefix.into(),
            organization: organization.into(),
            ..Trail::of(account, region, name)
        };
        for hour in 0..3 {
            trail.hour(&mut files, [format!("{account} {region} {name} {hour}")]);
        }
    }
    let found = verify(&files, &Look { end: Some("2024-05-01T03:00:00Z"), ..Look::default() });
    assert_eq!((found.digests.valid, found.proven.len()), (12, 4), "{found:?}");
    assert_eq!((found.logs.valid, found.failures), (12, 0), "{found:?}");
}

#[test]
fn an_organizations_digests_prove_their_members_logs() {
    let mut files = Files::new();
    let mut trail =
        Trail { member: Some("444455556666".into()), organization: "o-abc123/".into(), ..Trail::new() };
    for _ in 0..2 {
        trail.hour(&mut files, ["a"]);
    }
    let name = logs(&files)[0].clone();
    let added = name.replace("_0000000000005000", "_AAAAAAAAAAAAAAAA");
    files.insert(added.clone(), files[&name].clone());
    let found = verify(&files, &Look { end: Some("2024-05-01T02:00:00Z"), ..Look::default() });
    assert_eq!((found.logs.valid, found.logs.not_in_digest), (2, 1), "{found:?}");
}

#[test]
fn a_backfill_digest_is_signed_later_and_fills_its_gap() {
    let mut files = Files::new();
    let mut trail = Trail::new();
    trail.hour(&mut files, ["a"]);
    trail.at += SignedDuration::from_hours(1);
    trail.hour(&mut files, ["c"]);
    let mut late = Trail { at: at("2024-05-01T01:00:00Z"), backfill: true, ..Trail::new() };
    let key = late.hour(&mut files, ["b", "bb"]);
    let found = verify(&files, &Look { end: Some("2024-05-01T03:00:00Z"), ..Look::default() });
    assert_eq!((found.digests.valid, found.logs.valid, found.failures), (3, 4, 0), "{found:?}");
    assert_eq!((found.proven.as_slice(), found.unproven.len()), (&[(0, 3)][..], 0));
    // A key that signed on the day of the hour and not on that of the backfill.
    let list = key_list().replace("2030-01-01", "2024-05-02");
    let found = verify(&files, &Look { keys: list, ..Look::default() });
    assert_eq!(found.problems, [(IntegrityProblem::DigestNoKey, format!("s3://logs/{key}"))]);
    files.get_mut(&key).unwrap().metadata.remove("backfill-generation-timestamp");
    assert_eq!(kinds(&verify(&files, &Look::default())), [IntegrityProblem::DigestMalformed]);
}

#[test]
fn logs_in_other_buckets_are_said_not_missed() {
    let mut files = Files::new();
    let mut trail = Trail { log_bucket: "elsewhere".into(), ..Trail::new() };
    trail.hour(&mut files, ["a", "b"]);
    let look = || Look { end: Some("2024-05-01T01:00:00Z"), ..Look::default() };
    let found = verify(&files, &look());
    assert_eq!((found.logs.valid, found.failures), (2, 0), "they are brought from there");
    files.retain(|key, _| !key.contains("/CloudTrail/"));
    let found = verify(&files, &look());
    assert_eq!((found.logs.missing, found.logs.unverified, found.failures), (0, 2, 0));
    assert_eq!(found.notes, [NoteKind::ChainBegins, NoteKind::OtherBucket, NoteKind::OtherBucket]);
    assert!(found.proven.is_empty());
}

#[test]
fn a_log_that_is_named_twice_is_said() {
    let mut files = Files::new();
    let mut trail = Trail::new();
    trail.hour(&mut files, ["a"]);
    let named = |files: &Files| -> serde_json::Value {
        let digest = files.iter().find(|(key, _)| key.contains("Digest")).unwrap().1;
        serde_json::from_slice::<serde_json::Value>(&text_of(digest)).unwrap()["logFiles"][0].clone()
    };
    let again = named(&files);
    trail.digest(&mut files, vec![again], |_| {});
    let found = verify(&files, &Look { end: Some("2024-05-01T02:00:00Z"), ..Look::default() });
    assert_eq!((found.logs.valid, found.failures), (1, 0), "{found:?}");
    assert_eq!(found.notes, [NoteKind::ChainBegins, NoteKind::LogNamedTwice]);
}

#[test]
fn only_what_was_asked_for_is_judged() {
    let (files, _) = bucket();
    let look =
        Look { start: Some("2024-05-01T02:30:00Z"), end: Some("2024-05-01T04:00:00Z"), ..Look::default() };
    let found = verify(&files, &look);
    assert_eq!((found.digests.valid, found.logs.valid, found.failures), (2, 2, 0), "{found:?}");
    assert_eq!((found.proven.as_slice(), found.unproven.len()), (&[(2, 4)][..], 0));
}
