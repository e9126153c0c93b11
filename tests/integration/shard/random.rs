//! Random trails, cut at random keys, have the findings, errors and books of one run.

use std::io::Seek as _;
use std::path::Path;
use std::sync::Arc;

use roottrail::error::{Fatal, ObjectError};
use roottrail::filter::Filter;
use roottrail::finding::{Finding, Severity};
use roottrail::key::selection::KeySelection;
use roottrail::key::stretch::Stretch;
use roottrail::output::sink::{Sink, SinkError};
use roottrail::pipeline::Run;
use roottrail::pipeline::shards::{Collect, PartRun, ShardPiece};
use roottrail::rules::TrustedNetworks;
use roottrail::scan::options::ScanOptions;
use roottrail::scan::report::Report;
use roottrail::shard::{PartEnd, PartReader, PartWriter};
use roottrail::source::Source;
use roottrail::source::disk::DiskSource;
use roottrail::summary::Summary;
use roottrail::summary::totals::Totals;

use crate::support::cli::Folder;
use crate::support::logs::{gzip, key, records, root, user};

/// All that reaches the outputs, as text.
#[derive(Debug, Default, PartialEq, Eq)]
struct Lines(Vec<String>);

impl Sink for Lines {
    fn finding(&mut self, finding: Finding) -> Result<(), SinkError> {
        self.0.push(serde_json::to_string(&finding).unwrap());
        Ok(())
    }

    fn object(&mut self, report: &Report) -> Result<(), SinkError> {
        self.0.push(format!("{} {:?} {:?}", report.object.uri, report.outcome, report.sha256));
        Ok(())
    }

    fn error(&mut self, error: &ObjectError) -> Result<(), SinkError> {
        self.0.push(error.to_string());
        Ok(())
    }
}

/// Objects that repeat each other's events, with other bytes now and then, some of them broken.
fn trail(folder: &Folder, random: &mut fastrand::Rng) -> Vec<String> {
    let mut names = Vec::new();
    for n in 0..random.u32(1..40) {
        let region = ["eu-west-1", "us-east-1"][random.usize(..2)];
        let name = match random.u32(..8) {
            0 => format!("other/{}.json", n % 5),
            1 => format!("notes-{n}.pdf"),
            _ => key("CloudTrail", region, random.u32(1..5), n),
        };
        let events = (0..random.u32(..5)).map(|_| match random.u32(..6) {
            0 => user(random.u64(..20)),
            1 => root(random.u64(..20)).replace("ListUsers", ["GetUser", "GetRole"][random.usize(..2)]),
            2 => "7".to_owned(),
            _ => root(random.u64(..20)),
        });
        let mut bytes = records(events).into_bytes();
        if random.bool() {
            bytes = gzip(bytes);
        }
        if random.u32(..6) == 0 {
            bytes.truncate(bytes.len() - 5);
        }
        let path = folder.put(Path::new("logs").join(&name), bytes);
        names.push(path.to_str().unwrap().to_owned());
    }
    names.sort();
    names.dedup();
    names
}

/// What is counted, but for times.
fn books(summary: &Summary) -> serde_json::Value {
    let mut json = summary.to_json(0, &[]);
    let fields = json.as_object_mut().unwrap();
    fields.remove("elapsed_seconds");
    fields.remove("latency_ms");
    json
}

fn part(folder: &Folder, stretch: Stretch, options: &ScanOptions, shard: usize) -> PartReader {
    let keys = Arc::new(KeySelection::default().stretched(stretch));
    let sources: Vec<Box<dyn Source>> = vec![Box::new(DiskSource::new(folder.at("logs")).within(keys))];
    let mut part = PartWriter::new(true).unwrap();
    let summary = PartRun { sources, options, part: &mut part, observer: &mut () }.execute().unwrap();
    let end = PartEnd { shard, plan_sha256: "p".into(), totals: Totals::of(&summary), ..PartEnd::default() };
    let mut file = part.finish(end).unwrap();
    file.rewind().unwrap();
    PartReader::new("part", file, shard, "p")
}

#[test]
fn random_trails_in_random_shards_are_as_in_one_run() {
    let mut conflicts = 0;
    // `PROPTEST_CASES` asks for more of them, as `.ci/checks/45-kills` does.
    let seeds = std::env::var("PROPTEST_CASES").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(10);
    for seed in 0..seeds {
        let mut random = fastrand::Rng::with_seed(seed);
        let folder = Folder::new();
        let names = trail(&folder, &mut random);
        let options =
            ScanOptions { threads: random.usize(1..4), sha256: random.bool(), ..ScanOptions::default() };
        let keep = Filter { min_severity: random.bool().then_some(Severity::Medium), ..Filter::default() };
        let trusted = TrustedNetworks::default();

        let mut expected = Lines::default();
        let whole = Run {
            sources: vec![Box::new(DiskSource::new(folder.at("logs")))],
            options: &options,
            checkpoint: None,
            trusted: &trusted,
            keep: &keep,
            sink: &mut expected,
            observer: &mut (),
        };
        let whole = whole.execute().unwrap();
        // A name that is passed over is no object of a manifest.
        expected.0.retain(|line| !line.contains("Skipped(OtherName)"));
        conflicts += expected.0.iter().filter(|line| line.contains("conflicting-event-copies")).count();

        let mut cuts: Vec<String> =
            (0..random.usize(..6)).map(|_| names[random.usize(..names.len())].clone()).collect();
        cuts.sort();
        cuts.dedup();
        let begins = std::iter::once(String::new()).chain(cuts.iter().cloned());
        let tos = cuts.iter().cloned().map(Some).chain([None]);
        let stretches: Vec<Stretch> =
            begins.zip(tos).map(|(from, to)| Stretch { from, to, ..Stretch::default() }).collect();
        let mut pieces = stretches.into_iter().enumerate().map(|(shard, stretch)| {
            Ok::<_, Fatal>(ShardPiece::Part(Box::new(part(&folder, stretch, &options, shard))))
        });
        let mut lines = Lines::default();
        let collect = Collect {
            pieces: &mut pieces,
            hashes: true,
            trusted: &trusted,
            keep: &keep,
            sink: &mut lines,
            observer: &mut (),
            cancel: &options.cancel,
        };
        let summary = collect.execute().unwrap();
        assert_eq!(lines, expected, "seed {seed}");
        assert_eq!(books(&summary), books(&whole), "seed {seed}");
    }
    assert!(conflicts > 10, "{conflicts} conflicts in all trails");
}
