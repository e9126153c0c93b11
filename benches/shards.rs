//! A plan of shards for a trail that nobody stores: `ROOTTRAIL_BENCH_OBJECTS=100000000 cargo bench --bench shards`.
//!
//! The keys of so many objects are made one after another, over accounts, regions and days of very different sizes, and
//! handed to the cutter as a listing hands them over. It prints the time for each key beside that of making the keys
//! alone, the size of the plan, the evenness of the shards and the peak of memory.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    missing_docs,
    reason = "a benchmark that cannot measure has nothing to say, and what it measures it prints"
)]

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Instant;

use roottrail::shard::{CutObject, Cutter, PLAN_SCHEMA, PlannedSource, ShardPlan, ShardSize};

const ACCOUNTS: u64 = 60;
const REGIONS: [&str; 17] = [
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];
const DAYS: u64 = 365;

/// SplitMix64.
fn mixed(mut n: u64) -> u64 {
    n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

/// How busy a pair of account and region is: most have little, a few have most of all objects.
fn share(account: u64, region: u64) -> f64 {
    let uniform = (mixed(account * 100 + region) >> 11) as f64 / (1_u64 << 53) as f64;
    (uniform * 9.0).exp()
}

/// Hands over the key and the size of each of about `wanted` objects, in key order.
fn trail(wanted: u64, mut visit: impl FnMut(&str, u64)) -> u64 {
    let pairs =
        || (0..ACCOUNTS).flat_map(|account| (0..REGIONS.len() as u64).map(move |region| (account, region)));
    let all: f64 = pairs().map(|(account, region)| share(account, region)).sum();
    let (mut key, mut n) = (String::new(), 0);
    for (account, region) in pairs() {
        let of_day = wanted as f64 * share(account, region) / all / DAYS as f64;
        for day in 0..DAYS {
            // One day in a hundred is fifty times as busy.
            let busy =
                if mixed(account << 32 | region << 16 | day).is_multiple_of(100) { 50.0 } else { 0.67 };
            let (month, day) = (day / 31 + 1, day % 31 + 1);
            for object in 0..(of_day * busy) as u64 {
                let (hour, minute) = (object * 24 / (of_day * busy) as u64, object % 12 * 5);
                key.clear();
                let account = 100_000_000_000 + account * 7_000_000_007;
                let name = REGIONS[usize::try_from(region).unwrap()];
                write!(
                    key,
                    "AWSLogs/{account}/CloudTrail/{name}/2025/{month:02}/{day:02}/{account}_CloudTrail_{name}_2025{month:02}{day:02}T{hour:02}{minute:02}Z_{object:016}.json.gz"
                )
                .unwrap();
                let size =
                    600 + mixed(n) % 8_000 + if mixed(n ^ 1).is_multiple_of(200) { 2_000_000 } else { 0 };
                visit(&key, size);
                n += 1;
            }
        }
    }
    n
}

/// The peak of memory, where the system says so.
fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.map_or("unknown".to_owned(), |peak| peak.trim().to_owned())
}

fn main() {
    let wanted = std::env::var("ROOTTRAIL_BENCH_OBJECTS").ok().map_or(1_000_000, |n| n.parse().unwrap());
    let start = Instant::now();
    trail(wanted, |key, size| {
        black_box((key, size));
    });
    let alone = start.elapsed();
    for (name, size) in [
        ("--shard-bytes 4GiB", ShardSize::Bytes(4 << 30, 10_000)),
        ("--shards 64", ShardSize::Count(64)),
        ("--shards 1000", ShardSize::Count(1000)),
        ("--shards 10000", ShardSize::Count(10_000)),
    ] {
        let start = Instant::now();
        let mut cutter = Cutter::new(size);
        cutter.begin(0);
        let objects = trail(wanted, |key, bytes| cutter.add(CutObject { source: 0, key: Some(key), bytes }));
        let shards = cutter.finish();
        let cutting = start.elapsed().saturating_sub(alone);
        let mut bytes: Vec<u64> = shards.iter().map(|shard| shard.bytes).collect();
        bytes.sort_unstable();
        let (median, largest) = (bytes[bytes.len() / 2], bytes[bytes.len() - 1]);
        let plan = ShardPlan {
            schema: PLAN_SCHEMA.into(),
            sources: vec![PlannedSource::default()],
            objects,
            bytes: bytes.iter().sum(),
            shards,
            ..ShardPlan::default()
        };
        println!(
            "{name}: {objects} objects, {} bytes, {} shards; cutting {:.1} s ({:.0} ns a key), making keys alone {:.1} s; \
             plan {} kB; largest / median {:.3}; peak {}",
            plan.bytes,
            plan.shards.len(),
            cutting.as_secs_f64(),
            cutting.as_nanos() as f64 / objects as f64,
            alone.as_secs_f64(),
            plan.to_text().len() / 1000,
            largest as f64 / median as f64,
            peak(),
        );
    }
}
