//! Makes trails of any size for benchmarks and for tests of exactness: gzipped CloudTrail objects in the key
//! layout of AWS, and `manifest.json` with the exact totals. All events are invented; the templates are in
//! `calls.rs`.
//!
//! `cargo run --release -p trailgen --bin generate_trail -- --out FOLDER --seed 1 --objects 500`. The same options give
//! the same bytes, whatever `--threads` is (as long as Cargo.lock keeps the compressor).
#![expect(clippy::print_stdout, reason = "the manifest is printed too")]

mod callers;
mod calls;
mod object;
#[path = "../../rng.rs"]
mod rng;
mod spelling;
mod template;

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use object::{Catalog, Counts, Shares, make, seeded, unit};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

/// Make CloudTrail objects of a given size for benchmarks.
#[derive(Debug, Parser)]
struct Options {
    /// Folder to write to; it must be empty or not exist.
    #[arg(long)]
    out: PathBuf,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many small objects.
    #[arg(long, default_value_t = 100)]
    objects: u64,
    /// Compressed size of the small ones in kB, log-uniform between the two.
    #[arg(long, num_args = 2, value_names = ["MIN", "MAX"], default_values_t = [20.0, 200.0])]
    small_kb: Vec<f64>,
    /// How many big objects.
    #[arg(long, default_value_t = 0)]
    big_objects: u64,
    /// Compressed size of the big ones in kB, give or take 20 %.
    #[arg(long, default_value_t = 5000.0)]
    big_kb: f64,
    /// Share of events that are root's.
    #[arg(long, default_value_t = 0.001)]
    root_share: f64,
    /// Share of the other events that mention root somewhere.
    #[arg(long, default_value_t = 0.0)]
    decoys: f64,
    /// Share of root events that are spelled oddly, or are root in another way than by type.
    #[arg(long, default_value_t = 0.0)]
    disguise: f64,
    /// Threads; all cores where not given.
    #[arg(long)]
    threads: Option<usize>,
}

/// The sums over all objects.
#[derive(Debug, Default)]
struct Totals {
    compressed: u64,
    uncompressed: u64,
    biggest: u64,
    objects_with_root: u64,
    counts: Counts,
}

impl Totals {
    fn add(&mut self, other: Self) {
        self.compressed += other.compressed;
        self.uncompressed += other.uncompressed;
        self.biggest = self.biggest.max(other.biggest);
        self.objects_with_root += other.objects_with_root;
        self.counts.events += other.counts.events;
        self.counts.root += other.counts.root;
        self.counts.plain_root += other.counts.plain_root;
        self.counts.assume_root_callers += other.counts.assume_root_callers;
        self.counts.decoys += other.counts.decoys;
        for (kind, count) in other.counts.kinds {
            *self.counts.kinds.entry(kind).or_default() += count;
        }
        for (disguise, count) in other.counts.disguises {
            *self.counts.disguises.entry(disguise).or_default() += count;
        }
    }
}

fn main() -> Result<()> {
    let options = Options::parse();
    if options.out.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        bail!("{} is not empty", options.out.display());
    }
    if options.small_kb[0] <= 0.0 || options.small_kb[1] < options.small_kb[0] {
        bail!("--small-kb wants two sizes above 0, the smaller first");
    }
    let catalog = Catalog::new()?;
    let shares = Shares {
        seed: options.seed,
        root: options.root_share,
        decoys: options.decoys,
        disguise: options.disguise,
    };
    let sizes = measure(&catalog, &shares)?;
    let objects = options.objects + options.big_objects;
    let next = AtomicU64::new(0);
    let work = || {
        let mut totals = Totals::default();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= objects {
                return Ok(totals);
            }
            totals.add(write(
                &options,
                &catalog,
                &shares,
                number,
                events_for(&sizes, wanted(&options, number)),
            )?);
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut totals = Totals::default();
    std::thread::scope(|scope| -> Result<()> {
        let threads: Vec<_> =
            (0..options.threads.unwrap_or(cores).max(1)).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            let done: Result<Totals> = thread.join().ok().context("a thread panicked")?;
            totals.add(done?);
        }
        Ok(())
    })?;
    let manifest = manifest(&options, objects, &totals);
    std::fs::write(options.out.join("manifest.json"), format!("{manifest:#}\n"))?;
    println!("{manifest}");
    Ok(())
}

/// Returns the compressed size that object `number` should have. Big objects come first, so that none is left
/// to a single thread at the end.
fn wanted(options: &Options, number: u64) -> f64 {
    let drawn = unit(&mut seeded(options.seed, 2, number));
    if number < options.big_objects {
        return 1000.0 * options.big_kb * (0.8 + 0.4 * drawn);
    }
    let (low, high) = (options.small_kb[0].ln(), options.small_kb[1].ln());
    1000.0 * (low + (high - low) * drawn).exp()
}

/// Returns compressed sizes of sample objects, with their numbers of events, in rising order.
fn measure(catalog: &Catalog, shares: &Shares) -> Result<Vec<(f64, f64)>> {
    let mut sizes = vec![(0.0, 0.0)];
    for events in [8, 60, 500, 4000, 16_000] {
        // Small samples differ much from each other, so the mean of several is taken.
        let samples = if events > 500 { 1 } else { 8 };
        let mut bytes = 0;
        for sample in 0..samples {
            bytes += make(catalog, shares, u64::MAX - sample, events)?.gzip()?.len();
        }
        sizes.push((bytes as f64 / samples as f64, events as f64));
    }
    Ok(sizes)
}

/// Returns how many events give `size` compressed bytes: between the samples by proportion, beyond them as at
/// the last one.
fn events_for(sizes: &[(f64, f64)], size: f64) -> usize {
    let above = sizes.partition_point(|(bytes, _)| *bytes < size).clamp(1, sizes.len() - 1);
    let ((bytes_below, events_below), (bytes, events)) = (sizes[above - 1], sizes[above]);
    let slope = (events - events_below) / (bytes - bytes_below);
    ((events_below + (size - bytes_below) * slope).round() as usize).max(1)
}

fn write(
    options: &Options,
    catalog: &Catalog,
    shares: &Shares,
    number: u64,
    events: usize,
) -> Result<Totals> {
    let object = make(catalog, shares, number, events)?;
    let bytes = object.gzip()?;
    let path = options.out.join(&object.key);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    std::fs::write(&path, &bytes).with_context(|| format!("cannot write {}", path.display()))?;
    let uncompressed = object.body.len() as u64;
    Ok(Totals {
        compressed: bytes.len() as u64,
        uncompressed,
        biggest: uncompressed,
        objects_with_root: u64::from(object.counts.root > 0),
        counts: object.counts,
    })
}

fn manifest(options: &Options, objects: u64, totals: &Totals) -> serde_json::Value {
    let Counts { events, root, plain_root, assume_root_callers, decoys, kinds, disguises } = &totals.counts;
    let disguises: serde_json::Map<String, serde_json::Value> =
        disguises.iter().map(|(disguise, count)| (format!("{disguise:?}"), (*count).into())).collect();
    let ratio = totals.uncompressed as f64 / totals.compressed as f64;
    serde_json::json!({
        "objects": objects,
        "compressed_bytes": totals.compressed,
        "uncompressed_bytes": totals.uncompressed,
        "ratio": (ratio * 1000.0).round() / 1000.0,
        "max_uncompressed": totals.biggest,
        "events": events,
        "root_events": root,
        "root_events_spelled_plainly": plain_root,
        "assume_root_callers": assume_root_callers,
        "matched": root + assume_root_callers,
        "objects_with_root": totals.objects_with_root,
        "decoys": decoys,
        "identities": kinds,
        "disguises": disguises,
        "arguments": {
            "seed": options.seed,
            "objects": options.objects,
            "small_kb": options.small_kb,
            "big_objects": options.big_objects,
            "big_kb": options.big_kb,
            "root_share": options.root_share,
            "decoys": options.decoys,
            "disguise": options.disguise,
        },
    })
}
