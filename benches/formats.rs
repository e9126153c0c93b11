//! How fast findings are written, by format. Rates are of NDJSON bytes in, on one core.
//!
//! `convert` reads NDJSON findings and writes the format, as `ship` does; `write` starts from findings in
//! memory, as `scan` does.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark stops where it cannot go on")]

use std::fs;
use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use roottrail::finding::Finding;
use roottrail::format::{self, FormatName, FormatOptions};

/// The time that this thread has spent on a core, so that other load on the machine does not count. Linux
/// only.
struct CoreTime(WallTime);

impl CoreTime {
    fn now() -> Duration {
        let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
    }
}

impl Measurement for CoreTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        Self::now()
    }

    fn end(&self, start: Duration) -> Duration {
        Self::now() - start
    }

    fn add(&self, one: &Duration, other: &Duration) -> Duration {
        *one + *other
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        self.0.to_f64(value)
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        self.0.formatter()
    }
}

/// Returns the synthetic findings of the tests: sign-ins and API calls as CloudTrail writes them, 2.5 kB a
/// line.
fn findings() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/integration/golden/findings.ndjson");
    let text = fs::read_to_string(path).unwrap();
    // The last finding is odd on purpose and not typical of rates.
    let ordinary: Vec<&str> = text.lines().take(8).collect();
    (ordinary.join("\n") + "\n").repeat(500)
}

fn formats(criterion: &mut Criterion<CoreTime>) {
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

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CoreTime(WallTime));
    targets = formats
}
criterion_main!(benches);
