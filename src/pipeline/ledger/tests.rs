//! The books: everything that is absorbed is counted once.
//!
//! Reports are made as workers make them, and absorbed by a ledger whose sink keeps what it gets. The tests compare
//! the sink's findings with the summary, so that a finding that is lost or counted twice shows.

use std::sync::Arc;

use super::*;
use crate::cancel::Cancel;
use crate::checkpoint::Description;
use crate::error::{ErrorKind, ObjectError};
use crate::filter::Filter;
use crate::finding::Finding;
use crate::object::ObjectRef;
use crate::output::partial::Committed;
use crate::scan::options::ScanOptions;
use crate::scan::worker::Worker;
use crate::source::{Body, Content, Item};

#[derive(Debug, Default)]
struct Kept {
    findings: Vec<Finding>,
    errors: usize,
    objects: usize,
    commits: usize,
    idle: usize,
    integrity: Option<Integrity>,
    /// Takes so many findings, and then its reader is gone.
    most: Option<usize>,
}

impl Sink for Kept {
    fn finding(&mut self, finding: Finding) -> Result<(), SinkError> {
        if self.most == Some(self.findings.len()) {
            return Err(SinkError::Closed);
        }
        self.findings.push(finding);
        Ok(())
    }

    fn integrity(&mut self, _: &Report) -> Result<(Integrity, Option<[u8; 32]>), SinkError> {
        Ok((self.integrity.unwrap_or(Integrity::Unverified), Some([0xab; 32])))
    }

    fn object(&mut self, _: &Report) -> Result<(), SinkError> {
        self.objects += 1;
        Ok(())
    }

    fn error(&mut self, _: &ObjectError) -> Result<(), SinkError> {
        self.errors += 1;
        Ok(())
    }

    fn commit(&mut self) -> Result<Vec<Committed>, SinkError> {
        self.commits += 1;
        Ok(Vec::new())
    }

    fn idle(&mut self) -> Result<(), SinkError> {
        self.idle += 1;
        Ok(())
    }
}

#[derive(Debug)]
struct Stored(Vec<u8>);

impl Body for Stored {
    fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn again(&mut self) -> Result<bool, ObjectError> {
        Ok(false)
    }

    fn get_ms(&self) -> u64 {
        1
    }
}

/// Returns an object of one delivery, in the five minutes that `slot` names.
fn object(slot: usize, kind: &str) -> ObjectRef {
    let (hour, minute) = (slot / 12, slot % 12 * 5);
    ObjectRef {
        uri: format!("s3://b/1_{kind}_us-east-1_20260115T{hour:02}{minute:02}Z_x.json"),
        key: Some(Arc::new(KeyInfo { account: "1".into(), region: "r".into(), day: "2026-01-15".into() })),
        ..ObjectRef::default()
    }
}

fn event(n: u32, more: &str) -> String {
    format!(
        r#"{{"eventVersion":"1.08","userIdentity":{{"type":"Root","accountId":"1"}},"eventTime":"2026-01-15T03:00:0{n}Z","eventName":"ListUsers",{more}"eventID":"e{n}","recipientAccountId":"1"}}"#
    )
}

fn read(object: ObjectRef, content: Content) -> Report {
    let item = Item { seq: 0, object, content, lease: None };
    Worker::default().scan(item, &ScanOptions { threads: 1, cancel: Cancel::new(), ..Default::default() })
}

fn log(slot: usize, text: &str) -> Report {
    read(object(slot, "CloudTrail"), Content::Body(Box::new(Stored(text.into()))))
}

fn skipped(object: ObjectRef, skip: Skip) -> Report {
    read(object, Content::Skipped(skip))
}

/// Counts what is said.
#[derive(Default)]
struct Said(u64);

impl Observer for Said {
    fn progress(&mut self, _: &Summary, _: u64, _: bool) {}

    fn error(&mut self, _: &ObjectError) {
        self.0 += 1;
    }
}

fn with<T>(sink: &mut Kept, filter: &Filter, run: impl FnOnce(Ledger<'_>) -> T) -> T {
    let trusted = TrustedNetworks::default();
    run(Ledger::new(&trusted, filter, sink, None).unwrap())
}

#[test]
fn everything_that_is_absorbed_is_counted_once() {
    let failed = |stage| {
        let error = ObjectError::new("s3://b/x", stage, ErrorKind::Other, "why");
        read(object(2, "CloudTrail"), Content::Failed(error))
    };
    let named = ObjectRef { uri: "s3://b/notes.txt".into(), ..object(0, "CloudTrail") };
    let unsure = ObjectRef { uri: "s3://b/odd".into(), unsure: true, ..object(0, "CloudTrail") };
    let mut sink = Kept::default();
    let filter = Filter { event_names: vec!["ListUsers".into()], ..Filter::default() };
    let mut said = Said::default();
    let summary = with(&mut sink, &filter, |mut ledger| {
        let (one, two) = (event(1, ""), event(2, "").replace("ListUsers", "GetUser"));
        for report in [
            log(37, &format!(r#"{{"Records":[{one},{two},{one}]}}"#)),
            log(38, &format!(r#"{{"Records":[{one},7,{{"#)),
            failed(Stage::List),
            failed(Stage::Get),
            skipped(object(40, "CloudTrail-Digest"), Skip::Digest),
            skipped(named, Skip::OtherName),
            skipped(unsure, Skip::OtherName),
            log(41, r#"{"a":1}"#),
        ] {
            ledger.absorb(report, &mut said).unwrap();
        }
        assert!(ledger.whole);
        assert_eq!(ledger.summary().objects.skipped, 4);
        ledger.finish(Ok(false), 8, Duration::from_secs(3)).unwrap()
    });
    let objects = summary.objects;
    assert_eq!([objects.listed, objects.skipped, objects.scanned, objects.failed], [8, 4, 1, 3]);
    assert_eq!((summary.records.scanned, summary.records.matched, summary.records.malformed), (4, 4, 1));
    let findings = summary.findings;
    assert_eq!([findings.written, findings.duplicates, findings.filtered], [1, 2, 1]);
    assert_eq!((sink.findings.len(), sink.errors, sink.objects), (1, summary.errors as usize, 8));
    assert_eq!((summary.unlisted, summary.by_severity.values().sum::<u64>()), (1, 1));
    assert!(summary.errors >= 3 && said.0 == summary.errors);
    assert!(summary.latency.percentiles()[0].1 > 0.0);
    assert_eq!(summary.bytes.compressed, summary.bytes.uncompressed);
    assert!(summary.bytes.compressed > 4 * event(1, "").len() as u64);
    let skips = [Skip::Digest, Skip::OtherName, Skip::NotCloudtrail].map(|skip| summary.skipped_by[&skip]);
    assert_eq!((skips, summary.other_names.total(), summary.looked_at.total()), ([1, 2, 1], 2, 1));
    assert_eq!(
        (summary.elapsed, summary.interrupted, summary.closed),
        (Duration::from_secs(3), false, false)
    );
    let [day] = summary.coverage.values().collect::<Vec<_>>()[..] else { panic!() };
    assert_eq!([day.read, day.failed, day.without_events, day.skipped], [1, 3, 2, 2]);
    assert_eq!((day.records, day.findings, day.bytes), (4, 1, summary.bytes.compressed));
    assert_eq!(day.span.map(|(first, last)| [first[18], last[18]]), Some(*b"12"));
    let slots = |has: &dyn Fn(usize) -> bool| (0..288).filter(|&slot| has(slot)).collect::<Vec<_>>();
    assert_eq!(slots(&|slot| day.delivered.has(slot)), [2, 37, 38, 41]);
    assert_eq!(slots(&|slot| day.digests.has(slot)), [40]);
}

#[test]
fn findings_carry_what_the_object_proves() {
    for (integrity, tampered) in [
        (Integrity::Verified, false),
        (Integrity::Unverified, false),
        (Integrity::Mismatch, true),
        (Integrity::NotInDigest, true),
    ] {
        let mut sink = Kept { integrity: Some(integrity), ..Kept::default() };
        with(&mut sink, &Filter::default(), |mut ledger| {
            ledger.absorb(log(0, &format!(r#"{{"Records":[{},{{"#, event(1, ""))), &mut ()).unwrap();
        });
        let [finding] = &sink.findings[..] else { panic!() };
        let evidence = &finding.evidence;
        assert_eq!((evidence.integrity, evidence.damaged), (integrity, true));
        assert_eq!(evidence.sha256, Some("ab".repeat(32)));
        assert_eq!(finding.rules.iter().any(|rule| *rule == LOG_TAMPERED), tampered, "{integrity:?}");
    }
}

/// The first copy decides on networks and stops; a trail that was stopped is remembered whatever a filter says.
#[test]
fn what_is_filtered_still_stops_a_trail() {
    let stop = event(1, "").replace("ListUsers", "StopLogging").replace(
        "\"eventID\"",
        r#""eventSource":"cloudtrail.amazonaws.com","requestParameters":{"name":"t"},"eventID""#,
    );
    let filter = Filter { event_names: vec!["GetUser".into()], ..Filter::default() };
    let mut sink = Kept::default();
    let summary = with(&mut sink, &filter, |mut ledger| {
        ledger.absorb(log(0, &format!("{stop}\n{stop}")), &mut ()).unwrap();
        ledger.finish(Ok(true), 1, Duration::ZERO).unwrap()
    });
    assert_eq!((summary.stops.len(), summary.findings.filtered, summary.findings.duplicates), (1, 1, 1));
    assert!(summary.interrupted);
}

#[test]
fn a_reader_that_goes_in_the_middle_of_an_object_is_no_sum_that_is_wrong() {
    let text = format!("{}\n{}", event(1, ""), event(2, ""));
    let mut sink = Kept { most: Some(1), ..Kept::default() };
    let summary = with(&mut sink, &Filter::default(), |mut ledger| {
        let result = ledger.absorb(log(0, &text), &mut ());
        assert!(matches!(result, Err(SinkError::Closed)) && !ledger.whole);
        ledger.finish(result.map(|()| false), 1, Duration::ZERO).unwrap()
    });
    assert!(summary.closed && !summary.interrupted);
    // Where nobody went, the same books are wrong.
    let unbalanced = with(&mut Kept::default(), &Filter::default(), |mut ledger| {
        ledger.absorb(log(0, &text), &mut ()).unwrap();
        ledger.finish(Ok(false), 2, Duration::ZERO)
    });
    assert!(matches!(unbalanced, Err(Fatal::Unbalanced(_))));
}

#[test]
fn an_idle_ledger_lets_its_sink_pass_on_what_it_holds() {
    let mut sink = Kept::default();
    with(&mut sink, &Filter::default(), |mut ledger| {
        ledger.idle(Duration::ZERO).unwrap();
        // Without a checkpoint there is nothing to vouch for.
        ledger.finish(Ok(true), 0, Duration::ZERO).unwrap();
    });
    assert_eq!((sink.idle, sink.commits), (1, 0));
}

/// Listings go from day to day, but a source may name an earlier one once more.
#[test]
fn each_day_has_its_own_row() {
    let of = |day: &str| {
        let key = KeyInfo { account: "1".into(), region: "r".into(), day: day.into() };
        ObjectRef { key: Some(Arc::new(key)), ..object(0, "CloudTrail") }
    };
    let summary = with(&mut Kept::default(), &Filter::default(), |mut ledger| {
        for day in ["2026-01-15", "2026-01-16", "2026-01-16", "2026-01-15", "2026-01-14"] {
            let body = Content::Body(Box::new(Stored("{\"Records\":[]}".into())));
            ledger.absorb(read(of(day), body), &mut ()).unwrap();
        }
        ledger.finish(Ok(false), 5, Duration::ZERO).unwrap()
    });
    let days: Vec<_> = summary.coverage.iter().map(|(key, day)| (&key.day[..], day.read)).collect();
    assert_eq!(days, [("2026-01-14", 1), ("2026-01-15", 2), ("2026-01-16", 2)]);
}

/// A ledger with the checkpoint of this file, in a run that is one process or several.
fn with_checkpoint<T>(path: &std::path::Path, sink: &mut Kept, run: impl FnOnce(Ledger<'_>) -> T) -> T {
    let mut checkpoint = Checkpoint::open(path, true, false).unwrap();
    checkpoint.begin(&Description::default(), "2026-01-16T00:00:00Z".parse().unwrap()).unwrap();
    let (trusted, filter) = (TrustedNetworks::default(), Filter::default());
    run(Ledger::new(&trusted, &filter, sink, Some(&mut checkpoint)).unwrap())
}

#[test]
fn a_run_that_was_cut_goes_on_with_its_books() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let seconds = Duration::from_secs;
    let mut sink = Kept::default();
    with_checkpoint(&path, &mut sink, |mut ledger| {
        ledger.absorb(log(0, &format!("{}\n{}", event(1, ""), event(2, ""))), &mut ()).unwrap();
        let failed = ObjectError::new("s3://b/x", Stage::Get, ErrorKind::Other, "why");
        ledger.absorb(read(object(1, "CloudTrail"), Content::Failed(failed)), &mut ()).unwrap();
        ledger.absorb(skipped(object(2, "CloudTrail-Digest"), Skip::Digest), &mut ()).unwrap();
        let summary = ledger.finish(Ok(true), 3, seconds(3)).unwrap();
        assert!(summary.interrupted && summary.elapsed == seconds(3));
    });
    assert_eq!((sink.findings.len(), sink.commits), (2, 1));
    // What was absorbed in part only is not vouched for.
    let mut sink = Kept { most: Some(0), ..Kept::default() };
    with_checkpoint(&path, &mut sink, |mut ledger| {
        assert_eq!(ledger.summary().objects.scanned, 1);
        let result = ledger.absorb(log(3, &event(3, "")), &mut ());
        assert!(result.is_err() && !ledger.whole);
        let _unbalanced = ledger.finish(Ok(true), 1, seconds(4));
    });
    assert_eq!(sink.commits, 0);
    let mut sink = Kept::default();
    let summary = with_checkpoint(&path, &mut sink, |mut ledger| {
        ledger.absorb(log(3, &format!("{}\n{}", event(2, ""), event(3, ""))), &mut ()).unwrap();
        ledger.finish(Ok(false), 1, seconds(2)).unwrap()
    });
    // What was skipped is listed by each process once more.
    let objects = summary.objects;
    assert_eq!([objects.listed, objects.skipped, objects.scanned, objects.failed], [3, 0, 2, 1]);
    assert_eq!((summary.findings.written, summary.findings.duplicates), (3, 1));
    assert_eq!((summary.elapsed, sink.findings.len(), sink.commits), (seconds(5), 1, 1));
    assert!(!summary.interrupted);
}

/// A network that is trusted takes a rule away before the filter looks at the rules.
#[test]
fn the_first_copy_is_held_against_the_trusted_networks() {
    let mut trusted = TrustedNetworks::default();
    trusted.add("203.0.113.0/24").unwrap();
    let mut sink = Kept::default();
    let filter = Filter::default();
    let mut ledger = Ledger::new(&trusted, &filter, &mut sink, None).unwrap();
    for (n, address) in [(1, "203.0.113.7"), (2, "198.51.100.7")] {
        let text = event(n, &format!(r#""sourceIPAddress":"{address}","#));
        ledger.absorb(log(0, &text), &mut ()).unwrap();
    }
    let untrusted = |finding: &Finding| finding.rules.iter().any(|rule| rule.contains("untrusted-address"));
    assert_eq!(sink.findings.iter().map(untrusted).collect::<Vec<_>>(), [false, true]);
}
