//! Counts findings by account, in a closure that is the sink: `cargo run --example own_sink -- sample-logs`.
#![expect(clippy::print_stdout, reason = "the counts are this program's output")]

use std::collections::BTreeMap;
use std::error::Error;

use roottrail::error::ObjectError;
use roottrail::filter::Filter;
use roottrail::finding::Finding;
use roottrail::pipeline::Run;
use roottrail::{rules::TrustedNetworks, scan::options::ScanOptions, source::disk::DiskSource};

fn main() -> Result<(), Box<dyn Error>> {
    let sources = std::env::args_os().skip(1).map(|name| Box::new(DiskSource::new(&name)) as _).collect();
    let (options, trusted, keep) = (&ScanOptions::default(), &TrustedNetworks::default(), &Filter::default());
    let mut accounts = BTreeMap::<_, u64>::new();
    let mut sink = |read: Result<Finding, &ObjectError>| {
        match read {
            Ok(finding) => *accounts.entry(finding.account_id).or_default() += 1,
            Err(error) => println!("not read: {error}"),
        }
        Ok(())
    };
    Run { sources, options, checkpoint: None, trusted, keep, sink: &mut sink, observer: &mut () }
        .execute()?;
    println!("{accounts:#?}");
    Ok(())
}
