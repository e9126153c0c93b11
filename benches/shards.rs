//! A plan of shards for a trail that nobody stores: `ROOTTRAIL_BENCH_OBJECTS=100000000 cargo bench --bench shards`.
//!
//! The keys of so many objects (a million by default) are made one after another, in the order of a listing, and handed to
//! the cutter as `shard plan` does. The trail is that of an organization: 240 accounts, a few of which do most of the
//! work; two busy regions for each and fifteen that hardly deliver anything; twice as many objects at the end of the year
//! as at its beginning; quiet weekends; accounts that were opened during the year; days of an incident, thirty times as
//! busy; sizes that are log-normal, larger where there is more to do. Nothing of it is kept but what the cutter keeps.
//!
//! It prints a Markdown table with a line for each way of cutting: the time for the keys alone and what cutting adds, the
//! size of the plan, the evenness of the shards (bytes of the largest, divided by the median's), and the peak of memory of a
//! process that does nothing else. `ROOTTRAIL_BENCH_SHARDS` names a single way: a number, or `4GiB` for the default of `shard plan`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    missing_docs,
    reason = "a benchmark that cannot measure has nothing to say, and what it measures it prints"
)]

use std::fmt::Write as _;
use std::hint::black_box;
use std::process::Command;
use std::time::Instant;

use jiff::civil::{Date, Weekday};
use roottrail::shard::{CutObject, Cutter, PLAN_SCHEMA, PlannedSource, ShardPlan, ShardSize};

const ACCOUNTS: u64 = 240;
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
const US_EAST_1: u64 = 13;
const DAYS: u64 = 365;
/// The ways of cutting; the first is the default of `shard plan`.
const WAYS: [&str; 4] = ["4GiB", "64", "1000", "10000"];

/// SplitMix64.
fn mixed(mut n: u64) -> u64 {
    n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

/// A number from 0 to 1 that belongs to its seed.
fn uniform(seed: u64) -> f64 {
    (mixed(seed) >> 11) as f64 / (1_u64 << 53) as f64
}

/// A number of the standard normal distribution that belongs to its seed.
fn normal(seed: u64) -> f64 {
    let (radius, angle) = (1.0 - uniform(seed), uniform(!seed));
    (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}

/// The days of the trail, and how busy each is in every account.
fn days() -> Vec<(Date, f64)> {
    let first = Date::constant(2025, 1, 1);
    let busy = |day: u64, date: Date| {
        let growth = 2_f64.powf(day as f64 / DAYS as f64);
        let weekend = matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday);
        growth * if weekend { 0.35 } else { 1.0 }
    };
    first
        .series(jiff::Span::new().days(1))
        .take(DAYS as usize)
        .zip(0..)
        .map(|(date, day)| (date, busy(day, date)))
        .collect()
}

/// How busy a region of an account is.
fn share(account: u64, region: u64) -> f64 {
    let home = mixed(account) % REGIONS.len() as u64;
    let of_region = match region {
        US_EAST_1 => 1.0,
        _ if region == home => 2.0,
        _ => 0.01,
    };
    (1.6 * normal(account ^ 0xacc0)).exp() * of_region
}

/// How busy a day of an account and region is beside other days.
fn of_day(account: u64, region: u64, day: u64) -> f64 {
    // One account in five was opened during the year.
    let opened = if account.is_multiple_of(5) { mixed(account ^ 0x0be9) % DAYS } else { 0 };
    let seed = account << 32 | region << 16 | day;
    match mixed(seed) % 500 {
        _ if day < opened => 0.0,
        0 => 30.0,
        _ => 0.7 + 0.6 * uniform(seed ^ 0xda11),
    }
}

/// Sizes in bytes by their rank: log-normal, with a median of 3 kB.
fn sizes() -> Vec<u64> {
    let mut sizes: Vec<u64> = (0..1 << 16).map(|n| 400 + (2600.0 * (1.3 * normal(n)).exp()) as u64).collect();
    sizes.sort_unstable();
    sizes
}

/// Hands over the key and the size of each of about `wanted` objects, in key order. Returns how many there are.
fn trail(wanted: u64, mut visit: impl FnMut(&str, u64)) -> u64 {
    let (days, sizes) = (days(), sizes());
    let cells =
        || (0..ACCOUNTS).flat_map(|account| (0..REGIONS.len() as u64).map(move |region| (account, region)));
    let weight = |account, region, day: usize| {
        share(account, region) * of_day(account, region, day as u64) * days[day].1
    };
    let all: f64 = cells()
        .map(|(account, region)| (0..days.len()).map(|day| weight(account, region, day)).sum::<f64>())
        .sum();
    let (mut key, mut n) = (String::new(), 0_u64);
    for (account, region) in cells() {
        let number = 100_000_000_000 + account * 3_700_000_007;
        let name = REGIONS[usize::try_from(region).unwrap()];
        for (day, (date, _)) in days.iter().enumerate() {
            let share = wanted as f64 * weight(account, region, day) / all;
            // What is left of a whole object decides by chance.
            let objects = (share + uniform(n ^ account << 40)) as u64;
            let (year, month, day) = (date.year(), date.month(), date.day());
            key.clear();
            write!(
                key,
                "AWSLogs/o-exampleorg/{number}/CloudTrail/{name}/{year}/{month:02}/{day:02}/{number}_CloudTrail_{name}_{year}{month:02}{day:02}T"
            )
            .unwrap();
            let stem = key.len();
            // The more there is in five minutes, the larger are the objects.
            let larger = 1 + (objects / 2880).min(9);
            for object in 0..objects {
                key.truncate(stem);
                let minutes = object * 288 / objects * 5;
                digits(&mut key, minutes / 60 * 100 + minutes % 60, 4);
                key.push_str("Z_");
                digits(&mut key, object, 8);
                let chance = mixed(n);
                digits(&mut key, chance % 100_000_000, 8);
                key.push_str(".json.gz");
                visit(&key, sizes[(chance >> 48) as usize] * larger);
                n += 1;
            }
        }
    }
    n
}

/// Appends a number of so many digits. `write!` would take longer than the cutter.
fn digits(key: &mut String, number: u64, digits: u32) {
    for place in (0..digits).rev() {
        key.push(char::from(b'0' + (number / 10_u64.pow(place) % 10) as u8));
    }
}

/// The peak of memory in MB, where the system tells it.
fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = peak.and_then(|peak| peak.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    kib.map_or("unknown".to_owned(), |kib| format!("{:.0}", kib / 1024.0))
}

/// Cuts in one way and prints a line of the table. `alone` is the time for the keys, in seconds.
fn cut(wanted: u64, way: &str, alone: f64) {
    let size = match way {
        "4GiB" => ShardSize::Bytes(4 << 30, 10_000),
        shards => ShardSize::Count(shards.parse().unwrap()),
    };
    let start = Instant::now();
    let mut cutter = Cutter::new(size);
    cutter.begin(0);
    let objects = trail(wanted, |key, bytes| cutter.add(CutObject { source: 0, key: Some(key), bytes }));
    let shards = cutter.finish();
    let whole = start.elapsed().as_secs_f64();
    let mut bytes: Vec<u64> = shards.iter().map(|shard| shard.bytes).collect();
    bytes.sort_unstable();
    let (median, largest) = (bytes[bytes.len() / 2], bytes[bytes.len() - 1]);
    let plan = ShardPlan {
        schema: PLAN_SCHEMA.into(),
        version: env!("CARGO_PKG_VERSION").into(),
        sources: vec![PlannedSource::default()],
        objects,
        bytes: bytes.iter().sum(),
        shards,
        ..ShardPlan::default()
    };
    let text = plan.to_text();
    let peak = peak();
    assert_eq!(ShardPlan::parse(&text).unwrap(), plan, "workers can read it");
    println!(
        "| {objects} | {:.0} | {} | {whole:.1} | {:.0} | {} | {:.3} | {peak} |",
        plan.bytes as f64 / 1e9,
        plan.shards.len(),
        (whole - alone) * 1e9 / objects as f64,
        text.len() / 1000,
        largest as f64 / median as f64,
    );
}

fn main() {
    let variable = |name: &str| std::env::var(name).ok();
    let wanted = variable("ROOTTRAIL_BENCH_OBJECTS").map_or(1_000_000, |n| n.parse().unwrap());
    if let Some((way, alone)) =
        variable("ROOTTRAIL_BENCH_CHILD").as_deref().and_then(|child| child.split_once(' '))
    {
        return cut(wanted, way, alone.parse().unwrap());
    }
    let start = Instant::now();
    trail(wanted, |key, size| {
        black_box((key, size));
    });
    let alone = start.elapsed().as_secs_f64();
    println!("making the keys alone: {alone:.1} s\n");
    println!("| objects | GB | shards | s | cutting, ns a key | plan, kB | largest / median | peak, MB |");
    println!("|---:|---:|---:|---:|---:|---:|---:|---:|");
    let one = variable("ROOTTRAIL_BENCH_SHARDS");
    for way in WAYS.into_iter().filter(|_| one.is_none()).chain(one.as_deref()) {
        // Its peak of memory is its own.
        let child = Command::new(std::env::current_exe().unwrap())
            .env("ROOTTRAIL_BENCH_CHILD", format!("{way} {alone}"))
            .status();
        assert!(child.unwrap().success());
    }
}
