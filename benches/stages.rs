//! The cost of each stage of a scan by itself: `cargo bench --bench stages`.
//!
//! The data are the sample logs, repeated up to a few megabytes; `ROOTTRAIL_BENCH_FILE` names another gzipped
//! CloudTrail object. `inflate` inflates as a whole and in windows, `records` finds the ends of records with
//! every kernel of the machine, and `candidates` checks and parses the records that may concern root.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a benchmark that cannot read its data has nothing to measure"
)]

use std::hint::black_box;
use std::io::Read as _;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use flate2::Compression;
use flate2::read::{GzDecoder, GzEncoder};
use roottrail::cancel::Cancel;
use roottrail::inflate::{Buffers, inflate_bytes, inflate_stream};
use roottrail::json::minify::minify;
use roottrail::json::parse::{Scratch, parse, parse_plain};
use roottrail::records::boundary::Boundary;
use roottrail::records::cursor::Cursor;
use roottrail::records::document::{Element, Elements, walk};
use roottrail::records::kernel;

/// Returns one inflated CloudTrail object.
fn object() -> Vec<u8> {
    let inflate = |path: &Path| {
        let mut text = Vec::new();
        GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_end(&mut text).unwrap();
        text
    };
    if let Some(file) = std::env::var_os("ROOTTRAIL_BENCH_FILE") {
        return inflate(Path::new(&file));
    }
    let mut records: Vec<Vec<u8>> = Vec::new();
    let logs = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-logs/AWSLogs");
    for entry in walkdir::WalkDir::new(logs).sort_by_file_name() {
        let entry = entry.unwrap();
        if entry.file_type().is_file() && entry.path().to_string_lossy().contains("/CloudTrail/") {
            let mut collect = Collect(Vec::new());
            walk(&mut Cursor::whole(&inflate(entry.path())), &mut collect);
            records.extend(collect.0);
        }
    }
    let mut text = b"{\"Records\":[".to_vec();
    while text.len() < 4 << 20 {
        for record in &records {
            text.extend_from_slice(record);
            text.push(b',');
        }
    }
    text.pop();
    text.extend_from_slice(b"]}");
    text
}

struct Collect(Vec<Vec<u8>>);

impl Elements for Collect {
    fn element(&mut self, element: Element<'_>) {
        self.0.push(element.text.to_vec());
    }
    fn malformed(&mut self, _index: u64, _what: &'static str) {}
}

struct Count(u64);

impl Elements for Count {
    fn element(&mut self, element: Element<'_>) {
        self.0 += 1 + u64::from(element.candidate);
    }
    fn malformed(&mut self, _index: u64, _what: &'static str) {}
}

fn inflate(c: &mut Criterion) {
    let text = object();
    let mut stored = Vec::new();
    GzEncoder::new(&text[..], Compression::new(6)).read_to_end(&mut stored).unwrap();
    let mut group = c.benchmark_group("inflate");
    group.throughput(Throughput::Bytes(text.len() as u64));
    let mut buffers = Buffers::default();
    group.bench_function("whole", |b| {
        b.iter(|| {
            inflate_bytes(&stored, u64::MAX, false, &Cancel::new(), &mut buffers, |cursor| cursor.peek())
                .1
                .bytes
        });
    });
    group.bench_function("windows", |b| {
        b.iter(|| {
            inflate_stream(&stored[..], u64::MAX, false, &Cancel::new(), |cursor| {
                while let Some(_byte) = cursor.peek() {
                    cursor.pass_window();
                }
            })
            .1
            .bytes
        });
    });
    group.finish();
}

fn records(c: &mut Criterion) {
    let text = object();
    let mut all = Collect(Vec::new());
    walk(&mut Cursor::whole(&text), &mut all);
    let joined = all.0.concat();
    let mut group = c.benchmark_group("records");
    group.throughput(Throughput::Bytes(text.len() as u64));
    let chained = all.0.join(&b',');
    for (name, kernel) in kernel::all() {
        group.bench_function(format!("boundaries {name}"), |b| {
            b.iter(|| {
                let mut candidates = 0;
                Boundary::default().many(kernel, &chained, true, &mut |_, found| {
                    candidates += u64::from(found.candidate);
                    true
                });
                candidates
            });
        });
        group.bench_function(format!("boundary by boundary {name}"), |b| {
            b.iter(|| {
                let mut rest = &joined[..];
                let mut candidates = 0;
                while !rest.is_empty() {
                    let found = Boundary::default().one(kernel, rest, true).unwrap();
                    candidates += u64::from(found.candidate);
                    rest = &rest[found.end..];
                }
                candidates
            });
        });
    }
    group.bench_function("walk", |b| {
        b.iter(|| {
            let mut count = Count(0);
            walk(&mut Cursor::whole(black_box(&text)), &mut count);
            count.0
        });
    });
    group.finish();
}

fn candidates(c: &mut Criterion) {
    let text = object();
    let mut all = Collect(Vec::new());
    walk(&mut Cursor::whole(&text), &mut all);
    all.0.truncate(400);
    let minified: Vec<String> = all
        .0
        .iter()
        .map(|record| {
            let mut out = String::new();
            minify(record, &mut out).unwrap();
            out
        })
        .collect();
    let mut group = c.benchmark_group("candidates");
    group.throughput(Throughput::Bytes(minified.iter().map(|record| record.len() as u64).sum()));
    let mut out = String::new();
    group.bench_function("minify", |b| {
        b.iter(|| {
            all.0.iter().for_each(|record| {
                out.clear();
                minify(record, &mut out).unwrap();
            });
        });
    });
    let mut scratch = Scratch::default();
    group.bench_function("parse with simd-json", |b| {
        b.iter(|| {
            minified.iter().filter(|record| parse(record, &mut scratch).get("eventID").is_some()).count()
        });
    });
    group.bench_function("parse plain", |b| {
        b.iter(|| minified.iter().filter(|record| parse_plain(record).get("eventID").is_some()).count());
    });
    group.bench_function("parse with serde_json", |b| {
        b.iter(|| {
            minified
                .iter()
                .filter(|r| serde_json::from_str::<serde_json::Value>(r).unwrap().get("eventID").is_some())
                .count()
        });
    });
    group.finish();
}

criterion_group!(benches, inflate, records, candidates);
criterion_main!(benches);
