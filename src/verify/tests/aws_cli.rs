//! What aws-cli's own tests of `validate-logs` name (`tests/unit/customizations/cloudtrail/test_validation.py` and
//! `tests/functional/cloudtrail/test_validation.py` of its repository), and where that is tested here.
//!
//! | aws-cli | here |
//! |---|---|
//! | `formats_dates`, `parses_dates`, `normalizes_date_timezones`, `parses_dates_with_better_error_message` | `cli`'s tests of `--start`; times in digests: `verify::digest::tests` |
//! | `ensures_cloudtrail_arns_are_valid` and its kin, `creates_traverser…`, `initializes_args` | none: no ARN is asked for, every trail below the source is verified |
//! | `…gets_organization_id`, `organization_trail_missing_account_id`, `list_objects…org_trails` | `places::an_organizations_digests_prove_their_members_logs`; AWS Organizations is not asked |
//! | `extracts_dates_from_digest_keys` | `verify::place::tests` |
//! | `validates_digests`, `properly_signs_when_no_previous_signature` | `verify::digest::tests`, and every sound bucket |
//! | `does_not_expose_underlying_key_decoding_error` | `verify::keys::tests::keys_that_are_weak_slow_or_none_are_named_and_refused` |
//! | `does_not_expose_underlying_validation_error`, `does_not_hard_fail_on_invalid_signature` | [`a_signature_that_is_no_signature_is_invalid_and_stops_nothing`] |
//! | `returns_digests_in_range`, `loads_digests_in_range`, `calls_list_objects_correctly` | `places::only_what_was_asked_for_is_judged`; listings: `tests/integration/listing.rs` |
//! | `ensures_digest_has_proper_metadata`, `fails_when_digest_metadata_is_missing` | [`a_digest_without_metadata_is_judged_by_its_successor`]: a copy has none, and that is no failure |
//! | `ensures_digest_can_be_gzip_inflated`, `ensures_digests_can_be_json_parsed` | `tests/integration/verify.rs`, `hostile_files_are_named_and_stop_nothing` |
//! | `fails_when_digest_is_missing_keys_before_validation` | `verify::digest::tests::what_is_no_digest_says_why` |
//! | `ensures_public_keys_are_loaded`, `ensures_public_key_is_found` | [`a_key_that_is_not_there_names_region_and_fingerprint`] |
//! | `ensures_digest_from_same_location…`, `fails_when_digest_not_from_same_location…` | `super::digests_in_a_place_that_is_not_theirs_are_invalid`; another bucket is a note |
//! | `invokes_cb_and_continues_when_missing`, `warns_when_digest_deleted` | [`links_gaps_missing_and_invalid_digests_in_one_chain`] |
//! | `invokes_cb_and_continues_when_invalid`, `warns_when_digest_invalid`, `…when_no_valid_digests_found_in_range` | the same |
//! | `invokes_cb_and_continues_when_gap`, `warns_when_no_digests_in_gap` | the same, and `super::a_trail_that_was_off_leaves_a_gap_and_its_logs_unverified` |
//! | `reloads_objects_on_bucket_change`, `follows_trails_when_bucket_changes` | [`a_chain_goes_on_in_another_bucket`] |
//! | `warns_when_no_digests_found_in_range`, `…after_start_date` | exit code 5: `tests/integration/verify.rs` |
//! | `fails_and_warns_when_log_hash_is_invalid`, `…when_log_is_deleted`, `validates_valid_log_files` | `super::logs_changed_deleted_and_added_are_named` |
//! | `verbose_output…`, `shows_successful_summary` | `tests/integration/verify.rs` |
//! | `ensures_start_time_before_end_time` | `tests/integration/verify_more.rs`, `an_end_that_is_not_after_the_start_is_refused` |
//! | `s3_client_created_lazily`, `endpoint_url_is_used_for_cloudtrail`, clients by region and their caches | `tests/integration/verify.rs`, `keys_are_asked_for_once_a_region_and_can_be_saved`; buckets elsewhere: `tests/integration/s3.rs` |

use super::*;

#[test]
fn a_signature_that_is_no_signature_is_invalid_and_stops_nothing() {
    let (sound, digests) = bucket();
    for signature in ["", "123", "not hexadecimal", &"00".repeat(256), &"ff".repeat(5000)] {
        let mut files = sound.clone();
        files.get_mut(&digests[5]).unwrap().metadata.insert("signature".into(), signature.into());
        let found = verify(&files, &Look::default());
        assert_eq!(kinds(&found), [IntegrityProblem::DigestSignatureInvalid], "{signature:.20}");
        assert_eq!((found.digests.valid, found.logs.valid, found.logs.unverified), (5, 8, 2));
    }
}

#[test]
fn a_digest_without_metadata_is_judged_by_its_successor() {
    let (sound, digests) = bucket();
    let mut files = sound.clone();
    files.get_mut(&digests[2]).unwrap().metadata.clear();
    let found = verify(&files, &Look::default());
    assert_eq!((found.digests.valid, found.problems.len()), (6, 0), "{found:?}");
    let mut files = sound;
    files.get_mut(&digests[5]).unwrap().metadata.clear();
    let found = verify(&files, &Look::default());
    assert_eq!((kinds(&found), found.failures), (vec![IntegrityProblem::DigestUnverified], 0));
}

#[test]
fn a_key_that_is_not_there_names_region_and_fingerprint() {
    let (files, _) = bucket();
    let keys = key_list().replace(super::super::testing::FINGERPRINT, OTHER_FINGERPRINT);
    let found = verify(&files, &Look { keys, ..Look::default() });
    assert_eq!(kinds(&found), vec![IntegrityProblem::DigestNoKey; 6]);
    assert_eq!((found.failures, found.logs.unverified, found.proven.len()), (6, 10, 0));
}

#[test]
fn links_gaps_missing_and_invalid_digests_in_one_chain() {
    let mut files = Files::new();
    let mut trail = Trail::new();
    let mut keys = Vec::new();
    for hour in 0..8 {
        // A new chain begins at the third and the fourth hour.
        if hour == 2 || hour == 3 {
            trail.pause(0);
        }
        keys.push(trail.hour(&mut files, [format!("{hour}")]));
    }
    change_digest(files.get_mut(&keys[5]).unwrap(), None, |digest| digest["logFiles"] = json!([]));
    files.remove(&keys[6]);
    let found = verify(&files, &Look { end: Some("2024-05-01T08:00:00Z"), ..Look::default() });
    let invalid = (IntegrityProblem::DigestSignatureInvalid, format!("s3://logs/{}", keys[5]));
    let missing = (IntegrityProblem::DigestMissing, format!("s3://logs/{}", keys[6]));
    assert_eq!(found.problems, [invalid, missing], "{found:?}");
    let digests = found.digests;
    assert_eq!((digests.valid, digests.invalid, digests.missing), (6, 1, 1));
    assert_eq!((found.proven, found.unproven), (vec![(0, 5), (7, 8)], vec![(Some(5), 7)]));
    let begins = found.notes.iter().filter(|note| **note == NoteKind::ChainBegins).count();
    assert_eq!(begins, 3);
}

#[test]
fn a_chain_goes_on_in_another_bucket() {
    let mut files = Files::new();
    let mut trail = Trail::new();
    trail.hour(&mut files, ["a"]);
    trail.bucket = "moved-to".into();
    trail.log_bucket = "moved-to".into();
    trail.hour(&mut files, ["b"]);
    trail.hour(&mut files, ["c"]);
    // Both buckets are among the sources: the folder stands for them.
    let look = Look { end: Some("2024-05-01T03:00:00Z"), root: "disk/", ..Look::default() };
    let found = verify(&files, &look);
    assert_eq!((found.digests.valid, found.logs.valid, found.problems.len()), (3, 3, 0), "{found:?}");
    assert_eq!(found.proven, [(0, 3)]);
}
