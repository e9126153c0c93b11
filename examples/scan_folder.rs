//! Scans a folder and writes findings as NDJSON to standard output: `cargo run --example scan_folder -- sample-logs`.

use std::error::Error;

use roottrail::cancel::Cancel;
use roottrail::filter::Filter;
use roottrail::format::Ndjson;
use roottrail::output::file::OutFile;
use roottrail::output::{FindingFile, Outputs};
use roottrail::pipeline::Run;
use roottrail::rules::TrustedNetworks;
use roottrail::scan::options::ScanOptions;
use roottrail::source::disk::DiskSource;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).ok_or("name a folder")?;
    let findings = FindingFile::new(Box::new(Ndjson), OutFile::stdout(&Cancel::new())?)?;
    let mut outputs = Outputs::new(vec![findings], None, true);
    let run = Run {
        sources: vec![Box::new(DiskSource::new(&folder))],
        options: &ScanOptions::default(),
        checkpoint: None,
        trusted: &TrustedNetworks::default(),
        keep: &Filter::default(),
        sink: &mut outputs,
        observer: &mut (),
    };
    let summary = run.execute()?;
    outputs.finish()?;
    // Nothing is left out in silence: what could not be read is counted.
    if !summary.complete() {
        return Err(format!("{} objects could not be read", summary.objects.failed).into());
    }
    Ok(())
}
