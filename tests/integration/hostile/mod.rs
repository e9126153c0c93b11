//! A server in S3's place that cuts, repeats, invents and never ends: whatever it does, nothing is taken for the whole
//! that is not, and everything comes to an end.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::bucket::signed;
use crate::support::cli::{Done, Scan, feed, scan_with};
use crate::support::logs::{gzip, records, root};
use crate::support::s3::etag_of;
use crate::support::wire::{Reply, Request, serve};

mod bodies;
mod inventory;
mod ways;

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

/// The behaviours are tried side by side: most of the time goes into waiting before a list is asked for again.
#[test]
fn no_lying_list_is_taken_for_the_whole() {
    thread::scope(|scope| {
        for (name, behaviour) in BEHAVIOURS {
            scope.spawn(move || no_list_is_taken_for_the_whole(name, *behaviour));
        }
    });
}

fn no_list_is_taken_for_the_whole(name: &str, behaviour: Behaviour) {
    let asked = Arc::new(AtomicU64::new(0));
    let count = asked.clone();
    let url = serve(move |request| {
        if !request.key.is_empty() {
            return Reply::Sized(object(&request.key), Vec::new());
        }
        let n = count.fetch_add(1, Ordering::Relaxed);
        behaviour(honest(request), request, n)
    });
    for more in [&[][..], &["--all-versions"]] {
        let scan = scan_it(&url, &[&["s3://trail/AWSLogs/"], more].concat());
        assert_eq!(scan.code, 3, "{name}, {more:?}: {}", scan.stderr);
        let listed: Vec<_> = scan.errors.iter().filter(|error| error["stage"] == "list").collect();
        assert!(!listed.is_empty(), "{name}, {more:?}: {:?}", scan.errors);
    }
    // A plan lists as a scan does: one of them shows that it says so as well.
    if name == BEHAVIOURS[0].0 {
        let plan = roottrail_on(&url, &["plan", "s3://trail/AWSLogs/"]);
        assert_eq!(plan.code, 3, "{name}, plan: {}", plan.stderr);
    }
    let asked = asked.load(Ordering::Relaxed);
    assert!(asked < 3000, "{name}: {asked} requests");
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

/// What a key is said to be, besides its name.
const ATTRIBUTES: &[(&str, &str)] = &[
    ("<Size>-1</Size>", "-1 bytes"),
    ("<LastModified>yesterday</LastModified>", "LastModified"),
    ("<LastModified>+999999-01-01T00:00:00Z</LastModified>", "LastModified"),
];

#[test]
fn an_absurd_attribute_names_itself() {
    for (attribute, name) in ATTRIBUTES {
        let (element, _) = attribute[1..].split_once('>').unwrap();
        let url = serve(move |request| {
            let xml = honest(request).xml();
            let Some((before, rest)) = xml.split_once(&format!("<{element}>")) else {
                return Reply::Until(xml.into());
            };
            let (_, rest) = rest.split_once('>').unwrap();
            Reply::Until(format!("{before}{attribute}{rest}").into())
        });
        for more in [&[][..], &["--all-versions"]] {
            for command in ["scan", "plan"] {
                let run = roottrail_on(&url, &[&[command, "s3://trail/AWSLogs/"], more].concat());
                let errors = format!("{}{}", run.stderr, run.stdout);
                assert_eq!(run.code, 3, "{command} {more:?}: {errors}");
                assert!(errors.contains(name), "{attribute}, {command} {more:?}: {errors}");
            }
        }
    }
}

/// Where a bucket lies is asked once more wherever a server says that it is elsewhere, but not for ever.
#[test]
fn a_bucket_that_is_ever_elsewhere_is_given_up() {
    for (name, region) in [
        ("another place each time", |n| format!("eu-west-{n}")),
        ("there and back", |n| ["eu-west-1", "eu-west-2"][usize::try_from(n % 2).unwrap()].to_owned()),
        ("no region", |_| "\u{1b}[2Jevil.example/#".to_owned()),
        ("endless", |_| "x".repeat(70 << 20)),
    ] as [(&str, fn(u64) -> String); 4]
    {
        let asked = Arc::new(AtomicU64::new(0));
        let count = asked.clone();
        let url = serve(move |_| {
            let region = region(count.fetch_add(1, Ordering::Relaxed));
            let xml = format!("<Error><Code>PermanentRedirect</Code><Region>{region}</Region></Error>");
            Reply::Refusal("301 Moved Permanently", xml.into())
        });
        for command in ["scan", "plan"] {
            let run = roottrail_on(&url, &[command, "s3://trail"]);
            assert_eq!(run.code, 1, "{name}, {command}: {}", run.stderr);
            assert!(!run.stderr.contains('\u{1b}'), "{name}: {:?}", run.stderr);
        }
        let asked = asked.load(Ordering::Relaxed);
        assert!(asked <= 10, "{name}: {asked} requests");
    }
}
