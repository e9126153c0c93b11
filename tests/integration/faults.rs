//! Faults on the wire cost time, never bytes; what stays broken is reported, object by object.

use crate::support::feed::{Outcome, Scanned, inflate, run};
use crate::support::logs::gzip;
use crate::support::s3::{Bucket, Fault, Objects, Op, Server};
use roottrail::error::{ErrorKind, Stage};
use roottrail::source::s3::{S3Options, S3Source, S3Uri};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const DAY: &str = "AWSLogs/111122223333/CloudTrail/us-east-1/2024/05/01";
const TRANSIENT: [Fault; 8] = [
    Fault::SlowDown,
    Fault::InternalError,
    Fault::Refuse,
    Fault::Cut,
    Fault::Shorten,
    Fault::BitFlip,
    Fault::FirstByte,
    Fault::Stall,
];

fn text(i: usize) -> String {
    (i..i + 200).map(|n| format!("record {n}\n")).collect()
}

/// Gzipped and, every fifth, plain.
fn bucket(n: usize) -> Bucket {
    let objects = Objects::default();
    for i in 0..n {
        if i % 5 == 4 {
            objects.put(&format!("{DAY}/{i:05}.json"), text(i));
        } else {
            objects.put(&format!("{DAY}/{i:05}.json.gz"), gzip(text(i)));
        }
    }
    Bucket::new(objects)
}

/// Returns whether a key is hit, which is so on every run or on none.
fn chosen(key: &str, percent: u64) -> bool {
    hash(key) % 100 < percent
}

fn hash(key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

fn scan(options: &S3Options) -> Vec<Scanned> {
    run(&mut S3Source::open(&S3Uri::parse("s3://trail").unwrap(), options).unwrap())
}

/// A stalled body is given up soon. On a busy machine a sound one may be as well: that costs one of many tries.
fn impatient(options: &S3Options) -> S3Options {
    S3Options { read_timeout: Duration::from_secs(3), ..options.clone() }
}

fn bytes(one: &Scanned) -> &[u8] {
    match &one.outcome {
        Outcome::Bytes(bytes) => bytes,
        other => panic!("{}: {other:?}", one.uri),
    }
}

#[test]
fn every_transient_fault_is_mended() {
    for fault in TRANSIENT {
        let server = Server::start();
        server.put("trail", bucket(100));
        let stalls = fault == Fault::Stall;
        let (percent, tries) = if stalls { (10, 1) } else { (20, 2) };
        server.faults(move |asked| {
            (asked.op == Op::Get && chosen(&asked.key, percent) && asked.attempt <= tries).then_some(fault)
        });
        let options = server.options();
        let scanned = scan(&if stalls { impatient(&options) } else { options });
        assert_eq!(scanned.len(), 100);
        for (i, one) in scanned.iter().enumerate() {
            assert!(bytes(one) == text(i).as_bytes(), "{fault:?}: {}", one.uri);
        }
        let again = server.take_asked().iter().filter(|asked| asked.attempt > 1).count();
        assert!(again > 0, "{fault:?} hit nothing");
    }
}

#[test]
fn all_faults_together_change_nothing() {
    let server = Server::start();
    server.put("trail", bucket(200));
    server.faults(|asked| match asked.op {
        Op::Get if chosen(&asked.key, 20) && asked.attempt <= 3 => {
            // Another fault at each try.
            let at = hash(&asked.key) / 100 + u64::from(asked.attempt);
            Some(TRANSIENT[usize::try_from(at % 8).unwrap()])
        }
        Op::List if asked.attempt <= 2 => Some(Fault::SlowDown),
        _ => None,
    });
    for (i, one) in scan(&impatient(&server.options())).iter().enumerate() {
        assert!(bytes(one) == text(i).as_bytes(), "{}", one.uri);
    }
}

#[test]
fn what_stays_broken_is_reported_and_nothing_else() {
    for (fault, kms, stage, kind) in [
        (Fault::Forbidden, false, Stage::Get, ErrorKind::AccessDenied),
        (Fault::NotFound, false, Stage::Get, ErrorKind::NotFound),
        (Fault::BitFlip, false, Stage::Inflate, ErrorKind::CorruptGzip),
        (Fault::BitFlip, true, Stage::Inflate, ErrorKind::CorruptGzip),
        (Fault::SlowDown, false, Stage::Get, ErrorKind::Throttled),
        (Fault::Refuse, false, Stage::Get, ErrorKind::Connection),
        (Fault::Shorten, false, Stage::Get, ErrorKind::Connection),
    ] {
        let server = Server::start();
        let objects = Objects::default();
        for i in 0..100 {
            objects.put(&format!("{DAY}/{i:05}.json.gz"), gzip(text(i)));
        }
        let mut bucket = Bucket::new(objects);
        bucket.kms = kms;
        server.put("trail", bucket);
        server.faults(move |asked| (asked.op == Op::Get && chosen(&asked.key, 20)).then_some(fault));
        let mut failed = 0;
        for (i, one) in scan(&server.options()).iter().enumerate() {
            let key = one.uri.strip_prefix("s3://trail/").unwrap();
            if !chosen(key, 20) {
                assert!(bytes(one) == text(i).as_bytes(), "{fault:?}: {key}");
                continue;
            }
            failed += 1;
            let Outcome::Failed { stage: at, kind: what, message, .. } = &one.outcome else {
                panic!("{fault:?}: {one:?}");
            };
            assert_eq!((*at, *what), (stage, kind), "{fault:?}: {message}");
        }
        assert!(failed > 5);
        // Beside these there are looks at good objects, to see whether more than a key is denied.
        let asked = server.take_asked();
        let hit = asked.iter().filter(|asked| asked.op == Op::Get && chosen(&asked.key, 20));
        let tries = hit.map(|asked| asked.attempt).max().unwrap();
        match fault {
            Fault::Forbidden | Fault::NotFound => assert_eq!(tries, 1, "{fault:?}"),
            // The stored bytes are wrong themselves if four answers agree.
            Fault::BitFlip => assert_eq!(tries, 4),
            _ => assert_eq!(tries, 10, "{fault:?}"),
        }
    }
}

#[test]
fn a_broken_body_goes_on_where_it_broke() {
    let server = Server::start();
    server.put("trail", bucket(20));
    server.faults(|asked| (asked.op == Op::Get && asked.attempt == 1).then_some(Fault::Cut));
    for (i, one) in scan(&server.options()).iter().enumerate() {
        assert!(bytes(one) == text(i).as_bytes());
    }
    let asked = server.take_asked();
    assert!(asked.iter().filter(|one| one.op == Op::Get).all(|one| one.range == (one.attempt > 1)));
}

#[test]
fn the_longest_prefix_of_a_body_is_salvaged() {
    let server = Server::start();
    server.put("trail", bucket(5));
    // The rest never comes; the plain object looks whole up to its break.
    server.faults(|asked| match asked.attempt {
        _ if asked.op != Op::Get => None,
        1 => Some(Fault::Cut),
        _ => Some(Fault::InternalError),
    });
    for (i, one) in scan(&server.options()).iter().enumerate() {
        let Outcome::Failed { stage: Stage::Get, kind: ErrorKind::Other, message, salvaged } = &one.outcome
        else {
            panic!("{one:?}");
        };
        assert!(message.starts_with("after 10 tries: InternalError: "), "{message}");
        assert!(message.contains("HTTP 500, request id REQ42"), "{message}");
        assert!(!salvaged.is_empty() && text(i).as_bytes().starts_with(salvaged));
    }
}

#[test]
fn what_is_stored_damaged_is_fetched_once() {
    let server = Server::start();
    let objects = Objects::default();
    let mut broken = gzip(text(0));
    broken.truncate(broken.len() - 6);
    objects.put(&format!("{DAY}/a.json.gz"), broken.clone());
    server.put("trail", Bucket::new(objects));
    let scanned = scan(&server.options());
    let Outcome::Failed { stage: Stage::Inflate, salvaged, .. } = &scanned[0].outcome else {
        panic!("{scanned:?}")
    };
    assert_eq!(Err(salvaged), inflate(&broken).as_ref());
    // The ETag is the MD5 of these very bytes.
    assert_eq!(server.take_asked().iter().filter(|asked| asked.op == Op::Get).count(), 1);
}

#[test]
fn credentials_that_expire_on_the_way_are_fetched_again() {
    let server = Server::start();
    server.put("trail", bucket(50));
    server.faults(|asked| (asked.op == Op::Get && asked.attempt == 1).then_some(Fault::ExpiredToken));
    for (i, one) in scan(&server.options()).iter().enumerate() {
        assert!(bytes(one) == text(i).as_bytes());
    }
}

#[test]
fn a_listing_that_breaks_keeps_what_it_had() {
    let server = Server::start();
    server.put("trail", bucket(1500));
    let pages = AtomicU32::new(0);
    server.faults(move |asked| {
        let of_region = asked.op == Op::List && asked.key.ends_with("us-east-1/");
        (of_region && pages.fetch_add(1, Ordering::SeqCst) > 0).then_some(Fault::NotFound)
    });
    let scanned = scan(&server.options());
    assert_eq!(scanned.len(), 1001);
    let last = &scanned[1000];
    assert_eq!(last.uri, "s3://trail/AWSLogs/111122223333/CloudTrail/us-east-1/");
    assert!(
        matches!(last.outcome, Outcome::Failed { stage: Stage::List, kind: ErrorKind::NotFound, .. }),
        "{last:?}"
    );
}

#[test]
fn the_sdk_and_the_short_way_give_the_same() {
    let outcomes = |sdk_only: bool| {
        let server = Server::start();
        let mut all = bucket(60);
        all.unreadable.push(format!("{DAY}/00007"));
        all.vanished.insert(format!("{DAY}/00009.json"));
        let odd = Objects::default();
        for name in ["a b+c%2F.json", "\u{fc}\u{1f512}.json", "x&y=z?.json", "~!*'().json"] {
            odd.put(&format!("{DAY}/{name}"), name.to_owned());
        }
        server.put("trail", all);
        server.put("odd", Bucket::new(odd));
        server.faults(|asked| match asked.op {
            Op::Get if chosen(&asked.key, 30) && asked.attempt <= 2 => Some(
                TRANSIENT[usize::try_from((hash(&asked.key) / 100 + u64::from(asked.attempt)) % 8).unwrap()],
            ),
            // Others than those above: what was read once is not denied later.
            Op::Get if hash(&asked.key) % 100 >= 85 => Some(Fault::Forbidden),
            _ => None,
        });
        let options = S3Options { sdk_only, ..impatient(&server.options()) };
        let mut scanned = scan(&options);
        let odd = S3Uri::parse("s3://odd").unwrap();
        scanned.extend(run(&mut S3Source::open(&odd, &options).unwrap()));
        let by_sdk = server.take_agents().iter().filter(|agent| agent.contains("aws-sdk-rust")).count();
        assert_eq!(by_sdk > 60, sdk_only, "{by_sdk} requests by the SDK");
        // Request ids are the server's own, and a slow machine gives up a sound answer now and then.
        let without = |text: String| {
            let text = text.split(", request id").next().unwrap();
            match text
                .split_once("after ")
                .and_then(|(before, tries)| Some((before, tries.split_once(" tries: ")?.1)))
            {
                Some((before, behind)) => format!("{before}{behind}"),
                None => text.to_owned(),
            }
        };
        scanned.into_iter().map(|one| without(format!("{one:?}"))).collect::<Vec<_>>()
    };
    let (short, sdk) = (outcomes(false), outcomes(true));
    assert_eq!(short.len(), sdk.len());
    for (short, sdk) in short.iter().zip(&sdk) {
        assert_eq!(short, sdk);
    }
}
