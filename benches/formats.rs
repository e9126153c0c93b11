//! How fast findings are written, by format. Rates are of NDJSON bytes in, on one core.
//!
//! `convert` reads NDJSON findings and writes the format, as `ship` does; `write` starts from findings in
//! memory, as `scan` does.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark stops where it cannot go on")]

use std::fs;
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use roottrail::finding::Finding;
use roottrail::format::{self, FormatName, FormatOptions};

/// The synthetic findings of the tests: sign-ins and API calls as CloudTrail writes them, 2.5 kB a line.
fn findings() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/integration/golden/findings.ndjson");
    let text = fs::read_to_string(path).unwrap();
    // The last one is odd on purpose and tells nothing of rates.
    let ordinary: Vec<&str> = text.lines().take(8).collect();
    (ordinary.join("\n") + "\n").repeat(500)
}

fn formats(criterion: &mut Criterion) {
    let text = findings();
    let parsed: Vec<Finding> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut out = Vec::with_capacity(4 * text.len());
    for stage in ["convert", "write"] {
        let mut group = criterion.benchmark_group(stage);
        group.throughput(Throughput::Bytes(text.len() as u64)).sample_size(20);
        for name in FormatName::ALL {
            let format = format::create(*name, &FormatOptions::default());
            group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
                bencher.iter(|| {
                    out.clear();
                    if stage == "convert" {
                        for line in text.lines() {
                            let finding: Finding = serde_json::from_str(line).unwrap();
                            format.write(&finding, &mut out).unwrap();
                        }
                    } else {
                        parsed.iter().for_each(|finding| format.write(finding, &mut out).unwrap());
                    }
                    black_box(out.len())
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, formats);
criterion_main!(benches);
