//! A run as a program of somebody else makes it.

use roottrail::Scan;
use roottrail::cancel::Cancel;
use roottrail::error::ObjectError;
use roottrail::filter::Filter;
use roottrail::finding::Finding;
use roottrail::key::Skip;
use roottrail::object::ObjectRef;
use roottrail::output::sink::{Sink, SinkError};
use roottrail::pipeline::{Observer, Run};
use roottrail::rules::{TrustedNetworks, UNTRUSTED_ADDRESS};
use roottrail::scan::options::ScanOptions;
use roottrail::source::disk::DiskSource;
use roottrail::source::{Body, Content, Feed, Item, Source};
use roottrail::summary::Summary;

use crate::support::cli::Folder;
use crate::support::wait::until;

#[derive(Default)]
struct Kept(Vec<Finding>);

impl Sink for Kept {
    fn finding(&mut self, finding: Finding) -> Result<(), SinkError> {
        self.0.push(finding);
        Ok(())
    }

    fn error(&mut self, error: &ObjectError) -> Result<(), SinkError> {
        panic!("{error}")
    }
}

struct Nobody;

impl Observer for Nobody {
    fn progress(&mut self, _: &Summary, _: u64, _: bool) {}

    fn error(&mut self, error: &ObjectError) {
        panic!("{error}")
    }
}

/// Two events of root, from these addresses.
fn run_over(addresses: [&str; 2], trusted: &TrustedNetworks, cancel: &Cancel) -> (Summary, Vec<Finding>) {
    let folder = tempfile::tempdir().unwrap();
    let events = addresses.map(|address| {
        format!(r#"{{"eventID":"{address}","userIdentity":{{"type":"Root"}},"sourceIPAddress":"{address}"}}"#)
    });
    std::fs::write(folder.path().join("a.json"), format!(r#"{{"Records":[{}]}}"#, events.join(","))).unwrap();
    let options = ScanOptions { threads: 2, cancel: cancel.clone(), ..ScanOptions::default() };
    let mut sink = Kept::default();
    let run = Run {
        sources: vec![Box::new(DiskSource::new(folder.path()))],
        options: &options,
        checkpoint: None,
        trusted,
        keep: &Filter { rules: vec![UNTRUSTED_ADDRESS], ..Filter::default() },
        sink: &mut sink,
        observer: &mut Nobody,
    };
    let summary = run.execute().unwrap();
    (summary, sink.0)
}

#[test]
fn untrusted_addresses_raise_their_rule_before_filters_look() {
    let mut trusted = TrustedNetworks::default();
    trusted.add("198.51.100.0/24").unwrap();
    let (summary, findings) = run_over(["198.51.100.7", "203.0.113.7"], &trusted, &Cancel::new());
    assert_eq!((summary.findings.written, summary.findings.filtered), (1, 1));
    assert_eq!(findings[0].source.address.as_deref(), Some("203.0.113.7"));
    assert!(findings[0].rules.iter().any(|rule| rule == UNTRUSTED_ADDRESS));
}

#[test]
fn a_run_that_ends_by_itself_leaves_the_flag_of_its_caller() {
    let cancel = Cancel::new();
    let (summary, _) = run_over(["192.0.2.1", "192.0.2.2"], &TrustedNetworks::default(), &cancel);
    assert!(!summary.interrupted && !cancel.is_set());
    cancel.set();
    let (summary, findings) = run_over(["192.0.2.1", "192.0.2.2"], &TrustedNetworks::default(), &cancel);
    assert!(summary.interrupted && findings.is_empty());
}

/// A panic that cannot be caught: what it throws panics again as it is thrown away.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("a bomb")
        }
    }
}

#[derive(Debug)]
struct Explosive;

impl Body for Explosive {
    fn bytes(&self) -> &[u8] {
        std::panic::panic_any(Bomb)
    }

    fn again(&mut self) -> Result<bool, ObjectError> {
        Ok(false)
    }

    fn get_ms(&self) -> u64 {
        0
    }
}

/// An object that ends its worker, and behind it more than the other worker may read before that one is written.
#[derive(Debug)]
struct Minefield;

impl Source for Minefield {
    fn run(&mut self, first: u64, feed: &dyn Feed, _: &Cancel) -> u64 {
        let item = |seq, content| Item { seq, object: ObjectRef::default(), content, lease: None };
        let last = first + (1 << 17);
        let mut goes_on = feed.push(item(first, Content::Body(Box::new(Explosive))));
        let mut next = first + 1;
        while goes_on && next < last {
            goes_on = feed.push(item(next, Content::Skipped(Skip::OtherName)));
            next += 1;
        }
        next
    }
}

#[test]
fn a_lost_worker_does_not_keep_a_run() {
    let run = std::thread::spawn(|| {
        let mut sink = Kept::default();
        let run = Run {
            sources: vec![Box::new(Minefield)],
            options: &ScanOptions { threads: 2, ..ScanOptions::default() },
            checkpoint: None,
            trusted: &TrustedNetworks::default(),
            keep: &Filter::default(),
            sink: &mut sink,
            observer: &mut Nobody,
        };
        run.execute().map(drop)
    });
    until("the end of a run that lost a worker", || run.is_finished());
    assert!(run.join().is_err(), "the panic is passed on");
}

#[test]
fn a_scan_by_its_builder_keeps_the_filter_and_names_what_it_could_not_read() {
    let folder = Folder::new();
    let root = |id: &str, kind: &str| {
        format!(
            r#"{{"eventVersion":"1.08","eventID":"{id}","eventName":"{kind}","userIdentity":{{"type":"Root"}}}}"#
        )
    };
    folder.put("a.json", format!(r#"{{"Records":[{},{}]}}"#, root("1", "GetUser"), root("2", "ListBuckets")));
    folder.put("b.json", "{\"Records\":[{\"eventVersion\"");
    let (mut names, mut errors) = (Vec::new(), Vec::new());
    let summary = Scan::new()
        .source(folder.at("b.json"))
        .source(folder.at("a.json"))
        .filter(Filter { event_names: vec!["listbuckets".into()], ..Filter::default() })
        .threads(0)
        .on_error(|error| errors.push(error.uri.clone()))
        .run(|finding| names.push(finding.event.name))
        .unwrap();
    assert_eq!(names, [Some("ListBuckets".to_owned())]);
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].ends_with("b.json"), "{errors:?}");
    assert_eq!((summary.findings.written, summary.findings.filtered, summary.complete()), (1, 1, false));
}
