//! A server in S3's place that cuts, repeats, invents and never ends: whatever it does, nothing is taken for the whole
//! that is not, and everything comes to an end.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::bucket::signed;
use crate::support::cli::{Done, Folder, Scan, feed, scan_with};
use crate::support::feed::{Outcome, run};
use crate::support::logs::{gzip, records, root};
use crate::support::s3::etag_of;
use crate::support::wire::{Reply, Request, serve};
use roottrail::source::s3::{S3Keys, S3Options, S3Session, S3Uri};

/// Two accounts with two objects each.
fn key(account: usize, n: usize) -> String {
    let account = ["111122223333", "444455556666"][account];
    format!("AWSLogs/{account}/CloudTrail/us-east-1/2026/02/0{}/{account}_{n}.json.gz", n + 1)
}

fn keys() -> Vec<String> {
    vec![key(0, 0), key(0, 1), key(1, 0), key(1, 1)]
}

fn object(key: &str) -> Vec<u8> {
    let place = keys().iter().position(|one| one == key).unwrap_or(9);
    gzip(records([root(place as u64)]))
}

/// A page of a listing.
#[derive(Clone, Debug, Default)]
struct Page {
    keys: Vec<String>,
    folders: Vec<String>,
    truncated: Option<bool>,
    token: Option<String>,
    /// Added to the number of keys.
    lie: i64,
    versions: bool,
}

/// What a sound server would answer, one key a page where there is no delimiter.
fn honest(request: &Request) -> Page {
    let (prefix, after) = (request.of("prefix"), request.of("start-after"));
    let token = [request.of("continuation-token"), request.of("key-marker")].concat();
    let versions = request.query.contains_key("versions");
    let after = if token.is_empty() { after } else { &token };
    let mut page = Page { truncated: Some(false), versions, ..Page::default() };
    let below: Vec<String> =
        keys().into_iter().filter(|key| key.starts_with(prefix) && key.as_str() > after).collect();
    if request.of("delimiter").is_empty() {
        let more = below.len() > 1;
        page.keys = below.into_iter().take(1).collect();
        page.truncated = Some(more);
        page.token = page.keys.first().filter(|_| more).cloned();
        return page;
    }
    page.folders = below
        .iter()
        .filter_map(|key| Some(format!("{prefix}{}/", key[prefix.len()..].split_once('/')?.0)))
        .collect();
    page.folders.dedup();
    page
}

impl Page {
    fn xml(&self) -> String {
        let root = if self.versions { "ListVersionsResult" } else { "ListBucketResult" };
        let mut xml = format!("<?xml version=\"1.0\"?><{root}><MaxKeys>1000</MaxKeys>");
        if !self.versions {
            let count = (self.keys.len() + self.folders.len()) as i64 + self.lie;
            write!(xml, "<KeyCount>{count}</KeyCount>").unwrap();
        }
        if let Some(truncated) = self.truncated {
            write!(xml, "<IsTruncated>{truncated}</IsTruncated>").unwrap();
        }
        if let Some(token) = &self.token {
            let name = if self.versions { "NextKeyMarker" } else { "NextContinuationToken" };
            write!(xml, "<{name}>{token}</{name}>").unwrap();
        }
        for key in &self.keys {
            let (tag, body) = (if self.versions { "Version" } else { "Contents" }, object(key));
            let (size, etag) = (body.len(), etag_of(&body));
            write!(
                xml,
                "<{tag}><Key>{key}</Key><VersionId>1</VersionId><IsLatest>true</IsLatest>\
                 <LastModified>2026-02-09T00:00:00.000Z</LastModified><ETag>\"{etag}\"</ETag>\
                 <Size>{size}</Size></{tag}>"
            )
            .unwrap();
        }
        for folder in &self.folders {
            write!(xml, "<CommonPrefixes><Prefix>{folder}</Prefix></CommonPrefixes>").unwrap();
        }
        write!(xml, "</{root}>").unwrap();
        xml
    }

    fn reply(&self) -> Reply {
        Reply::Until(self.xml().into())
    }
}

/// What a server does with a list request that it should answer so. The numbers are of all list requests.
type Behaviour = fn(Page, &Request, u64) -> Reply;

fn is_flat(request: &Request) -> bool {
    request.of("delimiter").is_empty() && request.of("max-keys") != "1"
}

/// One a line.
const BEHAVIOURS: &[(&str, Behaviour)] = &[
    ("cut behind its last element", |page, _, _| {
        let xml = page.xml();
        Reply::Until(xml[..xml.rfind("</List").unwrap()].into())
    }),
    ("cut between two folders", |mut page, _, _| {
        page.lie = i64::from(page.folders.pop().is_some());
        let xml = page.xml();
        Reply::Until(xml[..xml.rfind("</List").unwrap()].into())
    }),
    ("cut in the closing tag", |page, _, _| {
        let xml = page.xml();
        Reply::Until(xml[..xml.len() - 1].into())
    }),
    ("a wrong number of keys", |page, _, _| {
        if page.versions { Page { truncated: None, ..page }.reply() } else { Page { lie: 1, ..page }.reply() }
    }),
    ("nothing of whether there is more", |page, _, _| Page { truncated: None, ..page }.reply()),
    ("a token without a sign of more", |page, _, _| {
        Page { truncated: Some(false), token: Some("t".into()), ..page }.reply()
    }),
    ("more, and no token", |page, _, _| Page { truncated: Some(true), token: None, ..page }.reply()),
    ("the same token again and again", |page, _, n| {
        Page {
            truncated: Some(true),
            token: Some("t".into()),
            keys: vec![format!("{}{n}", key(0, 0))],
            ..page
        }
        .reply()
    }),
    ("the same keys again and again", |page, _, n| {
        Page { truncated: Some(true), token: Some(format!("t{n}")), keys: vec![key(0, 0)], ..page }.reply()
    }),
    ("empty pages for ever", |page, _, n| {
        let (keys, folders) = (Vec::new(), Vec::new());
        Page { truncated: Some(true), token: Some(format!("t{n}")), keys, folders, ..page }.reply()
    }),
    ("folders that name themselves", |page, request, _| {
        Page { folders: vec![request.of("prefix").to_owned()], keys: Vec::new(), ..page }.reply()
    }),
    ("folders that go ever deeper, and never end", |page, request, n| {
        let folders = vec![format!("{}{}/", request.of("prefix"), "x".repeat(200))];
        let (truncated, token) = (Some(true), Some(format!("t{n}")));
        Page { folders, keys: Vec::new(), truncated, token, ..page }.reply()
    }),
    ("keys of another prefix", |page, _, _| Page { keys: vec!["elsewhere.json".into()], ..page }.reply()),
    ("keys without a name", |page, _, _| Page { keys: vec![String::new()], ..page }.reply()),
];

/// A run over the bucket.
fn roottrail_on(url: &str, args: &[&str]) -> Done {
    feed_it(args.iter().copied().chain(["--endpoint-url", url, "--force-path-style"]))
}

fn feed_it<'a>(args: impl Iterator<Item = &'a str>) -> Done {
    let mut command = signed();
    command.args(args);
    feed(command, b"")
}

fn scan_it(url: &str, args: &[&str]) -> Scan {
    let endpoint = ["--endpoint-url", url, "--force-path-style"];
    scan_with(signed(), args.iter().chain(&endpoint), b"")
}

/// An honest server is believed: what follows is not refused for another reason.
#[test]
fn sound_answers_are_taken() {
    let url = serve(|request| match request.key.as_str() {
        "" => honest(request).reply(),
        key => Reply::Sized(object(key), Vec::new()),
    });
    for more in [&[][..], &["--all-versions"], &["--start", "2026-02-01", "--end", "2026-02-04"]] {
        let scan = scan_it(&url, &[&["s3://trail"], more].concat());
        assert_eq!((scan.code, scan.findings.len()), (0, 4), "{more:?}: {}", scan.stderr);
    }
}

#[test]
fn no_lying_list_is_taken_for_the_whole() {
    for (name, behaviour) in BEHAVIOURS {
        let asked = Arc::new(AtomicU64::new(0));
        let count = asked.clone();
        let url = serve(move |request| {
            if !request.key.is_empty() {
                return Reply::Sized(object(&request.key), Vec::new());
            }
            let n = count.fetch_add(1, Ordering::Relaxed);
            behaviour(honest(request), request, n)
        });
        let began = Instant::now();
        for more in [&[][..], &["--all-versions"]] {
            let scan = scan_it(&url, &[&["s3://trail/AWSLogs/"], more].concat());
            assert_eq!(scan.code, 3, "{name}, {more:?}: {}", scan.stderr);
            let listed: Vec<_> = scan.errors.iter().filter(|error| error["stage"] == "list").collect();
            assert!(!listed.is_empty(), "{name}, {more:?}: {:?}", scan.errors);
            let plan = roottrail_on(&url, &[&["plan", "s3://trail/AWSLogs/"], more].concat());
            assert_eq!(plan.code, 3, "{name}, plan {more:?}: {}", plan.stderr);
        }
        let asked = asked.load(Ordering::Relaxed);
        assert!(asked < 3000 && began.elapsed() < Duration::from_secs(60), "{name}: {asked} requests");
    }
}

/// A range ends at the first key beyond it: keys that come later in no order would be missed.
#[test]
fn a_range_needs_keys_in_order() {
    let url = serve(|request| {
        let mut page = honest(request);
        if is_flat(request) && request.of("prefix").len() > 40 {
            page.keys = vec![key(0, 1), key(0, 0)];
            (page.truncated, page.token) = (Some(false), None);
        }
        match request.key.as_str() {
            "" => page.reply(),
            key => Reply::Sized(object(key), Vec::new()),
        }
    });
    let range = ["s3://trail", "--account", "111122223333", "--start", "2026-02-01", "--end", "2026-02-03"];
    let scan = scan_it(&url, &range);
    assert_eq!(scan.code, 3, "{}", scan.stderr);
    assert!(scan.errors[0]["message"].as_str().unwrap().contains("order of keys"), "{:?}", scan.errors);
}

/// An inventory stands in place of the list: its files must be what its manifest says.
#[test]
fn the_files_of_an_inventory_are_bounded_and_compared() {
    let rows: String = keys()
        .iter()
        .map(|key| {
            let body = object(key);
            format!("\"trail\",\"{key}\",\"{}\",\"{}\"\n", body.len(), etag_of(&body))
        })
        .collect();
    let data = gzip(rows);
    let folder = Folder::new();
    for (name, reply, code) in [
        ("sound", Reply::Sized as fn(_, _) -> _, 0),
        ("cut", |body: Vec<u8>, _| Reply::Until(body[..body.len() / 2].to_vec()), 3),
        ("endless", |body: Vec<u8>, _| Reply::Endless(body, vec![0; 1 << 20], 10_000), 3),
        ("other bytes", |body: Vec<u8>, _| Reply::Sized(vec![b'x'; body.len()], Vec::new()), 3),
    ] {
        let file = data.clone();
        let manifest = serde_json::json!({
            "sourceBucket": "trail", "destinationBucket": "arn:aws:s3:::lists", "version": "2016-11-30",
            "creationTimestamp": "1770685200000", "fileFormat": "CSV", "fileSchema": "Bucket, Key, Size, ETag",
            "files": [{"key": "data/1.csv.gz", "size": data.len(), "MD5checksum": etag_of(&data)}],
        });
        let url = serve(move |request| match request.key.as_str() {
            "" => honest(request).reply(),
            "manifest.json" => Reply::Sized(manifest.to_string().into(), Vec::new()),
            "data/1.csv.gz" => reply(file.clone(), Vec::new()),
            key => Reply::Sized(object(key), Vec::new()),
        });
        let _place = folder.path();
        let run = scan_it(&url, &["s3://trail", "--inventory", "s3://lists/manifest.json"]);
        assert_eq!(run.code, code, "{name}: {} {:?}", run.stderr, run.errors);
        assert_eq!(run.findings.len(), if code == 0 { 4 } else { 0 }, "{name}");
    }
}

fn options(url: String) -> S3Options {
    S3Options {
        region: Some("us-east-1".into()),
        endpoint_url: Some(url),
        keys: Some(S3Keys { access_key_id: "a".into(), secret_access_key: "b".into(), session_token: None }),
        force_path_style: true,
        attempts: 2,
        retry_base: Duration::from_millis(1),
        read_timeout: Duration::from_secs(2),
        drip: Duration::from_millis(500),
        ..S3Options::default()
    }
}

/// What a server sends for an object.
type Get = fn(Vec<u8>) -> Reply;

const GETS: &[(&str, Get, &str)] = &[
    ("endless", |body| Reply::Endless(body, vec![b'x'; 1 << 20], 10_000), "goes on beyond"),
    ("one byte more", |body| Reply::Sized([body, vec![0]].concat(), Vec::new()), "in place of"),
    ("cut", |body| Reply::Until(body[..20].to_vec()), "ended after 20 of"),
    (
        "another object",
        |body| Reply::Sized(body, vec![("ETag", "\"0123456789abcdef0123456789abcdef\"".into())]),
        "has changed since it was listed",
    ),
    ("drip", |body| Reply::Drip(body, Duration::from_millis(20)), "stalled"),
];

#[test]
fn a_body_is_bounded_and_is_the_listed_one() {
    for sdk_only in [false, true] {
        for (name, get, why) in GETS {
            let url = serve(move |request| match request.key.as_str() {
                "" => honest(request).reply(),
                key => get(object(key)),
            });
            let session = S3Session::start(&S3Options { sdk_only, ..options(url) }).unwrap();
            let scanned = run(&mut session.open(&S3Uri::parse("s3://trail").unwrap()).unwrap());
            assert_eq!(scanned.len(), 4, "{name}");
            for one in scanned {
                let Outcome::Failed { message, .. } = one.outcome else {
                    panic!("{name}: {:?}", one.outcome)
                };
                assert!(message.contains(why), "{name}: {message}");
            }
        }
    }
}

#[test]
fn a_list_answer_is_bounded_in_bytes_and_time() {
    let endless: fn(String) -> Reply = |xml| Reply::Endless(xml.into(), vec![b' '; 1 << 20], 10_000);
    let drip: fn(String) -> Reply = |xml| Reply::Drip(xml.into(), Duration::from_millis(20));
    for (name, reply, why) in [("endless", endless, "more than"), ("drip", drip, "stalled")] {
        let url = serve(move |request| reply(honest(request).xml()));
        let session = S3Session::start(&options(url)).unwrap();
        let scanned = run(&mut session.open(&S3Uri::parse("s3://trail").unwrap()).unwrap());
        let [one] = &scanned[..] else { panic!("{name}: {scanned:?}") };
        let Outcome::Failed { message, .. } = &one.outcome else { panic!("{name}") };
        assert!(message.contains(why), "{name}: {message}");
    }
}
