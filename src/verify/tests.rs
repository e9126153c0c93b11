//! Whole buckets, sound and attacked, judged without a run.
//!
//! A bucket is made with signed digests and logs, attacked in one way, and given to the verifier as a run would give
//! it. Each test names the attack, and compares problems, counts and the times that are still proven.

use super::problems::{IntegrityProblem, Line, NoteKind};
use super::testing::{Files, OTHER_FINGERPRINT, Signer, Trail, change_digest, gzipped, key_list, text_of};
use super::{
    DigestCounts, DigestFile, LogCounts, LogObject, PublicKeys, SignedDuration, TimeRange, Timestamp,
    Verifier,
};
use crate::key::key_info;
use rayon::{ThreadPool, ThreadPoolBuilder};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;

mod aws_cli;
mod places;

/// What a verification of a bucket says.
#[derive(Debug, PartialEq)]
struct Found {
    digests: DigestCounts,
    logs: LogCounts,
    failures: u64,
    problems: Vec<(IntegrityProblem, String)>,
    notes: Vec<NoteKind>,
    /// Problems and notes in full.
    told: Vec<String>,
    /// Hours since 2024-05-01.
    proven: Vec<(i64, i64)>,
    unproven: Vec<(Option<i64>, i64)>,
}

/// How the bucket is looked at.
struct Look {
    start: Option<&'static str>,
    end: Option<&'static str>,
    /// Metadata is at hand.
    metadata: bool,
    keys: String,
    root: &'static str,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            start: None,
            end: Some("2024-05-01T06:00:00Z"),
            metadata: true,
            keys: key_list(),
            root: "s3://logs/",
        }
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Judges digests one by one, and holds that against digests judged together.
fn verify(files: &Files, look: &Look) -> Found {
    let found = judge(files, look, 1, None);
    let pool = ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    for (together, pool) in [(2, None), (5, None), (usize::MAX, Some(&pool))] {
        assert_eq!(judge(files, look, together, pool), found, "{together} digests together");
    }
    found
}

fn judge(files: &Files, look: &Look, together: usize, pool: Option<&ThreadPool>) -> Found {
    let mut keys = PublicKeys::default();
    if !look.keys.is_empty() {
        keys.add_list(look.keys.as_bytes()).unwrap();
    }
    let range = TimeRange { start: look.start.map(at), end: look.end.map(at) };
    let mut verifier =
        Verifier::new(Box::new(Arc::new(keys)), range, Arc::default(), at("2024-05-02T00:00:00Z"), false);
    let uri = |key: &str| format!("{}{key}", look.root);
    let digests: Vec<_> = files
        .iter()
        .filter(|(key, _)| key.contains("CloudTrail-Digest"))
        .map(|(key, file)| (uri(key), text_of(file), file))
        .collect();
    let digests: Vec<DigestFile<'_>> = digests
        .iter()
        .map(|(uri, text, file)| {
            let metadata = |name: &str| file.metadata.get(name).map(String::as_str).filter(|_| look.metadata);
            let (signature, generated) = (metadata("signature"), metadata("backfill-generation-timestamp"));
            DigestFile { uri, contents: text, signature, generated }
        })
        .collect();
    for some in digests.chunks(together) {
        match some {
            [one] if together == 1 => verifier.digest(one).unwrap(),
            some => verifier.digests(some, pool).unwrap(),
        }
    }
    verifier.digests_done().unwrap();
    for (key, file) in files.iter().filter(|(key, _)| key.contains("/CloudTrail/")) {
        let hash = Some(Sha256::digest(text_of(file)).into());
        let info = key_info(key);
        verifier.log(&LogObject { uri: &uri(key), key: info.as_ref(), hash, trailing: false }).unwrap();
    }
    let result = verifier.finish(true).unwrap();
    let hour = |time: Timestamp| (time - at("2024-05-01T00:00:00Z")).total(jiff::Unit::Hour).unwrap() as i64;
    let (mut problems, mut notes, mut told) = (Vec::new(), Vec::new(), Vec::new());
    result
        .problems
        .each(|line| {
            told.push(line.to_owned());
            let line: Line<IntegrityProblem> = serde_json::from_str(line)?;
            problems.push((line.kind, line.uri));
            Ok(())
        })
        .unwrap();
    result
        .notes
        .each(|line| {
            told.push(line.to_owned());
            notes.push(serde_json::from_str::<Line<NoteKind>>(line)?.kind);
            Ok(())
        })
        .unwrap();
    let trails = || result.trails.iter();
    Found {
        digests: result.digests,
        logs: result.logs,
        failures: result.failures,
        problems,
        notes,
        told,
        proven: trails().flat_map(|trail| &trail.proven).map(|span| (hour(span.0), hour(span.1))).collect(),
        unproven: trails()
            .flat_map(|trail| &trail.unproven)
            .map(|span| (span.start.map(hour), hour(span.end)))
            .collect(),
    }
}

/// Returns six hours with two logs in each but the third.
fn bucket() -> (Files, Vec<String>) {
    let mut files = Files::new();
    let mut trail = Trail::new();
    let keys = (0..6)
        .map(|hour| {
            let logs: &[&str] = if hour == 2 { &[] } else { &["one", "two"] };
            trail.hour(&mut files, logs.iter().map(|log| format!("{hour} {log}")))
        })
        .collect();
    (files, keys)
}

fn logs(files: &Files) -> Vec<String> {
    files.keys().filter(|key| key.contains("/CloudTrail/")).cloned().collect()
}

fn kinds(found: &Found) -> Vec<IntegrityProblem> {
    found.problems.iter().map(|(kind, _)| *kind).collect()
}

#[test]
fn a_whole_bucket_is_proven_with_and_without_metadata() {
    let (files, _) = bucket();
    let found = verify(&files, &Look::default());
    assert_eq!((found.digests.valid, found.logs.valid, found.problems.len()), (6, 10, 0), "{found:?}");
    assert_eq!((found.proven.as_slice(), found.unproven.len()), (&[(0, 6)][..], 0));
    assert_eq!(found.notes, [NoteKind::ChainBegins]);
    for root in ["s3://copy/evidence/", "disk/logs/", ""] {
        let found = verify(&files, &Look { root, ..Look::default() });
        assert_eq!((found.digests.valid, found.logs.valid, found.failures), (6, 10, 0), "{root} {found:?}");
        let replicated = found.notes.iter().filter(|note| **note == NoteKind::DigestReplicated).count();
        assert_eq!(replicated, if root.starts_with("s3://") { 6 } else { 0 });
    }
    // Without metadata each signature is in the digest behind, but for the newest.
    let found = verify(&files, &Look { metadata: false, ..Look::default() });
    assert_eq!((found.digests.valid, found.digests.unverified, found.failures), (5, 1, 0));
    assert_eq!((found.logs.valid, found.logs.unverified), (8, 2));
    assert_eq!((found.proven.as_slice(), found.unproven.as_slice()), (&[(0, 5)][..], &[(Some(5), 6)][..]));
    assert_eq!(kinds(&found), [IntegrityProblem::DigestUnverified]);
}

#[test]
fn logs_changed_deleted_and_added_are_named() {
    let (sound, _) = bucket();
    let names = logs(&sound);
    let mut files = sound.clone();
    files.get_mut(&names[3]).unwrap().bytes = gzipped(b"forged");
    let found = verify(&files, &Look::default());
    assert_eq!(found.problems, [(IntegrityProblem::LogMismatch, format!("s3://logs/{}", names[3]))]);
    assert_eq!((found.logs.valid, found.logs.mismatch, found.failures), (9, 1, 1));
    assert_eq!(found.proven, [(0, 1), (2, 6)]);

    let mut files = sound.clone();
    files.remove(&names[0]);
    let found = verify(&files, &Look::default());
    assert_eq!(found.problems, [(IntegrityProblem::LogMissing, format!("s3://logs/{}", names[0]))]);
    assert_eq!((found.logs.missing, found.proven.as_slice()), (1, &[(1, 6)][..]));

    let mut files = sound.clone();
    let added = names[2].replace("_0000000000005002", "_AAAAAAAAAAAAAAAA");
    files.insert(added.clone(), sound[&names[2]].clone());
    // Before the first digest and behind the last one nobody can tell.
    for time in ["20240430T2300Z", "20240501T0655Z"] {
        files.insert(added.replace("20240501T0100Z", time), sound[&names[2]].clone());
    }
    let found = verify(&files, &Look { end: None, ..Look::default() });
    assert_eq!(found.problems, [(IntegrityProblem::LogNotInDigest, format!("s3://logs/{added}"))]);
    assert_eq!((found.logs.not_in_digest, found.logs.unverified, found.logs.valid), (1, 2, 10));

    // A log in another one's place.
    let mut files = sound.clone();
    let bytes = files[&names[1]].clone();
    files.insert(names[4].clone(), bytes);
    assert_eq!(kinds(&verify(&files, &Look::default())), [IntegrityProblem::LogMismatch]);
}

#[test]
fn digests_deleted_leave_a_gap_that_nothing_forgives() {
    let (sound, digests) = bucket();
    // In the middle.
    let mut files = sound.clone();
    files.remove(&digests[2]);
    files.remove(&digests[3]);
    let found = verify(&files, &Look::default());
    assert_eq!(found.problems, [(IntegrityProblem::DigestMissing, format!("s3://logs/{}", digests[3]))]);
    assert_eq!((found.digests.valid, found.digests.missing, found.logs.unverified), (4, 1, 2));
    assert_eq!(
        (found.proven.as_slice(), found.unproven.as_slice()),
        (&[(0, 2), (4, 6)][..], &[(Some(2), 4)][..])
    );
    // Without its successor's word the digest in front of the gap is unverified.
    let found = verify(&files, &Look { metadata: false, ..Look::default() });
    assert_eq!((found.digests.valid, found.digests.unverified), (2, 2));

    // At the beginning, with and without a word on where that should be.
    let mut files = sound.clone();
    files.remove(&digests[0]);
    let found = verify(&files, &Look::default());
    assert_eq!((found.digests.missing, found.failures, found.unproven.as_slice()), (1, 1, &[(None, 1)][..]));
    let found = verify(&files, &Look { start: Some("2024-05-01T00:00:00Z"), ..Look::default() });
    assert_eq!((found.digests.missing, found.unproven.as_slice()), (1, &[(Some(0), 1)][..]));
    let found = verify(&files, &Look { start: Some("2024-05-01T01:00:00Z"), ..Look::default() });
    assert_eq!((found.digests.missing, found.failures, found.unproven.len()), (0, 0, 0), "{found:?}");
    assert_eq!(found.logs.valid, 8);

    // The newest: no later one names them.
    let mut files = sound.clone();
    files.remove(&digests[4]);
    files.remove(&digests[5]);
    let found = verify(&files, &Look::default());
    assert_eq!((found.failures, found.unproven.as_slice()), (0, &[(Some(4), 6)][..]));
    assert_eq!((found.logs.valid, found.logs.unverified), (6, 4));
    let found = verify(&files, &Look { end: None, ..Look::default() });
    assert_eq!(found.unproven, [(Some(4), 22)], "up to two hours before now");
}

#[test]
fn digests_changed_or_forged_are_invalid_and_prove_nothing() {
    let (sound, digests) = bucket();
    let forget = |digest: &mut serde_json::Value| digest["logFiles"] = json!([]);
    for at in [1, 5] {
        // Changed, and signed again by somebody else.
        for (again, metadata) in [(None, true), (Some(Signer::other()), true), (None, false)] {
            let mut files = sound.clone();
            change_digest(files.get_mut(&digests[at]).unwrap(), again.as_ref(), forget);
            let found = verify(&files, &Look { metadata, ..Look::default() });
            let newest = at == 5 && !metadata;
            assert_eq!(
                (found.digests.invalid, found.digests.unverified > 0),
                (u64::from(!newest), !metadata),
                "{found:?}"
            );
            let logs = (found.logs.valid, found.logs.not_in_digest, found.logs.unverified);
            assert_eq!(logs, if metadata || at == 5 { (8, 0, 2) } else { (6, 0, 4) }, "{at} {found:?}");
        }
    }
    // Under the forger's own fingerprint: its key is not in the list, though keys of that time are.
    let mut files = sound.clone();
    change_digest(files.get_mut(&digests[5]).unwrap(), Some(&Signer::other()), |digest| {
        forget(digest);
        digest["digestPublicKeyFingerprint"] = OTHER_FINGERPRINT.into();
    });
    let found = verify(&files, &Look::default());
    assert_eq!((kinds(&found), found.failures), (vec![IntegrityProblem::DigestNoKey], 1));
    // No keys at all: nothing is proven, and nothing is wrong.
    let found = verify(&sound, &Look { keys: String::new(), ..Look::default() });
    assert_eq!((found.digests.unverified, found.failures, found.logs.unverified), (6, 0, 10));

    // The signature in the metadata is another digest's.
    let mut files = sound.clone();
    let signature = files[&digests[0]].metadata["signature"].clone();
    files.get_mut(&digests[1]).unwrap().metadata.insert("signature".into(), signature);
    assert_eq!(kinds(&verify(&files, &Look::default())), [IntegrityProblem::DigestSignatureInvalid]);
}

#[test]
fn digests_in_a_place_that_is_not_theirs_are_invalid() {
    let (sound, digests) = bucket();
    let mut files = sound.clone();
    let copy = files[&digests[1]].clone();
    files.insert(digests[3].clone(), copy);
    let found = verify(&files, &Look::default());
    assert_eq!(found.problems, [(IntegrityProblem::DigestMoved, format!("s3://logs/{}", digests[3]))]);
    assert_eq!((found.proven.as_slice(), found.digests.missing), (&[(0, 3), (4, 6)][..], 0));
    let mut files = sound;
    let moved = files.remove(&digests[5]).unwrap();
    files.insert(digests[5].replace("us-east-1/2024/05/01", "us-east-1/2024/05/02"), moved);
    assert_eq!(kinds(&verify(&files, &Look::default())), [IntegrityProblem::DigestMoved]);
}

#[test]
fn a_trail_that_was_off_leaves_a_gap_and_its_logs_unverified() {
    let mut files = Files::new();
    let mut trail = Trail::new();
    trail.hour(&mut files, ["a"]);
    trail.pause(2);
    trail.hour(&mut files, ["b"]);
    let log = logs(&files)[0].replace("20240501T0000Z", "20240501T0130Z");
    files.insert(log, files.values().next().unwrap().clone());
    let found = verify(&files, &Look { end: Some("2024-05-01T04:00:00Z"), ..Look::default() });
    assert_eq!(
        (found.proven.as_slice(), found.unproven.as_slice()),
        (&[(0, 1), (3, 4)][..], &[(Some(1), 3)][..])
    );
    assert_eq!((found.logs.valid, found.logs.unverified, found.failures), (2, 1, 0), "{found:?}");
    // A chain that is cut where the next would begin loses no time.
    let mut files = Files::new();
    let mut trail = Trail::new();
    trail.hour(&mut files, ["a"]);
    trail.pause(0);
    trail.hour(&mut files, ["b"]);
    let found = verify(&files, &Look { end: Some("2024-05-01T02:00:00Z"), ..Look::default() });
    assert_eq!((found.proven.as_slice(), found.unproven.len()), (&[(0, 2)][..], 0));
}

#[test]
fn a_copy_that_names_another_signature_takes_nothing_from_the_original() {
    let (mut files, digests) = bucket();
    for (hour, key) in digests.iter().enumerate() {
        let mut copy = files[key].clone();
        if hour == 3 {
            change_digest(&mut copy, None, |digest| digest["previousDigestSignature"] = json!("00"));
        }
        files.insert(format!("copy/{key}"), copy);
    }
    let found = verify(&files, &Look { metadata: false, ..Look::default() });
    let original: Vec<_> = found.problems.iter().filter(|(_, uri)| !uri.contains("/copy/")).collect();
    // The newest, which nothing names.
    assert!(
        matches!(original[..], [(IntegrityProblem::DigestUnverified, uri)] if uri.ends_with(&digests[5]))
    );
}

#[test]
fn chains_that_loop_overlap_or_run_forward_are_broken() {
    let link =
        |key: String| move |digest: &mut serde_json::Value| digest["previousDigestS3Object"] = key.into();
    let mut files = Files::new();
    let mut trail = Trail::new();
    trail.hour(&mut files, ["a"]);
    let (own, later) =
        (trail.digest_key(at("2024-05-01T02:00:00Z")), trail.digest_key(at("2024-05-01T09:00:00Z")));
    for key in [own, later] {
        let mut files = files.clone();
        let mut trail = Trail { previous: trail.previous.clone(), at: trail.at, ..Trail::new() };
        trail.hour_with(&mut files, ["b"], link(key));
        let found = verify(&files, &Look::default());
        assert_eq!(kinds(&found), [IntegrityProblem::DigestChainBroken], "{found:?}");
    }
    let mut trail = Trail { previous: trail.previous.clone(), at: trail.at, ..Trail::new() };
    trail.hour_with(&mut files, ["b"], |digest| digest["digestStartTime"] = "2024-05-01T00:30:00Z".into());
    let found = verify(&files, &Look::default());
    assert_eq!((kinds(&found), found.logs.valid), (vec![IntegrityProblem::DigestOverlap], 1));
}

#[test]
fn algorithms_that_are_not_cloudtrails_are_refused() {
    for (field, value) in [
        ("digestSignatureAlgorithm", json!("SHA1withRSA")),
        (
            "logFiles",
            json!([{"s3Bucket": "logs", "s3Object": "o", "hashValue": "00", "hashAlgorithm": "MD5"}]),
        ),
    ] {
        let mut files = Files::new();
        Trail::new().hour_with(&mut files, ["a"], |digest| digest[field] = value);
        assert_eq!(kinds(&verify(&files, &Look::default())), [IntegrityProblem::DigestMalformed], "{field}");
    }
}
