//! Reads every `.gz` below a folder and inflates it, on as many threads as asked, and does nothing else, or takes the
//! SHA-256 of what it inflated.
//!
//! `ceiling DIR THREADS [sha2|ring|aws-lc-rs]` prints the inflated bytes and the seconds. The last of the
//! three takes minutes to build and is behind a feature of its name.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;
use std::{env, fs, io, thread};

fn collect(folder: &Path, files: &mut Vec<(u64, PathBuf)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "gz") {
            files.push((entry.metadata()?.len(), path));
        }
    }
    Ok(())
}

/// Takes a SHA-256, and returns a byte of it so that nobody can leave it out.
type Sha256 = fn(&[u8]) -> u8;

fn sha256(name: &str) -> Option<Sha256> {
    match name {
        "sha2" => Some(|text| <sha2::Sha256 as sha2::Digest>::digest(text)[0]),
        "ring" => Some(|text| ring::digest::digest(&ring::digest::SHA256, text).as_ref()[0]),
        #[cfg(feature = "aws-lc-rs")]
        "aws-lc-rs" => Some(|text| aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text).as_ref()[0]),
        _ => None,
    }
}

/// Inflates one file into `out` and returns its length.
fn inflate(
    path: &Path,
    decompressor: &mut libdeflater::Decompressor,
    out: &mut Vec<u8>,
    hash: Option<Sha256>,
) -> io::Result<u64> {
    let stored = fs::read(path)?;
    let length = stored.last_chunk().map_or(0, |length| u32::from_le_bytes(*length) as usize);
    if out.len() < length {
        out.resize(length, 0);
    }
    let inflated = decompressor.gzip_decompress(&stored, &mut out[..length]).inspect(|&bytes| {
        if let Some(hash) = hash {
            std::hint::black_box(hash(&out[..bytes]));
        }
    });
    inflated
        .map(|bytes| bytes as u64)
        .map_err(|error| io::Error::other(format!("{}: {error}", path.display())))
}

fn main() -> io::Result<()> {
    let mut arguments = env::args_os().skip(1);
    let usage = || io::Error::other("usage: ceiling DIR THREADS [sha2|ring|aws-lc-rs]");
    let folder = arguments.next().ok_or_else(usage)?;
    let threads: usize = arguments.next().and_then(|n| n.to_str()?.parse().ok()).ok_or_else(usage)?;
    let hash = match arguments.next() {
        Some(name) => Some(name.to_str().and_then(sha256).ok_or_else(usage)?),
        None => None,
    };
    let start = Instant::now();
    let mut files = Vec::new();
    collect(Path::new(&folder), &mut files)?;
    // The largest file comes first, so that no long one is left for last.
    files.sort_by(|a, b| b.cmp(a));
    let (next, total) = (AtomicUsize::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let (mut decompressor, mut out) = (libdeflater::Decompressor::new(), Vec::new());
                    while let Some((_, path)) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                        total.fetch_add(inflate(path, &mut decompressor, &mut out, hash)?, Ordering::Relaxed);
                    }
                    Ok(())
                })
            })
            .collect();
        workers.into_iter().try_for_each(|worker| {
            worker.join().unwrap_or_else(|_| Err(io::Error::other("a thread panicked")))
        })
    })?;
    println!("{} {:.4}", total.into_inner(), start.elapsed().as_secs_f64());
    Ok(())
}
