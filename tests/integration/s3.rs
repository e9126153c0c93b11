//! Listing and fetching from a real S3 server: what comes out, in which order, and what stops a start.

use crate::support::feed::{Outcome, Scanned, TestFeed, run, run_with};
use crate::support::s3::{Bucket, EXPIRED_KEY, Fault, Objects, Op, SECRET_KEY, Server, keys};
use crate::support::wait::{LAST_RESORT, until};
use roottrail::cancel::Cancel;
use roottrail::error::{ErrorKind, Fatal, Stage};
use roottrail::key::Skip;
use roottrail::source::s3::{S3Options, S3Session, S3Source, S3Uri};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const DAY: &str = "AWSLogs/111122223333/CloudTrail/us-east-1/2024/05/01";

fn uri(text: &str) -> S3Uri {
    S3Uri::parse(text).unwrap()
}

fn open(text: &str, options: &S3Options) -> Result<S3Source, String> {
    S3Source::open(&uri(text), options).map_err(|error| match error {
        Fatal::Start { message } => message,
        other => panic!("{other}"),
    })
}

fn scan(text: &str, options: &S3Options) -> Vec<Scanned> {
    run(&mut open(text, options).unwrap())
}

/// `n` objects of one day, object `i` holding the text `i`.
fn numbered(n: usize) -> Objects {
    let objects = Objects::default();
    for i in 0..n {
        objects.put(&format!("{DAY}/{i:05}.json"), i.to_string());
    }
    objects
}

fn texts(scanned: &[Scanned]) -> Vec<String> {
    scanned
        .iter()
        .map(|one| match &one.outcome {
            Outcome::Bytes(bytes) => String::from_utf8(bytes.clone()).unwrap(),
            other => panic!("{}: {other:?}", one.uri),
        })
        .collect()
}

#[test]
fn many_pages_come_out_in_key_order() {
    let server = Server::start();
    server.put("trail", Bucket { page: 100, ..Bucket::new(numbered(250)) });
    let scanned = scan("s3://trail/AWSLogs/", &server.options());
    assert_eq!(texts(&scanned), (0..250).map(|i| i.to_string()).collect::<Vec<_>>());
    assert_eq!(scanned[7].uri, format!("s3://trail/{DAY}/00007.json"));
    let asked = server.take_asked();
    assert_eq!(asked.iter().filter(|one| one.op == Op::Get).count(), 250);
    assert_eq!(
        asked.iter().filter(|one| one.op == Op::List).count(),
        7,
        "the look at the start, three folders, three pages"
    );
}

#[test]
fn every_key_is_an_item_whatever_it_is() {
    let server = Server::start();
    let objects = Objects::default();
    objects.put("AWSLogs/", "");
    objects.put("AWSLogs/111122223333/CloudTrail-Digest/us-east-1/2024/05/01/d.json.gz", "d");
    objects.put(&format!("{DAY}/a.json"), "a");
    objects.put(&format!("{DAY}/b \u{fc}+%0A\n\u{1}.json"), "odd");
    objects.put(&format!("{DAY}/c.json"), "gone");
    objects.put(&format!("{DAY}/denied/d.json"), "denied");
    objects.put_class(&format!("{DAY}/e.json"), "e", Some("GLACIER"), false);
    objects.put_class(&format!("{DAY}/f.json"), "f", Some("DEEP_ARCHIVE"), true);
    objects.put_class(&format!("{DAY}/g.json"), "g", Some("GLACIER_IR"), false);
    objects.put_class(&format!("{DAY}/h.json"), "h", Some("INTELLIGENT_TIERING"), false);
    objects.put("readme.txt", "r");
    let mut bucket = Bucket::new(objects);
    bucket.vanished.insert(format!("{DAY}/c.json"));
    bucket.unreadable.push(format!("{DAY}/denied/"));
    server.put("trail", bucket);

    let scanned = scan("s3://trail", &server.options());
    let mut seen = Vec::new();
    for one in &scanned {
        let uri = one.uri.strip_prefix("s3://trail/").unwrap();
        let uri = uri.strip_prefix(DAY).unwrap_or(uri).to_owned();
        seen.push(match &one.outcome {
            Outcome::Bytes(bytes) => (uri, String::from_utf8_lossy(bytes).into_owned()),
            Outcome::Skipped(skip) => (uri, format!("{skip:?}")),
            Outcome::Failed { stage, kind, message, .. } => {
                assert!(!message.contains('\n'));
                (uri, format!("{stage} {kind:?}"))
            }
        });
    }
    let expected = [
        ("AWSLogs/", format!("{:?}", Skip::FolderMarker)),
        (
            "AWSLogs/111122223333/CloudTrail-Digest/us-east-1/2024/05/01/d.json.gz",
            format!("{:?}", Skip::Digest),
        ),
        ("/a.json", "a".into()),
        ("/b \u{fc}+%250A%0A%01.json", "odd".into()),
        ("/c.json", "get NotFound".into()),
        ("/denied/d.json", "get AccessDenied".into()),
        ("/e.json", "get Archived".into()),
        ("/f.json", "f".into()),
        ("/g.json", "g".into()),
        ("/h.json", "get Archived".into()),
        ("readme.txt", "r".to_owned()),
    ];
    assert_eq!(seen, expected.map(|(uri, what)| (uri.to_owned(), what)));
    let asked = server.take_asked();
    let fetched = |end: &str| asked.iter().filter(|one| one.op == Op::Get && one.key.ends_with(end)).count();
    assert_eq!((fetched("/e.json"), fetched("/c.json"), fetched("/denied/d.json")), (0, 1, 1));
}

#[test]
fn an_object_overwritten_after_listing_is_not_mixed_up() {
    let server = Server::start();
    server.put("trail", Bucket::new(numbered(3)));
    let mut source = open("s3://trail", &server.options()).unwrap();
    // The listing gives an ETag that the GET no longer finds.
    server.change("trail", |bucket| {
        let objects = numbered(3);
        objects.put(&format!("{DAY}/00001.json"), "other");
        let old = std::mem::replace(&mut bucket.keys, std::sync::Arc::new(objects));
        bucket.keys = std::sync::Arc::new(Listing { old, new: bucket.keys.clone() });
    });
    let scanned = run(&mut source);
    let Outcome::Failed { stage, kind, message, .. } = &scanned[1].outcome else { panic!("{scanned:?}") };
    assert_eq!((*stage, *kind), (Stage::Get, ErrorKind::Other));
    assert!(message.contains("changed since it was listed"), "{message}");
}

/// Lists one state and reads another. Every second look at a key is a GET's.
struct Listing {
    old: std::sync::Arc<dyn crate::support::s3::Keys>,
    new: std::sync::Arc<dyn crate::support::s3::Keys>,
}

impl crate::support::s3::Keys for Listing {
    fn next(&self, from: &str) -> Option<crate::support::s3::Meta> {
        // A GET asks for the very key, a listing for what comes after one.
        if self.new.body(from).is_some() { self.new.next(from) } else { self.old.next(from) }
    }

    fn body(&self, key: &str) -> Option<bytes::Bytes> {
        self.new.body(key)
    }
}

#[test]
fn a_bucket_in_another_region_is_followed() {
    let server = Server::start();
    let mut bucket = Bucket::new(numbered(3));
    bucket.region = "eu-central-1".into();
    server.put("trail", bucket);
    assert_eq!(texts(&scan("s3://trail", &server.options())), ["0", "1", "2"]);
    let none = S3Options { region: None, ..server.options() };
    assert_eq!(texts(&scan("s3://trail", &none)), ["0", "1", "2"]);
}

#[test]
fn a_start_that_cannot_work_says_why() {
    let server = Server::start();
    server.put("trail", Bucket::new(numbered(1)));
    let good = server.options();
    let other = |id: &str, secret: &str| S3Options { keys: Some(keys(id, secret)), ..good.clone() };
    for (source, options, words) in [
        ("s3://missing", good.clone(), ["no bucket \"missing\"", "NoSuchBucket", "us-east-1"]),
        ("s3://trail", other("AKIANOBODY", "x"), ["InvalidAccessKeyId", "trail", "endpoint: http://127"]),
        (
            "s3://trail",
            other(crate::support::s3::ACCESS_KEY, "wrong"),
            ["SignatureDoesNotMatch", "trail", "us-east-1"],
        ),
        ("s3://trail", other(EXPIRED_KEY, SECRET_KEY), ["ExpiredToken", "trail", "us-east-1"]),
        (
            "s3://trail",
            S3Options { endpoint_url: Some("http://127.0.0.1:1".into()), ..good.clone() },
            ["cannot reach", "127.0.0.1:1", "refused"],
        ),
    ] {
        let message = open(source, &options).unwrap_err();
        for word in words {
            assert!(message.contains(word), "{word} in {message}");
        }
    }
}

#[test]
fn who_may_not_list_gets_an_item() {
    let server = Server::start();
    let mut bucket = Bucket::new(numbered(3));
    bucket.listable = Some(vec![format!("{DAY}/")]);
    server.put("trail", bucket);
    let scanned = scan("s3://trail/AWSLogs/", &server.options());
    assert_eq!(scanned.len(), 1);
    assert_eq!(scanned[0].uri, "s3://trail/AWSLogs/");
    let Outcome::Failed { stage, kind, message, .. } = &scanned[0].outcome else { panic!("{scanned:?}") };
    assert_eq!((*stage, *kind), (Stage::List, ErrorKind::AccessDenied));
    assert!(message.starts_with("AccessDenied: Access Denied (HTTP 403"), "{message}");
    assert_eq!(texts(&scan(&format!("s3://trail/{DAY}/"), &server.options())).len(), 3);
}

#[test]
fn public_buckets_need_no_signature() {
    let server = Server::start();
    let mut bucket = Bucket::new(numbered(2));
    bucket.public = true;
    server.put("public", bucket);
    server.put("private", Bucket::new(numbered(2)));
    let anonymous = S3Options { no_sign_request: true, keys: None, ..server.options() };
    assert_eq!(texts(&scan("s3://public", &anonymous)), ["0", "1"]);
    let scanned = scan("s3://private", &anonymous);
    assert!(
        matches!(
            &scanned[..],
            [Scanned { outcome: Outcome::Failed { kind: ErrorKind::AccessDenied, .. }, .. }]
        ),
        "{scanned:?}"
    );
}

#[test]
fn a_bucket_of_another_owner_is_refused() {
    let server = Server::start();
    server.put("trail", Bucket::new(numbered(2)));
    let owned_by = |id: &str| S3Options { expected_bucket_owner: Some(id.to_owned()), ..server.options() };
    assert_eq!(texts(&scan("s3://trail", &owned_by("111122223333"))), ["0", "1"]);
    let scanned = scan("s3://trail", &owned_by("444455556666"));
    assert!(
        matches!(
            &scanned[..],
            [Scanned { outcome: Outcome::Failed { kind: ErrorKind::AccessDenied, .. }, .. }]
        ),
        "{scanned:?}"
    );
}

#[test]
fn an_empty_prefix_is_no_item() {
    let server = Server::start();
    server.put("trail", Bucket::new(numbered(2)));
    assert!(scan("s3://trail/typo/", &server.options()).is_empty());
}

#[test]
fn one_session_serves_several_sources() {
    let server = Server::start();
    server.put("one", Bucket::new(numbered(2)));
    let mut two = Bucket::new(numbered(1));
    two.region = "eu-west-1".into();
    server.put("two", two);
    let session = S3Session::start(&server.options()).unwrap();
    let mut sources = ["s3://one", "s3://two"].map(|text| session.open(&uri(text)).unwrap());
    assert_eq!(texts(&run(&mut sources[0])), ["0", "1"]);
    assert_eq!(texts(&run(&mut sources[1])), ["0"]);
    assert_eq!(session.requests().get, 3);
}

#[test]
fn a_slow_scan_holds_the_fetching_back() {
    let server = Server::start();
    let objects = Objects::default();
    for i in 0..60 {
        objects.put(&format!("{DAY}/{i:05}.json"), vec![b'x'; 100_000]);
    }
    // One that alone is larger than the budget.
    objects.put(&format!("{DAY}/00030.json"), vec![b'y'; 2_000_000]);
    server.put("trail", Bucket::new(objects));
    let options = S3Options { max_memory: 1_000_000, ..server.options() };
    let feed = TestFeed::slow(Duration::from_millis(5));
    let scanned = run_with(&mut open("s3://trail", &options).unwrap(), &feed, &Cancel::new());
    assert_eq!(scanned.len(), 60);
    assert!(feed.most_waiting.load(Ordering::Relaxed) <= 9);
    let windowed = S3Options { window: 5, ..server.options() };
    let feed = TestFeed::default();
    assert_eq!(run_with(&mut open("s3://trail", &windowed).unwrap(), &feed, &Cancel::new()).len(), 60);
    assert!(feed.most_waiting.load(Ordering::Relaxed) <= 5);
}

#[test]
fn a_slow_head_does_not_stop_the_others() {
    let server = Server::start();
    server.put("trail", Bucket::new(numbered(300)));
    // Until the others were asked for.
    let others = AtomicUsize::new(0);
    server.faults(move |asked| {
        let head = asked.key.ends_with("00000.json");
        let others = others.fetch_add(usize::from(asked.op == Op::Get && !head), Ordering::SeqCst);
        (head && others < 200).then_some(Fault::Held)
    });
    let feed = TestFeed::default();
    let options = S3Options { concurrency: Some(4), ..server.options() };
    let scanned = run_with(&mut open("s3://trail", &options).unwrap(), &feed, &Cancel::new());
    assert_eq!(scanned.len(), 300);
    assert!(feed.most_waiting.load(Ordering::Relaxed) > 100, "{:?}", feed.most_waiting);
}

#[test]
fn a_stop_is_seen_while_gets_hang() {
    let server = Server::start();
    server.put("trail", Bucket::new(numbered(50)));
    server.faults(|asked| (asked.op == Op::Get).then_some(Fault::Held));
    let mut source = open("s3://trail", &server.options()).unwrap();
    let cancel = Cancel::new();
    let stop = cancel.clone();
    let stopped = std::thread::scope(|scope| {
        let stopper = scope.spawn(|| {
            until("a GET", || server.asked(Op::Get) > 0);
            stop.set();
            Instant::now()
        });
        assert!(run_with(&mut source, &TestFeed::default(), &cancel).is_empty());
        drop(source);
        stopper.join().unwrap()
    });
    // No GET was given up before that.
    assert!(stopped.elapsed() < LAST_RESORT / 2, "{:?}", stopped.elapsed());
}

/// Runs in a process of its own, whose environment the test below chooses.
#[test]
#[ignore = "a part of environments_decide_where_credentials_come_from"]
fn child() {
    let Ok(source) = std::env::var("ROOTTRAIL_TEST_SOURCE") else { return };
    let options = S3Options { profile: std::env::var("ROOTTRAIL_TEST_PROFILE").ok(), ..S3Options::default() };
    let report = match open(&source, &options) {
        Ok(mut source) => format!("found {:?}", texts(&run(&mut source))),
        Err(message) => format!("refused {message}"),
    };
    std::fs::write(std::env::var("ROOTTRAIL_TEST_REPORT").unwrap(), report).unwrap();
}

fn in_environment(home: &std::path::Path, variables: &[(&str, &str)]) -> String {
    let report = home.join("report");
    let kept = std::env::vars().filter(|(name, _)| !name.starts_with("AWS_"));
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "s3::child", "--quiet"])
        .env_clear()
        .envs(kept)
        .env("HOME", home)
        .env("ROOTTRAIL_TEST_REPORT", &report)
        .env("ROOTTRAIL_TEST_SOURCE", "s3://trail")
        .envs(variables.iter().copied())
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    std::fs::read_to_string(report).unwrap()
}

#[test]
fn environments_decide_where_credentials_come_from() {
    let server = Server::start();
    server.put("trail", Bucket::new(numbered(2)));
    let url = server.url();
    let home = tempfile::tempdir().unwrap();
    let expect = |variables: &[(&str, &str)], words: &[&str]| {
        let report = in_environment(home.path(), variables);
        for word in words {
            assert!(report.contains(word), "{word:?} in {report}");
        }
    };
    let key = [("AWS_ACCESS_KEY_ID", crate::support::s3::ACCESS_KEY), ("AWS_SECRET_ACCESS_KEY", SECRET_KEY)];
    let found = "found [\"0\", \"1\"]";

    expect(&[key[0], key[1], ("AWS_ENDPOINT_URL_S3", &url)], &[found]);
    expect(&[key[0], key[1], ("AWS_ENDPOINT_URL", &url), ("AWS_REGION", "eu-west-3")], &[found]);

    // A metadata service that takes the connection and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}", silent.local_addr().unwrap());
    let none =
        [("AWS_EC2_METADATA_SERVICE_ENDPOINT", silent.as_str()), ("AWS_ENDPOINT_URL_S3", url.as_str())];
    expect(
        &none,
        &[
            "refused no AWS credentials",
            "AWS_ACCESS_KEY_ID",
            "profile \"default\"",
            "web identity",
            "SSO",
            "ECS",
            "EC2",
            "--no-sign-request",
            "us-east-1 (none configured)",
            &url,
        ],
    );
    expect(
        &[none[0], none[1], ("ROOTTRAIL_TEST_PROFILE", "nobody")],
        &["refused there is no profile \"nobody\" (--profile)"],
    );

    std::fs::create_dir(home.path().join(".aws")).unwrap();
    let config = format!("[profile lake]\nregion = eu-west-3\nendpoint_url = {url}\n");
    std::fs::write(home.path().join(".aws/config"), config).unwrap();
    let secrets = format!(
        "[lake]\naws_access_key_id = {}\naws_secret_access_key = {SECRET_KEY}\n",
        crate::support::s3::ACCESS_KEY
    );
    std::fs::write(home.path().join(".aws/credentials"), secrets).unwrap();
    expect(&[none[0], ("AWS_PROFILE", "lake")], &[found]);
    expect(&[none[0], ("ROOTTRAIL_TEST_PROFILE", "lake")], &[found]);
}
