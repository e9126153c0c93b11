//! Parallel listing: the same keys in the same order as one flat list, with only the requests that the
//! question needs.

use crate::support::feed::{Outcome, Scanned, run};
use crate::support::s3::{Bucket, Keys, Meta, Objects, Op, Server};
use bytes::Bytes;
use jiff::SignedDuration;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use roottrail::cancel::Cancel;
use roottrail::error::{ErrorKind, Stage};
use roottrail::key::days::TimeRange;
use roottrail::key::selection::KeySelection;
use roottrail::source::ListedOnly;
use roottrail::source::s3::{S3Options, S3Session, S3Uri};
use std::sync::Arc;

fn scan(server: &Server, source: &str, options: &S3Options, scope: KeySelection) -> Vec<Scanned> {
    let session = S3Session::start(options).unwrap();
    server.take_asked();
    run(&mut session.open(&S3Uri::parse(source).unwrap()).unwrap().within(Arc::new(scope)))
}

fn keys(scanned: &[Scanned]) -> Vec<String> {
    scanned.iter().map(|one| one.uri.strip_prefix("s3://trail/").unwrap().to_owned()).collect()
}

fn lists(server: &Server) -> usize {
    server.take_asked().iter().filter(|asked| asked.op == Op::List).count()
}

/// From the start of `first` to the end of `last`.
fn days(accounts: &[&str], regions: &[&str], first: &str, last: &str) -> KeySelection {
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<String>>();
    let at = |day: &str, time: &str| Some(format!("{day}T{time}Z").parse().unwrap());
    let range = TimeRange { start: at(first, "00:00:00"), end: at(last, "23:59:59") };
    KeySelection::new(&owned(accounts), &owned(regions), &[], &[])
        .unwrap()
        .within(range, SignedDuration::ZERO)
}

/// Accounts × kinds × regions × days of a trail, and things that are none.
fn trail() -> Vec<String> {
    let mut keys = vec!["AWSLogs/".to_owned(), "a.txt".to_owned(), "export/2024/events.json".to_owned()];
    for account in ["111122223333", "444455556666"] {
        for kind in ["CloudTrail", "CloudTrail-Digest", "CloudTrail-NetworkActivity"] {
            for region in ["eu-west-1", "us-east-1"] {
                for day in 1..=9 {
                    for n in 0..3 {
                        let folder = format!("AWSLogs/o-abc/{account}/{kind}/{region}/2024/05/{day:02}");
                        keys.push(format!("{folder}/{account}_{n}.json.gz"));
                    }
                }
            }
        }
        keys.push(format!("AWSLogs/o-abc/{account}/Config/us-east-1/2024/5/1/c.json.gz"));
        keys.push(format!("AWSLogs/o-abc/{account}/CloudTrail/odd.json"));
    }
    keys.sort();
    keys
}

fn bucket(keys: &[String]) -> Bucket {
    let objects = Objects::default();
    for key in keys {
        objects.put(key, if key.ends_with('/') { "" } else { "{}" });
    }
    Bucket::new(objects)
}

#[test]
fn everything_comes_in_key_order() {
    let server = Server::start();
    let all = trail();
    for (page, list_concurrency) in [(9, 1), (9, 16), (1000, 3)] {
        server.put("trail", Bucket { page, ..bucket(&all) });
        let options = S3Options { list_concurrency, ..server.options() };
        assert_eq!(keys(&scan(&server, "s3://trail", &options, KeySelection::default())), all);
    }
    for prefix in ["AWSLogs/o-abc/1", "AWSLogs/o-abc/444455556666/CloudTrail/us-east-1/2024/05/0", "ex", "b"]
    {
        let expected: Vec<_> = all.iter().filter(|key| key.starts_with(prefix)).cloned().collect();
        let source = format!("s3://trail/{prefix}");
        assert_eq!(keys(&scan(&server, &source, &server.options(), KeySelection::default())), expected);
    }
}

#[test]
fn only_what_is_asked_for_is_listed() {
    let server = Server::start();
    let all = trail();
    server.put("trail", Bucket { page: 10, ..bucket(&all) });
    let day = |n: u32| format!("/2024/05/{n:02}/");
    let others = |key: &str| key.starts_with("AWSLogs/o-abc/") && !key.contains("/2024/05/");
    let scope = days(&[], &[], "2024-05-03", "2024-05-04");
    let expected: Vec<_> = all
        .iter()
        .filter(|key| key.contains(&day(3)) || key.contains(&day(4)) || !key.contains("/2024/05/"))
        .filter(|key| !key.contains("/Config/"))
        .cloned()
        .collect();
    assert_eq!(keys(&scan(&server, "s3://trail", &server.options(), scope.clone())), expected);
    let asked = server.take_asked();
    for one in asked.iter().filter(|asked| asked.op == Op::List && asked.key.contains("-1/2024")) {
        assert!(one.key.ends_with("/2024/05/0"), "{}", one.key);
    }

    let narrow = days(&["444455556666"], &["us-east-1"], "2024-05-03", "2024-05-04");
    let expected: Vec<_> = expected
        .into_iter()
        .filter(|key| !key.contains("111122223333") && !key.contains("eu-west-1") || !key.contains("o-abc"))
        .collect();
    assert!(expected.iter().any(|key| others(key)));
    assert_eq!(keys(&scan(&server, "s3://trail", &server.options(), narrow)), expected);
    assert!(server.take_asked().iter().all(|asked| !asked.key.contains("111122223333")));

    // The very days of one region: the look at the start and one list.
    let source = "s3://trail/AWSLogs/o-abc/111122223333/CloudTrail/us-east-1/";
    assert_eq!(scan(&server, source, &server.options(), days(&[], &[], "2024-05-03", "2024-05-03")).len(), 3);
    assert_eq!(lists(&server), 2);
}

#[test]
fn who_may_list_only_one_prefix_still_gets_everything() {
    let server = Server::start();
    let all = trail();
    let prefix = "AWSLogs/o-abc/";
    // The exact prefix and nothing below it, as a policy with StringEquals has it.
    server.put("trail", Bucket { exactly_listable: Some(prefix.into()), page: 50, ..bucket(&all) });
    let expected: Vec<_> = all.iter().filter(|key| key.starts_with(prefix)).cloned().collect();
    let session = S3Session::start(&server.options()).unwrap();
    let mut source = session.open(&S3Uri::parse("s3://trail/AWSLogs/o-abc/").unwrap()).unwrap();
    assert_eq!(keys(&run(&mut source)), expected);
    let notes = session.take_notes();
    assert!(notes[0].contains("may not be listed by itself (AccessDenied"), "{notes:?}");
    // Days below it are found as well.
    let expected: Vec<_> = expected.into_iter().filter(|key| key.contains("/2024/05/07/")).collect();
    let found = scan(
        &server,
        "s3://trail/AWSLogs/o-abc/",
        &server.options(),
        days(&[], &[], "2024-05-07", "2024-05-07"),
    );
    let found: Vec<_> = keys(&found).into_iter().filter(|key| key.contains("/2024/05/")).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_folder_that_cannot_be_listed_is_one_error_among_the_rest() {
    let server = Server::start();
    let all = trail();
    server.put("trail", bucket(&all));
    server.faults(|asked| {
        let denied = asked.op == Op::List && asked.key.contains("444455556666/CloudTrail/us-east-1");
        denied.then_some(crate::support::s3::Fault::NotFound)
    });
    let scanned = scan(&server, "s3://trail", &server.options(), KeySelection::default());
    let folder = "AWSLogs/o-abc/444455556666/CloudTrail/us-east-1/";
    let mut expected: Vec<_> = all.iter().filter(|key| !key.starts_with(folder)).cloned().collect();
    expected.push(folder.to_owned());
    expected.sort();
    assert_eq!(keys(&scanned), expected);
    let failed: Vec<_> = scanned
        .iter()
        .filter(|one| {
            matches!(one.outcome, Outcome::Failed { stage: Stage::List, kind: ErrorKind::NotFound, .. })
        })
        .collect();
    assert_eq!(failed.len(), 1);
}

#[test]
fn all_versions_are_read_where_asked_for() {
    let server = Server::start();
    let objects = Objects::default();
    let day = "AWSLogs/111122223333/CloudTrail/us-east-1/2024/05/01";
    for text in ["first", "second", "third"] {
        for name in ["a", "b", "c"] {
            objects.put(&format!("{day}/{name}.json"), format!("{name} {text}"));
        }
    }
    objects.delete(&format!("{day}/b.json"));
    let keys = Arc::new(objects);
    for page in [1, 2, 4, 1000] {
        server.put("trail", Bucket { page, keys: keys.clone(), ..Bucket::new(Objects::default()) });
        let text = |one: &Scanned| match &one.outcome {
            Outcome::Bytes(bytes) => String::from_utf8(bytes.clone()).unwrap(),
            other => panic!("{other:?}"),
        };
        let options = S3Options { all_versions: true, ..server.options() };
        let session = S3Session::start(&options).unwrap();
        let scanned = run(&mut session.open(&S3Uri::parse("s3://trail").unwrap()).unwrap());
        let expected: Vec<_> = ["a", "b", "c"]
            .iter()
            .flat_map(|name| ["third", "second", "first"].map(|text| format!("{name} {text}")))
            .collect();
        assert_eq!(scanned.iter().map(text).collect::<Vec<_>>(), expected, "pages of {page}");
        assert_eq!(session.take_notes(), ["s3://trail: 1 delete markers; the versions below them are read"]);
        let latest = scan(&server, "s3://trail", &server.options(), KeySelection::default());
        assert_eq!(latest.iter().map(text).collect::<Vec<_>>(), ["a third", "c third"]);
    }
}

fn part() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("AWSLogs".to_owned()),
        Just("o-abc".to_owned()),
        Just("111122223333".to_owned()),
        Just("CloudTrail".to_owned()),
        Just("Config".to_owned()),
        Just("us-east-1".to_owned()),
        (2023..2025_u32, 1..13_u32, 1..29_u32).prop_map(|(y, m, d)| format!("{y}/{m:02}/{d:02}")),
        "[ab+ %\u{fc}-]{1,2}",
    ]
}

fn any_key() -> impl Strategy<Value = String> {
    let trail =
        ("(AWSLogs/|p/AWSLogs/o-x/)", 0..3_u32, 0..2_u32, 2023..2025_u32, 1..13_u32, 1..29_u32, 0..9_u32)
            .prop_map(|(head, account, region, y, m, d, n)| {
                let region = ["us-east-1", "eu-west-1"][region as usize];
                format!("{head}11112222333{account}/CloudTrail/{region}/{y}/{m:02}/{d:02}/{n}.json.gz")
            });
    prop_oneof![3 => trail, 1 => prop::collection::vec(part(), 1..7).prop_map(|parts| parts.join("/"))]
}

#[test]
fn any_bucket_comes_in_key_order() {
    let server = Server::start();
    let sessions = [1, 2, 8].map(|list_concurrency| {
        S3Session::start(&S3Options { list_concurrency, ..server.options() }).unwrap()
    });
    let case = (
        prop::collection::btree_set(any_key(), 1..150),
        1_usize..20,
        any::<prop::sample::Index>(),
        0_usize..30,
        any::<prop::sample::Index>(),
    );
    // `.ci/checks/45-kills` asks for more.
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(10);
    let mut runner = TestRunner::new(ProptestConfig { cases, ..ProptestConfig::default() });
    let outcome = runner.run(&case, |(all, page, session, cut, of)| {
        let all: Vec<String> = all.into_iter().collect();
        server.put("trail", Bucket { page, ..bucket(&all) });
        let prefix: String = all[of.index(all.len())].chars().take(cut).collect();
        let source = S3Uri { bucket: "trail".into(), prefix };
        let expected: Vec<_> =
            all.iter().filter(|key| key.starts_with(&source.prefix)).map(|key| source.of_key(key)).collect();
        let scanned = run(&mut sessions[session.index(3)].open(&source).unwrap());
        prop_assert_eq!(scanned.into_iter().map(|one| one.uri).collect::<Vec<_>>(), expected);
        Ok(())
    });
    outcome.unwrap();
}

/// Keys that are never held: 8 accounts × 5 regions × 100 days × this many objects a day.
struct Huge(usize);

const REGIONS: [&str; 5] = ["ap-south-1", "eu-central-1", "eu-west-1", "us-east-1", "us-west-2"];

impl Huge {
    fn len(&self) -> usize {
        8 * 5 * 100 * self.0
    }

    /// Pages of one flat listing.
    fn pages(&self) -> usize {
        self.len().div_ceil(1000)
    }

    fn key(&self, n: usize) -> String {
        let (rest, object) = (n / self.0, n % self.0);
        let (rest, day) = (rest / 100, rest % 100);
        let (account, region) = (rest / 5, REGIONS[rest % 5]);
        let account = format!("11112222333{account}");
        let (month, day) = (1 + day / 25, 1 + day % 25);
        format!(
            "AWSLogs/{account}/CloudTrail/{region}/2024/{month:02}/{day:02}/\
             {account}_CloudTrail_{region}_2024{month:02}{day:02}T{object:04}Z_0123456789abcdef.json.gz"
        )
    }
}

impl Keys for Huge {
    fn next(&self, from: &str) -> Option<Meta> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.key(middle).as_str() < from { low = middle + 1 } else { high = middle }
        }
        let meta = |key| Meta { key, size: 2, etag: "e".into(), class: None, restored: false };
        (low < self.len()).then(|| meta(self.key(low)))
    }

    fn body(&self, _: &str) -> Option<Bytes> {
        Some(Bytes::from_static(b"{}"))
    }
}

/// Keys listed, without a GET, and the LIST requests that it took.
fn survey(server: &Server, source: &str, scope: KeySelection) -> (usize, usize) {
    let session = S3Session::start(&server.options()).unwrap();
    server.take_asked();
    let source = session.open(&S3Uri::parse(source).unwrap()).unwrap().within(Arc::new(scope));
    let mut keys = 0;
    source.survey(&Cancel::new(), &mut |_, what| {
        assert!(matches!(what, ListedOnly::Readable(_)), "{what:?}");
        keys += 1;
    });
    let asked = server.take_asked();
    assert!(asked.iter().all(|asked| asked.op == Op::List));
    (keys, asked.len())
}

#[test]
fn one_day_of_a_large_bucket_costs_few_requests() {
    let server = Server::start();
    let day = || days(&[], &[], "2024-02-10", "2024-02-10");
    // One look at the start, the root, AWSLogs/, 8 accounts, 8 kinds; and 40 regions with one page each, however
    // many other days there are, and however many objects in the day, up to a page.
    let requests = 1 + 1 + 1 + 8 + 8 + 40;
    for a_day in [5, 500] {
        let huge = Huge(a_day);
        let pages = huge.pages();
        server.put("trail", Bucket::new(huge));
        assert_eq!(survey(&server, "s3://trail", day()), (40 * a_day, requests));
        // What is asked once for each of 40 regions falls below 3 % of a flat listing where that has 2000 pages.
        assert_eq!(requests * 100 < pages * 3, a_day == 500, "{pages}");
        let one = days(&["111122223334"], &["us-east-1"], "2024-02-10", "2024-02-10");
        assert_eq!(survey(&server, "s3://trail/AWSLogs/", one), (a_day, 1 + 1 + 1 + 1 + 1));
    }
}

#[test]
fn a_whole_bucket_costs_a_flat_listing_and_a_page_for_each_region() {
    let server = Server::start();
    let huge = Huge(3);
    let (len, pages) = (huge.len(), huge.pages());
    server.put("trail", Bucket::new(huge));
    let (keys, requests) = survey(&server, "s3://trail", KeySelection::default());
    assert_eq!(keys, len);
    assert!((pages..=pages + 19 + 40).contains(&requests), "{requests}");
}
